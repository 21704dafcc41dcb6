"""Say how large the pixels of the image are."""

from __future__ import annotations

from collections.abc import Mapping

from cellmend.image import Image
from cellmend_app.commands import SetPixelSize
from cellmend_app.document import Document


def set_pixel_size(document: Document, size_um: Mapping[str, float]) -> None:
    """Take the pixels to be of this size in µm along axes, as a step that can be undone."""
    if dict(size_um) != dict(document.pixel_size):
        document.undo.push(SetPixelSize(document, size_um))


def with_size_of_folder(image: Image, size_um: Mapping[str, float]) -> Image:
    """Return an image with the pixel size given for its folder, where its file tells none."""
    if image.pixel_size_um or not size_um:
        return image
    return image.with_pixel_size({a: size for a, size in size_um.items() if a in image.axes})

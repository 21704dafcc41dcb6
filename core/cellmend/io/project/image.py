"""Finding the image of a project again, and telling whether it is still the same."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from cellmend.errors import FileFormatError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.formats import read
from cellmend.io.project.model import Project


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file of an image; empty for a folder (OME-Zarr).

    Raises
    ------
    FileFormatError
        If it cannot be read.
    """
    file, _ = scenes.split(path)
    if file.is_dir():
        return ""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise FileFormatError(file, f"it cannot be read ({error.strerror}).") from error


def relative_path(image: Path, project: Path) -> str:
    """Return where the image lies as seen from the project's folder; empty on another drive."""
    try:
        relative = os.path.relpath(image.absolute(), project.absolute().parent)
    except ValueError:
        return ""
    return Path(relative).as_posix()


def find_image(project: Project, path: Path) -> Path:
    """Return the image's file: where it was as seen from the project, where it was, or beside.

    Raises
    ------
    FileFormatError
        If it is in none of these places.
    """
    told, folder = project.image.path, path.parent
    relative = project.image.relative_path
    for place in (folder / (relative or told.name), told, folder / told.name):
        on_network = str(place).startswith(("\\\\", "//"))  # a stranger's project asks no servers
        if not on_network and scenes.split(place)[0].exists():
            return place
    raise FileFormatError(
        path,
        f"its image {told.name} is neither where it was ({told.parent}) nor beside the project.",
        hint="Put the image into the project's folder.",
    )


def load_image(project: Project, path: Path) -> Image:
    """Return the image of the project at `path`: the one it carries, or the file it names.

    Its pixel size is that of the project, where that tells one: a person may have known
    better than the file.

    Raises
    ------
    FileFormatError
        If the file is missing, cannot be read, or is another image than it was.
    """
    reference = project.image
    if reference.embedded is not None:
        return reference.embedded
    file = find_image(project, path)
    image = read(file, None)
    if (image.axes, image.data.shape) != (reference.axes, reference.shape):
        image = _with_axes(file, project)
    if reference.sha256 and checksum(file) != reference.sha256:
        raise FileFormatError(
            file,
            f"it is not the image that {path.name} was made of: its content has changed.",
            hint="Put the original back, or open the image itself and load the masks over it.",
        )
    size = reference.pixel_size_um
    return image if size is None else replace(image, pixel_size_um=size)


def _with_axes(file: Path, project: Project) -> Image:
    """Read the image with the axes that a person had given it."""
    reference = project.image
    image = read(file, reference.axes)
    if image.data.shape != reference.shape:
        raise FileFormatError(
            file, f"its shape is {image.data.shape}, in the project it is {reference.shape}."
        )
    return image

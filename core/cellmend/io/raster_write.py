"""PNG out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.atomic import replacing

_AFTER_HEADER = 33
"""Where the second chunk of a PNG begins: behind the signature and the image header."""


def write_png(
    path: str | Path, image: Image, *, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write one plane of 1 to 4 channels of 8 or 16 bits, with its pixel size.

    Parameters
    ----------
    path
        The file; replaced as a whole or not at all.
    image
        An image of uint8 or uint16.
    provenance
        Not kept: a PNG has no place for it.

    Raises
    ------
    InputError
        If a PNG cannot hold the image.
    FileFormatError
        If the file cannot be written.
    """
    if image.axes not in ("YX", "CYX"):
        raise InputError(f"A PNG cannot hold the axes {image.axes}.", hint="Write a TIFF.")
    if image.data.dtype not in (np.uint8, np.uint16) or image.n_channels > 4:
        what = f"{image.n_channels} channels of {image.data.dtype}"
        raise InputError(
            f"A PNG cannot hold {what}.",
            hint="It takes 1 to 4 channels of 8 or 16 bits; write a TIFF.",
        )
    pixels = np.moveaxis(image.data, 0, -1) if "C" in image.axes else image.data
    content = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    size = image.pixel_size_um or {}
    with replacing(path) as temporary:
        temporary.write_bytes(_with_pixel_size(content, size) if "X" in size else content)


def _with_pixel_size(content: bytes, size: Mapping[str, float]) -> bytes:
    """Insert the chunk that tells pixels per metre."""
    per_metre = [round(1e6 / size.get(axis, size["X"])) for axis in "XY"]
    if not all(0 < n < 2**31 for n in per_metre):
        return content
    body = b"pHYs" + struct.pack(">IIB", *per_metre, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    return content[:_AFTER_HEADER] + chunk + content[_AFTER_HEADER:]

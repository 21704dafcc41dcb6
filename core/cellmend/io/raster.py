"""PNG, JPEG, BMP and their like, read with Pillow.

All 16 bits of a PNG are kept. The pixels come as stored: an EXIF orientation is
not applied, so that masks made from the file fit it. Colour tables are applied,
unless they are grey; CMYK becomes RGB; further frames of an animated PNG or
GIF are a time series.
"""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io.axes import arrange
from cellmend.io.limits import check_size
from cellmend.io.units import LARGEST_TRUSTED_UM

_SAMPLE_NAMES: dict[int, tuple[str, ...]] = {
    2: ("grey", "alpha"),
    3: ("red", "green", "blue"),
    4: ("red", "green", "blue", "alpha"),
}
_PILLOW_LIMIT = threading.Lock()
_METADATA_BYTES = 1 << 16
_BMP_RUNS = (1, 2)  # run lengths of 8-bit and of 4-bit pixels


def read_raster(path: Path, axes: str | None = None) -> Image:
    """Read a picture.

    Raises
    ------
    FileFormatError
        If the file is damaged, incomplete, too large, or no picture.
    """
    data, file_axes, names = _decoded(path, keep_palette=False)
    size = _png_pixel_size(path)
    data, found = arrange(path, data, file_axes, axes)
    kept = found.axes
    channels = data.shape[kept.index("C")] if "C" in kept else 1
    return Image(data, kept, names if len(names) == channels else (), size, path, found.guessed)


def read_values(path: Path) -> NDArray[np.generic]:
    """Read the stored values, those of a colour table as they are: for label images."""
    return _decoded(path, keep_palette=True)[0]


def _decoded(path: Path, *, keep_palette: bool) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    try:
        if _is_deep_png(path):
            return _deep_png(path)
        with _opened(path) as picture:
            if picture.format == "BMP" and picture.info.get("compression") in _BMP_RUNS:
                _check_bmp_runs(path, picture)
            return _pixels(picture, keep_palette)
    except CellmendError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise FileFormatError(path, "it is not a picture of a known format.") from error
    except MemoryError as error:
        raise FileFormatError(path, "its image does not fit in the memory.") from error
    except Exception as error:  # decoders of damaged data raise anything
        reason = f"it is damaged or incomplete ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def _opened(path: Path) -> PIL.Image.Image:
    """Read the header; Pillow's own limit on pixels gives way to `check_size`."""
    with _PILLOW_LIMIT:
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            picture = PIL.Image.open(path)
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
    frames = getattr(picture, "n_frames", 1)
    try:
        check_size(path, (frames, picture.height, picture.width, 4), np.uint8)
    except CellmendError:
        picture.close()
        raise
    return picture


def _check_bmp_runs(path: Path, picture: PIL.Image.Image) -> None:
    """Refuse runs of pixels longer than their rows, which Pillow cuts and shows distorted."""
    content = path.read_bytes()
    pixels_per_byte = picture.info["compression"]  # one of _BMP_RUNS: 8 or 4 bits each
    at, x = int.from_bytes(content[10:14], "little"), 0
    while at + 1 < len(content):
        count, code = content[at], content[at + 1]
        at += 2
        if count:
            x += count
        elif code == 0:  # the end of a row
            x = 0
        elif code == 1:  # the end of the picture
            return
        elif code == 2:  # a step to the right and up
            x += sum(content[at : at + 1])
            at += 2
        else:  # as many pixels, stored singly in an even number of bytes
            x += code
            size = -(-code // pixels_per_byte)
            at += size + size % 2
        if x > picture.width:
            raise FileFormatError(path, "it is damaged: a run of pixels is longer than its row.")


def _pixels(
    picture: PIL.Image.Image, keep_palette: bool
) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    # An animated PNG shows its first frame where animation is not known.
    count = getattr(picture, "n_frames", 1) if picture.format != "PNG" else 1
    if count > 1:
        return _animation(picture, count)
    data = _frame(picture, keep_palette)
    if data.ndim == 2:
        return data, "YX", ()
    return data, "YXS", _SAMPLE_NAMES.get(data.shape[-1], ())


def _animation(
    picture: PIL.Image.Image, count: int
) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    frames = []
    for number in range(count):
        picture.seek(number)
        frames.append(np.asarray(picture.convert("RGB")))  # each may have its own mode
    data = _grey_if_equal(np.stack(frames))
    return (data, "TYX", ()) if data.ndim == 3 else (data, "TYXS", _SAMPLE_NAMES[3])


def _frame(picture: PIL.Image.Image, keep_palette: bool) -> NDArray[np.generic]:
    if picture.mode == "P" and not keep_palette:
        return _grey_if_equal(np.asarray(picture.convert("RGB")))
    if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        return np.asarray(picture.convert("RGB"))
    values = np.asarray(picture)
    if values.dtype == bool:
        return values.astype(np.uint8)
    if picture.mode == "I" and picture.format in ("PNG", "PPM"):
        return values.astype(np.uint16)  # 16-bit files, which Pillow widens
    return values.astype(values.dtype.newbyteorder("="))


def _grey_if_equal(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()
    return rgb[..., 0] if grey else rgb


def _png_pixel_size(path: Path) -> dict[str, float] | None:
    """Return µm per pixel from a PNG's pixels per metre, unless those are of a printer."""
    with path.open("rb") as file:
        head = file.read(_METADATA_BYTES)
    place = head.find(b"pHYs", 0, max(head.find(b"IDAT"), 0))
    if not head.startswith(b"\x89PNG") or place < 0 or len(head) < place + 13:
        return None
    across, down, unit = struct.unpack_from(">IIB", head, place + 4)
    if unit != 1 or not across or not down:
        return None
    size = {"Y": 1e6 / down, "X": 1e6 / across}
    return size if max(size.values()) <= LARGEST_TRUSTED_UM else None


def _is_deep_png(path: Path) -> bool:
    """Tell whether this is a 16-bit PNG with colours or alpha, which Pillow reads as 8-bit."""
    with path.open("rb") as file:
        head = file.read(26)
    return head.startswith(b"\x89PNG") and head[24:26] in (
        b"\x10\x02",
        b"\x10\x04",
        b"\x10\x06",
    )


def _deep_png(path: Path) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    content = path.read_bytes()
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    check_size(path, (height, width, 4), np.uint16)
    data = np.asarray(imagecodecs.png_decode(content))
    return data, "YXS", _SAMPLE_NAMES[data.shape[-1]]

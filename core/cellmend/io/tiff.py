"""TIFF files: OME, ImageJ and plain, in; OME-TIFF out.

Pixel values are those stored: a colour table or an inverted grey scale is not
applied, since microscopes use both for display only. Of a pyramid the full resolution is
read; of several images, which only a file called .ome.tif may hold, the first unless another
is chosen, and of other files the first series.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import scenes, tiff_metadata
from cellmend.io.atomic import replacing
from cellmend.io.axes import arrange
from cellmend.io.limits import check_size
from cellmend.io.mapping import worth_mapping
from cellmend.io.tiff_structure import contradiction, missing_part

# tifffile tells of odd files through logging; without a handler that ends up on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_UM_PER_CM = 1e4
_OME_DTYPES = "int8 int16 int32 uint8 uint16 uint32 float32 float64"


def read_tiff(path: Path, axes: str | None = None, scene: int | None = None) -> Image:
    """Read one image of a TIFF file, counted from 1; the first if none is chosen.

    Large plain pixels are a read-only memory map.

    Raises
    ------
    FileFormatError
        If the image is missing, or the file is damaged, incomplete, too large, or no TIFF.
    """
    with _opened(path) as tif:
        images = _images(path, tif)
        number = images[scenes.place(path, scene, len(images))]
        series = tif.series[number]
        check_size(path, series.shape, series.dtype or np.uint8)
        _check_complete(path, tif, series)
        raw = _mapped(path, tif, series)
        if raw is None:
            raw = _whole(path, series)
        data, found = arrange(path, raw, series.axes, axes)
        if data.dtype == bool:
            data = data.view(np.uint8)
        names = found.axes
        return Image(
            data,
            names,
            tiff_metadata.channel_names(
                tif, data.shape[names.index("C")] if "C" in names else 1, number
            ),
            tiff_metadata.pixel_size_um(tif, names, number),
            path,
            found.guessed,
            len(images),
        )


def scene_names(path: Path) -> list[str]:
    """Return the names of the images; errors are those of `read_tiff`."""
    with _opened(path) as tif:
        return [str(tif.series[number].name or "") for number in _images(path, tif)]


def _images(path: Path, tif: tifffile.TiffFile) -> list[int]:
    """Return which series are images to choose from; of OME those whose pixels lie in this file."""
    if not (tif.is_ome and scenes.may_hold_several(path)):
        return [0]
    own: dict[int, int] = {}
    for number, series in enumerate(tif.series):
        page = series.keyframe
        if page.parent is tif:
            own.setdefault(page.offset, number)
    return list(own.values()) or [0]


def read_array(path: Path) -> tuple[NDArray[np.generic], str]:
    """Read the first series as stored, e.g. a label image, with the axes of the file."""
    with _opened(path) as tif:
        series = tif.series[0]
        check_size(path, series.shape, series.dtype or np.uint8)
        _check_complete(path, tif, series)
        return _whole(path, series), series.axes


def stored_shape(path: Path, scene: int | None = None) -> tuple[int, ...]:
    """Return the shape of an image, counted from 1 as in `read_tiff`, as the file says."""
    with _opened(path) as tif:
        images = _images(path, tif)
        return tuple(tif.series[images[scenes.place(path, scene, len(images))]].shape)


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """Return the provenance that `write_image` stored, or None if there is none."""
    with _opened(Path(path)) as tif:
        return tiff_metadata.provenance(tif)


def write_image(
    path: str | Path,
    image: Image,
    *,
    provenance: Mapping[str, Any] | None = None,
    compress: bool = True,
) -> None:
    """Write an OME-TIFF with axes, channel names, pixel size and provenance.

    Parameters
    ----------
    path
        The file; replaced as a whole or not at all.
    image
        Any image; float16 is stored as float32, booleans as uint8.
    provenance
        Plain values, stored as JSON in the description of the OME image.
    compress
        Compress without loss (zlib).

    Raises
    ------
    InputError
        If OME-TIFF has no such pixel type (64-bit integers, complex numbers).
    FileFormatError
        If the file cannot be written.
    """
    data = _storable(image)
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            photometric="minisblack",
            compression="zlib" if compress else None,
            predictor=compress and data.dtype != np.float64,
            **ome_tags(image, provenance),
        )


def ome_tags(image: Image, provenance: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what `tifffile.imwrite` is told so that the file says of an image what is known.

    The size of the pixels is also in the tags of any TIFF, which ImageJ reads by itself.
    """
    tags: dict[str, Any] = {"ome": True, "metadata": ome_metadata(image, provenance)}
    size = image.pixel_size_um or {}
    if "X" in size:
        tags["resolution"] = tuple(_UM_PER_CM / size.get(axis, size["X"]) for axis in "XY")
        tags["resolutionunit"] = tifffile.RESUNIT.CENTIMETER
    return tags


def ome_metadata(image: Image, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what an OME-TIFF tells of an image, in the words of tifffile."""
    metadata: dict[str, Any] = {"axes": image.axes}
    if image.n_channels > 1:
        metadata["Channel"] = {"Name": list(image.channel_names)}
    for axis, size in (image.pixel_size_um or {}).items():
        metadata[f"PhysicalSize{axis}"] = float(size)
        metadata[f"PhysicalSize{axis}Unit"] = "µm"
    if provenance is not None:
        metadata["Description"] = json.dumps({"cellmend": dict(provenance)}, default=str)
    return metadata


def _storable(image: Image) -> NDArray[np.generic]:
    data = image.data
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    elif data.dtype == bool:
        data = data.view(np.uint8)
    if data.dtype.name not in _OME_DTYPES.split():
        raise InputError(
            f"OME-TIFF cannot hold pixels of type {data.dtype}.",
            hint="Convert the image to a 32-bit type first.",
        )
    return data


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; whatever a damaged file makes the decoders raise becomes one kind of error."""
    try:
        with tifffile.TiffFile(path) as tif:
            if not tif.series:
                raise FileFormatError(path, "there is no image in it.")
            yield tif
    except (CellmendError, KeyboardInterrupt):
        raise
    except tifffile.TiffFileError as error:
        raise FileFormatError(path, f"it is not a TIFF file, or is damaged ({error}).") from error
    except MemoryError as error:
        raise FileFormatError(path, "its image does not fit in the memory.") from error
    except Exception as error:  # decoders of damaged data raise anything
        reason = f"it is damaged, or uses a coding that is not known ({_text(error)})."
        raise FileFormatError(path, reason) from error


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _mapped(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> NDArray[np.generic] | None:
    """Map the pixels if they are large and lie in this file in one piece, as they are used."""
    offset = series.dataoffset
    if offset is None or series.is_multifile or series.transform is not None:
        return None
    dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
    if (
        dtype.kind not in "buif"
        or offset % dtype.itemsize
        or not worth_mapping(series.shape, dtype)
    ):
        return None
    return np.memmap(path, dtype, "r", offset, series.shape)


def _whole(path: Path, series: tifffile.TiffPageSeries) -> NDArray[np.generic]:
    with np.errstate(all="ignore"):
        data = series.asarray(maxworkers=2)
    if data.dtype.kind not in "buif":
        raise FileFormatError(path, f"pixels of type {data.dtype} are not supported.")
    return np.asarray(data)


def _check_complete(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    conflict = contradiction(tif)
    if conflict:
        raise FileFormatError(path, f"it contradicts itself: {conflict}.")
    missing = missing_part(tif, series)
    if missing:
        hint = "Copy it again from where it came."
        raise FileFormatError(path, f"the file is incomplete: {missing}.", hint=hint)

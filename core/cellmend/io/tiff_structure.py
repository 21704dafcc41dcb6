"""Whether a TIFF file is whole, told from its directories.

Decoders are lenient: of a file that was cut off, tifffile returns the pages
before the cut, or zeros. A measurement must not be made on those unawares.
"""

from __future__ import annotations

import struct

import tifffile

_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_VALUE_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}  # BigTIFF

_SHAPING = (
    "ImageWidth",
    "ImageLength",
    "BitsPerSample",
    "Compression",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "SampleFormat",
)
"""Tags without which pixels cannot be told from bytes."""


def missing_part(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str | None:
    """Say what is missing of a series, or None if it is all there."""
    size = tif.filehandle.size
    first, last = tif.pages.first, tif.pages[len(tif.pages) - 1]
    for offset in {first.offset, last.offset}:
        values_end, next_directory = _read_directory(tif, offset)
        if values_end > size:
            return "metadata lie behind its end"
        if next_directory >= size:
            return f"pages after the {len(tif.pages)}. lie behind its end"
    if series.dataoffset is not None and series.dataoffset + series.nbytes > size:
        return "pixels lie behind its end"
    for page in series.pages:
        if page is not None and _pixels_end(page) > size:
            return "pixels lie behind its end"
    return _missing_planes(tif, series)


def contradiction(tif: tifffile.TiffFile) -> str | None:
    """Say which tag of the first page comes twice with different values, if one does."""
    tags = tif.pages.first.tags
    for name in _SHAPING:
        tag = tags.get(name)
        values = [] if tag is None else [t.value for t in tags.getall(tag.code) or ()]
        if any(value != values[0] for value in values):
            return f"{name} is {values[0]} and {values[1]}"
    return None


def _pixels_end(page: tifffile.TiffPage | tifffile.TiffFrame) -> int:
    ends = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((offset + count for offset, count in ends), default=0)


def _missing_planes(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str | None:
    """Compare with the number of planes that ImageJ wrote down."""
    if not tif.is_imagej:
        return None
    promised = int((tif.imagej_metadata or {}).get("images", 1))
    held = series.size // max(1, series.keyframe.size)
    return f"only {held} of {promised} planes are there" if promised > held else None


def _read_directory(tif: tifffile.TiffFile, offset: int) -> tuple[int, int]:
    """Return where the values of a directory end, and where the next directory begins."""
    form = tif.tiff
    file = tif.filehandle
    file.seek(offset)
    (count,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
    entries = file.read(count * form.tagsize)
    (next_directory,) = struct.unpack(form.offsetformat, file.read(form.offsetsize))
    inline = form.offsetsize
    head = form.byteorder + ("HHQ" if form.is_bigtiff else "HHI")
    end = 0
    for start in range(0, len(entries), form.tagsize):
        _, kind, number = struct.unpack_from(head, entries, start)
        length = _VALUE_SIZES.get(kind, 0) * number
        if length > inline:
            place = start + form.tagsize - inline
            (value,) = struct.unpack_from(form.offsetformat, entries, place)
            end = max(end, value + length)
    return end, next_directory

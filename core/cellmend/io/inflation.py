"""Compressed chunks that would unfold to far more than they stand for.

zarr-python decodes a chunk before it compares its size: 3 MB of a hostile file took
6 GB. So chunks that could be such are decoded once into a buffer of the right size.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import imagecodecs

_MOST_FOLDED = {"zlib": 1032, "gzip": 1032, "zstd": 33_000}
"""How many bytes one byte can unfold to."""

_HARMLESS_BYTES = 256 << 20


def codings_to_check(codecs: set[str]) -> set[str]:
    """Return those of an array's codecs whose chunks can unfold without bounds."""
    return codecs & _MOST_FOLDED.keys()


def check_chunk(chunk: Path, coding: str, expected: int) -> bool:
    """Tell whether a chunk file unfolds to `expected` bytes at most, or to a harmless size."""
    try:
        size = chunk.stat().st_size
    except OSError:
        return True  # a chunk that is not there is empty
    limit = max(expected, _HARMLESS_BYTES)
    if size * _MOST_FOLDED[coding] <= limit:
        return True
    return _fits(chunk.read_bytes(), coding, limit)


def _fits(content: bytes, coding: str, limit: int) -> bool:
    if coding == "zstd":
        try:
            imagecodecs.zstd_decode(content, out=bytearray(limit))
        except imagecodecs.ZstdError as error:
            return "too small" not in str(error)
        return True
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # a header of zlib or gzip
    return len(stream.decompress(content, limit + 1)) <= limit

"""Labels and pixels as compressed bytes.

Labels are cut into blocks of whole rows, so that after an edit only the block it lies
in is packed again. Of each row the difference to the row above is kept, which is 0
almost everywhere: packed, that is a little smaller than the same labels as PNG.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.confidence import Confidence

BLOCK_PIXELS = 1 << 22

_LEVEL = 6
_NARROW, _WIDE = np.dtype("<u2"), np.dtype("<u4")


@dataclass(frozen=True, eq=False)
class PackedMasks:
    """A label image in blocks of compressed rows.

    Parameters
    ----------
    shape
        Of the labels, (..., Y, X).
    blocks
        The rows, `rows_per_block` to a block, the last one with what is left.
    """

    shape: tuple[int, ...]
    blocks: tuple[bytes, ...]

    @classmethod
    def of(cls, masks: NDArray[np.integer]) -> PackedMasks:
        """Pack labels: whole numbers from 0 to 2^32 - 1."""
        rows = masks.reshape(-1, masks.shape[-1])
        spans = block_spans(masks.shape)
        return cls(masks.shape, tuple(pack_rows(rows[begin:end]) for begin, end in spans))

    def unpack(self) -> NDArray[np.uint32]:
        """Return the labels.

        Raises
        ------
        ValueError
            If a block does not hold what its place asks for.
        """
        rows = np.empty((prod(self.shape[:-1]), self.shape[-1]), np.uint32)
        spans = block_spans(self.shape)
        if len(spans) != len(self.blocks):
            raise ValueError(f"{len(self.blocks)} blocks of labels instead of {len(spans)}")
        for (begin, end), block in zip(spans, self.blocks, strict=True):
            rows[begin:end] = unpack_rows(block, (end - begin, self.shape[-1]))
        return rows.reshape(self.shape)


def block_spans(shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first row and the row after the last of each block, leading axes flattened."""
    count, step = prod(shape[:-1]), max(1, BLOCK_PIXELS // shape[-1])
    return [(begin, min(begin + step, count)) for begin in range(0, count, step)]


def pack_rows(rows: NDArray[np.integer]) -> bytes:
    """Pack (n, X) labels, in 16 bits where they fit."""
    narrow = rows.size == 0 or int(rows.max()) <= np.iinfo(_NARROW).max
    labels: NDArray[np.unsignedinteger] = rows.astype(_NARROW if narrow else _WIDE)
    coded = labels.copy()
    coded[1:] = labels[1:] - labels[:-1]  # modulo 2^16 or 2^32
    return zlib.compress(coded.tobytes(), _LEVEL)


def unpack_rows(block: bytes, shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Return the labels that `pack_rows` packed.

    Raises
    ------
    ValueError
        If the block holds another number of bytes; no more are ever unpacked.
    """
    sizes = tuple(prod(shape) * dtype.itemsize for dtype in (_NARROW, _WIDE))
    content = decompress(block, sizes)
    dtype = _NARROW if len(content) == sizes[0] else _WIDE
    coded = np.frombuffer(content, dtype).reshape(shape)
    return np.cumsum(coded, axis=0, dtype=dtype).astype(np.uint32, copy=False)


def pack_pixels(pixels: NDArray[np.generic]) -> bytes:
    """Pack pixels of any type: all first bytes, then all second bytes, and so on."""
    plain = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
    planes = plain.reshape(-1).view(np.uint8).reshape(-1, plain.dtype.itemsize).T
    return zlib.compress(np.ascontiguousarray(planes).tobytes(), _LEVEL)


def unpack_pixels(
    data: bytes, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """Return the pixels that `pack_pixels` packed.

    Raises
    ------
    ValueError
        If there is another number of bytes; no more are ever unpacked.
    """
    count = prod(shape)
    planes = np.frombuffer(decompress(data, (count * dtype.itemsize,)), np.uint8)
    together = np.ascontiguousarray(planes.reshape(dtype.itemsize, count).T)
    return together.view(dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)


def pack_confidence(confidence: Confidence) -> tuple[bytes, int]:
    """Pack what is known of the cells that were not edited; return their number, too."""
    known = confidence.unedited()
    rows = (known.frames, known.labels, known.flow_errors, known.cellprobs)
    return pack_pixels(np.stack(rows).astype(np.float64)), len(known.labels)


def unpack_confidence(data: bytes, cells: int) -> Confidence:
    """Return what `pack_confidence` packed.

    Raises
    ------
    ValueError
        If it tells of another number of cells, or of what is no cell.
    """
    frames, labels, errors, cellprobs = unpack_pixels(data, (4, cells), np.dtype(np.float64))
    if not ((frames >= 0) & (frames < 2**31) & (labels > 0) & (labels < 2**32)).all():
        raise ValueError("it tells of cells that there cannot be")
    return Confidence(frames.astype(np.int64), labels.astype(np.uint32), errors, cellprobs)


def decompress(data: bytes, sizes: Sequence[int]) -> bytes:
    """Return the bytes that were compressed, if there are as many as one of `sizes`.

    Raises
    ------
    ValueError
        If there are more or fewer, or the data are damaged.
    """
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, max(sizes) + 1)
    except zlib.error as error:
        raise ValueError(f"its data are damaged ({error})") from error
    if len(result) not in sizes or not stream.eof:
        raise ValueError("its data are not of the size that it states")
    return result

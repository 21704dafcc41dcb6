"""Reads pickles of plain values and numpy arrays without running anything from them.

Nothing that a pickle names is ever imported. The few names that numpy writes
are answered by stand-ins of ours, which take the description of an array, check
it, and are replaced by real arrays when the pickle is read. So neither a
hostile callable nor a forged numpy state (whose own ``__setstate__`` trusts its
input) comes to life.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any, Literal

import numpy as np

_PLAIN_DTYPE = re.compile(r"[<>=|]?[biufcSUO]\d*")
_NUMPY_MODULES = tuple(
    f"numpy{core}.{part}" for core in (".core", "._core") for part in ("multiarray", "numeric")
)


def loads(content: bytes) -> Any:
    """Return the value in a pickle.

    Raises
    ------
    pickle.UnpicklingError
        If it names anything but numpy arrays, numpy scalars and builtin containers.
    Exception
        Whatever a damaged pickle makes the decoder raise.
    """
    _check_memo(content)
    return _real(_Unpickler(io.BytesIO(content)).load())


def _check_memo(content: bytes) -> None:
    """Refuse memo indices beyond the number of bytes: they would only exhaust the memory."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise pickle.UnpicklingError("it is damaged")


class _Dtype:
    """Stand-in for ``numpy.dtype``: plain types only."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"the data type {code!r} is not allowed")
        self.value: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[2] is not None or state[3] is not None or state[4] is not None:
            raise pickle.UnpicklingError("structured data types are not allowed")
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class _Array:
    """Stand-in for ``numpy.ndarray`` while it is read."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = (0,)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)
        self.fortran = False
        self.data: bytes | bytearray | list[Any] = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, fortran, data = state[-4:]
        count = prod(shape)
        expected = list if dtype.value.hasobject else (bytes, bytearray)
        if not isinstance(data, expected) or any(n < 0 for n in shape):
            raise pickle.UnpicklingError("an array in it is damaged")
        if len(data) != count * (1 if dtype.value.hasobject else dtype.value.itemsize):
            raise pickle.UnpicklingError("an array in it is incomplete")
        self.shape, self.dtype, self.fortran = tuple(shape), dtype.value, bool(fortran)
        self.data = data

    def real(self) -> np.ndarray[Any, Any]:
        """Return the array."""
        order: Literal["F", "C"] = "F" if self.fortran else "C"
        if isinstance(self.data, list):
            flat = np.empty(len(self.data), dtype=object)
            for i, value in enumerate(self.data):
                flat[i] = _real(value)
            return flat.reshape(self.shape, order=order)
        values: np.ndarray[Any, Any] = np.frombuffer(self.data, dtype=self.dtype)
        native = values.astype(self.dtype.newbyteorder("="))  # a copy that may be written
        return native.reshape(self.shape, order=order)


def _new_array(*_: object) -> _Array:
    return _Array()


def _scalar(dtype: _Dtype, data: object = b"") -> Any:
    value = dtype.value
    if value.hasobject or not isinstance(data, bytes) or len(data) != value.itemsize:
        raise pickle.UnpicklingError("a number in it is damaged")
    return np.frombuffer(data, dtype=value)[0]


def _from_buffer(data: Any, dtype: _Dtype, shape: Any, order: str) -> _Array:
    array = _Array()
    array.__setstate__((shape, dtype, order == "F", bytes(data)))
    return array


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand-in for ``codecs.encode``, by which old pickles write bytes."""
    return text.encode("latin1")


def _path_text(*parts: str) -> str:
    """Stand-in for a path: its text."""
    return "/".join(parts).replace("//", "/")


def _bytes(*parts: object) -> bytes:
    """Stand-in for ``bytes`` and ``bytearray``, which would make any number of zeros."""
    if not parts:
        return b""
    first = parts[0]
    if isinstance(first, str):
        return first.encode("latin1")
    if not isinstance(first, (bytes, bytearray)):
        raise pickle.UnpicklingError("bytes in it are damaged")
    return bytes(first)


class _Name:
    """What a name in a pickle becomes: it can be called, but never altered by the pickle."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it tries to alter the reader")


_BUILTINS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in (complex, list, tuple, dict, set, frozenset)
}
_BUILTINS["bytes"] = _BUILTINS["bytearray"] = _bytes

_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _new_array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    **{
        ("builtins" if new else "__builtin__", name): kind
        for new in (True, False)
        for name, kind in _BUILTINS.items()
    },
    **{
        (f"pathlib{sub}", f"{system}Path"): _path_text
        for sub in ("", "._local")
        for system in ("Posix", "Windows", "PurePosix", "PureWindows")
    },
}
for _module in _NUMPY_MODULES:
    _ALLOWED[_module, "_reconstruct"] = _new_array
    _ALLOWED[_module, "scalar"] = _scalar
    _ALLOWED[_module, "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _Name(_ALLOWED[module, name])
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def _real(value: Any) -> Any:
    """Replace stand-ins by what they stand for."""
    if isinstance(value, _Array):
        return value.real()
    if isinstance(value, _Dtype):
        return value.value
    if isinstance(value, dict):
        return {_real(key): _real(item) for key, item in value.items()}
    if isinstance(value, _Name):
        raise pickle.UnpicklingError("it holds a function")
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_real(item) for item in value)
    return value

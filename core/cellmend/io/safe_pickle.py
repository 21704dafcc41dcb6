"""Reads pickles of plain values and numpy arrays without running anything from them.

Nothing that a pickle names is ever imported. The few names that numpy writes
are answered by stand-ins of ours, which take the description of an array, check
it, and are replaced by real arrays when the pickle is read. So neither a
hostile callable nor a forged numpy state (whose own ``__setstate__`` trusts its
input) comes to life. Nor does a small pickle become a large one: what it refers
to many times is made once, and keys, which are hashed as often as they are
reached, are plain values.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

_PLAIN_DTYPE = re.compile(r"[<>=|]?[biufcSUO]\d*")
_MOST_UNFOLDED, _ALWAYS_ALLOWED = 100, 100_000
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
    stored = _Unpickler(io.BytesIO(content)).load()
    return _Realiser(_MOST_UNFOLDED * len(content) + _ALWAYS_ALLOWED).real(stored)


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

    def real(self, objects: list[Any]) -> np.ndarray[Any, Any]:
        """Return the array; `objects` are its values where they are no numbers."""
        order: Literal["F", "C"] = "F" if self.fortran else "C"
        if isinstance(self.data, list):
            flat = np.empty(len(objects), dtype=object)
            for i, value in enumerate(objects):
                flat[i] = value
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


_PLAIN = (str, bytes, int, float, complex, np.generic, type(None))


def _check_key(key: object) -> None:
    """Refuse keys of nested tuples: sharing makes their hash take for ever."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, _PLAIN) for part in parts):
        raise pickle.UnpicklingError("a key in it is not a plain value")


def _mapping(kind: type[dict[Any, Any]]) -> Callable[..., Any]:
    def make(pairs: Any = ()) -> dict[Any, Any]:
        found = kind()
        for key, value in pairs:
            _check_key(key)
            found[key] = value
        return found

    return make


def _members(kind: type[set[Any]] | type[frozenset[Any]]) -> Callable[..., Any]:
    def make(members: Any = ()) -> set[Any] | frozenset[Any]:
        for member in members:
            _check_key(member)
        return kind(members)

    return make


_BUILTINS: dict[str, Callable[..., Any]] = {
    "complex": complex,
    "list": list,
    "tuple": tuple,
    "dict": _mapping(dict),
    "set": _members(set),
    "frozenset": _members(frozenset),
    "bytes": _bytes,
    "bytearray": _bytes,
}

_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _new_array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _mapping(OrderedDict),
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


# That in C does not let keys be checked before they are hashed.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):  # type: ignore[misc]
    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _Name(_ALLOWED[module, name])
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None

    def load_setitem(self) -> None:
        _check_key(self.stack[-2])
        super().load_setitem()

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_setitems()

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def load_dict(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_dict()

    dispatch[pickle.DICT[0]] = load_dict

    def load_additems(self) -> None:
        for member in self.stack:
            _check_key(member)
        super().load_additems()

    dispatch[pickle.ADDITEMS[0]] = load_additems

    def load_frozenset(self) -> None:
        for member in self.stack:
            _check_key(member)
        super().load_frozenset()

    dispatch[pickle.FROZENSET[0]] = load_frozenset

    def load_bytearray8(self) -> None:
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))  # never longer than the pickle

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


class _Realiser:
    """Replaces stand-ins by what they stand for; what is shared stays shared.

    Parameters
    ----------
    limit
        The most that a value may unfold to: bytes of arrays, and one per other value,
        counted as often as they are referred to.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._made: dict[int, tuple[Any, int]] = {}
        self._begun: set[int] = set()

    def real(self, value: Any) -> Any:
        """Return the value without stand-ins.

        Raises
        ------
        pickle.UnpicklingError
            If it holds a function or itself, or unfolds to more than the limit.
        """
        return self._real(value)[0]

    def _real(self, value: Any) -> tuple[Any, int]:
        place = id(value)
        if place not in self._made:
            if place in self._begun:
                raise pickle.UnpicklingError("it holds itself")
            self._begun.add(place)
            made, size = self._make(value)
            if size > self._limit:
                raise pickle.UnpicklingError("it unfolds to much more than it holds")
            self._made[place] = made, size
        return self._made[place]

    def _make(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, _Name):
            raise pickle.UnpicklingError("it holds a function")
        if isinstance(value, _Dtype):
            return value.value, 1
        if isinstance(value, _Array):
            made, inner = self._all(value.data if isinstance(value.data, list) else [])
            array = value.real(made)
            return array, array.nbytes + inner
        if isinstance(value, dict):
            made, inner = self._all(value.values())
            return dict(zip(value, made, strict=True)), inner
        if isinstance(value, list | tuple):
            made, inner = self._all(value)
            return type(value)(made), inner
        return value, 1

    def _all(self, values: Iterable[Any]) -> tuple[list[Any], int]:
        """Return the real values, and one more than what they unfold to together."""
        pairs = [self._real(value) for value in values]
        return [made for made, _ in pairs], 1 + sum(size for _, size in pairs)

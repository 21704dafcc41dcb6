"""Vectors of eight float32 as values in numba kernels.

The compiler does not vectorise loops that read dozens of arrays at once, nor keep a
block of sums in registers. Kernels written with these vectors say both themselves::

    total = broadcast(0.0)
    for k in range(n):
        total = fused(load(a, 8 * k), load(b, 8 * k), total)
    store(out, 0, total)

Arrays are one-dimensional, contiguous and float32; indices are not checked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, ClassVar

from llvmlite import ir
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models, register_model


def intrinsic(generator: Callable[..., Any]) -> Any:
    """Make a function that kernels call; numba types the call, not what is written here."""
    return numba_intrinsic(generator)


LANES = 8
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_FIRST_LANE = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


class Float8(types.Type):
    """The type of a vector of eight float32."""

    def __init__(self) -> None:
        super().__init__(name="Float8")


float8: Any = Float8()


@register_model(Float8)
class _Float8Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    element = _element(context, builder, kind, array, index)
    return builder.bitcast(element, _VECTOR.as_pointer())


def _spread(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, _FIRST_LANE)


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Return the eight values of `array` from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], *args)
        return builder.load(address, align=4)

    return float8(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write `vector` to `array` from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, float8), generate


@intrinsic
def broadcast(typing_context: Any, value: Any) -> Any:
    """Return a vector of eight times `value`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _spread(builder, args[0])

    return float8(types.float32), generate


@intrinsic
def repeat(typing_context: Any, array: Any, index: Any) -> Any:
    """Return a vector of eight times the value of `array` at `index`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = _element(context, builder, signature.args[0], *args)
        return _spread(builder, builder.load(element))

    return float8(array, types.intp), generate


@intrinsic
def fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, in one instruction where the processor has it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        multiply_add = builder.module.declare_intrinsic("llvm.fmuladd.v8f32", fnty=kind)
        return builder.call(multiply_add, args)

    return float8(float8, float8, float8), generate


@intrinsic
def larger(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the larger of two vectors, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return float8(float8, float8), generate


@intrinsic
def where_positive(typing_context: Any, condition: Any, value: Any) -> Any:
    """Return `value` in the lanes where `condition` is above zero, zero elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        nothing = ir.Constant(_VECTOR, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered(">", args[0], nothing), args[1], nothing)

    return float8(float8, float8), generate


def _define(function: Callable[..., Any], instruction: str) -> None:
    """Give an operator its meaning for vectors: an instruction, lane by lane."""

    @infer_global(function)  # type: ignore[no-untyped-call]
    class _Typing(ConcreteTemplate):
        cases: ClassVar = [float8(float8, float8)]

    @lower_builtin(function, float8, float8)  # type: ignore[no-untyped-call,untyped-decorator]
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")

"""Elementwise operators as recipes of formula steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sardonyx.core.dtypes import DType
from sardonyx.engine.fuse import Recipe, Steps, fuse
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.ir import Node

FLOAT_KINDS = ("f32", "f64")
HALF_KINDS = ("f16", "bf16")


def simple(
    op: str, *, floats: bool = False, attrs: Callable[[dict[str, Any]], tuple[Any, ...]] | None = None
) -> Recipe:
    """One step. `floats`: only of floating kinds."""

    def recipe(s: Steps, x: list[int], given: dict[str, Any], kind: str) -> int:
        if floats and s.kinds[x[0]] not in FLOAT_KINDS:
            raise NotNative(f"{op} of {s.kinds[x[0]]}")
        return s.step(op, *x, kind=kind, attrs=attrs(given) if attrs else ())

    return recipe


def function(op: str) -> Recipe:
    return simple(op, floats=True)


def divide(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    return s.step("div" if kind in FLOAT_KINDS else "truncdiv", *x, kind=kind)


def modulo(s: Steps, x: list[int], attrs: dict[str, Any], kind: str) -> int:
    """The sign of the divisor, or with fmod that of the dividend."""
    if not attrs["fmod"] and kind in FLOAT_KINDS:
        raise NotNative("Mod of floats without fmod")
    return s.step("truncmod" if attrs["fmod"] else "floormod", *x, kind=kind)


def mean(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    if kind not in FLOAT_KINDS:
        raise NotNative(f"Mean of {kind}")
    return s.step("div", chain("add")(s, x, {}, kind), s.number(len(x), kind), kind=kind)


def chain(op: str) -> Recipe:
    """A step per further input: any number of them."""

    def recipe(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
        result = x[0]
        for other in x[1:]:
            result = s.step(op, result, other, kind=kind)
        return result if len(x) > 1 else s.step("cast", result, kind=kind)

    return recipe


def literal(s: Steps, number: int) -> float | None:
    """The number that a value of a formula is, if it is a literal."""
    at = number - (len(s.kinds) - len(s.steps))
    return s.steps[at].attrs[0] if at >= 0 and s.steps[at].op == "const" else None


def power(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    known = literal(s, x[1])
    if known == 2:
        return s.step("square", x[0], kind=kind)
    if known == 0.5 and kind in FLOAT_KINDS:
        return s.step("sqrt", x[0], kind=kind)
    if known == 3:
        return s.step("mul", s.step("square", x[0], kind=kind), x[0], kind=kind)
    if kind != "f32" or s.kinds[x[1]] != kind:
        raise NotNative(f"Pow of {kind} by {s.kinds[x[1]]}")
    return s.step("pow", *x, kind=kind)


def gelu(s: Steps, x: list[int], attrs: dict[str, Any], kind: str) -> int:
    if kind not in FLOAT_KINDS:
        raise NotNative(f"Gelu of {kind}")
    return s.step("gelu_tanh" if attrs["approximate"] == "tanh" else "gelu", *x, kind=kind)


def relu(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    return s.step("relu", x[0], kind=kind)


def swish(s: Steps, x: list[int], attrs: dict[str, Any], kind: str) -> int:
    if kind not in FLOAT_KINDS:
        raise NotNative(f"Swish of {kind}")
    if attrs["alpha"] == 1.0:
        return s.step("silu", *x, kind=kind)
    inner = s.step("mul", x[0], s.number(attrs["alpha"], kind), kind=kind)
    return s.step("mul", x[0], s.step("sigmoid", inner, kind=kind), kind=kind)


def swiglu(s: Steps, x: list[int], attrs: dict[str, Any], kind: str) -> int:
    return s.step("mul", swish(s, x[:1], attrs, kind), x[1], kind=kind)


WHOLE_NUMBER = ("whole",)  # marks a cast of a float that is a whole number


def cast(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    """There and back again is nowhere, for a whole number."""
    at = x[0] - (len(s.kinds) - len(s.steps))
    step = s.steps[at] if at >= 0 else None
    if step is not None and step.attrs == WHOLE_NUMBER and s.kinds[step.inputs[0]] == kind:
        return step.inputs[0]
    return s.step("cast", x[0], kind=kind)


_COMPARISONS = {"Equal": "eq", "Less": "lt", "LessOrEqual": "le", "Greater": "gt", "GreaterOrEqual": "ge"}
_LOGIC = {"And": "and", "Or": "or", "Xor": "xor", "Not": "not"}
_FUNCTIONS = (
    "Exp", "Log", "Tanh", "Erf", "Sigmoid", "Softplus", "Mish", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan",
    "Asinh", "Acosh", "Atanh", "Reciprocal", "Sqrt", "Floor", "Ceil",
)  # fmt: skip

RECIPES: dict[str, Recipe] = {
    **{name: function(name.lower()) for name in _FUNCTIONS},
    **{name: simple(op) for name, op in {**_COMPARISONS, **_LOGIC}.items()},
    "Add": simple("add"),
    "Sub": simple("sub"),
    "Mul": simple("mul"),
    "Div": divide,
    "Neg": simple("neg"),
    "Abs": simple("abs"),
    "Relu": relu,
    "Max": chain("max"),
    "Min": chain("min"),
    "Sum": chain("add"),
    "Pow": power,
    "Gelu": gelu,
    "Swish": swish,
    "SwiGLU": swiglu,
    "Where": simple("where"),
    "HardSwish": function("hard_swish"),
    "HardSigmoid": simple("hard_sigmoid", floats=True, attrs=lambda a: (a["alpha"], a["beta"])),
    "LeakyRelu": simple("leaky_relu", floats=True, attrs=lambda a: (a["alpha"],)),
    "Round": function("round_even"),
    "Elu": simple("elu", floats=True, attrs=lambda a: (a["alpha"],)),
    "Selu": simple("elu", floats=True, attrs=lambda a: (a["alpha"], a["gamma"])),
    "Celu": simple("celu", floats=True, attrs=lambda a: (a["alpha"],)),
    "Softsign": function("softsign"),
    "ThresholdedRelu": simple("thresholded_relu", floats=True, attrs=lambda a: (a["alpha"],)),
    "Shrink": simple("shrink", floats=True, attrs=lambda a: (a["bias"], a["lambd"])),
    "PRelu": simple("prelu"),
    "Sign": simple("sign"),
    "Mod": modulo,
    "Mean": mean,
    "IsNaN": lambda s, x, _, kind: s.step("ne", x[0], x[0], kind=kind),
    "IsInf": simple("is_infinite", floats=True, attrs=lambda a: (a["detect_negative"], a["detect_positive"])),
    "BitwiseAnd": simple("and"),
    "BitwiseOr": simple("or"),
    "BitwiseXor": simple("xor"),
    "BitwiseNot": simple("not"),
    "BitShift": simple("shift", attrs=lambda a: (int(a["direction"] == "LEFT"),)),
    "Cast": cast,
}

_BOOL_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Neg", "Abs", "Max", "Min", "Relu", "Pow"}


@lower(*RECIPES)
def elementwise(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Any operator with a recipe."""
    inputs = [v for v in node.inputs if v is not None]
    if node.op_type in _BOOL_ARITHMETIC and kind_of(low.dtype(inputs[0])) == "i1":
        raise NotNative("arithmetic on truth values")
    if node.op_type == "Cast":
        _check_cast(low.dtype(inputs[0]), low.dtype(node.output))
    low.give(node.output, fuse(low, node, attrs, RECIPES[node.op_type], inputs))


def _check_cast(source: DType, target: DType) -> None:
    """Casts of floats to narrow integers stay with the reference: what happens out of range is NumPy's to say. So do casts
    to halves that would be rounded twice, by way of float32."""
    kinds = kind_of(source, halves=True), kind_of(target, halves=True)
    if kinds[0] in FLOAT_KINDS and kinds[1] not in (*FLOAT_KINDS, *HALF_KINDS, "i1", "i32", "i64"):
        raise NotNative("a cast that saturates or wraps differs between machines")
    if kinds[0] in HALF_KINDS and kinds[1] not in (*FLOAT_KINDS, *HALF_KINDS):
        raise NotNative(f"a cast of {source} to {target}")
    if kinds[1] in HALF_KINDS and kinds[0] not in ("f32", *HALF_KINDS):
        raise NotNative(f"a cast of {source} to {target}, which rounds once")


@lower("CastLike")
def cast_like(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A Cast whose type inference has found."""
    source = node.inputs[0]
    assert source is not None
    _check_cast(low.dtype(source), low.dtype(node.output))
    low.give(node.output, fuse(low, node, attrs, RECIPES["Cast"], [source]))


@lower("Clip")
def clip(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Bounds are operands like any other; a constant one becomes a literal."""
    given = [*node.inputs, None, None][:3]
    inputs = [v for v in given if v is not None]

    def recipe(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
        bounds = iter(x[1:])
        known = [None if bound is None else literal(s, next(bounds)) for bound in given[1:]]
        if len(x) > 1 and all(k is not None or v is None for k, v in zip(known, given[1:], strict=True)):
            return s.step("clip", x[0], kind=kind, attrs=tuple(known))
        result, rest = x[0], iter(x[1:])
        for bound, op in ((given[1], "max"), (given[2], "min")):
            if bound is not None:
                result = s.step(op, result, next(rest), kind=kind)
        return result if len(x) > 1 else s.step("cast", result, kind=kind)

    low.give(node.output, fuse(low, node, attrs, recipe, inputs))

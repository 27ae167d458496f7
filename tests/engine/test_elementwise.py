"""Elementwise operators and chains of them, by recipes and one kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine.lower.elementwise import RECIPES
from sardonyx.ops import lookup
from tests.engine.oracle import LEVELS, agree, calls, floats, parse

UNARY = [
    *(
        "Abs",
        "Neg",
        "Relu",
        "Exp",
        "Log",
        "Sqrt",
        "Tanh",
        "Erf",
        "Sigmoid",
        "Softplus",
        "Sin",
        "Cos",
        "Floor",
        "Ceil",
        "Round",
    ),
    *(
        "Reciprocal",
        "Gelu",
        "HardSwish",
        "HardSigmoid",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Celu",
        "Softsign",
        "ThresholdedRelu",
    ),
    *("Mish", "Swish", "Sign", "Identity", "Shrink", "Asin", "Acosh", "Atan"),
]
BINARY = ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]
COMPARE = ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]


def declared(*names: str) -> list[str]:
    return [name for name in names if lookup("", name) is not None and name in (*RECIPES, "Identity")]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", declared(*UNARY))
def test_unary(name: str, level: str) -> None:
    model = parse(f"(float[a,b] x) => (float[a,b] y) {{ y = {name}(x) }}")
    x = floats(7, 39, scale=3.0)
    x[0, :6] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40]
    with np.errstate(all="ignore"):
        agree(model, [x], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", declared(*BINARY))
@pytest.mark.parametrize(
    "shapes", [((5, 40), (5, 40)), ((5, 40), (40,)), ((5, 1), (1, 40)), ((3, 1, 7), (4, 1)), ((), (33,))]
)
def test_binary(name: str, shapes: tuple[Any, Any], level: str) -> None:
    a, b = (",".join(map(str, s)) for s in shapes)
    model = parse(f"(float[{a}] a, float[{b}] b) => (y) {{ y = {name}(a, b) }}".replace("float[]", "float"))
    agree(model, [abs(floats(*shapes[0])), floats(*shapes[1], seed=1)], level, rtol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["int32", "int64", "float", "double", "uint8"])
@pytest.mark.parametrize("name", COMPARE)
def test_compare(name: str, kind: str, level: str) -> None:
    numpy = {"float": np.float32, "double": np.float64}.get(kind, kind)
    rng = np.random.default_rng(0)
    feeds = [rng.integers(0, 4, (3, 50)).astype(numpy) for _ in range(2)]
    agree(parse(f"({kind}[a,b] x, {kind}[a,b] y) => (bool[a,b] z) {{ z = {name}(x, y) }}"), feeds, level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["int32", "int64", "double"])
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul"])
def test_other_kinds(name: str, kind: str, level: str) -> None:
    numpy = np.dtype("float64" if kind == "double" else kind)
    feeds = [np.random.default_rng(i).integers(-(2**31), 2**31 - 1, (3, 45)).astype(numpy) for i in range(2)]
    with np.errstate(over="ignore"):
        agree(parse(f"({kind}[a,b] x, {kind}[a,b] y) => ({kind}[a,b] z) {{ z = {name}(x, y) }}"), feeds, level)


CHAINS = {
    "a chain": "h = Add(x, y)  g = Sigmoid(h)  k = Mul(g, x)  z = Sub(k, y)",
    "a square": "h = Neg(x)  z = Mul(h, h)",
    "logic": "a = Less(x, y)  b = Not(a)  c = Or(a, b)  z = Where(b, x, y)",
    "a cast": "a = Greater(x, y)  b = Cast<to = 1>(a)  z = Mul(b, x)",
    "a transposed operand": "t = Transpose<perm = [1, 0]>(x)  u = Neg(y)  v = Transpose<perm = [1, 0]>(u)  z = Add(t, v)",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CHAINS.values(), ids=CHAINS)
def test_chain(case: str, level: str) -> None:
    agree(parse(f"(float[a,b] x, float[a,b] y) => (z) {{ {case} }}"), [floats(9, 37), floats(9, 37, seed=1)], level)


@pytest.mark.parametrize("case", [case for name, case in CHAINS.items() if "transposed" not in name])
def test_a_chain_is_one_kernel(case: str) -> None:
    assert calls(parse(f"(float[a,b] x, float[a,b] y) => (z) {{ {case} }}")) == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("bounds", ["x, low, high", "x, low", "x, , high", "x"])
def test_clip(bounds: str, level: str) -> None:
    x = floats(4, 21, scale=3.0)
    x[0, :3] = [np.nan, np.inf, -np.inf]
    model = parse(
        f"(float[a,b] x) => (float[a,b] y) <float low = {{-1.0}}, float high = {{2.0}}> {{ y = Clip({bounds}) }}"
    )
    agree(model, [x], level)
    model = parse(f"(float[a,b] x, float low, float high) => (float[a,b] y) {{ y = Clip({bounds}) }}")
    agree(model, [x, np.float32(-1), np.float32(2)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, 0.0, 1.0, -1.0, 1.7])
def test_constant_power(exponent: float, level: str) -> None:
    model = parse(f"(float[a] x) => (float[a] y) <float e = {{ {exponent} }}> {{ y = Pow(x, e) }}")
    agree(model, [abs(floats(50))], level)


@pytest.mark.parametrize("level", LEVELS)
def test_casts(level: str) -> None:
    rng = np.random.default_rng(0)
    for kind, to, values in [
        ("int64", 1, rng.integers(-(2**40), 2**40, 40)),
        ("int32", 7, rng.integers(-(2**31), 2**31, 40).astype(np.int32)),
        ("bool", 1, rng.random(40) < 0.5),
        ("float", 9, np.array([0.0, -0.0, np.nan, 1e-40, -3.0], np.float32)),
        ("float", 11, floats(40)),
        ("float", 7, floats(40, scale=1e9)),
        ("double", 6, floats(40, scale=1e6).astype(np.float64)),
        ("uint8", 6, rng.integers(0, 255, 40).astype(np.uint8)),
    ]:
        agree(parse(f"({kind}[a] x) => (y) {{ y = Cast<to = {to}>(x) }}"), [values], level)

"""What the official inference takes without a look at it, is taken; what it says of it, is said: version by version."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import outcome, parsed, same
from tests.compat.test_onnx_shape_refusals import model

SHAPES = ("[2, 3, 4]", "[1, N, 1]", "[?]", "[]", "")


class Table(NamedTuple):
    """Each body over each type of its inputs, in each version."""

    versions: tuple[int, ...]
    inputs: tuple[str, ...]
    bodies: tuple[str, ...]


def constants(**values: Iterable[int]) -> str:
    def one(name: str, held: list[int]) -> str:
        return f"{name} = Constant<value = int64[{len(held)}] {{{', '.join(map(str, held))}}}>() "

    return "".join(one(name, list(held)) for name, held in values.items())


def by_shape(rest: str = "", shapes: Iterable[str] = SHAPES) -> tuple[str, ...]:
    return tuple(f"float{shape} x{rest}" for shape in shapes)


def lists(*names: str) -> tuple[str, ...]:
    """Lists of axes, in order and not, from behind, twice, and where there are none."""
    held = ("[0]", "[-1]", "[0, 2]", "[2, 0]", "[0, 0]", "[0, -3]", "[3]", "[0, 3]", "[-5]", "[-1, 0]")
    return tuple(f"{name}<axes = {axes}>(x)" for name in names for axes in held)


AXES = ([0], [2, 0], [0, 0], [0, -3], [5], [-1])
IMAGES = tuple(
    f"float[1, 4, {a}] x, float[6, {c}, {k}] w"
    for a, c, k in (("5, N", 2, "3, 1"), ("2, 9", 4, "3, 3"), ("5, 5", 4, "3"), ("5, 5", 4, "N"), ("5, 5", 4, "0, 1"))
)
POOLS = ("AveragePool", "LpPool", "MaxPool")
MATRICES = tuple(
    f"float{a} x, float{b} w, float{c} z"
    for a, b, c in (
        *(("[4, 4]", "[4, 5]", "[M]"), ("[4, 3]", "[5, 3]", "[2, 2, 2]"), ("[4]", "[]", "[M, 3]")),
        *(("[4, 4]", "[]", "[M]"), ("[]", "[4, 4]", "[]"), ("[4, N]", "[M, 3]", "[7, 7]"), ("[4]", "[4, 5]", "[5]")),
    )
)

TABLES = {
    "slices by attributes": Table(
        (1,),
        by_shape(),
        tuple(
            f"y = Slice<starts = {s}, ends = {e}{a}>(x)"
            for (s, e), a in itertools.product(
                (("[0]", "[-1]"), ("[-9]", "[1]"), ("[9]", "[9]"), ("[1, 0]", "[2, 9]"), ("[1]", "[1, 2]")),
                ("", ", axes = [0]", ", axes = [-1]", ", axes = [0, 0]", ", axes = [1, 0]", ", axes = [0, 7]"),
            )
        ),
    ),
    "slices by constants": Table(
        (10, 11, 13),
        by_shape(", int64[1] u"),
        tuple(
            constants(s=s, e=e, a=a, p=p) + f"y = Slice({given})"
            for (s, e, a, p), given in itertools.product(
                (
                    ([0], [-1], [0], [2]),
                    ([-9], [-99], [0], [-1]),
                    ([1, 0], [2, 9], [1, 0], [1, 1]),
                    ([1, 0], [2, 9], [0, 0], [1, 1]),
                    ([1], [2], [4], [0]),
                ),
                ("x, s, e", "x, u, e, a", "x, s, e, a, p", 'x, s, e, "", p', "x, s, e, u"),
            )
        ),
    ),
    "slices by floats": Table((10, 13), by_shape(), ("f = Constant<value = float[1] {1}>() y = Slice(x, f, f)",)),
    "windows that fit no image": Table(
        (1, 11, 22),
        IMAGES,
        ("y = Conv(x, w)", "y = Conv<dilations = [2, 2]>(x, w)", "y = Conv<kernel_shape = [3, 3]>(x, w)"),
    ),
    "windows that are bent": Table(
        (19, 22),
        tuple(
            f"float{x} x, float{w} w, float{o} o"
            for x, w, o in itertools.product(
                ("[1, 2, 5, N]", "[1, 2]"), ("[3, 2, 2, 2]", "[3, 9, 2]"), ("[0, 3]", "[]")
            )
        ),
        ("y = DeformConv(x, w, o)", "y = DeformConv<kernel_shape = [3, 3], pads = [1, 1, 0, 0], group = 2>(x, w, o)"),
    ),
    "zero points that are left out": Table(
        (10, 21),
        ("uint8[1, 1, 7, 7] x, float s, uint8 z",),
        tuple(
            f"y = {op}({', '.join(given)})"
            for op in ("QLinearConv", "QLinearMatMul")
            for given in (
                [given if i != left_out else '""' for i, given in enumerate("xszxszsz")] for left_out in range(8)
            )
        ),
    ),
    "pools": Table(
        (2, 10, 11, 18, 22),
        by_shape(shapes=("[1, 4, 5]", "[1, 4, 0]", "[1, 4, N]", "[1, 4]", "[]")),
        tuple(
            f"y = {pool}<kernel_shape = [{k}], {rest}>(x)"
            for pool in POOLS
            for k, rest in (
                (2, "strides = [3], pads = [0, 1], ceil_mode = 1"),
                (1, 'strides = [1], pads = [1, 2], ceil_mode = 1, auto_pad = "VALID"'),
                (4, "dilations = [3]"),
                (3, 'strides = [2], auto_pad = "SAME_LOWER"'),
            )
        ),
    ),
    "places of the largest in the oldest pools": Table(
        (1,), ("float[1, 2, 5, N] x", "float[] x"), ("y, z = MaxPool<kernel_shape = [2, 2]>(x)",)
    ),
    "pools without a kernel": Table((2, 22), by_shape(), tuple(f"y = {pool}<strides = [2]>(x)" for pool in POOLS)),
    "squeezed": Table((1, 11), by_shape(), tuple(f"y = {body}" for body in (*lists("Squeeze"), "Squeeze(x)"))),
    "unsqueezed": Table((1, 11), by_shape(), tuple(f"y = {body}" for body in (*lists("Unsqueeze"), "Unsqueeze(x)"))),
    "squeezed and unsqueezed by constants": Table(
        (13, 25),
        by_shape(", int64[2] u"),
        (
            *(constants(a=axes) + f"y = {op}(x, a)" for op in ("Squeeze", "Unsqueeze") for axes in AXES),
            *("y = Squeeze(x)", "y = Unsqueeze(x)", "y = Squeeze(x, u)", "y = Unsqueeze(x, u)"),
        ),
    ),
    "reduced": Table(
        (1, 11, 12, 13),
        by_shape(),
        (*(f"y = {body}" for body in lists("ReduceMax", "ReduceMean")), "y = ReduceMin<keepdims = 0>(x)"),
    ),
    "reduced by constants": Table(
        (18,),
        by_shape(", int32[1] u"),
        (
            *(constants(a=axes) + "y = ReduceMax<keepdims = 0>(x, a)" for axes in AXES),
            "a = Constant<value = int32[1] {0}>() y = ReduceSum(x, a)",
        ),
    ),
    "reduced by what other versions take": Table(
        (12, 13, 18, 20),
        by_shape(", int64[1] u"),
        (
            *(f"y = {op}<axes = [0]{a}>(x)" for op in ("ReduceSum", "ReduceMin") for a in ("", ", keepdims = 0")),
            *("y = ReduceL2(x, u)", 'y = ReduceL2(x, "")', "y = ReduceL2<axes = [0]>(x, u)"),
            *(constants(a=[0]) + f"y = ReduceProd{a}(x, a)" for a in ("", "<axes = [0]>", "<keepdims = 0>")),
            *(constants(a=[]) + f"y = ReduceMean<noop_with_empty_axes = {n}>(x, a)" for n in (0, 1)),
        ),
    ),
    "normalized from an axis on": Table(
        (23, 28),
        by_shape(", double[9] w"),
        tuple(
            f"{body}<axis = {axis}>(x, w)"
            for body in ("y, m, d = LayerNormalization", "y = RMSNormalization")
            for axis in (-4, -1, 0, 2, 5)
        ),
    ),
    "places of extremes": Table(
        (1, 11, 13),
        by_shape(),
        tuple(
            f"y = ArgMax<{a}keepdims = 0>(x)" for a in ("", "axis = 0, ", "axis = 3, ", "axis = -1, ", "axis = -5, ")
        ),
    ),
    "normalized along an axis": Table(
        (1, 11, 13),
        by_shape(),
        tuple(
            f"y = {op}{a}(x)" for op in ("Softmax", "Hardmax") for a in ("", "<axis = 0>", "<axis = 3>", "<axis = -5>")
        ),
    ),
    "largest elements": Table(
        (10, 24),
        by_shape(),
        tuple(
            constants(k=[k]) + f"y, i = TopK{a}(x, k)" for k in (-1, 0, 1, 9) for a in ("", "<axis = 0>", "<axis = 3>")
        ),
    ),
    "largest elements of unknown axes": Table(
        (10, 24),
        ("float[N, 4] x", "float[4] x", "float[] x"),
        tuple(
            f"k = Constant<value = {k}>() y, i = TopK<axis = 0>(x, k)"
            for k in ("int64[1, 1] {2}", "int64 {2}", "int32[1] {2}", "float[1] {2}")
        ),
    ),
    "largest elements by attributes": Table((1,), by_shape(), ("y, i = TopK(x)", "y, i = TopK<k = 9, axis = 0>(x)")),
    "parts by attributes": Table(
        (2, 11),
        by_shape(shapes=("[4]", "[5]", "[N]", "[]", "")),
        tuple(
            f"y, z = Split<{a}>(x)"
            for a in ("axis = 0", "split = [2, 2]", "split = [-1, 5]", "split = [4]", "axis = 1")
        ),
    ),
    "parts by constants": Table(
        (13, 18),
        by_shape(", int64[3] u", shapes=("[4]", "[5]", "[N]", "[]", "")),
        (
            *(constants(s=s) + "y, z = Split(x, s)" for s in ([2, 2], [-1, 5], [4])),
            *("y, z = Split(x)", "y, z = Split(x, u)", "y, z = Split<axis = 3>(x)"),
        ),
    ),
    "parts by their number": Table(
        (18,),
        by_shape(", int64[2] u", shapes=("[4]", "[5]", "[N]", "[]")),
        ("y, z = Split<num_outputs = 2>(x)", "y = Split<num_outputs = 0>(x)", "y, z = Split<num_outputs = 2>(x, u)"),
    ),
    "products": Table(
        (6, 7, 9, 11, 13),
        MATRICES,
        ("y = Gemm(x, w, z)", "y = Gemm<transB = 1>(x, w, z)"),
    ),
    "a sum that is broadcast": Table((6,), MATRICES, ("y = Gemm<broadcast = 1>(x, w, z)",)),
    "shapes that were not broadcast": Table(
        (6,),
        (
            "float[2, 1, 3] x, float[4, 5] w, float z",
            "float[] x, float[4] w, float z",
            "float[N] x, float[2, 2] w, float z",
        ),
        ("y = Add<broadcast = 1>(x, w)", "y = Greater<broadcast = 1>(x, w)", "y = Sum(x, w)", "y = Max(x, w, z)"),
    ),
    "blocks": Table(
        (1, 13, 28),
        by_shape(shapes=("[1, 9, 5, 7]", "[1, N, 4, N]", "[2]", "[]")),
        tuple(
            f"y = {op}<{a}>(x)" for op in ("DepthToSpace", "SpaceToDepth") for a in ("blocksize = 2", 'mode = "CRD"')
        ),
    ),
    "a direction that nobody knows": Table(
        (7, 14, 22),
        ("float[3, N, 5] x, float[2, 6, 5] w, float[2, 6, 6] r", "float[] x, float[2, 6, 5] w, float[2, 6, 6] r"),
        tuple(
            f'y, h = RNN<hidden_size = 6, direction = "{d}"{a}>(x, w, r)'
            for d in ("xx", "reverse")
            for a in ("", ", layout = 1")
        ),
    ),
    "noise": Table(
        (1, 22),
        ("",),
        tuple(
            f"y = {op}{a}()"
            for op in ("RandomNormal", "RandomUniform")
            for a in ("", "<shape = [2, 0]>", "<shape = [-1]>", "<dtype = 0>", "<dtype = 7, shape = [2]>")
        ),
    ),
    "what is negated": Table((8, 28), (*by_shape(), "bool[N] x"), ("y = Not(x)", "u = Unknown(x) y = Not(u)")),
    "whole numbers between bounds": Table((6, 10), ("int32[2] x", "uint8 x"), ("y = Clip(x)",)),
    "negative axes of a flattening": Table((1, 9, 11), by_shape(), ("y = Flatten<axis = -1>(x)",)),
    "outputs that come together": Table(
        (7, 9, 14),
        ("float[2, 3] x, float[3] s",),
        tuple(f"{y} = BatchNormalization(x, s, s, s, s)" for y in ("a", "a, b", "a, b, c", "a, b, c, d, e")),
    ),
    "bodies": Table(
        (9, 12, 13, 16),
        ("float[2, ?, 3, 4] x, float[1] w", "float[2, 3, 4, ?] x, float[7] w", "int8[2, 2, 2, 2] x, int8[] w"),
        ("y = LessOrEqual(x, w) z = Not(y)", "y = MeanVarianceNormalization(x)", "y = GreaterOrEqual(w, w)"),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_nodes_that_contradict_themselves(name: str) -> None:
    table = TABLES[name]
    differ: list[str] = []
    for version, inputs, body in itertools.product(*table):
        text = model(inputs, body, version=version)
        held = official.parser.parse_model(text).SerializeToString()
        for strict, check in itertools.product((False, True), repeat=2):

            def program(o: Any, held: bytes = held, strict: bool = strict, check: bool = check) -> Any:
                return o.shape_inference.infer_shapes(held, check, strict)

            if outcome(program, ours) != outcome(program, official):
                differ.append(text)
    assert not differ


TYPELESS = ("Abs", "Add", "AveragePool", "Conv", "Dropout", "Flatten", "Identity", "Not", "Softmax", "Sum", "TopK")


@pytest.mark.parametrize("op", TYPELESS)
def test_a_type_of_no_kind(op: str) -> None:
    """A value that has a type, though one that says nothing, is passed on; a value without one is refused."""
    more, made = ("x", "y") if op in ("Add", "Sum") else ("w", "y") if op == "Conv" else ("", "y")
    attributes = "<kernel_shape = [2]>" if op == "AveragePool" else ""
    inputs, made = ("x, k", "y, i") if op == "TopK" else (f"x, {more}" if more else "x", made)
    text = model("float x, float[1, 1, 3] w, int64[1] k", f"{made} = {op}{attributes}({inputs})", version=13)
    for strict, check, kind in itertools.product((False, True), (False, True), ("none", "empty", "unnamed")):

        def program(o: Any, strict: bool = strict, check: bool = check, kind: str = kind) -> Any:
            m = parsed(o, text)
            if kind == "none":
                m.graph.input[0].ClearField("type")
            else:
                m.graph.input[0].type.Clear()
                if kind == "unnamed":
                    m.graph.input[0].type.tensor_type.SetInParent()
            return o.shape_inference.infer_shapes(m, check, strict)

        same(program)


@pytest.mark.parametrize("body", ["y = And(x, k)", "y = Mod(k, k)", "y = Or(k, x) z = Not(y)", "y = Add(x, k)"])
@pytest.mark.parametrize("ir", [3, 4])
def test_constants_whose_names_have_no_types(body: str, ir: int) -> None:
    """Before the fourth format, an initializer that is no input has none: its values tell no shape."""
    dtype = "bool" if "And" in body or "Or" in body else "int64"
    text = f"""<ir_version: {ir}, opset_import: ["" : 14]> g () => () <{dtype}[3] k = {{1, 1, 1}}> {{
        x = Constant<value = {dtype}[3] {{1, 1, 1}}>() {body}
    }}"""
    same(lambda o: o.shape_inference.infer_shapes(o.parser.parse_model(text)))

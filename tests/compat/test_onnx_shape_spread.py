"""Operators that spread images out, state extents, or hold graphs: both packages say the same of them, version by version."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import sardonyx.compat.onnx as compat
from tests.compat.programs import same

MODES = list(itertools.product((False, True), repeat=2))  # strict_mode, data_prop


def both(text: str) -> None:
    """Compare what is inferred in every mode, or the error that is raised."""
    compat.parser.parse_model(text)  # a text that is refused would be the same to both
    for strict, follow in MODES:
        modes = {"strict_mode": strict, "data_prop": follow}
        same(lambda o, modes=modes: o.shape_inference.infer_shapes(o.parser.parse_model(text), **modes))


def model(inputs: str, body: str, version: int, *, constants: str = "") -> str:
    held = f"<{constants}> " if constants else ""
    return f'<ir_version: 8, opset_import: ["" : {version}]> g ({inputs}) => () {held}{{ {body} }}'


X, W = "float[1, 2, 5] x", "float[2, 3, 4] w"
TRANSPOSED: list[tuple[str, str, str]] = [
    (X, W, ""),
    (X, W, "strides = [3]"),
    (X, W, 'strides = [3], auto_pad = "SAME_LOWER"'),
    (X, W, 'strides = [5], auto_pad = "SAME_UPPER"'),
    (X, W, 'strides = [3], auto_pad = "SAME_UPPER", output_padding = [1]'),
    (X, W, 'strides = [3], auto_pad = "VALID"'),
    (X, W, 'auto_pad = "SAME_UPPER", pads = [0, 1]'),
    (X, W, 'auto_pad = "NOTSET", pads = [0, 1]'),
    (X, W, "pads = [9, 9]"),
    (X, W, "output_shape = [4]"),
    (X, W, "output_shape = [9]"),
    (X, W, "output_shape = [-1]"),
    (X, W, "output_padding = [1, 1]"),
    (X, W, "kernel_shape = [2]"),
    (X, W, "group = 3"),
    ("float[1, N, 5] x", W, "group = 2"),
    ("float[1, 3, 5] x", W, ""),
    ("float[1, 2, N] x", W, "output_shape = [3]"),
    (X, "float[2, N, 2] w", ""),
    (X, "float[2, N, 2] w", "group = 2"),
    (X, "float[2, 3, K] w", "output_shape = [3, 4]"),
    (X, "float[2, 3, 2, 2] w", "kernel_shape = [2]"),
    (X, "float[2, 3, 2, 2] w", ""),
    (X, "float[2, 3] w", "kernel_shape = [2]"),
    ("float[1, 2] x", "float[2, 3] w", ""),
    ("float[1, 2, 5, 6] x", "float[2, 3, 4, 4] w", "output_shape = [8, 4]"),
]


@pytest.mark.parametrize("version", (1, 11, 22))
@pytest.mark.parametrize(("x", "w", "attributes"), TRANSPOSED)
def test_transposed_convolutions(x: str, w: str, attributes: str, version: int) -> None:
    both(model(f"{x}, {w}", f"y = ConvTranspose<{attributes or 'group = 1'}>(x, w)", version))


UNPOOLED: list[tuple[str, str]] = [
    ("float[1, 2, 5] x, int64[1, 2, 5] i", "kernel_shape = [2], strides = [2]"),
    ("float[N, 2, 5] x, int64[3, 2, 5] i", "kernel_shape = [2]"),
    ("float[3, 2, N] x, int64[3, M, 5] i", "kernel_shape = [2]"),
    ("float[3, 2, 5] x, int64[] i", "kernel_shape = [2]"),
    ("float[3, 2, 5] x, int64[3] i", "kernel_shape = [2]"),
    ("float[3] x, int64[3, 2, 5] i", "kernel_shape = [2]"),
    ("float[3, 2, 5] x, int64[3, 4, 7] i", "kernel_shape = [2], pads = [-1, 2]"),
    ("float[3, 2, 5] x, int64[3, 2, 5] i", "kernel_shape = [0], strides = [0]"),
    ("float[3, 2, 5] x, int64[3, 2, 5] i", "kernel_shape = [2, 2]"),
    ("float[3, 2, 5] x, int64[3, 2, 5] i", "strides = [1]"),
]


@pytest.mark.parametrize("version", (9, 11, 22))
@pytest.mark.parametrize(("inputs", "attributes"), UNPOOLED)
def test_unpooling(inputs: str, attributes: str, version: int) -> None:
    both(model(inputs, f"y = MaxUnpool<{attributes}>(x, i)", version))


REGIONS: list[tuple[str, str, str]] = [
    ("float[2, 3, 8, 8] x", "float[4, 5] r", "pooled_shape = [2, 3]"),
    ("float[2, 3, 8, 8] x", "float[4, 4] r", "pooled_shape = [2, 3]"),
    ("float[2, 3, 8, 8] x", "float[4] r", "pooled_shape = [2, 3]"),
    ("float[2, 3, 8, 8, 8] x", "float[4, 5] r", "pooled_shape = [2, 3, 4]"),
    ("float[2, 3, 8, 8] x", "float[4, 5] r", "pooled_shape = [2]"),
    ("float[2, 3, 8, 8] x", "float[4, 5] r", "pooled_shape = [0, 2]"),
    ("float[2, 3, 8, 8] x", "float[N, M] r", "pooled_shape = [2, 2]"),
    ("float[2, 3, 8, 8] x", "float[4, 5] r", "spatial_scale = 0.5"),
    ("float[2, 3, 8, 8] x", "float[] r", "pooled_shape = [0]"),
]


@pytest.mark.parametrize("version", (1, 22))
@pytest.mark.parametrize(("x", "regions", "attributes"), REGIONS)
def test_regions(x: str, regions: str, attributes: str, version: int) -> None:
    both(model(f"{x}, {regions}", f"y = MaxRoiPool<{attributes}>(x, r)", version))


DEPTHS = (
    "int64 d = {5}",
    "float d = {5}",
    "double[1] d = {5}",
    "int8[1] d = {5}",
    "int64[0] d = {}",
    "int64[1] d = {-2}",
)


@pytest.mark.parametrize("version", (9, 11))
@pytest.mark.parametrize("indices", ("int64[2, N] i", "int64 i", "int64[] i"))
@pytest.mark.parametrize("depth", DEPTHS)
def test_depths(depth: str, indices: str, version: int) -> None:
    both(model(f"{indices}, float[2] v", "y = OneHot(i, d, v)", version, constants=depth))


@pytest.mark.parametrize("count", (0, 1, 2))
def test_depths_that_are_no_constants(count: int) -> None:
    both(model(f"int64[2] i, int64[{count}] d, float[2] v", "y = OneHot(i, d, v)", 11))


@pytest.mark.parametrize("version", (9, 21, 25))
@pytest.mark.parametrize(
    "shape", ("int64 s = {3}", "int64[1, 2] s = {3, 4}", "int64[2] s = {-1, 4}", "int32[1] s = {3}")
)
@pytest.mark.parametrize("value", ("", "<value = int32 {1}>", "<value = int32[2] {1, 2}>", "<value = int32[0] {}>"))
def test_constants_of_a_shape(shape: str, value: str, version: int) -> None:
    both(model("", f"y = ConstantOfShape{value}(s)", version, constants=shape))


@pytest.mark.parametrize("node", ("LpNormalization<axis = 5>(x)", "MeanVarianceNormalization<axes = [7]>(x)"))
@pytest.mark.parametrize("x", ("float x", "float[N] x", "float[] x"))
def test_normalizations_along_axes_that_there_are_not(node: str, x: str) -> None:
    both(model(x, f"y = {node}", 12))


@pytest.mark.parametrize(
    "node", ("Conv(x)", "ConvTranspose(x)", "InstanceNormalization(x)", "MaxUnpool<kernel_shape = [1]>(x)")
)
def test_inputs_that_are_missing(node: str) -> None:
    both(model("float[1, 2, 5] x", f"y = {node}", 22))


BRANCHES = (
    "s = SequenceConstruct(x)",
    "s = SequenceConstruct(y)",
    "s = Optional(x)",
    "s = Identity(x)",
    "s = Identity(y)",
)


@pytest.mark.parametrize("version", (1, 11, 13, 16, 25))
@pytest.mark.parametrize(("then", "other"), list(itertools.product(BRANCHES, BRANCHES)))
def test_branches_of_any_kind(then: str, other: str, version: int) -> None:
    kinds: list[Any] = [
        "seq(float[2])" if "Seq" in b else "optional(float[2])" if "Opt" in b else "float[2]" for b in (then, other)
    ]
    graphs = [f"graph = {n} () => ({k} s) {{ {b} }}" for n, k, b in zip("ab", kinds, (then, other), strict=True)]
    both(
        model(
            "bool c, float[2] x, float[3] y", f"z = If(c)<then_branch: {graphs[0]}, else_branch: {graphs[1]}>", version
        )
    )


@pytest.mark.parametrize("version", (1, 11, 13))
@pytest.mark.parametrize(
    ("x", "y"),
    list(itertools.product(("float[2]", "float[]", "float", "float[N]", "int64[2]"), ("float[]", "float", "float[3]"))),
)
def test_branches_of_any_shape(x: str, y: str, version: int) -> None:
    graphs = [f"graph = {n} () => ({o}) {{ {o} = Identity({i}) }}" for n, o, i in (("a", "s", "x"), ("b", "t", "y"))]
    both(model(f"bool c, {x} x, {y} y", f"z = If(c)<then_branch: {graphs[0]}, else_branch: {graphs[1]}>", version))


@pytest.mark.parametrize("version", (1, 11, 13))
def test_branches_whose_elements_nobody_knows(version: int) -> None:
    graphs = [f"graph = {n} () => (float[] {o}) {{ {o} = my.Own(x) }}" for n, o in (("a", "s"), ("b", "t"))]
    text = model("bool c, float[2] x", f"z = If(c)<then_branch: {graphs[0]}, else_branch: {graphs[1]}>", version)
    text = text.replace("]> g", ', "my" : 1]> g', 1)

    def program(o: Any) -> Any:
        made = o.parser.parse_model(text)
        for attribute in made.graph.node[0].attribute:
            attribute.g.output[0].type.tensor_type.elem_type = 0
        return o.shape_inference.infer_shapes(made)

    same(program)


@pytest.mark.parametrize("version", (11, 13, 25))
@pytest.mark.parametrize("state", ("seq(float[2]) b", "float[2] b", "seq(float) b"))
def test_loops_over_sequences(state: str, version: int) -> None:
    body = f"graph = l (int64 i, bool d, {state}) => (bool e, {state[:-1]}f) {{ e = Identity(d) f = Identity(b) }}"
    both(model("int64 n, bool c, float[2] x", f"s = SequenceConstruct(x) z = Loop(n, c, s)<body: {body}>", version))


def test_a_loop_with_too_few_outputs_is_refused_before_its_body_is_met() -> None:
    body = "graph = l (int64 i, bool d, float b, float g) => (bool e, float f, float h) { e = Not(i) f = Add(b, i) h = Add(g, i) }"
    both(model("int64 n, bool c, float x", f"z = Loop(n, c, x, x)<body: {body}>", 16))


REASONS: dict[str, tuple[str, str]] = {
    "a declared element type": ("y = Relu(x)", "(1) vs (7)"),
    "branches of other elements": (
        "y = If(c)<then_branch: graph = a () => (float[2] u) { u = Relu(x) }, "
        "else_branch: graph = b () => (int64 v) { v = Identity(z) }>",
        "inferred=int64 declared=float",
    ),
}


@pytest.mark.parametrize("title", REASONS)
def test_words_that_programs_look_for(title: str) -> None:
    body, words = REASONS[title]
    text = f'<ir_version: 8, opset_import: ["" : 21]> g (float[2] x, bool c, int64 z) => (int64[2] y) {{ {body} }}'

    def reason(o: Any) -> bool:
        with pytest.raises(o.shape_inference.InferenceError) as caught:
            o.shape_inference.infer_shapes(o.parser.parse_model(text), strict_mode=True)
        return words in str(caught.value)

    assert same(reason)


WINDOWS = {
    "Conv(x, w)": "Number of spatial dimensions in the weight tensor",
    "ConvTranspose(x, w)": "Weight tensor spatial rank",
    "ConvTranspose<group = 3>(x, v)": "Input channels C must be divisible by group",
    'ConvTranspose<auto_pad = "VALID", pads = [0, 0]>(x, v)': "cannot be used simultaneously with auto_pad",
}


@pytest.mark.parametrize("node", WINDOWS)
def test_words_about_windows(node: str) -> None:
    text = model("float[1, 2, 5] x, float[2, 2, 3, 3] w, float[2, 2, 3] v", f"y = {node}", 22)

    def reason(o: Any) -> bool:
        with pytest.raises(o.shape_inference.InferenceError) as caught:
            o.shape_inference.infer_shapes(o.parser.parse_model(text), strict_mode=True)
        return WINDOWS[node] in str(caught.value)

    assert same(reason)


HELD = ("float[2] x", "seq(float[2]) x", "seq(seq(float)) x", "optional(float[2]) x")


@pytest.mark.parametrize("check", (False, True))
@pytest.mark.parametrize("x", HELD)
def test_what_is_picked_out_of_what_is_no_sequence(x: str, check: bool) -> None:
    text = model(f"{x}, int64 i", "y = SequenceAt(x, i)", 19)
    for strict in (False, True):
        modes = {"strict_mode": strict, "check_type": check}
        same(lambda o, modes=modes: o.shape_inference.infer_shapes(o.parser.parse_model(text), **modes))

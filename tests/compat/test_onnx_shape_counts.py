"""Optional values, batches, grids, fills and texts; and inputs and outputs that a node lacks: both packages say the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.programs import same
from tests.compat.test_onnx_shape_refusals import both, model

NO_INPUT = ("Cast<to = 1>", "Shape", "Size", "NonZero", "IsNaN", "Equal", "ArgMax", "SequenceLength", "QuantizeLinear")
RAISED = ("Relu", "EyeLike", "SequenceAt", "RegexFullMatch", "RandomNormalLike", "BitCast<to = 1>", "OneHot", "Slice")
SHORT = (
    "Where",
    "CastLike",
    "MatMulInteger",
    "ConvInteger",
    "Reshape",
    "Unsqueeze",
    "DequantizeLinear",
    "QLinearMatMul",
)
SIZES = ("int64[4]", "int64[5]", "int64[3]", "int64[n]", "int64[?]", "int64", "int64[4, 1]", "int64[]", "int32[4]")
HELD = (
    *("int64[4] {1, 2, 3, 4}", "int64[5] {1, 2, 3, 4, 5}", "int64[3] {1, 2, 3}", "int32[4] {1, 2, 3, 4}", "int64 {4}"),
    *("int64[2] {-1, 2}", "int64[2, 2] {1, 2, 3, 4}", "float[2] {1, 2}", "int64[4] {1, -2, 3, 4}"),
)


def leniently_and_not(text: str) -> None:
    for strict in (False, True):
        both(text, strict=strict, check=False, follow=True)


@pytest.mark.parametrize("call", [*NO_INPUT, *RAISED])
def test_without_inputs(call: str) -> None:
    op_type, _, attributes = call.partition("<")
    text = f"y = {op_type}{'<' if attributes else ''}{attributes}()"
    leniently_and_not(model("float[2] x", text, version=26))


@pytest.mark.parametrize("op_type", SHORT)
@pytest.mark.parametrize("x", ["float[2, 3]", "float[]", "undefined[2]"])
def test_with_an_input_too_few(op_type: str, x: str) -> None:
    leniently_and_not(model(f"{x} x", f"y = {op_type}(x)"))


@pytest.mark.parametrize("x", ["float[2, 3]", "float[]"])
def test_with_an_output_too_few(x: str) -> None:
    leniently_and_not(model(f"{x} x", "k = Constant<value_ints = [1]>() y = TopK(x, k)"))
    leniently_and_not(model(f"{x} x", "y = CausalConvWithState(x)", version=27))
    leniently_and_not(model("string[2] x", "y = StringSplit(x)"))


def test_what_is_followed_lacks_an_input() -> None:
    leniently_and_not(model("float[2, 3] x", "y = Add(x)"))


@pytest.mark.parametrize("version", [15, 18, 28])
@pytest.mark.parametrize("x", ["float[2, N]", "seq(float[2])", "optional(float[2])", "optional(seq(float[N]))"])
def test_optionals(version: int, x: str) -> None:
    for op_type in ("Optional", "OptionalGetElement", "OptionalHasElement"):
        for inputs in ("x", "", "x, x", "u"):
            leniently_and_not(model(f"{x} x", f"y = {op_type}({inputs})", version=version))
    leniently_and_not(model(f"{x} x", "o = Optional(x) y = OptionalGetElement(o)", version=version))


@pytest.mark.parametrize("code", [None, 0])
def test_what_is_in_an_optional_keeps_how_its_elements_are_stated(code: int | None) -> None:
    """A 0 that is stated is another message than none."""

    def program(o: Any) -> Any:
        inside = o.TypeProto()
        inside.tensor_type.shape.dim.add().dim_param = "N"
        if code is not None:
            inside.tensor_type.elem_type = code
        nodes = [o.helper.make_node("Optional", [], ["y"], type=inside), o.helper.make_node("Identity", ["y"], ["z"])]
        return o.shape_inference.infer_shapes(o.helper.make_model(o.helper.make_graph(nodes, "g", [], [])))

    assert isinstance(same(program), bytes)


@pytest.mark.parametrize("version", [9, 14, 15])
def test_batches(version: int) -> None:
    for x in ("float[2, 3, 4]", "float[N, C]", "float[3]", "float", "float[]", "undefined[2, 3]"):
        for vectors in ("float[3]", "float[C]", "float[4]", "float", "float[]", "float16[3]", "undefined[3]"):
            declared = f"{x} x, float[3] s, {vectors} b, float[C] m, {vectors} v"
            leniently_and_not(model(declared, "y = BatchNormalization(x, s, b, m, v)", version=version))
            trained = "y, p, q = BatchNormalization<training_mode = 1>(x, s, b, m, v)"
            leniently_and_not(model(declared, trained, version=version))


@pytest.mark.parametrize("size", SIZES)
def test_shapes_that_are_inputs(size: str) -> None:
    for theta in ("float[N, 2, 3]", "float[]", "undefined[2, 2, 3]"):
        leniently_and_not(model(f"{theta} x, {size} s", "y = AffineGrid(x, s)"))
    leniently_and_not(model(f"{size} s", "y = ConstantOfShape(s)"))


@pytest.mark.parametrize("held", HELD)
def test_shapes_that_are_constants(held: str) -> None:
    for theta in ("float[2, 2, 3]", "float[7]", "float[]"):
        leniently_and_not(model(f"{theta} x", f"s = Constant<value = {held}>() y = AffineGrid(x, s)"))
    leniently_and_not(model("", f"s = Constant<value = {held}>() y = ConstantOfShape(s)"))


def test_shapes_that_are_followed() -> None:
    leniently_and_not(model("float[2, 2, 3] x, float[2, 3, N, M] z", "s = Shape(z) y = AffineGrid(x, s)"))
    leniently_and_not(model("float[2, N] z", "s = Shape(z) y = ConstantOfShape(s)"))


@pytest.mark.parametrize(
    "value", ["int64[1] {1}", "int64 {1}", "int64[2] {1, 2}", "int64[1, 1] {1}", "1", '"a"', "[1]"]
)
def test_fills(value: str) -> None:
    leniently_and_not(model("int64[2] s", f"y = ConstantOfShape<value = {value}>(s)"))


@pytest.mark.parametrize("x", ["string[2, N]", "string", "string[]", "float[2]", "float[]"])
def test_texts(x: str) -> None:
    for outputs in ("y, z", "y", "y, z, w"):
        leniently_and_not(model(f"{x} x", f"{outputs} = StringSplit(x)"))
    leniently_and_not(model(f"{x} x", "y, z = StringSplit()"))


@pytest.mark.parametrize("version", [12, 13, 22])
@pytest.mark.parametrize("labels", ["int64[3, 5]", "int64[M, K]", "int64[3, 6]", "int64[3]", "int64[]"])
def test_losses(version: int, labels: str) -> None:
    for weights in ("float[4]", "float[5]", "float[J]", "float", "float[]"):
        for x in ("float[3, 4, 5]", "float[N, C, 5]", "float[3]", "float[]"):
            for reduction in ("none", "mean"):
                body = f'y = NegativeLogLikelihoodLoss<reduction = "{reduction}">(x, t, w)'
                leniently_and_not(model(f"{x} x, {labels} t, {weights} w", body, version=version))


def test_a_vector_of_less_than_nothing() -> None:
    """An Expand to -1 states an extent of -1, which counts no axes."""
    expanded = "m = Constant<value_ints = [-1]>() s = Expand(k, m)"
    for body in ("y = Reshape(x, s)", "y = ConstantOfShape(s)", "y = AffineGrid(x, s)"):
        leniently_and_not(model("int64[n] k, float[2, 2, 3] x", f"{expanded} {body}"))


@pytest.mark.parametrize("version", [13, 18])
def test_parts_whose_sizes_have_no_type(version: int) -> None:
    for x in ("float[4, 2]", "float[3]", "float[N]", "float[]"):
        leniently_and_not(model(f"{x} x", "y, z = Split(x, u)", version=version))


def test_zeros_in_a_version_that_keeps_them_all() -> None:
    for version in (13, 14):
        body = "s = Constant<value_ints = [0]>() y = Reshape<allowzero = 1>(x, s)"
        leniently_and_not(model("float[3, 4] x", body, version=version))


def test_one_hot_that_contradicts_itself_twice() -> None:
    for x, v in (("int64", "float[2]"), ("int64[2]", "float[3]"), ("int64", "float")):
        leniently_and_not(model(f"{x} x, int64 d, {v} v", "y = OneHot(x, d, v)"))
        leniently_and_not(model(f"{x} x, {v} v", "d = Constant<value_ints = [-1]>() y = OneHot(x, d, v)"))


@pytest.mark.parametrize("version", [10, 11, 13, 22])
def test_what_is_asked_for_of_a_version(version: int) -> None:
    for x in ("float[2, 3]", "float[2, 3, 4]", "float[]", "undefined[3]"):
        for body in (
            "y = Expand(x)",
            "y = Resize(x)",
            "y = EyeLike(x)",
            "y = EyeLike<dtype = 1>(x)",
            "y = Slice(x, x)",
        ):
            leniently_and_not(model(f"{x} x", body, version=version))
        leniently_and_not(model(f"{x} x", "y = MaxUnpool<kernel_shape = [2]>(x, x, x)", version=version))

"""A node that contradicts itself is refused where the official package refuses it, and passed over where that does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.compat.programs import same

MODES = list(itertools.product((False, True), repeat=3))  # strict_mode, check_type, data_prop


def both(text: str, *, strict: bool = False, check: bool = False, follow: bool = False) -> Any:
    """What both packages write, or the error both raise."""
    return same(
        lambda o: o.shape_inference.infer_shapes(
            o.parser.parse_model(text), strict_mode=strict, check_type=check, data_prop=follow
        )
    )


def model(inputs: str, body: str, *, outputs: str = "", version: int = 22, imports: str = "") -> str:
    return f'<ir_version: 10, opset_import: ["" : {version}{imports}]> g ({inputs}) => ({outputs}) {{ {body} }}'


PLANE = "float[1, 1, 5, 5] x, float[1, 1, 3, 3] w"
TRAINING = ', "ai.onnx.preview.training" : 1'
ML = ', "ai.onnx.ml" : 4'
REFUSED: dict[str, str] = {
    "strides of a Conv": model(PLANE, "y = Conv<strides = [1]>(x, w)"),
    "dilations of a Conv": model(PLANE, "y = Conv<dilations = [1, 1, 1]>(x, w)"),
    "no stride": model(PLANE, "y = Conv<strides = [1, 0]>(x, w)"),
    "pads of a MaxPool": model(PLANE, "y = MaxPool<kernel_shape = [2, 2], pads = [0, 0]>(x)"),
    "a kernel of no extent": model(PLANE, "y = AveragePool<kernel_shape = [2, 0]>(x)"),
    "groups of a ConvTranspose": model(PLANE, "y = ConvTranspose<group = 0>(x, w)"),
    "the kernel of a MaxUnpool": model(
        "float[1, 1, 2, 2] x, int64[1, 1, 2, 2] i", "y = MaxUnpool<kernel_shape = [2]>(x, i)"
    ),
    "the target of a MaxUnpool": model(
        "float[1, 1, 2, 2] x, int64[1, 1, 2, 2] i, int64[3] s", "y = MaxUnpool<kernel_shape = [2, 2]>(x, i, s)"
    ),
    "image and block": model("float[1, 5, 15] x, int64[2] i, int64[3] b", "y = Col2Im(x, i, b)"),
    "dilations of an image": model("float[1, 5, 15] x, int64[2] i, int64[2] b", "y = Col2Im<dilations = [1]>(x, i, b)"),
    "an image of bytes in rows": model("uint8[9, 9] x", "y = ImageDecoder(x)"),
    "statistics of other channels": model(
        "float[2, 3] x, float[3] s, float[4] b", "y = BatchNormalization(x, s, b, s, s)", version=15
    ),
    "statistics in rows": model("float[2, 3] x, float[3, 1] s", "y = BatchNormalization(x, s, s, s, s)", version=15),
    "statistics while not training": model(
        "float[2, 3] x, float[3] s", "y, m, v = BatchNormalization(x, s, s, s, s)", version=15
    ),
    "parts named twice": model("float[4] x, int64[2] s", "y, z = Split<num_outputs = 2>(x, s)"),
    "no parts": model("float[4] x", "y = Split<num_outputs = 0>(x)"),
    "parts of nothing": model("float[4] x", "s = Constant<value_int = 0>() y = SplitToSequence(x, s)"),
    "two numbers of elements": model("float[4] x", "k = Constant<value_ints = [1, 2]>() y, i = TopK(x, k)"),
    "values of a OneHot": model("int64[4] i, int64 d, float[3] v", "y = OneHot(i, d, v)"),
    "a depth of two": model("int64[4] i, int64[2] d, float[2] v", "y = OneHot(i, d, v)"),
    "an empty optional": model("float x", "y = Optional()"),
    "what a sequence takes": model("seq(float[2]) x, int64[2] y", "z = SequenceInsert(x, y)"),
    "no sequence to map": model(
        "float[2] x", "z = SequenceMap<body = b (float[2] i) => (float[2] o) { o = Relu(i) }>(x)"
    ),
    "no sequence at all": model(
        "float[2] x", "z = SequenceMap<body = b (float[2] i) => (float[2] o) { o = Relu(i) }>()"
    ),
    "neither sizes nor scales": model("float[1, 4] x", "y = Resize(x)"),
    "sizes and scales": model("float[1, 4] x, int64[2] s, float[2] f", "y = Resize(x, , f, s)"),
    "sizes and scales that are none": model(
        "float[1, 4] x, int64[0] s", "f = Constant<value_floats = [1.0]>() y = Resize<axes = [0, 0]>(x, , f, s)"
    ),
    "sizes of more axes": model("float[1, 4] x, int64[3] s", "y = Resize(x, , , s)"),
    "scales and a policy": model(
        "float[1, 4] x, float[2] f", 'y = Resize<keep_aspect_ratio_policy = "not_larger">(x, , f)'
    ),
    "an extent below -1": model("float[6] x", "s = Constant<value_ints = [-2]>() y = Reshape(x, s)"),
    "elements of other widths": model("float[N] x", "y = BitCast<to = 7>(x)", version=26),
    "columns of no block": model(
        "float[1, 10, 12] x, int64[2] i", "b = Constant<value_ints = [0, 5]>() y = Col2Im(x, i, b)"
    ),
    "columns in a plane": model("float[10, 12] x, int64[N] i, int64[N] b", "y = Col2Im(x, i, b)"),
    "elements of no type": model("float[N] x", "y = Cast<to = 99>(x)"),
    "ranks that are joined": model("float[2] x, float[2, 2] y", "z = Concat<axis = 0>(x, y)"),
    "an axis of a scalar": model("float x", "a = Constant<value_ints = [0]>() y = ReduceSum(x, a)"),
    "batches of a cache": model(
        "float[2, 1, 4, 5] p, float[2, 1, 1, 5] u, int64[3] w", "y = TensorScatter(p, u, w)", version=24
    ),
    "windows of Attention": model(
        "float[1, 2, 3, 4] q", "y = Attention<left_window_size = -2>(q, q, q)", version=28
    ),
    "gradients left over": model(
        "float r, int64 t, float[2] x", "y = ai.onnx.preview.training.Momentum(r, t, x, x, x, x)", imports=TRAINING
    ),
    "keys without values": model(
        "string[2] x", 'y = ai.onnx.ml.LabelEncoder<keys_strings = ["a", "b"], values_int64s = [1]>(x)', imports=ML
    ),
    "two kinds of values": model(
        "string[1] x",
        'y = ai.onnx.ml.LabelEncoder<keys_strings = ["a"], values_int64s = [1], values_floats = [1.0]>(x)',
        imports=ML,
    ),
    "an axis from behind": model("float[2, 3] x", "y = Transpose<perm = [1, -2]>(x)"),
    "pads below zero": model(PLANE, "y = Conv<pads = [0, 0, 0, -1]>(x, w)"),
    "blocks of nothing": model("float[1, 4, 2, 2] x", "y = DepthToSpace<blocksize = 0>(x)"),
    "heads side by side": model(
        "float[2, 4, 6] q", 'y, s = LinearAttention<q_num_heads = 4, kv_num_heads = 4>(q, q, q)', version=27
    ),
    "three batches": model(
        "float[1, 2, 3, 4] q, float[2, 2, 3, 4] k", "y = ai.onnx.preview.FlexAttention(q, k, q)",
        imports=', "ai.onnx.preview" : 1',
    ),
    "a plane of three extents": model(
        "float[1, 1, 3, 3] x, float[1, 2, 3, 3] w", "y = ConvTranspose<output_shape = [9, 9, 9]>(x, w)"
    ),
    "parts and outputs": model("float[6] x", "y = Split<split = [3, 3]>(x)", version=11),
    "no elements of an old TopK": model("float[6] x", "y, i = TopK<k = 0>(x)", version=9),
    "lengths in a vector": model("float[1, 8, 1] x", "n = Constant<value_ints = [4]>() y = DFT(x, n)", version=17),
    "padding below zero": model(
        "float[1, 1, 3, 3] x, float[1, 1, 3, 3] w", "y = ConvTranspose<output_padding = [-1, 0]>(x, w)"
    ),
    "a choice without a type": model("bool[2] c, x, float[2] y", "z = Where(c, x, y)"),
    "a sequence of nothing known": model("x", "z = SequenceConstruct(x)"),
    "sizes in rows": model("float[1, 4] x, int64[2, 2] s", "y = Resize(x, , , s)", version=19),
    "zero points": model(
        "uint8[2, 2] a, float s, int8 z, uint8 w", "y = QLinearMatMul(a, s, z, a, s, w, s, w)", version=21
    ),
    "a sum of nothing": model("float[2] x", "y = Max(, x)"),
    "a result without a type": model("x, float[2] y", "z = Add(x, y)"),
}  # fmt: skip


@pytest.mark.parametrize("title", REFUSED)
def test_refused(title: str) -> None:
    assert both(REFUSED[title], strict=True) == ("raises", "InferenceError")
    for strict, check, follow in MODES:
        both(REFUSED[title], strict=strict, check=check, follow=follow)


TAKEN: dict[str, str] = {
    "lists of the right length": model(PLANE, "y = Conv<strides = [1, 2], dilations = [1, 1]>(x, w)"),
    "a gap among many": model("float[3] x, float[3] y", "z = Mean(x, , y) w = Max(x, )"),
    "a gap that is joined": model("float[2, 2] x", "z = Concat<axis = 0>(x, )"),
    "more than an operator reads": model("float[2] x", "z = Relu(x, x)"),
    "statistics while training": model(
        "float[2, 3] x, float[3] s", "y, m, v = BatchNormalization<training_mode = 1>(x, s, s, s, s)", version=15
    ),
    "a number of elements that is not known": model("float[4] x, int64[2] k", "y, i = TopK(x, k)"),
    "a split that is left out": model("float[3, 6] x", "y = SplitToSequence<keepdims = 0>(x, )"),
    "what is unique of something": model("x", "y, i, j, n = Unique(x)"),
    "a loss for each label": model(
        "float[3, 5] x, int64[4] y", 'z, p = SoftmaxCrossEntropyLoss<reduction = "none">(x, y)'
    ),
    "scales, and sizes that are none": model(
        "float[1, 4] x, int64[0] s", "f = Constant<value_floats = [1.0, 2.5]>() y = Resize(x, , f, s)"
    ),
    "sizes, and scales that are none": model(
        "float[1, 4] x, int64[2] s", "f = Constant<value = float[0] {}>() y = Resize(x, , f, s)"
    ),
    "sizes and scales of something": model("x, int64[2] s, float[2] f", "y = Resize(x, , f, s)"),
    "as many scales as nobody counts": model("float[1, 4] x, float[3] f", "y = Resize(x, , f)"),
    "one scale for two axes": model(
        "float[1, 4, 0] x",
        's = Constant<value_ints = [7, 7]>() y = Resize<axes = [-1, 1], keep_aspect_ratio_policy = "not_larger">(x, , , s)',
    ),
    "some axes in another order": model("float[2, 3, 4] x", "y = Transpose<perm = [2, 0]>(x)"),
    "a shape that is one number": model(
        "float[6] x", "s = Constant<value_int = 6>() y = Reshape(x, s) z = Expand(x, s)"
    ),
    "what a name leaves open": model("float[N, 4] x", "s = Constant<value_ints = [0, -1]>() y = Reshape(x, s)"),
    "updates that fit nowhere": model(
        "float[2] x, int64[3, 4] i, float[5] u", "y = ScatterElements(x, i, u) z = ScatterND(x, i, u)"
    ),
    "names along the axis": model("float[N, 4] x, float[2, M] y", "z = Concat<axis = 0>(x, y)"),
    "elements of as many bits": model("float[N] x", "y = BitCast<to = 6>(x)", version=26),
    "columns of a block alone": model("float[1, 10, M] x, int64[N] i, int64[2] b", "y = Col2Im(x, i, b)"),
    "ones of an old Upsample": model("float[N, 4] x", "y = Upsample<scales = [2.0, 1.5]>(x)", version=7),
    "extents that an old Expand does not follow": model(
        "float[N, 1] x, float[N, M] y", "s = Shape(y) z = Expand(x, s)", version=11
    ),
    "extents of which an old Shape takes all": model(
        "float[2, 3, 4] x", "s = Shape<start = 1, end = 2>(x) z = ConstantOfShape(s)", version=13
    ),
    "sizes that follow from no axes": model(
        "float x", "s = Shape(x) f = Constant<value = float[0] {}>() y = Resize(x, , , s)"
    ),
    "a space by its size": model("float[2, 2, 3] t, int64[5] s", "y = AffineGrid(t, s)"),
}


@pytest.mark.parametrize("title", TAKEN)
def test_taken(title: str) -> None:
    for strict, follow in itertools.product((False, True), repeat=2):
        both(TAKEN[title], strict=strict, follow=follow)


# Where one thing is known and another is not, both say as much, no more and no less.
HALVES: dict[str, str] = {
    "frequencies that are not known": model(
        "float a, int64 r", "n = Constant<value_int = 4>() y = MelWeightMatrix(n, n, r, a, a)", version=17
    ),
    "a step in a vector": model(
        "float[2, 64, 1] x, int64 n, float[16] w", "s = Constant<value_ints = [8]>() y = STFT(x, s, w)", version=17
    ),
    "a scalar in an old reduction": model("float x", "y = ReduceMax<axes = [1]>(x)", version=11),
    "shapes that nobody compares": model(
        "float[2, 3, 4] x, float[5, 5] s, float[7] b, int8[2, 3, 4] q",
        "y = InstanceNormalization(x, s, b) z = DequantizeLinear(q, s) w = PRelu(x, b)"
    ),
    "statistics that nobody compares": model(
        "float[2, 3] x, float[5, 5] s", "y = BatchNormalization(x, s, s, s, s)", version=9
    ),
    "nothing to pool over": model("float[3] x", "y = GlobalMaxPool(x)"),
    "a cache that grows": model(
        "float[2, 3, 4, 8] q, float[2, 3, 6, 8] k, float[B, A, 12, 8] p, float[2, 3, N, 8] v",
        "y, a, b = Attention(q, k, k, , p, v)", version=23,
    ),
    "channels that the indices tell": model(
        "float[1, C, 2, 2] x, int64[1, 1, 2, 2] i", "y = MaxUnpool<kernel_shape = [2, 2]>(x, i)"
    ),
    "a cut that is not known": model(
        "float[N, 10] x, int64[1] e", "s = Constant<value = int64[1] {0}>() y = Slice(x, s, e)", version=10
    ),
    "heads of an unknown rank": model(
        "float[1, 2, 3, 4] q, k", "y = ai.onnx.preview.FlexAttention(q, k, k)", imports=', "ai.onnx.preview" : 1'
    ),
    "columns by a constant block": model(
        "float[1, 9, B] x, int64[2] i", "b = Constant<value_ints = [3, 3]>() y = Col2Im(x, i, b)"
    ),
    "an axis that is not padded": model(
        "float[A, 5, B] x", "p = Constant<value_ints = [0, 1]>() a = Constant<value_ints = [0]>() y = Pad(x, p, , a)"
    ),
    "frames of a batch": model("float[B, 128, 1] x, int64 s, int64 n", "y = STFT(x, s, , n)"),
    "no elements times unknown ones": model("float[0, 3, B, C] x", "y = Flatten<axis = -3>(x) z = Flatten<axis = 1>(x)"),
    "a batch that the state tells": model(
        "float[B, 4, 8] x, float[4, 1, 4] w, float[2, 4, 3] p", "y, s = CausalConvWithState(x, w, , p)", version=27
    ),
    "a batch that the keys tell": model(
        "float[B, 2, 4, 8] q, float[1, 2, 6, 8] k", "y = ai.onnx.preview.FlexAttention(q, k, k)",
        version=26, imports=', "ai.onnx.preview" : 1',
    ),
    "states of a network without one size": model(
        "float[3, 1, 2] x, float[1, 15, 2] w, float[1, 15, 5] r", "y, h = GRU<hidden_size = -1>(x, w, r)"
    ),
    "states of an old network": model(
        "float[3, 1, 2] x, float[1, 15, 2] w, float[1, 15, 5] r",
        "y, h = GRU<hidden_size = 5, output_sequence = 1>(x, w, r) z, k = GRU<hidden_size = 5>(x, w, r)",
        version=6,
    ),
    "what a node states": model(
        "float[1, 1, N, 3] x, float[1, 2, 3, 3] w",
        "y = ConvTranspose<kernel_shape = [3, 3], output_shape = [10, 8], strides = [3, 2]>(x, w)",
    ),
    "sequences of unknown lengths": model("float[4, 4] x, int64 n", "y = ReverseSequence(x, n) z = AffineGrid(x, n)"),
}  # fmt: skip


@pytest.mark.parametrize("title", HALVES)
def test_halves(title: str) -> None:
    for strict, follow in itertools.product((False, True), repeat=2):
        both(HALVES[title], strict=strict, follow=follow)


@pytest.mark.parametrize(
    ("op", "value"), [("Min", [3, 1]), ("Expand", [2, 2]), ("Reshape", [1, 2]), ("Slice", [0, 1]), ("Tile", [2, 1])]
)
def test_constants_whose_input_has_no_shape(op: str, value: list[int]) -> None:
    """What an initializer holds is known, and yet the shape its input declares is missing."""

    def program(o: Any) -> Any:
        h, i64 = o.helper, o.TensorProto.INT64
        names = ["x", "k", "k", "k"] if op == "Slice" else ["x", "k"]
        inputs = [h.make_tensor_value_info("x", i64, [1, 2]), h.make_tensor_value_info("k", i64, None)]
        held = [h.make_tensor("k", i64, [2], value)]
        graph = h.make_graph([h.make_node(op, names, ["y"])], "g", inputs, [], initializer=held)
        made = h.make_model(graph, opset_imports=[h.make_opsetid("", 22)], ir_version=10)
        return o.shape_inference.infer_shapes(made)

    same(program)


@pytest.mark.parametrize("flag", [-1, 0, 1, 2])
@pytest.mark.parametrize(
    "node",
    [
        "ReduceMax<keepdims = {}>(x)",
        "ArgMin<keepdims = {}>(x)",
        "MaxPool<ceil_mode = {}, kernel_shape = [2, 2], strides = [3, 3]>(x)",
        "Gemm<transA = {}>(m, m)",
    ],
)
def test_flags_that_are_neither_0_nor_1(node: str, flag: int) -> None:
    both(model("float[1, 1, 5, 5] x, float[3, 3] m", f"y = {node.format(flag)}"))


# --- types that do not say what they are types of

UNTYPED = ("an input", "in a sequence", "an output")


def untyped(o: Any, title: str, **modes: bool) -> Any:
    """A model with a tensor whose elements are of no type, which the text syntax cannot say."""
    h, none = o.helper, o.TensorProto.UNDEFINED
    tensor = h.make_tensor_value_info("x", none, [2])
    node = h.make_node("Shape", ["x"], ["y"])
    if title == "in a sequence":
        tensor = h.make_tensor_sequence_value_info("x", none, [2])
        node = h.make_node("SequenceLength", ["x"], ["y"])
    elif title == "an output":
        tensor = h.make_tensor_value_info("x", o.TensorProto.INT32, [])
        node = h.make_node("HannWindow", ["x"], ["y"], output_datatype=0)
    graph = h.make_graph([node], "g", [tensor], [])
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", 22)], ir_version=10)
    return o.shape_inference.infer_shapes(made, **modes)


@pytest.mark.parametrize("title", UNTYPED)
def test_types_that_are_not_whole(title: str) -> None:
    """Whoever asks for types to be checked gets a ValueError at once, strict or not."""
    for strict, follow in itertools.product((False, True), repeat=2):
        modes = {"strict_mode": strict, "data_prop": follow}
        found = same(lambda o, m=modes: untyped(o, title, check_type=True, **m))
        assert found == ("raises", "ValueError")
    same(lambda o: untyped(o, title))


def test_a_loop_that_gives_less_than_its_state() -> None:
    """There is no place for the state, so that the node is refused at once."""
    body = "b (int64 i, bool c, float a, float b) => (bool d, float e, float f) { d = Identity(c) e = Relu(a) f = Relu(b) }"
    text = model("int64 n, bool c, float x", f"y = Loop<body = {body}>(n, c, x, x)")
    for strict in (False, True):
        assert both(text, strict=strict) == ("raises", "InferenceError")

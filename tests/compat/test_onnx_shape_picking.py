"""Picks, pads, ranges, sequences, sums, constants and steps of training: both packages say the same of them, in every mode."""

from __future__ import annotations

import itertools
from typing import Any

import onnx as official
import pytest

from tests.compat import test_onnx_shape_refusals as refusals
from tests.compat.programs import same
from tests.compat.test_onnx_shape_refusals import MODES, model

NEWEST = official.defs.onnx_opset_version()


def both(text: str, **modes: bool) -> Any:
    """What both packages say of a model, in which no attributes at all are no list of attributes."""
    return refusals.both(text.replace("<>", ""), **modes)


def all_modes(text: str) -> None:
    for strict, check, follow in MODES:
        both(text, strict=strict, check=check, follow=follow)


def versions(op_type: str, first: int = 1) -> list[int]:
    """Where an operator's versions begin."""
    return sorted(
        s.since_version
        for s in official.defs.get_all_schemas_with_history()
        if s.name == op_type and not s.domain and s.since_version >= first
    )


# -- picked ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions("GatherND"))
@pytest.mark.parametrize("indices", ["[2]", "[3]", "[2, 1]", "[2, 2]", "[4, 2]", "[N]", "[2, N]", "[N, 2]", "[]", ""])
def test_coordinates(indices: str, version: int) -> None:
    batches = ["", "batch_dims = 0", "batch_dims = 1", "batch_dims = 2"]
    for data, attr in itertools.product(("[2]", "[2, 5, 6]", "[N, 5, M]", "[]", ""), batches):
        both(model(f"float{data} x, int64{indices} i", f"y = GatherND<{attr}>(x, i)", version=version), strict=True)


def test_coordinates_of_single_elements() -> None:
    """Of a scalar nothing but its elements is said."""
    said = both(model("float[2, 5] x, int64[2] i", "y = GatherND(x, i)"), strict=True)
    assert b"y\x12\x04\x0a\x02\x08\x01" in said


@pytest.mark.parametrize("axis", [-9, -1, 0, 1, 9])
def test_one_element_for_each_index(axis: int) -> None:
    """Neither the axis nor the data's shape matters."""
    for data, indices in itertools.product(("[2, 3]", "[N]", "[]", ""), repeat=2):
        all_modes(model(f"float{data} x, int64{indices} i", f"y = GatherElements<axis = {axis}>(x, i)"))


@pytest.mark.parametrize("op_type", ["CumSum", "CumProd"])
def test_running_sums(op_type: str) -> None:
    for axis in ("int64 {1}", "int32 {7}", "int64[1] {0}", "int64[2] {0, 1}"):
        for x in ("float[2, 3]", "float[N]", "float", "float[]"):
            body = f"a = Constant<value = {axis}>() y = {op_type}(x, a)"
            all_modes(model(f"{x} x", body, version=NEWEST))


@pytest.mark.parametrize("version", versions("ReverseSequence"))
def test_reversed(version: int) -> None:
    for x, lengths in itertools.product(
        ("[3, 2]", "[N, M, 4]", "[3]", "", "[]"), ("[2]", "[5]", "[N]", "[2, 1]", "[]")
    ):
        for axes in ("", "batch_axis = 0, time_axis = 1", "batch_axis = -1, time_axis = 9"):
            body = f"y = ReverseSequence<{axes}>(x, n)"
            both(model(f"float{x} x, int64{lengths} n", body, version=version), strict=True)


@pytest.mark.parametrize("version", versions("RoiAlign"))
def test_regions(version: int) -> None:
    sizes = ("", "output_height = 7", "output_height = 7, output_width = -2")
    for x, regions, batches in itertools.product(
        ("[1, 3, 8, 8]", "[N, C, H, W]", "[]", "[3, 8, 8]"),
        ("[R, 4]", "[6, 4]", "[6, 5]", "[?, ?]", "[4]", "[]"),
        ("[Q]", "[6]", "[7]", "[?]", "[6, 1]", "[]"),
    ):
        inputs = f"float{x} x, float{regions} r, int64{batches} b"
        for size in sizes[: 3 if x == "[]" else 1]:
            both(model(inputs, f"y = RoiAlign<{size}>(x, r, b)", version=version), strict=True)


# -- repeated and padded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions("Tile", 6))
@pytest.mark.parametrize(
    "times", ["int64[2] {2, 3}", "int64[2] {0, 1}", "int64[2] {1, -1}", "int64[1] {2}", "int32[2] {2, 3}", "int64 {2}"]
)
def test_repeated(times: str, version: int) -> None:
    for x in ("[4, 5]", "[N, 5]", "[?, M]", "", "[]"):
        all_modes(model(f"float{x} x", f"n = Constant<value = {times}>() y = Tile(x, n)", version=version))
    all_modes(model("float[4, N] x, int64[2] n", "y = Tile(x, n)", version=version))


@pytest.mark.parametrize("pads", [[1, 0, 2, 0], [0, 0, 0, 0], [-9, 1, 0, -1], [1, 2], [], [1, 2, 3]])
def test_padded_by_an_attribute(pads: list[int]) -> None:
    for x in ("[4, 5]", "[N, M]", "[?, 5]", "[4]", "", "[]"):
        all_modes(model(f"float{x} x", f"y = Pad<pads = {pads}>(x)" if pads else "y = Pad(x)", version=10))


@pytest.mark.parametrize("version", versions("Pad", 11))
@pytest.mark.parametrize(
    "pads",
    ["int64[4] {1, 0, 2, 0}", "int64[4] {-9, 0, 1, 0}", "int64[2] {1, 2}", "int64[1, 2] {1, 2}", "int32[2] {1, 1}"],
)
def test_padded(pads: str, version: int) -> None:
    for x in ("[4, 5]", "[N, M]", "[4]", "", "[]"):
        both(model(f"float{x} x", f"p = Constant<value = {pads}>() y = Pad(x, p)", version=version), strict=True)
    both(model("float[4, N] x, int64[4] p", "y = Pad(x, p)", version=version), strict=True)


@pytest.mark.parametrize("version", versions("Pad", 18))
@pytest.mark.parametrize(
    "axes", ["int64[1] {1}", "int64[1] {-2}", "int64[1] {2}", "int64[2] {0, -2}", "int32[1] {0}", "int64[0] {}"]
)
def test_padded_on_some_axes(axes: str, version: int) -> None:
    """Axes that are constants are of 64 bits."""
    for x, pads in itertools.product(("[4, 5]", "[N, M]", "[]"), ("int64[2] {0, 0}", "int64[2] {1, 2}")):
        constants = f"p = Constant<value = {pads}>() a = Constant<value = {axes}>()"
        both(model(f"float{x} x", f"{constants} y = Pad(x, p, , a)", version=version), strict=True)
    for a in ("int64[1]", "int64[]", "int32[2]"):
        both(model(f"float[4, N] x, {a} a, int64[2] p", "y = Pad(x, p, , a)", version=version), strict=True)


# -- counted out -----------------------------------------------------------------------------------------------------------


HALVES = ("float16", "bfloat16")  # numbers of half a word came with version 27
WHOLES = ("float", "double", "int16", "int32", "int64")


@pytest.mark.parametrize(
    ("kind", "version"), [*itertools.product(WHOLES, versions("Range")), *((kind, NEWEST) for kind in HALVES)]
)
def test_ranges(kind: str, version: int) -> None:
    forward = [(0, 9, 2), (3, 3, 1), (0, 5, 0), (7, 0, 2)]
    for start, limit, step in forward if "16" in kind else [*forward, (9, 0, -4), (0, 9, -1), (-7, 7, 3)]:
        numbers = zip("abc", (start, limit, step), strict=True)
        constants = " ".join(f"{name} = Constant<value = {kind} {{{n}}}>()" for name, n in numbers)
        both(model("float x", f"{constants} y = Range(a, b, c)", version=version), strict=True)


def test_a_range_too_long_for_its_type() -> None:
    for kind, low, high in (("int32", -(2**31), 2**31 - 1), ("int64", -(2**62), 2**62), ("float", 0, 10**30)):
        constants = f"a = Constant<value = {kind} {{{low}}}>() b = Constant<value = {kind} {{{high}}}>()"
        both(model("float x", f"{constants} c = Constant<value = {kind} {{3}}>() y = Range(a, b, c)"), strict=True)


def test_ranges_of_what_is_no_scalar() -> None:
    for a, b in (("int64[1] {0}", "int64 {5}"), ("int32 {0}", "int64 {5}"), ("int16[1] {0}", "int16 {5}")):
        kind = b.split()[0]
        constants = f"a = Constant<value = {a}>() b = Constant<value = {b}>() c = Constant<value = {kind} {{1}}>()"
        all_modes(model("float x", f"{constants} y = Range(a, b, c)"))
    all_modes(model("int64 a, int64 b, int64 c", "y = Range(a, b, c)"))


# -- sequences -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["float[2, 3]", "float[2, x]", "float[?, 3]", "float[2]", "float[]", "int64[2, 3]"])
def test_a_sequence_of_two(other: str) -> None:
    for first in ("float[2, 3]", "float[y, x]", "float[?, x]"):
        for rest in (
            "",
            "z = SequenceAt(s, p)",
            "z = SequenceErase(s, p)",
            "z = SequenceInsert(s, a)",
            "z = SequenceLength(s)",
            "z = ConcatFromSequence<axis = 1>(s)",
        ):
            body = f"s = SequenceConstruct(a, b) {rest}"
            both(model(f"{first} a, {other} b, int64 p", body), strict=True)


@pytest.mark.parametrize("kind", ["seq(float[2, N])", "seq(float[])", "seq(double[2, 3])"])
def test_one_tensor_more(kind: str) -> None:
    for tensor in ("float[2, 3]", "float[2, N]", "float[2]", "float[]", "int64[2, 3]", "seq(float[2, 3])"):
        all_modes(model(f"{kind} s, {tensor} x", "z = SequenceInsert(s, x)"))
        both(model(f"{kind} s, {tensor} x", "z = SequenceInsert(s, )"), strict=True)
    for op_type in ("SequenceLength", "SequenceErase"):
        both(model(f"{kind} s", f"z = {op_type}(s)"), strict=True)


@pytest.mark.parametrize("axis", [-4, -3, -1, 0, 2, 3])
def test_joined(axis: int) -> None:
    for held, new in itertools.product(
        ("float[2, N, ?]", "float", "float[]"), ("", ", new_axis = 1", ", new_axis = 2")
    ):
        all_modes(model(f"seq({held}) s", f"y = ConcatFromSequence<axis = {axis}{new}>(s)"))


@pytest.mark.parametrize("version", versions("SplitToSequence"))
@pytest.mark.parametrize(
    "sizes",
    ["int64[2] {3, 3}", "int32[2] {2, 4}", "int64[2] {2, 2}", "int64 {4}", "int64 {2}", "int64 {0}", "int64[0] {}"],
)
def test_split(sizes: str, version: int) -> None:
    for x, axis in itertools.product(("[6, 4]", "[N, 6]", "", "[]"), (0, -1, 2)):
        for flags in ("", ", keepdims = 0"):
            body = f"n = Constant<value = {sizes}>() y = SplitToSequence<axis = {axis}{flags}>(x, n)"
            both(model(f"float{x} x", body, version=version), strict=True)
    for flags in ("keepdims = 0", "keepdims = 2", "axis = -2"):
        for inputs in ("x", "x, ", "x, s"):
            both(
                model("bool[6, N] x, int64[2] s", f"y = SplitToSequence<{flags}>({inputs})", version=version),
                strict=True,
            )


def test_an_empty_sequence() -> None:
    for dtype in ("", "dtype = 7", "dtype = 0", "dtype = 99"):
        both(model("float x", f"y = SequenceEmpty<{dtype}>()"), strict=True)


# -- sums ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions("Einsum"))
@pytest.mark.parametrize(
    "equation",
    [
        *("ij->ji", "i j -> i", "ij", "...ij->...ji", "i...->...", "ii->i", "ij->k", "ij->ij->i", "...", "ij,"),
        *("ij,jk->ik", "ij,jk", "...ij,...jk->...ik", "...ij,...jk", ",->", "Ab,bA->Ab", "i,i->", "a...b,b...->...a"),
    ],
)
def test_sums(equation: str, version: int) -> None:
    """An axis has the extent that its letter had first; hidden axes are broadcast where the first extent is 1."""
    shapes = ("[2, 3]", "[N, M]", "[1, 3]", "[?, 3, 4]", "[5, 4, 4]", "[4]", "", "[]")
    for a, b in itertools.product(shapes, repeat=2):
        both(
            model(f"float{a} a, float{b} b", f'y = Einsum<equation = "{equation}">(a, b)', version=version), strict=True
        )
    for a in shapes:
        both(model(f"float{a} a", f'y = Einsum<equation = "{equation}">(a)', version=version), strict=True)


def test_a_sum_without_equation() -> None:
    all_modes(model("float[2] a", "y = Einsum(a)"))


def test_what_is_no_letter() -> None:
    """The official package never comes back from this."""
    from sardonyx.compat.onnx import parser, shape_inference

    text = model("float[2, 3] a", 'y = Einsum<equation = "i1->i">(a)')
    with pytest.raises(shape_inference.InferenceError, match="Only letters"):
        shape_inference.infer_shapes(parser.parse_model(text), strict_mode=True)


# -- constants -------------------------------------------------------------------------------------------------------------


def _attributes(o: Any) -> list[Any]:
    """Attributes of every form, some of them without what they should hold."""
    kinds = o.AttributeProto
    tensor = o.helper.make_tensor("t", o.TensorProto.FLOAT, [2], [1.0, 2.0])
    sparse = o.SparseTensorProto(dims=[3, 40])  # its indices are flat, its elements uncounted
    sparse.values.CopyFrom(o.helper.make_tensor("v", o.TensorProto.INT64, [1], [7]))
    sparse.indices.CopyFrom(o.helper.make_tensor("i", o.TensorProto.INT64, [2], [4, 5]))
    return [
        o.AttributeProto(name="value", type=kinds.TENSOR, t=tensor),
        o.AttributeProto(name="value", type=kinds.TENSOR),
        o.AttributeProto(name="value", type=kinds.TENSOR, t=o.TensorProto(dims=[2])),
        o.AttributeProto(name="value", type=kinds.INT, i=3),
        o.AttributeProto(name="sparse_value", type=kinds.SPARSE_TENSOR, sparse_tensor=sparse),
        o.AttributeProto(name="sparse_value", type=kinds.SPARSE_TENSOR),
        *(o.AttributeProto(name="value_int", type=kinds.INT, **held) for held in ({"i": 3}, {}, {"f": 1.0})),
        *(o.AttributeProto(name="value_float", type=kinds.FLOAT, **held) for held in ({"f": 3.0}, {})),
        *(o.AttributeProto(name="value_string", type=kinds.STRING, **held) for held in ({"s": b"x"}, {})),
        *(o.AttributeProto(name="value_ints", type=kinds.INTS, ints=held) for held in ([1, 2], [])),
        *(o.AttributeProto(name="value_floats", type=kinds.FLOATS, floats=held) for held in ([1.0], [])),
        *(o.AttributeProto(name="value_strings", type=kinds.STRINGS, strings=held) for held in ([b"a"], [])),
        o.AttributeProto(name="other", type=kinds.INT, i=3),
    ]


@pytest.mark.parametrize("version", [1, 9, 11, 12, NEWEST])
def test_constants(version: int) -> None:
    """What an attribute says of itself is believed; two are one too many since version 11."""
    count = len(_attributes(official))
    for chosen in ((), *itertools.combinations(range(count), 1), *itertools.combinations(range(count), 2)):

        def program(o: Any, chosen: tuple[int, ...] = chosen) -> Any:
            made = _attributes(o)
            node = o.NodeProto(op_type="Constant", output=["y"], attribute=[made[i] for i in chosen])
            graph = o.helper.make_graph([node], "g", [], [])
            stated = o.helper.make_model(graph, opset_imports=[o.helper.make_opsetid("", version)])
            return o.shape_inference.infer_shapes(stated, strict_mode=True)

        same(program)


# -- rounded and trained ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", ["y, s, z", "y, , z", ", s, z", "y, s", "y"])
def test_rounded(outputs: str) -> None:
    for x in ("[2, N]", "", "[]"):
        all_modes(model(f"float{x} x", f"{outputs} = DynamicQuantizeLinear(x)"))


@pytest.mark.parametrize("op_type", ["Adagrad", "Adam", "Momentum"])
@pytest.mark.parametrize("count", range(9))
def test_trained(op_type: str, count: int) -> None:
    """Tensors and states come out as they went in; the node must have a place for each."""
    domain = ', "ai.onnx.preview.training" : 1'
    tensors = ", ".join("abcdefgh"[:count])
    inputs = (
        "float r, int64 t, float[2] a, double[N] b, float c, float[3, 4] d, float[] e, float[2] f, float g, double h"
    )
    for outputs in ("p", "p, q", "p, q, s, u", "p, , s, u, v, w"):
        body = f"{outputs} = ai.onnx.preview.training.{op_type}(r, t{', ' if count else ''}{tensors})"
        both(model(inputs, body, imports=domain), strict=True)


STEP = {"alpha": 0.9, "beta": 1.0, "mode": "standard", "norm_coefficient": 0.0}


@pytest.mark.parametrize(
    ("op_type", "domain", "operands", "attributes"),
    [
        ("DynamicQuantizeLinear", "", "x", {}),
        ("Momentum", "ai.onnx.preview.training", "rtxxx", STEP),
    ],
)
def test_outputs_that_a_node_has_no_place_for(
    op_type: str, domain: str, operands: str, attributes: dict[str, Any]
) -> None:
    """Asked about the node alone, both packages raise what is no error of inference."""

    def program(o: Any) -> Any:
        node = o.helper.make_node(op_type, list(operands), ["y"], domain=domain, **attributes)
        types = {name: o.helper.make_tensor_type_proto(7 if name == "t" else 1, [2]) for name in operands}
        return o.shape_inference.infer_node_outputs(o.defs.get_schema(op_type, domain=domain), node, types)

    assert same(program)[0] == "raises"

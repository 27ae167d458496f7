from __future__ import annotations

import time

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core.dims import Dim, symbol
from sardonyx.core.dtypes import BOOL, FLOAT16, FLOAT32, INT64
from sardonyx.core.errors import DTypeError, InputError, ShapeError, UnsupportedError
from sardonyx.ir import Attr, AttrKind, Graph, Model, Node, TensorType, Value
from sardonyx.ops.builder import Builder

N = symbol("n")


def builder(opset: int = 20, **inputs: TensorType) -> tuple[Builder, list[Value]]:
    graph = Graph("main", [Value(name, kind) for name, kind in inputs.items()])
    return Builder(graph, {"": opset}), graph.inputs


def model_of(g: Builder, *outputs: Value) -> Model:
    g.graph.outputs = list(outputs)
    return Model(g.graph, dict(g.opsets))


def f32(*shape: Dim) -> TensorType:
    return TensorType(FLOAT32, shape)


def test_a_chain_runs() -> None:
    g, (x,) = builder(x=f32(N, 3))
    y = g.Relu(g.Gemm(x, np.eye(3, dtype=np.float32), [1.0, 2.0, -9.0], alpha=2))
    assert str(y.type) == "float32[n, 3]"
    (result,) = sx.evaluate(model_of(g, y), [np.ones((2, 3), np.float32)])
    np.testing.assert_array_equal(result, [[3, 4, 0]] * 2)


# -- constants -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FLOAT32, FLOAT16, INT64])
def test_a_number_takes_the_type_of_its_sibling(kind: object) -> None:
    g, (x,) = builder(x=TensorType(kind, (2,)))  # type: ignore[arg-type]
    y = g.Mul(2, x)
    assert y.dtype is kind
    assert y.producer is not None
    assert y.producer.inputs[0] is not None
    assert y.producer.inputs[0].dtype is kind


def test_a_number_takes_the_only_type_its_input_has() -> None:
    g, (x,) = builder(x=f32(2, 3))
    assert str(g.Reshape(x, [3, -1]).type) == "float32[3, 2]"


def test_equal_small_constants_exist_once() -> None:
    g, (x,) = builder(x=f32(2))
    g.Add(g.Mul(x, 2.0), 2.0)
    g.Add(x, np.full(2000, 2, np.float32).reshape(1000, 2))
    g.Add(x, np.full(2000, 2, np.float32).reshape(1000, 2))
    assert len(g.graph.initializers) == 3


def test_a_fraction_is_no_integer() -> None:
    g, (x,) = builder(x=TensorType(INT64, (2,)))
    with pytest.raises(DTypeError, match=r"0\.5 is no int64"):
        g.Mul(x, 0.5)


# -- attributes ------------------------------------------------------------------------------------------------------------


def test_attributes_take_the_declared_kind() -> None:
    g, (x,) = builder(x=f32(2, 3))
    node = g.LeakyRelu(x, alpha=1).producer
    assert node.attrs["alpha"].kind == AttrKind.FLOAT
    assert g.Cast(x, to=BOOL).producer.attr("to") == BOOL.code
    assert g.Softmax(x, axis=True).producer.attrs["axis"].kind == AttrKind.INT


def test_defaults_are_not_written() -> None:
    g, (x,) = builder(x=f32(2, 3))
    assert not g.Gemm(x, np.ones((3, 1), np.float32), alpha=1.0, transA=0).producer.attrs


def test_an_unknown_attribute_is_refused() -> None:
    g, (x,) = builder(x=f32(2, 3))
    with pytest.raises(InputError, match="no attribute 'axes' at version 13") as caught:
        g.Softmax(x, axes=1)
    assert caught.value.fix == "did you mean 'axis'?"


def test_inputs_become_the_attributes_they_were() -> None:
    g, (x,) = builder(11, x=f32(1, 3))
    node = g.Squeeze(x, [0]).producer
    assert node.attrs["axes"].value == (0,)
    assert len(node.inputs) == 1
    with pytest.raises(InputError, match="no input 'axes' at version 11"):
        g.Squeeze(x, Value("axes", TensorType(INT64, (1,))))


# -- refusals --------------------------------------------------------------------------------------------------------------


def test_contradictions_are_refused_and_leave_no_trace() -> None:
    g, (x, flag) = builder(x=f32(2, 3), flag=TensorType(BOOL, (2,)))
    with pytest.raises(ShapeError, match="inner dimensions"):
        g.MatMul(x, np.ones((4, 5), np.float32))
    with pytest.raises(DTypeError, match="does not take bool"):
        g.Add(flag, flag)
    with pytest.raises(DTypeError, match="float32 and int64"):
        g.Add(x, np.ones(3, np.int64))
    with pytest.raises(InputError, match="takes 2 inputs, not 1"):
        g.Add(x)
    assert not x.uses
    assert len(g.graph) == 0


# -- names and places ------------------------------------------------------------------------------------------------------


def test_scopes_name_nodes_and_values() -> None:
    g, (x,) = builder(x=f32(2))
    with g.scope("layer1", metadata={"by": "test"}), g.scope("conv", source="net.py:42", hint="features"):
        first, second = g.Relu(x), g.Relu(x)
    assert [first.name, second.name] == ["features", "features_1"]
    assert [n.name for n in g.graph.nodes] == ["layer1.conv.Relu", "layer1.conv.Relu_1"]
    assert first.producer.source == "net.py:42"
    assert first.producer.metadata == {"by": "test"}
    assert g.Relu(x).producer.source is None


def test_new_names_avoid_those_of_the_graph() -> None:
    g, (relu,) = builder(relu=f32(2))
    assert g.Relu(relu).name == "relu_1"


def test_names_cost_constant_time() -> None:
    g, _ = builder(x=f32(2))
    begun = time.perf_counter()
    names = [g.fresh("v") for _ in range(100_000)]
    assert len(set(names)) == len(names)
    assert time.perf_counter() - begun < 2


def test_nodes_go_in_front_of_the_anchor() -> None:
    g, (x,) = builder(x=f32(2))
    last = g.Relu(x).producer
    Builder(g.graph, g.opsets, before=last).Neg(x)
    assert [n.op_type for n in g.graph.nodes] == ["Neg", "Relu"]


# -- several outputs, subgraphs, other domains -------------------------------------------------------------------------------


def test_several_outputs_come_as_a_tuple() -> None:
    g, (x,) = builder(x=f32(4, 6))
    parts = g.op("Split", x, axis=1, num_outputs=3, outputs=3)
    assert isinstance(parts, tuple)
    assert len({p.name for p in parts}) == 3


def test_a_branch_reads_what_surrounds_it() -> None:
    g, (c, x) = builder(c=TensorType(BOOL, ()), x=f32(2))
    then = g.body("then", [], lambda h: h.Mul(x, 2.0))
    other = g.body("else", [], lambda h: x)
    y = g.If(c, then_branch=then, else_branch=other)
    assert str(y.type) == "float32[2]"
    model = model_of(g, y)
    for flag in (True, False):
        (result,) = sx.evaluate(model, [np.array(flag), np.ones(2, np.float32)])
        np.testing.assert_array_equal(result, [2, 2] if flag else [1, 1])


def test_operators_of_other_domains_are_taken_as_they_are() -> None:
    g, (x,) = builder(x=f32(2))
    node: Node = g.op("com.example.Twice", x, times=2).producer
    assert (node.domain, node.op_type, node.attrs["times"].kind) == ("com.example", "Twice", AttrKind.INT)
    assert g.opsets["com.example"] == 1
    assert isinstance(node.attrs["times"], Attr)


# -- extents ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ([N, 3], lambda n: [n, 3]),
        ([N * 2 + 1, 4], lambda n: [n * 2 + 1, 4]),
        ([N * N - N, 1], lambda n: [n * n - n, 1]),
        ([3 - N], lambda n: [3 - n]),
        ([N // 2, N % 3], lambda n: [n // 2, n % 3]),
        ([(1 - N) // 2], lambda n: [(1 - n) // 2]),  # floors below zero, too
    ],
)
def test_arithmetic_on_extents(wanted: list[Dim], numbers: object) -> None:
    g, (x,) = builder(x=f32(N, 3))
    g.extents.bind("n", x, 0)
    vector = g.extents.vector(wanted)
    assert isinstance(vector, Value)
    assert g.known(vector).ints() == wanted
    for n in (2, 7):
        model = model_of(g, vector)
        (result,) = sx.evaluate(model, [np.zeros((n, 3), np.float32)])
        assert result.tolist() == numbers(n)  # type: ignore[operator]


def test_extents_are_computed_once() -> None:
    g, (x,) = builder(x=f32(N, 3))
    g.extents.bind("n", x, 0)
    first = g.extents.vector([N * 2, 5])
    count = len(g.graph)
    assert g.extents.vector([N * 2, 5]) is first
    assert len(g.graph) == count
    assert isinstance(g.extents.vector([2, 3]), np.ndarray)


def test_neighbouring_axes_are_one_shape() -> None:
    m = symbol("m")
    g, (x,) = builder(x=f32(4, N, m))
    g.extents.bind("n", x, 1)
    g.extents.bind("m", x, 2)
    g.extents.vector([7, N, m])
    assert [n.op_type for n in g.graph.nodes] == ["Shape", "Concat"]


def test_an_extent_hidden_in_a_multiple() -> None:
    g, (x,) = builder(x=f32(N * 2 + 1))
    g.extents.bind_dim(N * 2 + 1, x, 0)
    (result,) = sx.evaluate(model_of(g, g.extents.scalar(N)), [np.zeros(9, np.float32)])
    assert result == 4


def test_an_unbound_extent_is_refused() -> None:
    g, _ = builder(x=f32(2))
    with pytest.raises(UnsupportedError, match="nothing in the graph gives the extent 'n'"):
        g.extents.vector([N])

"""Small models that show every corner of the text syntax."""

from __future__ import annotations

import numpy as np

import sardonyx as sx
from sardonyx.core import dims, dtypes
from sardonyx.ir import AttrKind, MapType, OpaqueType, OptionalType, SequenceType, SparseTensorType, TensorType, Value

F32, N = dtypes.FLOAT32, dims.symbol("N")


def graph(name: str, inputs: list[Value], nodes: list[sx.Node], outputs: list[Value]) -> sx.Graph:
    made = sx.Graph(name, inputs)
    for node in nodes:
        made.append(node)
    made.outputs = list(outputs)
    return made


def affine() -> sx.Model:
    """Weights, symbolic dims, a value in the middle whose type is known."""
    x, y = Value("x", TensorType(F32, (N, 3))), Value("y", TensorType(F32, (N, 2)))
    product = Value("product", TensorType(F32, (N, 2)))
    main = sx.Graph("main", [x])
    w = main.add_initializer(sx.Tensor(np.array([[0.1, -2], [np.inf, np.nan], [1e-30, 3]], np.float32), name="w"))
    b = main.add_initializer(sx.Tensor(np.array([1, 2], np.float32), name="b.0"))
    main.append(sx.Node("MatMul", [x, w], [product], name="layer/product"))
    main.append(sx.Node("Add", [product, b], [y], name="layer_sum"))
    main.outputs = [y]
    model = sx.Model(main, {"": 21}, ir_version=10, producer_version="1.0", model_version=3, doc='says "hello"\n\\o/')
    model.metadata = {"author": "nobody", 'a "key"': ""}
    return model


def attributes() -> sx.Model:
    """One attribute of every kind that can be written."""
    x, y = Value("x"), Value("y")
    body = graph("body", [], [sx.Node("Identity", [x], [inner := Value("inner", TensorType(F32, None))])], [inner])
    attrs = [
        sx.Attr("f", AttrKind.FLOAT, float(np.float32(0.1))),
        sx.Attr("i", AttrKind.INT, -(2**63)),
        sx.Attr("s", AttrKind.STRING, 'a "quoted" \\ string'),
        sx.Attr("t", AttrKind.TENSOR, sx.Tensor(np.array([[1, 2]], np.int8), name="t1")),
        sx.Attr("g", AttrKind.GRAPH, body),
        sx.Attr("floats", AttrKind.FLOATS, (1.0, float("inf"), -0.0)),
        sx.Attr("ints", AttrKind.INTS, (1, 2)),
        sx.Attr("none", AttrKind.INTS, ()),
        sx.Attr("strings", AttrKind.STRINGS, ("a", "")),
        sx.Attr("type", AttrKind.TYPE_PROTO, SequenceType(TensorType(F32, (N + 1, None, 4)))),
    ]
    node = sx.Node("Everything", [x, None, x, None], [y, Value("")], attrs, domain="com.example", overload="v2")
    return sx.Model(graph("main", [x], [node], [y]), {"": 21, "com.example": 1})


def lists() -> sx.Model:
    """Lists that the official printer writes and the official parser drops."""
    x, y = Value("x"), Value("y")
    body = graph("body", [], [], [x])
    attrs = [
        sx.Attr(
            "tensors", AttrKind.TENSORS, (sx.Tensor(np.zeros((), np.float64)), sx.Tensor(np.ones(1, bool), name="b"))
        ),
        sx.Attr("graphs", AttrKind.GRAPHS, (body,)),
        sx.Attr("types", AttrKind.TYPE_PROTOS, (TensorType(F32, ()), OptionalType(TensorType(F32, None)))),
    ]
    return sx.Model(graph("main", [x], [sx.Node("Lists", [x], [y], attrs)], [y]), {"": 21})


def types() -> sx.Model:
    """A value of every kind of type."""
    listed = {
        "scalar": TensorType(F32, ()),
        "unranked": TensorType(dtypes.FLOAT16, None),
        "dims": TensorType(dtypes.STRING, (1, N, None, dims.symbol("a b"), 2 * N + 1)),
        "seq_": SequenceType(TensorType(dtypes.INT64, (N,))),
        "map_": MapType(dtypes.INT64, TensorType(F32, ())),
        "optional_": OptionalType(SequenceType(TensorType(dtypes.BOOL, None))),
        "sparse_": SparseTensorType(dtypes.FLOAT64, (2, 3)),
        "opaque_": OpaqueType("ai.example", "thing"),
        "opaque_local": OpaqueType("", "thing"),
        "untyped": None,
        "float": TensorType(F32, (2,)),
        "7 names": TensorType(F32, (2,)),
    }
    values = [Value(name, type) for name, type in listed.items()]
    return sx.Model(graph("types", values, [], values[:1]), {"": 21})


def functions() -> sx.Model:
    """A function with attributes, defaults and types, called twice."""
    a, b = Value("a", TensorType(F32, (N,))), Value("b", TensorType(F32, (N,)))
    middle = Value("middle", TensorType(F32, (N,)))
    relu = sx.Node("LeakyRelu", [a], [middle], [sx.Attr("alpha", AttrKind.FLOAT, None, ref="slope")])
    gone = sx.Node("Elu", [middle], [b], [sx.Attr("alpha", AttrKind.FLOAT, None, ref="curve")])
    body = graph("Bend", [a], [relu, gone], [b])
    function = sx.Function("local", "Bend", body, "f32", ["slope"], {"curve": sx.Attr("curve", AttrKind.FLOAT, 0.5)})
    function.opsets, function.doc = {"": 21}, "bends twice"
    x, y, z = (Value(n, TensorType(F32, (N,))) for n in "xyz")
    calls = [
        sx.Node("Bend", [x], [y], {"slope": 0.25}, domain="local", overload="f32"),
        sx.Node("Bend", [y], [z], {"slope": 0.5, "curve": 2.0}, domain="local", overload="f32"),
    ]
    return sx.Model(graph("calls", [x], calls, [z]), {"": 21, "local": 1}, {function.key: function})


def control() -> sx.Model:
    """Graphs inside graphs, which see the values around them."""
    flag = Value("flag", TensorType(dtypes.BOOL, ()))
    x = Value("x", TensorType(F32, (N,)))
    branches = {}
    for name, operator in (("then_branch", "Neg"), ("else_branch", "Abs")):
        out = Value(f"{name}_out", TensorType(F32, (N,)))
        branches[name] = graph(name, [], [sx.Node(operator, [x], [out])], [out])
    inner = Value("inner", TensorType(F32, (N,)))
    outer = graph("outer", [], [sx.Node("If", [flag], [inner], branches)], [inner])
    same = Value("same", TensorType(F32, (N,)))
    other = graph("other", [], [sx.Node("Identity", [x], [same])], [same])
    y = Value("y", TensorType(F32, (N,)))
    node = sx.Node("If", [flag], [y], {"then_branch": outer, "else_branch": other}, name="choice")
    return sx.Model(graph("main", [flag, x], [node], [y]), {"": 21})


SAMPLES = {f.__name__: f for f in (affine, attributes, lists, types, functions, control)}
OFFICIAL = ("affine", "attributes", "types", "control")  # what the official parser takes too, the rest is ours alone

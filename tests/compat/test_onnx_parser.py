"""Texts to messages: both parsers read the same, and refuse the same; what each prints, the other reads."""

from __future__ import annotations

from typing import Any

import onnx as official
import pytest

import sardonyx.compat.onnx as ours

# ^ stands for the header of a model, $ for the values of a graph.
SHORT = {
    "^": '<ir_version: 7, opset_import: [ "" : 10 ]>',
    "$": "agraph (float[N, 128] X, float[128,10] W, float[10] B) => (float[N] C)",
}
MODELS = r"""
^ $ { T = MatMul(X, W) S = Add(T, B) C = Softmax(S) }
<ir_version: 7, opset_import: [ "ai.onnx.ml" : 10 ], producer_name: "P", producer_version: "1.0", domain: "ai.onnx.ml", model_version: 1, doc_string: "doc \"q\"", metadata_props: [ "k" : "v", "k2" : "v2" ]> $ { C = foo(X) }
<ir_version: 8, opset_import: [ "" : 10, "local" : 1 ]> $ { T = local.foo (X, W, B) C = local.square(T) } <opset_import: [ "" : 10 ], domain: "local", doc_string: "Function foo."> foo (x, w, b) => (c) { T = MatMul(x, w) c = Add(T, b) } <domain: "local", opset_import: [ "" : 10 ]> square (x) => (y) { y = Mul (x, x) }
<ir_version: 8, opset_import: [ "" : 10 ]> $ { C = foo(X) } <opset_import: [ "" : 10 ], domain: "local", overload: "o1"> foo <alpha: float=4.0, gamma> (x) => (c) { c = Mul<a: float = @alpha, b : float = @gamma>(x, x) }
<ir_version: 7, opset_import: [ "" : 10   "com.microsoft": 1]> $ { }
^ g (float x) => (float y) { y = A(x) } trailing
g (float x) => (float y) { y = A(x) }
<ir_version: 7> g (float x) => (float y) { y = A(x) }
<> g (float x) => (float y) { y = A(x) }
<ir_version: "7"> g () => () { }
<nonsense: 7> g () => () { }
<ir_version: 7, ir_version: 8> g () => () { }
<ir_version: 7,> g () => () { }
<ir_version: 7 opset_import: [ "" : 10 ]> g () => () { }
<opset_import: [ ]> g () => () { }
<opset_import: [ "" : 10 ,]> g () => () { }
<opset_import: [ a : 10 ]> g () => () { }
<ir_version: -1> g () => () { }
<ir_version: 99999999999> g () => () { }
<ir_version: 0, opset_import: [], producer_name: "", model_version: 0, domain: "", doc_string: ""> g () => () { }
<opset_import: ["ai.onnx" : 10, "" : 9, "d" : 1, "d" : 2], metadata_props: ["k" : "v", "k" : "w"]> g () => () { }
"" () => () { }
^ g (float[N] x) => (float[N] y) <float[2] w = {1.5, 2}, int64[1] q = {5}, float[3] s> { y = Add(x, w) }
^ g (seq(float[]) sq, optional(float[2]) op, sparse_tensor(float[8]) sp, map(int64, float[2]) m, seq(seq(int32)) ss, optional(seq(float)) os) => () { }
^ g (float[] x) => () { }
^ g (float x) => () { }
^ g (float[?] x) => () { }
^ g (float[?, N, 3] x) => () { }
^ g (x) => (y) { y = A(x) }
^ g (float["M + N"] "in put") => (float["M + N"] "out put") { "out put" = Identity("in put") }
^ g (float[2.5] x) => () { }
^ g (nofloat[2] x) => () { }
^ g (float[2 3] x) => () { }
^ g (float[2,] x) => () { }
^ g (float[N+1] x) => () { }
^ g (float x = {1}) => () { }
^ g (float x, float[2] w = {1,2}) => () { }
^ g (float[2] x) => () <float[2] w = {1, 0}> { }
^ g () => () <float w = {1}> { }
^ g () => () { y = Constant<value = float[2] {1, 0}>() }
^ g () => () { y = Constant<value = float {1}>() }
^ g () => () <float[3] w = {-1, 1.5, 1e3}> { }
^ g () => () <float[0] w = {}> { }
^ g (int64[2] x) => () <int64[2] w = {1, 0}> { }
^ g () => () <int64 w = {1}> { }
^ g () => () { y = Constant<value = int64[2] {1, 0}>() }
^ g () => () { y = Constant<value = int64 {1}>() }
^ g () => () <int64[3] w = {-1, 1.5, 1e3}> { }
^ g () => () <int64[0] w = {}> { }
"""
NODES = r"""
C = Softmax(S)
out1, out2 = SomeDomain.SomeOp <attr1 = 1> (in1, in2)
r = com.example.foo(x, y)
r = foo <d = [5, 10], e = [0.55, 0.66], f = ["str1", "str2"], g = "txt", h = 3, t = float[2] {1.0, 2.0}> (y, z)
x = foo(a, , c)
x = foo(, c)
x = foo(a,)
x, = foo(a)
x, , y = foo(a)
foo(a)
 = foo(a)
x = foo()
x = foo<>()
x = foo<a=1>()
x = foo(a) <b = 2>
x = foo<a=1,>(q)
x = foo<a: int = 1>(q)
x = foo<a: ints = [1]>(q)
x = foo<a: ints = []>(q)
x = foo<a: floats = [1, 2]>(q)
x = foo<a: float = 1>(q)
x = foo<a = []>(q)
x = foo<a = [1, 2.5]>(q)
x = foo<a = [2.5, 1]>(q)
x = foo<a = [1, "s"]>(q)
x = foo<a: int = 1.5>(q)
x = foo<a: string = 5>(q)
x = foo<a: strings = ["a"]>(q)
x = foo<a = -1, b = -1.5, c = 1e5, d = -1e-5, e = +1>(q)
x = foo<a = inf, b = nan, c = -inf>(q)
x = foo<a: float = inf>(q)
x = foo<a : float = @b>(q)
x = foo<a : ints = @b>(q)
x = foo<a = @b>(q)
x = foo<a: tensor = float[2] {1,2}>(q)
x = foo<a = float {1}>(q)
x = foo<a = float[2] t {1,2}>(q)
x = foo<a = float[2] t = {1,2}>(q)
x = foo<a: type_proto = float[2]>(q)
x = foo<a = seq(float)>(q)
x = foo<a: graph = g () => () { }>(q)
x = foo<a = g (float x) => (float y) { y = A(x) }>(q)
x = foo<a = "es\"c\\ \n">(q)
x = foo<a = 's'>(q)
x = foo:ov(q)
x = d.foo:ov(q)
x = a.b.c.foo(q)
x = foo.(q)
[name] x = foo(q)
[na me] x = foo(q)
["na me"] x = foo(q)
[n] = foo(q)
x = 1foo(q)
x = foo-bar(q)
x = foo(1)
x = foo(a b)
x = foo<a=1 b=2>(q)
x = foo<1=a>(q)
x = foo<a = 1.>(q)
x = foo<a = .5>(q)
x = foo<a = 0x10>(q)
x = foo<a = int64[2] {1,2}, b = int64[1,2] {3,4}>(q)
x = foo<a = int32[2] {1.5,2}>(q)
x = foo<a = float[2] {"a"}>(q)
x = foo<a = float[N] {1}>(q)
x = foo<a = string[1] {"q"}>(q)
x = foo<a = float[2] {1 2}>(q)
x = foo<a = sparse_tensor(float[2])>(q)
x = foo<a = {1,2}>(q)
x = foo
x = foo(
x = foo<a=1
# only comment
x.y = foo(a)
x = foo(a.b)
x = foo(a/b)
x = foo (a) # c
x-1 = foo(a)
x = foo<a = true>(q)
float = float(int32)
x = foo<float = 1>(q)
x = optional(y)
seq = seq(y)
x = foo<a = "é">(q)
"""
FUNCTIONS = r"""
<domain: "d", opset_import: [ "" : 15]> f <alpha: float=4.0, gamma> (X) => (C) { ca = Constant<value_float: float=@alpha>() C = Add(ca, X) }
<domain: "d", opset_import: [ "" : 15], overload: "v", doc_string: "x"> f (x) => (y) { y = A(x) }
f (x) => (y) { y = A(x) }
<domain: "d"> f (x, y) => (z, w) { z = A(x) w = A(y) }
<opset_import: [ "" : 15]> f () => () { }
<domain: "d"> f <a, b> (x) => (y) { y = A<a=1>(x) }
<domain: "d"> f <a: int = 1, b: ints = [1,2], c: string = "q", d: tensor = float {1}, e> (x) => (y) { y = A(x) }
<domain: "d"> f <a = 1> (x) => (y) { y = A(x) }
<domain: "d"> f (float x) => (float[2] y) { y = A(x) }
<domain: "d"> f (x) => (y) <float[2] q> { y = A(x) }
<domain: "d", value_info: [float[N] x]> f (x) => (y) { y = A(x) }
<ir_version: 3> f (x) => (y) { }
<domain: "d", metadata_props: ["a":"b"]> f (x) => (y) { y = A(x) }
<domain: "", overload: "", opset_import: ["d" : 1, "ai.onnx" : 2], doc_string: ""> f (x) => (y) { }
<domain: "d"> f <> (x) => (y) { y = A(x) }
<domain: "d"> "f g" (x) => (y) { y = A(x) }
"""
GRAPHS = r"""
$ { T = MatMul(X, W) S = Add(T, B) C = Softmax(S) }
$ { T = MatMul[X, W] }
agraph (float[N] x) => (float[N] y) <int32[2] i = {3, 4}, float[2] f = {1.5, 2.5}, float[3] s> { y = Identity(x) }
agraph (float[N] x) => (float[N] y) { y = If (b) <then_branch = g1 () => (float[128] z_then) { z_then = Identity(X) }, else_branch = g2 () => (float[128] z_else) { z_else = Identity(Y) }> }
g () => () { }
"" () => () { }
g {}
g () { }
g () => { }
() => () { }
g (float x,) => () { }
g (float x float y) => () { }
g (float x, float x) => (float x) { }
g (int64 x = {5}) => (float y) { y = A(x) }
g (float x) => (float y) <> { y = A(x) }
g (float x) => (float y) <float z,> { y = A(x) }
g (float x) => (y) { y = A(x) }
"g h" (float x) => (y) { y = A(x) }
g (float x) => (float y = {1}) { y = A(x) }
g (float x) => (y) { y = A(x); z = B(y) }
g (undefined[2] x) => () { }
g (seq(undefined) x, map(int64, undefined) y) => () { }
g (map(undefined, float) x) => () { }
g (x) => (y) <undefined[2] z> { }
g (float[-1, N] undefined) => (y) { y = Abs(undefined) }
"""
TYPES = [
    *(
        "float",
        "double",
        "float16",
        "bfloat16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ),
    *(
        "bool",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "float8e8m0",
        "float6e2m3",
        "float6e3m2",
    ),
]
HOLD = [
    "^ g (%s[2] x) => () <%s[2] w = {1, 0}> { }",
    "^ g () => () <%s w = {1}> { }",
    "^ g () => () <%s[0] w = {}> { }",
    "^ g () => () <%s[3] w = {-1, 1.5, 1e3}> { }",
    "^ g () => () { y = Constant <value = %s[2] {1, 0}> () }",
]
CASES = [
    *(("model", text) for text in MODELS.strip().splitlines()),
    *(("node", text) for text in NODES.strip().splitlines()),
    *(("function", text) for text in FUNCTIONS.strip().splitlines()),
    *(("graph", text) for text in GRAPHS.strip().splitlines()),
    *(("model", text.replace("%s", name)) for name in TYPES for text in HOLD),
    *(("model", text) for text in ("", "# nothing", "# comment\n<ir_version: 7> # more\n g () => () { # inside\n }")),
    ("model", '^ g () => () <string[2] w = {"a", "b"}> { y = Constant <value = string {"c"}> () }'),
    ("node", ""),
]


def whole(text: str) -> str:
    for short, long in SHORT.items():
        text = text.replace(short, long)
    return text


def parsed(package: Any, kind: str, text: str) -> Any:
    try:
        return getattr(package.parser, f"parse_{kind}")(text)
    except package.parser.ParseError:
        return None


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_both_read_the_same(kind: str, text: str) -> None:
    found, expected = parsed(ours, kind, whole(text)), parsed(official, kind, whole(text))
    assert str(found) == str(expected)
    assert found is None or found.SerializeToString() == expected.SerializeToString()


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_what_is_printed_is_read_again(kind: str, text: str) -> None:
    """By either parser, as the same message; and printed again, it is the same text."""
    first = parsed(ours, kind, whole(text))
    if first is None:
        return
    shown = ours.printer.to_text(first)
    again = parsed(ours, kind, shown)
    assert ours.printer.to_text(again) == shown
    theirs = parsed(official, kind, shown)
    if '"' not in shown.split("=>")[-1] or theirs is not None:  # quoted names are ours
        assert theirs is not None
        assert ours.printer.to_text(type(first).FromString(theirs.SerializeToString())) == shown


def test_errors_say_where() -> None:
    with pytest.raises(ours.parser.ParseError, match="line 2, column 8"):
        ours.parser.parse_graph("g (float x) => (float y) {\n  y = A[x]\n}")


def test_what_is_no_such_message_is_not_printed() -> None:
    for package in (ours, official):
        for value in (package.AttributeProto(), "text", None):
            with pytest.raises(TypeError):
                package.printer.to_text(value)

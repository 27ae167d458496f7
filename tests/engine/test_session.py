"""Sessions: the call of onnxruntime, its errors, any value as an output, shapes that change, threads, fall-backs around data."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core.errors import ExecutionError, InputError
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.ir import TensorType
from tests.engine.oracle import floats, parse

WEIGHTS = ", ".join(str(i % 5 - 2) for i in range(32))
CHAIN = f"""(float[N, 8] x) => (float[N, 4] y)
<float[8, 4] w = {{{WEIGHTS}}}> {{ m = MatMul(x, w) r = Relu(m) y = Softmax(r) }}"""
# What NonZero gives has as many columns as the data say; the rest is compiled in two parts around it.
SPLIT = "(float[N] x) => (float[M] y, int64[1, M] at) { d = Add(x, x) at = NonZero(d) flat = Constant <value_ints = [-1]> () row = Reshape(at, flat) f = Cast <to = 1> (row) y = Mul(f, f) }"
BRANCH = """(bool c, float[N] x) => (float[N] y)
{ d = Add(x, x) y = If(c) <then_branch = a () => (float[N] p) { p = Neg(d) }, else_branch = b () => (float[N] q) { q = Exp(d) }> }"""


def close(results: list[Any], truths: list[Any]) -> None:
    for result, truth in zip(results, truths, strict=True):
        assert result.dtype == truth.dtype and result.shape == truth.shape
        np.testing.assert_allclose(result, truth, rtol=1e-5, atol=1e-6)


def test_the_public_name() -> None:
    assert sx.Session is Session


def test_run_and_call_and_changing_shapes() -> None:
    model = parse(CHAIN)
    session = Session(model, threads=2)
    for n in (1, 7, 1, 40, 0):
        x = floats(n, 8)
        close(session.run(None, {"x": x}), evaluate(model, [x]))
        close(session(x), evaluate(model, [x]))


def test_ports_read_as_in_onnxruntime() -> None:
    session = Session(parse(CHAIN))
    assert [(p.name, p.shape, p.type) for p in session.inputs] == [("x", ["N", 8], "tensor(float)")]
    assert [(p.name, p.shape, p.type) for p in session.outputs] == [("y", ["N", 4], "tensor(float)")]


def test_bytes_and_paths(tmp_path: Path) -> None:
    model, x = parse(CHAIN), floats(2, 8)
    sx.save(model, tmp_path / "chain.onnx")
    truth = evaluate(model, [x])
    close(Session(tmp_path / "chain.onnx")(x), truth)
    close(Session(sx.to_bytes(model))(x), truth)


def test_any_value_is_an_output_in_any_order_and_twice() -> None:
    model, x = parse(CHAIN), floats(3, 8)
    names = ["y", "m", "x", "y", "w"]
    close(Session(model).run(names, {"x": x}), evaluate(model, [x], outputs=names))


def test_results_belong_to_the_caller() -> None:
    session, x = Session(parse(CHAIN)), floats(3, 8)
    first = session(x)[0]
    kept = first.copy()
    session(floats(3, 8, seed=9))
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(session.run(["x"], {"x": x})[0], x)


@pytest.mark.parametrize(
    ("feeds", "says"),
    [
        ({}, "no value was given for input 'x'"),
        ({"z": floats(1, 8)}, "no input named 'z'"),
        ({"x": floats(1, 8).astype(np.float64)}, "wrong element type"),
        ({"x": floats(8)}, "wrong rank"),
        ({"x": floats(2, 9)}, "axis 1 is 9, not 8"),
        ({"x": None}, "is None"),
    ],
)
def test_wrong_feeds_are_explained(feeds: dict[str, Any], says: str) -> None:
    session = Session(parse(CHAIN))
    with pytest.raises(InputError, match=says):
        session.run(None, feeds)
    session.run(None, {"x": floats(2, 8)})
    with pytest.raises(InputError, match=says):  # also when it knows the right ones
        session.run(None, feeds)


def test_wrong_arguments_are_explained() -> None:
    model = parse(CHAIN)
    with pytest.raises(InputError, match="no value named 'yy'"):
        Session(model).run(["yy"], {"x": floats(1, 8)})
    with pytest.raises(InputError, match="takes 1 inputs, not 2"):
        Session(model)(floats(1, 8), floats(1, 8))
    for options in ({"device": "gpu"}, {"precision": "low"}, {"threads": 0}):
        with pytest.raises(InputError):
            Session(model, **options)  # type: ignore[arg-type]


def test_lists_strides_and_views_are_taken() -> None:
    model, x = parse(CHAIN), floats(3, 8)
    session = Session(model)
    truth = evaluate(model, [x])
    close(session.run(None, {"x": x.tolist()}), truth)
    close(session(np.asfortranarray(x)), truth)
    close(session(floats(6, 16)[::2, ::2]), evaluate(model, [np.ascontiguousarray(floats(6, 16)[::2, ::2])]))


def test_extents_that_do_not_broadcast_are_refused() -> None:
    """Kernels do not check bounds: what was assumed of symbols is checked when their numbers come."""
    model = parse("(float[A] x, float[B] y) => (float[C] z) { z = Add(x, y) }")
    session = Session(model)
    for a, b in ((3, 3), (1, 5), (5, 1), (1, 1)):
        close(session(floats(a), floats(b, seed=1)), [floats(a) + floats(b, seed=1)])
    with pytest.raises(InputError, match="does not broadcast"):
        session(floats(3), floats(4))


@pytest.mark.parametrize("threads", [1, 3])
def test_shapes_that_come_with_the_data(threads: int) -> None:
    model = parse(SPLIT)
    session = Session(model, threads=threads)
    for zeros in (0, 3, 10):
        x = floats(10)
        x[:zeros] = 0
        close(session(x), evaluate(model, [x]))
    assert set(session.fallbacks.values()) == {"its shape comes with its data"}


@pytest.mark.parametrize("condition", [True, False])
def test_a_branch_reads_what_is_around_it(condition: bool) -> None:
    model, x = parse(BRANCH), floats(6)
    feeds = [np.array(condition), x]
    close(Session(model)(*feeds), evaluate(model, feeds))


def test_defaults_can_be_overridden() -> None:
    model = parse("(float[3] x, float[3] b = {1, 2, 3}) => (float[3] y) { y = Add(x, b) }")
    session, x = Session(model), floats(3)
    assert [p.name for p in session.inputs] == ["x"]
    close(session.run(None, {"x": x}), [x + np.float32([1, 2, 3])])
    close(session.run(None, {"x": x, "b": x}), [x + x])
    close(session.run(None, {"x": x}), [x + np.float32([1, 2, 3])])


def test_an_input_without_a_rank() -> None:
    model = parse("(float[N] x) => (float[N] y) { y = Neg(x) }")
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.type = TensorType(value.dtype, None)
    session = Session(model)
    for shape in ((), (4,), (2, 3)):
        close(session(floats(*shape)), [-floats(*shape)])


def test_threads_give_the_same_bits() -> None:
    model, x = parse(CHAIN), floats(513, 8)
    results = [Session(model, threads=t)(x)[0] for t in (1, 2, 4)]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_eight_callers_at_once() -> None:
    model = parse(CHAIN)
    session = Session(model, threads=2)
    feeds = [floats(n, 8, seed=n) for n in range(1, 9)]
    truths = [session(x)[0] for x in feeds]
    wrong: list[int] = []

    def hammer(i: int) -> None:
        for step in range(100):
            at = (i + step) % 8
            if not np.array_equal(session(feeds[at])[0], truths[at]):
                wrong.append(at)

    callers = [threading.Thread(target=hammer, args=(i,)) for i in range(8)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert wrong == []


def test_profile_and_trim_and_warmup() -> None:
    session = Session(parse(SPLIT), threads=1)
    session.warmup()
    profile = session.profile({"x": floats(10)})
    assert [r.kernel for r in profile.fallbacks] == ["NonZero"]
    assert profile.seconds > 0 and all(r.seconds >= 0 for r in profile.rows)
    assert "NonZero on its NumPy reference (its shape comes with its data)" in str(profile)
    session.trim()
    close(session(floats(10)), evaluate(parse(SPLIT), [floats(10)]))


LOGARITHM = """(float[N, 4] x, float[4, 4] w) => (float[N, 4] y)
{ product = MatMul(x, w) logs = Log(product) y = Relu(logs) }"""


def test_results_go_where_they_are_wanted() -> None:
    session, x, w = Session(parse(LOGARITHM), threads=1), np.abs(floats(3, 4)), np.abs(floats(4, 4))
    wanted = session.run(None, {"x": x, "w": w})[0]
    for place in (np.empty((3, 4), np.float32), np.empty((4, 3), np.float32).T, np.empty((3, 8), np.float32)[:, ::2]):
        [got] = session.run(None, {"x": x, "w": w}, out={"y": place})
        assert got is place
        np.testing.assert_array_equal(place, wanted)
    product = np.empty((3, 4), np.float32)
    named = session.run(["y", "product"], {"x": x, "w": w}, out={"product": product})
    assert named[1] is product
    close(product, x @ w)


def test_what_does_not_fit_a_result_is_refused() -> None:
    session, feeds = Session(parse(LOGARITHM), threads=1), {"x": floats(3, 4), "w": floats(4, 4)}
    with pytest.raises(InputError, match=r"float32\[2, 4\], but the result is float32\[3, 4\]"):
        session.run(None, feeds, out={"y": np.empty((2, 4), np.float32)})
    with pytest.raises(InputError, match="'product', which is not among the results"):
        session.run(None, feeds, out={"product": np.empty((3, 4), np.float32)})


def test_inputs_come_by_dlpack_and_by_buffer() -> None:
    class Given:
        def __init__(self, array: np.ndarray) -> None:
            self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, array.__dlpack_device__

    session, x, w = Session(parse(LOGARITHM), threads=1), np.abs(floats(3, 4)), np.abs(floats(4, 4))
    np.testing.assert_array_equal(
        session.run(None, {"x": Given(x), "w": memoryview(w)})[0], session.run(None, {"x": x, "w": w})[0]
    )


def test_the_trap_names_the_node_that_gives_nan() -> None:
    session, x, w = Session(parse(LOGARITHM), threads=1), np.abs(floats(3, 4)), np.abs(floats(4, 4))
    session.trap({"x": x, "w": w})
    with pytest.raises(ExecutionError, match="'logs' has 12 NaN and 0 infinite of 12 elements") as refused:
        session.trap({"x": -x, "w": w})
    assert "Log" in (refused.value.where or "") and "'product' in [-" in (refused.value.why or "")
    x[0, 0] = np.inf  # what comes in so is nobody's fault
    session.trap({"x": x, "w": w})


def test_a_profile_knows_the_peak_and_becomes_a_trace(tmp_path: Path) -> None:
    session = Session(parse(LOGARITHM), threads=1)
    profile = session.profile({"x": floats(3, 4), "w": floats(4, 4)})
    assert profile.peak.flops > 1e8 and profile.peak.bytes > 1e8
    contraction = next(r for r in profile.rows if r.kernel == "contract")
    assert contraction.flops == 2 * 3 * 4 * 4 and contraction.bytes >= 4 * (3 * 4 + 3 * 4)
    assert "of peak" in str(profile)
    profile.save_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [r.kernel for r in profile.rows]
    assert all(e["ph"] == "X" and e["dur"] >= 0 for e in events)

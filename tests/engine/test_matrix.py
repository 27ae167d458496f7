"""Products on the matrix unit, in its software meaning: precision, ragged extents, convolution, what is not finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx import io
from sardonyx.engine.blocking import SplitBlocking
from sardonyx.engine.codegen import assembly, detect
from sardonyx.engine.formula import Epilogue, Formula
from sardonyx.engine.kernels.matrix import PARTS, TILE, MatrixSpec, matrix_kernel, split_panels
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from tests.engine.oracle import floats

MOST = float(np.finfo(np.float32).max)
BOUND = {"highest": 2.0**-22, "high": 2.0**-15, "medium": 2.0**-7}  # of an element, relative to |A| |B|


def parse(text: str, w: Any) -> Model:
    """A model whose input `w` becomes an initializer."""
    model = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 24]>\nagraph ' + text)
    kept = [i for i in model.graph.input if i.name != "w"]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    return io.from_bytes(model.SerializeToString())


def run(model: Model, feeds: list[Any], precision: str = "highest", threads: int = 1) -> Any:
    """What a session gives with the matrix unit emulated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARDONYX_ISA", "amx:emulate")
        session = Session(model, threads=threads, precision=precision)  # pyright: ignore[reportArgumentType] one of PARTS
        assert not session.fallbacks
        [result] = session(*feeds)
    return result


def product(k: int, n: int, w: Any) -> Model:
    return parse(f"(float[m,{k}] x, float[{k},{n}] w) => (float[m,{n}] y) {{ y = MatMul(x, w) }}", w)


@pytest.mark.parametrize("precision", PARTS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 40, 33), (33, 31, 7), (70, 300, 65)], ids=str)
def test_precision(shape: tuple[int, int, int], precision: str) -> None:
    """Each precision keeps its bound, and is no more precise than it costs: so the unit was used."""
    m, k, n = shape
    a, b = floats(m, k), floats(k, n, seed=1)
    truth, size = a.astype(np.float64) @ b.astype(np.float64), np.abs(a).astype(np.float64) @ np.abs(b)
    error = np.abs(run(product(k, n, b), [a], precision) - truth) / size
    assert error.max() < BOUND[precision]
    if k > 30 and precision != "highest":
        assert error.max() > BOUND[precision] / 2**8


def test_highest_is_float32() -> None:
    """At a depth of a thousand, errors are no larger than NumPy's in float32."""
    a, b = floats(20, 1000), floats(1000, 40, seed=1)
    truth = a.astype(np.float64) @ b.astype(np.float64)
    error = np.abs(run(product(1000, 40, b), [a]) - truth)
    plain = np.abs(a @ b - truth)
    assert error.mean() <= plain.mean()
    assert error.max() <= plain.max()


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_split(parts: int) -> None:
    """The parts add up to the number: exactly with three; none that is finite becomes infinite, and NaN stays."""
    b = np.concatenate([floats(90, seed=3), np.array([MOST, -MOST, np.inf, -np.inf, 0], np.float32)]).reshape(1, -1)
    b = np.concatenate([b, np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32).reshape(1, -1)], 1)
    found = split_panels(b, parts)[:, 0, :, :, 0, :, 0].astype(np.float64)  # [panel, part, half, n]
    whole = found.transpose(1, 0, 2, 3).reshape(parts, -1)[:, : b.shape[1]]
    finite = np.isfinite(b[0])
    error = np.abs(whole[:, finite].sum(0) - b[0, finite]) / np.maximum(np.abs(b[0, finite]), 1e-30)
    assert error.max() <= {1: 2.0**-8, 2: 2.0**-16, 3: 0}[parts]
    np.testing.assert_array_equal(whole[0, ~finite], b[0, ~finite])


@pytest.mark.parametrize("precision", PARTS)
def test_not_finite(precision: str) -> None:
    """Infinities and NaN of both sides reach the results they reach in float32, and no others."""
    a, b = np.abs(floats(6, 40)) + 1, np.abs(floats(40, 36, seed=1)) + 1
    a[1, 3], a[2, 35], a[3, 0], a[3, 9] = np.inf, np.nan, np.inf, -np.inf
    a[4] = 0
    a[5, 7] = np.array(0x7F800001, np.uint32).view(np.float32)  # a NaN whose upper half is that of infinity
    b[5, 2], b[6, 35] = -np.inf, np.nan
    with np.errstate(all="ignore"):
        truth = a @ b
    np.testing.assert_allclose(run(product(40, 36, b), [a], precision), truth, rtol=4 * BOUND[precision])


@pytest.mark.parametrize("precision", PARTS)
def test_largest(precision: str) -> None:
    """The largest finite number times one is finite; times two it is infinite."""
    a, b = np.array([[MOST], [-MOST]], np.float32), np.array([[1, 0.5, 2, 0]], np.float32)
    with np.errstate(over="ignore"):
        truth = a @ b
    np.testing.assert_allclose(run(product(1, 4, b), [a], precision), truth, rtol=BOUND[precision])


@settings(deadline=None, max_examples=20)
@given(m=st.integers(0, 200), k=st.integers(1, 300), n=st.integers(1, 100), precision=st.sampled_from(list(PARTS)))
def test_any_extents(m: int, k: int, n: int, precision: str) -> None:
    a, b = floats(m, k), floats(k, n, seed=1)
    truth, size = a.astype(np.float64) @ b.astype(np.float64), np.abs(a).astype(np.float64) @ np.abs(b)
    bound = 2 * BOUND[precision]  # few columns are left to vectors, which add up 256 products one by one
    assert (np.abs(run(product(k, n, b), [a], precision, threads=2) - truth) <= bound * size).all()


@pytest.mark.parametrize("extents", [(0, 5, 3), (32, 32, 32), (31, 33, 64), (65, 1, 31)], ids=str)
def test_ragged(extents: tuple[int, int, int]) -> None:
    """Bias, activation and residual after a product whose extents fill blocks or do not."""
    m, k, n = extents
    text = (
        f"(float[m,{k}] x, float[{k},{n}] w, float[{n}] b, float[m,{n}] r) => (float[m,{n}] y)"
        "{ h = MatMul(x, w)  i = Add(h, b)  g = Relu(i)  y = Add(g, r) }"
    )
    model = parse(text, floats(k, n, seed=1))
    feeds = [floats(m, k), floats(n, seed=2), floats(m, n, seed=3)]
    np.testing.assert_allclose(run(model, feeds), evaluate(model, feeds)[0], rtol=2e-6, atol=1e-5)


WINDOWS = {
    "3x3": (33, 33, 1, "pads = [1, 1, 1, 1]"),
    "few channels": (3, 8, 1, "pads = [1, 1, 1, 1], strides = [2, 2]"),
    "groups": (6, 10, 2, "group = 2"),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_convolution(window: tuple[int, int, int, str]) -> None:
    channels, maps, groups, attributes = window
    each = channels // groups
    text = (
        f"(float[n,{channels},h,v] x, float[{maps},{each},3,3] w, float[{maps}] b) => (float[n,{maps},p,q] y)"
        f"{{ h = Conv<{attributes}>(x, w, b)  y = Relu(h) }}"
    )
    model = parse(text, floats(maps, each, 3, 3, seed=1))
    feeds = [floats(2, channels, 5, 6), floats(maps, seed=2)]
    np.testing.assert_allclose(run(model, feeds), evaluate(model, feeds)[0], rtol=2e-6, atol=2e-5)


def test_batches() -> None:
    """Every batch has its own constant weights."""
    model = parse("(float[2,m,20] x, float[2,20,37] w) => (float[2,m,37] y) { y = MatMul(x, w) }", floats(2, 20, 37))
    feeds = [floats(2, 9, 20, seed=1)]
    np.testing.assert_allclose(run(model, feeds), evaluate(model, feeds)[0], rtol=2e-6, atol=1e-5)


def test_same_bits_for_any_threads() -> None:
    model, a = product(200, 70, floats(200, 70, seed=1)), floats(70, 200)
    one = run(model, [a])
    np.testing.assert_array_equal(one, run(model, [a], threads=2))
    np.testing.assert_array_equal(one[:37], run(model, [a[:37]], threads=2))


def test_computed_weights_keep_full_precision() -> None:
    """What is packed as it runs is multiplied by vectors, in float32 at every precision."""
    text = "(float[m,40] x, float[40,33] z, float[33] w) => (float[m,33] y) { h = MatMul(x, z)  y = Add(h, w) }"
    model = parse(text, floats(33, seed=2))
    feeds = [floats(9, 40), floats(40, 33, seed=1)]
    np.testing.assert_allclose(run(model, feeds, "medium"), evaluate(model, feeds)[0], rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize(("precision", "products"), [("highest", 24), ("high", 12), ("medium", 4)])
def test_code_for_the_unit(precision: str, products: int) -> None:
    """For a CPU that has the unit, each pair of parts is four of its instructions, and its tiles never leave it for memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARDONYX_ISA", "amx:emulate")
        target = detect()
    target = replace(target, features=target.features | {"amx-tile", "amx-bf16"})
    spec = MatrixSpec(PARTS[precision], Epilogue(Formula(("f32",)), ()))
    text = assembly(matrix_kernel(spec, target), target)
    assert text.count("tdpbf16ps") == products
    assert text.count("tileloadd") == {"highest": 16, "high": 12, "medium": 4}[precision]
    assert text.count("tilestored") == (4 if precision == "medium" else 8)


def kernels(model: Model, feeds: dict[str, Any], precision: str) -> set[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARDONYX_ISA", "amx:emulate")
        session = Session(model, threads=1, precision=precision)  # pyright: ignore[reportArgumentType] one of PARTS
        return {row.kernel for row in session.profile(feeds, runs=1).rows}


@pytest.mark.parametrize(
    ("rows", "columns", "precision", "kernel"),
    [
        (7, 96, "highest", "contract"),  # a tile would be mostly empty, and three parts are more bytes than float32
        (8, 96, "highest", "matrix"),
        (8, 63, "highest", "contract"),  # splitting a row would serve few columns
        (1, 32, "medium", "matrix"),  # one part is half the bytes
    ],
)
def test_few_rows_and_columns_are_left_to_vectors(rows: int, columns: int, precision: str, kernel: str) -> None:
    w = floats(64, columns, seed=1)
    model = parse(f"(float[{rows},64] x, float[64,{columns}] w) => (y) {{ y = MatMul(x, w) }}", w)
    found = kernels(model, {"x": floats(rows, 64)}, precision)
    assert kernel in found and found <= {kernel, "split"}


@pytest.mark.parametrize(
    ("filters", "precision", "kernel"),
    [(64, "highest", "winograd"), (288, "highest", "matrix"), (64, "medium", "matrix")],
)
def test_windows_of_three_by_three(filters: int, precision: str, kernel: str) -> None:
    w = floats(filters, 16, 3, 3, seed=1)
    model = parse(f"(float[1,16,6,6] x, float[{filters},16,3,3] w) => (y) {{ y = Conv(x, w) }}", w)
    assert kernel in kernels(model, {"x": floats(1, 16, 6, 6)}, precision)


def test_what_is_left_out_does_not_add_up() -> None:
    """Of positive numbers, the parts of the products that are left out have either sign: layers do not shrink their results."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 2, (64, 64)).astype(np.float32), rng.uniform(0.5, 2, (64, 96)).astype(np.float32)
    truth = a.astype(np.float64) @ b.astype(np.float64)
    bias = np.mean(run(product(64, 96, b), [a]) / truth - 1)
    assert abs(bias) < 4e-9


@pytest.mark.parametrize(
    "facts", [(49, 512, 512, 9, 512, 1, 2), (3136, 64, 64, 9, 64, 1, 2), (196, 2048, 64, 9, 64, 3, 16)]
)
def test_a_row_is_split_for_many_columns_at_once(facts: tuple[int, ...]) -> None:
    m, n, *_, outer, _ = facts
    _, block_m, wide, blocks_m, blocks_n, tasks = SplitBlocking(TILE, 6)(*facts)  # pyright: ignore[reportArgumentType] seven
    panels = -(-n // TILE.width)
    assert (blocks_m - 1) * block_m < m <= blocks_m * block_m and (blocks_n - 1) * wide < panels <= blocks_n * wide
    assert wide >= min(panels, SplitBlocking.LEAST_PANELS) and tasks == blocks_m * blocks_n * outer

"""Sessions that live at the same time pack the same constants once, and only the same."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.engine import shared as room
from sardonyx.engine.session import Session
from sardonyx.engine.shared import one_of_equals, shared
from sardonyx.io.paths import map_file, place_of
from sardonyx.ir import Array, Model, Tensor
from tests.engine.oracle import floats, parse

LONG_AGO = (1e9, 1e9)

DENSE = "{ h = MatMul(x, w) y = Relu(h) }"
CONV = "{ h = Conv <pads = [1, 1, 1, 1]>(x, w) y = Relu(h) }"
LSTM = "{ y, h, c = LSTM <hidden_size = 64>(x, u, w) }"
BYTES = "{ q, s, z = DynamicQuantizeLinear(x) h = MatMulInteger(q, w, z) y = Cast <to = 1>(h) }"

MODELS = {
    "dense": (DENSE, [3, 96], {"w": floats(96, 128, scale=0.1)}),
    "convolution": (CONV, [1, 32, 9, 9], {"w": floats(32, 32, 3, 3, scale=0.1)}),
    "many rows": (CONV, [1, 32, 64, 64], {"w": floats(64, 32, 3, 3, scale=0.1)}),
    "recurrent": (
        LSTM,
        [2, 1, 64],
        {"u": floats(1, 256, 64, scale=0.1), "w": floats(1, 256, 64, seed=1, scale=0.1)},
    ),
    "bytes": (BYTES, [3, 160], {"w": np.random.default_rng(0).integers(-99, 99, (160, 128)).astype(np.int8)}),
}


def make(name: str) -> tuple[Model, Array]:
    """A model whose weights are constants, and an input."""
    body, shape, weights = MODELS[name]
    kinds = {np.dtype(np.float32): "float", np.dtype(np.int8): "int8"}
    more = "".join(f", {kinds[w.dtype]}{list(w.shape)} {n}" for n, w in weights.items())
    model = parse(f"(float{shape} x{more}) => (y) {body}")
    for value in list(model.graph.inputs)[1:]:
        model.graph.inputs.remove(value)
        value.const = Tensor(weights[value.name].copy(), name=value.name)
        model.graph.initializers[value.name] = value
    return model, floats(*shape, seed=7)


def save(model: Model, path: Path, *, age: float = 60) -> Path:
    """The model as a file that was last changed some time ago."""
    sx.save(model, path)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def packed(session: Session) -> set[int]:
    """Where the constants lie that the kernels of a session read."""
    runners = session._runners.values()  # pyright: ignore[reportPrivateUsage]
    buffers = [b for r in runners for p in r.compiled.parts if p.linked is not None for b in p.linked.buffers]
    return {b.array.ctypes.data for b in buffers if b.array is not None and b.array.nbytes >= room.LEAST}


def known() -> int:
    gc.collect()
    return len(room._by_content) + len(room._by_source)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("name", MODELS)
def test_two_sessions_on_a_file_hold_the_same_arrays_and_nothing_stays(name: str, tmp_path: Path) -> None:
    model, x = make(name)
    path, before = save(model, tmp_path / "m.onnx"), known()
    one, two = Session(path, threads=1), Session(path, threads=1)
    assert packed(one) == packed(two) != set()
    np.testing.assert_allclose(one(x)[0], sx.evaluate(model, {"x": x})[0], atol=1e-4)
    want = one(x)[0]
    del one
    gc.collect()
    np.testing.assert_array_equal(two(x)[0], want)
    del two
    assert known() == before


def test_a_session_goes_with_the_last_who_holds_it() -> None:
    """Nothing waits for the collector of cycles: what a session packed is large."""
    model, x = make("dense")
    before = known()
    gc.disable()
    try:
        session = Session(model)
        session(x)
        del session
        assert len(room._by_content) + len(room._by_source) == before  # pyright: ignore[reportPrivateUsage]
    finally:
        gc.enable()


def test_a_second_session_packs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(make("dense")[0], tmp_path / "m.onnx")
    first = Session(path)
    monkeypatch.setattr("sardonyx.engine.contract.run_once", None)
    assert packed(Session(path)) == packed(first)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_memory_is_packed_once(name: str) -> None:
    model, _ = make(name)
    one, two = Session(model), Session(model)
    assert packed(one) == packed(two) != set()


def test_other_results_are_made_with_the_same_weights(tmp_path: Path) -> None:
    model, x = make("dense")
    session = Session(save(model, tmp_path / "m.onnx"))
    before = packed(session)
    np.testing.assert_array_equal(np.maximum(session.run(["h"], {"x": x})[0], 0), session(x)[0])
    assert packed(session) == before


def test_numbers_that_were_changed_in_memory_are_seen() -> None:
    model, x = make("dense")
    one = Session(model)
    before = one(x)[0]
    const = model.graph.initializers["w"].const
    assert isinstance(const, Tensor)
    const.numpy()[:] *= 2
    np.testing.assert_allclose(Session(model)(x)[0], 2 * before, rtol=1e-5)
    np.testing.assert_array_equal(one(x)[0], before)


def test_a_file_that_was_replaced_is_another(tmp_path: Path) -> None:
    model, x = make("dense")
    path = save(model, tmp_path / "m.onnx")
    one = Session(path)
    before = one(x)[0]
    const = model.graph.initializers["w"].const
    assert isinstance(const, Tensor)
    const.numpy()[:] *= 2
    save(model, path, age=30)
    np.testing.assert_allclose(Session(path)(x)[0], 2 * before, rtol=1e-5)


def test_precisions_and_machines_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = make("dense")
    path, alive = save(model, tmp_path / "m.onnx"), []
    for level in ("generic", "avx2", "avx512"):
        monkeypatch.setenv("SARDONYX_ISA", level)
        for precision in ("highest", "medium"):
            alive.append(Session(path, precision=precision))
            np.testing.assert_allclose(alive[-1](x)[0], sx.evaluate(model, {"x": x})[0], atol=1e-2)


def test_what_changed_a_moment_ago_is_not_known_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(bytes(1 << 16))
    assert place_of(np.frombuffer(map_file(path), np.uint8)) is None
    os.utime(path, LONG_AGO)
    one, two = (np.frombuffer(map_file(path), np.uint8) for _ in range(2))
    assert place_of(one) == place_of(two) != place_of(two[1:])
    assert place_of(one[5:]) == place_of(np.lib.stride_tricks.as_strided(two[5:], (4,), (2,)))
    assert place_of(one.copy()) is None


def test_only_equal_arrays_are_taken_for_one() -> None:
    one = np.zeros(1 << 16, np.float32)
    other = one.copy()
    other[-2] = -0.0  # equal as a number, and not as bytes
    first = one_of_equals(one)
    assert one_of_equals(other) is not first
    assert one_of_equals(np.zeros(1 << 16, np.int32)) is not first
    assert not first.flags.writeable
    small = np.zeros(8)
    assert one_of_equals(small) is small and one_of_equals(np.zeros(8)) is not small


def test_what_nobody_holds_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(bytes(1 << 16))
    os.utime(path, LONG_AGO)
    source, made = np.frombuffer(map_file(path), np.uint8), []

    def copied() -> Array:
        made.append(0)
        return source + np.uint8(1)

    first = shared(source, ("added",), copied)
    assert shared(source, ("added",), copied) is first and len(made) == 1
    shared(source, ("added", "otherwise"), lambda: source + np.uint8(2))
    assert len(made) == 1
    del first
    assert shared(source, ("added",), copied)[0] == 1 and len(made) == 2


def test_sessions_made_at_one_moment_are_right(tmp_path: Path) -> None:
    model, x = make("dense")
    path, found = save(model, tmp_path / "m.onnx"), []
    threads = [threading.Thread(target=lambda: found.append(Session(path, threads=1)(x)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(np.array_equal(y, found[0]) for y in found)
    np.testing.assert_allclose(found[0], sx.evaluate(model, {"x": x})[0], atol=1e-4)

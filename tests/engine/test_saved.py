"""Compiled models that sessions find again: they give the same results, and nothing that could be wrong is found."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core import dims
from sardonyx.engine import saved
from sardonyx.engine.saved import place, writer
from sardonyx.engine.saved.entry import Start
from sardonyx.engine.session import Session
from sardonyx.ir import Array, Tensor
from tests.engine.oracle import floats, parse
from tests.test_layers import reachable

# name -> (graph, feeds by name); what is no input of the call is a constant
MODELS: dict[str, tuple[str, dict[str, Array], dict[str, Array]]] = {
    "dense": (
        "(float[2,300] x, float[300,300] w) => (float[2,300] y) { z = MatMul(x, w) y = Relu(z) }",
        {"x": floats(2, 300)},
        {"w": floats(300, 300, seed=1)},
    ),
    "symbols": (
        "(float[n,m] x, float[300,300] w) => (float[n,300] y) { z = MatMul(x, w) y = Softmax(z) }",
        {"x": floats(3, 300)},
        {"w": floats(300, 300, seed=1, scale=0.1)},
    ),
    "image": (
        "(float[1,16,n,n] x, float[32,16,3,3] w) => (float[1,32,n,n] y) { y = Conv<pads=[1,1,1,1]>(x, w) }",
        {"x": floats(1, 16, 9, 9)},
        {"w": floats(32, 16, 3, 3, seed=1)},
    ),
    "larger": (
        "(float[1,4,n,n] x) => (float[1,4,p,q] y) "
        "{ s = Constant<value_floats=[1.0,1.0,2.0,2.0]>() y = Resize<mode='linear'>(x, , s) }".replace("'", '"'),
        {"x": floats(1, 4, 5, 5)},
        {},
    ),
    "larger image": (
        "(float[1,4,5,5] x) => (float[1,4,10,10] y) "
        "{ s = Constant<value_floats=[1.0,1.0,2.0,2.0]>() y = Resize<mode='cubic'>(x, , s) }".replace("'", '"'),
        {"x": floats(1, 4, 5, 5)},
        {},
    ),
    "rows": (
        "(int64[k] x, float[500,64] w) => (float[k,64] y) { y = Gather(w, x) }",
        {"x": np.array([3, 0, 499])},
        {"w": floats(500, 64, seed=1)},
    ),
    "results": ("(float[n,4] x) => (float[n,4] b, float[n,4] a) { a = Exp(x) b = Neg(a) }", {"x": floats(5, 4)}, {}),
    "steps": (
        "(float[5,b,12] x, float[1,80,12] w, float[1,80,20] r) => (float[5,1,b,20] y) "
        "{ y = LSTM<hidden_size=20>(x, w, r) }",
        {"x": floats(5, 2, 12)},
        {"w": floats(1, 80, 12, seed=1), "r": floats(1, 80, 20, seed=2)},
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SARDONYX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def build(name: str) -> sx.Model:
    text, _, constants = MODELS[name]
    model = parse(text)
    for value in [v for v in model.graph.inputs if v.name in constants]:
        model.graph.inputs.remove(value)
        value.const = Tensor(constants[value.name], name=value.name)
        model.graph.initializers[value.name] = value
    return model


def write(model: sx.Model, path: Path, *, age: float = 60, external: bool = False) -> Path:
    """The model as a file that was last changed some time ago."""
    sx.save(model, path, external_data=external)
    for file in path.parent.glob(path.name + "*"):
        os.utime(file, (time.time() - age, time.time() - age))
    return path


def forget() -> None:
    """As in a new process: nothing is left in memory."""
    gc.collect()
    assert not saved._open  # pyright: ignore[reportPrivateUsage]


def entries(folder: Path) -> list[Path]:
    return list(folder.glob("*.plan"))


def found(session: Session) -> bool:
    return session._loaded is None  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_found_gives_the_same(name: str, external: bool, tmp_path: Path, folder: Path) -> None:
    path, feeds = write(build(name), tmp_path / "m.onnx", external=external), MODELS[name][1]
    first = Session(path, threads=1)
    assert not found(first) and not first.fallbacks
    want, ports = first.run(None, feeds), (first.inputs, first.outputs)
    del first
    forget()
    assert len(entries(folder)) == 1
    second = Session(path, threads=1)
    assert found(second) and (second.inputs, second.outputs) == ports
    for a, b in zip(second.run(None, feeds), want, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(sx.evaluate(sx.load(path), feeds), want, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-3)
    assert found(second)


def test_bytes_are_found_by_what_they_say(folder: Path) -> None:
    data, feeds = sx.to_bytes(build("dense")), MODELS["dense"][1]
    want = Session(data).run(None, feeds)
    forget()
    second = Session(data)
    assert found(second)
    np.testing.assert_array_equal(second.run(None, feeds)[0], want[0])
    assert not found(Session(sx.to_bytes(build("symbols"))))


def test_sessions_of_one_process_share_everything(tmp_path: Path) -> None:
    path = write(build("dense"), tmp_path / "m.onnx")
    one, two = Session(path), Session(path, threads=1)
    assert one._main is not None and two._main is not None  # pyright: ignore[reportPrivateUsage]
    assert one._main.compiled is two._main.compiled  # pyright: ignore[reportPrivateUsage]


def test_other_values_profiles_and_traps_read_the_model_when_they_need_it(tmp_path: Path) -> None:
    path, feeds = write(build("dense"), tmp_path / "m.onnx"), MODELS["dense"][1]
    Session(path)
    forget()
    session = Session(path)
    rows = session.profile(feeds, runs=1).rows
    session.warmup(feeds)
    assert found(session) and [r.kernel for r in rows] and all(r.native for r in rows)
    z, y = session.run(["z", "y"], feeds)
    np.testing.assert_array_equal(np.maximum(z, 0), y)
    session.trap(feeds)
    assert not found(session)
    with pytest.raises(sx.InputError, match="no value named 'q'"):
        session.run(["q"], feeds)


def test_a_model_that_is_read_late_is_the_one_that_was_compiled(tmp_path: Path) -> None:
    path, feeds = write(build("dense"), tmp_path / "m.onnx"), MODELS["dense"][1]
    Session(path)
    forget()
    session = Session(path)
    want = session.run(None, feeds)
    write(build("symbols"), path, age=30)
    np.testing.assert_array_equal(session.run(None, feeds)[0], want[0])
    with pytest.raises(sx.InputError, match="has changed"):
        session.run(["z"], feeds)


def test_wrong_inputs_are_refused_alike(tmp_path: Path) -> None:
    path = write(build("symbols"), tmp_path / "m.onnx")
    told: list[list[str]] = []
    for _ in range(2):
        session, words = Session(path), []
        for feeds in ({}, {"x": floats(3)}, {"x": floats(3, 301)}, {"q": floats(3, 300)}, {"x": np.zeros((3, 300))}):
            with pytest.raises(sx.InputError) as caught:
                session.run(None, feeds)
            words.append(str(caught.value))
        told.append(words)
        del session, caught
        forget()
    assert told[0] == told[1]


# --- nothing wrong is found ---------------------------------------------------------------------------------------------


def test_a_changed_file_is_not_found(tmp_path: Path) -> None:
    path, feeds = write(build("dense"), tmp_path / "m.onnx"), MODELS["dense"][1]
    want = Session(path).run(None, feeds)
    forget()
    model = build("dense")
    [value] = model.graph.initializers.values()
    value.const = Tensor(2 * MODELS["dense"][2]["w"], name="w")
    write(model, path, age=30)
    session = Session(path)
    assert not found(session)
    np.testing.assert_allclose(session.run(None, feeds)[0], 2 * want[0], rtol=1e-4)


def test_changed_external_data_is_not_found(tmp_path: Path) -> None:
    path, feeds = write(build("dense"), tmp_path / "m.onnx", external=True), MODELS["dense"][1]
    first = Session(path)
    want = first.run(None, feeds)
    data = tmp_path / "m.onnx.data"
    data.write_bytes((np.frombuffer(data.read_bytes(), np.float32) * 2).tobytes())
    os.utime(data, (time.time() - 30, time.time() - 30))
    session = Session(path)
    assert not found(session)
    np.testing.assert_allclose(session.run(None, feeds)[0], 2 * want[0], rtol=1e-4)


def test_data_beside_a_link_is_watched_there(tmp_path: Path) -> None:
    """The folder of a link's target may hold a file of the same name, which the model does not read."""
    real, folder = write(build("dense"), tmp_path / "m.onnx", external=True), tmp_path / "links"
    folder.mkdir()
    (folder / "m.onnx").symlink_to(real)
    data, feeds = folder / "m.onnx.data", MODELS["dense"][1]
    weights = np.frombuffer((tmp_path / "m.onnx.data").read_bytes(), np.float32)
    want = Session(real).run(None, feeds)[0]
    for factor, age in ((1, 60), (4, 30)):  # a power of two: results grow by just as much
        data.write_bytes((weights * factor).astype(np.float32).tobytes())
        os.utime(data, (time.time() - age, time.time() - age))
        np.testing.assert_array_equal(Session(folder / "m.onnx").run(None, feeds)[0], factor * want)


def test_a_file_that_changed_a_moment_ago_is_not_kept(tmp_path: Path, folder: Path) -> None:
    path = write(build("dense"), tmp_path / "m.onnx", age=0)
    Session(path)
    assert not entries(folder)
    old = write(build("dense"), tmp_path / "old.onnx", external=True)
    os.utime(tmp_path / "old.onnx.data")
    Session(old)
    assert not entries(folder)


@pytest.mark.parametrize("place", [0.0, 0.01, 0.2, 0.5, 0.999])
def test_damage_is_ignored_and_repaired(place: float, tmp_path: Path, folder: Path) -> None:
    path, feeds = write(build("dense"), tmp_path / "m.onnx"), MODELS["dense"][1]
    want = Session(path).run(None, feeds)
    forget()
    (entry,) = entries(folder)
    good = bytearray(entry.read_bytes())
    good[int(place * len(good))] ^= 0x40
    for damaged in (bytes(good), entry.read_bytes()[: int(place * len(good))], b""):
        entry.write_bytes(damaged)
        session = Session(path)
        assert not found(session)
        np.testing.assert_array_equal(session.run(None, feeds)[0], want[0])
        del session
        forget()
        assert found(Session(path))
        forget()


def test_an_entry_names_only_what_is_ours(tmp_path: Path, folder: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("exit 1",)

    import pickle

    path = write(build("dense"), tmp_path / "m.onnx")
    Session(path)
    forget()
    (entry,) = entries(folder)
    head = pickle.dumps(Evil())
    entry.write_bytes(Start.of(head, 0).pack() + head)
    assert not found(Session(path))


def test_precision_and_instruction_set_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(build("dense"), tmp_path / "m.onnx")
    Session(path)
    forget()
    assert not found(Session(path, precision="high"))
    monkeypatch.setenv("SARDONYX_ISA", "generic")
    assert not found(Session(path))


def test_what_is_not_wanted_is_not_written(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(build("dense"), tmp_path / "m.onnx")
    Session(path, cache=False)
    Session(build("dense"))
    assert not folder.exists() or not entries(folder)
    monkeypatch.setenv("SARDONYX_CACHE", "off")
    Session(path)
    assert not folder.exists() or not entries(folder)


def test_a_model_with_a_node_that_falls_back_is_not_kept(tmp_path: Path, folder: Path) -> None:
    path = write(parse("(float[n,n] x) => (float[n,n] y) { z = Det(x) y = Add(x, z) }"), tmp_path / "m.onnx")
    for _ in range(2):
        session = Session(path)
        assert not found(session) and session.fallbacks
    assert not entries(folder)


def test_old_entries_make_room(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["dense", "symbols", "image"]
    paths = [write(build(n), tmp_path / f"{n}.onnx") for n in names]
    Session(paths[0])
    (first,) = entries(folder)
    os.utime(first, (1, 1))
    Session(paths[1])
    assert first in entries(folder)
    monkeypatch.setattr(writer, "ALL", sum(e.stat().st_size for e in entries(folder)))
    Session(paths[2])
    assert first not in entries(folder) and len(entries(folder)) == 2
    monkeypatch.setattr(writer, "MOST", 100)
    Session(write(build("steps"), tmp_path / "s.onnx"))
    assert len(entries(folder)) == 2


@pytest.mark.parametrize("name", ["symbols", "image", "larger image", "steps"])
def test_another_process_finds_it_without_the_compiler(name: str, tmp_path: Path, folder: Path) -> None:
    path = write(build(name), tmp_path / "m.onnx")
    shape = MODELS[name][1]["x"].shape
    code = (
        "import sys, numpy, sardonyx as sx; s = sx.Session(sys.argv[1]); "
        f"print(float(s.run(None, {{'x': numpy.ones({shape}, 'f')}})[0].sum())); "
        "print([m for m in ('sardonyx.ops', 'sardonyx.passes', 'sardonyx.tile', 'sardonyx.proto') if m in sys.modules])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        ).stdout.split("\n")
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0] and runs[0][1] != "[]" == runs[1][1]


def test_dims_keep_their_place_in_dictionaries_of_another_process() -> None:
    """Hashes of names differ from process to process: what is read back hashes anew."""
    import pickle

    data = pickle.dumps({dims.symbol("n") * 2 + 1: "yes"})
    code = (
        f"import pickle, sys; from sardonyx.core import dims; print(pickle.loads({data!r})[dims.symbol('n') * 2 + 1])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "yes"


def test_the_key_holds_every_room_that_the_compiler_imports() -> None:
    assert not {"engine", *reachable("engine")} & place._ABOVE  # pyright: ignore[reportPrivateUsage]

"""External data is written, read and refused as the official package does."""

from __future__ import annotations

import importlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import Program, outcome, parsed, same

REFUSED = ("raises", "ValidationError")


def tensor(o: Any, count: int = 4, name: str = "w", **entries: Any) -> Any:
    """A tensor with its bytes; the entries say where they are to lie."""
    made = o.numpy_helper.from_array(np.arange(count, dtype=np.float32), name)
    if entries:
        made.data_location = o.TensorProto.EXTERNAL
        for key, value in entries.items():
            made.external_data.add(key=key, value=str(value))
    return made


ENTRIES: list[dict[str, Any]] = [
    {"location": "w.bin"}, {"location": "w.bin", "offset": 16, "length": 1024, "checksum": "abc", "basepath": "x"}, {},
    {"location": "w.bin", "offset": 0, "length": 0}, {"location": "w.bin", "offset": -1}, {"length": -5}, {"offset": "abc"},
    {"length": "1.5"}, {"location": "w.bin", "evil": "1", "__class__": "dict"}, {f"key{i}": i for i in range(20)}, {"k" * 300: 1},
]  # fmt: skip


@pytest.mark.parametrize("entries", ENTRIES, ids=lambda e: str(e)[:40])
def test_what_a_tensor_says(entries: dict[str, Any]) -> None:
    def program(o: Any) -> Any:
        made = o.TensorProto(name="t")
        for key, value in entries.items():
            made.external_data.add(key=key, value=str(value))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            info = o.external_data_helper.ExternalDataInfo(made)
        facts = [info.location, info.offset, info.length, info.checksum, info.basepath, type(info).__name__]
        return [facts, len(caught), ["unknown external data key" in str(w.message) for w in caught]]

    same(program)


SAVED: list[dict[str, Any]] = [
    {"location": "new.bin"}, {"location": "old.bin"}, {"location": "new.bin", "offset": 0}, {"location": "old.bin", "offset": 10},
    {"location": "old.bin", "offset": 64}, {"location": "old.bin", "offset": 4}, {"location": "new.bin", "offset": 65536},
    {"location": "new.bin", "offset": 65537}, {"location": "d/new.bin"}, {"location": "../new.bin"}, {"location": "/tmp/new.bin"},
    {"location": ""}, {"location": "."}, {"location": "link"}, {"location": "out/new.bin"}, {"location": "hard"}, {"location": "none/x"},
    {"location": "in/new.bin"}, {"location": "d/../in/new.bin"},
]  # fmt: skip


@pytest.mark.parametrize("entries", SAVED, ids=repr)
def test_saving(entries: dict[str, Any], tmp_path: Path) -> None:
    def program(o: Any) -> Any:
        folder = _folder(tmp_path / o.__name__)
        made = tensor(o, **entries)
        found = outcome(lambda _: o.external_data_helper.save_external_data(made, str(folder)), o)
        secret = (folder.parent / "secret").read_bytes()
        return [found, made if found is None else None, _contents(folder), secret, (folder.parent / "outside").exists()]

    assert same(program)[3] == b"secret"


def _folder(base: Path) -> Path:
    folder = base / "model"
    (folder / "d").mkdir(parents=True)
    (base / "elsewhere").mkdir()
    (base / "secret").write_bytes(b"secret")
    (folder / "old.bin").write_bytes(b"0123456789")
    (folder / "hard").write_bytes(b"0123")
    os.link(folder / "hard", base / "other name")
    (folder / "link").symlink_to(base / "secret")
    (folder / "out").symlink_to(base / "elsewhere")
    (folder / "in").symlink_to(folder / "d")
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


READ: list[dict[str, Any]] = [
    {"location": "w.bin"}, {"location": "w.bin", "offset": 4}, {"location": "w.bin", "length": 8}, {"location": "d/../w.bin"},
    {"location": "w.bin", "offset": 4, "length": 8}, {"location": "w.bin", "offset": 100}, {"location": "w.bin", "length": 100},
    {"location": "w.bin", "offset": 8, "length": 12}, {"location": "none"}, {"location": "../secret"}, {"location": "/etc/hostname"},
    {"location": ""}, {"location": "link"}, {"location": "hard"}, {"location": "d"}, {"location": "out/w.bin"},
    {"location": "in/w.bin"},
]  # fmt: skip


@pytest.mark.parametrize("entries", READ, ids=repr)
def test_loading(entries: dict[str, Any], tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "w.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    for place in (tmp_path / "elsewhere", folder / "d"):
        (place / "w.bin").write_bytes(bytes(16))

    def program(o: Any) -> Any:
        made = tensor(o, **entries)
        made.ClearField("raw_data")
        o.external_data_helper.load_external_data_for_tensor(made, str(folder))
        return made

    def as_array(o: Any) -> Any:
        made = tensor(o, **entries)
        made.ClearField("raw_data")
        before = made.SerializeToString()
        found = o.numpy_helper.to_array(made, str(folder))
        return [found, made.SerializeToString() == before]

    same(program)
    same(as_array)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("../secret", "points outside the directory"),
        ("/etc/hostname", "absolute path"),
        ("", "should not be empty"),
        ("link", "symbolic link"),
        ("hard", "multiple hard links"),
        ("d", "not regular file"),
        ("none", "not regular file"),
        ("out/w.bin", "resolves outside model directory"),
    ],
)
def test_refusals_have_the_words_that_programs_look_for(location: str, words: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (tmp_path / "elsewhere" / "w.bin").write_bytes(bytes(16))
    for package in (ours, importlib.import_module("onnx")):
        with pytest.raises(package.checker.ValidationError, match=words):
            package.external_data_helper.load_external_data_for_tensor(tensor(package, location=location), str(folder))


TEXT = """<ir_version: 7, opset_import: ["": 15, "local": 1]> g (float[N] X, bool c) => (float[N] Y) {
    k = Constant <value = float[3] {1, 2, 3}> ()
    Y = If (c) <
        then_branch = a () => (float[N] p) <float[2] u = {1, 2}> { q = Constant <value = float[1] {0.0}> ()  p = Add (X, q) },
        else_branch = b () => (float[N] r) { r = local.f (X) }
    >
}
<opset_import: ["": 15], domain: "local"> f (x) => (y) { z = Constant <value = float[1] {1.0}> ()  y = Add (x, z) }"""


def _raw(o: Any) -> Any:
    """A model whose tensors, wherever they are, hold their elements as bytes."""
    model = parsed(o, TEXT)
    model.graph.initializer.append(tensor(o, 300, "large"))
    model.graph.initializer.append(tensor(o, 3, "a/b"))
    for i, held in enumerate(o.external_data_helper._get_all_tensors(model)):
        if not held.HasField("raw_data"):
            held.CopyFrom(tensor(o, i + 1, held.name or f"t{i}"))
    return model


@pytest.mark.parametrize("threshold", [0, 34, 37, 38, 41, 1024, 10000])
@pytest.mark.parametrize("attributes", [False, True])
def test_marking(threshold: int, attributes: bool) -> None:
    def program(o: Any) -> Any:
        model = _raw(o)
        o.external_data_helper.convert_model_to_external_data(model, True, "all.bin", threshold, attributes)
        return [[t.name, list(t.external_data)] for t in o.external_data_helper._get_all_tensors(model)]

    same(program)


@pytest.mark.parametrize("one_file", [False, True])
def test_round_trips(one_file: bool, tmp_path: Path) -> None:
    def program(o: Any) -> Any:
        path = tmp_path / o.__name__ / "m.onnx"
        path.parent.mkdir()
        model = _raw(o)
        location = "all.bin" if one_file else None
        o.save(model, path, save_as_external_data=True, all_tensors_to_one_file=one_file, location=location,
               size_threshold=0, convert_attribute=True)  # fmt: skip
        unread = o.load(str(path), load_external_data=False)
        o.save(unread, str(path))  # nothing is lost where nothing was read
        read = o.load(path)
        names = {p.name for p in path.parent.iterdir() if "-" not in p.name}
        o.external_data_helper.convert_model_from_external_data(read)
        places = [[e.key, e.value] for t in o.external_data_helper._get_all_tensors(unread) for e in t.external_data]
        return [sorted(names), read, [p for p in places if "-" not in p[1]]]

    same(program)


def test_places_in_a_file_decide_the_order(tmp_path: Path) -> None:
    first, second = (
        tensor(ours, 4, "first", location="d.bin", offset=8),
        tensor(ours, 2, "second", location="d.bin", offset=0),
    )
    model = ours.ModelProto(
        graph=ours.GraphProto(initializer=[first, second, tensor(ours, 1, "end", location="d.bin")])
    )
    ours.external_data_helper.write_external_data_tensors(model, str(tmp_path))
    written = b"".join(np.arange(n, dtype=np.float32).tobytes() for n in (2, 4, 1))
    assert (tmp_path / "d.bin").read_bytes() == written


CALLS: dict[str, Program] = {
    "no bytes to mark": lambda o: o.external_data_helper.set_external_data(o.TensorProto(), "x"),
    "no bytes to save": lambda o: o.external_data_helper.save_external_data(o.TensorProto(), "."),
    "not read": lambda o: o.external_data_helper.convert_model_from_external_data(
        o.ModelProto(graph=o.GraphProto(initializer=[o.TensorProto(data_location=1)]))),
    "an absolute place": lambda o: o.external_data_helper.convert_model_to_external_data(_raw(o), location="/x"),
    "a place that is taken": lambda o: o.external_data_helper.convert_model_to_external_data(_raw(o), location=__file__),
    "names of files": lambda o: [o.external_data_helper._is_valid_filename(n) for n in ("a", "a.b", "a/b", "", "a*", "a b", "a\\b")],
    "the known keys": lambda o: sorted(o.external_data_helper._ALLOWED_EXTERNAL_DATA_KEYS),
    "the most padding": lambda o: o.external_data_helper._MAX_EXTERNAL_DATA_PADDING,
    "a forgotten entry": lambda o: _forgotten(o),
}  # fmt: skip


def _forgotten(o: Any) -> Any:
    made = tensor(o, location="x", offset=3)
    o.external_data_helper.remove_external_data_field(made, "offset")
    return made


@pytest.mark.parametrize("program", CALLS.values(), ids=CALLS)
def test_calls(program: Program) -> None:
    same(program)

"""Each format of a model file: what is saved comes back, external data included, and what is damaged is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import sardonyx as sx
from benchmarks import fuzz
from sardonyx.core.errors import FormatError, InputError, PathError
from sardonyx.io import to_bytes
from sardonyx.io.formats import BINARY
from sardonyx.io.read import model_from_proto
from sardonyx.ir import Model
from sardonyx.ir.text import parse_model
from sardonyx.proto import decode
from tests.ir.text.compare import essence
from tests.ir.text.samples import SAMPLES

SUFFIXES = [".onnx", ".onnxtxt", ".json", ".textproto"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_saved_comes_back(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    model = SAMPLES[name]()
    sx.save(model, path)
    assert essence(sx.load(path)) == essence(model)


@pytest.mark.parametrize("suffix", [".onnxtxt", ".json", ".textproto"])
def test_the_official_package_reads_it(suffix: str, tmp_path: Path) -> None:
    model = SAMPLES["control"]()
    sx.save(model, tmp_path / f"m{suffix}")
    official = onnx.load(tmp_path / f"m{suffix}")
    assert essence(sx.from_bytes(official.SerializeToString())) == essence(model)


@pytest.mark.parametrize("suffix", [".onnxtxt", ".json", ".textproto"])
def test_what_the_official_package_writes_is_read(suffix: str, tmp_path: Path) -> None:
    model = SAMPLES["control"]()
    onnx.save(onnx.load_model_from_string(sx.to_bytes(model)), tmp_path / f"m{suffix}")
    assert essence(sx.load(tmp_path / f"m{suffix}")) == essence(model)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_may_lie_beside(suffix: str, tmp_path: Path) -> None:
    model = SAMPLES["affine"]()
    weight = np.random.default_rng(0).standard_normal((64, 64), np.float32)
    model.graph.add_initializer(sx.Tensor(weight, name="large"))
    path = tmp_path / f"m{suffix}"
    sx.save(model, path, external_data=True)
    assert path.stat().st_size < 8192 and (tmp_path / f"{path.name}.data").stat().st_size == weight.nbytes
    const = sx.load(path).graph.initializers["large"].const
    assert isinstance(const, sx.Tensor)
    np.testing.assert_array_equal(const.numpy(), weight)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_may_not_lie_elsewhere(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(8))
    folder = tmp_path / "models"
    folder.mkdir()
    text = 'g () => () <float[2] w = ["location": "../secret", "offset": "0", "length": "8"]> {}'
    official = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 21]>' + text)
    path = folder / f"m{suffix}"
    path.write_bytes(onnx.load_model_from_string(official.SerializeToString()).SerializeToString())
    if suffix == ".onnxtxt":
        path.write_text(text)
    elif suffix != ".onnx":
        onnx.save_model(official, path, format="json" if suffix == ".json" else "textproto")
    with pytest.raises(PathError):
        sx.load(path)


def test_damage_is_located(tmp_path: Path) -> None:
    for suffix in SUFFIXES[1:]:
        path = tmp_path / f"m{suffix}"
        sx.save(SAMPLES["affine"](), path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FormatError) as caught:
            sx.load(path)
        assert caught.value.offset is not None and "where:" in str(caught.value)
        path.write_bytes(b"\xff\xfe" + whole)
        with pytest.raises(FormatError):
            sx.load(path)
        path.write_bytes(b"")
        with pytest.raises(FormatError, match="empty"):
            sx.load(path)


def test_an_unknown_suffix_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.onnxtxt"):
        sx.save(SAMPLES["affine"](), tmp_path / "m.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shortest", [0, 200])
def test_reading_once_and_keeping_messages_come_to_the_same(shortest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of damaged files, `read` leaves messages where they lie and `message` decodes them all: both refuse the same ones."""
    monkeypatch.setattr(decode, "_DEFER_FROM", shortest)
    rng, verdicts = random.Random(0), {"read": 0, "refused": 0}
    seeds = [to_bytes(parse_model(fuzz.MODEL)), to_bytes(fuzz.every_dtype())]
    for _ in range(2000):
        data = memoryview(fuzz.damage(seeds, rng))
        found = [_bytes_or_refusal(lambda d: BINARY.read(d, None), data), _bytes_or_refusal(_keeping, data)]
        assert found[0] == found[1], bytes(data)
        verdicts["refused" if found[0] is None else "read"] += 1
    assert min(verdicts.values()) > 200


def _keeping(data: memoryview) -> Model:
    assert BINARY.message is not None
    return model_from_proto(BINARY.message(data), consume=True)


def _bytes_or_refusal(read: Callable[[memoryview], Model], data: memoryview) -> bytes | None:
    try:
        return to_bytes(read(data)) if len(data) else None
    except FormatError:
        return None

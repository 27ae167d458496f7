"""Each format of a model file: what is saved comes back, external data included, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import sardonyx as sx
from sardonyx.core.errors import FormatError, InputError, PathError
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

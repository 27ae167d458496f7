"""Weights in safetensors files: both ways with the format's own package, and damaged files refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

import sardonyx as sx
from sardonyx.core.errors import FormatError, InputError, UnsupportedError

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "f": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(3, np.int64),
    "none": np.zeros((0, 4), np.float16),
    "b": np.array([True, False, True]),
    "u": np.array([1, 2], np.uint16),
}


def test_both_packages_read_what_the_other_writes(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    sx.save_weights(ARRAYS, ours)
    save_file(ARRAYS, theirs)
    for found in (load_file(ours), {n: t.numpy() for n, t in sx.load_weights(theirs).items()}):
        assert found.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_narrow_floats_come_back(tmp_path: Path) -> None:
    arrays = {str(t.__name__): np.arange(4).astype(t) for t in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2)}
    sx.save_weights(arrays, tmp_path / "w")
    for name, tensor in sx.load_weights(tmp_path / "w").items():
        assert tensor.numpy().dtype == arrays[name].dtype and tensor.numpy().tolist() == [0, 1, 2, 3]


def test_what_the_format_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="complex64"):
        sx.save_weights({"c": np.zeros(1, np.complex64)}, tmp_path / "w")
    with pytest.raises(InputError, match="__metadata__"):
        sx.save_weights({"__metadata__": np.zeros(1, np.float32)}, tmp_path / "w")
    with pytest.raises(InputError, match="no file"):
        sx.load_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]},
        {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
        [],
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, entry: object) -> None:
    header = json.dumps({"w": entry}).encode()
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(FormatError, match="tensor 'w'"):
        sx.load_weights(tmp_path / "w")


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    path, rng = tmp_path / "w", random.Random(0)
    sx.save_weights(ARRAYS, path)
    whole, refused = path.read_bytes(), 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 4))):
            data[rng.randrange(len(data))] = rng.choice(whole)
        path.write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
        try:
            for tensor in sx.load_weights(path).values():
                tensor.numpy()
        except FormatError:
            refused += 1
    assert 300 < refused < 1000

"""The table of element types agrees with the standard's own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import onnx
import pytest

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType, dtype
from sardonyx.core.errors import DTypeError

REAL = [t for t in d.ALL if t is not d.UNDEFINED]


def test_codes_are_the_standards() -> None:
    """Every `TensorProto.DataType` is here, under its name and code."""
    assert {t.onnx: t.code for t in d.ALL} == dict(onnx.TensorProto.DataType.items())


@pytest.mark.parametrize("kind", [t for t in REAL if t is not d.STRING], ids=str)
def test_numpy_type_is_the_standards(kind: DType) -> None:
    assert kind.numpy == onnx.helper.tensor_dtype_to_np_dtype(kind.code)


@pytest.mark.parametrize("kind", REAL, ids=str)
def test_every_spelling_finds_the_type(kind: DType) -> None:
    assert dtype(kind) is dtype(kind.code) is dtype(kind.name) is dtype(kind.onnx) is dtype(kind.text) is kind
    if kind is not d.STRING:
        assert dtype(kind.numpy) is dtype(kind.numpy.type) is kind


def test_a_type_is_one_object() -> None:
    for kind in d.ALL:
        assert pickle.loads(pickle.dumps(kind)) is kind
        assert copy.deepcopy(kind) is kind


@pytest.mark.parametrize("spec", [str, np.dtype("U5"), np.dtype("S3"), np.dtype(object)])
def test_strings(spec: object) -> None:
    assert dtype(spec) is d.STRING  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", [99, -1, "float31", np.dtype("datetime64[s]")])
def test_nonsense_is_refused(spec: object) -> None:
    with pytest.raises(DTypeError, match="SDX-T100"):
        dtype(spec)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "count", "size"),
    [(d.FLOAT32, 3, 12), (d.INT4, 3, 2), (d.INT2, 5, 2), (d.FLOAT6E2M3, 3, 3), (d.BOOL, 3, 3)],
)
def test_bytes_in_a_file(kind: DType, count: int, size: int) -> None:
    assert kind.nbytes(count) == size


def test_which_are_packed() -> None:
    assert {t.name for t in d.ALL if t.packed} == {
        "int2",
        "uint2",
        "int4",
        "uint4",
        "float4e2m1",
        "float6e2m3",
        "float6e3m2",
    }

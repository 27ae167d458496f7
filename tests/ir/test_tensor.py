"""Tensors decode late, and exactly what the file holds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError
from sardonyx.ir import SparseTensor, Tensor

NUMBERS = [t for t in d.ALL if t.kind not in ("none", "string")]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_bytes_and_elements_round_trip(kind: DType) -> None:
    """raw() is what the official package writes, and reads back as the same elements."""
    array = (np.arange(6) % 2).astype(kind.numpy).reshape(2, 3)
    raw = Tensor(array).raw()
    assert bytes(raw) == onnx.numpy_helper.from_array(array).raw_data
    back = Tensor(raw, dtype=kind, shape=(2, 3))
    assert back.numpy().dtype == kind.numpy
    assert back.numpy().tobytes() == array.tobytes()
    assert (back.size, back.nbytes, back.rank) == (6, kind.nbytes(6), 2)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    calls: list[int] = []

    def payload() -> memoryview:
        calls.append(1)
        return memoryview(np.arange(2, dtype=np.float32).tobytes())

    tensor = Tensor(payload, dtype=d.FLOAT32, shape=(2,))
    assert repr(tensor) and tensor.nbytes == 8
    assert not calls
    assert tensor.numpy().tolist() == tensor.numpy().tolist() == [0.0, 1.0]
    assert len(calls) == 1


def test_mapped_bytes_are_not_copied() -> None:
    data = bytearray(np.zeros(4, np.float32).tobytes())
    tensor = Tensor(memoryview(data), dtype=d.FLOAT32, shape=(4,))
    view = tensor.numpy()
    data[0:4] = np.float32(7).tobytes()
    assert view[0] == 7


@pytest.mark.parametrize("size", [0, 7, 9])
def test_wrong_size_is_refused(size: int) -> None:
    tensor = Tensor(memoryview(bytes(size)), name="w", dtype=d.FLOAT32, shape=(2,))
    with pytest.raises(FormatError, match=f"tensor 'w' holds {size} bytes, float32\\[2\\] needs 8"):
        tensor.numpy()


def test_scalars_and_strings() -> None:
    assert Tensor(np.array(3)).item() == 3
    assert Tensor(np.array(["a", "b"], object)).dtype is d.STRING


@pytest.mark.parametrize("indices", [[1, 4], [[0, 1], [1, 1]]], ids=["linear", "coordinates"])
def test_sparse_becomes_dense(indices: list[object]) -> None:
    sparse = SparseTensor(Tensor(np.array([5.0, 6.0]), name="s"), Tensor(np.array(indices)), (2, 3))
    assert sparse.numpy().tolist() == [[0, 5, 0], [0, 6, 0]]
    assert sparse.name == "s"

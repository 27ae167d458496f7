"""Faults that no official model can be built with, or that reading refuses already: found in models made in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sardonyx.check import check, faults
from sardonyx.core.dtypes import FLOAT32, UNDEFINED
from sardonyx.core.errors import CheckError
from sardonyx.ir import Attr, AttrKind, ExternalLocation, Graph, Model, Node, SparseTensor, Tensor, TensorType, Value


def model(*constants: Tensor | SparseTensor, **attrs: Any) -> Model:
    """y = Relu(x), with some constants beside it."""
    graph = Graph("main", [Value("x", TensorType(FLOAT32, (2,)))])
    for i, const in enumerate(constants):
        graph.add_initializer(const, const.name or f"w{i}")
    node = graph.append(Node("Relu", [graph.inputs[0]], [Value("y", TensorType(FLOAT32, (2,)))]))
    node.attrs |= attrs
    graph.outputs = [node.output]
    return Model(graph, {"": 20})


def codes(of: Model, folder: Path | None = None) -> set[str]:
    return {f.code for f in faults(of, folder=folder)} - {
        "SDX-C182"
    }  # nothing reads the constant: true, and not the subject


def raw(size: int, **facts: Any) -> Tensor:
    return Tensor(memoryview(bytes(size)), **({"name": "w", "dtype": FLOAT32, "shape": (2, 3)} | facts))


def stored(location: str, offset: int = 0, length: int | None = None) -> Tensor:
    return raw(24, external=ExternalLocation(location, offset, length))


def sparse(values: Any, indices: Any, shape: tuple[int, ...] = (2, 3)) -> SparseTensor:
    return SparseTensor(Tensor(np.asarray(values, np.float32), name="s"), Tensor(np.asarray(indices, np.int64)), shape)


def test_a_sound_model_has_no_fault() -> None:
    assert codes(model(raw(24), sparse([1, 2], [0, 5]), sparse([1], [[1, 2]]), stored("a/b.bin", 4096, 24))) == set()


@pytest.mark.parametrize(
    ("const", "code"),
    [
        (raw(24, dtype=UNDEFINED), "SDX-C162"),
        (raw(24, shape=(-2, 3)), "SDX-C162"),
        (raw(23), "SDX-C163"),
        (raw(25), "SDX-C163"),
        (sparse([[1]], [0]), "SDX-C165"),
        (sparse([1, 2], [0]), "SDX-C165"),
        (sparse([1], [[0, 0, 0]]), "SDX-C165"),
        (sparse([1], [6]), "SDX-C165"),
        (sparse([1], [-1]), "SDX-C165"),
        (sparse([1], [[2, 0]]), "SDX-C165"),
        (sparse([1, 2], [4, 3]), "SDX-C165"),
        (sparse([1, 2], [[0, 1], [0, 1]]), "SDX-C165"),
        (stored(""), "SDX-C171"),
        (stored("/etc/passwd"), "SDX-C171"),
        (stored("C:\\weights.bin"), "SDX-C171"),
        (stored("../weights.bin"), "SDX-C171"),
        (stored("a/../../weights.bin"), "SDX-C171"),
        (stored("..\\weights.bin"), "SDX-C171"),
        (stored("w.bin", -8), "SDX-C173"),
        (stored("w.bin", 0, -1), "SDX-C173"),
        (stored("w.bin", 0, 23), "SDX-C173"),
    ],
)
def test_broken_constants(const: Tensor | SparseTensor, code: str) -> None:
    assert codes(model(const)) == {code}
    with pytest.raises(CheckError, match=code):
        check(model(const))
    assert codes(model(inner=Attr.of("inner", const))) >= {code}, "tensors in attributes are looked at too"


def test_data_is_read_only_when_full() -> None:
    check(model(raw(3)), full=False)


def test_files_of_external_data(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").write_bytes(bytes(24))
    (tmp_path / "outside.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    assert codes(model(stored("w.bin")), folder) == set()
    assert codes(model(stored("v.bin")), folder) == {"SDX-C172"}
    assert codes(model(stored("w.bin", 8)), folder) == {"SDX-C172"}
    assert codes(model(stored("link.bin")), folder) == {"SDX-C172"}
    assert codes(model(stored("../outside.bin")), folder) == {"SDX-C171"}
    assert codes(model(stored("v.bin"))) == set(), "without a folder there is nowhere to look"


def test_names_and_kinds_in_memory() -> None:
    nameless = model()
    nameless.graph.initializers[""] = Value("", const=raw(24))
    assert codes(nameless) == {"SDX-C102"}
    assert codes(model(__a=Attr("__a", AttrKind.UNDEFINED, None))) == {"SDX-C135"}
    assert codes(model(**{"": Attr.of("", 1)})) >= {"SDX-C135"}
    negative = model()
    negative.graph.inputs[0].type = TensorType(FLOAT32, (-1,))
    assert codes(negative) == {"SDX-C143"}

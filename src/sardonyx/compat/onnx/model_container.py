"""A model whose large tensors stay outside its message: arrays in memory until it is saved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.compat.onnx import checker
from sardonyx.compat.onnx._files import load_model
from sardonyx.compat.onnx._walks import copy_of, subgraphs
from sardonyx.compat.onnx.external_data_helper import (
    ExternalDataInfo,
    _get_all_tensors,
    load_external_data_for_tensor,
    uses_external_data,
)
from sardonyx.compat.onnx.helper import make_model
from sardonyx.compat.onnx.numpy_helper import to_array, tobytes_little_endian
from sardonyx.compat.onnx.onnx_pb import GraphProto, ModelProto, TensorProto

__all__ = ["ModelContainer", "make_large_model", "make_large_tensor_proto"]

Array = np.ndarray[Any, Any]


def _set_external_data(
    tensor: TensorProto,
    location: str,
    offset: int | None = None,
    length: int | None = None,
    checksum: str | None = None,
    basepath: str | None = None,
) -> None:
    del tensor.external_data[:]
    tensor.data_location = TensorProto.EXTERNAL
    facts = {"location": location, "offset": offset, "length": length, "checksum": checksum, "basepath": basepath}
    for key, value in facts.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))


def _enumerate_subgraphs(graph: GraphProto) -> Iterator[GraphProto]:
    for node in graph.node:
        for inner in subgraphs(node):
            yield inner
            yield from _enumerate_subgraphs(inner)


def make_large_tensor_proto(location: str, tensor_name: str, tensor_type: int, shape: tuple[int, ...]) -> TensorProto:
    """A tensor whose elements a container holds under `location`, which begins with `#`."""
    made = TensorProto(name=tensor_name, data_type=tensor_type, dims=shape)
    _set_external_data(made, location)
    return made


class ModelContainer:
    """A model, and its large tensors by location.

    Attributes:
        large_initializers: the arrays.
    """

    def __init__(self) -> None:
        self.model_proto_: ModelProto | None = None
        self.large_initializers: dict[str, Array] = {}
        self.graphs_: list[GraphProto] = []

    def check_model(self) -> None:
        """Refuse an illegal model."""
        checker.check_model(self.model_proto)

    def __getitem__(self, name: str) -> Array:
        found = self.large_initializers.get(name)
        if found is None:
            raise ValueError(f"Unable to find large tensor {name!r} among {sorted(self.large_initializers)}.")
        return found

    @property
    def model_proto(self) -> ModelProto:
        """The model without its large tensors.

        Raises:
            RuntimeError: there is none yet.
        """
        if self.model_proto_ is None:
            raise RuntimeError("ModelContainer is empty.")
        return self.model_proto_

    @model_proto.setter
    def model_proto(self, model_proto: ModelProto) -> None:
        self.model_proto_ = model_proto
        self.graphs_ = list(self.enumerate_graph_protos())

    def enumerate_graph_protos(self) -> Iterator[GraphProto]:
        """The main graph and all graphs inside it."""
        yield self.model_proto.graph
        yield from _enumerate_subgraphs(self.model_proto.graph)

    def is_in_memory_external_initializer(self, name: str) -> bool:
        """Whether a location is of an array that a container holds."""
        return name.startswith("#")

    def set_large_initializers(self, large_initializers: dict[str, Array]) -> None:
        """Hold these arrays.

        Raises:
            ValueError: a location does not begin with `#`.
        """
        for name in large_initializers:
            if not self.is_in_memory_external_initializer(name):
                raise ValueError(f"The location {name!r} must start with '#' to be ignored by check model.")
        self.large_initializers = large_initializers

    def _large(self, model: ModelProto) -> Iterator[tuple[TensorProto, Array]]:
        """The tensors that are stored outside, each with its array."""
        for tensor in _get_all_tensors(model):
            if not uses_external_data(tensor):
                continue
            places = [entry.value for entry in tensor.external_data if entry.key == "location"]
            if not places:
                raise RuntimeError(f"No location found for tensor name {tensor.name!r}.")
            found = self.large_initializers.get(places[-1])
            if found is None:
                known = sorted(self.large_initializers)
                shown = f"{tensor.name!r} with location {places[-1]!r}"
                raise RuntimeError(f"Unable to find large tensor named {shown} in {known}.")
            yield tensor, found

    def check_large_initializers(self) -> None:
        """Refuse a model of which an array is missing.

        Raises:
            RuntimeError: it is.
        """
        for _ in self._large(self.model_proto):
            pass

    def save(self, file_path: str, all_tensors_to_one_file: bool = False) -> ModelProto:
        """Write the model, and its large tensors beside it: to one file, or each to its own. Give what was written."""
        return self._save_external(file_path, all_tensors_to_one_file)

    def _save_external(self, file_path: str, all_tensors_to_one_file: bool) -> ModelProto:
        path = Path(file_path)
        if not path.parent.exists():
            raise FileNotFoundError(f"Folder {str(path.parent)!r} does not exist.")
        made = copy_of(self.model_proto)
        parts: dict[str, list[bytes]] = {f"{path.name}.weight": []} if all_tensors_to_one_file else {}
        offset = 0
        for tensor, array in list(self._large(made)):
            data = tobytes_little_endian(array)
            if all_tensors_to_one_file:
                name = f"{path.name}.weight"
                _set_external_data(tensor, name, offset, len(data))
                offset += len(data)
            else:
                name = _file_name(f"{path.stem}-{ExternalDataInfo(tensor).location}", parts)
                _set_external_data(tensor, name)
            parts.setdefault(name, []).append(data)
        for name, held in parts.items():
            with (path.parent / name).open("wb") as file:
                file.writelines(held)
        path.write_bytes(made.SerializeToString())
        return made

    def load(self, file_path: str, load_large_initializers: bool = True) -> None:
        """Read a model; its large tensors become arrays, now or later by `_load_large_initializers`."""
        self.model_proto = load_model(file_path, load_external_data=False)
        if load_large_initializers:
            self._load_large_initializers(file_path)

    def _load_large_initializers(self, file_path: str) -> None:
        """Read the large tensors, which lie beside the model."""
        if self.model_proto_ is None:
            raise RuntimeError("A model must be loaded before loading the weights.")
        self.large_initializers = {}
        for i, tensor in enumerate(_get_all_tensors(self.model_proto_)):
            if uses_external_data(tensor):
                read = copy_of(tensor)
                load_external_data_for_tensor(read, os.path.dirname(file_path) or ".")  # noqa: PTH120
                read.data_location = TensorProto.DEFAULT
                key = f"#t{i}"
                _set_external_data(tensor, key)
                self.large_initializers[key] = to_array(read)


def _file_name(name: str, taken: dict[str, Any]) -> str:
    """A name of a file of its own, without what paths are made of."""
    plain = name.translate({ord(c): None for c in ":/\\;,!"})
    made, number = f"{plain}.weight", 1
    while made in taken:
        number += 1
        made = f"{plain}_{number}.weight"
    return made


def make_large_model(
    graph: GraphProto, large_initializers: dict[str, Array] | None = None, **kwargs: Any
) -> ModelContainer:
    """A container of a graph and its large tensors; other arguments are those of `make_model`."""
    made = ModelContainer()
    made.model_proto = make_model(graph, **kwargs)
    if large_initializers:
        made.set_large_initializers(large_initializers)
        made.check_large_initializers()
    return made

"""Tensors whose bytes lie in files beside the model."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from sardonyx.compat.onnx.onnx_pb import AttributeProto, FunctionProto, GraphProto, ModelProto, TensorProto
from sardonyx.core.dtypes import dtype
from sardonyx.io.paths import Folder
from sardonyx.ir import ExternalLocation

__all__ = [
    "ExternalDataInfo",
    "convert_model_from_external_data",
    "convert_model_to_external_data",
    "load_external_data_for_model",
    "load_external_data_for_tensor",
    "remove_external_data_field",
    "save_external_data",
    "set_external_data",
    "uses_external_data",
    "write_external_data_tensors",
]


class ExternalDataInfo:
    """Where the bytes of a tensor lie."""

    def __init__(self, tensor: TensorProto) -> None:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        self.location = entries.get("location", "")
        self.offset = int(entries["offset"]) if "offset" in entries else None
        self.length = int(entries["length"]) if "length" in entries else None
        self.checksum = entries.get("checksum")
        self.basepath = entries.get("basepath", "")
        for key in ("offset", "length"):
            if (number := getattr(self, key)) is not None and number < 0:
                raise ValueError(f"External data {key} must be non-negative, got {number} (tensor {tensor.name!r})")


def uses_external_data(tensor: TensorProto) -> bool:
    """Whether the bytes of a tensor lie in another file."""
    return tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL


def load_external_data_for_tensor(tensor: TensorProto, base_dir: str) -> None:
    """Read the bytes of a tensor into its `raw_data`.

    Raises:
        PathError: the file is not inside `base_dir`.
    """
    info = ExternalDataInfo(tensor)
    place = ExternalLocation(info.location, info.offset or 0, info.length, info.checksum)
    tensor.raw_data = bytes(Folder(Path(base_dir)).view(place, dtype(tensor.data_type).nbytes(math.prod(tensor.dims))))


def load_external_data_for_model(model: ModelProto, base_dir: str) -> None:
    """Read the bytes of all tensors, which then lie in the model."""
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor):
            load_external_data_for_tensor(tensor, base_dir)
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]


def set_external_data(
    tensor: TensorProto,
    location: str,
    offset: int | None = None,
    length: int | None = None,
    checksum: str | None = None,
    basepath: str | None = None,
) -> None:
    """State that the bytes of a tensor, which must be in `raw_data`, are to lie in a file."""
    if not tensor.HasField("raw_data"):
        raise ValueError(
            f"Tensor {tensor.name} does not have raw_data field. Cannot set external data for this tensor."
        )
    del tensor.external_data[:]
    tensor.data_location = TensorProto.EXTERNAL
    facts = {"location": location, "offset": offset, "length": length, "checksum": checksum, "basepath": basepath}
    for key, value in facts.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))


def convert_model_to_external_data(
    model: ModelProto,
    all_tensors_to_one_file: bool = True,
    location: str | None = None,
    size_threshold: int = 1024,
    convert_attribute: bool = False,
) -> None:
    """Mark the tensors of `size_threshold` bytes or more as external; saving the model writes their files."""
    if all_tensors_to_one_file and location is not None:
        if Path(location).is_absolute():
            raise ValueError("location must be a relative path that is relative to the model path.")
        if Path(location).exists():
            raise FileExistsError(f"External data file exists in {location}.")
    shared = location or str(uuid.uuid1())
    for tensor in _get_all_tensors(model) if convert_attribute else _get_initializer_tensors(model):
        if tensor.HasField("raw_data") and len(tensor.view("raw_data")) >= size_threshold:
            plain = tensor.name and re.fullmatch(r'[^<>:"/\\|?*\x00-\x1f]+', tensor.name)
            own = tensor.name if plain else str(uuid.uuid1())
            set_external_data(tensor, shared if all_tensors_to_one_file else own)


def convert_model_from_external_data(model: ModelProto) -> None:
    """Mark all tensors, whose bytes must have been read, as lying in the model."""
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor):
            if not tensor.HasField("raw_data"):
                raise ValueError("raw_data field doesn't exist.")
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT


def save_external_data(tensor: TensorProto, base_path: str) -> None:
    """Write the bytes of a tensor where it says they lie: at its offset, or at the end of the file."""
    info = ExternalDataInfo(tensor)
    if not tensor.HasField("raw_data"):
        raise ValueError("raw_data field doesn't exist.")
    location = Path(info.location)
    if not info.location or location.is_absolute() or ".." in location.parts:
        raise ValueError(f"External data location {info.location!r} must stay inside the model's folder.")
    path = Path(base_path) / location
    if path.is_symlink():
        raise ValueError(f"External data file {info.location!r} must not be a link.")
    path.touch()
    payload = tensor.view("raw_data")
    with path.open("r+b") as file:
        offset = file.seek(0, 2)
        if info.offset is not None:
            file.write(b"\0" * max(0, info.offset - offset))
            offset = info.offset
        file.seek(offset)
        file.write(payload)
    set_external_data(tensor, info.location, offset, len(payload))


def remove_external_data_field(tensor: TensorProto, field_key: str) -> None:
    """Forget one entry of where the bytes lie."""
    for i in reversed(range(len(tensor.external_data))):
        if tensor.external_data[i].key == field_key:
            del tensor.external_data[i]


def write_external_data_tensors(model: ModelProto, filepath: str) -> ModelProto:
    """Write the bytes of all external tensors to files in the folder `filepath`, and drop them from the model."""
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor) and tensor.HasField("raw_data"):
            save_external_data(tensor, filepath)
            tensor.ClearField("raw_data")
    return model


# --- every tensor of a model


def _subgraphs(attribute: AttributeProto) -> Iterator[GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _all_graphs(holder: GraphProto | FunctionProto) -> Iterator[GraphProto | FunctionProto]:
    yield holder
    for node in holder.node:
        for attribute in node.attribute:
            for graph in _subgraphs(attribute):
                yield from _all_graphs(graph)


def _get_initializer_tensors(model: ModelProto) -> Iterator[TensorProto]:
    for holder in (model.graph, *model.functions):
        for graph in _all_graphs(holder):
            if isinstance(graph, GraphProto):
                yield from graph.initializer


def _get_attribute_tensors(model: ModelProto) -> Iterator[TensorProto]:
    for holder in (model.graph, *model.functions):
        for graph in _all_graphs(holder):
            for node in graph.node:
                for attribute in node.attribute:
                    if attribute.HasField("t"):
                        yield attribute.t
                    yield from attribute.tensors


def _get_all_tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from _get_initializer_tensors(model)
    yield from _get_attribute_tensors(model)

"""Tensors whose bytes lie in files beside the model.

A model is untrusted: of what it says about a file only known keys count, numbers must fit the file, and the file must be a
plain one inside the model's folder.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from sardonyx.compat.onnx.onnx_cpp2py_export.checker import ValidationError
from sardonyx.compat.onnx.onnx_cpp2py_export.checker import _open_external_data as _open_external_data_fd
from sardonyx.compat.onnx.onnx_pb import AttributeProto, FunctionProto, GraphProto, ModelProto, TensorProto

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

_ALLOWED_EXTERNAL_DATA_KEYS = frozenset(("location", "offset", "length", "checksum", "basepath"))
_MAX_EXTERNAL_DATA_PADDING = 64 * 1024  # the largest alignment that files use
_SHOWN_KEYS, _SHOWN_LETTERS = 10, 100  # of unknown keys in a warning
_OBJECT = sys.getsizeof(b"")  # thresholds count what the bytes cost in memory


class ExternalDataInfo:
    """Where the bytes of a tensor lie. Unknown keys are ignored with a warning.

    Raises:
        ValueError: offset or length is no number, or negative.
    """

    def __init__(self, tensor: TensorProto) -> None:
        given = [(entry.key, entry.value) for entry in tensor.external_data]
        known = {key: value for key, value in given if key in _ALLOWED_EXTERNAL_DATA_KEYS}
        self._warn([key for key, _ in given if key not in _ALLOWED_EXTERNAL_DATA_KEYS], tensor.name)
        self.location = known.get("location", "")
        self.offset = self._number("offset", known, tensor.name)
        self.length = self._number("length", known, tensor.name)
        self.checksum = known.get("checksum")
        self.basepath = known.get("basepath", "")

    @staticmethod
    def _number(key: str, known: dict[str, str], name: str) -> int | None:
        number = int(known[key]) if key in known else None
        if number is not None and number < 0:
            raise ValueError(f"External data {key} must be non-negative, got {number} for tensor {name!r}")
        return number

    @staticmethod
    def _warn(unknown: list[str], name: str) -> None:
        if not unknown:
            return
        cut = (key[:_SHOWN_LETTERS] + ("..." if len(key) > _SHOWN_LETTERS else "") for key in unknown)
        shown = sorted(list(dict.fromkeys(cut))[:_SHOWN_KEYS])
        more = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
        allowed = sorted(_ALLOWED_EXTERNAL_DATA_KEYS)
        warnings.warn(
            f"Ignoring unknown external data key(s) {shown}{more} for tensor {name!r}. Allowed keys: {allowed}",
            stacklevel=3,
        )


def uses_external_data(tensor: TensorProto) -> bool:
    """Whether the bytes of a tensor lie in another file."""
    return tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL


# --- reading


def _validate_external_data_file_bounds(data_file: IO[bytes], info: ExternalDataInfo, tensor_name: str) -> bytes:
    """The bytes that `info` names; without a length, those up to the end.

    Raises:
        ValueError: the file is shorter.
    """
    size, start = os.fstat(data_file.fileno()).st_size, info.offset or 0
    if start > size:
        raise ValueError(f"External data offset ({start}) exceeds file size ({size}) for tensor {tensor_name!r}")
    if info.length is not None and info.length > size - start:
        available = f"({size - start} bytes from offset {start})"
        raise ValueError(
            f"External data length ({info.length}) exceeds available data {available} for tensor {tensor_name!r}"
        )
    data_file.seek(start)
    return data_file.read() if info.length is None else data_file.read(info.length)


def _read_external_data_bytes(tensor: TensorProto, base_dir: str) -> bytes:
    """The bytes of a tensor, which stays as it is."""
    info = ExternalDataInfo(tensor)
    with os.fdopen(_open_external_data_fd(base_dir, info.location, tensor.name, True), "rb") as file:
        return _validate_external_data_file_bounds(file, info, tensor.name)


def load_external_data_for_tensor(tensor: TensorProto, base_dir: str) -> None:
    """Read the bytes of a tensor, which then lie in its `raw_data`.

    Raises:
        ValidationError: the file is no plain file inside `base_dir`.
        ValueError: the file is too short, or what the tensor says of it makes no sense.
    """
    tensor.raw_data = _read_external_data_bytes(tensor, base_dir)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def load_external_data_for_model(model: ModelProto, base_dir: str) -> None:
    """Read the bytes of all tensors, which then lie in the model."""
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor):
            load_external_data_for_tensor(tensor, base_dir)


def convert_model_from_external_data(model: ModelProto) -> None:
    """Mark all tensors, whose bytes must have been read, as lying in the model."""
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor):
            if not tensor.HasField("raw_data"):
                raise ValueError("raw_data field doesn't exist.")
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT


# --- writing


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
    numbers = {key: None if n is None else int(n) for key, n in (("offset", offset), ("length", length))}
    for key, value in {"location": location, **numbers, "checksum": checksum, "basepath": basepath}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))


def convert_model_to_external_data(
    model: ModelProto,
    all_tensors_to_one_file: bool = True,
    location: str | None = None,
    size_threshold: int = 1024,
    convert_attribute: bool = False,
) -> None:
    """Mark the tensors of `size_threshold` bytes or more as external; saving the model writes their files.

    Args:
        location: the one file for all; otherwise each has its own, of the tensor's name.
        convert_attribute: also tensors in attributes.

    Raises:
        ValueError: `location` is absolute.
        FileExistsError: there is such a file.
    """
    if all_tensors_to_one_file and location:
        if Path(location).is_absolute():
            raise ValueError("location must be a relative path that is relative to the model path.")
        if Path(location).exists():
            raise FileExistsError(f"External data file exists in {location}.")
    shared = location or f"{uuid.uuid1()}.data"
    for tensor in _get_all_tensors(model) if convert_attribute else _get_initializer_tensors(model):
        if tensor.HasField("raw_data") and len(tensor.view("raw_data")) + _OBJECT >= size_threshold:
            own = tensor.name if _is_valid_filename(tensor.name) else str(uuid.uuid1())
            set_external_data(tensor, shared if all_tensors_to_one_file else own)


def save_external_data(tensor: TensorProto, base_path: str) -> None:
    """Write the bytes of a tensor where it says they lie: at the end of the file, or a little behind it.

    Raises:
        ValidationError: the file is no plain file inside `base_path`, the offset lies inside it or far behind its end, or
            the tensor has no bytes.
    """
    info = ExternalDataInfo(tensor)
    if not tensor.HasField("raw_data"):
        raise ValidationError("raw_data field doesn't exist.")
    payload = tensor.view("raw_data")
    with os.fdopen(_open_external_data_fd(base_path, info.location, tensor.name, False), "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = end if info.offset is None else info.offset
        if not 0 <= start - end <= _MAX_EXTERNAL_DATA_PADDING:
            raise ValidationError(
                f"External data offset ({start}) for tensor {tensor.name!r} must be between the current file size ({end}) "
                f"and {end + _MAX_EXTERNAL_DATA_PADDING}."
            )
        file.write(b"\0" * (start - end))
        file.write(payload)
    set_external_data(tensor, info.location, start, len(payload))


def write_external_data_tensors(model: ModelProto, filepath: str) -> ModelProto:
    """Write the bytes of all external tensors to files in the folder `filepath`, and drop them from the model."""
    waiting = [t for t in _get_all_tensors(model) if uses_external_data(t) and t.HasField("raw_data")]
    for tensor in _in_order_of_files(waiting):
        save_external_data(tensor, filepath)
        tensor.ClearField("raw_data")
    return model


def _in_order_of_files(tensors: list[TensorProto]) -> list[TensorProto]:
    """The tensors, with those that have a place in one file in the order of their places."""
    slots: dict[str, list[tuple[int, int]]] = {}
    for i, tensor in enumerate(tensors):
        info = ExternalDataInfo(tensor)
        if info.offset is not None:
            slots.setdefault(info.location, []).append((info.offset, i))
    ordered = list(tensors)
    for places in slots.values():
        for slot, (_, i) in zip((i for _, i in places), sorted(places), strict=True):
            ordered[slot] = tensors[i]
    return ordered


def remove_external_data_field(tensor: TensorProto, field_key: str) -> None:
    """Forget one entry of where the bytes lie."""
    for i in reversed(range(len(tensor.external_data))):
        if tensor.external_data[i].key == field_key:
            del tensor.external_data[i]


def _is_valid_filename(filename: str) -> bool:
    """Whether a name can be that of a file on every system."""
    return re.fullmatch(r'[^<>:;,?"*|/]+', filename) is not None


# --- every tensor of a model


def _recursive_attribute_processor(  # pyright: ignore[reportUnusedFunction]  # programs call it
    attribute: AttributeProto, func: Callable[[GraphProto], Iterable[TensorProto]]
) -> Iterator[TensorProto]:
    """What `func` finds in each graph that an attribute holds."""
    for graph in _subgraphs(attribute):
        yield from func(graph)


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


def _get_initializer_tensors_from_graph(holder: GraphProto | FunctionProto, /) -> Iterator[TensorProto]:
    for graph in _all_graphs(holder):
        if isinstance(graph, GraphProto):
            yield from graph.initializer


def _get_attribute_tensors_from_graph(holder: GraphProto | FunctionProto, /) -> Iterator[TensorProto]:
    for graph in _all_graphs(holder):
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _get_initializer_tensors(onnx_model_proto: ModelProto) -> Iterator[TensorProto]:
    for holder in (onnx_model_proto.graph, *onnx_model_proto.functions):
        yield from _get_initializer_tensors_from_graph(holder)


def _get_attribute_tensors(onnx_model_proto: ModelProto) -> Iterator[TensorProto]:
    for holder in (onnx_model_proto.graph, *onnx_model_proto.functions):
        yield from _get_attribute_tensors_from_graph(holder)


def _get_all_tensors(onnx_model_proto: ModelProto) -> Iterator[TensorProto]:
    return chain(_get_initializer_tensors(onnx_model_proto), _get_attribute_tensors(onnx_model_proto))

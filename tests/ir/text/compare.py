"""What two models must share when one went through the text syntax, which has no place for annotations."""

from __future__ import annotations

from typing import Any

import sardonyx as sx
from sardonyx.io import model_to_proto

# Repeated fields and strings that say nothing about what a model computes, and that the syntax leaves out.
ANNOTATIONS = ("doc_string", "metadata_props", "denotation", "quantization_annotation", "device_configurations")


def essence(model: sx.Model) -> bytes:
    """The bytes of a model without its annotations; the model's own documentation and metadata stay."""
    proto = model_to_proto(model)
    for inner in (proto.graph, *proto.functions):
        _strip(inner)
    for function in proto.functions:
        function.doc_string = ""
    return proto.SerializeToString()


def _strip(message: Any) -> None:
    for field, value in message.ListFields():
        if field.name in ANNOTATIONS:
            message.ClearField(field.name)
        elif field.name == "name" and hasattr(message, "raw_data"):
            continue
        elif hasattr(value, "ListFields"):
            _strip(value)
        elif not isinstance(value, (str, bytes, int, float, memoryview)):
            for item in value:
                if hasattr(item, "ListFields"):
                    _strip(item)

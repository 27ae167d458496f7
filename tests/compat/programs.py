"""One program, both packages: what it gives, and the type of what it raises, must be the same."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx as official
import onnx.parser

import sardonyx.compat.onnx as ours

__all__ = ["Program", "outcome", "parsed", "plain", "same"]

# What the official package does not import by itself.
for _package, _module in itertools.product(
    (official.__name__, ours.__name__),
    ("inliner", "model_container", "tools.replace_constants", "tools.update_model_dims"),
):
    importlib.import_module(f"{_package}.{_module}")

Program = Callable[[Any], Any]
# The official package's own errors, and those of Python. Ours may derive from one: whoever catches it catches ours.
ERRORS = {"ValidationError", "InferenceError", "SchemaError", "ConvertError", "ParseError"}


def plain(value: Any) -> Any:
    """Messages as bytes, arrays as type, shape and elements, enums as numbers."""
    if hasattr(value, "SerializeToString"):
        return value.SerializeToString()
    if isinstance(value, (np.ndarray, np.generic)):
        held = np.asarray(value)
        return str(held.dtype), held.shape, held.tolist() if held.dtype == object else held.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _official_name(error: Exception) -> str:
    for kind in type(error).__mro__:
        if kind.__module__ == "builtins" or kind.__name__ in ERRORS:
            return kind.__name__
    return "Exception"


def outcome(program: Program, package: Any) -> Any:
    """What the program gives, or the name of the error it raises."""
    try:
        return plain(program(package))
    except Exception as error:
        if str(error).startswith("module "):  # the test names a module that nobody imported
            raise
        return "raises", _official_name(error)


def same(program: Program) -> Any:
    """Run the program on both packages, compare, and give what came out."""
    found = outcome(program, ours)
    assert found == outcome(program, official)
    return found


def parsed(package: Any, text: str) -> Any:
    """The model that a text stands for, as the official package reads it, as a message of `package`."""
    return package.ModelProto.FromString(official.parser.parse_model(text).SerializeToString())

"""Small programs, one line each, that run on both packages: what they give and what they raise must agree."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import onnx as official

import sardonyx.compat.onnx as ours

__all__ = ["check_line", "plain"]


def plain(value: Any) -> Any:
    """A value as it can be compared: messages as bytes and text, arrays as type and elements."""
    if isinstance(value, np.ndarray):
        held = value.tolist() if value.dtype == object else value.tobytes()
        return str(value.dtype), value.shape, held
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "SerializeToString"):
        return value.SerializeToString(), str(value)
    return "nan" if isinstance(value, float) and value != value else value


def outcome(package: Any, line: str) -> tuple[list[Any], type[Exception] | None]:
    """What the calls of R in a line were given, and the type of the error that ended it."""
    shown: list[Any] = []
    names = {"np": np, "ml_dtypes": ml_dtypes, "copy": copy, "pickle": pickle}
    names |= {"o": package, "h": package.helper, "n": package.numpy_helper}
    try:
        exec(line, {**names, "R": lambda *values: shown.append(plain(values))})
    except Exception as error:
        return shown, type(error)
    return shown, None


def check_line(line: str) -> None:
    """Run a line on both packages, where `o` is the package, `h` its helper, `n` its numpy_helper."""
    (found, raised), (expected, error) = outcome(ours, line), outcome(official, line)
    assert found == expected
    if error is None or raised is None:
        assert raised is error
    else:  # ours may be more precise; protobuf's own classes are compared by name
        assert error.__name__ in [kind.__name__ for kind in raised.__mro__]

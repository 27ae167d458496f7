"""The exceptions of onnxruntime, and which of our errors each stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sardonyx.core import errors

__all__ = [
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoaded",
    "NoModel",
    "NoSuchFile",
    "NotImplemented",
    "OrtError",
    "RuntimeException",
    "translated",
]


class OrtError(Exception):
    """The base of what this layer raises. `str` begins as onnxruntime's messages do; our explanation follows."""

    number, label = 1, "FAIL"

    def __init__(self, text: str) -> None:
        super().__init__(f"[ONNXRuntimeError] : {self.number} : {self.label} : {text}")


class Fail(OrtError):
    """The general failure."""


class InvalidArgument(OrtError):
    """An input, output or option is not what the model takes."""

    number, label = 2, "INVALID_ARGUMENT"


class NoSuchFile(OrtError):
    """There is no file of that name."""

    number, label = 3, "NO_SUCHFILE"


class NoModel(OrtError):
    """There is no model."""

    number, label = 4, "NO_MODEL"


class EngineError(OrtError):
    """The engine could not make code."""

    number, label = 5, "ENGINE_ERROR"


class RuntimeException(OrtError):
    """A node refused the values that reached it."""

    number, label = 6, "RUNTIME_EXCEPTION"


class InvalidProtobuf(OrtError):
    """The bytes are not a model."""

    number, label = 7, "INVALID_PROTOBUF"


class ModelLoaded(OrtError):
    """A model is loaded already."""

    number, label = 8, "MODEL_LOADED"


class NotImplemented(OrtError):
    """The model uses what is not supported."""

    number, label = 9, "NOT_IMPLEMENTED"


class InvalidGraph(OrtError):
    """The model is not legal ONNX."""

    number, label = 10, "INVALID_GRAPH"


class EPFail(OrtError):
    """An execution provider failed."""

    number, label = 11, "EP_FAIL"


# The first row that fits counts.
_MEANINGS: list[tuple[type[errors.SardonyxError], type[OrtError]]] = [
    (errors.CheckError, InvalidGraph),
    (errors.FormatError, InvalidProtobuf),
    (errors.UnsupportedError, NotImplemented),
    (errors.VersionError, NotImplemented),
    (errors.InputError, InvalidArgument),
    (errors.DTypeError, InvalidArgument),
    (errors.ShapeError, InvalidArgument),
    (errors.ExecutionError, RuntimeException),
    (errors.CompileError, EngineError),
    (errors.SardonyxError, Fail),
]


@contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of the rooms below as onnxruntime's."""
    try:
        yield
    except errors.SardonyxError as error:
        meaning = next(theirs for ours, theirs in _MEANINGS if isinstance(error, ours))
        raise meaning(str(error)) from error

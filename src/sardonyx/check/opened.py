"""What may be checked, and how a message and a graph are made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sardonyx.core.errors import Fault, SardonyxError
from sardonyx.io import model_from_proto
from sardonyx.io.files import Source, open_source
from sardonyx.io.paths import Folder
from sardonyx.ir import Model
from sardonyx.proto import ModelProto, parse
from sardonyx.proto.decode import noting_bad_strings

__all__ = ["Checkable", "Opened", "open_model"]

Checkable: TypeAlias = Model | ModelProto | Source


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's message, or the model if it states that directly, and the folder of external data."""

    message: ModelProto | None
    model: Model | None
    folder: Folder | None
    ours: bool  # whether the message may be used up
    beside: str = ""  # the folder as the caller spelled it: empty for the working folder
    unreadable: tuple[Fault, ...] = ()  # strings that no text can hold: the official checker does not look

    @property
    def place(self) -> Path | None:
        return None if self.folder is None else self.folder.path

    def read(self) -> tuple[Model | None, Fault | None]:
        """The model of the message, or why there is none; the message is used up."""
        assert self.message is not None
        try:
            return model_from_proto(self.message, self.folder, consume=self.ours), None
        except SardonyxError as error:
            return None, _warning(error)


def _warning(error: SardonyxError) -> Fault:
    why = error.why or "no graph can be made of it, so that rules for graphs were not applied"
    return Fault(error.code, error.what, error.where or "the file", why, error.fix or "export it again", "warning")


def open_model(source: ModelProto | Source, folder: str | os.PathLike[str] | None = None) -> Opened:
    """The message that `source` is or holds; messages of the official package are read from their bytes.

    Raises:
        FormatError: the bytes are no model's message, or the text is none of its syntax.
        InputError: there is no such file.
    """
    around = None if folder is None else Folder(Path(folder))
    given: Any = source
    beside = _beside(source) if folder is None else os.fspath(folder)
    if isinstance(given, ModelProto):
        return Opened(given, None, around, ours=False, beside=beside)
    if hasattr(given, "SerializeToString"):
        return Opened(parse(ModelProto, given.SerializeToString()), None, around, ours=True, beside=beside)
    kind, data, own = open_source(given)
    around = around or own
    if kind.message is None:
        return Opened(None, kind.read(data, around), around, ours=True)
    with noting_bad_strings() as bad:
        message = kind.message(data)
    if not message.HasField("graph") and not message.HasField("ir_version"):
        model_from_proto(message)  # bytes of another kind that happen to parse: it says so
    return Opened(message, None, around, ours=True, beside=beside, unreadable=tuple(_warning(error) for error in bad))


def _beside(source: object) -> str:
    return os.path.dirname(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else ""  # noqa: PTH120

"""Errors that are protobuf's own too, for programs that have imported its classes and catch those."""

from __future__ import annotations

import functools
import sys
from typing import Any

from sardonyx.core.errors import FormatError

__all__ = ["as_protobuf"]


def as_protobuf(error: FormatError, module: str, name: str) -> FormatError:
    """The error as one that `google.protobuf.<module>.<name>` catches, where that module is in use; else as it is."""
    kind = getattr(sys.modules.get(f"google.protobuf.{module}"), name, None)
    if kind is None or isinstance(error, kind):
        return error
    return _both(type(error), kind)(error.what, offset=error.offset, where=error.where, why=error.why, fix=error.fix)


@functools.cache
def _both(ours: type[FormatError], theirs: type[Any]) -> type[FormatError]:
    """One class of both kinds: made as a FormatError is, shown as the one it stands for."""
    return type(theirs.__name__, (FormatError, theirs), {"code": ours.code, "__doc__": ours.__doc__})

"""Messages from bytes that a program hands over."""

from __future__ import annotations

from typing import TypeVar

from sardonyx.core.errors import FormatError
from sardonyx.proto import Message

__all__ = ["from_bytes"]

M = TypeVar("M", bound=Message)


def from_bytes(cls: type[M], data: bytes) -> M:
    """The message; the refusal of bytes that are none begins with the words that programs look for.

    Raises:
        FormatError: they are no such message.
    """
    try:
        return cls.FromString(data)
    except FormatError as error:
        what = f"Unable to parse proto from the given bytes: {error.what}"
        raise FormatError(what, offset=error.offset, why=error.why, fix=error.fix) from error

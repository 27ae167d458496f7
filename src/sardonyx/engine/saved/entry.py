"""The form of an entry on disk.

    magic (8 bytes) | sizes of head and body (8 bytes each) | SHA-256 of the head (32 bytes) | head | body

The head is a pickle of this package's own plain classes, which stand on their own: no operator, pass or kernel is imported to
read it. Large constants lie in the body, each with a sum that must agree (a hash would take longer than making a session may);
what a kernel reads directly from the model's file stays there.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np

from sardonyx.ir import Array

__all__ = ["START_BYTES", "Start", "line_of", "sum_of"]


_MAGIC = b"SDXPLAN1"
_FORM = struct.Struct("<8sQQ32s")
START_BYTES = _FORM.size


@dataclass(frozen=True)
class Start:
    """What an entry begins with: the sizes of its head and body, and the digest of the head."""

    head: int
    body: int
    digest: bytes

    @staticmethod
    def of(head: bytes, body: int) -> Start:
        return Start(len(head), body, hashlib.sha256(head).digest())

    @staticmethod
    def unpack(data: bytes) -> Start | None:
        """The beginning of an entry; None if it is none."""
        magic, head, body, digest = _FORM.unpack(data)
        return Start(head, body, digest) if magic == _MAGIC else None

    def pack(self) -> bytes:
        return _FORM.pack(_MAGIC, self.head, self.body, self.digest)


def line_of(array: Array) -> Array:
    """The bytes of an array that lies densely."""
    return array.reshape(-1).view(np.uint8)


def sum_of(line: Array) -> int:
    """Of bytes, as numbers of 64 bits, and of how many there are."""
    whole = line.size // 8 * 8
    return (int(np.add.reduce(line[:whole].view(np.uint64))) + int(line[whole:].sum()) + line.size) % 2**64

"""The types of the tile IR: a scalar kind and a number of SIMD lanes.

    f32                 one float32
    f32.x(8)            a vector of eight (prints as f32x8); `.x(1)` is the scalar again, so code is lane-generic
    f32.x(8).scalar     f32
    f32.x(8).like(i32)  i32x8: another kind, the same lanes

`bf16` and `f16` are storage kinds: they are loaded, stored, cast, shuffled and selected; arithmetic is done after a cast to
`f32`. Signedness belongs to the kind (it decides division, comparison, shift right and widening casts).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from sardonyx.core.errors import CompileError

__all__ = [
    "KINDS",
    "Type",
    "bf16",
    "f16",
    "f32",
    "f64",
    "i1",
    "i8",
    "i16",
    "i32",
    "i64",
    "parse_type",
    "ptr",
    "type_of",
    "u8",
    "u16",
    "u32",
    "u64",
]

# kind -> (bits, class, the NumPy type that holds one element)
KINDS: dict[str, tuple[int, str, np.dtype[np.generic]]] = {
    "i1": (1, "bool", np.dtype(np.bool_)),
    "i8": (8, "int", np.dtype(np.int8)),
    "u8": (8, "uint", np.dtype(np.uint8)),
    "i16": (16, "int", np.dtype(np.int16)),
    "u16": (16, "uint", np.dtype(np.uint16)),
    "i32": (32, "int", np.dtype(np.int32)),
    "u32": (32, "uint", np.dtype(np.uint32)),
    "i64": (64, "int", np.dtype(np.int64)),
    "u64": (64, "uint", np.dtype(np.uint64)),
    "f16": (16, "float", np.dtype(np.float16)),
    "bf16": (16, "float", np.dtype(ml_dtypes.bfloat16)),
    "f32": (32, "float", np.dtype(np.float32)),
    "f64": (64, "float", np.dtype(np.float64)),
    "ptr": (64, "ptr", np.dtype(np.uint64)),
}


@dataclass(frozen=True)
class Type:
    """A scalar kind and how many lanes of it; lanes > 1 is a SIMD vector."""

    kind: str
    lanes: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CompileError(f"the tile IR has no kind {self.kind!r}", fix=f"use one of {', '.join(KINDS)}")
        if self.lanes < 1 or (self.kind == "ptr" and self.lanes != 1):
            raise CompileError(f"{self.kind} cannot have {self.lanes} lanes")

    def x(self, lanes: int) -> Type:
        """The vector of `lanes` elements of this kind; of one, the scalar."""
        return Type(self.kind, lanes)

    def like(self, kind: Type) -> Type:
        """Another kind with the lanes of this type."""
        return Type(kind.kind, self.lanes)

    @property
    def scalar(self) -> Type:
        return Type(self.kind)

    @property
    def bits(self) -> int:
        """Bits of one lane."""
        return KINDS[self.kind][0]

    @property
    def bytes(self) -> int:
        """Bytes that one lane takes in memory (a bool takes one)."""
        return max(self.bits, 8) // 8

    @property
    def is_float(self) -> bool:
        return KINDS[self.kind][1] == "float"

    @property
    def is_storage(self) -> bool:
        """Whether the kind is for memory only: cast before computing."""
        return self.kind in ("bf16", "f16")

    @property
    def is_int(self) -> bool:
        return KINDS[self.kind][1] in ("int", "uint")

    @property
    def is_signed(self) -> bool:
        return KINDS[self.kind][1] == "int"

    @property
    def is_bool(self) -> bool:
        return self.kind == "i1"

    @property
    def is_ptr(self) -> bool:
        return self.kind == "ptr"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type of one lane."""
        return KINDS[self.kind][2]

    def __str__(self) -> str:
        return self.kind if self.lanes == 1 else f"{self.kind}x{self.lanes}"

    __repr__ = __str__


i1, i8, u8, i16, u16 = Type("i1"), Type("i8"), Type("u8"), Type("i16"), Type("u16")
i32, u32, i64, u64 = Type("i32"), Type("u32"), Type("i64"), Type("u64")
f16, bf16, f32, f64, ptr = Type("f16"), Type("bf16"), Type("f32"), Type("f64"), Type("ptr")


@functools.cache
def parse_type(text: str) -> Type:
    """The type that prints as `text`: ``f32``, ``i1x8``."""
    match = re.fullmatch(r"([a-z]+\d*?)(?:x(\d+))?", text) or re.fullmatch(r"([a-z]+\d+)(?:x(\d+))?", text)
    if match is None or match[1] not in KINDS:
        raise CompileError(f"{text!r} is no type of the tile IR")
    return Type(match[1], int(match[2] or 1))


@functools.cache
def type_of(name: str) -> Type:
    """The scalar type that holds elements of the NumPy type called `name`: ``float32`` -> f32, ``bool`` -> u8."""
    if name == "bool":
        return u8
    for kind, (_, group, numpy) in KINDS.items():
        if numpy.name == name and group not in ("bool", "ptr"):
            return Type(kind)
    raise CompileError(f"the tile IR has no kind for elements of type {name}")

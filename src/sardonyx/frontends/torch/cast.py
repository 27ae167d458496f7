"""Changes of element type, and copies that change nothing."""

from __future__ import annotations

from sardonyx.core.dtypes import DType
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import Value
from sardonyx.ops.builder import Builder

__all__ = ["cast"]


def cast(g: Builder, x: Value, dtype: DType | None) -> Value:
    """`x` in that type; `x` itself if it has it, or if none is given."""
    return x if dtype is None or x.dtype is dtype else g.Cast(x, to=dtype)


@aten(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor"
)
def to_copy(g: Builder, self: Value, *, dtype: DType | None) -> Value:
    return cast(g, self, dtype)


def _same(schema: str) -> None:
    """In a program without in-place operators, a copy is the value itself."""

    @aten(schema)
    def rule(g: Builder, self: Value) -> Value:
        return self


for _schema in (
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
    "alias(Tensor(a) self) -> Tensor(a)",
    "detach(Tensor(a) self) -> Tensor(a)",
    "contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)",
    "lift_fresh_copy(Tensor self) -> Tensor",
    "lift(Tensor self) -> Tensor",
):
    _same(_schema)

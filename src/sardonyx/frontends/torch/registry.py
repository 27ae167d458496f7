"""How an aten operator is translated: a function under torch's own schema.

    @aten("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", promote=DEFAULT)
    def addmm(g: Builder, self: Value, mat1: Value, mat2: Value, *, beta: Number, alpha: Number) -> Value: ...

The schema gives the names, the order and the defaults of the arguments; a test compares it with torch's. The function gets
them by name: tensors as values, sizes as dims, element types as `DType`. What it does not name must be at its default
(layout, device, memory format and generator mean nothing here); with ``**`` it gets them all. It may also name `out`, the type of what it must give, or
`outs` where there are several. An operator that has a rule is kept when torch decomposes the program; the others are not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from sardonyx.frontends.torch.promotion import Promotion

__all__ = ["RULES", "Argument", "Rule", "aten", "kept_operators"]

F = TypeVar("F", bound=Callable[..., Any])
_MEANINGLESS = {
    "layout",
    "device",
    "pin_memory",
    "memory_format",
    "generator",
    "non_blocking",
    "implicit",
    "requires_grad",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operator's schema."""

    name: str
    type: str  # as the schema spells it, without alias annotations: "Tensor?", "SymInt[]"
    default: Any
    required: bool

    @property
    def is_tensor(self) -> bool:
        return self.type in ("Tensor", "Optional[Tensor]")


@dataclass(frozen=True, slots=True)
class Rule:
    """The translation of one overload."""

    schema: str
    name: str  # "aten::add.Tensor"
    arguments: tuple[Argument, ...]
    function: Callable[..., Any]
    accepts: frozenset[str]
    promote: Promotion | None


RULES: dict[str, Rule] = {}


def aten(schema: str, *, promote: Promotion | None = None) -> Callable[[F], F]:
    """Let the decorated function translate the overload with this schema. A later rule replaces an earlier one.

    Args:
        schema: as torch prints it, without ``aten::``; write the namespace for an operator of another library.
        promote: cast tensors and numbers to their common type, as torch promotes them, before the function sees them.
    """
    whole = schema if "::" in schema.split("(")[0] else f"aten::{schema}"
    parsed = torch._C.parse_schema(whole)
    name = f"{parsed.name}.{parsed.overload_name}" if parsed.overload_name else parsed.name
    arguments = tuple(
        Argument(a.name, str(a.type), a.default_value, not a.has_default_value()) for a in parsed.arguments
    )

    def register(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        everything = [a.name for a in arguments if any(p.kind is p.VAR_KEYWORD for p in parameters)]
        accepts = frozenset([*(p.name for p in parameters), *everything])
        RULES[name] = Rule(whole, name, arguments, function, accepts, promote)
        return function

    return register


def meaningless(argument: str) -> bool:
    """Whether an argument says nothing about the values an operator gives."""
    return argument in _MEANINGLESS


def name_of(overload: torch._ops.OpOverload) -> str:
    """The key of an overload in `RULES`."""
    schema = overload._schema
    return f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name


def overload_of(name: str) -> torch._ops.OpOverload | None:
    """The inverse of `name_of`; None if this version of torch has no such overload."""
    library, _, rest = name.partition("::")
    base, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, library), base, None)
    return getattr(packet, overload or "default", None)


def kept_operators() -> list[torch._ops.OpOverload]:
    """The overloads that have a rule."""
    return [op for name in RULES if (op := overload_of(name)) is not None]

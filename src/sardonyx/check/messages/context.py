"""What is in force around a message that is checked: versions, names, schemas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sardonyx.check.messages.breach import Breach, Breaches
from sardonyx.ops import FormalSpec, Schema, schema_of
from sardonyx.proto import Message

__all__ = ["Context", "Names", "Signature", "standard_signature", "state", "state_text"]

STANDARD = ("", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training")


def state(code: str, message: Message, name: str, what: str) -> Breaches:
    """A message states a field."""
    if not message.HasField(name):
        yield Breach(code, f"Field '{name}' of '{what}' is required but missing.")


def state_text(code: str, message: Message, name: str, what: str) -> Breaches:
    """A message states a text that is not empty."""
    if not getattr(message, name):
        yield Breach(code, f"Field '{name}' of '{what}' is required to be non-empty.")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a node is compared with: of each formal whether it must be given, and how many there may be; attributes."""

    domain: str
    name: str
    version: int
    deprecated: bool
    inputs: tuple[bool, ...]
    outputs: tuple[bool, ...]
    input_range: tuple[int, int]
    output_range: tuple[int, int]
    outputs_together: bool  # whether no number between the least and the most will do
    attributes: Mapping[str, tuple[int, bool]]  # the kind, and whether it must be given

    @staticmethod
    def of(schema: Schema) -> Signature:
        return Signature(
            schema.operator.domain,
            schema.operator.name,
            schema.version,
            schema.deprecated,
            _must(schema.inputs),
            _must(schema.outputs),
            (schema.min_inputs, schema.max_inputs),
            (schema.min_outputs, schema.max_outputs),
            schema.operator.outputs_together,
            {name: (int(spec.kind), spec.required) for name, spec in schema.attributes.items()},
        )


def _must(formals: Iterable[FormalSpec]) -> tuple[bool, ...]:
    return tuple(not (formal.optional or formal.variadic) for formal in formals)


Find = Callable[[str, int, str], Signature | None]  # operator, version of the domain, domain


@functools.lru_cache(4096)
def standard_signature(op_type: str, version: int, domain: str) -> Signature | None:
    """The operator of the standard; those that other domains are known to have are none of its business."""
    schema = schema_of(domain, op_type, version) if domain in STANDARD else None
    return None if schema is None else Signature.of(schema)


@dataclass(frozen=True, slots=True)
class Context:
    """The version of the format and of the operator sets, where external data lies, how strict to be."""

    ir_version: int = -1
    opsets: Mapping[str, int] = field(default_factory=dict[str, int])
    is_main_graph: bool = True
    folder: str = ""
    skip_compatibility: bool = False
    check_custom_domain: bool = False
    find: Find = standard_signature

    def version_of(self, domain: str) -> int | None:
        """The imported version of a domain; ai.onnx has an empty name as well."""
        found = self.opsets.get(domain)
        return self.opsets.get("ai.onnx") if found is None and not domain else found

    def but(self, **changes: Any) -> Context:
        """This context with other facts."""
        return replace(self, **changes)


class Names:
    """The names that are made in a graph so far, and in the graphs around it."""

    __slots__ = ("_names", "_outer")

    def __init__(self, outer: Names | None = None) -> None:
        self._names: set[str] = set()
        self._outer = outer

    def add(self, name: str) -> None:
        self._names.add(name)

    def update(self, names: Iterable[str]) -> None:
        self._names.update(names)

    def has_here(self, name: str) -> bool:
        return name in self._names

    def has(self, name: str) -> bool:
        """Whether this graph or one around it makes the name."""
        scope: Names | None = self
        while scope is not None:
            if name in scope._names:
                return True
            scope = scope._outer
        return False

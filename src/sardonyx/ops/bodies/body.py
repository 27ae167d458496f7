"""What a function body is: statements in the text syntax, for one version of an operator, in one operator-set version.

    body("Softsign", {1: 18, 22: 18}, "...")       version 1 and version 22 of Softsign, in terms of opset 18

Where the statements depend on the node (its input types, which optional inputs it gives), a function of the `Call` writes
them. The signature around the statements is the operator's schema.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sardonyx.core.errors import InputError
from sardonyx.ir import Function, TensorType, Type
from sardonyx.ir.text import parse_function
from sardonyx.ops.schema import FormalSpec, lookup

__all__ = ["Body", "Call", "all_bodies", "bodies_of", "body", "body_of"]

FAMILIES = (
    "activation",
    "attention",
    "control",
    "elementwise",
    "generate",
    "image",
    "loss",
    "norm",
    "quant",
    "recurrent",
    "reduce",
    "shape",
)

_BODIES: dict[tuple[str, str, int], dict[int, Body]] = {}


@dataclass(frozen=True, slots=True)
class Call:
    """The node that a body is written for.

    Attributes:
        attributes: what the node gives, and the defaults of what it leaves out.
        types: of the inputs; None for one that is left out or unknown.
        given, wanted: which inputs the node gives, and which outputs it names.
        opset: the version of ai.onnx in which the body is to be written.
    """

    attributes: Mapping[str, Any]
    types: Sequence[Type | None]
    given: Sequence[bool]
    wanted: Sequence[bool]
    opset: int = 0

    def element(self, index: int) -> int:
        """The code of the element type of an input.

        Raises:
            InputError: the type is not known.
        """
        kind = self.types[index] if index < len(self.types) else None
        if not isinstance(kind, TensorType) or kind.dtype is None:
            raise InputError(
                f"the body depends on the element type of input {index}, which is not known",
                why="the standard writes another body for each type",
                fix="infer the model's types first",
            )
        return kind.dtype.code

    def gives(self, index: int) -> bool:
        return index < len(self.given) and self.given[index]

    def wants(self, index: int) -> bool:
        return index < len(self.wanted) and self.wanted[index]


Write = Callable[[Call], str]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of version `since` of an operator, for models that import version `opset` of its domain or a newer one.

    `written` is the version of ai.onnx that the statements use: `opset` itself, but for operators of other domains.
    """

    domain: str
    name: str
    since: int
    opset: int
    statements: str | Write
    written: int

    @property
    def depends(self) -> bool:
        """Whether the statements depend on the node."""
        return callable(self.statements)

    def function(self, call: Call | None = None) -> Function:
        """The body as a function, whose signature is the operator's."""
        if isinstance(self.statements, str):
            return _parse(self, self.statements, call)
        if call is None:
            raise InputError(f"the body of {self.name} depends on the node", fix="say which node it is for")
        return _parse(self, self.statements(replace(call, opset=self.written)), call)


def _parse(body: Body, statements: str, call: Call | None) -> Function:
    operator = lookup(body.domain, body.name)
    assert operator is not None, body.name
    schema = operator.at(body.since)
    imports = f'"{body.domain}": {body.since}, "": {body.written}' if body.domain else f'"": {body.written}'
    attributes = f"<{', '.join(schema.attributes)}>" if schema.attributes else ""
    inputs = ", ".join(_names(schema.inputs, len(call.given) if call else 0))
    outputs = ", ".join(_names(schema.outputs, len(call.wanted) if call else 0))
    head = f'<domain: "{body.domain}", opset_import: [{imports}]>\n{body.name}'
    return parse_function(f"{head} {attributes} ({inputs}) => ({outputs}) {{\n{statements}\n}}")


def _names(formals: Sequence[FormalSpec], count: int) -> list[str]:
    """The names of the formals; a variadic one stands for as many as the node has, by their places."""
    names = [formal.name for formal in formals]
    if formals and formals[-1].variadic:
        names[-1:] = [f"{names[-1]}_{i}" for i in range(len(formals) - 1, count)]
    return names


Versions = Mapping[int, int | Sequence[int]]


def body(name: str, versions: Versions, statements: str | Write, domain: str = "", written: int = 0) -> None:
    """Declare a body: for each version of the operator, the operator-set versions in which it can be written so."""
    for since, opsets in versions.items():
        for opset in (opsets,) if isinstance(opsets, int) else opsets:
            _BODIES.setdefault((domain, name, since), {})[opset] = Body(
                domain, name, since, opset, statements, written or opset
            )


def body_of(name: str, versions: Versions, domain: str = "", written: int = 0) -> Callable[[Write], Write]:
    """Like `body`, for a function that writes the statements for a node."""

    def add(write: Write) -> Write:
        body(name, versions, write, domain, written)
        return write

    return add


@functools.cache
def _load() -> None:
    for family in FAMILIES:
        importlib.import_module(f"sardonyx.ops.bodies.{family}")


def bodies_of(domain: str, name: str, since: int) -> Mapping[int, Body]:
    """The bodies of an operator's version, by the operator-set version in which they are written."""
    _load()
    return _BODIES.get((domain, name, since), {})


def all_bodies() -> list[Body]:
    """Every declared body."""
    _load()
    return [body for by_opset in _BODIES.values() for body in by_opset.values()]

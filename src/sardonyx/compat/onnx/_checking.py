"""What the official checker accepts and refuses: the laws of `sardonyx.check.messages`, of which the first breach is raised."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sardonyx.check import messages
from sardonyx.check.messages import Breach, Context, Names, Signature, values
from sardonyx.compat.onnx import _registry
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._schema_parts import FormalParameter, FormalParameterOption
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.core.errors import PathError
from sardonyx.proto import Message, NodeProto

__all__ = [
    "CheckerContext",
    "LexicalScopeContext",
    "ValidationError",
    "check_attribute",
    "check_function",
    "check_graph",
    "check_model",
    "check_no_recursion",
    "check_node",
    "check_sparse_tensor",
    "check_tensor",
    "check_value_info",
    "external_file",
    "verify",
]

M = TypeVar("M", bound=Message)
P = ParamSpec("P")


class CheckerContext:
    """The version of the format and of the operator sets."""

    __slots__ = ("_facts",)

    def __init__(self) -> None:
        self._facts = Context(find=_find)

    @property
    def facts(self) -> Context:
        """What the laws want to know."""
        return self._facts

    @property
    def ir_version(self) -> int:
        """The version of the format."""
        return self._facts.ir_version

    @ir_version.setter
    def ir_version(self, version: int) -> None:
        if not isinstance(version, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs set this
            raise TypeError(f"ir_version is a number, not {version!r}")
        self._facts = self._facts.but(ir_version=version)

    @property
    def opset_imports(self) -> dict[str, int]:
        """The version of each domain; a copy."""
        return dict(self._facts.opsets)

    @opset_imports.setter
    def opset_imports(self, imports: Mapping[str, int]) -> None:
        is_map = isinstance(imports, Mapping)  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
        if not is_map or not all(isinstance(d, str) and isinstance(v, int) for d, v in imports.items()):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"opset_imports maps domains to versions, not {imports!r}")
        self._facts = self._facts.but(opsets=dict(imports))

    def but(self, **changes: Any) -> CheckerContext:
        """This context with other facts."""
        made = CheckerContext()
        made._facts = self._facts.but(**changes)
        return made


class LexicalScopeContext(Names):
    """The names that are made around a graph."""

    __slots__ = ()


def _find(op_type: str, version: int, domain: str) -> Signature | None:
    """The operator of the standard, or one that the program has registered."""
    schema = _registry.find(op_type, version, domain)
    return None if schema is None else _signature(schema)


@functools.lru_cache(4096)
def _signature(schema: OpSchema) -> Signature:
    return Signature(
        schema.domain,
        schema.name,
        schema.since_version,
        schema.deprecated,
        _must(schema.inputs),
        _must(schema.outputs),
        (schema.min_input, schema.max_input),
        (schema.min_output, schema.max_output),
        schema._operator is not None and schema._operator.outputs_together,
        {name: (int(spec.type), spec.required) for name, spec in schema.attributes.items()},
    )


def _must(formals: Iterable[FormalParameter]) -> tuple[bool, ...]:
    return tuple(formal.option is FormalParameterOption.Single for formal in formals)


def _refuse(breaches: Iterable[Breach]) -> None:
    """Raise the first breach, if there is one, with the nodes around it."""
    for breach in breaches:
        if breach.unreadable:
            raise refuse_shape(breach.what)
        around = (f"Bad node spec for node. Name: {n.name} OpType: {n.op_type}" for n in breach.nodes)
        raise ValidationError("".join([breach.what, *(f"\n\n==> Context: {text}" for text in around)]))


def _raising(
    check: Callable[Concatenate[M, Context, P], Iterable[Breach]],
) -> Callable[Concatenate[M, CheckerContext, P], None]:
    """`check`, as the official package has it."""

    def raise_first(message: M, ctx: CheckerContext, *others: P.args, **named: P.kwargs) -> None:
        _refuse(check(message, ctx.facts, *others, **named))

    return raise_first


check_value_info = _raising(messages.check_value_info)
check_tensor = _raising(messages.check_tensor)
check_sparse_tensor = _raising(messages.check_sparse_tensor)
check_attribute = _raising(messages.check_attribute)
check_node = _raising(messages.check_node)
check_graph = _raising(messages.check_graph)
check_function = _raising(messages.check_function)
check_model = _raising(messages.check_model)


def check_no_recursion(model: Any) -> None:
    """Refuse a model with a function that calls itself."""
    _refuse(messages.check_no_recursion(model))


def verify(schema: OpSchema, node: NodeProto) -> None:
    """Refuse a node that is not as its schema says: inputs, outputs, attributes."""
    _refuse(messages.compare(node, _signature(schema)))


def external_file(folder: str, location: str, name: str) -> Path | None:
    """The file that holds a tensor's data; None for data that a program keeps in memory (its location begins with `#`).

    Raises:
        ValidationError: the location leaves the folder, or is no plain file.
    """
    try:
        return values.external_file(folder, location)
    except PathError as error:
        raise ValidationError(values.misplaced(name, location, error).what) from error

"""Run a model, node by node, on the references of its operators."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.core.errors import ExecutionError, InputError, SardonyxError, UnsupportedError
from sardonyx.evaluate.gradient import GRADIENT, gradient
from sardonyx.evaluate.inputs import bind_inputs
from sardonyx.evaluate.scope import Scope
from sardonyx.ir import Function, Graph, Model, Node, Value
from sardonyx.ir.place import place
from sardonyx.ops import Schema, attributes, run_reference, schema_of
from sardonyx.ops.promote import promote

__all__ = ["Branch", "Interpreter", "evaluate"]


def evaluate(
    model: Model, inputs: Sequence[Any] | Mapping[str, Any], *, outputs: Sequence[str] | None = None
) -> list[Any]:
    """What the standard says `model` gives for `inputs`.

    Args:
        inputs: arrays by name, or in the order of the model's inputs; lists for sequences.
        outputs: names of the values wanted, intermediate ones included; None means the model's outputs.

    Returns:
        An array per wanted value; a list for a sequence, None for an absent optional.

    Raises:
        InputError: the inputs do not fit the model, or an output name is unknown.
        UnsupportedError: an operator has no reference.
        ExecutionError: a reference refused the values that reached it.
    """
    return Interpreter(model).run(inputs, outputs)


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A subgraph as its node calls it: `branch(*arrays)` gives its outputs.

    Attributes:
        many: where given, it may run many rounds at once, or return None; see `sardonyx.ops.control.at_once`.
    """

    graph: Graph
    run: Callable[[Sequence[Any]], list[Any]]
    many: Callable[..., list[Any] | None] | None = None

    def __call__(self, *arrays: Any) -> list[Any]:
        return self.run(arrays)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The nodes to run, in order, each with the values nobody reads after it."""

    steps: tuple[tuple[Node, tuple[Value, ...]], ...]
    results: tuple[Value, ...]


class Interpreter:
    """Runs one model many times. It keeps no values between runs, only the order of its work."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._plans: dict[tuple[Graph, tuple[Value, ...]], _Plan] = {}

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], outputs: Sequence[str] | None = None) -> list[Any]:
        """As `evaluate`."""
        graph = self.model.graph
        wanted = graph.outputs if outputs is None else self._named(outputs)
        scope = Scope(self.model.opsets, bind_inputs(graph, inputs))
        return self._run_graph(graph, wanted, scope)

    def run_node(self, node: Node, schema: Schema | None, arrays: Sequence[Any], scope: Scope) -> list[Any]:
        """The outputs of one node for given inputs.

        Args:
            schema: the node's, if the caller has it at hand.
            arrays: one per input position, None for those left out.
            scope: what the node's subgraphs may read beyond their own values.
        """
        try:
            function = self.model.functions.get((node.domain, node.op_type, node.overload))
            if function is not None:
                return self._call(function, node, arrays, scope)
            schema = schema or schema_of(node.domain, node.op_type, scope.opsets.get(node.domain, 1))
            if schema is None:
                raise _unknown(node, scope)
            attrs = attributes(schema, node, lambda graph: self.closure(graph, scope), scope.bindings)
            if (node.domain, node.op_type) == GRADIENT:
                return self._gradient(node, arrays, attrs, scope)
            schema, arrays, attrs = promote(schema, arrays, attrs)
            return run_reference(schema, arrays, attrs, len(node.outputs))
        except SardonyxError as error:
            error.where = error.where or place(node)
            raise
        except Exception as error:
            shown = ", ".join(describe(a) for a in arrays)
            raise ExecutionError(
                f"{node!r} cannot be evaluated: {error}",
                where=place(node),
                why=f"its inputs are {shown or 'none'}",
                fix="run sx.check and sx.infer_shapes on the model; they name the contradiction if there is one",
            ) from error

    def _named(self, names: Sequence[str]) -> list[Value]:
        known = {v.name: v for v in self.model.graph.values() if v.name}
        unknown = [n for n in names if n not in known]
        if unknown:
            close = difflib.get_close_matches(unknown[0], known, 3)
            raise InputError(
                f"the model has no value named '{unknown[0]}'",
                why="outputs: " + ", ".join(v.name for v in self.model.graph.outputs),
                fix="did you mean " + " or ".join(f"'{n}'" for n in close) + "?"
                if close
                else "ask for an output, or any intermediate value",
            )
        return [known[n] for n in names]

    def _run_graph(self, graph: Graph, wanted: Sequence[Value], scope: Scope) -> list[Any]:
        plan = self._plan(graph, tuple(wanted))
        values = scope.values
        for node, dead in plan.steps:
            results = self.run_node(node, None, [None if v is None else scope[v] for v in node.inputs], scope)
            for value, result in zip(node.outputs, results, strict=False):
                values[value] = result
            for value in dead:
                values.pop(value, None)
        return [scope[v] for v in plan.results]

    def _plan(self, graph: Graph, wanted: tuple[Value, ...]) -> _Plan:
        found = self._plans.get((graph, wanted))
        if found is None:
            found = self._plans[graph, wanted] = _plan(graph, wanted)
        return found

    def closure(self, graph: Graph, scope: Scope) -> Branch:
        """A subgraph as its node calls it."""

        def run(arrays: Sequence[Any]) -> list[Any]:
            inner = scope.child()
            inner.values.update(zip(graph.inputs, arrays, strict=True))
            return self._run_graph(graph, graph.outputs, inner)

        return Branch(graph, run)

    def _gradient(self, node: Node, arrays: Sequence[Any], attrs: Mapping[str, Any], scope: Scope) -> list[Any]:
        def attributes_of(step: Node) -> Mapping[str, Any]:
            schema = schema_of(step.domain, step.op_type, scope.opsets.get(step.domain, 1))
            return {} if schema is None else attributes(schema, step, None, scope.bindings)

        def run(step: Node, inputs: Sequence[Any]) -> list[Any]:
            return self.run_node(step, None, inputs, scope)

        return gradient(node, arrays, attrs, run, attributes_of, scope.__getitem__)

    def _call(self, function: Function, node: Node, arrays: Sequence[Any], scope: Scope) -> list[Any]:
        if function.key in scope.calls:
            raise InputError(f"function '{function.name}' calls itself", why="the standard allows no recursion")
        names = (*function.attributes, *function.defaults)
        given = {name: attr for name in names if (attr := _bound(node, name, scope)) is not None}
        bindings = {**function.defaults, **given}
        inner = Scope({**scope.opsets, **function.opsets}, {}, bindings, None, (*scope.calls, function.key))
        padded = [*arrays, *[None] * (len(function.graph.inputs) - len(arrays))]
        inner.values.update(zip(function.graph.inputs, padded, strict=True))
        return self._run_graph(function.graph, function.graph.outputs, inner)


def _bound(node: Node, name: str, scope: Scope) -> Any:
    attr = node.attrs.get(name)
    return attr if attr is None or not attr.ref else scope.bindings.get(attr.ref)


def _plan(graph: Graph, wanted: tuple[Value, ...]) -> _Plan:
    """Keep the nodes that `wanted` needs; a value dies behind the last of them that reads it."""
    reads: list[tuple[Node, list[Value]]] = []
    needed: set[Value] = set(wanted)
    for node in reversed(list(graph.nodes)):
        if needed.isdisjoint(node.outputs):
            continue
        read = [v for v in node.inputs if v is not None]
        read += [v for sub in node.subgraphs for v in sub.captured()]
        needed.update(read)
        reads.append((node, read))
    alive: set[Value] = set(wanted)
    steps: list[tuple[Node, tuple[Value, ...]]] = []
    for node, read in reads:  # from the last node to the first
        dead = [v for v in dict.fromkeys([*node.outputs, *read]) if v not in alive]
        alive.update(read)
        steps.append((node, tuple(dead)))
    return _Plan(tuple(reversed(steps)), wanted)


def _unknown(node: Node, scope: Scope) -> UnsupportedError:
    name = f"{node.domain or 'ai.onnx'}.{node.op_type}"
    return UnsupportedError(
        f"operator {name} is not known at opset {scope.opsets.get(node.domain, 1)}",
        missing=[name],
        why="no operator of the standard and no function of the model has this name",
        fix="give the model a function of that name, or replace the node",
    )


def describe(item: Any) -> str:
    """``float32[2, 3]``: a value in an error message."""
    if item is None:
        return "absent"
    if isinstance(item, list):
        return f"a sequence of {len(item)}"  # pyright: ignore[reportUnknownArgumentType]
    return f"{item.dtype}{list(item.shape)}" if hasattr(item, "shape") else type(item).__name__

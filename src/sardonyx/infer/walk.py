"""The walk over a model's nodes that finds every type, following integers from Shape to Reshape and symbols across calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sardonyx.core.dims import Dim, Expr, free_symbols
from sardonyx.core.errors import DTypeError, Fault, SardonyxError, ShapeError, VersionError
from sardonyx.infer.calls import CallMemo
from sardonyx.infer.merge import Contradiction, merge
from sardonyx.infer.result import Inference
from sardonyx.infer.symbols import Symbols
from sardonyx.infer.typecheck import default_faults, type_faults
from sardonyx.ir import (
    Attr,
    Function,
    FunctionKey,
    Graph,
    Model,
    Node,
    OptionalType,
    SequenceType,
    Tensor,
    TensorType,
    Type,
    Value,
)
from sardonyx.ir.place import place, place_of_graph
from sardonyx.ops import Known, Schema, attributes, infer_outputs, schema_of
from sardonyx.ops.known import known_constant
from sardonyx.ops.promote import promote

__all__ = ["infer", "infer_shapes"]

UNKNOWN = Known(None)


def infer_shapes(model: Model, *, data_propagation: bool = True, strict: bool = False) -> Model:
    """A copy of `model` whose values carry what is known of their types and shapes.

    Args:
        data_propagation: follow the integers that shapes are computed from.
        strict: refuse a model that contradicts itself, instead of leaving out what cannot be known.

    Raises:
        ShapeError, DTypeError: `strict`, and the model contradicts itself; the message names the first place.
    """
    annotated = model.clone()
    infer(annotated, data_propagation=data_propagation, strict=strict).annotate()
    return annotated


def infer(model: Model, *, data_propagation: bool = True, strict: bool = False, declared: bool = True) -> Inference:
    """Find out about every value of `model`, which stays as it is; `annotate()` of the result writes to it.

    Args:
        declared: believe the types the model declares for intermediate values. A pass that has changed the graph says
            False; the types of the graph's inputs and outputs are believed in any case.
    """
    walk = _Walk(model, data_propagation=data_propagation, strict=strict, declared=declared)
    return walk.whole()


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What the nodes of one graph are inferred under."""

    opsets: Mapping[str, int]
    bindings: Mapping[str, Attr] = field(default_factory=dict[str, Attr])
    calls: tuple[FunctionKey, ...] = ()
    learns: bool = True  # in loops and functions a symbol means another number each time: nothing may be learnt of it


class _Walk:
    def __init__(self, model: Model, *, data_propagation: bool, strict: bool, declared: bool) -> None:
        self.result = Inference(model)
        self.known, self.faults = self.result.known, self.result.faults
        self.model, self.data_propagation, self.strict, self.declared = model, data_propagation, strict, declared
        inputs = {s for v in model.graph.inputs for s in _symbols_of(v.type)}
        taken = inputs | {
            s for g in model.graphs() for sub in g.walk_graphs() for v in sub.values() for s in _symbols_of(v.type)
        }
        self.symbols = Symbols(taken, inputs)
        self.memo = CallMemo(self.symbols)
        self.believed = set(model.graph.outputs)
        # A loop's body is inferred until its state settles, and a loop inside it as often for each time: a hostile model
        # must not make that take forever. Honest ones need a few rounds.
        self.budget = 10_000 + 100 * sum(1 for g in model.graphs() for _ in g.walk())

    def whole(self) -> Inference:
        graph = self.model.graph
        frame = _Frame(self.model.opsets)
        for value in graph.inputs:
            # A default is a constant only where the format (before IR 4) made every initializer an input.
            const = value.const if self.model.ir_version < 4 else None
            self.known[value] = self.symbols.resolve_known(known_constant(const, value.type))
        for inner in graph.walk_graphs():
            for fault in default_faults(inner):
                self.fault(fault)
        self.graph(graph, frame)
        bodies = {v for f in self.model.functions.values() for g in f.graph.walk_graphs() for v in g.values()}
        for value in list(self.known):
            if value in bodies:
                del self.known[value]
            else:
                self.known[value] = self.symbols.resolve_known(self.known[value])
        return self.result

    def graph(self, graph: Graph, frame: _Frame) -> None:
        for value in graph.initializers.values():
            if value not in self.known:
                self.known[value] = _constant(value)
        for node in graph.nodes:
            self.node(node, frame)

    def get(self, value: Value | None) -> Known | None:
        if value is None:
            return None
        found = self.known.get(value)
        if found is None:  # made later, or never: only what is declared can be said
            found = self.known[value] = self.symbols.resolve_known(_constant(value))
        return self.symbols.resolve_known(found)

    # -- one node ------------------------------------------------------------------------------------------------------

    def node(self, node: Node, frame: _Frame) -> None:
        self.budget -= 1
        inputs = [self.get(v) for v in node.inputs]
        try:
            found = self.outputs(node, inputs, frame)
        except (ShapeError, DTypeError, VersionError) as error:
            why = error.why or "its inputs are " + _shown(inputs)
            fix = error.fix or "look at where its inputs come from; `sardonyx show` prints the graph with its shapes"
            self.fault(Fault(error.code, f"{node!r}: {error.what}", error.where or place(node), why, fix), error)
            found = []
        except SardonyxError:
            raise
        except Exception as error:  # a malformed attribute or constant: its rule trips over it
            why = f"{type(error).__name__}: {error}; its inputs are " + ", ".join(
                str(x.type) if x else "absent" for x in inputs
            )
            fault = Fault(
                "SDX-S101",
                f"the outputs of {node!r} cannot be inferred",
                place(node),
                why,
                "check the node's attributes",
            )
            self.fault(fault, error)
            found = []
        for i, value in enumerate(node.outputs):
            self.settle(value, found[i] if i < len(found) else UNKNOWN, node, frame)

    def outputs(self, node: Node, inputs: Sequence[Known | None], frame: _Frame) -> list[Known]:
        function = self.model.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            return self.call(function, node, inputs, frame)
        schema = schema_of(node.domain, node.op_type, frame.opsets.get(node.domain, 1))
        if schema is None:
            return []
        for fault in type_faults(schema, node, inputs, ""):
            self.fault(replace(fault, where=place(node)))
        attrs = attributes(schema, node, lambda graph: self.closure(graph, frame), frame.bindings)
        promoted: tuple[Schema, Any, Any] = promote(schema, inputs, attrs, symbolic=True)
        found = infer_outputs(*promoted, len(node.outputs))
        if not self.data_propagation and any(v is not None for v in node.inputs):
            found = [Known(k.type) for k in found]
        return found

    def settle(self, value: Value, found: Known, node: Node, frame: _Frame) -> None:
        """Bring together what was found and what is declared, and name what is still unknown."""
        declared = value.type if self.declared or value in self.believed else None
        if declared is not None:
            try:
                found = replace(found, type=merge(found.type, declared, self.symbols, learn=frame.learns))
            except Contradiction as contradiction:
                self.fault(
                    Fault(
                        "SDX-T103" if contradiction.about_dtype else "SDX-S102",
                        f"value '{value.name}' is not what the model declares: {contradiction.what}",
                        place(node),
                        contradiction.why,
                        "correct or remove the declared type; the node decides what its output is",
                    )
                )
        self.known[value] = self.symbols.resolve_known(found)

    # -- graphs inside -------------------------------------------------------------------------------------------------

    def closure(self, graph: Graph, frame: _Frame) -> Callable[..., list[Known]]:
        """A subgraph as its node's rule calls it: with a `Known` per input, it gives one per output."""
        inner = replace(frame, learns=False)

        def branch(*inputs: Known) -> list[Known]:
            if self.budget < 0:
                return [Known(v.type) for v in graph.outputs]
            self.enter(graph, inputs, inner)
            return [self.get(v) or UNKNOWN for v in graph.outputs]

        return branch

    def enter(self, graph: Graph, inputs: Sequence[Known | None], frame: _Frame) -> None:
        for i, value in enumerate(graph.inputs):
            given = (inputs[i] if i < len(inputs) else None) or UNKNOWN
            kind: Type | None = given.type
            try:
                kind = merge(given.type, value.type, self.symbols, learn=False)
            except Contradiction as contradiction:
                what = f"input '{value.name}' of {place_of_graph(graph)} is not what it declares: {contradiction.what}"
                code = "SDX-T103" if contradiction.about_dtype else "SDX-S102"
                self.fault(
                    Fault(code, what, place_of_graph(graph), contradiction.why, "correct or remove the declared type")
                )
            self.known[value] = self.symbols.resolve_known(replace(given, type=kind))
        self.graph(graph, frame)

    def call(self, function: Function, node: Node, inputs: Sequence[Known | None], frame: _Frame) -> list[Known]:
        if function.key in frame.calls:
            why = "the standard allows no recursion"
            self.fault(Fault("SDX-C154", f"function '{function.name}' calls itself", place(node), why, "write a Loop"))
            return []
        names = (*function.attributes, *function.defaults)
        given = {name: attr for name in names if (attr := _bound(node, name, frame)) is not None}
        bindings = {**function.defaults, **given}
        opsets = {**frame.opsets, **function.opsets}

        def infer_body() -> list[Known]:
            inner = _Frame(opsets, bindings, (*frame.calls, function.key), learns=False)
            self.enter(function.graph, inputs, inner)
            return [self.get(v) or UNKNOWN for v in function.graph.outputs]

        return self.memo.call(function, inputs, bindings, infer_body)

    def fault(self, fault: Fault, cause: Exception | None = None) -> None:
        if self.strict and fault.severity == "error":
            refusal = DTypeError if fault.code.startswith("SDX-T") else ShapeError
            raise refusal(fault.what, where=fault.where, why=fault.why, fix=fault.fix) from cause
        if fault not in self.faults[-8:]:  # a loop's body is inferred more than once
            self.faults.append(fault)


def _shown(inputs: Iterable[Known | None]) -> str:
    return ", ".join(str(x.type) if x else "absent" for x in inputs) or "none"


def _bound(node: Node, name: str, frame: _Frame) -> Attr | None:
    attr = node.attrs.get(name)
    return attr if attr is None or not attr.ref else frame.bindings.get(attr.ref)


def _constant(value: Value) -> Known:
    const = value.const
    kind = value.type
    if isinstance(const, Tensor):  # the constant decides; what was declared of it may be symbolic
        kind = TensorType(const.dtype, const.shape, kind.denotation if isinstance(kind, TensorType) else None)
    return known_constant(const, kind)


def _symbols_of(kind: Type | None) -> Iterable[str]:
    if isinstance(kind, (SequenceType, OptionalType)):
        return _symbols_of(kind.element)
    dims: Sequence[Dim | None] = (kind.shape or ()) if isinstance(kind, TensorType) else ()
    return {s for d in dims if isinstance(d, Expr) for s in free_symbols(d)}

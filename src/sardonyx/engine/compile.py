"""The compiler, stage by stage: a model in, a linked program out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.core.dims import free_symbols
from sardonyx.engine import lower  # noqa: F401  # pyright: ignore[reportUnusedImport] fills LOWER
from sardonyx.engine.bind import Linked
from sardonyx.engine.codegen import Target
from sardonyx.engine.lowering import LOWER, Lowering, NotNative
from sardonyx.engine.program import Program
from sardonyx.engine.views import Buffer, View, contiguous_strides, product
from sardonyx.infer import Inference, infer
from sardonyx.ir import Model, Node, TensorType, Value
from sardonyx.ops import attributes, schema_of

__all__ = ["Compiled", "compile_model"]


@dataclass(eq=False)
class Compiled:
    """What a session runs: a linked program, or None where only the interpreter can run the model, with the reason."""

    model: Model
    linked: Linked | None
    refused: dict[str, str]
    why: str = ""


def compile_model(model: Model, target: Target, *, precision: str, outputs: Sequence[str] | None = None) -> Compiled:
    """Lower and link a prepared model (newest opset, optimized, no functions).

    Args:
        outputs: names of values to give instead of the model's own outputs.
    """
    facts = infer(model)
    low = Lowering(facts, target, model.opsets, precision)
    wanted = list(model.graph.outputs) if outputs is None else [_named(model, name) for name in outputs]
    low.results = frozenset(wanted)
    try:
        _inputs(low, model)
        for node in model.graph.nodes:
            _node(low, node)
        _outputs(low, wanted)
        program = low.program
        _prune(program)
        _check_symbols(program)
    except NotNative as why:
        return Compiled(model, None, low.refused, str(why))
    return Compiled(model, Linked(program, target), low.refused)


def _named(model: Model, name: str) -> Value:
    found = model.graph.find(name)
    assert found is not None
    return found


def _inputs(low: Lowering, model: Model) -> None:
    for value in model.graph.inputs:
        if value.const is not None:
            raise NotNative(f"input '{value.name}' has a default value")
        shape = low.shape(value)
        buffer = Buffer("input", low.dtype(value), product(shape), value.name)
        view = View(buffer, shape, contiguous_strides(shape))
        low.state[value] = view
        low.program.inputs.append(view)
        low.program.input_names.append(value.name)


def _node(low: Lowering, node: Node) -> None:
    """One node: integers that follow from the extents are never computed, the rest is native or falls back."""
    if _follows(low, node):
        return
    why = f"no native {node.op_type}"
    handler = LOWER.get((node.domain, node.op_type))
    schema = schema_of(node.domain, node.op_type, low.opsets.get(node.domain, 1))
    if handler is not None:
        try:
            handler(low, node, attributes(schema, node) if schema is not None else {k: a.value for k, a in node.attrs.items()})
        except NotNative as refusal:
            why = str(refusal)
        else:
            return
    low.fallback(node, why)


def _follows(low: Lowering, node: Node) -> bool:
    if len(node.outputs) != 1:
        return False
    value = node.output
    ints = low.ints(value)
    kind = low.facts.type(value)
    if ints is None or not isinstance(kind, TensorType) or kind.dtype is None or kind.shape is None:
        return False
    if not (kind.dtype.is_integer or kind.dtype.kind == "bool"):
        return False
    shape = low.shape(value)
    buffer = Buffer("dims", kind.dtype, len(ints), value.name, dims=tuple(ints))
    low.state[value] = View(buffer, shape, contiguous_strides(shape))
    return True


def _outputs(low: Lowering, wanted: Sequence[Value]) -> None:
    """Every result in an array of its own, in C order."""
    taken: set[Buffer] = set()
    for value in wanted:
        view = low.view(value)
        whole = view.is_contiguous() and view.offset == 0 and view.buffer.size == view.size
        if view.buffer.kind == "temp" and whole and view.buffer not in taken:
            view.buffer.kind = "output"
        else:
            out = low.temp(view.dtype, view.shape, name=value.name)
            out.buffer.kind = "output"
            low.copy(view, out)
            view = out
        taken.add(view.buffer)
        low.program.outputs.append(View(view.buffer, view.shape, contiguous_strides(view.shape)))
        low.program.output_names.append(value.name)


def _prune(program: Program) -> None:
    """Drop steps whose results nobody reads."""
    needed = {v.buffer for v in program.outputs}
    kept = []
    for step in reversed(program.steps):
        touched = step.buffers()
        if any(writes and b in needed for b, writes in touched):
            kept.append(step)
            needed.update(b for b, writes in touched if not writes)
    program.steps = kept[::-1]


def _check_symbols(program: Program) -> None:
    """Every extent must follow from the inputs' shapes."""
    given = {s for v in program.inputs for d in v.shape for s in free_symbols(d)}
    for view in program.outputs:
        for d in view.shape:
            if free_symbols(d) - given:
                raise NotNative(f"the extent {d} of '{view.buffer.name}' depends on data")
    for step in program.steps:
        for buffer, _ in step.buffers():
            if free_symbols(buffer.size) - given:
                raise NotNative(f"the size {buffer.size} of '{buffer.name}' depends on data")

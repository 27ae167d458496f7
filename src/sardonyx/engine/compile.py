"""The compiler, stage by stage: a model in, linked parts out."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.engine import lower  # noqa: F401  # pyright: ignore[reportUnusedImport] fills LOWER
from sardonyx.engine.codegen import Target, compile
from sardonyx.engine.compiled import Compiled, LinkedPart
from sardonyx.engine.link import Linked
from sardonyx.engine.lowering import LOWER, Lowering, NotNative, Stuck
from sardonyx.engine.partition import Part, partition, reads_of
from sardonyx.engine.program import Call, Fallback, Made, Program, label
from sardonyx.engine.views import Buffer, View, contiguous_strides, product
from sardonyx.evaluate import Interpreter
from sardonyx.infer import infer
from sardonyx.ir import Model, Node, TensorType, Value
from sardonyx.ops import attributes, schema_of

__all__ = ["compile_model"]


def compile_model(
    model: Model,
    target: Target,
    *,
    precision: str,
    cache: bool = True,
    why: str = "",
    interpreter: Interpreter | None = None,
) -> Compiled:
    """Lower and link a prepared model (newest opset, optimized).

    Args:
        interpreter: runs the nodes of the model that are not native.
        cache: keep its kernels on disk.
        why: why the model could not be prepared, so that the interpreter runs all of it.
    """
    facts = infer(model)
    interpreter = interpreter or Interpreter(model)
    wanted = list(model.graph.outputs)
    refused: dict[str, str] = {}
    outside = (
        dict.fromkeys(model.graph.nodes, why)
        if why
        else dict.fromkeys(_foreign(model), "it calls a function of the model")
    )
    lone: dict[Node, str] = {}  # nodes whose lowering failed when others had joined it
    base = Lowering(facts, target, model.opsets, precision)
    while True:
        parts = partition(model.graph, facts, wanted, outside.keys())
        lowered: list[tuple[Lowering, list[Value], list[Value]]] = []
        try:
            for i, part in enumerate(parts):
                low = base.fresh(part.given)
                takes, gives = _borders(parts, i, wanted)
                _lower(low, part, takes, gives, lone)
                lowered.append((low, takes, gives))
        except Stuck as stuck:
            if stuck.alone:
                outside[stuck.node] = str(stuck)
            else:
                lone[stuck.node] = str(stuck)
            continue
        break
    made: list[LinkedPart] = []
    for part, (low, takes, gives) in zip(parts, lowered, strict=True):
        refused |= low.refused
        refused |= {label(n): outside.get(n, "its shape comes with its data") for n in part.after}
        linked = _link(low.program, target, interpreter, cache) if part.nodes else None
        made.append(LinkedPart(linked, takes, gives, part.after))
    _mark_dead(made, wanted)
    _forget_constants(model, made)
    born = [*model.graph.inputs, *(v for p in made for n in p.after for v in n.outputs)]
    shapes = {v: s for v in born if (s := facts.shape(v)) is not None}
    return Compiled(model, made, wanted, shapes, refused, interpreter)


def _link(program: Program, target: Target, interpreter: Interpreter, cache: bool) -> Linked:
    # One specification makes one kernel, so that kernels are told apart by identity: comparing their trees is slow.
    kernels = {id(s.kernel): s.kernel for s in program.steps if isinstance(s, Call) and not isinstance(s.kernel, Made)}
    compiled = dict(zip(kernels, compile(list(kernels.values()), target, disk=cache), strict=True))
    code = [compiled[id(s.kernel)] if isinstance(s, Call) else None for s in program.steps]
    return Linked(program, code, interpreter)


def _foreign(model: Model) -> list[Node]:
    """The nodes that only the interpreter knows: calls of the model's functions."""
    return [n for n in model.graph.nodes if (n.domain, n.op_type, n.overload) in model.functions]


def _borders(parts: Sequence[Part], i: int, wanted: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """The values that part i takes from before it, and those it makes for others."""
    made = {v for n in parts[i].nodes for v in n.outputs}
    takes = dict.fromkeys(v for n in parts[i].nodes for v in reads_of(n) if v not in made and v.producer is not None)
    takes |= dict.fromkeys(v for n in parts[i].nodes for v in reads_of(n) if _is_input(v))
    elsewhere = {
        v for j, p in enumerate(parts) for n in (p.after if j == i else [*p.nodes, *p.after]) for v in reads_of(n)
    }
    gives = dict.fromkeys(
        v for v in wanted if v in made
    )  # in the order of the results, so that a whole model gives just these
    gives |= dict.fromkeys(v for n in parts[i].nodes for v in n.outputs if v in elsewhere)
    return list(takes), list(gives)


def _is_input(value: Value) -> bool:
    return value.producer is None and value.const is None


def _mark_dead(parts: list[LinkedPart], wanted: Sequence[Value]) -> None:
    alive = set(wanted)
    for part in reversed(parts):
        read = dict.fromkeys([*part.takes, *part.gives, *(v for n in part.after for v in (*reads_of(n), *n.outputs))])
        part.dead = [v for v in read if v not in alive and v.const is None]
        alive.update(read)


def _forget_constants(model: Model, parts: Sequence[LinkedPart]) -> None:
    """Let go of the constants that only kernels read: they have them in a form of their own."""
    needed = set(model.graph.outputs)
    for part in parts:
        needed.update(v for n in part.after for v in reads_of(n))
        steps = part.linked.program.steps if part.linked is not None else ()
        needed.update(v for s in steps if isinstance(s, Fallback) for v in reads_of(s.node))
    for value in model.graph.initializers.values():
        if value not in needed:
            value.const = None


# --- one part ----------------------------------------------------------------------------------------------------------


def _lower(low: Lowering, part: Part, takes: Sequence[Value], gives: Sequence[Value], lone: dict[Node, str]) -> None:
    low.results = frozenset(gives)
    for value in takes:
        shape = low.shape(value)
        buffer = Buffer("input", low.dtype(value), product(shape), value.name)
        low.state[value] = view = View(buffer, shape, contiguous_strides(shape))
        low.program.inputs.append(view)
    for node in part.nodes:
        _node(low, node, lone.get(node))
    _outputs(low, gives)
    _prune(low.program)


def _node(low: Lowering, node: Node, why: str | None) -> None:
    """One node: integers that follow from the extents are never computed, the rest is native or falls back."""
    if _follows(low, node):
        return
    handler = LOWER.get((node.domain, node.op_type))
    schema = schema_of(node.domain, node.op_type, low.opsets.get(node.domain, 1))
    if why is None and handler is not None and schema is not None:
        mark = low.mark()
        try:
            handler(low, node, attributes(schema, node))
            missing = [v for v in node.outputs if v not in low.state and (v.uses or v in low.results)]
            if not missing:
                return
            why = f"'{missing[0].name}' is read too"
        except NotNative as refusal:
            why = str(refusal)
        except Stuck:
            raise
        except Exception as error:  # the model runs all the same, and its profile tells
            why = f"a defect of its lowering: {type(error).__name__}: {error}"
        low.rewind(mark)
    try:
        low.fallback(node, why or f"no native {node.op_type}")
    except NotNative as refusal:
        raise Stuck(node, str(refusal), alone=True) from refusal


def _follows(low: Lowering, node: Node) -> bool:
    if len(node.outputs) != 1:
        return False
    value = node.output
    ints = low.ints(value)
    kind = low.facts.type(value)
    if ints is None or not isinstance(kind, TensorType) or kind.dtype is None or kind.shape is None:
        return False
    if not (kind.dtype.is_integer or kind.dtype.kind == "bool") or kind.dtype.packed:
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


def _prune(program: Program) -> None:
    """Drop steps whose results nobody reads."""
    needed = {v.buffer for v in program.outputs}
    kept = []
    for step in reversed(program.steps):
        touched = step.buffers()
        if any(writes and b in needed for b, writes in touched):
            kept.append(step)
            needed.update(b for b, _ in touched)  # also what is written: it may be a part, or go on from what was there
    program.steps = kept[::-1]

"""Dims set to numbers, and a batch that was a number set free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.errors import InputError, VerifyError
from sardonyx.infer import infer, infer_shapes
from sardonyx.infer.result import Inference
from sardonyx.ir import Array, Model, Node, Shape, Tensor, TensorType, Type, Value
from sardonyx.passes.reference import evaluate
from sardonyx.rewrite.build import Names

__all__ = ["set_batch", "set_dims"]


def set_dims(model: Model, sizes: Mapping[str, Dim]) -> Model:
    """A copy in which symbolic dims are what `sizes` says: numbers, or other expressions.

    Raises:
        InputError: no input of the model has such a dim.
    """
    changed = model.clone()
    known = {s for v in changed.graph.inputs for d in v.shape or () if d is not None for s in dims.free_symbols(d)}
    unknown = sizes.keys() - known
    if unknown:
        raise InputError(f"no input has a dim '{min(unknown)}'", fix=f"one of {', '.join(sorted(known)) or 'none'}")
    for graph in changed.graph.walk_graphs():
        for value in graph.values():
            if isinstance(value.type, TensorType) and value.type.shape is not None:
                shape = tuple(None if d is None else dims.substitute(d, sizes) for d in value.type.shape)
                value.type = replace(value.type, shape=shape)
    return infer_shapes(changed)


def set_batch(model: Model, batch: str = "N", *, inputs: Sequence[str] | None = None, verify: bool = True) -> Model:
    """A copy whose batch, the first dim of its inputs, is free: any number of samples at once.

    Constants that hold the old number (targets of Reshape and Expand) are repaired. The result is verified at one, two and
    three times the old size: it must give for many samples what the model gives for each part of them.

    Args:
        batch: the name of the dim.
        inputs: the inputs that have a batch; all whose rank is known and not 0 if None.
        verify: whether to evaluate; it takes as long as six runs of the reference.

    Raises:
        InputError: there is no such input, or the inputs do not agree on a number to free.
        VerifyError: the freed model mixes its samples, or holds the old number where it cannot be repaired.
    """
    freed = model.clone()
    chosen = [v for v in freed.graph.inputs if v.const is None and (v.rank or 0) > 0 and inputs is None]
    if inputs is not None:
        known = {v.name: v for v in freed.graph.inputs}
        wrong = next((n for n in inputs if n not in known or not known[n].rank), None)
        if wrong is not None:
            raise InputError(f"the model has no input '{wrong}' of known rank", fix=f"one of {', '.join(known)}")
        chosen = [known[n] for n in inputs]
    sizes = {v.shape[0] for v in chosen if v.shape}
    size = next(iter(sizes), None)
    if len(sizes) != 1 or not isinstance(size, int) or size < 1:
        shown = ", ".join(f"{v.name} {v.type}" for v in chosen) or "none"
        raise InputError(
            "the inputs do not agree on a batch to free", why=shown, fix="name those that have a batch in `inputs`"
        )
    results = [v.type for v in freed.graph.outputs]
    before = infer(freed)
    shapes = {n: before.shape(n.outputs[0]) for n in freed.graph.walk() if n.outputs}
    for value in [*freed.graph.outputs, *(o for n in freed.graph.walk() for o in n.outputs)]:
        if isinstance(value.type, TensorType) and value not in freed.graph.inputs:
            value.type = replace(value.type, shape=None)  # what was stated holds for the old number only
    for value in chosen:
        assert isinstance(value.type, TensorType) and value.type.shape is not None
        value.type = replace(value.type, shape=(dims.symbol(batch), *value.type.shape[1:]))
    _repair(freed, batch, size, shapes)
    freed = infer_shapes(freed)
    if verify:
        _verify(model, freed, [v.name for v in chosen], size, results)
    return freed


def _repair(model: Model, batch: str, size: int, shapes: Mapping[Node, Shape | None]) -> None:
    """Repair one constant after another: each lets inference see further."""
    names, done = Names([model.graph]), set[Node]()
    while True:
        found = infer(model)
        node = next((n for n in model.graph.walk() if n not in done and _is_stuck(n, found, batch, size, shapes)), None)
        if node is None:
            return
        done.add(node)
        target = found.ints(node.inputs[1])  # pyright: ignore[reportArgumentType] a stuck node has a target
        assert target is not None and node.inputs[1] is not None
        repaired = np.array(target, np.int64)
        if node.op_type == "Expand":
            repaired[0] = 1  # the batch of what is expanded stays
        else:
            was = _numbers(shapes.get(node))
            place = _place(node, found, batch, size, was)
            if was is not None:
                repaired[:] = was  # all but the batch is as it was
            repaired[place] = 0 if was is None and -1 in repaired else -1  # 0 is copied from what is reshaped
        name = names.fresh(f"{node.inputs[1].name}_free")
        graph = model.graph
        node.set_input(1, graph.add_initializer(Tensor(repaired, name=name)))


def _numbers(shape: Shape | None) -> list[int] | None:
    """A shape of positive numbers."""
    numbers = [d for d in shape or () if isinstance(d, int) and d > 0]
    return numbers if shape is not None and len(numbers) == len(shape) else None


def _place(node: Node, found: Inference, batch: str, size: int, was: list[int] | None) -> int:
    """The dim of a Reshape's result that holds the batch: where as many elements lie in front of it as in its data."""
    data = found.shape(node.inputs[0]) if node.inputs[0] is not None else None
    at = next((i for i, d in enumerate(data or ()) if d is not None and batch in dims.free_symbols(d)), 0)
    outer = _numbers((data or ())[:at])
    own = _numbers(tuple(dims.substitute(d, {batch: size}) for d in (data or ())[at : at + 1] if d is not None))
    if was is None or outer is None or not own:
        return 0
    start, running = prod(outer), [prod(was[:i]) for i in range(len(was) + 1)]
    stop = start * own[0]  # the batch may share its dim with others, on either side of it
    whole = (i for i, d in enumerate(was) if d == size and start <= running[i] and running[i + 1] <= stop)
    shared = (i for i, d in enumerate(was) if d % size == 0 and running[i] <= start and start * size <= running[i + 1])
    return next(whole, next(shared, 0))


def _is_stuck(node: Node, found: Inference, batch: str, size: int, shapes: Mapping[Node, Shape | None]) -> bool:
    """Whether a node reads something with the free batch, and is told the old number by a constant."""
    if node.domain or node.op_type not in ("Reshape", "Expand") or len(node.inputs) < 2:
        return False
    data, target = node.inputs[0], node.inputs[1]
    if data is None or target is None:
        return False
    shape, wanted = found.shape(data), found.ints(target)
    if shape is None or wanted is None or not len(wanted) or not all(isinstance(d, (int, np.integer)) for d in wanted):
        return False
    if not any(d is not None and batch in dims.free_symbols(d) for d in shape):
        return False
    first, here = int(wanted[0]), shape[0] == dims.symbol(batch)
    if node.op_type == "Expand":
        return first == size > 1 and here and len(wanted) == len(shape)
    was = _numbers(shapes.get(node))
    if was is None:
        return first == size and here if -1 in wanted else first > 0 and first % size == 0
    return int(wanted[_place(node, found, batch, size, was)]) > 0


def _verify(model: Model, freed: Model, batched: Sequence[str], size: int, results: Sequence[Type | None]) -> None:
    """Many samples at once give what each part of them gives."""
    rng = np.random.default_rng(0)
    outputs = [
        i
        for i, v in enumerate(freed.graph.outputs)
        if v.shape and (v.shape[0] is None or dims.free_symbols(v.shape[0]))
    ]
    parts = [_feeds(model.graph.inputs, rng) for _ in range(3)]
    for part in parts[1:]:
        part.update({name: x for name, x in parts[0].items() if name not in batched})
    wanted = [evaluate(model, part) for part in parts]
    for times in (1, 2, 3):
        given = {
            name: np.concatenate([part[name] for part in parts[:times]]) if name in batched else x
            for name, x in parts[0].items()
        }
        fault = None
        try:
            got = evaluate(freed, given)
        except Exception as error:
            raise _mixed(times * size, str(error).splitlines()[0]) from error
        for i, value in enumerate(freed.graph.outputs):
            whole = [w[i] for w in wanted[:times]]
            expected = np.concatenate(whole) if i in outputs else whole[0]
            if np.shape(got[i]) != expected.shape:
                fault = f"output '{value.name}' has the shape {list(np.shape(got[i]))}, not {list(expected.shape)}"
            elif not np.allclose(got[i], expected, rtol=1e-3, atol=1e-5, equal_nan=True):
                fault = f"output '{value.name}' differs from what {results[i]} gives part by part"
        if fault is not None:
            raise _mixed(times * size, fault)


def _mixed(size: int, why: str) -> VerifyError:
    return VerifyError(
        f"the batch cannot be set free: {size} samples at once do not give what they give in parts",
        why=why,
        fix="export the model with a dynamic batch, or pass verify=False if it may mix its samples",
    )


def _feeds(values: Sequence[Value], rng: np.random.Generator) -> dict[str, Array]:
    """Small numbers for every input; a symbolic dim is 2."""
    feeds: dict[str, Array] = {}
    for value in values:
        if value.const is not None:
            continue
        if not isinstance(value.type, TensorType) or value.dtype is None or value.shape is None:
            raise InputError(f"input '{value.name}' is no tensor of known type", fix="pass verify=False")
        shape = tuple(d if isinstance(d, int) else 2 for d in value.shape)
        numbers = rng.integers(0, 2, shape) if value.dtype.kind != "float" else rng.standard_normal(shape)
        feeds[value.name] = numbers.astype(value.dtype.numpy)
    return feeds

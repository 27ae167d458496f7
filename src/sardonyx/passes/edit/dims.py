"""Dims set to numbers, and a batch that was a number set free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.errors import InputError, VerifyError
from sardonyx.infer import infer, infer_shapes
from sardonyx.ir import Array, Model, TensorType, Type, Value
from sardonyx.passes.edit.repair import repair
from sardonyx.passes.reference import evaluate

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

    Constants that hold the old number (targets of Reshape and Expand, what is joined to the samples) are repaired. The result is verified at one, two and
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
    repair(freed, batch, size, shapes)
    freed = infer_shapes(freed)
    if verify:
        _verify(model, freed, [v.name for v in chosen], size, results)
    return freed


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

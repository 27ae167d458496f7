"""Inputs for a model that somebody just wants to see running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sardonyx.core import dims
from sardonyx.core.errors import InputError
from sardonyx.ir import Array, Model, TensorType

__all__ = ["random_inputs"]


def parse_dims(pairs: Sequence[str]) -> dict[str, int]:
    """``["batch=4"]`` -> ``{"batch": 4}``."""
    bindings: dict[str, int] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdigit():
            raise InputError(f"--dim {pair!r} gives no dim a value", fix="write --dim NAME=NUMBER, as in --dim batch=4")
        bindings[name] = int(number)
    return bindings


def random_inputs(model: Model, given: Mapping[str, Array], pairs: Sequence[str], seed: int) -> dict[str, Array]:
    """The given arrays, and for every other input a random one: normal floats, small integers, coin flips.

    A symbolic dim that `pairs` does not name is 1.
    """
    bindings = parse_dims(pairs)
    random = np.random.default_rng(seed)
    feeds = dict(given)
    for value in model.graph.inputs:
        if value.name in feeds or value.const is not None:
            continue
        kind = value.type
        if not isinstance(kind, TensorType) or kind.shape is None or kind.dtype is None:
            raise InputError(f"no random value can be made up for input '{value.name}'", fix="give it with --inputs")
        shape = [
            1 if d is None else dims.evaluate(d, {s: bindings.get(s, 1) for s in dims.free_symbols(d)})
            for d in kind.shape
        ]
        if kind.dtype.kind in ("int", "uint", "bool"):
            feeds[value.name] = random.integers(0, 2, shape).astype(kind.dtype.numpy)
        elif kind.dtype.is_float:
            feeds[value.name] = random.standard_normal(shape).astype(kind.dtype.numpy)
        else:
            raise InputError(
                f"no random {kind.dtype} can be made up for input '{value.name}'", fix="give it with --inputs"
            )
    return feeds

"""Adapters between operator-set versions, by family; importing this package registers them all."""

from __future__ import annotations

from sardonyx.passes.versions import (
    attention,
    bitwise,
    cast,
    control,
    early,
    elementwise,
    image,
    index,
    nn,
    norm,
    pool,
    quant,
    recurrent,
    reduce,
    resize,
    sequence,
    shape,
    signal,
    slice,
)
from sardonyx.passes.versions.adapter import DOWN, UP, Adapter, Old, down, up

__all__ = [
    "DOWN",
    "UP",
    "Adapter",
    "Old",
    "attention",
    "bitwise",
    "cast",
    "control",
    "down",
    "early",
    "elementwise",
    "image",
    "index",
    "nn",
    "norm",
    "pool",
    "quant",
    "recurrent",
    "reduce",
    "resize",
    "sequence",
    "shape",
    "signal",
    "slice",
    "up",
]

"""Adapters down from version 13 and the ones before it, by family; importing this package registers them all.

There, shapes and axes were attributes, broadcasting was asked for, and most operators took floats only.
"""

from __future__ import annotations

from sardonyx.passes.versions.early import (
    constant,
    control,
    elementwise,
    index,
    linalg,
    nn,
    norm,
    quant,
    recurrent,
    reduce,
    resize,
    shape,
)

__all__ = [
    "constant",
    "control",
    "elementwise",
    "index",
    "linalg",
    "nn",
    "norm",
    "quant",
    "recurrent",
    "reduce",
    "resize",
    "shape",
]

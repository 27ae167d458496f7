"""How operators become calls: one file per family, as in `ops`. Importing this package fills the table."""

from __future__ import annotations

from sardonyx.engine.lower import (
    attention,
    conv,
    conv_transpose,
    elementwise,
    few_bits,
    index,
    linalg,
    norm,
    order,
    pool,
    quant,
    recurrent,
    reduce,
    resize,
    shape,
    trees,
)

__all__ = [
    "attention",
    "conv",
    "conv_transpose",
    "elementwise",
    "few_bits",
    "index",
    "linalg",
    "norm",
    "order",
    "pool",
    "quant",
    "recurrent",
    "reduce",
    "resize",
    "shape",
    "trees",
]

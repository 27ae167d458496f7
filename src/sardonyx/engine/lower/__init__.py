"""How operators become calls: one file per family, as in `ops`. Importing this package fills the table."""

from __future__ import annotations

from sardonyx.engine.lower import (
    attention,
    cache,
    classify,
    conv,
    conv_transpose,
    elementwise,
    few_bits,
    index,
    linalg,
    ml,
    nn,
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
    "cache",
    "classify",
    "conv",
    "conv_transpose",
    "elementwise",
    "few_bits",
    "index",
    "linalg",
    "ml",
    "nn",
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

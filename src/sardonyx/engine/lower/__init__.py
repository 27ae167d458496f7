"""How operators become calls: one file per family, as in `ops`. Importing this package fills the table."""

from __future__ import annotations

from sardonyx.engine.lower import (
    attention,
    conv,
    elementwise,
    index,
    linalg,
    norm,
    order,
    pool,
    recurrent,
    reduce,
    shape,
)

__all__ = [
    "attention",
    "conv",
    "elementwise",
    "index",
    "linalg",
    "norm",
    "order",
    "pool",
    "recurrent",
    "reduce",
    "shape",
]

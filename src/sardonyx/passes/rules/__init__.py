"""Rewrite rules, by family. Each ships examples of what it does and what it refuses; the tests run them all."""

from __future__ import annotations

from sardonyx.passes.rules import (
    activation,
    attention,
    contrib,
    contrib_embed,
    contrib_layers,
    contrib_nn,
    contrib_norm,
    contrib_states,
    elementwise,
    few_bits,
    linalg,
    nn,
    norm,
    quant,
    shape,
)
from sardonyx.rewrite import Rule

__all__ = ["ALL"]

ALL: tuple[Rule, ...] = (
    *elementwise.NO_OPS,
    *shape.VIEWS,
    *shape.SINKS,
    *contrib.CONTRIB,
    *contrib_embed.EMBEDDINGS,
    *contrib_layers.LAYERS,
    *contrib_nn.WINDOWS,
    *contrib_norm.GROUPS,
    *contrib_states.STATES,
    *quant.QUANT,
    *few_bits.FEW_BITS,
    *nn.FOLDS,
    *linalg.PRODUCTS,
    *norm.NORMS,
    *activation.ACTIVATIONS,
    *attention.ATTENTION,
)

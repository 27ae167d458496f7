"""Recurrent operators said whether the whole sequence is wanted; which axis counts the steps came later."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.rewrite import Expr


@down("RNN GRU LSTM", 7)
def whole_sequence(new: Old) -> Expr:
    """The first output is the whole sequence, and was optional unless it was asked for."""
    first = new.node.outputs[:1]
    if any(v.uses for v in first) or new.returned(first):
        new.node.set_attr("output_sequence", 1)


@up("RNN GRU LSTM", 14)
def steps_come_first(old: Old) -> Expr:
    """Which of the first two axes counts the steps can be said; it was the first."""
    old.node.set_attr("layout", 0)


@up("RNN GRU LSTM", 7)
def sequence_when_read(old: Old) -> Expr:
    """The whole sequence is there for whoever reads it."""
    old.node.set_attr("output_sequence", None)

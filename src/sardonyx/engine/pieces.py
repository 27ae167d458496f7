"""Which nodes are compiled as the body that the standard gives their operator: no kernel computes them whole, but kernels do
what they are made of."""

from __future__ import annotations

from sardonyx.ir import Node
from sardonyx.passes.contract import Work
from sardonyx.passes.facts import ModelFacts
from sardonyx.passes.pipeline import run_pipeline
from sardonyx.passes.write_out import Chosen, write_out

__all__ = ["in_pieces"]

DEPTH = 4  # bodies in terms of operators that have bodies


def _always(node: Node, facts: ModelFacts) -> bool:
    return True


def _tells_more(node: Node, facts: ModelFacts) -> bool:
    """Whether results behind the first are asked for."""
    return any(v.uses or v in facts.model.graph.outputs for v in node.outputs[1:])


def _shows_scores(node: Node, facts: ModelFacts) -> bool:
    return any(v.uses or v in facts.model.graph.outputs for v in node.outputs[3:])


# What passes may join with its surroundings, once it is in pieces.
JOINABLE: dict[tuple[str, str], Chosen] = {
    ("", "AffineGrid"): _always,
    ("", "CausalConvWithState"): _always,
    ("", "LayerNormalization"): _tells_more,
    ("", "MeanVarianceNormalization"): _always,
    ("", "NegativeLogLikelihoodLoss"): _always,
    ("", "SoftmaxCrossEntropyLoss"): _always,
    ("ai.onnx.preview", "FlexAttention"): _always,
}
# What they would only put together again.
APART: dict[tuple[str, str], Chosen] = {
    ("", "Attention"): _shows_scores,
}


def in_pieces(work: Work) -> None:
    """Put these nodes of the optimized model of `work` in pieces."""
    for _ in range(DEPTH):
        if not write_out(work, lambda node: JOINABLE.get((node.domain, node.op_type))):
            break
        run_pipeline(work, level=2)
    if write_out(work, lambda node: APART.get((node.domain, node.op_type))):
        run_pipeline(work, level=1)

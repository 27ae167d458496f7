"""Steps of training, as the official package infers them: tensors and their states stay as they are."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._inference.messages import Rule, keep_element, keep_shape
from sardonyx.ops import Schema

__all__ = ["TRAINING"]

DOMAIN = "ai.onnx.preview.training"


def _step(*groups: int, of: int, counted: bool = True) -> Rule:
    """After the rate and the count come `of` groups of tensors; these ones are given again."""

    def rule(ctx: InferenceContext, schema: Schema) -> None:
        given = ctx.get_num_inputs() - 2
        if counted and given % of:
            raise refuse_shape(f"The number of tensors after the first two inputs should be a multiple of {of}")
        each = max(given, 0) // of
        for i in range(each):
            for place, group in enumerate(groups):
                source, target = 2 + each * group + i, each * place + i
                keep_element(ctx, source, target)
                keep_shape(ctx, source, target)

    return rule


TRAINING: dict[tuple[str, str], Rule] = {
    (DOMAIN, "Adagrad"): _step(0, 2, of=3, counted=False),
    (DOMAIN, "Adam"): _step(0, 2, 3, of=4),
    (DOMAIN, "Momentum"): _step(0, 2, of=3),
}

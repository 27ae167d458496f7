"""`sx.evaluate`: the references state what the newest versions mean, so an older model is brought there first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sardonyx.core.errors import VersionError
from sardonyx.evaluate import evaluate as interpret
from sardonyx.ir import Model
from sardonyx.ops import latest_opset
from sardonyx.passes.contract import Work
from sardonyx.passes.inline import inline_functions
from sardonyx.passes.upgrade import upgrade

__all__ = ["evaluate"]


def evaluate(
    model: Model, inputs: Sequence[Any] | Mapping[str, Any], *, outputs: Sequence[str] | None = None
) -> list[Any]:
    """What the standard says `model` gives for `inputs`, slow and true.

    Args:
        inputs: arrays by name, or in the order of the model's inputs; lists for sequences.
        outputs: names of the values wanted, intermediate ones included; None means the model's outputs.

    Returns:
        An array per wanted value; a list for a sequence, None for an absent optional.

    Raises:
        InputError: the inputs do not fit the model, or an output name is unknown.
        UnsupportedError: an operator has no reference.
        ExecutionError: a reference refused the values that reached it.
    """
    return interpret(_newest(model), inputs, outputs=outputs)


def _newest(model: Model) -> Model:
    """`model` in the newest versions; as it is where that is so, or where a node cannot be expressed there."""
    used = [model.opsets, *(f.opsets for f in model.functions.values())]
    if all(version >= latest_opset(domain) for opsets in used for domain, version in opsets.items()):
        return model
    work = Work(model.clone())
    try:
        inline_functions(work)
        upgrade(work)
    except VersionError:
        return model  # the reference of that node may still know what it meant
    return work.model

"""Does the exported model give what the module gives?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from sardonyx.core.compare import compare
from sardonyx.core.errors import UnsupportedError, VerifyError
from sardonyx.evaluate import evaluate
from sardonyx.frontends.torch.capture import inference_mode_of
from sardonyx.frontends.torch.dtypes import array_of
from sardonyx.ir import Array, Model
from sardonyx.ops import lookup

__all__ = ["input_arrays", "verify_export"]


def input_arrays(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Array]:
    """The inputs of a call as the exported model takes them: its tensors, flattened."""
    return [array_of(x) for x in pytree.tree_leaves((tuple(args), dict(kwargs))) if isinstance(x, torch.Tensor)]


def verify_export(model: Model, module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Run both on the example inputs, compare every output, and note the worst difference in the model's metadata.

    Raises:
        VerifyError: an output differs by more than rounding explains.
    """
    random = sorted(
        {n.op_type for n in model.graph.walk() if (op := lookup(n.domain, n.op_type)) and not op.deterministic}
    )
    if random:
        model.metadata["verified"] = f"no: {', '.join(random)} gives random numbers"
        return
    with inference_mode_of(module), torch.no_grad():
        returned = module(*args, **kwargs)
    expected = [array_of(x) for x in pytree.tree_leaves(returned) if isinstance(x, torch.Tensor)]
    try:
        actual = evaluate(model, input_arrays(args, kwargs))
    except UnsupportedError as error:
        model.metadata["verified"] = f"no: {error.what}"
        return
    differences = [compare(v.name, x, y) for v, x, y in zip(model.graph.outputs, actual, expected, strict=True)]
    wrong = next((d for d in differences if not d.ok), None)
    if wrong is not None:
        raise VerifyError(
            f"output '{wrong.name}' differs from torch: {wrong.fault}",
            fix="this is a defect of a rule: report it with the module that shows it; verify=False exports all the same",
        )
    worst = max((d.error for d in differences), default=0.0)
    model.metadata["verified"] = (
        f"against torch {torch.__version__}: largest error {worst:.1e} of the largest magnitude"
    )

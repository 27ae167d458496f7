"""Does the exported model give what the module gives?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from sardonyx.core.errors import UnsupportedError, VerifyError
from sardonyx.evaluate import evaluate
from sardonyx.frontends.torch.capture import inference_mode_of
from sardonyx.frontends.torch.dtypes import array_of
from sardonyx.ir import Array, Model
from sardonyx.ops import lookup

__all__ = ["input_arrays", "verify_export"]

# Relative to the largest magnitude of an output: what rounding in another order explains.
_TOLERANCE = {"float64": 1e-9, "float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}


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
    worst = 0.0
    for value, ours, theirs in zip(model.graph.outputs, actual, expected, strict=True):
        worst = max(worst, _compare(value.name, ours, theirs))
    model.metadata["verified"] = (
        f"against torch {torch.__version__}: largest error {worst:.1e} of the largest magnitude"
    )


def _compare(name: str, ours: Array, theirs: Array) -> float:
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        raise VerifyError(
            f"output '{name}' is {ours.dtype}{list(ours.shape)}, torch gives {theirs.dtype}{list(theirs.shape)}"
        )
    tolerance = _TOLERANCE.get(ours.dtype.name, 0.0)
    if not tolerance:
        if not np.array_equal(ours, theirs):
            raise VerifyError(
                f"output '{name}' differs from torch in {int(np.sum(ours != theirs))} of {ours.size} elements"
            )
        return 0.0
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        raise VerifyError(f"output '{name}' differs from torch where torch gives inf or NaN")
    if not finite.any():
        return 0.0
    error = float(np.max(np.abs(a - b)[finite]) / max(float(np.max(np.abs(b[finite]))), 1e-30))
    if not error <= tolerance:
        raise VerifyError(
            f"output '{name}' differs from torch by {error:.1e} of its largest magnitude",
            why=f"rounding explains {tolerance:.0e} for {ours.dtype}",
            fix="this is a defect of a rule: report it with the module that shows it; verify=False exports all the same",
        )
    return error

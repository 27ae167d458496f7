"""What happens to a model before it is lowered: the newest opset, no functions, optimized."""

from __future__ import annotations

from sardonyx.ir import Model
from sardonyx.passes.contract import Work
from sardonyx.passes.pipeline import run_pipeline

__all__ = ["prepare"]


def prepare(model: Model) -> Model:
    """A copy of the model as the compiler wants it; `sardonyx.passes.PIPELINE` lists what is done to it.

    Raises:
        VersionError: a node of an old version cannot be expressed in the newest one.
    """
    return run_pipeline(Work(model.clone()), level=2).model

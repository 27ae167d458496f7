"""What happens to a model before it is lowered: the newest opset, no functions, optimized; halves become float32 inside, and
labels numbers."""

from __future__ import annotations

from sardonyx.engine.halves import widen
from sardonyx.engine.labels import number_labels
from sardonyx.engine.pieces import in_pieces
from sardonyx.ir import Model
from sardonyx.passes.contract import Work, rules_pass
from sardonyx.passes.pipeline import run_pipeline
from sardonyx.passes.rules.few_bits import FEW_BITS

__all__ = ["prepare"]

# What the engine has kernels for and the standard has no word for: no part of what `sx.optimize` gives.
FOR_THE_ENGINE = rules_pass("keep-few-bits", FEW_BITS, requires=["newest opset"])


def prepare(model: Model) -> Model:
    """A copy of the model as the compiler wants it; `sardonyx.passes.PIPELINE` lists what is done to it first.

    Raises:
        VersionError: a node of an old version cannot be expressed in the newest one.
    """
    work = run_pipeline(Work(model.clone()), level=2)
    in_pieces(work)
    if FOR_THE_ENGINE(work):
        work.model.opsets.setdefault("com.microsoft", 1)
    widen(work.model)
    number_labels(work.model)
    return work.model

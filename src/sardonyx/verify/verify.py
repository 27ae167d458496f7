"""`verify`: the whole comparison of two executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sardonyx.core.errors import InputError
from sardonyx.engine.session import Session
from sardonyx.verify.bisect import compared, first_difference
from sardonyx.verify.executions import Execution, OfModel, as_execution
from sardonyx.verify.inputs import random_inputs
from sardonyx.verify.report import Report

__all__ = ["verify"]


def verify(
    a: Any,
    b: Any = None,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    tolerance: float | None = None,
    bisect: bool = True,
    seed: int = 0,
) -> Report:
    """Run `a` and `b` on the same inputs and compare every output; if one differs, find the first value that does.

    Args:
        a: what is on trial: a model or a path (run by the operators' references), a session of ours or of onnxruntime, a
            torch module, a function of arrays (of tensors, where the file it comes from imports torch).
        b: what it should give, any of the same. By default the model `a`, on the references where `a` is a session,
            else on a new session.
        inputs: arrays by name, or in the model's order; what is left out, or all, is made up from the model's types.
        dims: the sizes of symbolic dims for inputs that are made up.
        tolerance: the error, as a part of an output's largest magnitude, up to which floats agree. By default what rounding
            explains: 1e-4 for float32.
        bisect: look for the first value that differs.
        seed: of the inputs that are made up.

    Raises:
        InputError: one of them cannot be run, or they do not give equally many outputs.
    """
    if b is None:
        a, b = (a, a.model) if isinstance(a, Session) else (Session(a), a)
    left, right = as_execution(a, b), as_execution(b, a)
    feeds = _feeds(left, right, inputs, dims, seed)
    pairs = _paired(left, right, feeds)
    outputs = tuple(compared(name, x, y, tolerance) for name, x, y in pairs)
    report = Report(left.label, right.label, outputs, feeds)
    if report.ok or not bisect:
        return report
    if not (_has_values(left) and _has_values(right)):
        note = "no value inside can be compared: that needs an ONNX model on both sides"
        return Report(left.label, right.label, outputs, feeds, note=note)
    first = first_difference(cast("OfModel", left), cast("OfModel", right), feeds, tolerance)
    note = None if first else "no value inside was found that differs when it is asked for by itself"
    return Report(left.label, right.label, outputs, feeds, first, note)


def _has_values(execution: Execution) -> bool:
    return hasattr(execution, "values") and execution.model is not None


def _feeds(left: Execution, right: Execution, inputs: Any, dims: Mapping[str, int] | None, seed: int) -> dict[str, Any]:
    model = left.model or right.model
    if model is None:
        if inputs is None:
            raise InputError("neither side says what inputs it takes", fix="give inputs=")
        return dict(inputs) if isinstance(inputs, Mapping) else {f"input_{i}": x for i, x in enumerate(inputs)}
    takes = [v for v in model.graph.inputs if v.const is None]
    if inputs is not None and not isinstance(inputs, Mapping):
        if len(inputs) > len(takes):
            raise InputError(f"{len(inputs)} inputs were given, the model takes {len(takes)}")
        inputs = {v.name: x for v, x in zip(takes, inputs, strict=False)}
    given = dict(inputs or {})
    unknown = [name for name in given if name not in {v.name for v in model.graph.inputs}]
    if unknown:
        raise InputError(
            f"the model has no input '{unknown[0]}'", why="it takes " + ", ".join(f"'{v.name}'" for v in takes)
        )
    return {**random_inputs(takes, dims=dims, seed=seed, given=given), **given}


def _paired(left: Execution, right: Execution, feeds: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The results of both: by name where the names are the same, else by position."""
    x, y = left.run(feeds), right.run(feeds)
    if len(x) != len(y):
        raise InputError(f"{left.label} gives {len(x)} outputs, {right.label} gives {len(y)}")
    if x.keys() == y.keys():
        return [(name, x[name], y[name]) for name in x]
    names = y if right.model is not None else x
    return list(zip(names, x.values(), y.values(), strict=True))

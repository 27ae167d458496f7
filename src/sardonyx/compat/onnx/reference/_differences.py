"""Where the standard is silent and executors disagree, our references go with onnxruntime; here is what the evaluator gives.

Each function stands around an operator: it gets what computes our outputs of given inputs, an application's inputs and
its attributes, and gives the outputs that the official evaluator has, or refuses what that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import apply
from sardonyx.ops.classify import labelled, transformed

__all__ = ["AROUND"]

Facts = Mapping[str, Any]
Run = Callable[[Sequence[Any]], list[Any]]
Around = Callable[[Run, Sequence[Any], Facts], list[Any]]
ML = "ai.onnx.ml"


def _vectors(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """A map becomes a vector, not a row, and may have keys that no place is for. Rows are for several maps."""
    maps = inputs[0]
    keys = attrs.get("int64_vocabulary") or attrs.get("string_vocabulary") or ()
    if not isinstance(maps, (list, np.ndarray)):
        return [run([{key: maps[key] for key in keys if key in maps}])[0].reshape(-1)]
    unknown = [key for one in maps for key in one if key not in keys]
    if unknown:
        raise KeyError(unknown[0])
    kind = np.array([value for one in maps for value in one.values()]).dtype
    rows = [run([one])[0] for one in maps]
    return [np.concatenate([np.zeros((0, len(keys))), *rows], dtype=kind, casting="unsafe")]


def _divided(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """The largest element is that of the largest absolute value."""
    if (attrs.get("norm") or "MAX") != "MAX":
        return run(inputs)
    x = inputs[0].astype(np.float64)
    size = np.max(np.abs(x), -1, keepdims=True, initial=0)
    return [(x / np.where(size == 0, 1, size)).astype(np.float32)]


def _of_trees(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """Where the trees speak for one class only, a score s of it is set against 1 - s, or -s if that is transformed."""
    if len(set(attrs.get("class_ids") or ())) != 1:
        return run(inputs)
    _, plain = apply("TreeEnsembleClassifier", inputs, {**attrs, "post_transform": "NONE"}, 2, domain=ML, opset=3)
    score = plain[:, -1:]
    transform = attrs.get("post_transform") or "NONE"
    other = 1 - score if transform in ("NONE", "PROBIT") else -score
    scores = transformed(np.concatenate([other, score], -1), transform)
    return [_labels(np.argmax(scores, 1), attrs, "classlabels_int64s"), scores]


def _of_lines(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """A single score speaks for its label where it is high enough, else for 0."""
    labels, scores = run(inputs)
    if scores.shape[1] != 1:
        return [labels, scores]
    high = scores[:, 0] >= (0 if (attrs.get("post_transform") or "NONE") == "NONE" else 0.5)
    names = attrs.get("classlabels_strings")
    label = names[0] if names else (attrs.get("classlabels_ints") or (1,))[0]
    return [np.where(high, np.array(label, object), "" if names else 0).astype(object if names else np.int64), scores]


def _labels(which: Any, attrs: Facts, ints: str) -> Any:
    numbers, names = attrs.get(ints), attrs.get("classlabels_strings")
    return which.astype(np.int64) if len(numbers or names or ()) == 1 else labelled(which, numbers, names)


def _drawn(draw: Callable[[np.random.RandomState, Any, Sequence[Any], Facts], Any]) -> Around:
    """A seed stands for the numbers of NumPy's older generator."""

    def around(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
        (ours,), seed = run(inputs), attrs.get("seed")
        if seed is None or np.isnan(seed):
            return [ours]
        given = {name: value for name, value in attrs.items() if value is not None}
        drawn = draw(np.random.RandomState(int(seed)), ours, inputs, given)
        return [np.asarray(drawn).astype(ours.dtype)]

    return around


def _normal(state: np.random.RandomState, like: Any, inputs: Sequence[Any], attrs: Facts) -> Any:
    return _moved(state.randn(*like.shape).astype(like.dtype), attrs.get("scale", 1.0), attrs.get("mean", 0.0))


def _uniform(state: np.random.RandomState, like: Any, inputs: Sequence[Any], attrs: Facts) -> Any:
    low, high = attrs.get("low", 0.0), attrs.get("high", 1.0)
    return _moved(state.rand(*like.shape).astype(like.dtype), high - low, low)


def _moved(drawn: Any, factor: float, summand: float) -> Any:
    drawn *= factor  # in place: each step rounds to the type of what is drawn
    drawn += summand
    return drawn


def _tossed(state: np.random.RandomState, like: Any, inputs: Sequence[Any], attrs: Facts) -> Any:
    return state.binomial(1, p=inputs[0])


def _biased(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """A single number is the bias of every channel."""
    if len(inputs) > 2 and inputs[2] is not None and inputs[2].size == 1:
        inputs = [*inputs[:2], np.broadcast_to(inputs[2].reshape(-1), inputs[1].shape[:1])]
    return run(inputs)


def _biased_by_first(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """A bias may be longer than there are channels: the first of it count."""
    if len(inputs) > 2 and inputs[2] is not None:
        inputs = [*inputs[:2], inputs[2].reshape(-1)[: inputs[1].shape[1] * (attrs.get("group") or 1)]]
    return run(inputs)


def _of_floats(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """Logarithms are not rounded to integers, though older versions have them of integers."""
    if inputs[0].dtype.kind in "iu":
        raise TypeError(f"a sum whose logarithm is taken does not support integer input, here {inputs[0].dtype}")
    return run(inputs)


def _along(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    axis, rank = attrs["axis"], np.ndim(inputs[0])
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of range for input rank {rank}")
    return run(inputs)


def _in_steps(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """In a type of 16 bits, each step rounds; along the last axis, where all versions mean the same."""
    x, axis = inputs[0], attrs.get("axis")
    if x.dtype.itemsize != 2 or x.size == 0 or axis not in (-1, x.ndim - 1):
        return run(inputs)
    with np.errstate(all="ignore"):
        powers = np.exp(x - x.max(-1, keepdims=True))
        return [powers / powers.sum(-1, keepdims=True)]


def _scaled(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    w, scale = inputs[3], inputs[4]
    if scale.ndim > 1:
        raise ValueError(f"w_scale must be a scalar or a 1-D tensor, not of shape {scale.shape}")
    if scale.size not in (1, w.shape[0]):
        raise ValueError(f"w_scale elements must match output channels: {scale.size} is not {w.shape[0]}")
    return run(inputs)


def _stepped(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """Outputs that no step adds to are not made up from what the body declares."""
    count = attrs["num_scan_inputs"]
    scanned = inputs[len(inputs) - count :]
    axes = attrs.get("scan_input_axes") or [0] * count
    gathered = len(attrs["body"].graph.outputs) - (len(inputs) - count)
    if gathered > 0 and any(x.shape[axis] == 0 for x, axis in zip(scanned, axes, strict=True)):
        raise RuntimeError(f"zero scan-input length, but {gathered} outputs are gathered from its steps")
    return run(inputs)


class Held(list[Any]):
    """What an optional holds, as the official evaluator gives it: a list of one, which may be None."""


def _optional(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    return [Held([inputs[0] if inputs else None])]


def _unwrapped(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    return run([x[0] if isinstance(x, Held) else x for x in inputs])


def _as_first(run: Run, inputs: Sequence[Any], attrs: Facts) -> list[Any]:
    """The result has the element type of what is normalized, not of its scale."""
    return [run(inputs)[0].astype(inputs[0].dtype)]


AROUND: dict[tuple[str, str], Around] = {
    ("", "Bernoulli"): _drawn(_tossed),
    ("", "Concat"): _along,
    ("", "Conv"): _biased,
    ("", "ConvTranspose"): _biased_by_first,
    ("", "Optional"): _optional,
    ("", "OptionalGetElement"): _unwrapped,
    ("", "OptionalHasElement"): _unwrapped,
    ("", "QLinearConv"): _scaled,
    ("", "RMSNormalization"): _as_first,
    ("", "RandomNormal"): _drawn(_normal),
    ("", "RandomNormalLike"): _drawn(_normal),
    ("", "RandomUniform"): _drawn(_uniform),
    ("", "RandomUniformLike"): _drawn(_uniform),
    ("", "ReduceLogSum"): _of_floats,
    ("", "ReduceLogSumExp"): _of_floats,
    ("", "Scan"): _stepped,
    ("", "Softmax"): _in_steps,
    (ML, "DictVectorizer"): _vectors,
    (ML, "Normalizer"): _divided,
    (ML, "TreeEnsembleClassifier"): _of_trees,
    (ML, "LinearClassifier"): _of_lines,
}

"""Where the standard is silent and executors disagree, our references go with onnxruntime; here is what the evaluator gives.

Each function gets an application's inputs, attributes and outputs, and gives the outputs that the official evaluator has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import apply
from sardonyx.ops.classify import labelled, transformed

__all__ = ["DIFFERENCES"]

Facts = Mapping[str, Any]
ML = "ai.onnx.ml"


def _vector(inputs: Sequence[Any], attrs: Facts, found: list[Any]) -> list[Any]:
    """A map becomes a vector, not a row."""
    return [found[0].reshape(-1)]


def _of_trees(inputs: Sequence[Any], attrs: Facts, found: list[Any]) -> list[Any]:
    """Where the trees speak for one class only, a score s of it is set against 1 - s, or -s if that is transformed."""
    if len(set(attrs.get("class_ids") or ())) != 1:
        return found
    _, plain = apply("TreeEnsembleClassifier", inputs, {**attrs, "post_transform": "NONE"}, 2, domain=ML, opset=3)
    score = plain[:, -1:]
    transform = attrs.get("post_transform") or "NONE"
    other = 1 - score if transform in ("NONE", "PROBIT") else -score
    scores = transformed(np.concatenate([other, score], -1), transform)
    return [_labels(np.argmax(scores, 1), attrs, "classlabels_int64s"), scores]


def _of_lines(inputs: Sequence[Any], attrs: Facts, found: list[Any]) -> list[Any]:
    """A single score speaks for its label where it is high enough, else for 0."""
    _, scores = found
    if scores.shape[1] != 1:
        return found
    high = scores[:, 0] >= (0 if (attrs.get("post_transform") or "NONE") == "NONE" else 0.5)
    names = attrs.get("classlabels_strings")
    label = names[0] if names else (attrs.get("classlabels_ints") or (1,))[0]
    return [np.where(high, np.array(label, object), "" if names else 0).astype(object if names else np.int64), scores]


def _labels(which: Any, attrs: Facts, ints: str) -> Any:
    numbers, names = attrs.get(ints), attrs.get("classlabels_strings")
    return which.astype(np.int64) if len(numbers or names or ()) == 1 else labelled(which, numbers, names)


DIFFERENCES: dict[tuple[str, str], Callable[[Sequence[Any], Facts, list[Any]], list[Any]]] = {
    (ML, "DictVectorizer"): _vector,
    (ML, "TreeEnsembleClassifier"): _of_trees,
    (ML, "LinearClassifier"): _of_lines,
}

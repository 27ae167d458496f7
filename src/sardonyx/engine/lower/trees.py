"""Ensembles of trees: one kernel adds the votes up, elementwise pieces make scores and labels of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import BOOL, FLOAT32, FLOAT64, INT64, DType, dtype
from sardonyx.engine.kernels.trees import BLOCK, ForestSpec, forest_kernel, held
from sardonyx.engine.lower.forest import grove, plain
from sardonyx.engine.lower.pieces import Pieces
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call, Real
from sardonyx.engine.views import View
from sardonyx.ir import Array, Node, Value
from sardonyx.ops.ml import DOMAIN, FEATURES
from sardonyx.ops.trees import (
    AGGREGATES,
    TRANSFORMS,
    Forest,
    numbers,
    of_nodes_and_leaves,
    of_one_table,
)
from sardonyx.tile import type_of

__all__ = ["both_sides", "chosen", "elected", "labels_of", "transform"]

_DEEP = 10  # steps beyond which many walks end early
_BLANK = {"MIN": float("inf"), "MAX": float("-inf")}
_JOIN: dict[str, Literal["min", "max"]] = {"MIN": "min", "MAX": "max"}


def _votes(low: Lowering, node: Node, forest: Forest, targets: int, how: str) -> View:
    """The votes for each target put together, as [rows, targets]."""
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) not in FEATURES:
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    x = low.contiguous(low.view(source))
    compared = dtype(np.result_type(x.dtype.numpy if x.dtype.is_float else np.float32, forest.split.dtype))
    weight = dtype(forest.weight.dtype)
    if not {compared, weight} <= {FLOAT32, FLOAT64}:
        raise NotNative(f"{node.op_type} with splits of {forest.split.dtype} and votes of {weight}")
    split, blank = kind_of(compared), _BLANK.get(how, 0.0)
    found = grove(plain(forest), targets, split, blank)
    low.at_least(x.shape[1], found.features, f"{node!r} has all features that its trees ask for")
    spec = ForestSpec(
        kind_of(x.dtype), split, kind_of(weight), found.equal, found.missing, found.votes,
        _JOIN.get(how, "add"), held(found.votes, targets, low.target.lanes(type_of(weight.numpy))), found.deepest > _DEEP,
    )  # fmt: skip
    out = low.temp(weight, (x.shape[0], targets), name=node.output.name)
    tables = (found.nodes, found.roots, found.depths, found.group_depths, found.weights, found.whose)
    args: list[Argument | None] = [Address(out.buffer, out.offset, True), Address(x.buffer, x.offset)]
    args += [Address(low.constant(table).buffer) for table in tables]
    args += [x.shape[0], x.shape[1], len(forest.roots), targets, Real(blank)]
    rows: Dim = x.shape[0]
    steps = rows * int(found.depths.sum())
    names = (node.name or node.op_type,)
    low.call(Call(forest_kernel(spec, low.target), args, ceildiv(rows, BLOCK), names, flops=steps))
    return out


def _scores(p: Pieces, votes: View, how: str, trees: int, base: Array | None) -> Value:
    """The votes as scores: of none for a target there is 0, and what scores begin with comes last."""
    kind = votes.dtype
    found = p.read(votes)
    if how in _BLANK:
        nobody = p.op("IsInf", found, dtype=BOOL)
        found = p.op("Where", nobody, p.constant(np.zeros(1, kind.numpy)), found, dtype=kind)
    if how == "AVERAGE":
        found = p.op("Div", found, p.constant(np.full(1, trees, kind.numpy)))
    return found if base is None else p.op("Add", found, p.constant(base.astype(kind.numpy)))


def transform(p: Pieces, scores: Value, how: str, result: DType) -> Value:
    """What post_transform makes of scores [rows, classes]."""
    if how == "LOGISTIC":
        return p.cast(p.op("Sigmoid", scores), result)
    if how == "SOFTMAX":
        return p.cast(p.op("Softmax", p.cast(scores, FLOAT32)), result)
    if how != "NONE":
        raise NotNative(f"the transform {how}")
    return p.cast(scores, result)


def labels_of(p: Pieces, which: Value, ints: Sequence[int] | None) -> Value:
    """The labels of the classes with these numbers."""
    if not ints or list(ints) == list(range(len(ints))):
        return which
    return p.op("Gather", p.constant(np.array(ints, np.int64)), which, shape=p.shape(which))


@lower("TreeEnsemble", domain=DOMAIN)
def ensemble(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    forest, how = of_nodes_and_leaves(attrs), AGGREGATES[attrs["aggregate_function"]]
    targets = _count(low, node.output)
    p = Pieces(low, node)
    scores = _scores(p, _votes(low, node, forest, targets, how), how, len(forest.roots), None)
    p.give(transform(p, scores, TRANSFORMS[attrs["post_transform"]], low.dtype(node.output)))


def _count(low: Lowering, scores: Value) -> int:
    """How many targets, or classes, have a score."""
    count = low.shape(scores)[1]
    if not isinstance(count, int):
        raise NotNative("scores of a symbolic number of targets")
    return count


def _base(attrs: Mapping[str, Any], targets: int) -> Array | None:
    base = numbers(attrs, "base_values")
    return base if base.size in (1, targets) else None


@lower("TreeEnsembleRegressor", domain=DOMAIN)
def regressor(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    forest, how, targets = of_one_table(attrs, "target"), attrs["aggregate_function"], _count(low, node.output)
    p = Pieces(low, node)
    votes = _votes(low, node, forest, targets, how)
    scores = _scores(p, votes, how, len(forest.roots), _base(attrs, targets))
    p.give(transform(p, scores, attrs["post_transform"], FLOAT32))


@lower("TreeEnsembleClassifier", domain=DOMAIN)
def classifier(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Where only one of two classes has votes, the other one's score is what that leaves."""
    forest, classes = of_one_table(attrs, "class"), _count(low, node.outputs[1])
    if attrs["classlabels_strings"]:
        raise NotNative("labels that are strings")
    p, how, ints = Pieces(low, node), attrs["post_transform"], attrs["classlabels_int64s"]
    base, voted = _base(attrs, classes), np.unique(forest.target)
    if classes != 2 or len(voted) != 1:
        scores = _scores(p, _votes(low, node, forest, classes, "SUM"), "SUM", 1, base)
        p.give(elected(p, scores, ints), transform(p, scores, how, FLOAT32))
        return
    one = replace(forest, target=np.zeros_like(forest.target))
    base = base[voted] if base is not None and base.size == 2 else base
    score = p.now(_scores(p, _votes(low, node, one, 1, "SUM"), "SUM", 1, base))
    sure = bool((forest.weight >= 0).all())
    p.give(chosen(p, score, 0.5 if sure else 0.0, ints), both_sides(p, score, how, probabilities=sure))


def elected(p: Pieces, scores: Value, ints: Sequence[int] | None) -> Value:
    """The label of the best score."""
    rows = p.shape(scores)[:1]
    which = p.op("ArgMax", scores, shape=rows, dtype=INT64, axis=1, keepdims=0)
    return labels_of(p, which, ints)


def chosen(p: Pieces, score: View, beyond: float, ints: Sequence[int] | None) -> Value:
    """The second label where the one score [rows, 1] is beyond a number, else the first."""
    line = p.read(score.squeezed([1]))
    yes = p.op("Greater", line, p.constant(np.full(1, beyond, score.dtype.numpy)), dtype=BOOL)
    no, other = (p.constant(np.array([label])) for label in ints or (0, 1))
    return p.op("Where", yes, other, no, dtype=INT64)


def both_sides(p: Pieces, score: View, how: str, *, probabilities: bool) -> Value:
    """One score [rows, 1] for two classes as a score for each; see the reference's function of this name."""
    if how == "PROBIT":
        raise NotNative("the transform PROBIT")
    kind, shape = score.dtype.numpy, (score.shape[0], 2)
    pair = p.op("Mul", p.read(score), p.constant(np.array([[-1, 1]], kind)), shape=shape)
    if probabilities and how != "LOGISTIC":
        return p.cast(p.op("Add", pair, p.constant(np.array([[1, 0]], kind))), FLOAT32)
    return transform(p, pair, how, FLOAT32)

"""Ensembles of decision trees, walked by all examples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import DTypeError, FormatError, ShapeError
from sardonyx.ir import Array, Tensor, show_shape
from sardonyx.ops.classify import both_sides, labelled, transformed
from sardonyx.ops.declare import (
    Floats,
    Input,
    Int,
    Ints,
    Output,
    String,
    Strings,
    TensorAttr,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Dims, Known, known
from sardonyx.ops.ml import DOMAIN, FEATURES, LABELS
from sardonyx.ops.typesets import FLOATS

_COMPARE: tuple[Callable[[Array, Array], Array], ...] = (
    np.less_equal,
    np.less,
    np.greater_equal,
    np.greater,
    np.equal,
    np.not_equal,
)
_MODES = {
    "BRANCH_LEQ": 0, "BRANCH_LT": 1, "BRANCH_GTE": 2, "BRANCH_GT": 3, "BRANCH_EQ": 4, "BRANCH_NEQ": 5, "LEAF": 7,
}  # fmt: skip
_MEMBER, _LEAF = 6, 7
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")


@dataclass(frozen=True, slots=True)
class Forest:
    """The nodes of all trees in one table; a leaf has votes, each a weight for a target.

    Attributes:
        mode, feature, split, missing: of each node; `missing` says where a NaN goes.
        true, false: the next node.
        roots: the first node of each tree.
        members: for a node of the mode BRANCH_MEMBER, the values it looks for.
        voter, target, weight: of each vote, in the order of the leaves that cast them.
    """

    mode: Array
    feature: Array
    split: Array
    missing: Array
    true: Array
    false: Array
    roots: Array
    members: Mapping[int, Array]
    voter: Array
    target: Array
    weight: Array

    def leaves(self, x: Array) -> Array:
        """The leaf that each example reaches in each tree."""
        at = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        for _ in range(len(self.mode)):
            walking = np.argwhere(self.mode[at] != _LEAF)
            if not len(walking):
                return at
            example, tree = walking.T
            node = at[example, tree]
            goes = self._true(x[example, self.feature[node]], node)
            at[example, tree] = np.where(goes, self.true[node], self.false[node])
        raise FormatError("a tree has no leaf at its end", why="its branches lead back to where they came from")

    def _true(self, value: Array, node: Array) -> Array:
        mode = self.mode[node]
        goes = np.zeros(len(node), bool)
        for which, compare in enumerate(_COMPARE):
            here = mode == which
            goes[here] = compare(value[here], self.split[node[here]])
        for asked in np.unique(node[mode == _MEMBER]):
            here = node == asked
            goes[here] = np.isin(value[here], self.members[int(asked)])
        return goes | (np.isnan(value) & self.missing[node])

    def total(self, leaves: Array, targets: int, how: str) -> Array:
        """The votes of the leaves that each example reached, put together for each target."""
        order = np.argsort(self.voter, kind="stable")
        begin = np.searchsorted(self.voter[order], leaves.reshape(-1), "left")
        count = np.searchsorted(self.voter[order], leaves.reshape(-1), "right") - begin
        example = np.repeat(np.repeat(np.arange(len(leaves)), leaves.shape[1]), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        vote = order[np.repeat(begin, count) + within]
        place = example, self.target[vote]
        if how in ("MIN", "MAX"):
            result = np.full((len(leaves), targets), np.inf if how == "MIN" else -np.inf, self.weight.dtype)
            (np.minimum if how == "MIN" else np.maximum).at(result, place, self.weight[vote])
            return np.where(np.isinf(result), 0, result)  # nobody voted for it
        result = np.zeros((len(leaves), targets), self.weight.dtype)
        np.add.at(result, place, self.weight[vote])
        return result / len(self.roots) if how == "AVERAGE" else result


def _ints(values: Any) -> Array:
    return np.array(values or (), np.int64)


@operator("TreeEnsemble", since=(5,), domain=DOMAIN)
class TreeEnsemble:
    """The weights of the leaves that each example reaches, put together for each target."""

    T = types(FLOATS)
    X = Input(T)
    Y = Output(T)
    nodes_featureids, nodes_modes, nodes_splits = (
        Ints(required=True),
        TensorAttr(required=True),
        TensorAttr(required=True),
    )
    nodes_truenodeids, nodes_trueleafs = Ints(required=True), Ints(required=True)
    nodes_falsenodeids, nodes_falseleafs = Ints(required=True), Ints(required=True)
    nodes_missing_value_tracks_true, nodes_hitrates, membership_values = Ints(), TensorAttr(), TensorAttr()
    leaf_targetids, leaf_weights, tree_roots = Ints(required=True), TensorAttr(required=True), Ints(required=True)
    n_targets, aggregate_function, post_transform = Int(), Int(1), Int(0)

    @infers
    def infer(X: Known, *, n_targets: int | None, **facts: Any) -> Dims:
        nodes = len(facts["nodes_featureids"])
        for name, value in facts.items():
            if name.startswith(("nodes_", "leaf_")) and value is not None:
                wanted = len(facts["leaf_targetids"]) if name.startswith("leaf_") else nodes
                count = value.size if isinstance(value, Tensor) else len(value)
                if count != wanted:
                    raise ShapeError(f"{name} has {count} elements", why=f"there are {wanted} nodes or leaves")
            if name in ("nodes_splits", "leaf_weights") and value is not None and X.dtype not in (None, value.dtype):
                raise DTypeError(f"{name} is {value.dtype}, the features are {X.dtype}", fix="give both one type")
        return _rows(X), n_targets

    @reference
    def run(X: Array, *, n_targets: int | None, aggregate_function: int, post_transform: int, **facts: Any) -> Array:
        forest = of_nodes_and_leaves(facts)
        targets = n_targets if n_targets is not None else int(forest.target.max(initial=-1)) + 1
        y = forest.total(forest.leaves(X), targets, AGGREGATES[aggregate_function])
        return transformed(y, TRANSFORMS[post_transform]).astype(X.dtype)


def _rows(X: Known) -> Dim | None:
    """How many rows of features there are."""
    if X.has_shape and X.rank != 2:
        raise ShapeError(f"features are [rows, features], not {show_shape(X.shape)}")
    return X.shape[0] if X.has_shape else None


def of_nodes_and_leaves(facts: Mapping[str, Any]) -> Forest:
    """The forest that TreeEnsemble's attributes spell: the leaves stand behind the nodes."""
    modes = facts["nodes_modes"].numpy().astype(np.int64)
    weights = facts["leaf_weights"].numpy()
    nodes, leaves = len(modes), len(weights)
    nothing, own = np.zeros(leaves, np.int64), np.arange(nodes, nodes + leaves)

    def following(side: str) -> Array:
        is_leaf = _ints(facts[f"nodes_{side}leafs"]).astype(bool)
        return np.concatenate([_ints(facts[f"nodes_{side}nodeids"]) + np.where(is_leaf, nodes, 0), own])

    splits = facts["nodes_splits"].numpy()
    missing = facts["nodes_missing_value_tracks_true"] or (0,) * nodes
    return Forest(
        mode=np.concatenate([modes, np.full(leaves, _LEAF)]),
        feature=np.concatenate([_ints(facts["nodes_featureids"]), nothing]),
        split=np.concatenate([splits, nothing.astype(splits.dtype)]),
        missing=np.concatenate([_ints(missing), nothing]).astype(bool),
        true=following("true"),
        false=following("false"),
        roots=_ints(facts["tree_roots"]),
        members=dict(zip(np.flatnonzero(modes == _MEMBER).tolist(), _sets(facts["membership_values"]), strict=False)),
        voter=own,
        target=_ints(facts["leaf_targetids"]),
        weight=weights,
    )


def _sets(values: Tensor | None) -> list[Array]:
    """The sets that NaNs set apart."""
    if values is None:
        return []
    array = values.numpy()
    return [part[~np.isnan(part)] for part in np.split(array, np.flatnonzero(np.isnan(array)) + 1)]


def of_one_table(facts: Mapping[str, Any], votes: str) -> Forest:
    """The forest that the attributes of the older operators spell, which count nodes tree by tree."""
    trees, ids = _ints(facts["nodes_treeids"]), _ints(facts["nodes_nodeids"])
    place = {key: i for i, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    modes = np.array([_MODES[m] for m in facts["nodes_modes"]], np.int64)

    def following(side: str) -> Array:
        wanted = zip(trees.tolist(), facts[f"nodes_{side}nodeids"], modes.tolist(), strict=True)
        return np.array([i if m == _LEAF else place[t, n] for i, (t, n, m) in enumerate(wanted)], np.int64)

    pairs = zip(facts[f"{votes}_treeids"] or (), facts[f"{votes}_nodeids"] or (), strict=True)
    true, false = following("true"), following("false")
    branches = modes != _LEAF
    inner = np.union1d(true[branches], false[branches])
    return Forest(
        mode=modes,
        feature=_ints(facts["nodes_featureids"]),
        split=numbers(facts, "nodes_values"),
        missing=_ints(facts["nodes_missing_value_tracks_true"] or (0,) * len(modes)).astype(bool),
        true=true,
        false=false,
        roots=np.setdiff1d(np.arange(len(modes)), inner),
        members={},
        voter=np.array([place[pair] for pair in pairs], np.int64),
        target=_ints(facts["class_ids" if votes == "class" else "target_ids"]),
        weight=numbers(facts, f"{votes}_weights"),
    )


def numbers(facts: Mapping[str, Any], name: str) -> Array:
    """A list of float32, or the tensor that stands for it."""
    tensor = facts[f"{name}_as_tensor"]
    return np.array(facts[name] or (), np.float32) if tensor is None else tensor.numpy()


def _table(votes: str) -> dict[str, Any]:
    """The attributes that describe the nodes, and the votes of the leaves."""
    tensors = ("nodes_values", "nodes_hitrates", "base_values", f"{votes}_weights")
    lists = ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    found: dict[str, Any] = {f"nodes_{name}": Ints() for name in lists}
    found |= {"nodes_modes": Strings(), "post_transform": String("NONE")}
    found |= {f"{votes}_{name}": Ints() for name in ("treeids", "nodeids", "ids")}
    return found | {name: Floats() for name in tensors} | {f"{name}_as_tensor": TensorAttr(since=3) for name in tensors}


def _walked(X: Array, facts: Mapping[str, Any], votes: str, targets: int, how: str = "SUM") -> tuple[Forest, Array]:
    forest = of_one_table(facts, votes)
    x = X if X.dtype.kind == "f" else X.astype(np.float32)
    base = numbers(facts, "base_values")
    total = forest.total(forest.leaves(x), targets, how)
    return forest, total + base.astype(total.dtype) if base.size in (1, targets) else total


def _regressor() -> None:
    def infer(X: Known, *, n_targets: int | None) -> Dims:
        return _rows(X), n_targets

    def run(X: Array, *, n_targets: int | None, aggregate_function: str, post_transform: str, **facts: Any) -> Array:
        targets = n_targets if n_targets is not None else max(facts["target_ids"] or (0,)) + 1
        _, y = _walked(X, facts, "target", targets, aggregate_function)
        return transformed(y, post_transform).astype(np.float32)

    T = types(FEATURES)
    block: dict[str, Any] = {
        "__doc__": "What TreeEnsemble took the place of: the targets' values.",
        "T": T,
        "X": Input(T),
    }
    block |= {"Y": Output("tensor(float)"), "n_targets": Int(), "aggregate_function": String("SUM")} | _table("target")
    block |= {"infer": infers(infer), "run": reference(run)}
    operator("TreeEnsembleRegressor", since=(1, 3, 5), domain=DOMAIN, deprecated=5)(type("Regressor", (), block))


def _classifier() -> None:
    def infer(X: Known, *, classlabels_int64s: Any, classlabels_strings: Any) -> list[Known]:
        labels: Sequence[Any] = classlabels_strings or classlabels_int64s or ()
        kind = d.STRING if classlabels_strings else d.INT64
        return [known(kind, (_rows(X),)), known(d.FLOAT32, (_rows(X), len(labels) or None))]

    def run(
        X: Array, *, classlabels_int64s: Any, classlabels_strings: Any, post_transform: str, **facts: Any
    ) -> tuple[Array, Array]:
        classes = len(classlabels_strings or classlabels_int64s or ())
        forest, scores = _walked(X, facts, "class", classes)
        if classes == 2 and len(np.unique(forest.target)) == 1:  # only one class has scores
            score = scores[:, forest.target[:1]]
            positive = bool((forest.weight >= 0).all())
            which = (score[:, 0] > (0.5 if positive else 0)).astype(np.int64)
            scores = both_sides(score, post_transform, probabilities=positive)
        else:
            which, scores = np.argmax(scores, 1), transformed(scores, post_transform)
        return labelled(which, classlabels_int64s, classlabels_strings), scores.astype(np.float32)

    T1, T2 = types(FEATURES), types(LABELS)
    block: dict[str, Any] = {"__doc__": "What TreeEnsemble took the place of: the best class, and the scores of all."}
    block |= {"T1": T1, "T2": T2, "X": Input(T1), "Y": Output(T2), "Z": Output("tensor(float)")} | _table("class")
    block |= {"classlabels_int64s": Ints(), "classlabels_strings": Strings()}
    block |= {"infer": infers(infer), "run": reference(run)}
    operator("TreeEnsembleClassifier", since=(1, 3, 5), domain=DOMAIN, deprecated=5)(type("Classifier", (), block))


_regressor()
_classifier()

__all__ = ["AGGREGATES", "TRANSFORMS", "Forest", "numbers", "of_nodes_and_leaves", "of_one_table"]

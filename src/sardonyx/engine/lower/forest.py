"""The nodes of a forest as its kernel reads them: records in the order in which walks come by, tree after tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sardonyx.engine.kernels.trees import CHAINS, LEAF, Some, words
from sardonyx.engine.lowering import NotNative
from sardonyx.ir import Array
from sardonyx.ops.trees import Forest

__all__ = ["Grove", "grove", "plain"]

_LEQ, _LT, _GTE, _GT, _EQ, _NEQ, _MEMBER, _END = range(8)
_LARGEST_SET = 64  # members that are asked for one by one
_MOST_LEAVES = 1 << 24
_MOST_WEIGHTS = 1 << 26  # of a table in which every leaf has a vote for each target


@dataclass(frozen=True)
class Grove:
    """A forest in tables; see `forest_kernel` for what they hold.

    Attributes:
        equal, missing, votes: as in its `ForestSpec`.
        features: how many features rows must have.
        deepest: steps of the longest walk.
    """

    nodes: Array
    roots: Array
    depths: Array
    group_depths: Array
    weights: Array
    whose: Array
    equal: Some
    missing: Some
    votes: Literal["single", "own", "all"]
    features: int
    deepest: int


def plain(forest: Forest) -> Forest:
    """The forest with sets asked for member by member: a yes leads where it did, a no to the next member."""
    if not forest.members:
        return forest
    more: dict[str, list[Array]] = {name: [getattr(forest, name).copy()] for name in _COLUMNS}
    mode, split, false = more["mode"][0], more["split"][0], more["false"][0]
    count = len(mode)
    for node, values in forest.members.items():
        if len(values) > _LARGEST_SET:
            raise NotNative(f"a tree that looks for a feature among {len(values)} values")
        values = values if len(values) else np.full(1, np.nan, split.dtype)
        mode[node], split[node] = _EQ, values[0]
        extra = len(values) - 1
        if not extra:
            continue
        false[node] = count
        more["mode"].append(np.full(extra, _EQ))
        more["feature"].append(np.full(extra, forest.feature[node]))
        more["split"].append(values[1:])
        more["missing"].append(np.zeros(extra, bool))
        more["true"].append(np.full(extra, forest.true[node]))
        more["false"].append(np.append(np.arange(count + 1, count + extra), forest.false[node]))
        count += extra
    return replace(forest, members={}, **{name: np.concatenate(parts) for name, parts in more.items()})


_COLUMNS = ("mode", "feature", "split", "missing", "true", "false")


def grove(forest: Forest, targets: int, split: str, blank: float) -> Grove:
    """The tables of a forest whose sets are gone.

    Args:
        split: the kind in which features are compared, "f32" or "f64".
        blank: the vote that changes nothing.
    """
    _check(forest, targets)
    order, depths = _visited(forest)
    leaf = forest.mode[order] == _END
    votes, weights, whose = _votes(forest, order[leaf], targets, blank)
    yes, no, splits, equal, missing = _uniform(forest, split)
    inner = order[~leaf]
    asks: Some = _some(equal[inner])
    odd = np.isnan(splits[inner]).any()  # what equals nothing, for which `all` has no room
    tracks: Some = "some" if odd and missing[inner].any() else _some(missing[inner])
    width = words(split, flagged="some" in (asks, tracks))
    place = np.zeros(len(forest.mode), np.int64)
    place[order] = np.arange(len(order)) * width
    nodes = np.zeros((len(order) + 1, width), np.int32)  # the last one is the leaf of trees that only fill a group up
    if len(order) * width >= 2**31:
        raise NotNative("a forest of more nodes than an int32 counts")
    head = 2 if split == "f64" else 1
    kind = np.float64 if split == "f64" else np.float32
    nodes[:-1, :head] = splits[order].astype(kind).reshape(-1, 1).view(np.int32)
    nodes[:-1, head] = np.where(leaf, 0, forest.feature[order])
    own = np.arange(len(order) + 1) * width
    nodes[:-1, head + 1] = np.where(leaf, own[:-1], place[yes[order]])
    nodes[:-1, head + 2] = np.where(leaf, own[:-1], place[no[order]])
    if "some" in (asks, tracks):
        nodes[:-1, head + 3] = missing[order] + 2 * equal[order]
    nodes[-1, head + 1 : head + 3] = own[-1]
    ends = np.append(np.flatnonzero(leaf), len(order))
    nodes[ends, 0] = LEAF + np.arange(len(ends))
    if split == "f64":
        nodes[ends, 1] = 0x3FF00000  # no denormal either
    filled = -len(depths) % CHAINS
    group_depths = np.append(depths, np.zeros(filled, np.int64)).reshape(-1, CHAINS).max(1, initial=0)
    return Grove(
        nodes=nodes.reshape(-1),
        roots=np.append(place[forest.roots], np.full(filled, own[-1])),
        depths=np.append(depths, np.zeros(filled, np.int64)),
        group_depths=group_depths,
        weights=weights,
        whose=whose,
        equal=asks,
        missing=tracks,
        votes=votes,
        features=int(forest.feature[inner].max(initial=-1)) + 1,
        deepest=int(depths.max(initial=0)),
    )


def _check(forest: Forest, targets: int) -> None:
    """What NumPy would say of attributes that lead nowhere, the reference says."""
    count = len(forest.mode)
    inner = forest.mode != _END
    places = np.concatenate([forest.roots, forest.true[inner], forest.false[inner], forest.voter])
    if places.size and not (places.min() >= 0 and places.max() < count):
        raise NotNative("a tree whose nodes are not all there")
    if forest.target.size and not (forest.target.min() >= 0 and forest.target.max() < targets):
        raise NotNative("a vote for a target that is not there")
    if not len(forest.roots) or forest.feature[inner].min(initial=0) < 0:
        raise NotNative("a forest without trees, or a feature counted from the end")


def _visited(forest: Forest) -> tuple[Array, Array]:
    """The nodes that walks can reach, tree by tree and level by level; and the steps of each tree's longest walk."""
    count, trees = len(forest.mode), len(forest.roots)
    depths, seen = np.zeros(trees, np.int64), np.zeros(count, bool)
    node, tree = forest.roots, np.arange(trees)
    found: list[Array] = []
    owners: list[Array] = []
    for level in range(count + 1):
        fresh = ~seen[node]
        found.append(node[fresh])
        owners.append(tree[fresh])
        seen[node] = True
        inner = forest.mode[node] != _END
        node, tree = node[inner], tree[inner]
        if not len(node):
            order = np.concatenate(found)
            first = np.sort(np.unique(order, return_index=True)[1])  # trees may share nodes
            return order[first][np.argsort(np.concatenate(owners)[first], kind="stable")], depths
        depths[tree] = level + 1
        both = np.concatenate([tree, tree]) * count + np.concatenate([forest.true[node], forest.false[node]])
        tree, node = np.divmod(np.unique(both), count)
    raise NotNative("a tree whose branches lead back to where they came from")


def _votes(
    forest: Forest, leaves: Array, targets: int, blank: float
) -> tuple[Literal["single", "own", "all"], Array, Array]:
    """The form of the votes, their weights, and whom they are for; one leaf more, which changes nothing, comes last."""
    if len(leaves) > _MOST_LEAVES:
        raise NotNative(f"a forest of {len(leaves)} leaves")
    number = np.full(len(forest.mode), -1)
    number[leaves] = np.arange(len(leaves))
    at = number[forest.voter]
    leaf, target, weight = at[at >= 0], forest.target[at >= 0], forest.weight[at >= 0]
    if len(np.unique(leaf * targets + target)) < len(leaf):
        raise NotNative("a leaf that votes twice for a target")
    if np.isnan(weight).any() or (np.isinf(blank) and np.isinf(weight).any()):
        raise NotNative("votes that are no numbers")
    if len(np.unique(leaf)) == len(leaf):
        weights, whose = np.full(len(leaves) + 1, blank, weight.dtype), np.zeros(len(leaves) + 1, np.int64)
        weights[leaf], whose[leaf] = weight, target
        return "single" if targets == 1 else "own", weights, whose
    if (len(leaves) + 1) * targets > _MOST_WEIGHTS:
        raise NotNative(f"{len(leaves)} leaves that vote for some of {targets} targets")
    table = np.full((len(leaves) + 1, targets), blank, weight.dtype)
    table[leaf, target] = weight
    return "all", table.reshape(-1), np.zeros(1, np.int64)


def _uniform(forest: Forest, split: str) -> tuple[Array, Array, Array, Array, Array]:
    """All comparisons as <= or ==: the nodes after yes and after no, the splits, which are ==, and which say yes to a NaN."""
    mode, kind = forest.mode, np.float64 if split == "f64" else np.float32
    turned = np.isin(mode, (_GT, _GTE, _NEQ))
    equal = np.isin(mode, (_EQ, _NEQ))
    below = np.isin(mode, (_LT, _GTE))  # x < s is x <= the number before s
    splits = forest.split.astype(kind)
    before = np.where(splits == -np.inf, kind(np.nan), np.nextafter(splits, kind(-np.inf)))
    missing = np.where(mode == _NEQ, False, forest.missing ^ turned)  # a NaN is different from everything
    yes, no = np.where(turned, forest.false, forest.true), np.where(turned, forest.true, forest.false)
    return yes, no, np.where(below, before, splits), equal, missing


def _some(flags: Array) -> Some:
    return "all" if len(flags) and flags.all() else "some" if flags.any() else "none"

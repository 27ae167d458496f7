"""Ensembles of trees: modes, missing values, votes, aggregates, types, and forests that are left to the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from sardonyx.core.errors import SardonyxError
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.io import from_bytes
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS, agree, run

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
FEATURES = 5
KINDS = {"float32": 1, "float64": 11, "int32": 6, "int64": 7}


def model(op: str, attrs: dict[str, Any], kind: str = "float32", version: int = 3, features: Any = None) -> Model:
    """A model of one node over [N, FEATURES], or as many features as a symbol says."""
    names = ["y", "z"] if op.endswith("Classifier") else ["y"]
    node = helper.make_node(op, ["x"], names, domain="ai.onnx.ml", **attrs)
    x = helper.make_tensor_value_info("x", KINDS[kind], ["N", features or FEATURES])
    graph = helper.make_graph([node], "g", [x], [onnx.ValueInfoProto(name=n) for n in names])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", version)]
    return from_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


class Plant:
    """Random trees as the attributes of the older operators; splits and features are small halves, so that some are equal."""

    def __init__(self, seed: int, modes: tuple[str, ...] = ("BRANCH_LEQ",), depth: int = 4, fade: float = 0.2) -> None:
        self.random = np.random.default_rng(seed)
        self.modes, self.depth, self.fade = modes, depth, fade
        names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
        self.nodes: dict[str, list[Any]] = {f"nodes_{n}": [] for n in names}
        self.leaves: list[tuple[int, int]] = []

    def trees(self, count: int) -> Plant:
        for tree in range(count):
            self.number = -1
            self._grow(tree, 0)
        return self

    def _grow(self, tree: int, level: int) -> int:
        self.number += 1
        own, at = self.number, len(self.nodes["nodes_modes"])
        leaf = level == self.depth or (level > 0 and self.random.random() < self.fade)
        mode = "LEAF" if leaf else str(self.random.choice(self.modes))
        split = 0.0 if leaf else float(self.random.integers(-4, 5)) / 2
        row = (tree, own, int(self.random.integers(FEATURES)), split, mode, 0, 0)
        for column, item in zip(self.nodes.values(), row, strict=True):
            column.append(item)
        if leaf:
            self.leaves.append((tree, own))
        else:
            self.nodes["nodes_truenodeids"][at] = self._grow(tree, level + 1)
            self.nodes["nodes_falsenodeids"][at] = self._grow(tree, level + 1)
        return own

    def missing(self, share: float) -> dict[str, Any]:
        flags = self.random.random(len(self.nodes["nodes_modes"])) < share
        return {"nodes_missing_value_tracks_true": flags.astype(int).tolist()}

    def votes(self, kind: str, targets: int, form: str = "one") -> dict[str, Any]:
        """`one`: each leaf votes for a random target; `all`: for each; `few`: some leaves for none, others for many."""
        rows: list[tuple[int, int, int, float]] = []
        for tree, node in self.leaves:
            some = np.flatnonzero(self.random.random(targets) < 0.5)
            chosen = {"one": [self.random.integers(targets)], "all": range(targets), "few": some}[form]
            rows += [(tree, node, int(t), float(np.float32(self.random.normal()))) for t in chosen]
        columns = list(zip(*rows, strict=True))
        names = ("treeids", "nodeids", "ids", "weights")
        return self.nodes | {f"{kind}_{n}": list(c) for n, c in zip(names, columns, strict=True)}


def rows(count: int, kind: str = "float32", *, nan: bool = False) -> Any:
    random = np.random.default_rng(5)
    x = random.integers(-5, 6, (count, FEATURES)) / (2 if kind.startswith("float") else 1)
    if nan:
        x[random.random(x.shape) < 0.2] = np.nan
    return x.astype(kind)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("modes", [*((m,) for m in MODES), MODES, ("BRANCH_LEQ", "BRANCH_GT")])
def test_modes(modes: tuple[str, ...], level: str) -> None:
    attrs = Plant(1, modes).trees(11).votes("target", 1) | {"n_targets": 1}
    made = model("TreeEnsembleRegressor", attrs)
    for count in (0, 1, 15, 16, 140):
        x = rows(count)
        np.testing.assert_array_equal(run(made, [x], level)[0], evaluate(made, [x])[0])  # also the last bit


def test_rows_that_lack_features() -> None:
    """What trees ask for is there, or nothing is read."""
    attrs = Plant(1).trees(3).votes("target", 1) | {"n_targets": 1}
    made = model("TreeEnsembleRegressor", attrs, features="F")
    agree(made, [rows(9)], LEVELS[-1])
    with pytest.raises(SardonyxError):
        run(made, [rows(9)[:, :2]], LEVELS[-1])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("modes", [*((m,) for m in MODES), MODES])
def test_missing_values(modes: tuple[str, ...], share: float) -> None:
    plant = Plant(2, modes).trees(9)
    made = model("TreeEnsembleRegressor", plant.votes("target", 1) | plant.missing(share) | {"n_targets": 1})
    agree(made, [rows(29, nan=True)], LEVELS[-1], rtol=0, atol=0)


@pytest.mark.parametrize("how", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize(("targets", "form"), [(1, "one"), (3, "one"), (3, "all"), (19, "all"), (3, "few")])
def test_votes(targets: int, form: str, how: str) -> None:
    attrs = Plant(3).trees(6).votes("target", targets, form) | {"n_targets": targets, "aggregate_function": how}
    agree(model("TreeEnsembleRegressor", attrs), [rows(21)], LEVELS[-1], rtol=0, atol=0)
    more = attrs | {"base_values": [0.5] * targets, "post_transform": "LOGISTIC"}
    agree(model("TreeEnsembleRegressor", more), [rows(21)], LEVELS[-1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_types_of_features(kind: str, level: str) -> None:
    attrs = Plant(4, MODES).trees(5).votes("target", 2) | {"n_targets": 2}
    agree(model("TreeEnsembleRegressor", attrs, kind), [rows(9, kind)], level, rtol=0, atol=0)


def test_double_splits() -> None:
    attrs = Plant(4, ("BRANCH_LT", "BRANCH_NEQ")).trees(5).votes("target", 2)
    for name in ("nodes_values", "target_weights"):
        attrs[f"{name}_as_tensor"] = onnx.numpy_helper.from_array(np.array(attrs.pop(name)) + 1e-12)
    agree(model("TreeEnsembleRegressor", attrs | {"n_targets": 2}, "float64"), [rows(9, "float64")], LEVELS[-1], atol=0)


def test_deep_trees_end_early() -> None:
    attrs = Plant(6, depth=17, fade=0.3).trees(30).votes("target", 1) | {"n_targets": 1}
    agree(model("TreeEnsembleRegressor", attrs), [rows(70)], LEVELS[-1], rtol=0, atol=0)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("labels", [[0, 1, 2], [7, -3, 5], [4, 9]])
@pytest.mark.parametrize("form", ["one", "all"])
def test_classes(form: str, labels: list[int], transform: str) -> None:
    attrs = Plant(7).trees(10).votes("class", len(labels), form)
    attrs |= {"classlabels_int64s": labels, "post_transform": transform}
    agree(model("TreeEnsembleClassifier", attrs), [rows(33)], LEVELS[-1])


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("base", [[], [0.25], [0.5, -0.25]])
@pytest.mark.parametrize("sure", [True, False])
@pytest.mark.parametrize("voted", [0, 1])
def test_one_score_for_two_classes(voted: int, sure: bool, base: list[float], transform: str) -> None:
    attrs = Plant(8).trees(10).votes("class", 1)
    attrs["class_ids"] = [voted] * len(attrs["class_ids"])
    if sure:
        attrs["class_weights"] = [abs(w) / 10 for w in attrs["class_weights"]]
    attrs |= {"classlabels_int64s": [5, 3], "post_transform": transform} | ({"base_values": base} if base else {})
    agree(model("TreeEnsembleClassifier", attrs), [rows(33)], LEVELS[-1])


@pytest.mark.parametrize("labels", [["no", "yes"], ["b", "a", "c"]])
def test_labels_that_are_strings(labels: list[str]) -> None:
    """All but the last step is native."""
    attrs = Plant(7).trees(10).votes("class", len(labels), "all") | {"classlabels_strings": labels}
    made = model("TreeEnsembleClassifier", attrs)
    agree(made, [rows(33)], LEVELS[-1], native=False)
    assert [name.partition("(")[0] for name in Session(made).fallbacks] == ["LabelEncoder"]


def newer(members: list[float], **more: Any) -> dict[str, Any]:
    """TreeEnsemble: feature 0 <= 1, then feature 1 among some values; three leaves, two targets, two trees that share nodes."""
    tensor = onnx.numpy_helper.from_array
    return {
        "nodes_featureids": [0, 1],
        "nodes_modes": tensor(np.array([0, 6], np.uint8)),
        "nodes_splits": tensor(np.array([1, 0], np.float32)),
        "nodes_truenodeids": [1, 0],
        "nodes_trueleafs": [0, 1],
        "nodes_falsenodeids": [2, 1],
        "nodes_falseleafs": [1, 1],
        "membership_values": tensor(np.array([*members, np.nan], np.float32)),
        "leaf_targetids": [0, 1, 0],
        "leaf_weights": tensor(np.array([1, 10, 100], np.float32)),
        "tree_roots": [0, 1],
        "n_targets": 2,
    } | more


@pytest.mark.parametrize("aggregate", range(4))
@pytest.mark.parametrize("members", [[], [0.5], [-1, 0, 2.5]])
def test_members_of_sets(members: list[float], aggregate: int) -> None:
    for more in ({}, {"nodes_missing_value_tracks_true": [0, 1]}, {"post_transform": 2}):
        made = model("TreeEnsemble", newer(members, aggregate_function=aggregate, **more), version=5)
        agree(made, [rows(60, nan=True)], LEVELS[-1])


@pytest.mark.parametrize(
    ("op", "attrs", "version"),
    [
        ("TreeEnsemble", newer(list(range(100))), 5),
        ("TreeEnsemble", newer([1], post_transform=4), 5),
        ("TreeEnsembleRegressor", Plant(1).trees(2).votes("target", 1) | {"n_targets": 1, "post_transform": "SOFTMAX_ZERO"}, 3),
    ],
    ids=["a large set", "PROBIT", "SOFTMAX_ZERO"],
)  # fmt: skip
def test_what_is_left_to_the_reference(op: str, attrs: dict[str, Any], version: int) -> None:
    with pytest.raises(AssertionError):
        run(model(op, attrs, version=version), [rows(3)], LEVELS[-1])
    agree(model(op, attrs, version=version), [rows(3)], LEVELS[-1], native=False)

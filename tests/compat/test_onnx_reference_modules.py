"""The modules under `onnx.reference.ops`: programs import classes and what these derive from, and objects of trees and vectors."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import onnx.reference.ops as theirs
import pytest

import sardonyx.compat.onnx.reference.ops as ours
from sardonyx.compat.onnx.reference.op_run import OpRun

MODULES = [
    m.name.removeprefix("onnx.reference.ops") for m in pkgutil.walk_packages(theirs.__path__, "onnx.reference.ops.")
]
# Classes that derive from OpRun there, and are not here: they run nothing that the evaluator would reach.
UNREACHED = {"AttributeHasValue", "Cast_25", "CastLike_25", "ReduceMin_11", "OpRunBinaryNumpy"}


def module(package: Any, name: str) -> Any:
    return importlib.import_module(package.__name__ + name)


@pytest.mark.parametrize("name", [m for m in MODULES if m != ".op_attribute_has_value"])
def test_classes_are_where_programs_import_them_from(name: str) -> None:
    held = vars(module(theirs, name))
    classes = {
        key for key, item in held.items() if isinstance(item, type) and any("OpRun" in b.__name__ for b in item.__mro__)
    }
    for key in classes - UNREACHED:
        assert issubclass(getattr(module(ours, name), key), OpRun)


def test_classes_derive_from_what_they_share() -> None:
    for name, shared, classes in (
        ("_op_common_pool", "CommonPool", ["op_max_pool.MaxPool", "op_average_pool.AveragePool_19"]),
        ("_op_common_random", "_CommonRandom", ["op_bernoulli.Bernoulli", "op_random_normal.RandomNormal"]),
        ("op_split", "CommonSplit", ["op_split.Split_2", "op_split.Split_18"]),
    ):
        base = getattr(module(ours, f".{name}"), shared)
        for path in classes:
            where, _, cls = path.rpartition(".")
            assert issubclass(getattr(module(ours, f".{where}"), cls), base)


def test_a_seed_stands_for_the_same_numbers() -> None:
    state, other = (module(package, "._op_common_random")._CommonRandom._get_state(3.0) for package in (ours, theirs))
    assert state.rand() == other.rand()


TREES = {
    "nodes_treeids": [0, 0, 0, 2, 2, 2],
    "nodes_nodeids": [0, 1, 2, 0, 1, 2],
    "nodes_featureids": [0, 0, 0, 1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 0.0, -1.0, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0, 2, 0, 0],
    "nodes_falsenodeids": [2, 0, 0, 1, 0, 0],
    "nodes_missing_value_tracks_true": [1, 0, 0, 0, 0, 0],
}
ROWS = np.array([[0.5, -1], [0.6, 3], [np.nan, np.nan]], np.float32)


def test_trees_can_be_walked() -> None:
    ensembles = [module(p, ".aionnxml.op_tree_ensemble_helper").TreeEnsemble(**TREES) for p in (ours, theirs)]
    found, expected = ensembles
    np.testing.assert_array_equal(found.leave_index_tree(ROWS), expected.leave_index_tree(ROWS))
    np.testing.assert_array_equal(found.leave_index_tree(ROWS[0]), expected.leave_index_tree(ROWS[0]))
    assert [found.leaf_index_tree(row, 2) for row in ROWS] == [expected.leaf_index_tree(row, 2) for row in ROWS]
    for name in ("tree_ids", "root_index", "node_index"):
        assert getattr(found, name) == getattr(expected, name)
    assert str(found) == str(expected)
    with pytest.raises(ValueError, match="BRANCH_ODD"):
        type(found)(**{**TREES, "nodes_modes": ["BRANCH_ODD", *TREES["nodes_modes"][1:]]})


@pytest.mark.parametrize("mode", range(7))
@pytest.mark.parametrize("missing", [False, True])
def test_a_node_compares(mode: int, missing: bool) -> None:
    for row in ROWS:
        said = []
        for package in (ours, theirs):
            trees = module(package, ".aionnxml.op_tree_ensemble")
            node = trees.Node(trees.Mode(mode), {0.5, 0.25} if mode == 6 else 0.5, 0, missing)
            node.true_branch, node.false_branch = trees.Leaf(1.0, 0), trees.Leaf(2.0, 1)
            said.append((bool(node.compare(row)), node.predict(row).tolist(), repr(node.true_branch)))
        assert said[0] == said[1]


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
@pytest.mark.parametrize("supports", [0, 2])
@pytest.mark.parametrize("one_class", [0, 1])
def test_support_vectors(kernel: str, supports: int, one_class: int) -> None:
    facts = {
        "coefficients": [0.5, -2.0],
        "support_vectors": [1.0, 2.0, -1.0, 0.5],
        "kernel_params": [0.3, 0.1, 2.0],
        "kernel_type": kernel,
        "n_supports": supports,
        "rho": [0.25],
        "one_class": one_class,
    }
    if supports == 0:
        facts["kernel_type"] = "LINEAR"
    machines = [module(p, ".aionnxml.op_svm_helper").SVMCommon(**facts) for p in (ours, theirs)]
    found, expected = (m.run_reg(ROWS[:2]) for m in machines)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    alike, same = (m.kernel_dot(ROWS[0], ROWS[1], kernel.lower()) for m in machines)
    np.testing.assert_allclose(alike, same, rtol=1e-5)
    for machine in machines:
        with pytest.raises(ValueError, match="odd"):
            machine.kernel_dot(ROWS[0], ROWS[1], "odd")

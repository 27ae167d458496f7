"""Operators of ai.onnx.ml on both packages' evaluators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx as official
import onnx.reference
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.evaluators import near, official_name

X = (np.arange(9).reshape(3, 3).astype(np.float32) - 5) / 5
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]


def run(o: Any, op: str, feeds: list[Any], outputs: int, version: int, attrs: dict[str, Any]) -> Any:
    h = o.helper
    names = [f"x{i}" for i in range(len(feeds))], [f"y{i}" for i in range(outputs)]
    held = {
        k: h.make_tensor(k, v["type"], [len(v["of"])], v["of"]) if isinstance(v, dict) else v for k, v in attrs.items()
    }
    node = h.make_node(op, *names, domain="ai.onnx.ml", **held)
    graph = h.make_graph([node], "g", *([h.make_tensor_value_info(n, 1, None) for n in part] for part in names))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18), h.make_opsetid("ai.onnx.ml", version)])
    try:
        return o.reference.ReferenceEvaluator(model).run(None, dict(zip(names[0], feeds, strict=True)))
    except Exception as error:
        return official_name(error)


def agree(op: str, *feeds: Any, outputs: int = 1, version: int = 3, **attrs: Any) -> None:
    found, wanted = (run(o, op, list(feeds), outputs, version, attrs) for o in (ours, official))
    assert not isinstance(wanted, str), wanted
    assert near(wanted, found), f"{found} is not {wanted}"


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_classifiers(transform: str) -> None:
    small = {"coefficients": [0.05, 0.03, -0.02, 0.1, 0.02, 0.0, 0.01, -0.03, 0.06], "intercepts": [0.3, 0.5, 0.2]}
    agree("LinearClassifier", X, outputs=2, classlabels_ints=[4, 5, 6], post_transform=transform, **small)
    if transform != "PROBIT":
        one = {"coefficients": [-0.58, -0.29, -0.09], "post_transform": transform}
        agree("LinearClassifier", X, outputs=2, classlabels_ints=[0, 1], intercepts=[0.1], **one)
        agree("LinearClassifier", X, outputs=2, classlabels_ints=[7], intercepts=[-0.3], **one)


TREES = {
    "nodes_treeids": [0] * 5 + [1] * 3,
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 2, 0, 0, 0, 1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [-0.1, -0.5, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0],
    "nodes_truenodeids": [1, 2, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [4, 3, 0, 0, 0, 2, 0, 0],
    "nodes_hitrates": [1.0] * 8,
    "nodes_missing_value_tracks_true": [0] * 8,
}
LEAVES = [(0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]


def votes(name: str, ids: list[int]) -> dict[str, Any]:
    pairs = [(leaf, i) for leaf in LEAVES for i in ids]
    weights = [round(0.02 + 0.07 * ((3 * k) % 5), 3) for k in range(len(pairs))]
    return {
        f"{name}_treeids": [t for (t, _), _ in pairs],
        f"{name}_nodeids": [n for (_, n), _ in pairs],
        f"{name}_ids": [i for _, i in pairs],
        f"{name}_weights": weights,
    }


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("ids", [[0], [0, 1, 2]])
def test_trees_classify(ids: list[int], transform: str) -> None:
    how = {**TREES, **votes("class", ids), "post_transform": transform}
    numbers, names = list(range(10, 10 + max(len(ids), 2))), ["a", "b", "c"][: max(len(ids), 2)]
    agree("TreeEnsembleClassifier", X, outputs=2, classlabels_int64s=numbers, **how)
    agree("TreeEnsembleClassifier", X, outputs=2, classlabels_strings=names, **how)


def test_trees_that_speak_for_one_class_are_set_against_what_is_left() -> None:
    """onnxruntime sets margins against their negation."""
    how = {**TREES, **votes("class", [0])}
    how["class_weights"] = [-w for w in how["class_weights"]]
    agree("TreeEnsembleClassifier", X, outputs=2, classlabels_int64s=[0, 1], post_transform="NONE", **how)


@pytest.mark.parametrize("mode", ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"])
@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_trees_regress(mode: str, aggregate: str) -> None:
    modes = [mode if m == "BRANCH_LEQ" else m for m in TREES["nodes_modes"]]  # pyright: ignore[reportGeneralTypeIssues]
    how = {**TREES, "nodes_modes": modes, **votes("target", [0, 1]), "n_targets": 2, "aggregate_function": aggregate}
    agree("TreeEnsembleRegressor", X, **how)


@pytest.mark.parametrize("kind", [1, 11])
def test_tree_ensembles_of_version_5(kind: int) -> None:
    modes = modes_of_nodes()
    attrs = {
        "n_targets": 2, "aggregate_function": 1, "post_transform": 0, "tree_roots": [0],
        "nodes_featureids": [0, 0, 0], "nodes_modes": {"type": 2, "of": [modes.LEQ] * 3},
        "nodes_splits": {"type": kind, "of": [3.14, 1.2, 4.2]},
        "nodes_truenodeids": [1, 0, 1], "nodes_trueleafs": [0, 1, 1], "nodes_falsenodeids": [2, 2, 3],
        "nodes_falseleafs": [0, 1, 1], "leaf_targetids": [0, 1, 0, 1],
        "leaf_weights": {"type": kind, "of": [5.23, 12.12, -12.23, 7.21]},
    }  # fmt: skip
    x = np.array([[1.2, 3.4], [-0.12, 1.66], [4.14, 1.77], [np.nan, 0]], np.float32 if kind == 1 else np.float64)
    agree("TreeEnsemble", x, version=5, **attrs)


def modes_of_nodes() -> Any:
    from sardonyx.compat.onnx.reference.ops.aionnxml.op_tree_ensemble import Mode

    return Mode


VECTORS = {
    "support_vectors": [0.2, -1.1, 0.5, -0.6, -0.3, 0.1, 0.25, -1.2, 0.4, -0.6, -1.3, -1.6, 0.6, -0.9, 0.6],
    "coefficients": [1.0, 0.4, -0.7, -0.5, -0.2],
    "vectors_per_class": [2, 3],
    "rho": [0.17],
    "kernel_params": [0.38, 0.1, 3.0],
}


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_support_vectors(kernel: str, transform: str) -> None:
    how = {**VECTORS, "kernel_type": kernel, "post_transform": transform, "classlabels_ints": [0, 1]}
    agree("SVMClassifier", X, outputs=2, prob_a=[-5.1], prob_b=[0.06], **how)
    if transform != "PROBIT":
        agree("SVMClassifier", X, outputs=2, **how)
    lines = {
        "coefficients": [-0.16, 0.25, 0.01, 0.41, -0.03, 0.04, -0.2, -0.35, -0.02, -0.44, 0.05, -0.01],
        "rho": [0.6] * 4,
    }
    agree("SVMClassifier", X, outputs=2, classlabels_ints=[3, 4, 5, 6], post_transform=transform, **lines)
    if transform == "NONE":
        facts = {k: VECTORS[k] for k in ("support_vectors", "coefficients", "rho", "kernel_params")}
        agree("SVMRegressor", X, kernel_type=kernel, n_supports=5, **facts)
        agree(
            "SVMRegressor", X, kernel_type="LINEAR", n_supports=0, coefficients=[0.3, -0.1, 0.2], rho=[1.2], one_class=1
        )


TEXT = np.array(["a", "b", "zz"], object)
SMALL: dict[str, tuple[Any, ...]] = {
    "Binarizer": ([X], {"threshold": 0.1}),
    "Scaler": ([X], {"scale": [0.5, 1.0, 2.0], "offset": [1.0, 0.0, -1.0]}),
    "Normalizer": ([np.abs(X)], {"norm": "MAX"}),
    "Normalizer L1": ([X], {"norm": "L1"}),
    "Normalizer L2": ([X], {"norm": "L2"}),
    "ArrayFeatureExtractor": ([X, np.array([[0, 2]])], {}),
    "FeatureVectorizer": ([X, X], {"inputdimensions": [1, 2]}),
    "FeatureVectorizer too wide": ([X], {"inputdimensions": [4]}),
    "Imputer": ([np.where(X > 0, np.nan, X)], {"imputed_value_floats": [1.0, 2.0, 3.0], "replaced_value_float": float("nan")}),
    "Imputer int": ([np.array([[0, 1], [2, 0]])], {"imputed_value_int64s": [7], "replaced_value_int64": 0}),
    "LabelEncoder": ([np.array([[1], [3]])], {"keys_int64s": [1, 2], "values_strings": ["x", "y"], "default_string": "?"}),
    "LabelEncoder text": ([TEXT], {"keys_strings": ["a", "b"], "values_int64s": [3, 4]}),
    "LabelEncoder float": ([X], {"keys_floats": [-1.0, 0.0], "values_floats": [0.5, 0.25], "default_float": 9.0}),
    "OneHotEncoder": ([np.array([[5, 1], [2, 1]])], {"cats_int64s": [1, 2, 3], "zeros": 1}),
    "OneHotEncoder text": ([TEXT], {"cats_strings": ["a", "b"], "zeros": 1}),
    "DictVectorizer": ([{"a": np.array(4), "c": np.array(8)}], {"string_vocabulary": ["a", "c", "b", "z"]}),
    "LinearRegressor": ([X], {"coefficients": [0.3, -0.7, 0.1, 0.2, 0.5, -0.1], "intercepts": [0.5, 0.7], "targets": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_features_and_labels(name: str) -> None:
    feeds, attrs = SMALL[name]
    agree(name.split()[0], *feeds, **attrs)


def test_labels_from_tensors() -> None:
    attrs = {"keys_tensor": {"type": 7, "of": [1, 2]}, "values_tensor": {"type": 8, "of": ["a", "b"]}}
    agree("LabelEncoder", np.array([2, 5]), version=4, **attrs, default_tensor={"type": 8, "of": ["?"]})


def test_the_largest_element_is_that_of_the_largest_absolute_value() -> None:
    agree("Normalizer", np.float32([[-3, 2], [-3, -4], [0, 0], [5, 1]]), version=1, norm="MAX")

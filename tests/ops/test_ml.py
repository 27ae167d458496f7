"""The operators of ai.onnx.ml beside onnxruntime's, and the acts that both leave open."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.core.errors import FormatError, InputError
from sardonyx.io import from_bytes

RNG = np.random.default_rng(11)
X = RNG.standard_normal((7, 3)).astype(np.float32)
MAP = onnx.helper.make_map_type_proto


def model_of(op: str, inputs: dict[str, Any], outputs: int, attrs: dict[str, Any], version: int) -> Any:
    names = [f"y{i}" for i in range(outputs)]
    node = onnx.helper.make_node(op, list(inputs), names, domain="ai.onnx.ml", **attrs)
    given = [
        onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        if isinstance(x, np.ndarray)
        else onnx.helper.make_value_info(n, MAP(key_of(x), onnx.helper.make_tensor_type_proto(1, ())))
        for n, x in inputs.items()
    ]
    graph = onnx.helper.make_graph([node], "g", given, [onnx.ValueInfoProto(name=n) for n in names])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", version)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)


def key_of(items: dict[Any, Any]) -> int:
    return onnx.TensorProto.STRING if isinstance(next(iter(items)), str) else onnx.TensorProto.INT64


def both(op: str, *feeds: Any, outputs: int = 1, version: int = 3, **attrs: Any) -> tuple[list[Any], list[Any]]:
    """Our results and onnxruntime's."""
    inputs = {f"x{i}": x for i, x in enumerate(feeds)}
    model = model_of(op, inputs, outputs, attrs, version)
    ours = sx.evaluate(from_bytes(model.SerializeToString()), list(feeds))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    theirs: list[Any] = list(session.run(None, inputs))
    return ours, theirs


def agree(op: str, *feeds: Any, rtol: float = 2e-5, **facts: Any) -> None:
    for mine, theirs in zip(*both(op, *feeds, **facts), strict=True):
        if isinstance(mine, list):
            assert [dict(m) for m in mine] == [pytest.approx(t) for t in theirs]
        elif theirs.dtype.kind in "OU":
            assert mine.tolist() == theirs.tolist()
        else:
            assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=1e-5)


# -- features and labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizing_rows(norm: str) -> None:
    agree("Normalizer", np.concatenate([X, np.zeros((1, 3), np.float32)]), norm=norm)


def test_features() -> None:
    agree("Scaler", X, offset=[1.0, 2.0, 3.0], scale=[2.0, 0.5, 1.0])
    agree("Scaler", X.astype(np.float64), offset=[1.0], scale=[2.0])
    agree("Binarizer", X, threshold=0.25)
    agree("ArrayFeatureExtractor", X, np.array([2, 0]))
    agree("ArrayFeatureExtractor", X[0], np.array([1]))
    agree("FeatureVectorizer", X, X[:, :2], inputdimensions=[3, 2])


@pytest.mark.parametrize("old", [np.nan, 2.0])
def test_missing_values_are_put_in(old: float) -> None:
    x = np.array([[np.nan, 2], [3, np.nan]], np.float32)
    agree("Imputer", x, replaced_value_float=old, imputed_value_floats=[7.0, 8.0])


def test_categories() -> None:
    texts = np.array([["b", "z"], ["a", "b"]], object)
    agree("CategoryMapper", texts, cats_strings=["a", "b"], cats_int64s=[5, 6], default_int64=-3)
    agree("CategoryMapper", np.array([6, 9]), cats_strings=["a", "b"], cats_int64s=[5, 6], default_string="?")
    agree("OneHotEncoder", texts, cats_strings=["a", "b"])
    agree("OneHotEncoder", np.array([[1, 3]], np.float32), cats_int64s=[3, 1])


def test_what_is_no_category_is_refused_when_told() -> None:
    model = model_of("OneHotEncoder", {"x0": np.array([4])}, 1, {"cats_int64s": [1], "zeros": 0}, 1)
    with pytest.raises(InputError, match="no category"):
        sx.evaluate(from_bytes(model.SerializeToString()), [np.array([4])])


@pytest.mark.parametrize(
    ("x", "attrs"),
    [
        (np.array(["b", "z"], object), {"keys_strings": ["a", "b"], "values_int64s": [5, 6], "default_int64": -3}),
        (np.array([6, 9]), {"keys_int64s": [5, 6], "values_strings": ["a", "b"], "default_string": "?"}),
        (np.array([1.5, np.nan, 3], np.float32), {"keys_floats": [1.5, np.nan], "values_floats": [0.1, 0.2]}),
    ],
)
def test_labels(x: Any, attrs: dict[str, Any]) -> None:
    agree("LabelEncoder", x, version=4, **attrs)


def test_labels_of_version_1_are_positions() -> None:
    for x, expected in ((np.array(["b", "z"], object), [1, -1]), (np.array([0, 7]), ["a", "_Unused"])):
        model = model_of("LabelEncoder", {"x0": x}, 1, {"classes_strings": ["a", "b"]}, 1)
        assert sx.evaluate(from_bytes(model.SerializeToString()), [x])[0].tolist() == expected


# -- maps ------------------------------------------------------------------------------------------------------------------


def test_maps() -> None:
    agree("ZipMap", X, classlabels_int64s=[3, 4, 5])
    agree("ZipMap", X, classlabels_strings=["a", "b", "c"])
    agree("DictVectorizer", {"c": np.float32(2), "a": np.float32(3)}, string_vocabulary=["a", "b", "c"])
    for form in ({"map_form": "DENSE"}, {"map_form": "SPARSE", "max_map": 9}):
        for target in ("TO_FLOAT", "TO_INT64"):
            facts: dict[str, Any] = {"cast_to": target, **form}
            agree("CastMap", {7: np.float32(2), 3: np.float32(1)}, **facts)


# -- models ----------------------------------------------------------------------------------------------------------------

TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("classes", [2, 3])
def test_linear_models(transform: str, classes: int) -> None:
    weights, bias = RNG.standard_normal(3 * classes), RNG.standard_normal(classes)
    facts: dict[str, Any] = {"coefficients": weights.tolist(), "intercepts": bias.tolist(), "post_transform": transform}
    agree("LinearRegressor", X, targets=classes, **facts)
    labels: dict[str, Any] = {"classlabels_strings": ["a", "b", "c"][:classes], "outputs": 2}
    agree("LinearClassifier", X, **facts, **labels)


def test_quantiles_of_scores() -> None:
    facts: dict[str, Any] = {"coefficients": [0.01, 0.02, 0.0, -0.02, 0.0, 0.03], "intercepts": [0.4, 0.6]}
    agree("LinearRegressor", X, targets=2, post_transform="PROBIT", **facts)
    agree("LinearClassifier", X, classlabels_ints=[3, 4], outputs=2, post_transform="PROBIT", **facts)
    ends, _ = both(
        "LinearRegressor", np.array([[0], [1], [2]], np.float32), coefficients=[1.0], post_transform="PROBIT"
    )
    assert np.array_equal(
        ends[0][:, 0], [0, 0, np.nan], equal_nan=True
    )  # at the ends, as the official reference has it


def test_one_score_for_two_classes() -> None:
    facts: dict[str, Any] = {"coefficients": [1.0, -2.0, 0.5], "intercepts": [0.1], "classlabels_ints": [4, 9]}
    agree("LinearClassifier", X, outputs=2, post_transform="LOGISTIC", **facts)
    mine, theirs = both("LinearClassifier", X, outputs=2, **facts)
    assert mine[0].tolist() == theirs[0].tolist()
    np.testing.assert_allclose(mine[1][:, 0], -theirs[1][:, 1], rtol=1e-5)  # as the official reference has it


KERNELS = [
    ("LINEAR", [0.0, 0.0, 0.0]),
    ("POLY", [0.5, 1.0, 3.0]),
    ("RBF", [0.3, 0.0, 0.0]),
    ("SIGMOID", [0.2, 0.1, 0.0]),
]


@pytest.mark.parametrize(("kind", "params"), KERNELS)
@pytest.mark.parametrize("one_class", [0, 1])
def test_support_vector_regression(kind: str, params: list[float], one_class: int) -> None:
    vectors, weights = RNG.standard_normal((5, 3)), RNG.standard_normal(5)
    facts: dict[str, Any] = {"kernel_type": kind, "kernel_params": params, "rho": [0.3], "one_class": one_class}
    agree(
        "SVMRegressor",
        X,
        support_vectors=vectors.ravel().tolist(),
        coefficients=weights.tolist(),
        n_supports=5,
        **facts,
    )
    if kind == "LINEAR":
        agree("SVMRegressor", X, coefficients=[1.0, 2.0, -1.0], **facts)


@pytest.mark.parametrize(("kind", "params"), KERNELS)
@pytest.mark.parametrize("sizes", [[2, 3], [2, 1, 3]])
@pytest.mark.parametrize("likely", [False, True])
def test_support_vector_classification(kind: str, params: list[float], sizes: list[int], likely: bool) -> None:
    count, classes = sum(sizes), len(sizes)
    pairs = classes * (classes - 1) // 2
    facts: dict[str, Any] = {
        "support_vectors": RNG.standard_normal(count * 3).tolist(),
        "coefficients": RNG.standard_normal((classes - 1) * count).tolist(),
        "vectors_per_class": sizes,
        "rho": RNG.standard_normal(pairs).tolist(),
        "kernel_type": kind,
        "kernel_params": params,
        "classlabels_ints": list(range(10, 10 + classes)),
    }
    if likely:
        facts |= {"prob_a": (-RNG.uniform(0.5, 2, pairs)).tolist(), "prob_b": RNG.standard_normal(pairs).tolist()}
    mine, theirs = both("SVMClassifier", X, outputs=2, **facts)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-4, atol=1e-4)
    assert mine[0].tolist() == theirs[0].tolist()


# -- trees -----------------------------------------------------------------------------------------------------------------


def forest(votes: str, targets: int, modes: list[str], *, trees: int = 4, positive: bool = False) -> dict[str, Any]:
    """Complete trees of two decisions, with votes for random targets at their leaves."""
    nodes = [(tree, node) for tree in range(trees) for node in range(7)]
    inner = [node < 3 for _, node in nodes]
    leaves = [(tree, node) for tree, node in nodes if node >= 3]
    weights = RNG.standard_normal(len(leaves))
    return {
        "nodes_treeids": [tree for tree, _ in nodes],
        "nodes_nodeids": [node for _, node in nodes],
        "nodes_modes": [
            modes[(tree + node) % len(modes)] if i else "LEAF" for (tree, node), i in zip(nodes, inner, strict=True)
        ],
        "nodes_featureids": [int(RNG.integers(3)) if i else 0 for i in inner],
        "nodes_values": [float(RNG.standard_normal()) if i else 0.0 for i in inner],
        "nodes_truenodeids": [2 * node + 1 if node < 3 else 0 for _, node in nodes],
        "nodes_falsenodeids": [2 * node + 2 if node < 3 else 0 for _, node in nodes],
        "nodes_missing_value_tracks_true": [node % 2 for _, node in nodes],
        f"{votes}_treeids": [tree for tree, _ in leaves],
        f"{votes}_nodeids": [node for _, node in leaves],
        f"{votes}_ids": RNG.integers(0, targets, len(leaves)).tolist(),
        f"{votes}_weights": (abs(weights) if positive else weights).tolist(),
    }


ROWS = RNG.standard_normal((40, 3)).astype(np.float32)
HOLES = np.where(RNG.random((40, 3)) < 0.2, np.nan, ROWS).astype(np.float32)


@pytest.mark.parametrize("how", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("modes", [["BRANCH_LEQ"], ["BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_LEQ"]])
def test_trees_regress(how: str, modes: list[str]) -> None:
    one, two = forest("target", 1, modes), forest("target", 2, modes)
    agree("TreeEnsembleRegressor", ROWS, n_targets=1, aggregate_function=how, base_values=[0.5], **one)
    if how in ("SUM", "AVERAGE"):  # of no votes there is no least one
        agree("TreeEnsembleRegressor", ROWS, n_targets=2, aggregate_function=how, **two)


def test_trees_have_a_way_for_what_is_missing() -> None:
    agree("TreeEnsembleRegressor", HOLES, n_targets=1, **forest("target", 1, ["BRANCH_LEQ"]))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_trees_classify(transform: str) -> None:
    facts = forest("class", 3, ["BRANCH_LEQ"], trees=9)
    labels: dict[str, Any] = {"classlabels_strings": ["a", "b", "c"], "post_transform": transform, "outputs": 2}
    agree("TreeEnsembleClassifier", ROWS, **facts, **labels)


@pytest.mark.parametrize("positive", [False, True])
def test_one_class_of_two_has_scores(positive: bool) -> None:
    facts = forest("class", 1, ["BRANCH_LEQ"], positive=positive)
    for transform in ("NONE", "LOGISTIC"):
        agree("TreeEnsembleClassifier", ROWS, outputs=2, classlabels_int64s=[4, 9], post_transform=transform, **facts)


def test_a_tree_that_leads_nowhere_is_refused() -> None:
    facts = forest("target", 1, ["BRANCH_LEQ"], trees=1)
    facts["nodes_truenodeids"] = facts["nodes_falsenodeids"] = [0] * 7
    model = model_of("TreeEnsembleRegressor", {"x0": ROWS}, 1, {**facts, "n_targets": 1}, 3)
    with pytest.raises(FormatError, match="no leaf at its end"):
        sx.evaluate(from_bytes(model.SerializeToString()), [ROWS])


@pytest.mark.parametrize("size", [1e300, 1e30, 1.0, 1e-30, 1e-300])
def test_lengths_whose_squares_are_no_numbers(size: float) -> None:
    x = np.array([[size, -size]])
    model = model_of("Normalizer", {"x": x}, 1, {"norm": "L2"}, 1)
    (found,) = sx.evaluate(from_bytes(model.SerializeToString()), [x])
    np.testing.assert_allclose(found, np.float32([[0.5**0.5, -(0.5**0.5)]]), rtol=1e-6)

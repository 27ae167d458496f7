"""Features, linear models and support vector machines of ai.onnx.ml against their references."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from sardonyx.engine.session import Session
from sardonyx.io import from_bytes
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS, agree, run

RNG = np.random.default_rng(3)
FEATURES = 6
VECTORS = 9


def model(op: str, feeds: list[Any], attrs: dict[str, Any]) -> Model:
    outputs = ["y", "z"] if op.endswith("Classifier") else ["y"]
    names = [f"x{i}" for i in range(len(feeds))]
    node = helper.make_node(op, names, outputs, domain="ai.onnx.ml", **attrs)
    shapes = [["N", *x.shape[1:]] if x.ndim == 2 else list(x.shape) for x in feeds]
    given = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), s)
        for n, x, s in zip(names, feeds, shapes, strict=True)
    ]
    graph = helper.make_graph([node], "g", given, [onnx.ValueInfoProto(name=n) for n in outputs])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return from_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def check(op: str, *feeds: Any, level: str = LEVELS[-1], **attrs: Any) -> None:
    agree(model(op, list(feeds), attrs), feeds, level)


def features(kind: str = "float32", rows: int = 7) -> Any:
    return (RNG.standard_normal((rows, FEATURES)) * (1 if kind.startswith("float") else 5)).astype(kind)


def numbers(count: int) -> list[float]:
    return RNG.standard_normal(count).astype(np.float32).tolist()


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("count", [0, 1, FEATURES])
def test_scaler(count: int, kind: str) -> None:
    some: dict[str, Any] = {name: numbers(count) for name in ("offset", "scale") if count}
    check("Scaler", features(kind), **some)
    check("Scaler", features(kind)[0], **some)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm: str, kind: str) -> None:
    x = features(kind)
    x[2] = 0
    check("Normalizer", x, norm=norm)
    check("Normalizer", x[0], norm=norm)
    if kind == "float32":
        check("Normalizer", x * np.float32(1e30), norm=norm)


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
def test_binarizer(kind: str) -> None:
    check("Binarizer", features(kind), threshold=0.5)


@pytest.mark.parametrize("count", [1, FEATURES])
@pytest.mark.parametrize("old", [0.0, np.nan])
def test_imputer(old: float, count: int) -> None:
    for kind in ("float32", "float64"):
        x = features(kind)
        x[RNG.random(x.shape) < 0.3] = old
        check("Imputer", x, imputed_value_floats=numbers(count), replaced_value_float=old)
    whole: dict[str, Any] = {"imputed_value_int64s": list(range(10, 10 + count)), "replaced_value_int64": 2}
    check("Imputer", RNG.integers(0, 4, (5, FEATURES)), **whole)


def test_columns() -> None:
    for at in ([0], [3, -1, 3]):
        check("ArrayFeatureExtractor", features("int64"), np.array(at))
        check("ArrayFeatureExtractor", features()[0], np.array(at))
    check("FeatureVectorizer", features(), features("int64")[:, :2])
    check("FeatureVectorizer", features(), features("float64")[:, :2], inputdimensions=[4, 2])
    check("OneHotEncoder", RNG.integers(0, 5, (4, 3)), cats_int64s=[1, 4, 7])


TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX"]


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_regressor(transform: str, kind: str) -> None:
    for targets in (1, 3):
        options: list[dict[str, Any]] = [{}, {"intercepts": numbers(targets)}]
        for some in options:
            weights = numbers(targets * FEATURES)
            check(
                "LinearRegressor", features(kind), coefficients=weights, targets=targets, post_transform=transform, **some
            )  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    ("labels", "scores"), [([0, 1], 1), ([7, 4], 1), ([7, 4], 2), ([0, 1, 2, 3], 4), ([5, 3, 4], 3)]
)
def test_linear_classifier(labels: list[int], scores: int, transform: str) -> None:
    facts: dict[str, Any] = {"coefficients": numbers(scores * FEATURES), "intercepts": numbers(scores)}
    for kind in ("float32", "float64", "int64"):
        check("LinearClassifier", features(kind), classlabels_ints=labels, post_transform=transform, **facts)


KERNELS: dict[str, list[float]] = {
    "LINEAR": [0.0, 0.0, 0.0],
    "RBF": [0.3, 0.0, 0.0],
    "POLY": [0.5, 1.0, 3.0],
    "SIGMOID": [0.1, 0.2, 0.0],
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_svm_regressor(kernel: str, level: str) -> None:
    facts: dict[str, Any] = {"kernel_type": kernel, "kernel_params": KERNELS[kernel], "rho": [0.25]}
    vectors: dict[str, Any] = {
        "coefficients": numbers(VECTORS),
        "support_vectors": numbers(VECTORS * FEATURES),
        "n_supports": VECTORS,
    }
    for kind in ("float32", "int64"):
        check("SVMRegressor", features(kind), level=level, **vectors, **facts)
    check("SVMRegressor", features(), level=level, **vectors, **facts, one_class=1)
    check("SVMRegressor", features(), level=level, coefficients=numbers(FEATURES), **facts, post_transform="LOGISTIC")


def test_features_without_a_distance() -> None:
    """Infinitely far away is not alike; nothing is known of a NaN."""
    x = features(rows=4)
    x[0, 1], x[1, 2], x[2, 3] = np.inf, -np.inf, np.nan
    vectors: dict[str, Any] = {
        "coefficients": numbers(VECTORS),
        "support_vectors": numbers(VECTORS * FEATURES),
        "n_supports": VECTORS,
    }
    check("SVMRegressor", x, kernel_type="RBF", kernel_params=KERNELS["RBF"], rho=[0.5], **vectors)


def test_no_rows() -> None:
    check("Normalizer", features(rows=0))
    check("LinearClassifier", features(rows=0), coefficients=numbers(FEATURES), classlabels_ints=[0, 1])


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("sizes", [[4, 5], [2, 3, 4], [2, 2, 4, 1]])
@pytest.mark.parametrize("kernel", KERNELS)
def test_svm_classifier(kernel: str, sizes: list[int], transform: str) -> None:
    classes = len(sizes)
    check(
        "SVMClassifier", features(rows=40), kernel_type=kernel, kernel_params=KERNELS[kernel], vectors_per_class=sizes,
        support_vectors=numbers(VECTORS * FEATURES), coefficients=numbers(VECTORS * (classes - 1)),
        rho=numbers(classes * (classes - 1) // 2), classlabels_ints=[9, 4, 0, 2][:classes], post_transform=transform,
    )  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_svm_classifier_without_vectors(transform: str) -> None:
    facts: dict[str, Any] = {"coefficients": numbers(3 * FEATURES), "rho": [0.5], "classlabels_ints": [0, 1, 2]}
    check("SVMClassifier", features(), post_transform=transform, **facts)


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("LinearRegressor", {"coefficients": numbers(FEATURES), "post_transform": "PROBIT"}),
        ("SVMRegressor", {"coefficients": numbers(FEATURES), "kernel_type": "POLY", "kernel_params": [0.5, 9.0, 1.5]}),
        ("OneHotEncoder", {"cats_int64s": [0, 1]}),
    ],
    ids=["PROBIT", "a root", "floats"],
)
def test_what_is_left_to_the_reference(op: str, attrs: dict[str, Any]) -> None:
    x = abs(features())
    with pytest.raises(AssertionError):
        run(model(op, [x], attrs), [x], LEVELS[-1])
    agree(model(op, [x], attrs), [x], LEVELS[-1], native=False)


@pytest.mark.parametrize("op", ["LinearClassifier", "SVMClassifier"])
def test_labels_that_are_strings(op: str) -> None:
    """All but the last step is native."""
    made = model(op, [features()], {"coefficients": numbers(3 * FEATURES), "classlabels_strings": ["x", "z", "y"]})
    agree(made, [features()], LEVELS[-1], native=False)
    assert [name.partition("(")[0] for name in Session(made).fallbacks] == ["LabelEncoder"]

"""Classical machine learning: both packages say the same of it, labels and lists or none, right or wrong."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.compat.programs import same
from tests.compat.test_onnx_shape_refusals import both, model

ROWS = ("float[5, 3] x", "double[N, 3] x", "int64[3] x", "float[2, 3, 4] x", "float x", "float[] x")


def said(inputs: str, call: str, *, version: int = 5, outputs: str = "y") -> Any:
    """What all modes say of a call of an operator of ai.onnx.ml; without a mode, the last."""
    text = model(inputs, f"{outputs} = ai.onnx.ml.{call}", imports=f', "ai.onnx.ml" : {version}')
    result: Any = None
    for check, strict in itertools.product((False, True), repeat=2):
        result = both(text, strict=strict, check=check)
    return result


@pytest.mark.parametrize(
    "indices", ["int64[2] i", "int64 i", "int64[N] i", "int64[1, N] i", "int64[2, N] i", "int64[] i"]
)
def test_features(indices: str) -> None:
    for x in (*ROWS, "string[2, 3, 4] x", "x"):
        said(f"{x}, {indices}", "ArrayFeatureExtractor(x, i)")


def test_categories() -> None:
    numbers, words = "cats_int64s = [1, 2]", 'cats_strings = ["a", "b"]'
    for x in ("int64[2, N] x", "string[3] x", "float[3] x", "int64[] x", "string[2, ?] x"):
        for attrs in (numbers, words, f"{numbers}, {words}", f'{numbers}, cats_strings = ["a"]'):
            said(x, f"CategoryMapper<{attrs}>(x)")
            said(x, f"OneHotEncoder<{attrs}>(x)")
        said(x, "OneHotEncoder(x)")


def test_no_categories() -> None:
    """A list that is given counts, though it be empty."""
    assert isinstance(said("int64[2] x", "OneHotEncoder<cats_int64s: ints = []>(x)"), bytes)
    assert not isinstance(said("int64[2] x", 'OneHotEncoder<cats_int64s: ints = [], cats_strings = ["a"]>(x)'), bytes)


KEYS = ("keys_strings = {0}", "keys_int64s = {1}", "keys_floats = {2}", "keys_tensor = float[2] {{1, 2}}")
VALUES = ("values_strings = {0}", "values_int64s = {1}", "values_floats = {2}", "values_tensor = int16[2] {{1, 2}}")
LISTS = (
    ('["a", "b"]', "[1, 2]", "[1.0, 2.0]"),
    ('["a"]', "[1]", "[1.0]"),
    ('["a", "b", "c"]', "[1, 2, 3]", "[1.0, 2.0, 3.0]"),
)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("x", ["string[2, N] x", "int64[3] x", "float[] x", "double[2] x"])
def test_labels(version: int, x: str) -> None:
    for keys, values in itertools.product(KEYS[: version + 1], VALUES[: version + 1]):
        for of_keys, of_values in ((0, 0), (0, 1), (2, 0)):
            attrs = f"{keys.format(*LISTS[of_keys])}, {values.format(*LISTS[of_values])}"
            both(
                model(x, f"y = ai.onnx.ml.LabelEncoder<{attrs}>(x)", imports=f', "ai.onnx.ml" : {version}'), strict=True
            )


@pytest.mark.parametrize("default", ["int16[1] {9}", "int64[1] {9}", "int16[2] {9, 9}", "int16 {9}"])
def test_a_default_label(default: str) -> None:
    said(
        "string[3] x",
        f'LabelEncoder<keys_strings = ["a", "b"], values_tensor = int16[2] {{1, 2}}, default_tensor = {default}>(x)',
    )


def test_old_labels_and_maps() -> None:
    for x in ("string[3] x", "int64[2, N] x", "float[2] x"):
        said(x, 'LabelEncoder<classes_strings = ["a", "b"]>(x)', version=1)
    for word in ("TO_FLOAT", "TO_INT64", "TO_STRING", "TO_NOTHING"):
        said("map(int64, float) x", f'CastMap<cast_to = "{word}">(x)')
    for x in ("map(int64, float) x", "map(string, double) x", "float[2] x"):
        said(x, "CastMap(x)")
        said(x, "DictVectorizer(x)")


LABELS = (
    "classlabels_ints = [1, 2]",
    "classlabels_ints = [1, 2, 3]",
    'classlabels_strings = ["a", "b"]',
    'classlabels_strings = ["a"], classlabels_ints = [1, 2, 3]',
    "post_transform = 'NONE'".replace("'", '"'),
)


@pytest.mark.parametrize("x", ROWS)
@pytest.mark.parametrize("labels", LABELS)
def test_classifiers(x: str, labels: str) -> None:
    for intercepts in ("intercepts = [0.5]", "intercepts = [0.5, 1.0, 2.0]", "multi_class = 1"):
        said(x, f"LinearClassifier<coefficients = [1.0, 2.0, 3.0], {intercepts}, {labels}>(x)", outputs="y, z")
    said(x, f"SVMClassifier<{labels}>(x)", outputs="y, z")
    for version, both_ways in itertools.product(
        (1, 3, 5), ("", "nodes_values_as_tensor = double[1] {1}, nodes_values = [1.0], ")
    ):
        numbers = labels.replace("ints", "int64s")
        said(x, f"TreeEnsembleClassifier<{both_ways}{numbers}>(x)", outputs="y, z", version=version)
        said(x, f"TreeEnsembleRegressor<{both_ways}n_targets = 4>(x)", version=version)
    said(x, "TreeEnsembleRegressor(x)", version=3)


def test_scores_by_intercepts() -> None:
    """One intercept is enough for two labels, and none says how many there are."""
    call = "LinearClassifier<coefficients = [1.0, 2.0, 3.0], intercepts = [0.5], classlabels_ints = [4, 6]>(x)"
    assert isinstance(said("float[5, 3] x", call, outputs="y, z"), bytes)
    assert said("float[5, 3] x", call) == ("raises", "InferenceError")  # there must be a place for both outputs


def test_zipped() -> None:
    for x, labels in itertools.product(("float[N, 3] x", "float[3] x", "float[1, 2, 3] x", "float[] x"), LABELS[:4]):
        said(x, f"ZipMap<{labels.replace('ints', 'int64s')}>(x)")
    said("float[N, 3] x", "ZipMap(x)")  # whose keys are of no kind


SPLITS = 5
ENSEMBLE: dict[str, Any] = {
    **dict.fromkeys(("nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"), [0] * SPLITS),
    **dict.fromkeys(("nodes_trueleafs", "nodes_falseleafs"), [0] * SPLITS),
    "nodes_splits": np.zeros(SPLITS),
    "nodes_modes": np.zeros(SPLITS, np.uint8),
    "leaf_targetids": [0] * 9,
    "leaf_weights": np.zeros(9),
    "tree_roots": [0],
    "n_targets": 4,
}
CHANGED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "optional lists": {"nodes_hitrates": np.zeros(SPLITS, np.float32), "membership_values": np.zeros(2)},
    "number of targets": {"n_targets": None},
    "modes": {"nodes_modes": np.zeros(SPLITS, np.float32)},
    "modes left out": {"nodes_modes": None},
    "splits": {"nodes_splits": np.zeros(SPLITS, np.float32)},
    "splits in rows": {"nodes_splits": np.zeros((1, SPLITS))},
    "splits left out": {"nodes_splits": None},
    "members": {"membership_values": np.zeros(3, np.float32)},
    "weights": {"leaf_weights": np.zeros(9, np.float32)},
    "more weights": {"leaf_weights": np.zeros(18)},
    "no weights": {"leaf_weights": None},
    "features": {"nodes_featureids": [0] * (SPLITS + 1)},
    "leaves": {"nodes_trueleafs": []},
    "tracks": {"nodes_missing_value_tracks_true": [1]},
    "hitrates of the features": {"nodes_hitrates": np.zeros(SPLITS)},
}


@pytest.mark.parametrize("change", CHANGED)
def test_ensembles(change: str) -> None:
    attrs = {name: value for name, value in {**ENSEMBLE, **CHANGED[change]}.items() if value is not None}

    def program(o: Any, shape: Any, strict: bool) -> Any:
        h, tensor = o.helper, o.numpy_helper.from_array
        given = {
            k: tensor(v, k) if isinstance(v, np.ndarray) else v
            for k, v in attrs.items()
            if not isinstance(v, list) or v
        }
        node = h.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **given)
        x = h.make_tensor_value_info("x", o.TensorProto.DOUBLE, shape)
        graph = h.make_graph([node], "g", [x], [])
        imports = [h.make_opsetid("", 22), h.make_opsetid("ai.onnx.ml", 5)]
        return o.shape_inference.infer_shapes(h.make_model(graph, opset_imports=imports), strict_mode=strict)

    for shape, strict in itertools.product((("N", 3), (2, 3, 4), None), (False, True)):
        found = same(lambda o, shape=shape, strict=strict: program(o, shape, strict))
        refused = strict and (shape == (2, 3, 4) or change not in list(CHANGED)[:3])
        assert (found == ("raises", "InferenceError")) == refused

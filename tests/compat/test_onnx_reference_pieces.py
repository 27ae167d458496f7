"""The functions and classes that implementations are made of, taken one by one: both packages' give the same."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.evaluators import agree, floats, raises

X = floats(3, 4)
PAIRS = np.array([[0, 0.7, 0.6], [0.3, 0, 0.2], [0.4, 0.8, 0]], np.float32)
PADS = np.array([[1, 1], [0, 1]])
PADDED = np.pad(floats(1, 2, 4, 4), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
MODES = (
    "align_corners",
    "asymmetric",
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "tf_crop_and_resize",
)


def held(o: Any, module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{o.__name__}.reference.ops.{module}"), name)


def pooled(o: Any, kind: str, inside: int, ceil: int) -> Any:
    size = (3, 3) if ceil else (2, 2)
    pool = held(o, "_op_common_pool", "_pool")
    return pool(
        PADDED, (1, 2, 4, 4), (3, 3), (2, 2), size, (2, 2), kind, inside, ceil, kind == "MAX", np.ones((2, 2), int)
    )


def tree(o: Any) -> Any:
    grams, parts = held(o, "op_tfidf_vectorizer", "populate_grams"), held(o, "op_tfidf_vectorizer", "IntMap")()
    after = grams([1, 2, 1, 3, 4, 5], 0, 3, 2, 7, parts)
    return after, parts.first_key, parts.added_keys, parts[1].leaves_[3].id_, parts[1].find(2)


def boxes(o: Any) -> Any:
    info, kept = (
        held(o, "op_non_max_suppression", "BoxInfo"),
        held(o, "op_non_max_suppression", "SelectedIndex")(1, 2, 3),
    )
    ordered = sorted([info(1.0, 2), info(1.0, 1), info(0.5, 3)])
    context = held(o, "op_non_max_suppression", "PrepareContext")(num_boxes_=3)
    point = held(o, "op_roi_align", "PreCalc")(1, 2, w4=0.5)
    return repr(ordered), (kept.batch_index_, kept.class_index_, kept.box_index_), context.num_boxes_, repr(point)


def resized(o: Any, mode: str, exclude: bool, at: float) -> Any:
    how = {"coordinate_transformation_mode": mode, "exclude_outside": exclude}
    weights = held(o, "op_resize", "_cubic_coeffs")
    one = held(o, "op_resize", "_interpolate_1d_with_x")
    many = held(o, "op_resize", "_interpolate_nd_with_x")
    region, regions = np.array([0.1, 0.9]), np.array([0.1, 0.0, 0.9, 1.0])
    places = held(o, "op_resize", "_compute_x_ori")(mode, np.arange(6.0), 1.5, 4, 6.0, 6, region)
    return (
        np.asarray(one(X[0], 1.5, 6, at, weights, region, **how)),
        np.asarray(many(X, 2, [2.0, 1.5], [6, 6], [1.0, at], weights, regions, **how)),
        *(part for part in places if part is not None),
    )


def shapes(o: Any, pad: str, ceil: int) -> Any:
    out = held(o, "_op_common_pool", "_get_output_shape")(pad, (7, 5), (3, 2), (2, 1), (0, 1), ceil)
    return out, held(o, "_op_common_pool", "_get_pad_shape")(pad, (7, 5), (3, 2), (2, 1), out)


def checked(o: Any, name: str, columns: tuple[int, ...]) -> Any:
    return held(o, "op_col2im", name)(np.zeros(columns), (4, 3), (2, 2), (1, 1), PADS, (1, 1))


def voted(o: Any) -> Any:
    score, write = (
        held(o, "aionnxml.op_svm_classifier", "set_score_svm"),
        held(o, "aionnxml.op_svm_classifier", "write_scores"),
    )
    names = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    return (
        [
            score(w, 0, p, s, c, "+", "-")
            for w in (0.7, -0.1)
            for p in (True, False)
            for s in (True, False)
            for c in ("ab", "a")
        ],
        [write(2, np.array([0.2, 0.3], np.float32), name, -1) for name in names],
        [write(1, np.array([0.2], np.float32), name, more) for name in names for more in (-1, 0, 1, 2, 3)],
    )


PIECES: dict[str, Callable[[Any], Any]] = {
    **{
        f"pool {k} {i} {c}": lambda o, k=k, i=i, c=c: pooled(o, k, i, c)
        for k in ("AVG", "MAX")
        for i, c in ((0, 0), (0, 1))
    },
    **{f"extents {p} {c}": lambda o, p=p, c=c: shapes(o, p, c) for p in ("SAME_UPPER", "VALID") for c in (0, 1)},
    **{
        f"resize {m} {e} {at}": lambda o, m=m, e=e, at=at: resized(o, m, e, at)
        for m, e, at in itertools.product(MODES, (False, True), (0.0, 2.0, 5.0))
    },
    "columns": lambda o: checked(o, "_col2im_shape_check", (4, 15)),
    "columns 2d": lambda o: checked(o, "_col2im_shape_check_2d", (1, 4, 15)),
    "grams": tree,
    "boxes": boxes,
    "votes": voted,
    "probability": lambda o: held(o, "aionnxml.op_svm_classifier", "sigmoid_probability")(0.3, -2.0, 0.1),
    "frames": lambda o: held(o, "op_stft", "_stft")(floats(2, 16, 1), 4, 3, 5, np.hanning(4).astype(np.float32)),
    "one side": lambda o: held(o, "op_stft", "_stft")(floats(2, 8, 1), 4, 2, 3, np.ones(4, np.float32), onesided=True),
    "softmax": lambda o: [
        str(held(o, "aionnx_preview.op_flex_attention", "_get_softmax_dtype")(np.dtype(t))) for t in "efd"
    ],
    "types": lambda o: held(o, "op_quantize_linear", "_QUANT_INTEGER_RANGES"),
    "all types": lambda o: sorted(held(o, "op_quantize_linear", "_QUANT_TYPES")),
}
REFUSED: dict[str, Callable[[Any], Any]] = {
    "columns": lambda o: checked(o, "_col2im_shape_check", (5, 15)),
    "blocks": lambda o: checked(o, "_col2im_shape_check_2d", (4, 14)),
    "window": lambda o: held(o, "_op_common_pool", "_get_output_shape")("VALID", (2,), (3,), (1,)),
    "kind": lambda o: held(o, "_op_common_pool", "_pool")(X, (1, 1), (), (), (), (), "SUM"),
    "integers": lambda o: held(o, "op_reduce_log_sum", "_check_integer_input")(np.ones(2, int)),
    "key": lambda o: held(o, "op_tfidf_vectorizer", "IntMap")().emplace(1.5, None),
    "leaves": lambda o: held(o, "op_tfidf_vectorizer", "NgramPart")(0).leaves_,
    "precision": lambda o: held(o, "aionnx_preview.op_flex_attention", "_get_softmax_dtype")(np.dtype("f"), 7),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces(name: str) -> None:
    assert not raises(agree(PIECES[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_what_pieces_refuse(name: str) -> None:
    assert raises(agree(REFUSED[name]))


def test_probabilities_of_classes_add_up() -> None:
    """The official function lets pairs of classes weigh on others; ours is libsvm's."""
    found = held(ours, "aionnxml.op_svm_classifier", "multiclass_probability")(3, PAIRS)
    assert found.sum() == pytest.approx(1) and found.argmax() == 0 and found.argmin() == 1


def test_an_operator_that_looks_at_its_attributes() -> None:
    def program(o: Any) -> Any:
        kind = held(o, "op_attribute_has_value", "AttributeHasValue")
        params = {"log": lambda *_: None, "opsets": {"": 18}, "new_ops": None}
        nodes = [o.helper.make_node("AttributeHasValue", [], ["y"], **kw) for kw in ({"value_int": 1}, {})]
        return [kind(node, params).run()[0].tolist() for node in nodes]

    assert not raises(agree(program))


def test_a_function_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for o in (ours, official):
        runner = importlib.import_module(f"{o.__name__}.backend.test.runner")
        monkeypatch.setattr(runner.time, "sleep", lambda _: None)
        left = [OSError("first"), OSError("second"), None]

        @runner.retry_execute(3)
        def job(left: list[Any] = left) -> str:
            if (error := left.pop(0)) is not None:
                raise error
            return "done"

        assert job() == "done"
        with pytest.raises(IndexError):
            job()

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import ShapeError
from tests.ops.apply import apply

BOXES = np.array([[[0, 0, 1, 1], [1, 1, 0, 0.1], [0, 2, 1, 3], [0, 0, 1, 0.5]]], np.float32)
SCORES = np.array([[[0.9, 0.8, 0.7, 0.6]]], np.float32)


def select(most: int | None, iou: float | None = None, score: float | None = None, **attrs: Any) -> list[list[int]]:
    limits = [None if most is None else np.int64(most), *(None if x is None else np.float32(x) for x in (iou, score))]
    while limits and limits[-1] is None:
        limits.pop()
    return apply("NonMaxSuppression", BOXES, SCORES, *limits, **attrs).tolist()


def test_what_overlaps_a_better_box_goes() -> None:
    assert select(9, 0.5) == [[0, 0, 0], [0, 0, 2], [0, 0, 3]]  # box 3 overlaps box 0 by just 0.5
    assert select(9, 0.49) == [[0, 0, 0], [0, 0, 2]]
    assert select(9) == [[0, 0, 0], [0, 0, 2]]


def test_scores_and_counts_limit() -> None:
    assert select(9, 0.5, 0.65) == [[0, 0, 0], [0, 0, 2]]
    assert select(1, 0.5) == [[0, 0, 0]]
    assert select(None) == []


def test_boxes_may_be_given_by_center_and_size() -> None:
    boxes = np.array([[[0.5, 0.5, 1, 1], [0.5, 0.55, 1, 0.9], [0.5, 2.5, 1, 1]]], np.float32)
    found = apply(
        "NonMaxSuppression", boxes, SCORES[..., :3], np.int64(9), np.float32(0.5), np.float32(0), center_point_box=1
    )
    assert found.tolist() == [[0, 0, 0], [0, 0, 2]]


def test_scores_for_other_boxes_are_refused() -> None:
    with pytest.raises(ShapeError, match="numbers of boxes and of scores differ: 4 and 3"):
        apply("NonMaxSuppression", BOXES, SCORES[..., :3], np.int64(1))

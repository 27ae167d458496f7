"""Finding things in images: which of many overlapping boxes to keep."""

from __future__ import annotations

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Input, Output, infers, operator, reference
from sardonyx.ops.known import Known, known, same


def corners(boxes: Array, *, center_point_box: bool) -> tuple[Array, Array]:
    """The low and the high corner of each box, given by any two opposite ones, or by its center and its size."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if center_point_box:
        return first - second / 2, first + second / 2
    return np.minimum(first, second), np.maximum(first, second)


def overlaps(low: Array, high: Array, one: int) -> Array:
    """The area that each box shares with box `one`, over the area that either covers."""
    shared = np.prod(np.maximum(np.minimum(high, high[one]) - np.maximum(low, low[one]), 0), -1)
    area = np.prod(high - low, -1)
    union = area + area[one] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def kept(low: Array, high: Array, scores: Array, most: int, iou_threshold: float) -> list[int]:
    """The best boxes, best first, of which none overlaps a better one too much."""
    left = list(np.argsort(-scores, kind="stable"))
    found: list[int] = []
    while left and len(found) < most:
        best, *rest = left
        found.append(int(best))
        share = overlaps(low, high, int(best))
        left = [i for i in rest if share[i] <= iou_threshold]
    return found


@operator("NonMaxSuppression", since=(10, 11))
class NonMaxSuppression:
    """[batch, class, box] of the boxes to keep: those with the best scores, without what overlaps a better one."""

    boxes, scores = Input("tensor(float)"), Input("tensor(float)")
    max_output_boxes_per_class = Input("tensor(int64)", optional=True)
    iou_threshold, score_threshold = Input("tensor(float)", optional=True), Input("tensor(float)", optional=True)
    selected_indices = Output("tensor(int64)")
    center_point_box = Flag(0)

    @infers
    def infer(boxes: Known, scores: Known, *limits: Known | None) -> Known:
        if any(x.has_shape and x.rank != 3 for x in (boxes, scores)):
            raise ShapeError(
                f"boxes{show_shape(boxes.dims)} and scores{show_shape(scores.dims)} must both have rank 3",
                why="boxes are [batch, box, 4], scores are [batch, class, box]",
            )
        if boxes.has_shape:
            same(boxes.shape[2], 4, "numbers of a box and 4")
        if boxes.has_shape and scores.has_shape:
            same(boxes.shape[0], scores.shape[0], "batches of boxes and scores")
            same(boxes.shape[1], scores.shape[2], "numbers of boxes and of scores")
        return known(d.INT64, (None, 3))

    @reference
    def run(
        boxes: Array,
        scores: Array,
        max_output_boxes_per_class: Array | None,
        iou_threshold: Array | None,
        score_threshold: Array | None,
        *,
        center_point_box: bool,
    ) -> Array:
        most = 0 if max_output_boxes_per_class is None else int(max_output_boxes_per_class.item())
        share = 0.0 if iou_threshold is None else float(iou_threshold.item())
        low, high = corners(boxes, center_point_box=center_point_box)
        selected: list[tuple[int, int, int]] = []
        for batch, kind in np.ndindex(*scores.shape[:2]):
            given = scores[batch, kind]
            good = np.arange(given.size) if score_threshold is None else np.flatnonzero(given > score_threshold)
            best = kept(low[batch][good], high[batch][good], given[good], most, share)
            selected += [(batch, kind, int(good[i])) for i in best]
        return np.array(selected, np.int64).reshape(-1, 3)


__all__: list[str] = []

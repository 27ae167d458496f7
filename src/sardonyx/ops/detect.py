"""Finding things in images: which of many overlapping boxes to keep."""

from __future__ import annotations

from typing import NamedTuple

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


class Boxes(NamedTuple):
    """Some boxes: [box, 2] their low and high corners."""

    low: Array
    high: Array

    def at(self, index: Array | slice) -> Boxes:
        return Boxes(self.low[index], self.high[index])

    def overlaps(self, others: Boxes) -> Array:
        """[box, other] -> the area that they share, over the area that either covers."""
        shared = self.shared(others, 0) * self.shared(others, 1)
        union = self.areas[:, None] + others.areas - shared
        return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)

    def shared(self, others: Boxes, axis: int) -> Array:
        """[box, other] -> the length that they share along an axis."""
        low = np.maximum(self.low[:, axis, None], others.low[:, axis])
        return np.maximum(np.minimum(self.high[:, axis, None], others.high[:, axis]) - low, 0)

    @property
    def areas(self) -> Array:
        return np.prod(self.high - self.low, -1)


AT_ONCE = 256  # how many boxes are compared with each other at a time


def kept(boxes: Boxes, scores: Array, most: int, iou_threshold: float) -> Array:
    """The best boxes, best first, of which none overlaps a better one too much.

    Whether a box stays depends on the better ones that do. A block of the next best is compared with what was kept before it
    and with itself in two sweeps; only going through the block is one by one.
    """
    waiting = np.argsort(-scores, kind="stable")
    found = waiting[:0]
    while waiting.size and found.size < most:
        block, waiting = np.split(waiting, [min(AT_ONCE, max(16, 2 * (most - found.size)))])
        if found.size:
            hidden = boxes.at(block).overlaps(boxes.at(found)) > iou_threshold
            block = block[~hidden.any(-1)]
        hides = boxes.at(block).overlaps(boxes.at(block)) > iou_threshold
        gone = np.zeros(block.size, bool)
        for i in range(block.size):
            if not gone[i]:
                gone[i + 1 :] |= hides[i, i + 1 :]
        found = np.concatenate([found, block[~gone]])
    return found[:most]


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
        selected = [np.zeros((0, 3), np.int64)]
        for batch, kind in np.ndindex(*scores.shape[:2]):
            given = scores[batch, kind]
            good = np.arange(given.size) if score_threshold is None else np.flatnonzero(given > score_threshold)
            best = good[kept(Boxes(low[batch][good], high[batch][good]), given[good], most, share)]
            selected.append(np.stack([np.full_like(best, batch), np.full_like(best, kind), best], -1))
        return np.concatenate(selected).astype(np.int64)


__all__: list[str] = []

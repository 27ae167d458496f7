"""What is noted of boxes while they are compared and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["BoxInfo", "PreCalc", "PrepareContext", "SelectedIndex"]

Array = np.ndarray[Any, Any]


@dataclass
class PrepareContext:
    """The inputs of a suppression, and their extents."""

    boxes_data_: Array | None = None
    boxes_size_: int = 0
    scores_data_: Array | None = None
    scores_size_: int = 0
    max_output_boxes_per_class_: Array | None = None
    score_threshold_: Array | None = None
    iou_threshold_: Array | None = None
    num_batches_: int = 0
    num_classes_: int = 0
    num_boxes_: int = 0


class SelectedIndex:
    """A box that is kept."""

    __slots__ = ("batch_index_", "box_index_", "class_index_")

    def __init__(self, batch_index: int = 0, class_index: int = 0, box_index: int = 0) -> None:
        self.batch_index_, self.class_index_, self.box_index_ = batch_index, class_index, box_index


class BoxInfo:
    """A box and its score: less is what scores less, or comes later."""

    def __init__(self, score: float = 0, idx: int = -1) -> None:
        self.score_, self.idx_ = score, idx

    def __lt__(self, rhs: BoxInfo) -> bool:
        return (self.score_, -self.idx_) < (rhs.score_, -rhs.idx_)

    def __repr__(self) -> str:
        return f"BoxInfo({self.score_}, {self.idx_})"


class PreCalc:
    """Four elements around a point, and their weights."""

    def __init__(
        self,
        pos1: int = 0,
        pos2: int = 0,
        pos3: int = 0,
        pos4: int = 0,
        w1: float = 0,
        w2: float = 0,
        w3: float = 0,
        w4: float = 0,
    ) -> None:
        self.pos1, self.pos2, self.pos3, self.pos4 = pos1, pos2, pos3, pos4
        self.w1, self.w2, self.w3, self.w4 = w1, w2, w3, w4

    def __repr__(self) -> str:
        return f"PreCalc({','.join(str(held) for held in vars(self).values())})"

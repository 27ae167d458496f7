"""Inputs for RoiAlign that other tests use: an image of one channel, the sample of each box, and the boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["get_roi_align_input_values"]

Array = np.ndarray[Any, Any]


def get_roi_align_input_values() -> tuple[Array, Array, Array]:
    """An image [1, 1, 10, 10], the samples [3] and the boxes [3, 4]: all of it, the lower left, the lower right."""
    image = np.random.RandomState(0).rand(1, 1, 10, 10).round(4).astype(np.float32)
    boxes = np.array([[0, 0, 9, 9], [0, 5, 4, 9], [5, 5, 9, 9]], np.float32)
    return image, np.zeros(3, np.int64), boxes

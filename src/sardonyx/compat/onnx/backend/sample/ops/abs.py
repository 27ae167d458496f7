"""Abs."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["abs"]


def abs(input: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The absolute value of each element."""
    return np.abs(input)

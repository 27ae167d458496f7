"""The steps of a transform over short times that programs take one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference.ops._pieces import _cfft

__all__ = ["_concat", "_stft", "_unsqueeze"]

Array = np.ndarray[Any, Any]


def _concat(*args: Any, axis: int = 0) -> Array:
    """The arrays one after another."""
    return np.concatenate(args, axis=axis)


def _unsqueeze(a: Array, axis: Any) -> Array:
    """`a` with axes of one element more."""
    return np.expand_dims(a, tuple(axis) if isinstance(axis, list) else axis)


def _stft(x: Array, fft_length: int, hop_length: int, n_frames: int, window: Array, onesided: bool = False) -> Array:
    """The transform of each of `n_frames` frames, weighted by `window`; beyond the end of `x` there are zeros."""
    size = len(window)
    missing = max(0, (n_frames - 1) * hop_length + size - x.shape[-2])
    padded = np.concatenate([x, np.zeros((*x.shape[:-2], missing, x.shape[-1]), x.dtype)], -2)
    begins = [i * hop_length for i in range(n_frames)]
    frames = np.stack([padded[..., begin : begin + size, :] for begin in begins], -3)
    return _cfft(frames * window[:, None], fft_length, frames.ndim - 2, onesided, False)

"""The functions of elements, shapes, indices and reductions that programs take one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx._dtypes import np_dtype_to_tensor_dtype
from sardonyx.compat.onnx.reference._execute import apply, one

__all__ = [
    "_argmax",
    "_argmax_use_numpy_select_last_index",
    "_argmin",
    "_argmin_use_numpy_select_last_index",
    "_cast_like",
    "_cfft",
    "_check_dtype",
    "_check_integer_input",
    "_cifft",
    "_concat_from_sequence",
    "_fft",
    "_gather_nd_impl",
    "_gemm00",
    "_gemm01",
    "_gemm10",
    "_gemm11",
    "_ifft",
    "_irfft",
    "_one_hot",
    "_pad_impl",
    "_scatter_nd_impl",
    "_slice",
    "_specify_int64",
    "cast_to",
    "common_reference_implementation",
    "compute_log_sum_exp",
    "gather_numpy",
    "gather_numpy_2",
    "max_min",
    "numpy_matmul",
    "pad_empty_string",
    "reshape_input",
    "reshape_reference_implementation",
    "scatter_elements",
    "sequence_insert_reference_implementation",
    "split_with_padding",
    "suppress_by_iou",
    "topk_sorted_implementation",
]

Array = np.ndarray[Any, Any]


def _check_dtype(val: Array) -> None:
    """Refuse a constant that is no array."""
    if not isinstance(val.dtype, np.dtype):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
        raise TypeError(f"{val.dtype} is no type of NumPy's")


def _check_integer_input(data: Array) -> None:
    """Refuse to take logarithms of integers."""
    if np.issubdtype(data.dtype, np.integer):
        raise TypeError(f"a sum whose logarithm is taken does not support integer input, here {data.dtype}")


def cast_to(x: Array, to: int, saturate: bool, round_mode: str = "up") -> Array:
    """Cast to a type of `TensorProto`."""
    return one("Cast", x, to=int(to), saturate=int(bool(saturate)), round_mode=round_mode)


def _cast_like(x: Array, y: Array, saturate: bool) -> tuple[Array]:
    """CastLike."""
    return (cast_to(x, np_dtype_to_tensor_dtype(y.dtype), saturate),)


def _argmax(data: Array, axis: int = 0, keepdims: bool = True) -> Array:
    return one("ArgMax", data, axis=axis, keepdims=int(bool(keepdims)))


def _argmin(data: Array, axis: int = 0, keepdims: bool = True) -> Array:
    return one("ArgMin", data, axis=axis, keepdims=int(bool(keepdims)))


def _argmax_use_numpy_select_last_index(data: Array, axis: int = 0, keepdims: bool = True) -> Array:
    return one("ArgMax", data, axis=axis, keepdims=int(bool(keepdims)), select_last_index=1)


def _argmin_use_numpy_select_last_index(data: Array, axis: int = 0, keepdims: bool = True) -> Array:
    return one("ArgMin", data, axis=axis, keepdims=int(bool(keepdims)), select_last_index=1)


def compute_log_sum_exp(data: Array, axes: Any, keepdims: bool) -> tuple[Array]:
    """The logarithm of the sum of exponentials along `axes`, None for all."""
    named = None if axes is None else np.array(axes, np.int64).reshape(-1)
    return (one("ReduceLogSumExp", data, named, keepdims=int(bool(keepdims))),)


def _gemm(transA: int, transB: int) -> Any:
    def gemm(a: Array, b: Array, c: Array | None, alpha: float, beta: float) -> Array:
        return one("Gemm", a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)

    return gemm


_gemm00, _gemm01, _gemm10, _gemm11 = _gemm(0, 0), _gemm(0, 1), _gemm(1, 0), _gemm(1, 1)


def numpy_matmul(a: Array, b: Array) -> Array:
    """MatMul."""
    return one("MatMul", a, b)


def _concat_from_sequence(seq: Sequence[Array], axis: int, new_axis: int = 0) -> Array:
    return one("ConcatFromSequence", list(seq), axis=axis, new_axis=new_axis)


def sequence_insert_reference_implementation(sequence: Any, tensor: Array, position: Any = None) -> list[Any]:
    """The sequence with a tensor put in front of `position`, or at the end."""
    items: list[Any] = []
    if sequence is not None and not (isinstance(sequence, np.ndarray) and sequence.ndim == 0):
        items += sequence
    at = None if position is None else np.asarray(position, np.int64).reshape(-1)[:1]
    return one("SequenceInsert", items, tensor, at)


def common_reference_implementation(data: Array, shape: Array) -> Array:
    """Expand."""
    return one("Expand", data, np.asarray(shape, np.int64))


def reshape_reference_implementation(data: Array, shape: Array, allowzero: int = 0) -> Array:
    """Reshape."""
    return one("Reshape", data, np.asarray(shape, np.int64), allowzero=int(allowzero))


def _pad_impl(data: Array, raw_pads: Any, mode: str, constant_values: Any = 0.0, axes: Any = None) -> Array:
    """Pad."""
    count = data.ndim if axes is None else len(axes)
    if len(raw_pads) != 2 * count:
        raise RuntimeError(f"{count} axes take {2 * count} pads, not {len(raw_pads)}")
    value = np.asarray(constant_values).reshape(-1)[:1].reshape(()).astype(data.dtype) if mode == "constant" else None
    named = None if axes is None else np.asarray(axes, np.int64)
    return one("Pad", data, np.asarray(raw_pads, np.int64), value, named, mode=mode)


def _slice(data: Array, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Array:
    """Slice."""
    parts = [None if p is None else np.asarray(p, np.int64).reshape(-1) for p in (starts, ends, axes, steps)]
    return one("Slice", data, *parts)


def gather_numpy(self: Array, dim: int, index: Array) -> Array:
    """GatherElements."""
    if index.ndim != self.ndim:
        raise ValueError(f"the data has {self.ndim} axes, the index {index.ndim}")
    return one("GatherElements", self, index.astype(np.int64), axis=dim)


def gather_numpy_2(self: Array, index: Array) -> Array:
    """Of each row, the element that the row of `index` names first."""
    return np.array([row[at[0]] for row, at in zip(self, index, strict=True)], self.dtype).reshape(index.shape)


def _gather_nd_impl(data: Array, indices: Array, batch_dims: int) -> tuple[Array]:
    """GatherND."""
    return (one("GatherND", data, indices.astype(np.int64), batch_dims=batch_dims),)


def scatter_elements(data: Array, indices: Array, updates: Array, axis: int = 0, reduction: str | None = None) -> Array:
    """ScatterElements."""
    return one("ScatterElements", data, indices.astype(np.int64), updates, axis=axis, reduction=reduction)


def _scatter_nd_impl(data: Array, indices: Array, updates: Array, reduction: str | None = None) -> Array:
    """ScatterND."""
    return one("ScatterND", data, indices.astype(np.int64), updates, reduction=reduction)


def _one_hot(indices: Any, depth: Any, axis: int = -1, dtype: Any = np.float32) -> Array:
    """A one where the index along `axis` is the one named, zeros elsewhere."""
    values = np.array([0, 1], dtype)
    return one("OneHot", np.asarray(indices), np.asarray(depth), values, axis=axis)


def topk_sorted_implementation(X: Array, k: Any, axis: int, largest: int) -> tuple[Array, Array]:
    """TopK."""
    if np.size(k) != 1:
        raise RuntimeError(f"k is one number, not {k!r}")
    count = np.array([int(np.reshape(k, -1)[0])], np.int64)
    values, indices = apply("TopK", [X, count], {"axis": axis, "largest": int(largest)}, 2)
    return values, indices


def _specify_int64(indices: Any, inverse_indices: Any, counts: Any) -> tuple[Array, ...]:
    return tuple(np.array(x, np.int64) for x in (indices, inverse_indices, counts))


def reshape_input(value: Array, shape: tuple[int, ...], axis: int, block_size: int | None = None) -> Any:
    """A scale or zero point as it broadcasts to `shape`: one, one per extent of `axis`, or one per block of it."""
    if value.ndim == 0:
        return value
    if value.size == 1:
        return value[0]
    if not block_size:
        if value.ndim != 1:
            raise AssertionError(f"one value per extent of axis {axis} is a vector, not {value.shape}")
        if not -len(shape) <= axis < len(shape):
            raise IndexError(f"axis {axis} is outside shape {shape}")
        return value.reshape([value.size if i == axis % len(shape) else 1 for i in range(len(shape))])
    if block_size < 0:
        raise ValueError(f"a block has a positive size, not {block_size}")
    spread = np.repeat(value, block_size, axis=axis)
    spread = spread.take(range(min(shape[axis], spread.shape[axis])), axis=axis)
    if spread.shape != tuple(shape):
        raise ValueError(f"blocks of {block_size} along axis {axis} of shape {shape} do not have scales {value.shape}")
    return spread


def max_min(lhs: Any, rhs: Any) -> tuple[Any, Any]:
    """The two in order."""
    return (rhs, lhs) if lhs >= rhs else (lhs, rhs)


def suppress_by_iou(
    boxes_data: Array, box_index1: int, box_index2: int, center_point_box: int, iou_threshold: float
) -> bool:
    """Whether two boxes overlap by more than a share of what they cover together."""
    pair = np.asarray(boxes_data)[[box_index1, box_index2]][None]
    facts = [np.array([2], np.int64), np.array([iou_threshold], np.float32)]
    scores = np.array([[[2.0, 1.0]]], np.float32)
    kept = one("NonMaxSuppression", pair.astype(np.float32), scores, *facts, center_point_box=center_point_box)
    return len(kept) == 1


def split_with_padding(x: Array, separator: str | None = None, maxsplit: int | None = None) -> tuple[Array, Array]:
    """StringSplit."""
    parts, counts = apply("StringSplit", [x], {"delimiter": separator, "maxsplit": maxsplit}, 2)
    return parts, counts


def pad_empty_string(split_lists: Any, padding_requirement: Any) -> list[Any]:
    """A list with so many empty strings behind, or an array of lists with so many each."""
    if isinstance(split_lists, list):
        return [*split_lists, *[""] * padding_requirement]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(split_lists, np.ndarray):
        return [pad_empty_string(a, n) for a, n in zip(split_lists, padding_requirement, strict=True)]
    raise TypeError(f"expected a list or an array of lists, got {type(split_lists)}")


def _fft(x: Array, fft_length: int, axis: int) -> Array:
    """The transform of numbers, real and imaginary parts last."""
    y = np.fft.fft(x, n=fft_length, axis=axis)
    return np.stack([y.real, y.imag], -1)


def _ifft(x: Array, fft_length: int, axis: int) -> Array:
    """The inverse transform of numbers, real and imaginary parts last."""
    y = np.fft.ifft(x, n=fft_length, axis=axis)
    return np.stack([y.real, y.imag], -1)


def _irfft(x: Array, fft_length: int, axis: int) -> Array:
    """The inverse transform of one half, of which the result is real."""
    return np.fft.irfft(x, n=fft_length, axis=axis)[..., None]


def _numbers(x: Array) -> Array:
    """Real and imaginary parts in the last axis, as numbers."""
    return x[..., 0] if x.shape[-1] == 1 else x[..., 0] + 1j * x[..., 1]


def _cfft(x: Array, fft_length: int, axis: int, onesided: bool, normalize: bool) -> Array:
    """The transform of numbers whose parts are in the last axis."""
    y = _fft(_numbers(x), fft_length, axis)
    y = y.take(range(y.shape[axis] // 2 + 1), axis=axis) if onesided else y
    return y / fft_length if normalize else y


def _cifft(x: Array, fft_length: int, axis: int, onesided: bool = False) -> Array:
    """The inverse transform of numbers whose parts are in the last axis."""
    return (_irfft if onesided else _ifft)(_numbers(x), fft_length, axis)

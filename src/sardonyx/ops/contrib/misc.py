"""Tensors rearranged, compared, transformed and hashed in ways of com.microsoft."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import floordiv
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import contrib, shape_of, single, value_of, values_of
from sardonyx.ops.declare import Float, Input, Int, Output, String, infers, reference, types
from sardonyx.ops.known import Dims, Known, broadcast, known
from sardonyx.ops.typesets import (
    BOOL,
    CLASSIC,
    CLASSIC_BF,
    FLOATS,
    FLOATS_BF,
    INDICES,
    NUMBERS,
    STRING,
    WIDE_INTS,
)

_I64, _I32 = "tensor(int64)", "tensor(int32)"


# -- rearranged -----------------------------------------------------------------------------------------------------------


@contrib("ExpandDims")
class ExpandDims:
    """X with a new axis of extent 1."""

    T = types(CLASSIC)
    X, axis = Input(T), Input(_I32)
    Y = Output(T)

    @infers
    def infer(X: Known, axis: Known) -> Any:
        at = axis.numbers()
        if at is None:
            return known(None, (None,) * (X.rank + 1))
        place = at[0] % (X.rank + 1)
        return (*X.shape[:place], 1, *X.shape[place:])

    @reference
    def run(X: Array, axis: Array) -> Array:
        return np.expand_dims(X, int(axis.reshape(())))


@contrib("Trilu")
class Trilu:
    """The upper or the lower triangle of matrices, from the diagonal number k on; zero elsewhere."""

    T = types(NUMBERS | BOOL | {d.BFLOAT16})
    X, k = Input(T), Input(_I64, optional=True)
    Y = Output(T)
    upper = Int(1)

    @infers
    def infer(X: Known, k: Known | None) -> Dims:
        return X.shape

    @reference
    def run(X: Array, k: Array | None, *, upper: int) -> Array:
        return value_of("Trilu", X, k, upper=bool(upper))


@contrib("Pad")
class Pad:
    """Pad, whose amounts may come as one row."""

    T = types(FLOATS)
    data, pads, value = Input(T), Input(_I64), Input(T, optional=True)
    output = Output(T)
    mode = String("constant")

    @infers
    def infer(data: Known, pads: Known, value: Known | None) -> Any:
        amounts = pads.ints()
        if amounts is None:
            return known(None, (None,) * data.rank)
        return tuple(e + amounts[i] + amounts[i + data.rank] for i, e in enumerate(data.shape))

    @reference
    def run(data: Array, pads: Array, value: Array | None, *, mode: str) -> Array:
        return value_of("Pad", data, pads.reshape(-1), value, mode=mode)


@contrib("GatherND")
class GatherND:
    """Elements or slices picked by rows of indices."""

    T, Tind = types(CLASSIC), types(INDICES)
    data, indices = Input(T), Input(Tind)
    output = Output(T)

    @infers
    def infer(data: Known, indices: Known) -> Dims:
        return shape_of("GatherND", data, indices)

    @reference
    def run(data: Array, indices: Array) -> Array:
        return value_of("GatherND", data, indices.astype(np.int64))


@contrib("Range")
class Range:
    """start, start + delta, ... before limit; delta is 1 unless given."""

    T = types(frozenset({d.FLOAT32, d.FLOAT64, d.INT16, d.INT32, d.INT64}))
    start, limit, delta = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)

    @infers
    def infer(start: Known, limit: Known, delta: Known | None) -> Any:
        return (None,)

    @reference
    def run(start: Array, limit: Array, delta: Array | None) -> Array:
        step = np.ones((), start.dtype) if delta is None else delta.reshape(())
        return value_of("Range", start.reshape(()), limit.reshape(()), step)


@contrib("UnfoldTensor")
class UnfoldTensor:
    """Windows of `size` along an axis, `step` apart; the elements of each become a last axis."""

    T = types(CLASSIC_BF)
    input = Input(T)
    output = Output(T)
    dim, size, step = Int(-1), Int(required=True), Int(1)

    @infers
    def infer(input: Known, *, dim: int, size: int, step: int) -> Dims:
        at = dim % input.rank
        count = floordiv(input.shape[at] - size, step) + 1
        return (*input.shape[:at], count, *input.shape[at + 1 :], size)

    @reference
    def run(input: Array, *, dim: int, size: int, step: int) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(input, size, dim % input.ndim)
        return np.ascontiguousarray(windows.take(range(0, windows.shape[dim % input.ndim], step), dim % input.ndim))


@contrib("TorchEmbedding")
class TorchEmbedding:
    """Rows of a table."""

    T = types(NUMBERS | {d.BFLOAT16})
    weight, indices = Input(T), Input(_I64)
    padding_idx, scale_grad_by_freq = Input(_I64, optional=True), Input("tensor(bool)", optional=True)
    Y = Output(T)

    @infers
    def infer(weight: Known, indices: Known, *_: Known | None) -> Dims:
        return (*indices.shape, weight.shape[1])

    @reference
    def run(weight: Array, indices: Array, padding: Array | None, scale: Array | None) -> Array:
        return weight[indices]


@contrib("Unique")
class Unique:
    """The distinct elements in the order in which they come first, the number of its element for each x, and how often each is there."""

    T = types(CLASSIC)
    x = Input(T)
    y, idx, counts = Output(T), Output(_I64), Output(_I64)

    @infers
    def infer(x: Known) -> list[Any]:
        return [(None,), x.shape, (None,)]

    @reference
    def run(x: Array) -> list[Array]:
        y, _, idx, counts = values_of("Unique", x, sorted=0, outputs=4)
        return [y, idx, counts]


# -- computed -------------------------------------------------------------------------------------------------------------


@contrib("Inverse")
class Inverse:
    """The inverse of each square matrix."""

    T = types(FLOATS)
    X = Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array) -> Array:
        return np.linalg.inv(single(X)).astype(X.dtype)


def _complex(x: Array) -> Array:
    wide = single(x)
    return wide[..., 0] + 1j * wide[..., 1]


def _pairs(x: Any, kind: Any) -> Array:
    return np.stack([x.real, x.imag], -1).astype(kind)


def _complex_product(name: str, conjugates: bool, doc: str) -> None:
    def infer(A: Known, B: Known) -> Dims:
        return broadcast(A.shape, B.shape)

    def run(A: Array, B: Array) -> Array:
        b = _complex(B)
        return _pairs(_complex(A) * (b.conj() if conjugates else b), A.dtype)

    T = types(FLOATS)
    block: dict[str, Any] = {"__doc__": doc, "T": T, "A": Input(T), "B": Input(T), "C": Output(T)}
    contrib(name)(type(name, (), block | {"infer": infers(infer), "run": reference(run)}))


_complex_product("ComplexMul", False, "A * B, where the last axis holds the real and the imaginary part.")
_complex_product(
    "ComplexMulConj", True, "A * conjugate of B, where the last axis holds the real and the imaginary part."
)


@contrib("Rfft")
class Rfft:
    """The Fourier transform of real numbers along the last axes: as pairs, half of them, for the rest mirrors them."""

    T = types(FLOATS)
    X = Input(T)
    Y = Output(T)
    normalized, onesided, signal_ndim = Int(0), Int(1), Int(1)

    @infers
    def infer(X: Known, *, onesided: int) -> Dims:
        last = X.shape[-1]
        return (*X.shape[:-1], floordiv(last, 2) + 1 if onesided else last, 2)

    @reference
    def run(X: Array, *, normalized: int, onesided: int, signal_ndim: int) -> Array:
        axes, norm = tuple(range(-signal_ndim, 0)), "ortho" if normalized else "backward"
        transform = np.fft.rfftn if onesided else np.fft.fftn
        return _pairs(transform(single(X), axes=axes, norm=norm), X.dtype)


@contrib("Irfft")
class Irfft:
    """The real numbers of which Rfft made these pairs; as many as twice the pairs less one."""

    T = types(FLOATS)
    X = Input(T)
    Y = Output(T)
    normalized, onesided, signal_ndim = Int(0), Int(1), Int(required=True)

    @infers
    def infer(X: Known, *, onesided: int) -> Dims:
        last = X.shape[-2]
        return (*X.shape[:-2], (last - 1) * 2 if onesided else last)

    @reference
    def run(X: Array, *, normalized: int, onesided: int, signal_ndim: int) -> Array:
        axes, norm = tuple(range(-signal_ndim, 0)), "ortho" if normalized else "backward"
        x = _complex(X)
        y = np.fft.irfftn(x, axes=axes, norm=norm) if onesided else np.fft.ifftn(x, axes=axes, norm=norm).real
        return y.astype(X.dtype)


@contrib("CDist")
class CDist:
    """The distance of every row of A from every row of B, or its square."""

    T = types(frozenset({d.FLOAT32, d.FLOAT64}))
    A, B = Input(T), Input(T)
    C = Output(T)
    metric = String("sqeuclidean")

    @infers
    def infer(A: Known, B: Known) -> Dims:
        return (A.shape[0], B.shape[0])

    @reference
    def run(A: Array, B: Array, *, metric: str) -> Array:
        squares = ((A[:, None].astype(np.float64) - B[None]) ** 2).sum(-1)
        return (np.sqrt(squares) if metric == "euclidean" else squares).astype(A.dtype)


@contrib("IsAllFinite")
class IsAllFinite:
    """Whether no element of any input is infinite (or, if asked for these only, NaN)."""

    V, T = types(FLOATS_BF), types(BOOL)
    input = Input(V, variadic=True)
    output = Output(T)
    isinf_only, isnan_only = Int(0), Int(0)

    @infers
    def infer(*_: Known) -> Known:
        return known(d.BOOL, ())

    @reference
    def run(*given: Array, isinf_only: int, isnan_only: int) -> Array:
        bad = np.isnan if isnan_only else np.isinf if isinf_only else lambda x: ~np.isfinite(x)
        return np.asarray(not any(bool(bad(single(x)).any()) for x in given))


@contrib("SampleOp")
class SampleOp:
    """X"""

    T = types(FLOATS | WIDE_INTS)
    X = Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array) -> Array:
        return X


# -- images ---------------------------------------------------------------------------------------------------------------


@contrib("GridSample")
class GridSample:
    """An image read at the places of a grid, as the standard's GridSample of opset 16 does."""

    T1, T2 = types(CLASSIC), types(FLOATS)
    X, Grid = Input(T1), Input(T1)
    Y = Output(T2)
    align_corners, mode, padding_mode = Int(0), String("bilinear"), String("zeros")

    @infers
    def infer(X: Known, Grid: Known) -> Known:
        return known(X.dtype, (*X.shape[:2], *Grid.shape[1:-1]))

    @reference
    def run(X: Array, Grid: Array, *, align_corners: int, mode: str, padding_mode: str) -> Array:
        modes = {"bilinear": "linear", "bicubic": "cubic"}
        facts = {"align_corners": bool(align_corners), "mode": modes.get(mode, mode), "padding_mode": padding_mode}
        return value_of("GridSample", X, Grid, **facts)


@contrib("CropAndResize")
class CropAndResize:
    """Regions of images, each brought to one size; what lies outside of its image has one value."""

    T1, T2 = types(FLOATS), types(frozenset({d.INT32}))
    X, rois, batch_indices, crop_size = Input(T1), Input(T1), Input(T2), Input(T2)
    Y = Output(T1)
    extrapolation_value, mode = Float(0.0), String("bilinear")

    @infers
    def infer(X: Known, rois: Known, batches: Known, size: Known) -> Any:
        found = size.ints() or [None, None]
        return (rois.shape[0], X.shape[1], *found)

    @reference
    def run(X: Array, rois: Array, batches: Array, size: Array, *, extrapolation_value: float, mode: str) -> Array:
        high, wide = (int(e) for e in size)
        image = single(X)
        y = np.full((len(rois), X.shape[1], high, wide), extrapolation_value, image.dtype)
        for i, (region, batch) in enumerate(zip(single(rois), batches, strict=True)):
            rows = _places(region[0], region[2], X.shape[2], high)
            columns = _places(region[1], region[3], X.shape[3], wide)
            inside = np.ix_((rows >= 0) & (rows <= X.shape[2] - 1), (columns >= 0) & (columns <= X.shape[3] - 1))
            taken = _read(image[int(batch)], rows, columns, nearest=mode == "nearest")
            y[i][:, inside[0], inside[1]] = taken[:, inside[0], inside[1]]
        return y.astype(X.dtype)


def _places(start: float, stop: float, extent: int, count: int) -> Array:
    """Where along an axis a region is read; start and stop count in whole axes."""
    if count == 1:
        return np.array([0.5 * (start + stop) * (extent - 1)], np.float32)
    step = np.float32((stop - start) * (extent - 1) / (count - 1))
    return np.float32(start * (extent - 1)) + np.arange(count, dtype=np.float32) * step


def _read(image: Array, rows: Array, columns: Array, *, nearest: bool) -> Array:
    """image [channel, row, column] at every row and column, the nearest element or one in between four."""
    ends = image.shape[1] - 1, image.shape[2] - 1
    if nearest:
        r, c = (np.clip(np.rint(x).astype(int), 0, end) for x, end in zip((rows, columns), ends, strict=True))
        return image[:, r[:, None], c]
    r0, c0 = (np.clip(np.floor(x).astype(int), 0, end) for x, end in zip((rows, columns), ends, strict=True))
    r1, c1 = (np.minimum(x + 1, end) for x, end in zip((r0, c0), ends, strict=True))
    down, right = (rows - r0)[:, None], columns - c0
    top = image[:, r0[:, None], c0] * (1 - right) + image[:, r0[:, None], c1] * right
    below = image[:, r1[:, None], c0] * (1 - right) + image[:, r1[:, None], c1] * right
    return top * (1 - down) + below * down


# -- of texts and tokens --------------------------------------------------------------------------------------------------


@contrib("NGramRepeatBlock")
class NGramRepeatBlock:
    """scores_out = scores, minus infinity for each token that would repeat a sequence of `ngram_size` tokens."""

    T, Tid = types(frozenset({d.FLOAT32})), types(frozenset({d.INT64}))
    input_ids, scores = Input(Tid), Input(T)
    scores_out = Output(T)
    ngram_size = Int(required=True)

    @infers
    def infer(input_ids: Known, scores: Known) -> Dims:
        return scores.shape

    @reference
    def run(input_ids: Array, scores: Array, *, ngram_size: int) -> Array:
        y = scores.copy()
        for row, tokens in enumerate(input_ids.tolist()):
            end = tokens[len(tokens) + 1 - ngram_size :]
            for i in range(len(tokens) + 1 - ngram_size):
                if tokens[i : i + ngram_size - 1] == end:
                    y[row, tokens[i + ngram_size - 1]] = -np.inf
        return y


def _murmur(data: bytes, seed: int) -> int:
    """The 32-bit hash of that name, of the third kind."""
    mask = 0xFFFFFFFF

    def turned(x: int, by: int) -> int:
        return ((x << by) | (x >> (32 - by))) & mask

    h, whole = seed & mask, len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * 0xCC9E2D51 & mask
        h = (turned(h ^ (turned(k, 15) * 0x1B873593 & mask), 13) * 5 + 0xE6546B64) & mask
    k = int.from_bytes(data[whole:], "little") * 0xCC9E2D51 & mask
    h ^= turned(k, 15) * 0x1B873593 & mask if data[whole:] else 0
    h ^= len(data)
    h = (h ^ (h >> 16)) * 0x85EBCA6B & mask
    h = (h ^ (h >> 13)) * 0xC2B2AE35 & mask
    return h ^ (h >> 16)


@contrib("MurmurHash3")
class MurmurHash3:
    """The MurmurHash3 of each element, 32 bits: of a text's UTF-8, of a number's bytes."""

    T1 = types(WIDE_INTS | STRING | {d.FLOAT32, d.FLOAT64})
    T2 = types(frozenset({d.INT32, d.UINT32}))
    X = Input(T1)
    Y = Output(T2)
    positive, seed = Int(1), Int(0)

    @infers
    def infer(X: Known, *, positive: int) -> Known:
        return known(d.UINT32 if positive else d.INT32, X.shape)

    @reference
    def run(X: Array, *, positive: int, seed: int) -> Array:
        texts = X.dtype.kind in "OUS"
        items = [x.encode() if isinstance(x, str) else bytes(x) for x in X.reshape(-1).tolist()] if texts else []
        if not texts:
            flat = np.ascontiguousarray(X).reshape(-1)
            items = [flat[i : i + 1].tobytes() for i in range(flat.size)]
        found = np.array([_murmur(item, seed) for item in items], np.uint32).reshape(X.shape)
        return found if positive else found.view(np.int32)


# -- aligned --------------------------------------------------------------------------------------------------------------


@contrib("DynamicTimeWarping")
class DynamicTimeWarping:
    """The cheapest path from the first corner of a matrix of costs to the last one, by steps down, right or both: [2, points]."""

    F, I = types(frozenset({d.FLOAT32})), types(frozenset({d.INT32}))  # noqa: E741 the schema's name
    input = Input(F)
    output = Output(I)

    @infers
    def infer(input: Known) -> Known:
        return known(d.INT32, (2, None))

    @reference
    def run(input: Array) -> Array:
        costs = input.reshape(input.shape[-2:])
        rows, columns = costs.shape[0], costs.shape[1]
        total = np.full((rows + 1, columns + 1), np.inf, np.float32)
        total[0, 0] = 0
        steps = np.zeros((rows, columns), np.int8)  # from which of the three a point is reached
        # Points of one diagonal depend on those of the two before it. Where two ways cost the same, and less than the way
        # along the row, that one is taken all the same: so the kernels have it that all compare with.
        for diagonal in range(rows + columns - 1):
            r = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
            c = diagonal - r
            both, up, left = total[r, c], total[r, c + 1], total[r + 1, c]
            steps[r, c] = np.where(both < np.minimum(up, left), 0, np.where(up < np.minimum(both, left), 1, 2))
            total[r + 1, c + 1] = costs[r, c] + np.choose(steps[r, c], [both, up, left])
        steps[1:, 0], steps[0, 1:] = 1, 2  # the borders leave no choice, whatever is no number
        path = [(rows - 1, columns - 1)]
        while path[-1] != (0, 0):
            r, c = path[-1]
            step = steps[r, c]
            path.append((r - (step != 2), c - (step != 1)))
        return np.array(path[::-1], np.int32).T


__all__: list[str] = []

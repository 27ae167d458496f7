"""Signals: Fourier transforms, windows and mel filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Input, Int, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, axis_of, known
from sardonyx.ops.typesets import FLOATS_BF, INDICES, NUMBERS_BF


def as_complex(x: Array) -> Array:
    """x [..., 1] of real numbers, or [..., 2] of real and imaginary parts, without its last axis."""
    return wide(x)[..., 0] if x.shape[-1] == 1 else wide(x)[..., 0] + 1j * wide(x)[..., 1]


def in_pairs(z: Array) -> Array:
    return np.stack([np.real(z), np.imag(z)], -1)


def signal_axis(axis: int, rank: int) -> int:
    """The axis to transform, counted from the front."""
    at = axis_of(axis, rank)
    if at == rank - 1:
        raise ShapeError("the last axis holds real and imaginary parts", fix="transform another axis")
    return at


@operator("DFT", since=(17, 20))
class DFT:
    """The discrete Fourier transform along an axis of `dft_length` elements: X is cut, or zeros follow it.

    `onesided` leaves out what follows from symmetry: half of the result, or half of the input of the inverse transform.
    """

    T1, T2 = types(FLOATS_BF), types(INDICES)
    input, dft_length = Input(T1), Input(T2, optional=True)
    axis = Input("tensor(int64)", optional=True, since=20, was=Int(1))
    output = Output(T1)
    inverse, onesided = Flag(0), Flag(0)

    @infers
    def infer(input: Known, dft_length: Known | None, axis: Known | None, *, inverse: bool, onesided: bool) -> Dims:
        parts = input.shape[-1] if input.rank else None
        if onesided and isinstance(parts, int) and parts != (2 if inverse else 1):
            raise ShapeError(
                "a one-sided transform goes from real numbers to half of a spectrum, its inverse back",
                why=f"the last axis holds {parts} parts",
            )
        shape: list[Dim | None] = list(input.shape)
        at = -2 if axis is None else axis.scalar()
        if not isinstance(at, int):
            if dft_length is None and not onesided:
                return *shape[:-1], 2
            return (None,) * (input.rank - 1) + (1 if inverse and onesided else 2,)
        at = signal_axis(at, input.rank)
        if dft_length is not None:
            length = dft_length.scalar()
        else:
            length = (input.shape[at] - 1) * 2 if inverse and onesided else input.shape[at]
        shape[at] = length if length is None or inverse or not onesided else dims.floordiv(length, 2) + 1
        return *shape[:-1], 1 if inverse and onesided else 2

    @reference
    def run(input: Array, dft_length: Array | None, axis: Array | None, *, inverse: bool, onesided: bool) -> Array:
        at = signal_axis(-2 if axis is None else int(axis.reshape(-1)[0]), input.ndim)
        length = None if dft_length is None else int(dft_length.reshape(-1)[0])
        z = as_complex(input)
        if inverse and onesided:
            return np.fft.irfft(z, length, at)[..., None].astype(input.dtype)
        found = (np.fft.ifft if inverse else np.fft.fft)(z, length, at)
        if onesided:
            found = np.take(found, np.arange(found.shape[at] // 2 + 1), at)
        return in_pairs(found).astype(input.dtype)


@operator("STFT", since=(17,))
class STFT:
    """The Fourier transforms of frames of a signal [batch, length, 1 or 2], each weighted by a window."""

    T1, T2 = types(FLOATS_BF), types(INDICES)
    signal, frame_step = Input(T1), Input(T2)
    window, frame_length = Input(T1, optional=True), Input(T2, optional=True)
    output = Output(T1)
    onesided = Flag(1)

    @infers
    def infer(
        signal: Known, frame_step: Known, window: Known | None, frame_length: Known | None, *, onesided: bool
    ) -> Dims:
        if signal.rank != 3:
            raise ShapeError(f"a signal is [batch, length, 1 or 2], not {show_shape(signal.shape)}")
        step = frame_step.scalar()
        if frame_length is not None:
            length = frame_length.scalar()
        else:
            length = signal.shape[1] if window is None else window.shape[0]
        frames = None if step is None or length is None else dims.floordiv(signal.shape[1] - length, step) + 1
        bins = length if length is None or not onesided else dims.floordiv(length, 2) + 1
        return signal.shape[0], frames, bins, 2

    @reference
    def run(
        signal: Array, frame_step: Array, window: Array | None, frame_length: Array | None, *, onesided: bool
    ) -> Array:
        whole = signal.shape[1] if window is None else len(window)
        length = whole if frame_length is None else int(frame_length)
        frames = np.lib.stride_tricks.sliding_window_view(as_complex(signal), length, 1)[:, :: int(frame_step)]
        found = np.fft.fft(frames if window is None else frames * wide(window), axis=-1)
        return in_pairs(found[..., : length // 2 + 1] if onesided else found).astype(signal.dtype)


def _window(name: str, weight: Callable[[Array], Array], doc: str) -> None:
    """A window is a function of the angle, which goes once around over its length, or up to its last element."""

    def infer(size: Known, *, output_datatype: int) -> Known:
        count = size.scalar()
        if (size.has_shape and size.rank != 0) or (isinstance(count, int) and count <= 0):
            raise ShapeError("the size of a window is one positive number", why=f"it is {count or size}")
        return known(d.dtype(output_datatype), (size.scalar(),))

    def run(size: Array, *, output_datatype: int, periodic: bool) -> Array:
        count = int(size)
        if count == 1:
            return np.ones(1, d.dtype(output_datatype).numpy)
        angle = np.arange(count) * (2 * np.pi / max(count if periodic else count - 1, 1))
        return weight(angle).astype(d.dtype(output_datatype).numpy)

    T1, T2 = types(INDICES), types(NUMBERS_BF)
    block: dict[str, Any] = {"__doc__": doc, "T1": T1, "T2": T2, "size": Input(T1), "output": Output(T2)}
    block |= {"output_datatype": Int(1), "periodic": Flag(1), "infer": infers(infer), "run": reference(run)}
    operator(name, since=(17,))(type(name, (), block))


_window("HannWindow", lambda t: 0.5 - 0.5 * np.cos(t), "1/2 - cos(t)/2, for t once around the circle.")
_window(
    "HammingWindow", lambda t: 25 / 46 - 21 / 46 * np.cos(t), "25/46 - 21/46 * cos(t), for t once around the circle."
)
_window(
    "BlackmanWindow",
    lambda t: 0.42 - 0.5 * np.cos(t) + 0.08 * np.cos(2 * t),
    "0.42 - cos(t)/2 + 0.08 * cos(2t), for t once around the circle.",
)


@operator("MelWeightMatrix", since=(17,))
class MelWeightMatrix:
    """The matrix [dft_length // 2 + 1, num_mel_bins] that turns a spectrum into mel bins: triangles, equally wide in mel."""

    T1, T2, T3 = types(INDICES), types(FLOATS_BF), types(NUMBERS_BF)
    num_mel_bins, dft_length, sample_rate = Input(T1), Input(T1), Input(T1)
    lower_edge_hertz, upper_edge_hertz = Input(T2), Input(T2)
    output = Output(T3)
    output_datatype = Int(1)

    @infers
    def infer(num_mel_bins: Known, dft_length: Known, *rest: Known, output_datatype: int) -> Known:
        length = dft_length.scalar()
        bins = None if length is None else dims.floordiv(length, 2) + 1
        return known(d.dtype(output_datatype), (bins, num_mel_bins.scalar()))

    @reference
    def run(
        num_mel_bins: Array, dft_length: Array, sample_rate: Array, lower: Array, upper: Array, *, output_datatype: int
    ) -> Array:
        count, length = int(num_mel_bins), int(dft_length)
        low, high = (2595 * np.log10(1 + float(x) / 700) for x in (lower, upper))
        mel = low + np.arange(count + 2) * ((high - low) / (count + 2))
        hertz = 700 * (10 ** (mel / 2595) - 1)
        corners = np.floor((length + 1) * hertz / int(sample_rate))
        left, center, right = corners[:-2], corners[1:-1], corners[2:]
        bins = np.arange(length // 2 + 1)[:, None]
        rising = np.where(center == left, bins == center, (bins - left) / np.where(center == left, 1, center - left))
        falling = (right - bins) / np.where(right == center, 1, right - center)
        y = np.where((bins >= left) & (bins <= center), rising, 0)
        y = np.where((bins >= center) & (bins < right), falling, y)
        return y.astype(d.dtype(output_datatype).numpy)


__all__: list[str] = []

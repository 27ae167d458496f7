"""Recurrent layers with quantized weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import BYTES, FLOAT, contrib, values_of
from sardonyx.ops.declare import Float, Floats, Input, Int, Output, String, Strings, infers, reference, types
from sardonyx.ops.known import Known


def _restored(w: Array, scale: Array, zero: Array) -> Array:
    """Weights [direction, in, 4 * hidden] with a scale for each direction, or for each direction and column; as LSTM has them."""
    factor, point = (x.reshape(w.shape[0], 1, -1) for x in (scale, zero.astype(np.float32)))
    return ((w.astype(np.float32) - point) * factor).swapaxes(1, 2)


@contrib("DynamicQuantizeLSTM")
class DynamicQuantizeLSTM:
    """LSTM with quantized weights, which lie transposed. It may quantize what they meet; the reference does not."""

    T, T1, T2 = types(FLOAT), types(frozenset({d.INT32})), types(BYTES)
    X, W, R, B = Input(T), Input(T2), Input(T2), Input(T, optional=True)
    sequence_lens, initial_h, initial_c = Input(T1, optional=True), Input(T, optional=True), Input(T, optional=True)
    P = Input(T, optional=True)
    W_scale, W_zero_point, R_scale, R_zero_point = Input(T), Input(T2), Input(T), Input(T2)
    Y, Y_h, Y_c = Output(T, optional=True), Output(T, optional=True), Output(T, optional=True)
    activation_alpha, activation_beta, activations = Floats(), Floats(), Strings()
    clip, direction, hidden_size, input_forget = Float(), String("forward"), Int(), Int(0)

    @infers
    def infer(X: Known, W: Known, R: Known, *_: Known | None) -> list[Any]:
        directions, hidden = R.shape[0], R.shape[1]
        last = (directions, X.shape[1], hidden)
        return [(X.shape[0], directions, X.shape[1], hidden), last, last]

    @reference
    def run(
        X: Array, W: Array, R: Array, B: Array | None, lengths: Array | None, h: Array | None, c: Array | None,
        P: Array | None, W_scale: Array, W_zero: Array, R_scale: Array, R_zero: Array, *, activation_alpha: Any,
        activation_beta: Any, activations: Any, clip: float | None, direction: str, hidden_size: int | None,
        input_forget: int,
    ) -> list[Array]:  # fmt: skip
        facts: dict[str, Any] = {"activation_alpha": activation_alpha, "activation_beta": activation_beta}
        facts |= {
            "activations": activations,
            "clip": clip,
            "direction": direction,
            "hidden_size": hidden_size or R.shape[1],
        }
        w, r = _restored(W, W_scale, W_zero), _restored(R, R_scale, R_zero)
        return values_of("LSTM", X, w, r, B, lengths, h, c, P, outputs=3, input_forget=input_forget, **facts)


__all__: list[str] = []

"""Transforms against NumPy's and torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import ShapeError
from sardonyx.ops import infer_outputs, known, schema_of
from tests.ops.apply import apply

X = np.random.default_rng(0).standard_normal((2, 10, 6, 2))
Z = X[..., 0] + 1j * X[..., 1]


def pairs(z: Any) -> Any:
    return np.stack([np.real(z), np.imag(z)], -1)


@pytest.mark.parametrize("length", [None, 7, 16])
@pytest.mark.parametrize("axis", [None, 1, -3])
def test_dft_is_numpys(axis: int | None, length: int | None) -> None:
    at = 2 if axis is None else 1
    inputs = [None if length is None else np.int64(length), None if axis is None else np.int64(axis)]
    np.testing.assert_allclose(apply("DFT", X, *inputs), pairs(np.fft.fft(Z, length, at)), atol=1e-9)
    np.testing.assert_allclose(apply("DFT", X, *inputs, inverse=1), pairs(np.fft.ifft(Z, length, at)), atol=1e-9)
    real = apply("DFT", X[..., :1], *inputs, onesided=1)
    np.testing.assert_allclose(real, pairs(np.fft.rfft(X[..., 0], length, at)), atol=1e-9)
    back = apply("DFT", X, *inputs, onesided=1, inverse=1)
    np.testing.assert_allclose(back[..., 0], np.fft.irfft(Z, length, at), atol=1e-9)


def test_the_axis_was_an_attribute() -> None:
    np.testing.assert_allclose(apply("DFT", X, opset=17), pairs(np.fft.fft(Z, axis=1)), atol=1e-9)


def test_the_last_axis_is_no_signal() -> None:
    with pytest.raises(ShapeError, match="real and imaginary parts"):
        apply("DFT", X, None, np.int64(-1))


@pytest.mark.parametrize("onesided", [0, 1])
def test_stft_is_torchs(onesided: int) -> None:
    signal, window = X[:, :, 0, 0], np.hanning(4)
    wanted = torch.stft(
        torch.tensor(signal),
        4,
        3,
        window=torch.tensor(window),
        center=False,
        onesided=bool(onesided),
        return_complex=True,
    )
    found = apply("STFT", signal[..., None], np.int64(3), window, onesided=onesided)
    np.testing.assert_allclose(found, pairs(wanted.numpy().swapaxes(1, 2)), atol=1e-9)


def test_stft_counts_frames_of_a_symbolic_length() -> None:
    schema = schema_of("", "STFT", 17)
    assert schema is not None
    inputs = [known(FLOAT32, (1, symbol("n"), 1)), known(INT64, (), 3), None, known(INT64, (), 8)]
    (found,) = infer_outputs(schema, inputs, {"onesided": True}, 1)
    assert found.shape == (1, (symbol("n") - 8) // 3 + 1, 5, 2)


@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
def test_windows_are_torchs(name: str, periodic: int) -> None:
    make = getattr(torch, f"{name}_window")
    for size in (1, 2, 9):
        found = apply(f"{name.title()}Window", np.int64(size), periodic=periodic)
        facts = {"alpha": 25 / 46, "beta": 21 / 46} if name == "hamming" else {}
        np.testing.assert_allclose(found, make(size, periodic=bool(periodic), **facts), atol=1e-6)
    assert apply(f"{name.title()}Window", np.int64(0)).shape == (0,)


def test_mel_triangles_reach_one_and_do_not_leave_the_band() -> None:
    found = apply("MelWeightMatrix", np.int64(8), np.int64(64), np.int64(8192), np.float32(500), np.float32(4000))
    assert found.shape == (33, 8)
    assert found.max(0).tolist() == [1] * 8
    hertz = np.arange(33) * 8192 / 64
    assert not found[hertz < 400].any() and not found[hertz > 4000].any()

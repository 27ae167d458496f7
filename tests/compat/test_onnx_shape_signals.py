"""Signals and images cut about their centre: both packages say the same of them, constants or not, right or wrong."""

from __future__ import annotations

import itertools

import pytest

from tests.compat.test_onnx_shape_refusals import both, model

MODES = list(itertools.product((False, True), repeat=3))  # strict_mode, check_type, data_prop
SIZES = ("int64 {5}", "int32 {5}", "double {5.5}", "float {5}", "int64 {0}", "int64 {-1}", "int64[1] {5}", "uint8 {5}")
DFT = "n = Constant<value = int64 {{{n}}}>() a = Constant<value = int64 {{{a}}}>() y = DFT<{flags}>(x, {inputs})"
FLAGS = ("onesided = 0", "onesided = 1", "inverse = 1", "onesided = 1, inverse = 1")
STFT = "s = Constant<value = {step}>() n = Constant<value = {length}>() y = STFT<onesided = {onesided}>(x, s, {rest})"


def all_modes(text: str) -> None:
    for strict, check, follow in MODES:
        both(text, strict=strict, check=check, follow=follow)


@pytest.mark.parametrize("op_type", ["HannWindow", "HammingWindow", "BlackmanWindow"])
def test_windows(op_type: str) -> None:
    for size in SIZES:
        all_modes(model("float x", f"n = Constant<value = {size}>() y = {op_type}(n)"))
    for size in ("int64", "int64[1]", "int32[N]", "int64[]", "float"):
        all_modes(model(f"{size} n", f"y = {op_type}<output_datatype = 11>(n)"))


def test_a_window_whose_size_is_a_vector() -> None:
    """What is no constant is not looked at, though no window could come of it."""
    said = both(model("int64[2] n", "y = HannWindow(n)"), strict=True)
    assert isinstance(said, bytes) and b"y" in said


@pytest.mark.parametrize("size", SIZES)
def test_mel_weights(size: str) -> None:
    for order in ("n, m, m", "m, n, m", "m, m, n"):
        constants = f"n = Constant<value = {size}>() m = Constant<value = int64 {{7}}>()"
        all_modes(model("float a", f"{constants} y = MelWeightMatrix({order}, a, a)"))
    all_modes(model("float a, int64 m", f"n = Constant<value = {size}>() y = MelWeightMatrix(n, m, n, a, a)"))


@pytest.mark.parametrize(
    "x", ["float[2, 9, 1]", "float[B, T, 2]", "double[2, 8, 5, ?]", "float[3]", "float[]", "int64[2, 4, 1]"]
)
def test_transforms(x: str) -> None:
    for flags, (n, a) in itertools.product(FLAGS, ((42, 0), (7, -2), (4, 1), (4, -1), (0, 3))):
        for inputs in (", ", "n, ", ", a", "n, a", "c, a", "c, ", ", c", "n, c"):
            both(model(f"{x} x, int64 c", DFT.format(n=n, a=a, flags=flags, inputs=inputs)), strict=True)
        for inputs in ("", "n", "c"):
            body = DFT.format(n=n, a=a, flags=f"{flags}, axis = {a}", inputs=inputs)
            both(model(f"{x} x, int64 c", body, version=17), strict=True)


@pytest.mark.parametrize("x", ["float[2, 16, 1]", "float[B, 16, 2]", "float[2, T, 1]", "float[16]", "float[]"])
def test_frames(x: str) -> None:
    for step, length in (("int64 {2}", "int64 {5}"), ("int64 {20}", "int32 {4}"), ("int64[1] {3}", "int64[1] {5}")):
        for rest, onesided in itertools.product(("w", ", n", "w, n", "v, n", "u", "u, n", "t, n", ", c"), (0, 1)):
            inputs = f"{x} x, float[5] w, float[4] v, float[W] u, float[5, 1] t, int64 c"
            body = STFT.format(step=step, length=length, onesided=onesided, rest=rest)
            both(model(inputs, body), strict=True)


def test_more_steps_than_fit() -> None:
    for step, length in ((3, 20), (7, 40), (0, 4)):
        body = STFT.format(step=f"int64 {{{step}}}", length=f"int64 {{{length}}}", onesided=0, rest=", n")
        all_modes(model("float[2, 16, 1] x", body))


@pytest.mark.parametrize(
    "axes", ["", "axes = [0, 1]", "axes = [-1, 0]", "axes = [1, -2]", "axes = [0, 3]", "axes = [1]"]
)
def test_centred(axes: str) -> None:
    for target in ("int64[2] {4, 9}", "int32[2] {4, 9}", "float[2] {4, 9}", "int64[0] {}", "int64[3] {1, 2, 3}"):
        for x in ("float[5, 8, 3]", "float[H, W, 3]", "float[4, 5]", "float[]"):
            body = f"s = Constant<value = {target}>() y = CenterCropPad<{axes}>(x, s)"
            both(model(f"{x} x", body if axes else body.replace("<>", "")), strict=True)


def test_centred_by_what_is_no_constant() -> None:
    all_modes(model("float[5, 8] x, int64[2] s", "y = CenterCropPad(x, s)"))
    all_modes(model("float[5, 8] x, int64[2] s", "y = CenterCropPad<axes = [5, 5]>(x, s)"))
    all_modes(model("float[5, 8] x, int64[2] s", "y = CenterCropPad(x, s, s)"))

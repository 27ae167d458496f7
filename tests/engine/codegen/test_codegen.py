"""Every sample kernel does on the machine what the interpreter says, at every instruction-set level, emulated ones included."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.errors import InputError
from sardonyx.engine.codegen import Target, assembly, compile, detect, llvm_text
from sardonyx.engine.threads import aligned
from sardonyx.tile import Builder, Kernel, bf16, call, f16, f32, i8, i32, i64, u8
from sardonyx.tile.interpret import interpret
from tests.tile import kernels

LEVELS = ("generic", "avx2:emulate", "avx512:emulate", "avx512bf16:emulate", "amx:emulate")


@pytest.fixture(params=LEVELS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("SARDONYX_ISA", request.param)
    return detect()


def call_native(kernel: Kernel, target: Target, args: Sequence[Any], begin: int = 0, end: int = 1) -> None:
    """Run tasks begin..end-1 of the machine code."""
    slots = np.array([a.ctypes.data if isinstance(a, np.ndarray) else a for a in args], np.int64)
    (code,) = compile([kernel], target)
    scratch = aligned(1 << 16)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(code.address)
    function(slots.ctypes.data, begin, end, scratch.ctypes.data)


def same(kernel: Kernel, target: Target, args: Sequence[Any], end: int = 1, *, ulps: int = 0) -> None:
    """Machine and interpreter leave the same bits in every array, or floats that are `ulps` apart."""
    ours = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    truth = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    call_native(kernel, target, ours, end=end)
    interpret(kernel, truth, end=end)
    for a, b in zip(ours, truth, strict=True):
        if not isinstance(a, np.ndarray):
            continue
        if ulps and a.dtype == np.float32:
            np.testing.assert_allclose(a, b, rtol=ulps * 2.0**-23, atol=ulps * 2.0**-23)
        else:
            np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))


def floats(*shape: int) -> Any:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def rounding(target: Target) -> int:
    """Without fused multiply-add a product is rounded before it is added."""
    return 0 if target.has("fma") else 16


@pytest.mark.parametrize("n", [0, 1, 7, 8, 19])
def test_dot(target: Target, n: int) -> None:
    same(kernels.dot(), target, [floats(20), floats(20), floats(1), n], ulps=rounding(target))


@pytest.mark.parametrize("lanes", [4, 16])
def test_dot_of_other_widths(target: Target, lanes: int) -> None:
    same(kernels.dot(lanes), target, [floats(37), floats(37), floats(1), 37], ulps=rounding(target))


@pytest.mark.parametrize("cols", [3, 16, 21])
def test_bias_gelu(target: Target, cols: int) -> None:
    same(
        kernels.bias_gelu(),
        target,
        [floats(3, 24), floats(24), floats(3, 24), cols, 24, 24],
        end=3,
        ulps=rounding(target),
    )


def test_gemm(target: Target) -> None:
    same(
        kernels.gemm(),
        target,
        [floats(6, 10), floats(2, 10, 16), floats(6, 32), 10, 10, 32],
        end=2,
        ulps=rounding(target),
    )


def test_control(target: Target) -> None:
    same(kernels.control(), target, [np.arange(3, 90, 5), np.zeros(4, np.int64), 12], end=4)


def test_lanes(target: Target) -> None:
    same(kernels.lanes(), target, [floats(32), np.zeros(80, np.float32), np.zeros(8, np.int32)])


def test_dot_instructions(target: Target) -> None:
    rng = np.random.default_rng(2)
    a, b = (floats(32).astype(ml_dtypes.bfloat16) for _ in range(2))
    x, y = rng.integers(0, 255, 64, np.uint8), rng.integers(-128, 127, 64, np.int8)
    same(
        kernels.dots(),
        target,
        [a, b, floats(16), x, y, rng.integers(-99, 99, 16, np.int32)],
        ulps=rounding(target) or 2,
    )


def test_word_dot_instructions(target: Target) -> None:
    """Products of 16-bit numbers, the most negative ones too, and a sum that wraps."""
    x, y = (np.random.default_rng(i).integers(-(2**15), 2**15, 32, np.int16) for i in (2, 3))
    x[:2] = y[:2] = -(2**15)
    same(kernels.word_dots(), target, [x, y, np.arange(32, dtype=np.int32) * 1000])


def test_lookup(target: Target) -> None:
    index = np.random.default_rng(5).integers(0, 2**32, 16, np.uint32)
    same(kernels.lookup(), target, [floats(16), index, np.zeros(16, np.float32)])


def test_matrix_unit(target: Target) -> None:
    a, b = floats(16, 64).astype(ml_dtypes.bfloat16), floats(2, 16, 32).astype(ml_dtypes.bfloat16)
    same(kernels.amx_product(), target, [a, b, floats(16, 16), 2], ulps=64)


@pytest.mark.parametrize("name", ["tdpbssd", "tdpbsud", "tdpbusd", "tdpbuud"])
def test_matrix_unit_in_bytes(target: Target, name: str) -> None:
    a, b = (np.random.default_rng(i).integers(0, 255, 1024, np.uint8, endpoint=True) for i in (3, 4))
    same(kernels.amx_int8(name), target, [a, b, np.zeros(256, np.int32)])


@pytest.mark.parametrize("kind", [bf16, f16])
def test_storage_types(target: Target, kind: Any) -> None:
    """Widening is exact; narrowing rounds to the nearest, ties to even; NaN and the infinities stay what they are."""
    k = Builder("storage")
    x, y, z = k.ptr("x", f32), k.ptr("y", kind), k.ptr("z", f32)
    narrow = k.let("narrow", x.load(0, 32).to(kind))
    y.store(0, narrow)
    z.store(0, narrow.to(f32))
    values = np.concatenate(
        [floats(20), np.float32([0, -0.0, np.inf, -np.inf, 1e-40, 65519, 65520, 3e38, 1.0009766, 6e-8, -1e-5, 1])]
    )
    same(k.build(), target, [values, np.zeros(32, kind.numpy), np.zeros(32, np.float32)])


@pytest.mark.parametrize("kind", [i8, u8, i32, i64])
def test_integer_division_never_traps(target: Target, kind: Any) -> None:
    k = Builder("division")
    x, y, z = k.ptr("x", kind), k.ptr("y", kind), k.ptr("z", kind)
    a, b = x.load(0, 8), y.load(0, 8)
    for i, value in enumerate((a // b, a % b)):
        z.store(8 * i, value)
    least = np.iinfo(kind.numpy).min
    args = [np.array([7, -7, 7, -7, 0, least, least, 5], np.int64), np.array([2, 2, -2, -2, 0, -1, 0, 0], np.int64)]
    same(k.build(), target, [*(a.astype(kind.numpy) for a in args), np.zeros(16, kind.numpy)])


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "erf", "sigmoid", "sin", "pow"])
def test_functions(target: Target, name: str) -> None:
    k = Builder(name)
    x, y = k.ptr("x", f32), k.ptr("y", f32)
    args = [x.load(0, 16)] * (2 if name == "pow" else 1)
    y.store(0, call(name, *args))
    values = np.float32([0.5, 1, 2.5, -3, 0, 10, -80, 89, 1e-30, 1e30, np.inf, -np.inf, np.nan, -0.0, 3.1415927, 0.1])
    same(k.build(), target, [values, np.zeros(16, np.float32)], ulps=rounding(target))


def test_texts_can_be_read() -> None:
    target = detect()
    assert "define void @dot(ptr %args, i64 %begin, i64 %end, ptr %scratch)" in llvm_text(kernels.dot(), target)
    assert "dot:" in assembly(kernels.dot(), target)


def test_levels_are_ordered_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_ISA", "avx2:emulate")
    target = detect()
    assert (target.isa, target.vector_bits) == ("avx2", 256)
    assert target.at_least("generic") and not target.at_least("avx512")
    monkeypatch.setenv("SARDONYX_ISA", "sse9")
    with pytest.raises(InputError, match="names no instruction-set level"):
        detect()


def test_a_level_that_the_cpu_lacks_needs_emulation(monkeypatch: pytest.MonkeyPatch) -> None:
    if detect().has("amx-tile"):
        pytest.skip("this CPU has every level")
    monkeypatch.setenv("SARDONYX_ISA", "amx")
    with pytest.raises(InputError, match="more than this CPU has"):
        detect()

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from sardonyx.core.dtypes import (
    BFLOAT16,
    BOOL,
    FLOAT6E2M3,
    FLOAT8E4M3FN,
    FLOAT8E5M2,
    FLOAT8E8M0,
    INT2,
    INT64,
    STRING,
    UINT64,
    DType,
    dtype,
)
from sardonyx.ops import lookup
from sardonyx.ops.cast import convert

CAST = lookup("", "Cast")
assert CAST is not None
KINDS = sorted((t for t in CAST.at(28).inputs[0].types if isinstance(t, DType)), key=lambda t: t.code)


def sample(kind: DType) -> Any:
    """1, 2 and 1, which every type holds, or nearly: int2 ends at 1."""
    if kind is STRING:
        return np.array(["1", "2", "1"], object)
    return np.array([1, 1 if kind in (INT2, BOOL) else 2, 1], np.float32).astype(np.int8).astype(kind.numpy)


@pytest.mark.parametrize(("source", "target"), itertools.product(KINDS, KINDS), ids=str)
def test_small_numbers_pass_between_all_types(source: DType, target: DType) -> None:
    y = convert(sample(source), target, saturate=True)
    assert dtype(y.dtype) is target
    if (source, target) == (BOOL, STRING):
        assert y.tolist() == ["True"] * 3
        return
    two = 1 if source in (INT2, BOOL) else 2
    expected = 1 if target is BOOL else -2 if target is INT2 and two == 2 else two
    assert y.astype(np.float64).tolist() == [1, expected, 1]


def test_strings_of_large_integers_keep_their_digits() -> None:
    text = np.array(["-9007199254740993", "1e3", "7.9"], object)
    assert convert(text, INT64, saturate=True).tolist() == [-9007199254740993, 1000, 7]
    assert convert(np.array(["18446744073709551615"], object), UINT64, saturate=True).tolist() == [2**64 - 1]


def test_what_is_not_zero_is_true() -> None:
    assert convert(np.array([np.nan, -0.0, 0.5]), BOOL, saturate=True).tolist() == [True, False, True]


@pytest.mark.parametrize(("mode", "expected"), [("up", [2, 4, 4]), ("down", [2, 2, 2]), ("nearest", [2, 2, 4])])
def test_powers_of_two_are_rounded_as_told(mode: str, expected: list[int]) -> None:
    y = convert(np.array([2, 2.5, 3]), FLOAT8E8M0, saturate=True, round_mode=mode)
    assert y.astype(np.float32).tolist() == expected


@pytest.mark.parametrize("target", [BFLOAT16, FLOAT8E4M3FN, FLOAT8E5M2, FLOAT6E2M3], ids=str)
def test_doubles_are_rounded_once(target: DType) -> None:
    """A hair beside the middle of two neighbours decides; float32, on the way, would make a tie of it."""
    codes = np.arange(1 << min(target.bits, 8), dtype=np.uint8)
    found = (codes.astype(np.uint16) << 8).view(target.numpy) if target is BFLOAT16 else codes.view(target.numpy)
    values = np.unique(found[np.isfinite(found.astype(np.float32))].astype(np.float64))
    if target is BFLOAT16:  # those that lie next to what was picked
        values = np.unique(np.concatenate([values, values * (1 + 2.0**-7)]))
        low = values[(values > 0) & (values < 1e30)]
        high = low * (1 + 2.0**-7)
        keep = (low.astype(target.numpy) == low) & (high.astype(target.numpy).astype(np.float64) == high)
        low, high = low[keep], high[keep]
    else:
        low, high = values[:-1], values[1:]
    middle = (low + high) / 2
    for beside, expected in ((np.nextafter(middle, np.inf), high), (np.nextafter(middle, -np.inf), low)):
        np.testing.assert_array_equal(convert(beside, target, saturate=True).astype(np.float64), expected)


def test_large_integers_are_rounded_once() -> None:
    x = np.array([(1 << 40) + (1 << 32) + 1, -(1 << 62) - (1 << 54) - 1, (1 << 24) + (1 << 16) + 1], np.int64)
    expected = [(1 << 40) + (1 << 33), -(1 << 62) - (1 << 55), (1 << 24) + (1 << 17)]
    assert convert(x, BFLOAT16, saturate=True).astype(np.float64).tolist() == expected

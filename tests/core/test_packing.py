"""Packed elements: the bit stream is the official one, and nothing is lost in it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardonyx.core import dtypes as d
from sardonyx.core import packing
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError

PACKED = [t for t in d.ALL if t.packed]


@given(st.sampled_from([2, 4, 6]), st.binary(max_size=40))
def test_unpack_inverts_pack(bits: int, data: bytes) -> None:
    codes = np.frombuffer(data, np.uint8) & np.uint8((1 << bits) - 1)
    stream = packing.pack(codes, bits)
    assert stream.size == (codes.size * bits + 7) // 8
    assert np.array_equal(packing.unpack(stream, bits, codes.size), codes)


@given(st.sampled_from([2, 4, 6]), st.lists(st.integers(0, 63), max_size=40))
def test_stream_is_least_significant_bit_first(bits: int, codes: list[int]) -> None:
    """The stream, read as one little-endian number, has code i at bit i * bits."""
    codes = [c & ((1 << bits) - 1) for c in codes]
    number = sum(c << (i * bits) for i, c in enumerate(codes))
    expected = number.to_bytes((len(codes) * bits + 7) // 8, "little")
    assert packing.pack(np.array(codes, np.uint8), bits).tobytes() == expected


@pytest.mark.parametrize("kind", PACKED, ids=str)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 13])
def test_agrees_with_onnx(kind: DType, count: int) -> None:
    """The bytes are those that the official package writes."""
    codes = (np.arange(count) * 5 % (1 << kind.bits)).astype(np.uint8)
    array = packing.from_codes(codes, kind)
    assert array.dtype == kind.numpy
    official = onnx.numpy_helper.from_array(array)
    assert official.data_type == kind.code
    assert packing.pack(packing.to_codes(array, kind), kind.bits).tobytes() == official.raw_data


@pytest.mark.parametrize("kind", PACKED, ids=str)
def test_codes_survive(kind: DType) -> None:
    codes = np.arange(1 << kind.bits, dtype=np.uint8)
    assert np.array_equal(packing.to_codes(packing.from_codes(codes, kind), kind), codes)


def test_signed_codes_are_twos_complement() -> None:
    assert packing.from_codes(np.arange(16, dtype=np.uint8), d.INT4).astype(int).tolist() == [*range(8), *range(-8, 0)]
    assert packing.from_codes(np.arange(4, dtype=np.uint8), d.INT2).astype(int).tolist() == [0, 1, -2, -1]


def test_short_stream_is_refused() -> None:
    with pytest.raises(FormatError, match="5 elements of 4 bits need 3 bytes, 2 are there"):
        packing.unpack(np.zeros(2, np.uint8), 4, 5)

"""The garbage collector waits while a file is read, and goes on afterwards, whatever happened."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import sardonyx as sx
from sardonyx.core.errors import FormatError
from sardonyx.io.pause import no_collection


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


def test_it_waits_and_goes_on() -> None:
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled(), "the outer one has not ended"
    assert gc.isenabled()


def test_who_has_stopped_it_finds_it_stopped() -> None:
    gc.disable()
    with no_collection():
        pass
    assert not gc.isenabled()


def test_it_goes_on_after_a_refusal() -> None:
    for read in (sx.from_bytes, sx.load, sx.check):
        with pytest.raises(FormatError):
            read(b"\xff\xff")
        assert gc.isenabled()

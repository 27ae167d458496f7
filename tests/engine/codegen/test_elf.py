"""Object files into memory without a linker: the same results as LLVM's, and a refusal of all else."""

from __future__ import annotations

import ctypes
import platform
import sys

import llvmlite.binding as llvm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx.engine.codegen import cache, detect, elf, native
from sardonyx.engine.codegen.jit import text_object
from sardonyx.engine.codegen.linker import link

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="object files of x86-64 Linux"
)

TABLE = """
@table = private constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0]
declare double @pow(double, double)
define double @first(i64 %i) {
  %at = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %x = load double, ptr %at
  %y = call double @second(double %x)
  ret double %y
}
define double @second(double %x) {
  %y = call double @pow(double %x, double 3.5)
  %z = fadd double %y, 0.1
  ret double %z
}
"""
WRITTEN = "@count = global i64 1\ndefine i64 @f() { %x = load i64, ptr @count ret i64 %x }"
UNKNOWN = "declare i64 @no_such_function()\ndefine i64 @f() { %x = call i64 @no_such_function() ret i64 %x }"


@pytest.fixture(scope="module")
def image() -> bytes:
    return text_object(TABLE, "table", detect())


def called(at: int, i: int) -> float:
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(at)(i)


def test_functions_constants_and_the_c_library(image: bytes) -> None:
    found = elf.load(image, ["first", "second"])
    assert found is not None and set(found) == {"first", "second"}
    assert [called(found["first"], i) for i in range(4)] == [(2.0**i) ** 3.5 + 0.1 for i in range(4)]


def test_llvms_linker_gives_the_same(image: bytes) -> None:
    found, other = elf.load(image, ["first"]), link(image, "key", ["first"])
    assert found is not None
    assert [called(found["first"], i) for i in range(4)] == [called(other["first"], i) for i in range(4)]


@pytest.mark.parametrize("text", [WRITTEN, UNKNOWN])
def test_what_needs_a_linker_is_refused(text: str) -> None:
    llvm.initialize_native_target()
    assert elf.load(text_object(text, "f", detect()), ["f"]) is None


def test_what_is_not_there_is_refused(image: bytes) -> None:
    assert elf.load(image, ["third"]) is None
    assert elf.load(b"", ["first"]) is None
    assert elf.load(b"MZ" + image[2:], ["first"]) is None


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damage_is_refused_or_does_no_harm(image: bytes, data: st.DataObject) -> None:
    """The frame on disk proves a file whole; should one get here all the same, loading it does not crash."""
    damaged = bytearray(image[: data.draw(st.integers(0, len(image)))])
    for _ in range(data.draw(st.integers(0, 8))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    elf.load(bytes(damaged), ["first"])


def test_code_that_elf_refuses_goes_to_the_linker() -> None:
    target = detect()
    key = native.key_of(WRITTEN, target)
    found = native.find(key, ["f"], lambda: text_object(WRITTEN, "f", target), disk=False)
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(found["f"])() == 1
    assert cache.read(key) is None

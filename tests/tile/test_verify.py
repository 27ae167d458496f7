"""What the builder, the expressions and the verifier refuse, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sardonyx.core.errors import CompileError
from sardonyx.tile import (
    Bin,
    Broadcast,
    Builder,
    Cast,
    Const,
    For,
    Instr,
    Kernel,
    Let,
    Load,
    Reg,
    Select,
    Set,
    Shuffle,
    Store,
    Type,
    Var,
    bf16,
    call,
    f32,
    f64,
    i1,
    i32,
    i64,
    ptr,
    type_of,
    u8,
    verify,
)  # fmt: skip
from sardonyx.tile.types import parse_type
from tests.tile.kernels import SAMPLES, dot

X, N = Var("x", ptr), Var("n", i64)
V = Var("v", f32.x(8))

EXPRESSIONS: dict[str, tuple[Callable[[], object], str]] = {
    "operands of two types": (lambda: Bin("add", Const(1, i64), Const(1, i32)), "one type"),
    "arithmetic on storage": (lambda: Var("h", bf16) + 1.0, "cast first"),
    "division of integers": (lambda: N / 2, "div does not work on i64"),
    "bits of floats": (lambda: V & V, "and does not work on f32x8"),
    "an unknown operator": (lambda: Bin("plus", N, N), "no operator 'plus'"),
    "a constant out of range": (lambda: Const(300, u8), "outside u8"),
    "a fraction as an integer": (lambda: Const(1.5, i64), "1.5 is no i64"),
    "a cast of lanes": (lambda: Cast(f32, V), "keeps the lanes"),
    "a bitcast of width": (lambda: V.bits(f64), "keeps the width"),
    "a mask of other lanes": (lambda: Load(f32.x(8), X, N, Const(True, i1.x(4))), "mask"),
    "a load of booleans": (lambda: Load(i1, X, N), "use u8"),
    "an index that is no i64": (lambda: Load(f32, X, Const(0, i32)), "indexed by i32"),
    "a load through a number": (lambda: Load(f32, N, N), "needs a pointer"),
    "a broadcast of a vector": (lambda: Broadcast(V, 8), "cannot broadcast"),
    "a lane too many": (lambda: V.lane(8), "no lane 8"),
    "a reduction of three lanes": (lambda: Var("t", f32.x(3)).reduce("add"), "power of two"),
    "a reduction by subtraction": (lambda: V.reduce("sub"), "cannot reduce"),
    "a shuffle out of range": (lambda: Shuffle(V, V, (0, 16)), "below 16"),
    "a select of two types": (lambda: Select(Const(True, i1), N, V), "one type"),
    "a truth value": (lambda: bool(N < 3), "no truth value"),
    "a step of zero": (lambda: For(N, N, N, Const(0, i64), ()), "positive"),
    "a let of another type": (lambda: Let(N, V), "it must be f32x8"),
    "vector pointers": (lambda: Type("ptr", 4), "cannot have 4 lanes"),
    "an unknown kind": (lambda: Type("f8"), "no kind 'f8'"),
    "an unknown type name": (lambda: parse_type("float"), "no type"),
    "an unknown NumPy type": (lambda: type_of("complex64"), "no kind for elements"),
    "two Python numbers": (lambda: call("exp", 1.0), "at least one expression"),
}


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_expressions_check_themselves(case: str) -> None:
    make, says = EXPRESSIONS[case]
    with pytest.raises(CompileError, match=says):
        make()


def _kernel(*body: object) -> Kernel:
    kernel = dot()
    return replace(kernel, body=body)


R = Reg("r", i64)
KERNELS: dict[str, tuple[Callable[[], Kernel], str]] = {
    "a name that is never bound": (lambda: _kernel(Let(Var("a", i64), Var("b", i64))), "b .i64. is never bound"),
    "a name of another type": (lambda: _kernel(Let(Var("a", i64), Var("x", i64))), "x .i64. is not visible"),
    "a name bound twice": (lambda: _kernel(Let(Var("a", i64), N), Let(Var("a", i64), N)), "a is bound twice"),
    "a name out of its block": (
        lambda: _kernel(For(Var("i", i64), N, N, N, (Let(Var("a", i64), N),)), Let(Var("b", i64), Var("a", i64))),
        "a .i64. is not visible",
    ),
    "a register that may be unset": (
        lambda: _kernel(For(Var("i", i64), N, N, N, (Set(R, N),)), Let(Var("a", i64), R)),
        "may be read before it is set",
    ),
    "an unrolled loop of unknown length": (
        lambda: _kernel(For(Var("i", i64), Const(0, i64), N, Const(1, i64), (), "unroll")),
        "cannot be unrolled",
    ),
    "a name that would not read back": (lambda: _kernel(Let(Var("load", i64), N)), "cannot be a name"),
    "an unknown function": (lambda: _kernel(Let(Var("a", f32), call("exq", Const(1.0, f32)))), "no function 'exq'"),
    "too many arguments": (
        lambda: _kernel(Let(Var("a", f32), call("exp", Const(1.0, f32), 2.0))), "exp takes 1 arguments, not 2"
    ),
    "a function of integers": (lambda: _kernel(Let(Var("a", i64), call("exp", N))), "exp takes f32 or f64"),
    "a dot of wrong lanes": (
        lambda: _kernel(Let(Var("a", f32.x(4)), call("dpbf16", Const(0.0, f32.x(4)), 1.0, 1.0))), "dpbf16 takes"
    ),
    "an unknown instruction": (lambda: _kernel(Instr("tilemagic", ())), "no instruction 'tilemagic'"),
    "a tile that does not exist": (lambda: _kernel(Instr("tilezero", (8,))), "tilezero takes"),
    "a pointer that is a number": (lambda: _kernel(Instr("tileload", (0, N, N))), "tileload takes"),
}  # fmt: skip


@pytest.mark.parametrize("case", KERNELS)
def test_verifier_refuses(case: str) -> None:
    make, says = KERNELS[case]
    with pytest.raises(CompileError, match=says):
        verify(make())


def test_parameters_are_slots() -> None:
    k = Builder("k")
    k.param("half", i32)
    with pytest.raises(CompileError, match="slots hold ptr, i64, f32, f64"):
        k.build()


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_verify(name: str) -> None:
    kernel = SAMPLES[name]()
    assert verify(kernel) is kernel


BUILDER: dict[str, tuple[Callable[[Builder], object], str]] = {
    "two parameters of one name": (lambda k: (k.param("n"), k.param("n")), "already has something called 'n'"),
    "a value of another kind": (lambda k: k.ptr("x", f32).store(0, Const(1, i64)), "a pointer to f32 cannot store i64"),
    "setting what is no register": (lambda k: k.set(k.param("n"), 1), "only a register can be set"),
    "an otherwise of nothing": (lambda k: k.otherwise().__enter__(), "must directly follow a when"),
}


@pytest.mark.parametrize("case", BUILDER)
def test_builder_refuses(case: str) -> None:
    act, says = BUILDER[case]
    with pytest.raises(CompileError, match=says):
        act(Builder("k"))


def test_numbers_and_scalars_adapt_to_their_partner() -> None:
    assert (V + 1).type == (1 + V).type == f32.x(8)
    assert (V * Var("s", f32)).type == f32.x(8)
    assert (N + 0) is N
    assert N * 1 is N
    assert Const(6, i64) - 2 == Const(4, i64)
    assert (V < 0.0).type == i1.x(8)


def test_what_is_used_twice_is_bound_once() -> None:
    k = Builder("k")
    x = k.ptr("x", f32)
    v = x.load(0)
    for _ in range(30):  # 2**30 nodes as a tree
        v = v * v
    x.store(0, v)
    kernel = k.build()
    assert len(kernel.body) == 31
    assert isinstance(kernel.body[-1], Store)

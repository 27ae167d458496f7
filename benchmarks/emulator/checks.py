"""Sardonyx on the matrix unit, bit for bit: `python -m benchmarks.emulator.checks write FILE` here, `... check FILE` in the guest.

`write` computes the cases with the unit's instructions spelled out (SARDONYX_ISA=amx:emulate); `check` lets Sardonyx find the
unit by itself, compares, and then goes where tile state could be lost: threads, forks, signals. `count FILE` tells how many
instructions products take (a tick of Bochs's time stamp counter each), for any SARDONYX_ISA.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.engine.codegen import detect
from sardonyx.engine.session import Precision, Session
from sardonyx.ir import Tensor
from sardonyx.ir.text import parse_model

__all__ = ["CASES", "Case", "main"]

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\nagraph '


def floats(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def whole(kind: str, *shape: int, seed: int = 0) -> Any:
    facts = np.iinfo(kind)
    return np.random.default_rng(seed).integers(facts.min, facts.max, shape, kind, endpoint=True)


@dataclass(frozen=True)
class Case:
    """A model in ONNX text whose input `w` is constant, and what it runs on."""

    text: str
    w: Any
    feeds: tuple[Any, ...]
    precision: Precision = "highest"
    threads: int = 1

    def session(self) -> Session:
        model = parse_model(HEAD + self.text)
        model.graph.add_initializer(Tensor(self.w), "w")
        session = Session(model, threads=self.threads, precision=self.precision)
        assert not session.fallbacks
        return session

    def run(self) -> Any:
        return np.array(self.session()(*self.feeds)[0])


def product(m: int, k: int, n: int, precision: Precision = "highest", threads: int = 1) -> Case:
    text = f"(float[m,{k}] x, float[{k},{n}] w) => (float[m,{n}] y) {{ y = MatMul(x, w) }}"
    return Case(text, floats(k, n, seed=1), (floats(m, k),), precision, threads)


def bytes_product(a: str, b: str, m: int, k: int, n: int) -> Case:
    text = f"({a}[m,{k}] x, {b}[{k},{n}] w) => (int32[m,{n}] y) {{ y = MatMulInteger(x, w) }}"
    return Case(text, whole(b, k, n, seed=1), (whole(a, m, k),))


def convolution(channels: int, maps: int, groups: int, attributes: str) -> Case:
    each = channels // groups
    text = (
        f"(float[n,{channels},h,v] x, float[{maps},{each},3,3] w, float[{maps}] b) => (float[n,{maps},p,q] y)"
        f"{{ h = Conv<{attributes}>(x, w, b)  y = Relu(h) }}"
    )
    return Case(text, floats(maps, each, 3, 3, seed=1), (floats(2, channels, 5, 6), floats(maps, seed=2)))


SIDES = [(a, b) for a in ("uint8", "int8") for b in ("uint8", "int8")]
PRECISIONS: tuple[Precision, ...] = ("highest", "high", "medium")
CASES: dict[str, Case] = {
    **{
        f"{m}x{k}x{n} {p}": product(m, k, n, p)
        for p in PRECISIONS
        for m, k, n in [(33, 40, 65), (70, 300, 65), (1, 31, 64)]
    },
    **{f"130x77x200 {p}, two threads": product(130, 77, 200, p, 2) for p in PRECISIONS},
    "windows": convolution(33, 33, 1, "pads = [1, 1, 1, 1]"),
    "strided windows of few channels": convolution(3, 8, 1, "pads = [1, 1, 1, 1], strides = [2, 2]"),
    "groups": convolution(6, 10, 2, "group = 2"),
    "batches": Case(
        "(float[2,m,20] x, float[2,20,37] w) => (float[2,m,37] y) { y = MatMul(x, w) }",
        floats(2, 20, 37),
        (floats(2, 9, 20),),
    ),
    **{f"{a} by {b}": bytes_product(a, b, 40, 100, 70) for a, b in SIDES},
}


def ways(want: Any) -> Iterator[tuple[str, bool]]:
    """What could lose the state of tiles, and whether a product came out right."""
    case = product(130, 77, 200)
    alone, pooled = case.session(), product(130, 77, 200, threads=2).session()

    def right(session: Session) -> bool:
        return np.asarray(session(*case.feeds)[0]).tobytes() == want.tobytes()

    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda s: found.extend(right(s) for _ in range(3)), args=(case.session(),))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield "new threads side by side", found == [True] * 6
    hits: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, _: hits.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    result = all(right(alone) for _ in range(4))
    signal.setitimer(signal.ITIMER_REAL, 0)
    yield f"under {len(hits)} signals", result and bool(hits)
    child = os.fork()
    if child == 0:
        os._exit(0 if right(alone) and right(pooled) else 1)
    yield "in a fork", os.waitpid(child, 0)[1] == 0
    yield "after the fork", right(alone) and right(pooled)
    faulthandler.enable()
    yield "with a signal stack", right(alone)
    small = np.full((64, 64), 2.0**-70, np.float32)
    lost = Case(product(64, 64, 64).text, small, (small,)).run()
    yield "products below the normal numbers are zero", not lost.any()


def counter() -> Callable[[], int]:
    """Reads the time stamp counter."""
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex("0f3148c1e2204809d0c3"))  # rdtsc; shl rdx, 32; or rax, rdx; ret
    return ctypes.CFUNCTYPE(ctypes.c_int64)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))


def count() -> None:
    """Print the instructions of some products, less those of a call that does nothing."""
    tick = counter()

    def least(call: Callable[[], object]) -> int:
        spent: list[int] = []
        for _ in range(3):
            start = tick()
            call()
            spent.append(tick() - start)
        return min(spent)

    nothing = least(lambda: None)
    for m, k, n in [(64, 256, 256), (128, 512, 512)]:
        cases = {f"float32, {p}": product(m, k, n, p) for p in PRECISIONS}
        for name, case in {**cases, "uint8 by int8": bytes_product("uint8", "int8", m, k, n)}.items():
            session = case.session()
            session(*case.feeds)
            spent = least(lambda session=session, case=case: session(*case.feeds)) - nothing
            print(f"{detect().isa} {m}x{k}x{n} {name}: {spent}, {spent / (2 * m * k * n):.4f} an operation", flush=True)


def main(mode: str, file: str = "") -> int:
    """Do what the command line says; the number of cases that went wrong."""
    print(detect().isa, *sorted(f for f in detect().features if f.startswith("amx")), flush=True)
    if mode == "count":
        count()
        return 0
    if mode == "write":
        np.savez(file, **{name: case.run() for name, case in CASES.items()})
        return 0
    wrong = 0
    with np.load(file) as expected:
        results = ((name, case.run().tobytes() == expected[name].tobytes()) for name, case in CASES.items())
        for rows in (results, ways(expected["130x77x200 highest, two threads"])):
            for name, right in rows:
                wrong += not right
                print("right" if right else "WRONG", name, flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

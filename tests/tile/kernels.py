"""Sample kernels that several tests use: one per thing the tile IR can say."""

from __future__ import annotations

from collections.abc import Callable

from sardonyx.tile import (
    Builder,
    Expr,
    Fma,
    Kernel,
    Ramp,
    Shuffle,
    bf16,
    call,
    f32,
    i8,
    i16,
    i32,
    i64,
    select,
    u8,
    u32,
)  # fmt: skip


def dot(lanes: int = 8) -> Kernel:
    k = Builder("dot")
    x, y, out, n = k.ptr("x", f32), k.ptr("y", f32), k.ptr("out", f32), k.param("n", i64)
    acc = k.reg("acc", f32.x(lanes), 0.0)

    def add(i: Expr, mask: Expr | None) -> None:
        k.set(acc, Fma(x.load(i, lanes, mask), y.load(i, lanes, mask), acc))

    k.strip("i", 0, n, lanes, add)
    out.store(0, acc.reduce("add"))
    return k.build()


def bias_gelu() -> Kernel:
    k = Builder("bias_gelu")
    x, bias, y = k.ptr("x", f32), k.ptr("bias", f32, noalias=True, align=4), k.ptr("y", f32)
    cols, x_stride, y_stride = (k.param(name, i64) for name in ("cols", "x_stride", "y_stride"))
    x, y = x.at(k.task * x_stride), y.at(k.task * y_stride)

    def gelu(j: Expr, mask: Expr | None) -> None:
        v = k.let("v", x.load(j, 8, mask) + bias.load(j, 8, mask))
        y.store(j, v * 0.5 * (1.0 + call("erf", v * 0.5**0.5)), mask)

    k.strip("j", 0, cols, 8, gelu, unroll=2)
    return k.build()


def gemm(rows: int = 6, vectors: int = 2, lanes: int = 8, unroll: int = 1) -> Kernel:
    """C[rows, vectors * lanes] of task = A[rows, K] B[K, vectors * lanes], B packed per task."""
    k = Builder("gemm")
    a, b, c = k.ptr("a", f32), k.ptr("b", f32, noalias=True), k.ptr("c", f32)
    depth, lda, ldc = k.param("depth"), k.param("lda"), k.param("ldc")
    width = lanes * vectors
    b, c = b.at(k.task * depth * width), c.at(k.task * width)
    acc = [[k.reg("acc", f32.x(lanes), 0.0) for _ in range(vectors)] for _ in range(rows)]
    with k.loop("p", 0, depth, unroll) as p:
        for u in range(unroll):
            panel = [b.load((p + u) * width + j * lanes, lanes) for j in range(vectors)]
            for r in range(rows):
                x = k.let("x", a.load(lda * r + p + u).splat(lanes))
                for j in range(vectors):
                    k.set(acc[r][j], Fma(x, panel[j], acc[r][j]))
    for r in range(rows):
        for j in range(vectors):
            c.store(ldc * r + j * lanes, acc[r][j])
    return k.build()


def amx_product() -> Kernel:
    """C[16, 16] f32 = A[16, 32 steps] B in bfloat16 pairs, on the matrix unit."""
    k = Builder("amx_product")
    a, b, c, steps = k.ptr("a", bf16), k.ptr("b", bf16), k.ptr("c", f32), k.param("steps")
    with k.setup():
        k.instr("tileconfig")
    k.instr("tilezero", 0)
    row = k.let("row", steps * 64)
    with k.loop("s", 0, steps) as s:
        k.instr("tileload", 4, a.at(s * 32).base, row)
        k.instr("tileload", 6, b.at(s * 512).base, k.let("line", 64))
        k.instr("tdpbf16ps", 0, 4, 6)
    k.instr("tilestore", 0, c.base, k.let("line", 64))
    return k.build()


def amx_int8(name: str) -> Kernel:
    """C[16, 16] i32 = A[16, 64] B in groups of four bytes, by one of the four 8-bit instructions."""
    k = Builder(f"amx_{name}")
    a, b, c = k.ptr("a", u8), k.ptr("b", u8), k.ptr("c", i32)
    with k.setup():
        k.instr("tileconfig")
    line = k.let("line", 64)
    k.instr("tilezero", 1)
    k.instr("tileload", 2, a.base, line)
    k.instr("tileload", 3, b.base, line)
    k.instr(name, 1, 2, 3)
    k.instr("tilestore", 1, c.base, line)
    return k.build()


def dots() -> Kernel:
    """One bfloat16 and one 8-bit dot instruction on sixteen lanes."""
    k = Builder("dots")
    a, b, f = k.ptr("a", bf16), k.ptr("b", bf16), k.ptr("f", f32)
    x, y, i = k.ptr("x", u8), k.ptr("y", i8), k.ptr("i", i32)
    f.store(0, call("dpbf16", f.load(0, 16), a.load(0, 32), b.load(0, 32)))
    i.store(0, call("dpbusd", i.load(0, 16), x.load(0, 64), y.load(0, 64)))
    return k.build()


def word_dots() -> Kernel:
    """The 16-bit dot instruction on four, eight and sixteen lanes."""
    k = Builder("word_dots")
    x, y, i = k.ptr("x", i16), k.ptr("y", i16), k.ptr("i", i32)
    for lanes in (4, 8, 16):
        i.store(lanes, call("dpwssd", i.load(lanes, lanes), x.load(0, 2 * lanes), y.load(0, 2 * lanes)))
    return k.build()


def lookup() -> Kernel:
    """A table of sixteen numbers, and sixteen indices of which the lowest four bits count."""
    k = Builder("lookup")
    table, index, out = k.ptr("table", f32), k.ptr("index", u32), k.ptr("out", f32)
    out.store(0, call("pick16", table.load(0, 16), index.load(0, 16)))
    return k.build()


def control() -> Kernel:
    """Branches, nested loops, registers set in both, a pointer register, local memory, scratch, a prefetch."""
    k = Builder("control")
    x, y, n = k.ptr("x", i64), k.ptr("y", i64), k.param("n", i64)
    with k.setup():
        base = k.let("base", n * 3)
    small, work = k.local("small", i64, 8), k.scratch(i64)
    total = k.reg("total", i64, 0)
    walker = k.ptr_reg("walker", x)
    with k.loop("i", 0, n) as i:
        v = walker.load(0)
        k.advance(walker, 1)
        x.prefetch(i, locality=2)
        with k.when(v % 2 > 0):
            k.set(total, total + v)
            with k.when(v > 50):
                k.set(total, total - 1)
        with k.otherwise():
            k.set(total, total ^ v)
            with k.loop("j", 0, 3, kind="unroll") as j:
                k.set(total, total + j * base)
        small.store(i % 8, total)
        work.store(i, total >> 1)
    y.store(k.task, total + small.load((n - 1) % 8) + work.load(n - 1))
    return k.build()


def lanes() -> Kernel:
    """Shuffles, lanes, ramps, selects, gathers, scatters, masks and horizontal reductions."""
    k = Builder("lanes")
    x, y, z = k.ptr("x", f32), k.ptr("y", f32), k.ptr("z", i32)
    v = x.load(0, 8)
    w = x.load(8, 8)
    index = k.let("index", (Ramp(i64.x(8)) * 3) % 16)
    y.store(0, Shuffle(v, w, (0, 8, 1, 9, 2, 10, 3, 11)))
    y.store(8, select(v < w, v, w))
    y.store(16, x.load(index), index.ne(9))
    y.store(k.let("places", index + 24), v + w)
    y.store(40, v.lane(3))
    mask = k.let("mask", k.mask(k.let("left", 5), 8))
    y.store(48, x.load(16, 8, mask), ~mask)
    y.store(56, x.load(16, 8, mask), mask)
    for at, op in enumerate(("add", "mul", "min", "max", "minb", "maxb")):
        y.store(64 + at, v.reduce(op))
    for at, op in enumerate(("add", "mul", "min", "max", "and", "or", "xor")):
        z.store(at, Ramp(i32.x(8)).reduce(op))
    return k.build()


SAMPLES: dict[str, Callable[[], Kernel]] = {
    "dot": dot, "bias_gelu": bias_gelu, "gemm": gemm, "amx_product": amx_product, "dots": dots, "control": control,
    "lanes": lanes,
}  # fmt: skip

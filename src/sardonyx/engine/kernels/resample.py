"""Making one axis of an array longer or shorter: every new place is a weighted sum of a few old ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Expr, Fma, Kernel, Type, i64
from sardonyx.tile.expr import Broadcast, Ramp

__all__ = ["ResampleSpec", "resample_kernel"]


@dataclass(frozen=True)
class ResampleSpec:
    """Of elements of a kind, over `outer` axes.

    Attributes:
        taps: how many old places a new one is made of; 0: one, taken as it is.
        along: whether lanes are places of the axis, each gathered from where it comes, rather than neighbours across it.
    """

    kind: str
    taps: int
    outer: int
    along: bool


@functools.cache
def resample_kernel(spec: ResampleSpec, target: Target) -> Kernel:
    """out[o..., i, j] = sum over t of weight[t, i] * x[o..., index[t, i], j].

    Parameters: out, x, index (int64), weight (unless taps is 0), places, the strides of out and x along the axis, n (of j);
    then for each outer axis its extent and the strides of out and x.
    Task: (o..., i), i fastest; `along`, o..., and there is one j.
    """
    k = Builder("resample")
    kind = Type(spec.kind)
    lanes = min(target.lanes(kind), target.lanes(i64)) if spec.along else target.lanes(kind)
    out, x, index = k.ptr("out", kind), k.ptr("x", kind), k.ptr("index", i64)
    weight = k.ptr("weight", kind) if spec.taps else None
    places, out_step, x_step, n = (k.param(name) for name in ("places", "out_step", "x_step", "n"))
    axes = [[k.param(f"o{i}_{what}") for what in ("n", "out", "x")] for i in range(spec.outer)]
    extents: list[Expr] = [a[0] for a in axes]
    found = decode(k, k.task, extents if spec.along else [*extents, places])
    for at, (_, to, source) in zip(found, axes, strict=False):
        out, x = out.at(at * to), x.at(at * source)

    def along(i: Expr, mask: Expr | None) -> None:
        def tap(t: int) -> Expr:
            where = index.load(places * t + i, lanes, mask)
            return x.load(where * x_step, lanes, mask)

        def share(t: int) -> Expr:
            assert weight is not None
            return weight.load(places * t + i, lanes, mask)

        to = (Ramp(i64.x(lanes)) + i) * out_step if lanes > 1 else i * out_step
        out.store(to, _total(spec.taps, tap, share), mask)

    if spec.along:
        k.strip("i", 0, places, lanes, along)
        return k.build()

    i = found[-1] if found else k.task
    row = out.at(i * out_step)
    sources = [x.at(index.load(places * t + i) * x_step) for t in range(max(spec.taps, 1))]
    shares = [weight.load(places * t + i) for t in range(spec.taps)] if weight is not None else []

    def across(j: Expr, mask: Expr | None) -> None:
        def share(t: int) -> Expr:
            return Broadcast(shares[t], lanes) if lanes > 1 else shares[t]

        row.store(j, _total(spec.taps, lambda t: sources[t].load(j, lanes, mask), share), mask)

    k.strip("j", 0, n, lanes, across)
    return k.build()


def _total(taps: int, tap: Callable[[int], Expr], share: Callable[[int], Expr]) -> Expr:
    """The weighted sum, from the first tap on."""
    if not taps:
        return tap(0)
    total = tap(0) * share(0)
    for t in range(1, taps):
        total = Fma(tap(t), share(t), total)
    return total

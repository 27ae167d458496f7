"""Random graphs of what the rules look for: whatever the optimizer makes of them gives the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.ir import Model, TensorType
from sardonyx.passes.contract import Work
from sardonyx.passes.pipeline import run_pipeline
from tests.passes.models import model_of, same_results

SOME, MANY = range(24), range(24, 1500)


class Sketch:
    """Writes random nodes on values of rank 3 whose first extent is symbolic."""

    def __init__(self, g: Any, seed: int) -> None:
        self.g, self.rng = g, np.random.default_rng(seed)

    def pick(self, items: Any) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def constant(self, *shape: int) -> np.ndarray:
        special = self.rng.random()
        if special < 0.3:
            return np.full(shape, self.pick([0, 1, 0.5, 2, -1]), np.float32)
        return self.rng.standard_normal(shape).astype(np.float32)

    def like(self, x: Any) -> np.ndarray:
        """A constant that broadcasts against `x`."""
        extents = [d if isinstance(d, int) else 1 for d in x.shape]
        kept = [d if self.rng.random() < 0.6 else 1 for d in extents]
        return self.constant(*kept[int(self.rng.integers(len(kept) + 1)) :])

    def step(self, x: Any, others: list[Any]) -> Any:
        g, static = self.g, [d for d in x.shape if isinstance(d, int)]
        kind = self.pick(
            [
                "unary",
                "binary",
                "binary",
                "other",
                "transpose",
                "transpose",
                "reshape",
                "flatten",
                "noop",
                "noop",
                "slice",
                "concat",
                "split",
                "expand",
                "norm",
                "product",
                "where",
                "cast",
                "act",
                "pair",
                "clip",
            ]
        )
        if kind == "unary":
            return self.pick([g.Relu, g.Tanh, g.Abs, g.Neg, g.Sigmoid, g.Identity])(x)
        if kind == "binary":
            f, c = self.pick([g.Add, g.Sub, g.Mul]), self.like(x)
            return f(x, c) if self.rng.random() < 0.6 else f(c, x)
        if kind == "other":
            alike = [y for y in others if y.shape == x.shape]
            return g.Add(x, self.pick(alike)) if alike else g.Mul(x, x)
        if kind == "transpose":
            return g.Transpose(x, perm=[int(i) for i in self.rng.permutation(x.rank)])
        if kind == "reshape":
            if len(static) < x.rank and self.rng.random() < 0.7:
                return g.Reshape(x, np.array([0 if not isinstance(d, int) else d for d in x.shape]))
            return g.Reshape(
                x, np.array([-1, static[-1] if static else 1]) if x.rank > 2 else np.array([*[0] * x.rank, 1])
            )
        if kind == "flatten":
            return g.Reshape(g.Flatten(x, axis=1), g.Shape(x))
        if kind == "noop":
            return self.pick([
                lambda: g.Mul(x, np.float32(1)), lambda: g.Add(np.float32(0), x), lambda: g.Dropout(x),
                lambda: g.Cast(g.Cast(x, to=11), to=1), lambda: g.Identity(x), lambda: g.Expand(x, g.Shape(x)),
                lambda: g.Concat(x, axis=0), lambda: g.Max(x),
            ])()  # fmt: skip
        if kind == "slice":
            axis = int(self.rng.integers(x.rank))
            start, stop = self.pick([(0, 2**31), (1, 2**31), (0, -1)])
            if not isinstance(x.shape[axis], int) or x.shape[axis] < 3:
                start, stop = 0, 2**31
            return g.Slice(x, np.array([start]), np.array([stop]), np.array([axis]))
        if kind == "concat":
            return g.Concat(x, x, axis=-1)
        if kind == "split":
            if not isinstance(x.shape[-1], int) or x.shape[-1] % 2:
                return x
            a, b = g.op("Split", x, axis=-1, num_outputs=2, outputs=2)
            return g.Mul(a, b)
        if kind == "expand":
            return g.Expand(x, np.array([1] * x.rank))
        if kind == "norm":
            centred = g.Sub(x, g.ReduceMean(x, np.array([-1])))
            deviation = g.Sqrt(g.Add(g.ReduceMean(g.Mul(centred, centred), np.array([-1])), np.float32(1e-3)))
            return g.Div(centred, deviation)
        if kind == "product":
            last = x.shape[-1]
            return g.MatMul(x, self.constant(last, int(self.rng.integers(1, 5)))) if isinstance(last, int) else x
        if kind == "where":
            return g.Where(np.array(self.rng.random() < 0.5), x, g.Neg(x))
        if kind == "act":
            return g.Mul(x, g.Sigmoid(x))
        if kind == "pair":
            perm = [int(i) for i in self.rng.permutation(x.rank)]
            y = g.Transpose(x, perm=perm)
            y = g.Add(g.Relu(y), self.like(y))
            return g.Transpose(y, perm=[int(i) for i in np.argsort(perm)])
        if kind == "clip":
            return g.Clip(g.Relu(x), np.float32(self.pick([0, -1])), np.float32(2))
        return g.Cast(g.Cast(x, to=self.pick([1, 11])), to=1)


def random_model(seed: int) -> Model:
    def build(g: Any, x: Any, y: Any) -> Any:
        sketch, values = Sketch(g, seed), [x, y]
        for _ in range(14):
            made = sketch.step(sketch.pick(values[-4:]), values)
            if made.shape is not None and made.rank and 0 < made.rank <= 4:
                values.append(made)
        return tuple(g.Identity(v) for v in values[-3:])

    kind = TensorType(FLOAT32, (symbol("n"), 4, 6))
    return model_of(build, x=kind, y=kind)


def holds(seed: int) -> None:
    model = random_model(seed)
    work = Work(model.clone(), verify=True)
    run_pipeline(work)
    for extent in (1, 3):
        same_results(model, work.model, 2e-4, extent)


@pytest.mark.parametrize("seed", SOME)
def test_random_graphs(seed: int) -> None:
    holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_random_graphs(seed: int) -> None:
    holds(seed)

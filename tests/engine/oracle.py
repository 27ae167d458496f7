"""Sessions against the NumPy references, at every instruction-set level of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from sardonyx import io
from sardonyx.engine.codegen import detect
from sardonyx.engine.compile import compile_model
from sardonyx.engine.prepare import prepare
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from sardonyx.ops import lookup

LEVELS = [level for level in ("generic", "avx2", "avx512") if detect().at_least(level)]


def parse(text: str, opset: int = 24) -> Model:
    """A model from the body of an `agraph` in ONNX text."""
    head = f'<ir_version: 10, opset_import: ["" : {opset}]>\n'
    return io.from_bytes(onnx.parser.parse_model(head + "agraph " + text).SerializeToString())


def floats(*shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    """Normally distributed float32 numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def run(model: Model, feeds: Sequence[Any], level: str, *, native: bool = True, threads: int = 2) -> list[Any]:
    """What a session gives at a level; with `native`, none of its nodes may fall back to a reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARDONYX_ISA", level)
        session = Session(model, threads=threads)
    if native:
        assert not session.fallbacks
    return session(*feeds)


def calls(model: Model) -> int:
    """How many kernels a session runs for a model."""
    parts = compile_model(prepare(model), detect(), precision="highest").parts
    return sum(len(part.linked.program.steps) for part in parts if part.linked is not None)


def agree(
    model: Model, feeds: Sequence[Any], level: str, *, native: bool = True, rtol: float = 2e-6, atol: float = 2e-6
) -> None:
    """A session gives what the references give, up to rounding; `atol` is relative to the largest value."""
    results, truths = run(model, feeds, level, native=native), evaluate(model, feeds)
    for result, truth in zip(results, truths, strict=True):
        assert result.dtype == truth.dtype
        assert result.shape == truth.shape
        if truth.dtype.kind == "f":
            finite = truth[np.isfinite(truth)]
            size = float(np.abs(finite).max()) if finite.size else 1.0
            np.testing.assert_allclose(result, truth, rtol=rtol, atol=atol * size)
        else:
            np.testing.assert_array_equal(result, truth)


def needs(*operators: str) -> pytest.MarkDecorator:
    """Skips a test whose operators have no reference to test against yet."""
    missing = [name for name in operators if lookup("", name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"no reference of {', '.join(missing)} is declared")

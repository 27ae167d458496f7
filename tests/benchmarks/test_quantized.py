"""The models that the benchmark of quantized models makes can be run, natively."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.quantized import four_bits
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.io import load


def test_four_bits(tmp_path: Path) -> None:
    path, feeds = four_bits(tmp_path, size=64, layers=2)
    session = Session(path)
    assert not session.fallbacks
    [y], [truth] = session.run(None, feeds), evaluate(load(path), feeds)
    np.testing.assert_allclose(y, truth, rtol=1e-5, atol=1e-5 * float(np.abs(truth).max()))

"""The benchmarks run: small ones whole, and the table says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import engine, startup
from benchmarks.worker import call, feeds_of, truth_path

FOUND: dict[str, dict[str, engine.Row]] = {
    "a": {
        "sardonyx": {"median_ms": 2.0, "error": 1e-7, "create_cold_s": 1.0, "peak_mb": 100.0},
        "onnxruntime": {"median_ms": 4.0, "error": 2e-7},
        "openvino": {"median_ms": 3.0, "error": 4e-7},
    },
    "b": {
        "sardonyx": {"median_ms": 8.0, "error": 1e-7},
        "onnxruntime": {"median_ms": 4.0, "error": 1e-7},
        "openvino": {"failed": "no such operator"},
    },
}


def test_ratios_go_by_the_faster_peer() -> None:
    assert engine.ratio(FOUND["a"]) == 1.5 and engine.ratio(FOUND["b"]) == 0.5
    assert engine.error_ratio(FOUND["a"]) == pytest.approx(0.5)
    assert engine.ratio({"sardonyx": {"median_ms": 1.0}}) is None


def test_the_table_says_what_was_found_and_what_failed() -> None:
    text = engine.markdown(FOUND, {"threads": 2})
    assert "| a | 2.00 | 4.00 | 3.00 | **1.50** | 1.0e-07 | 2.0e-07 | 4.0e-07 | 0.50 |" in text
    assert "| b | 8.00 | 4.00 | fails | **0.50** |" in text
    assert "Geometric mean of the ratios: **0.87**; lowest: 0.50." in text
    assert "- b, openvino: no such operator" in text


def test_a_model_is_measured_from_export_to_memory(tmp_path: Path) -> None:
    rows = engine.row_of("mlp", ["sardonyx", "onnxruntime"], tmp_path, threads=1, seconds=0.1)
    assert engine.ratio(rows) is not None and feeds_of(tmp_path / "mlp.onnx")
    assert truth_path(tmp_path / "mlp.onnx").exists()
    for row in rows.values():
        assert "failed" not in row, row
        assert row["error"] < 1e-5 and row["median_ms"] > 0 and row["peak_mb"] > 10
        assert row["create_cold_s"] > 0 and row["first_warm_s"] > 0


def test_a_failure_is_a_fact(tmp_path: Path) -> None:
    assert "abacus" in call("measure", "abacus", tmp_path / "none.onnx", "1")["failed"]


def test_loading_reads_no_weights() -> None:
    small, large = (min(startup.load_ms(size, repeats=5) for _ in range(3)) for size in (0.01, 1.0))
    assert large < 10 * small + 5  # milliseconds: a hundred times the bytes take no longer

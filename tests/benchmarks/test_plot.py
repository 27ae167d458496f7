"""The picture of a run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.plot import draw


def test_a_model_without_a_ratio_is_left_out(tmp_path: Path) -> None:
    found = {
        "fast": {"sardonyx": {"median_ms": 1.0}, "onnxruntime": {"median_ms": 1.5}},
        "slow": {"sardonyx": {"median_ms": 2.0}, "onnxruntime": {"median_ms": 1.5}},
        "broken": {"sardonyx": {"failed": "export"}, "onnxruntime": {"failed": "export"}},
    }
    draw(found, "a machine", tmp_path / "deep" / "picture.png")
    assert (tmp_path / "deep" / "picture.png").read_bytes().startswith(b"\x89PNG")

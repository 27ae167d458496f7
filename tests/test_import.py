"""`import sardonyx` is light: no compiler, no framework, no protobuf."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("llvmlite", "torch", "tensorflow", "jax", "onnx", "onnxruntime", "google.protobuf", "rich", "typer")


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, sardonyx; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

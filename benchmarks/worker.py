"""One thing in a process of its own, so that nothing else weighs on it; the last line of what it prints is JSON.

python -m benchmarks.worker prepare MODEL FOLDER          export a model; compute its truth in float64 with torch
python -m benchmarks.worker measure ENGINE FILE THREADS   import, creation and first-run time, peak memory
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.cli.engines import engine_named

__all__ = ["call", "feeds_of", "truth_path"]

ROOT = Path(__file__).parents[1]


def call(*words: str | Path, env: Mapping[str, str] | None = None, timeout: float = 1800) -> dict[str, Any]:
    """Run this file as a process of its own; an error is a fact of its own kind."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return {"failed": next((line for line in reversed(said) if line and not line.startswith(" ")), said[-1])}
    return json.loads(done.stdout.strip().splitlines()[-1])


def truth_path(model: Path) -> Path:
    return model.with_suffix(".truth.npz")


def feeds_of(model: Path) -> dict[str, Any]:
    """The example inputs that lie beside a model."""
    with np.load(model.with_suffix(".npz"), allow_pickle=False) as arrays:
        return dict(arrays)


def prepare(name: str, folder: str) -> dict[str, Any]:
    """The file of a model of `benchmarks.models` or `benchmarks.families`, with example inputs and float64 results beside it."""
    import torch
    from torch.utils import _pytree as pytree

    from benchmarks.families import ZOO
    from benchmarks.models import exported

    path = exported(name, Path(folder))
    truth = truth_path(path)
    if not truth.exists() or truth.stat().st_mtime < path.stat().st_mtime:
        module = ZOO[name]().module.double()
        tensors = {n: torch.from_numpy(x) for n, x in feeds_of(path).items()}
        tensors = {n: x.double() if x.is_floating_point() else x for n, x in tensors.items()}
        with torch.no_grad():
            results = [x for x in pytree.tree_leaves(module(**tensors)) if isinstance(x, torch.Tensor)]
        np.savez(truth, allow_pickle=False, **{f"{i}": x.numpy() for i, x in enumerate(results)})
    return {"path": str(path), "megabytes": path.stat().st_size / 1e6}


def measure(name: str, file: str, threads: str) -> dict[str, Any]:
    engine, path = engine_named(name), Path(file)
    feeds = feeds_of(path)
    marks = [time.perf_counter()]
    importlib.import_module("sardonyx.engine.session" if engine.package == "sardonyx" else engine.package)
    marks.append(time.perf_counter())
    run = engine.make(path, int(threads))
    marks.append(time.perf_counter())
    run(feeds)
    marks.append(time.perf_counter())
    for _ in range(3):
        run(feeds)
    imported, created, first = (b - a for a, b in itertools.pairwise(marks))
    return {"import_s": imported, "create_s": created, "first_run_s": first, "peak_mb": peak_megabytes()}


def peak_megabytes() -> float:
    """The largest resident size of this process. getrusage would count what its parent had when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024


if __name__ == "__main__":
    print(json.dumps({"prepare": prepare, "measure": measure}[sys.argv[1]](*sys.argv[2:])))

"""What a user waits for before anything is computed: `python -m benchmarks.startup`.

Import of the package, loading a model of 2 GB, the cost of one call on a tiny model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import sardonyx as sx
from sardonyx.cli.engines import installed
from sardonyx.cli.measure import take_turns
from sardonyx.io import model_to_proto
from sardonyx.ir.text import parse_model

BUDGETS = {"import, ms": 150.0, "load 2 GB, ms": 50.0, "call sardonyx, us": 10.0}
TINY = "tiny (float[1,4] x) => (float[1,4] y) <float[1,4] b = {1, 2, 3, 4}> { y = Add (x, b) }"


def import_ms(repeats: int = 9) -> float:
    """The median over fresh processes, measured inside them: the start of Python is not counted."""
    code = "import time; t = time.perf_counter(); import sardonyx; print(time.perf_counter() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return 1e3 * statistics.median(float(r.stdout) for r in runs)


def load_ms(gigabytes: float, repeats: int = 9) -> float:
    """The median time of `sx.load` on a model whose weights take that much, in one file beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path, count = Path(folder) / "large.onnx", 64
        rows = int(gigabytes * 2**30 / 4 / 4096 / count)
        weights = ", ".join(
            f'float[{rows},4096] w{i} = ["location": "w", "offset": "{i * rows * 16384}", "length": "{rows * 16384}"]'
            for i in range(count)
        )
        nodes = " ".join(f"v{i + 1} = MatMul (v{i}, w{i})" for i in range(count))
        with (Path(folder) / "w").open("wb") as file:
            file.truncate(count * rows * 16384)  # a file with a hole: its size is what counts here
        text = f'<ir_version: 10, opset_import: ["" : 21]> g (float[n,m] v0) => (v{count}) <{weights}> {{ {nodes} }}'
        (Path(folder) / "large.onnxtxt").write_text(text)
        model = sx.load(Path(folder) / "large.onnxtxt")
        constants = [v.const for v in model.graph.initializers.values() if isinstance(v.const, sx.Tensor)]
        placement = {id(c): c.external for c in constants if c.external is not None}
        path.write_bytes(model_to_proto(model, placement).SerializeToString())
        times: list[float] = []
        for _ in range(repeats):
            start = time.perf_counter()
            sx.load(path)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def call_us(seconds: float = 1.0) -> dict[str, float]:
    """The median time of a call that adds four numbers, per engine, in turns."""
    feeds = {"x": np.ones((1, 4), np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        sx.save(parse_model('<ir_version: 10, opset_import: ["" : 21]>' + TINY), path)
        runners = {e.name: e.make(path, 1) for e in installed()}
        timings = take_turns({n: lambda run=run: run(feeds) for n, run in runners.items()}, seconds=seconds)
    return {name: 1e6 * t.median for name, t in timings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="the size of the model to load")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/startup.json"))
    options = parser.parse_args()
    found = {
        "import, ms": import_ms(),
        f"load {options.gigabytes:g} GB, ms": load_ms(options.gigabytes),
        **{f"call {name}, us": time for name, time in call_us().items()},
    }
    for name, value in found.items():
        budget = f"  (budget {BUDGETS[name]:g})" if name in BUDGETS else ""
        print(f"{name:<24}{value:10.1f}{budget}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

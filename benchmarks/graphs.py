"""What large models cost before anything runs, beside the official package: `python -m benchmarks.graphs`.

A model of 3 GB whose weights lie in one file beside it (a file with a hole: its size is what counts), and a graph of 10,000
nodes whose shapes are computed by nodes. Every figure is the median over fresh processes; memory is
the peak beyond what the process held before (not `ru_maxrss`, which a new process inherits from its parent).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import sardonyx as sx
from sardonyx.io import model_to_proto
from sardonyx.ir import ExternalLocation, Tensor
from sardonyx.ir.text import parse_model

HEADER = '<ir_version: 10, opset_import: ["" : 21]>'

_MEASURE = """
import re, sys, time
{setup}
path = sys.argv[1]
memory = lambda what: int(re.search(what + r":\\s*(\\d+)", open("/proc/self/status").read())[1])
before = memory("VmRSS")
wall, cpu = time.perf_counter(), time.process_time()
result = {call}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(wall, cpu, memory("VmHWM") - before)
"""
_OURS = "import sardonyx as sx; sx.load"
_LOADED = "import sardonyx as sx; from sardonyx.check import check; from sardonyx.infer import infer; m = sx.load(sys.argv[1])"
_THEIRS = "import onnx, onnx.checker, onnx.shape_inference"
_THEIRS_LOADED = _THEIRS + "; m = onnx.load(sys.argv[1])"


@dataclass(frozen=True)
class Task:
    """One thing to measure: what runs first, and is not counted, what is counted, and what it may cost."""

    name: str
    model: str
    package: str
    setup: str
    call: str
    seconds: float | None = None
    megabytes: float | None = None


TASKS = (
    Task("load", "weights", "sardonyx", _OURS, "sx.load(path)", 0.1, 100.0),
    Task("load", "weights", "onnx", _THEIRS, "onnx.load(path)"),
    Task("load, weights left out", "weights", "onnx", _THEIRS, "onnx.load(path, load_external_data=False)"),
    Task("load", "nodes", "sardonyx", _OURS, "sx.load(path)", 0.5),
    Task("load", "nodes", "onnx", _THEIRS, "onnx.load(path)"),
    Task("check", "nodes", "sardonyx", _LOADED, "check(m)"),
    Task("check", "nodes", "onnx", _THEIRS_LOADED, "onnx.checker.check_model(m)"),
    Task("infer", "nodes", "sardonyx", _LOADED, "infer(m)"),
    Task("infer", "nodes", "onnx", _THEIRS_LOADED, "onnx.shape_inference.infer_shapes(m, data_prop=True)"),
    Task("check and infer", "nodes", "sardonyx", _LOADED, "check(m, inferred=infer(m).faults)", 10.0),
    Task("check and infer", "nodes", "onnx", _THEIRS_LOADED, "onnx.checker.check_model(m, full_check=True)"),
)


@dataclass(frozen=True)
class Cost:
    """What a task took: seconds by the clock, seconds of CPU time, and MB of new memory."""

    seconds: float
    cpu: float
    megabytes: float


def write_weights(folder: Path, gigabytes: float, count: int = 64) -> Path:
    """A chain of products whose weights take that much."""
    rows = max(1, int(gigabytes * 2**30 / 4 / 4096 / count))
    size = rows * 4096 * 4
    with (folder / "weights").open("wb") as file:
        file.truncate(count * size)
    weights = ", ".join(
        f'float[{rows},4096] w{i} = ["location": "weights", "offset": "{i * size}", "length": "{size}"]'
        for i in range(count)
    )
    nodes = " ".join(f"v{i + 1} = MatMul (v{i}, w{i})" for i in range(count))
    text = folder / "weights.onnxtxt"
    text.write_text(f"{HEADER} g (float[n, m] v0) => (v{count}) <{weights}> {{ {nodes} }}")
    model, place = sx.load(text), dict[int, ExternalLocation]()
    for value in model.graph.initializers.values():
        if isinstance(value.const, Tensor) and value.const.external is not None:
            place[id(value.const)] = value.const.external
    path = folder / "weights.onnx"
    path.write_bytes(model_to_proto(model, place).SerializeToString())
    return path


def write_nodes(folder: Path, count: int) -> Path:
    """Blocks of ten nodes: a dense layer, and a reshape there and back whose shapes come from the input's."""
    blocks: list[str] = []
    for i in range(count // 10):
        blocks.append(
            f"a{i} = MatMul (v{i}, w) b{i} = Add (a{i}, bias) r{i} = Relu (b{i}) s{i} = Shape (r{i}) "
            f"d{i} = Gather <axis = 0> (s{i}, zero) t{i} = Concat <axis = 0> (d{i}, heads) u{i} = Reshape (r{i}, t{i}) "
            f"x{i} = Transpose <perm = [0, 2, 1, 3]> (u{i}) y{i} = Transpose <perm = [0, 2, 1, 3]> (x{i}) "
            f"v{i + 1} = Reshape (y{i}, s{i})"
        )
    constants = "int64[1] zero = {0}, int64[3] heads = {-1, 2, 8}, float[16] bias = {" + ", ".join(["0.5"] * 16) + "}, "
    constants += "float[16, 16] w = {" + ", ".join(["0.25"] * 256) + "}"
    text = f"{HEADER} g (float[batch, seq, 16] v0) => (float[a, b, 16] v{count // 10}) <{constants}> {{ {' '.join(blocks)} }}"
    path = folder / "nodes.onnx"
    sx.save(parse_model(text), path)
    return path


def measure(task: Task, path: Path, repeats: int) -> Cost:
    """The medians of that many fresh processes."""
    code = _MEASURE.format(setup=task.setup, call=task.call)
    runs: list[list[float]] = []
    for _ in range(repeats):
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{task.package}, {task.name}: {done.stderr[-2000:]}")
        runs.append([float(x) for x in done.stdout.split()])
    seconds, cpu, kilobytes = (statistics.median(column) for column in zip(*runs, strict=True))
    return Cost(seconds, cpu, kilobytes / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=3.0, help="the size of the model with weights")
    parser.add_argument("--nodes", type=int, default=10_000, help="the size of the graph")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/graphs.json"))
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            "weights": write_weights(Path(folder), options.gigabytes),
            "nodes": write_nodes(Path(folder), options.nodes),
        }
        labels = {"weights": f"{options.gigabytes:g} GB", "nodes": f"{options.nodes} nodes"}
        print(f"{'model':<14}{'task':<26}{'package':<10}{'ms':>10}{'CPU ms':>10}{'new MB':>10}  budget")
        for task in TASKS:
            if importlib.util.find_spec(task.package) is None:
                continue
            cost = measure(task, paths[task.model], options.repeats)
            over = [cost.seconds > (task.seconds or 1e9), cost.megabytes > (task.megabytes or 1e9)]
            limits = ((task.seconds, 1e3, "ms"), (task.megabytes, 1, "MB"))
            budget = ", ".join(f"{limit * scale:g} {unit}" for limit, scale, unit in limits if limit is not None)
            verdict = f"{budget}: {'missed' if any(over) else 'met'}" if budget else ""
            print(
                f"{labels[task.model]:<14}{task.name:<26}{task.package:<10}{1e3 * cost.seconds:>10.1f}"
                f"{1e3 * cost.cpu:>10.1f}{cost.megabytes:>10.1f}  {verdict}",
                flush=True,
            )
            rows.append({"model": labels[task.model], "task": task.name, "package": task.package, **vars(cost)})
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

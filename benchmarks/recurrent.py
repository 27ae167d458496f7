"""LSTM, GRU and RNN of many sizes beside the peers: `python -m benchmarks.recurrent [LSTM GRU RNN] [--hidden 64 256 512]`.

Engines take turns on one thread. What is compared is the least time of that thread, which says something on a busy machine,
too; with more threads (`--threads`) it is the least time that passed. The ratio is the faster peer's time by ours: above 1
ours is faster. The error is the largest difference from the reference in float64, as a part of the largest magnitude.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import sardonyx as sx
from sardonyx.cli.engines import Runner, engine_named
from sardonyx.cli.measure import error_of

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FEATURES = 64
PEERS = ("onnxruntime", "openvino")


def model_of(cell: str, hidden: int, directions: int, kind: Any = np.float32) -> Any:
    """A model of one node, with weights as PyTorch begins with; `reset after` for a GRU, as PyTorch and Keras have it."""
    make, gates = onnx.helper, GATES[cell] * hidden
    draw = np.random.default_rng(0).uniform
    shapes = {"W": (gates, FEATURES), "R": (gates, hidden), "B": (2 * gates,)}
    arrays = {n: draw(-(hidden**-0.5), hidden**-0.5, (directions, *s)).astype(np.float32) for n, s in shapes.items()}
    attrs: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    attrs |= {"linear_before_reset": 1} if cell == "GRU" else {}
    node = make.make_node(cell, ["X", *arrays], ["Y", "Y_h"], **attrs)
    element = make.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph = make.make_graph(
        [node],
        cell,
        [make.make_tensor_value_info("X", element, ["time", "batch", FEATURES])],
        [make.make_tensor_value_info(n, element, None) for n in node.output],
        [onnx.numpy_helper.from_array(a.astype(kind), n) for n, a in arrays.items()],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 14)], ir_version=8)


def least(
    runners: dict[str, Runner], feeds: dict[str, Any], clock: Callable[[], float], turns: int
) -> dict[str, float]:
    """The least time of a call of each, in seconds."""
    best = dict.fromkeys(runners, float("inf"))
    for _ in range(turns):
        for name, run in runners.items():
            end = time.perf_counter() + 0.04
            while time.perf_counter() < end:
                start = clock()
                run(feeds)
                best[name] = min(best[name], clock() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", default=list(GATES))
    parser.add_argument("--hidden", nargs="+", type=int, default=[64, 256, 512])
    parser.add_argument("--steps", nargs="+", type=int, default=[20, 100])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    clock = time.thread_time if given.threads == 1 else time.perf_counter
    names, ratios = ("sardonyx", *PEERS), []
    print(f"{'':42}" + "".join(f"{n:>14}" for n in names) + "  us    ratio   error: ours, onnxruntime's")
    for cell, hidden, directions in itertools.product(given.cells, given.hidden, (1, 2)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model_of(cell, hidden, directions).SerializeToString())
            runners = {n: engine_named(n).make(path, given.threads) for n in names}
            exact = sx.load(model_of(cell, hidden, directions, np.float64).SerializeToString())
            for steps, batch in itertools.product(given.steps, given.batch):
                x = np.random.default_rng(1).standard_normal((steps, batch, FEATURES)).astype(np.float32)
                times = least(runners, {"X": x}, clock, given.turns)
                ratios.append(min(times[n] for n in PEERS) / times["sardonyx"])
                truth = sx.evaluate(exact, {"X": x.astype(np.float64)})
                errors = [error_of(runners[n]({"X": x}), truth) for n in names[:2]]
                what = f"{cell} {hidden}{' both ways' if directions == 2 else ''}, {steps} steps, batch {batch}"
                shown = "".join(f"{1e6 * times[n]:14.1f}" for n in names)
                print(f"{what:42}{shown}      {ratios[-1]:5.2f}   {errors[0]:.1e}, {errors[1]:.1e}", flush=True)
    mean = float(np.exp(np.mean(np.log(ratios))))
    print(f"{len(ratios)} cases: geometric mean {mean:.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()

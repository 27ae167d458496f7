"""Forests, linear models and support vector machines beside onnxruntime: `python -m benchmarks.trees [--batch 1 10 1000]`.

The models have the sizes that libraries train; what they say is random. Engines take turns on one thread; a turn is many calls,
whose mean counts, and the least of all turns, in time of that thread, which says something on a busy machine, too. The ratio is
onnxruntime's time by ours: above 1 ours is faster.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from sardonyx.cli.engines import Runner, engine_named

FEATURES = 30
NAMES = ("sardonyx", "onnxruntime")
COLUMNS = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")


def forest(votes: str, depth: int, *, grow: float, targets: int) -> dict[str, Any]:
    """100 trees. A branch above the deepest level grows on with the probability `grow`; a leaf votes for all targets."""
    random = np.random.default_rng(0)
    nodes: dict[str, list[Any]] = {f"nodes_{n}": [] for n in COLUMNS}
    leaves: list[tuple[int, int]] = []
    for tree in range(100):
        levels, count, begin = [0], 0, len(nodes["nodes_modes"])
        while count < len(levels):  # in the order of breadth
            own, level, at = count, levels[count], begin + count
            inner = level < depth and (level < 4 or random.random() < grow)
            following = (len(levels), len(levels) + 1) if inner else (0, 0)
            levels += [level + 1] * 2 if inner else []
            split = float(np.float32(random.normal())) if inner else 0.0
            row = (tree, own, int(random.integers(FEATURES)), split, "BRANCH_LEQ" if inner else "LEAF", *following)
            for column, item in zip(nodes.values(), row, strict=True):
                column.append(item)
            assert len(nodes["nodes_modes"]) == at + 1
            leaves += [] if inner else [(tree, own)]
            count += 1
    voters = np.repeat(np.array(leaves), targets, 0)
    weights = random.random(len(voters)).astype(np.float32) / 100
    columns = {"treeids": voters[:, 0], "nodeids": voters[:, 1], "weights": weights}
    columns["ids"] = np.tile(np.arange(targets), len(leaves))
    return nodes | {f"{votes}_{name}": column.tolist() for name, column in columns.items()}


def some(*shape: int) -> list[float]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32).reshape(-1).tolist()


def models() -> dict[str, Any]:
    """A name -> the model."""
    three = {"classlabels_int64s": [0, 1, 2]}
    rbf = {"kernel_type": "RBF", "kernel_params": [0.03, 0.0, 3.0], "support_vectors": some(200, FEATURES)}
    svc = {
        "vectors_per_class": [70, 60, 70],
        "coefficients": some(2, 200),
        "rho": some(3),
        "classlabels_ints": [0, 1, 2],
    }
    ten = {"coefficients": some(10, FEATURES), "intercepts": some(10), "classlabels_ints": list(range(10))}
    boosted = forest("target", 6, grow=1.0, targets=1) | {"n_targets": 1, "base_values": [0.5]}
    wild = forest("class", 24, grow=0.62, targets=3) | three
    one = {"coefficients": some(FEATURES), "intercepts": some(1)}
    return {
        "100 boosted trees, depth 6": model_of("TreeEnsembleRegressor", boosted),
        "100 deep trees, 3 classes": model_of("TreeEnsembleClassifier", wild),
        "linear regression": model_of("LinearRegressor", one),
        "logistic regression, 10 classes": model_of("LinearClassifier", ten | {"post_transform": "SOFTMAX"}),
        "SVR, 200 vectors": model_of(
            "SVMRegressor", rbf | {"n_supports": 200, "coefficients": some(200), "rho": [0.5]}
        ),
        "SVC, 200 vectors, 3 classes": model_of("SVMClassifier", rbf | svc),
        "scaler": model_of("Scaler", {"offset": some(FEATURES), "scale": some(FEATURES)}),
    }


def model_of(op: str, attrs: dict[str, Any]) -> Any:
    make = onnx.helper
    names = ["label", "scores"] if op.endswith("Classifier") else ["scores"]
    node = make.make_node(op, ["x"], names, domain="ai.onnx.ml", **attrs)
    x = make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", FEATURES])
    graph = make.make_graph([node], "model", [x], [onnx.ValueInfoProto(name=n) for n in names])
    opsets = [make.make_opsetid("", 21), make.make_opsetid("ai.onnx.ml", 3)]
    return onnx.shape_inference.infer_shapes(make.make_model(graph, opset_imports=opsets, ir_version=9))


def least(runners: dict[str, Runner], feeds: dict[str, Any], turns: int) -> dict[str, float]:
    """The time of a call of each, in seconds: the least mean of a turn."""
    best = dict.fromkeys(runners, float("inf"))
    for _ in range(turns):
        for name, run in runners.items():
            calls, start = 0, time.thread_time()
            spent = 0.0
            while spent < 0.03:
                for _ in range(8):
                    run(feeds)
                calls += 8
                spent = time.thread_time() - start
            best[name] = min(best[name], spent / calls)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 10, 1000])
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    ratios: list[float] = []
    print(f"{'':45}" + "".join(f"{n:>14}" for n in NAMES) + "  us    ratio   difference")
    for what, model in models().items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model.SerializeToString())
            runners = {n: engine_named(n).make(path, 1) for n in NAMES}
            for batch in given.batch:
                x = np.random.default_rng(2).standard_normal((batch, FEATURES)).astype(np.float32)
                times = least(runners, {"x": x}, given.turns)
                ratios.append(times["onnxruntime"] / times["sardonyx"])
                ours, theirs = (runners[n]({"x": x})[-1] for n in NAMES)
                shown = "".join(f"{1e6 * times[n]:14.1f}" for n in NAMES)
                print(
                    f"{what + f', batch {batch}':45}{shown}      {ratios[-1]:5.2f}   {np.abs(ours - theirs).max():.1e}",
                    flush=True,
                )
    print(f"{len(ratios)} cases: geometric mean {float(np.exp(np.mean(np.log(ratios)))):.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()

"""Quantized models beside onnxruntime: `python -m benchmarks.quantized [CASE ...]` prints a line for each.

The files are what onnxruntime's own quantizers write: static in both formats, with signed and with unsigned activations, and
dynamic. Weights of four bits are a product of one row with a matrix, read once per call. Engines take turns; a ratio above 1
says that ours is faster.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worker import call, feeds_of
from sardonyx.cli.engines import engine_named
from sardonyx.cli.measure import take_turns

STATIC = {"qdq": ("QDQ", "QInt8"), "qdq-unsigned": ("QDQ", "QUInt8"), "operators": ("QOperator", "QUInt8")}
CASES = (
    *(f"resnet50-{s}" for s in STATIC),
    *(f"mobilenetv2-{s}" for s in STATIC),
    "bert-dynamic",
    "minilm-dynamic",
    "int4",
)


def quantized(case: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file of a case, made unless it is there, and what it takes."""
    if case == "int4":
        return four_bits(folder)
    from onnxruntime import quantization as tool
    from onnxruntime.quantization.shape_inference import quant_pre_process

    name, kind = case.split("-", 1)
    prepared = call("prepare", name, folder)
    if "failed" in prepared:
        raise SystemExit(f"{name} cannot be exported: {prepared['failed']}")
    source = Path(prepared["path"])
    feeds = feeds_of(source)  # other benchmarks call a model with symbolic extents `NAME-dynamic`
    target, plain = folder / f"{case}-quantized.onnx", folder / f"{name}-plain.onnx"
    if target.exists():
        return target, feeds
    quant_pre_process(source, plain, skip_symbolic_shape=True)
    if kind == "dynamic":
        tool.quantize_dynamic(plain, target)
        return target, feeds

    class Reader(tool.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [feeds] * 2

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    form, activations = STATIC[kind]
    types: dict[str, Any] = {"activation_type": tool.QuantType[activations], "weight_type": tool.QuantType.QInt8}
    tool.quantize_static(plain, target, Reader(), quant_format=tool.QuantFormat[form], per_channel=True, **types)
    return target, feeds


def four_bits(folder: Path, size: int = 4096, layers: int = 6, block: int = 32) -> tuple[Path, dict[str, Any]]:
    """A chain of products with weights of four bits, too many for any cache."""
    import onnx
    from onnx import helper, numpy_helper

    rng, blocks, target = np.random.default_rng(0), size // block, folder / "int4.onnx"
    nodes: list[Any] = []
    weights: list[Any] = []
    for i in range(layers):
        packed = rng.integers(0, 256, (size, blocks, block // 2)).astype(np.uint8)
        scales = (rng.random(size * blocks) * 0.02).astype(np.float32)
        weights += [numpy_helper.from_array(packed, f"b{i}"), numpy_helper.from_array(scales, f"s{i}")]
        facts: dict[str, Any] = {"K": size, "N": size, "bits": 4, "block_size": block}
        inputs = [f"x{i}", f"b{i}", f"s{i}"]
        nodes.append(helper.make_node("MatMulNBits", inputs, [f"x{i + 1}"], domain="com.microsoft", **facts))
    ends = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, size]) for n in ("x0", f"x{layers}")]
    graph = helper.make_graph(nodes, "int4", ends[:1], ends[1:], weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), target)
    return target, {"x0": rng.standard_normal((1, size)).astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each engine is measured per case")
    parser.add_argument("--models-folder", type=Path, default=Path(tempfile.gettempdir()) / "sardonyx-models")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    for case in options.cases:
        path, feeds = quantized(case, options.models_folder)
        runs: dict[str, Callable[[], Any]] = {}
        for name in ("sardonyx", "onnxruntime"):
            run = engine_named(name).make(path, options.threads)
            runs[name] = lambda run=run, feeds=feeds: run(feeds)
        ours, theirs = (min(t.samples) for t in take_turns(runs, seconds=options.seconds).values())
        speed = f", {path.stat().st_size / ours / 1e9:.1f} GB/s of weights" if case == "int4" else ""
        print(
            f"{case}: sardonyx {1e3 * ours:.2f} ms, onnxruntime {1e3 * theirs:.2f} ms; ratio {theirs / ours:.2f}{speed}"
        )


if __name__ == "__main__":
    main()

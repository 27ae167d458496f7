"""The engines that `bench` compares: ours, and every peer that happens to be installed. Nothing here requires one.

An engine is made from a file, as its users make it, and gives a function from arrays by name to a list of arrays.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sardonyx.core.errors import InputError

__all__ = ["ENGINES", "Engine", "Runner", "engine_named", "installed", "torch_eager"]

Runner = Callable[[Mapping[str, Any]], list[Any]]


@dataclass(frozen=True)
class Engine:
    """How to make a runner of one kind: `make` takes a model file and the number of threads."""

    name: str
    package: str
    make: Callable[[Path, int], Runner]

    @property
    def version(self) -> str:
        return importlib.metadata.version(self.package)


def _sardonyx(precision: str) -> Callable[[Path, int], Runner]:
    def make(path: Path, threads: int) -> Runner:
        from sardonyx.engine.session import Session

        session = Session(path, threads=threads, precision=precision)  # pyright: ignore[reportArgumentType] it is checked there
        return lambda feeds: session.run(None, feeds)

    return make


def _onnxruntime(path: Path, threads: int) -> Runner:
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def _openvino(precision: str) -> Callable[[Path, int], Runner]:
    def make(path: Path, threads: int) -> Runner:
        ov: Any = importlib.import_module("openvino")
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        compiled = ov.Core().compile_model(str(path), "CPU", options)
        request, ports = compiled.create_infer_request(), list(compiled.outputs)

        def run(feeds: Mapping[str, Any]) -> list[Any]:
            results = request.infer(dict(feeds), share_inputs=True, share_outputs=True)  # its fastest way to be called
            return [results[port] for port in ports]

        return run

    return make


ENGINES: tuple[Engine, ...] = (
    Engine("sardonyx", "sardonyx", _sardonyx("highest")),
    Engine("sardonyx-high", "sardonyx", _sardonyx("high")),
    Engine("sardonyx-medium", "sardonyx", _sardonyx("medium")),
    Engine("onnxruntime", "onnxruntime", _onnxruntime),
    Engine("openvino", "openvino", _openvino("f32")),
    Engine("openvino-bf16", "openvino", _openvino("bf16")),
)


def engine_named(name: str) -> Engine:
    """The engine of that name.

    Raises:
        InputError: there is none, or its package is not installed.
    """
    found = next((e for e in ENGINES if e.name == name), None)
    if found is None:
        raise InputError(f"there is no engine '{name}'", fix="one of " + ", ".join(e.name for e in ENGINES))
    if importlib.util.find_spec(found.package) is None:
        raise InputError(f"engine '{name}' is not installed", fix=f"pip install {found.package}")
    return found


def installed() -> list[Engine]:
    """Ours and the peers that are installed, each at full float32 precision."""
    return [e for e in ENGINES if "-" not in e.name and importlib.util.find_spec(e.package) is not None]


def torch_eager(module: Any, threads: int) -> Runner:
    """A torch module as it is called without any compiler."""
    torch: Any = importlib.import_module("torch")
    leaves = importlib.import_module("torch.utils._pytree").tree_leaves
    torch.set_num_threads(threads)
    known = inspect.signature(module.forward).parameters

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        tensors = {name: torch.from_numpy(array) for name, array in feeds.items()}
        with torch.inference_mode():
            result = module(**tensors) if known.keys() >= tensors.keys() else module(*tensors.values())
        return [x.numpy() for x in leaves(result)]

    return run

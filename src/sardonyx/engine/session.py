"""Running a model: the call that users of onnxruntime know."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sardonyx.core import dims
from sardonyx.core.errors import InputError
from sardonyx.engine.bind import Bound
from sardonyx.engine.codegen import detect
from sardonyx.engine.compile import Compiled, compile_model
from sardonyx.engine.prepare import prepare
from sardonyx.engine.threads import default_threads
from sardonyx.evaluate import Interpreter
from sardonyx.evaluate.inputs import bind_inputs
from sardonyx.io import load
from sardonyx.ir import Array, Model, TensorType, Value

__all__ = ["Port", "Session"]

Precision = Literal["highest", "high", "medium"]


@dataclass(frozen=True)
class Port:
    """An input or output of a session.

    `shape` holds ints, names of symbolic dims, and None where nothing is known, as in onnxruntime; `type` spells the type
    as onnxruntime does.
    """

    name: str
    shape: list[int | str | None]
    type: str

    @staticmethod
    def of(value: Value) -> Port:
        kind = value.type
        if not isinstance(kind, TensorType) or kind.dtype is None:
            return Port(value.name, [], str(kind))
        shape = [d if d is None or isinstance(d, int) else str(d) for d in kind.shape or ()]
        return Port(value.name, shape, f"tensor({kind.dtype.text})")


class Session:
    """A model ready to run.

    Args:
        model: a model, a path, or the bytes of a model file. It is not changed.
        device: "cpu".
        precision: "highest" computes float32 products with the error of float32; "high" and "medium" allow less.
        threads: how many threads one run may use; None takes what the process may use.
        cache: keep compiled kernels on disk for the next process.

    Raises:
        InputError: an argument names something that does not exist.
    """

    def __init__(
        self,
        model: Model | str | os.PathLike[str] | bytes,
        *,
        device: str = "cpu",
        precision: Precision = "highest",
        threads: int | None = None,
        cache: bool = True,
    ) -> None:
        if device != "cpu":
            raise InputError(f"there is no device {device!r}", fix="device='cpu' is the one there is")
        if precision not in ("highest", "high", "medium"):
            raise InputError(f"there is no precision {precision!r}", fix="use 'highest', 'high' or 'medium'")
        source = model if isinstance(model, Model) else load(model)
        self.inputs = [Port.of(v) for v in source.graph.inputs if v.const is None]
        self.outputs = [Port.of(v) for v in source.graph.outputs]
        self.precision: Precision = precision
        self.threads = default_threads() if threads is None else max(1, threads)
        self._source = source
        self._target = detect()
        self._prepared = prepare(source)
        self._variants: dict[tuple[str, ...] | None, _Variant] = {}
        self._lock = threading.Lock()
        self._main = self._variant(None)

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        """Run the model.

        Args:
            output_names: the results wanted, in order; any value of the model may be named. None means its outputs.
            feeds: an array per input.

        Raises:
            InputError: an input is missing, unknown, or of the wrong type or shape.
        """
        variant = self._main if output_names is None else self._variant(tuple(output_names))
        return variant.run(feeds)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Run with the inputs by position."""
        if len(arrays) != len(self.inputs):
            raise InputError(f"the model takes {len(self.inputs)} inputs, not {len(arrays)}")
        return self.run(None, {p.name: a for p, a in zip(self.inputs, arrays, strict=True)})

    def trim(self) -> None:
        """Give back the memory of the plans; they are made again when needed."""
        for variant in self._variants.values():
            variant.trim()

    @property
    def fallbacks(self) -> dict[str, str]:
        """The nodes that run on their NumPy reference, and why."""
        return dict(self._main.compiled.refused)

    def _variant(self, names: tuple[str, ...] | None) -> _Variant:
        with self._lock:
            found = self._variants.get(names)
            if found is None:
                found = self._variants[names] = self._make(names)
            return found

    def _make(self, names: tuple[str, ...] | None) -> _Variant:
        own = tuple(p.name for p in self.outputs)
        if names is None or set(names) <= set(own):
            compiled = compile_model(
                self._prepared, self._target, precision=self.precision, outputs=None if names in (None, own) else names
            )
            return _Variant(compiled, self._source, names, self.threads)
        for name in names:
            if self._source.graph.find(name) is None:
                raise InputError(
                    f"the model has no value '{name}'", why=f"its outputs are {', '.join(own)}", fix="name a value of the main graph"
                )
        # Optimization may have fused the value away, so the model is prepared again with it as an output.
        with_value = self._source.clone()
        with_value.graph.outputs = [_find(with_value, n) for n in names]
        compiled = compile_model(prepare(with_value), self._target, precision=self.precision)
        return _Variant(compiled, with_value, names, self.threads)


def _find(model: Model, name: str) -> Value:
    found = model.graph.find(name)
    assert found is not None
    return found


class _Variant:
    """A session for one choice of outputs: plans by the shapes of the inputs."""

    def __init__(self, compiled: Compiled, source: Model, names: tuple[str, ...] | None, threads: int) -> None:
        self.compiled, self.source, self.names, self.threads = compiled, source, names, threads
        graph = compiled.model.graph
        self._ports = [(v.name, v) for v in graph.inputs if v.const is None]
        self._names = [name for name, _ in self._ports]
        self._dtypes = [v.dtype.numpy if v.dtype is not None else None for _, v in self._ports]
        self._free: dict[tuple[Any, ...], list[Bound]] = {}
        self._lock = threading.Lock()
        self._interpreter = Interpreter(compiled.model) if compiled.linked is None else None

    def run(self, feeds: Mapping[str, Any]) -> list[Any]:
        if self._interpreter is not None:
            return self._interpreter.run(feeds, self.names)
        arrays: list[Array] = []
        if len(feeds) != len(self._names):
            self._refuse(feeds)
        for name, dtype in zip(self._names, self._dtypes, strict=True):
            array = feeds.get(name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype:
                array = self._refuse(feeds)[name]
            arrays.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        key = tuple([a.shape for a in arrays])
        free = self._free.get(key)
        bound = free.pop() if free else self._bind(key, feeds)
        try:
            return bound.run(arrays)
        finally:
            self._free[key].append(bound)

    def _refuse(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        """Convert what can be converted; raise the error that says what is wrong otherwise."""
        found = bind_inputs(self.source.graph, feeds)
        return {v.name: a for v, a in found.items()}

    def _bind(self, key: tuple[Any, ...], feeds: Mapping[str, Any]) -> Bound:
        linked = self.compiled.linked
        assert linked is not None
        self._refuse(feeds)  # the first time a shape comes, it is checked against the model's
        symbols: dict[str, int] = {}
        for (_, value), shape in zip(self._ports, key, strict=True):
            for d, extent in zip(value.shape or (), shape, strict=True):
                names = dims.free_symbols(d) if d is not None else frozenset[str]()
                if d is not None and not isinstance(d, int) and d == dims.symbol(next(iter(names))):
                    symbols[next(iter(names))] = extent
        bound = linked.bind(symbols, self.threads)
        with self._lock:
            self._free.setdefault(key, [])
        return bound

    def trim(self) -> None:
        with self._lock:
            for free in self._free.values():
                free.clear()

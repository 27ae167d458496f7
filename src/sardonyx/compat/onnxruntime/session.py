"""`InferenceSession` over `sardonyx.Session`."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.compat.onnxruntime.binding import IOBinding
from sardonyx.compat.onnxruntime.errors import Fail, InvalidArgument, NoSuchFile, OrtError, translated
from sardonyx.compat.onnxruntime.options import RunOptions, SessionOptions
from sardonyx.compat.onnxruntime.values import OrtValue
from sardonyx.engine.port import Port
from sardonyx.engine.session import Session
from sardonyx.io import load, save
from sardonyx.ir import Model, Tensor, TensorType
from sardonyx.passes import optimize
from sardonyx.passes.edit import set_dims

__all__ = ["PROVIDERS", "InferenceSession", "ModelMetadata", "NodeArg"]

PROVIDERS = ["CPUExecutionProvider"]
_UNSTATED = (1 << 63) - 1  # what onnxruntime gives as the version of a model that states none


@dataclass(frozen=True)
class NodeArg:
    """An input, output or overridable initializer: its name, its type as ``tensor(float)``, its shape of ints, names and
    None."""

    name: str
    type: str
    shape: list[int | str | None]

    @staticmethod
    def of(port: Port) -> NodeArg:
        """The description of a port."""
        return NodeArg(port.name, port.type, port.shape)


@dataclass(frozen=True)
class ModelMetadata:
    """What a model says of itself."""

    producer_name: str = ""
    graph_name: str = ""
    domain: str = ""
    description: str = ""
    graph_description: str = ""
    version: int = _UNSTATED
    custom_metadata_map: dict[str, str] = field(default_factory=dict[str, str])

    @staticmethod
    def of(model: Model) -> ModelMetadata:
        """The description of a model."""
        version, facts = model.model_version or _UNSTATED, dict(model.metadata)
        graph = model.graph
        return ModelMetadata(model.producer, graph.name, model.domain, model.doc, graph.doc, version, facts)


class InferenceSession:
    """A model ready to run.

    Args:
        path_or_bytes: a file, or its bytes.
        sess_options: see `SessionOptions` for what counts.
        providers: names, or (name, options) pairs. "CPUExecutionProvider" is the one there is; others are passed over with a
            warning.
        provider_options: kept for the caller.
        kwargs: accepted, as onnxruntime accepts them, and not used.

    Raises:
        NoSuchFile, InvalidProtobuf, InvalidGraph, NotImplemented, InvalidArgument: the model cannot be loaded.
        TypeError: it is neither a path nor bytes.
        ValueError: providers and their options do not fit.
    """

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[str | tuple[str, dict[Any, Any]]] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(path_or_bytes, (str, bytes, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        if not isinstance(path_or_bytes, bytes) and not Path(path_or_bytes).exists():
            raise NoSuchFile(f"Load model from {path_or_bytes} failed: the file does not exist")
        self._options = sess_options or SessionOptions()
        self._providers = _known(providers, provider_options)
        with translated():
            source = _configured(load(path_or_bytes), self._options) if _changes(self._options) else path_or_bytes
            self._session = Session(source, threads=self._options.intra_op_num_threads or None)
            if self._options.optimized_model_filepath:
                save(optimize(self._session.model), self._options.optimized_model_filepath)
        self._inputs = [NodeArg.of(p) for p in self._session.inputs]
        self._outputs = [NodeArg.of(p) for p in self._session.outputs]
        self._required = [a.name for a in self._inputs]
        self._names = [a.name for a in self._outputs]
        self._started = time.perf_counter_ns()
        self._last: Mapping[str, Any] | None = None
        self._executor: ThreadPoolExecutor | None = None

    # -- asking -------------------------------------------------------------------------------------------------------

    def get_inputs(self) -> list[NodeArg]:
        """The inputs that a run needs."""
        return self._inputs

    def get_outputs(self) -> list[NodeArg]:
        """The outputs of the model."""
        return self._outputs

    def get_overridable_initializers(self) -> list[NodeArg]:
        """The inputs that have a default value."""
        return [NodeArg.of(Port.of(v)) for v in self._session.model.graph.inputs if v.const is not None]

    def get_modelmeta(self) -> ModelMetadata:
        """What the model says of itself."""
        return ModelMetadata.of(self._session.model)

    def get_session_options(self) -> SessionOptions:
        """The options it was made with."""
        return self._options

    def get_providers(self) -> list[str]:
        """What runs the nodes."""
        return list(self._providers)

    def get_provider_options(self) -> dict[str, dict[Any, Any]]:
        """The options of each provider."""
        return self._providers

    def set_providers(
        self,
        providers: Sequence[str | tuple[str, dict[Any, Any]]] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
    ) -> None:
        """Choose providers; the CPU stays the one there is."""
        self._providers = _known(providers, provider_options)

    def disable_fallback(self) -> None:
        """Nothing to do: there is nothing to fall back to."""

    def enable_fallback(self) -> None:
        """Nothing to do: there is nothing to fall back to."""

    # -- running ------------------------------------------------------------------------------------------------------

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: RunOptions | None = None
    ) -> list[Any]:
        """Run the model.

        Args:
            output_names: the results wanted; None or none means the model's outputs. Any value of the graph may be named.
            input_feed: an array, list or `OrtValue` per input.
            run_options: see `RunOptions`.

        Returns:
            An array per result; a list for a sequence, None for an absent optional.

        Raises:
            ValueError: an input is missing.
            InvalidArgument: an input does not fit the model, or there is no such input or output.
            RuntimeException: a node refused the values that reached it.
        """
        feeds = self._feeds(input_feed, run_options)
        with translated():
            return self._session.run(output_names or None, feeds)

    def run_async(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        callback: Callable[[Any, Any, str], None],
        user_data: Any,
        run_options: RunOptions | None = None,
    ) -> None:
        """Run in another thread, then call `callback(results, user_data, error)`; the error is "" if there was none."""

        def work() -> None:
            results: Any = []
            text = ""
            try:
                results = self.run(output_names, input_feed, run_options)
            except (OrtError, ValueError) as error:
                text = str(error)
            callback(results, user_data, text)

        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "sardonyx-run-async")
        self._executor.submit(work)

    def run_with_ort_values(
        self,
        output_names: Sequence[str] | None,
        input_dict_ort_values: Mapping[str, OrtValue],
        run_options: RunOptions | None = None,
    ) -> list[OrtValue]:
        """As `run`, with values in and out."""
        return [OrtValue(result) for result in self.run(output_names, input_dict_ort_values, run_options)]

    def io_binding(self) -> IOBinding:
        """Something to bind inputs and outputs to memory with."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        """Run from and into the memory that was bound.

        Raises:
            ValueError: the binding belongs to another session.
        """
        if iobinding.session is not self:
            raise ValueError("IOBinding must be used with the session that created it.")
        feeds = self._feeds(iobinding.inputs, run_options)
        names = list(iobinding.outputs) or self._names
        given = {n: v.numpy() for n, v in iobinding.outputs.items() if v is not None and v.is_tensor()}
        with translated():
            results = self._session.run(names, feeds, out=given)
        iobinding.results = {n: iobinding.outputs.get(n) or OrtValue(x) for n, x in zip(names, results, strict=True)}

    def _feeds(self, given: Mapping[str, Any], run_options: RunOptions | None) -> Mapping[str, Any]:
        missing = [name for name in self._required if name not in given]
        if missing:
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({list(given)}).")
        if run_options is not None and run_options.terminate:
            raise Fail("Exiting due to terminate flag being set to true.")
        feeds = {n: x.numpy() if isinstance(x, OrtValue) else x for n, x in given.items()}
        if self._options.enable_profiling:
            self._last = feeds
        return feeds

    # -- profiling ----------------------------------------------------------------------------------------------------

    def get_profiling_start_time_ns(self) -> int:
        """When the session was made, on the clock of `time.perf_counter_ns`."""
        return self._started

    def end_profiling(self) -> str:
        """Write a Chrome trace of the last run, made again step by step, and give the name of its file.

        Raises:
            Fail: profiling was not enabled in the options.
        """
        if not self._options.enable_profiling:
            raise Fail("Profiler is disabled.")
        path = f"{self._options.profile_file_prefix}{time.strftime('_%Y-%m-%d_%H-%M-%S')}.json"
        with translated():
            self._session.profile(self._last, runs=1).save_trace(Path(path).absolute())
        return path


def _known(
    providers: Sequence[str | tuple[str, dict[Any, Any]]] | None, options: Sequence[dict[Any, Any]] | None
) -> dict[str, dict[Any, Any]]:
    """The providers that exist, with their options."""
    if providers is None:
        return {name: {} for name in PROVIDERS}
    if isinstance(providers, str) or not isinstance(providers, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError("'providers' should be a sequence.")
    if options is not None and len(options) != len(providers):
        raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
    chosen: dict[str, dict[Any, Any]] = {}
    for i, item in enumerate(providers):
        name, said = item if isinstance(item, tuple) else (item, {} if options is None else options[i])
        if name in PROVIDERS:
            chosen[name] = said
        else:
            warnings.warn(
                f"Specified provider '{name}' is not in available provider names. "
                f"Available providers: '{', '.join(PROVIDERS)}'",
                stacklevel=3,
            )
    return chosen or {name: {} for name in PROVIDERS}


def _changes(options: SessionOptions) -> bool:
    """Whether options make another model of a file's: if not, what was compiled of the file before serves."""
    return bool(options.initializers or options.dims_by_name or options.dims_by_denotation)


def _configured(model: Model, options: SessionOptions) -> Model:
    """The model with the initializers and free dimensions that the options give."""
    known = {v.name: v for v in model.graph.initializers.values()}
    for name, value in options.initializers.items():
        if name not in known:
            raise InvalidArgument(f"the model has no initializer named '{name}'")
        held, tensor = known[name].const, Tensor(np.asarray(value.numpy()))
        if not isinstance(held, Tensor) or (held.dtype, held.shape) != (tensor.dtype, tensor.shape):
            raise InvalidArgument(
                f"the value for initializer '{name}' is {tensor.dtype}{list(tensor.shape)}, and does not fit it"
            )
        known[name].const = tensor
    sizes: dict[str, Any] = dict(options.dims_by_name)
    for value in model.graph.inputs if options.dims_by_denotation else ():
        kind = value.type
        size = options.dims_by_denotation.get(kind.denotation or "") if isinstance(kind, TensorType) else None
        if size is not None and isinstance(kind, TensorType):
            sizes |= {str(d): size for d in kind.shape or () if d is not None and not isinstance(d, int)}
    used = {str(d) for v in model.graph.inputs if isinstance(v.type, TensorType) for d in v.type.shape or ()}
    sizes = {name: size for name, size in sizes.items() if name in used}
    return set_dims(model, sizes) if sizes else model

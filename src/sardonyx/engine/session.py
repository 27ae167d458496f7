"""Running a model: the call that users of onnxruntime know."""

from __future__ import annotations

import difflib
import functools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sardonyx.core.errors import InputError
from sardonyx.engine import saved
from sardonyx.engine.port import Port
from sardonyx.engine.precision import Precision, check_precision
from sardonyx.engine.runner import Runner
from sardonyx.engine.threads import default_threads
from sardonyx.engine.variant import Choice, specialize
from sardonyx.evaluate.inputs import bind_inputs
from sardonyx.ir import Array, Model, TensorType, Value

if TYPE_CHECKING:
    from sardonyx.engine.profile import Profile

__all__ = ["Precision", "Session"]


class Session:
    """A model ready to run.

    Args:
        model: a model, a path, or the bytes of a model file. It is not changed.
        device: "cpu".
        precision: of float32 products and convolutions. "highest" has the error of float32; "high" allows about 2**-16
            and "medium" 2**-8 per product. The lower ones are computed so, and faster, where the CPU has a matrix unit
            (AMX) and the weights are constant: by 3 bfloat16 products and by 1, where "highest" takes 6. Everywhere else
            all three are plain float32, for nothing may be less precise than asked. Other operators are not affected.
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
        check_precision(precision)
        if threads is not None and threads < 1:
            raise InputError(
                f"a session cannot run on {threads} threads", fix="give 1 or more, or None for the default"
            )
        self.precision: Precision = precision
        self.threads = default_threads() if threads is None else threads
        self._given, self._cache = model, cache
        self._loaded = model if isinstance(model, Model) else None
        place = self._place = saved.place_of(model, precision) if cache else None
        found = self._saved = None if place is None else saved.fetch(place)  # held, so that others find it too
        graph = self._graph = self.model.graph if found is None else found.graph
        self._known: dict[str, Value] = {}
        needed = [v for v in graph.inputs if v.const is None]
        self.inputs = [Port.of(v) for v in needed]
        self.outputs = [Port.of(v) for v in graph.outputs]
        self._ports = [(v.name, None if v.dtype is None else v.dtype.numpy) for v in needed]
        # One runner serves every call, unless an input has no rank: then the shapes that come choose.
        self._simple = all(isinstance(v.type, TensorType) and v.shape is not None and v.dtype for v in needed)
        self._runners: dict[Choice, Runner] = {}
        self._lock = threading.Lock()
        self._seen: set[tuple[Any, ...]] = set()  # the shapes that were checked against the model's
        if found is not None:
            self._runners[Choice()] = Runner(found.compiled, self.threads)
        self._main = self._runner(Choice()) if self._simple else None
        if place is not None and found is None and self._main is not None:
            self._saved = saved.keep(place, self.model, self._main.compiled)

    @property
    def model(self) -> Model:
        """The model as it was given, not to be changed. One that was found compiled is read when it is asked for.

        Raises:
            InputError: its file has changed since.
        """
        if self._loaded is None:
            from sardonyx.io import load  # a session that is found compiled reads no model

            assert not isinstance(self._given, Model)
            if self._saved is not None and saved.place_of(self._given, self.precision) != self._place:
                raise InputError(
                    "the model's file has changed since the session was made",
                    why="what is asked for now needs more of the model than was compiled",
                    fix="make a new session",
                )
            self._loaded = load(self._given)
        return self._loaded

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Any],
        *,
        out: Mapping[str, Array] | None = None,
    ) -> list[Any]:
        """Run the model.

        Args:
            output_names: the results wanted, in order; any value of the main graph may be named. None means its outputs.
            feeds: an array per input: of NumPy, or anything that gives one by `__array__`, DLPack or the buffer protocol,
                without a copy where it is contiguous. Inputs with a default value may be left out.
            out: arrays, by the names of results, that the results are written into and that are returned in their place.
                Kernels write there directly if they are C-contiguous and aligned and nothing falls back. An array that is
                also an input may be overwritten before it is read.

        Returns:
            An array per result; a list for a sequence, None for an absent optional.

        Raises:
            InputError: an input is missing, unknown, or of the wrong type or shape; an output is unknown, or an array of
                `out` does not fit it.
            ExecutionError: a node refused the values that reached it.
        """
        if out is not None:
            return self._run_into(output_names, feeds, out)
        if output_names is None and self._main is not None and len(feeds) == len(self._ports):
            arrays = self._plain(feeds)
            if arrays is not None:
                return self._main.run(arrays)
        return self._run(output_names, feeds)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Run with the inputs by position."""
        if len(arrays) != len(self.inputs):
            raise InputError(
                f"the model takes {len(self.inputs)} inputs, not {len(arrays)}",
                why="its inputs are " + (", ".join(p.name for p in self.inputs) or "none"),
                fix="give one array for each, or call run with a dictionary by name",
            )
        return self.run(None, {p.name: a for p, a in zip(self.inputs, arrays, strict=True)})

    def warmup(self, feeds: Mapping[str, Any] | None = None) -> None:
        """Make the plan for the shapes of `feeds` (by default, of sample inputs) now rather than at the first run."""
        from sardonyx.engine.profile import sample

        self.run(None, sample(self._graph, {}) if feeds is None else feeds)

    def profile(
        self, feeds: Mapping[str, Any] | None = None, *, runs: int = 5, dims: Mapping[str, int] | None = None
    ) -> Profile:
        """How long each fused kernel takes, which nodes are inside, and what runs on its NumPy reference.

        Args:
            feeds: an array per input; None takes sample inputs.
            runs: how often to run; the shortest time of each step counts.
            dims: the extents of symbolic dims in sample inputs; those left out are 1.
        """
        from sardonyx.engine.peak import measure
        from sardonyx.engine.profile import Profile, sample

        feeds = sample(self._graph, dims or {}) if feeds is None else feeds
        runner, arrays = self._choose(None, feeds)
        runner.run(arrays)
        timings = [runner.timed(arrays) for _ in range(max(1, runs))]
        return Profile.of(timings, runner.compiled.refused, measure(self.threads))

    def trap(self, feeds: Mapping[str, Any]) -> None:
        """Run the model, looking at every float value of its main graph, and name the node that first gives NaN or infinity.

        Raises:
            ExecutionError: a node gave NaN or infinity although what it took was finite.
            InputError: as `run` does.
        """
        from sardonyx.engine.trap import raise_nonfinite

        graph = self.model.graph
        watched = [v for node in graph.nodes for v in node.outputs if v.name]
        found: dict[Value, Any] = bind_inputs(graph, feeds)
        found.update(zip(watched, self.run([v.name for v in watched], feeds), strict=True))
        raise_nonfinite(graph, found)

    def trim(self) -> None:
        """Give back the memory of the plans; they are made again when needed."""
        with self._lock:
            for runner in self._runners.values():
                runner.trim()

    @property
    def fallbacks(self) -> dict[str, str]:
        """The nodes that run on their NumPy reference, and why."""
        return {name: why for runner in list(self._runners.values()) for name, why in runner.compiled.refused.items()}

    # -- the way in ---------------------------------------------------------------------------------------------------

    def _plain(self, feeds: Mapping[str, Any]) -> list[Array] | None:
        """The arrays, if they are of the right types and of shapes that came before."""
        arrays: list[Array] = []
        for name, dtype in self._ports:
            array = feeds.get(name)
            if not isinstance(array, np.ndarray) or (array.dtype is not dtype and array.dtype != dtype):
                return None
            arrays.append(array if array.flags.c_contiguous else array.copy("C"))
        return arrays if tuple([a.shape for a in arrays]) in self._seen else None

    def _run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        """The careful way: everything is checked, and converted where that loses nothing."""
        if output_names is None:
            runner, arrays = self._choose(None, feeds)
            results = runner.run(arrays)
            if runner is self._main:
                if len(self._seen) > 4096:
                    self._seen.clear()
                self._seen.add(tuple([a.shape for a in arrays]))
            return results
        distinct = tuple(dict.fromkeys(output_names))
        runner, arrays = self._choose(distinct, feeds)
        by_name = dict(zip(distinct, runner.run(arrays), strict=True))
        return [by_name[name] for name in output_names]

    def _run_into(
        self, output_names: Sequence[str] | None, feeds: Mapping[str, Any], out: Mapping[str, Array]
    ) -> list[Any]:
        """Run with the results written into `out`, by the kernels themselves where possible."""
        names = [p.name for p in self.outputs] if output_names is None else list(output_names)
        for name in out:
            if name not in names:
                raise InputError(
                    f"there is an array for '{name}', which is not among the results",
                    why="the results are " + ", ".join(names),
                )
        distinct = tuple(dict.fromkeys(names))
        runner, arrays = self._choose(distinct, feeds)
        results = dict(zip(distinct, runner.run(arrays, [out.get(name) for name in distinct]), strict=True))
        for name, array in out.items():
            if results[name] is not array:
                _copy_into(array, results[name], name)
                results[name] = array
        return [results[name] for name in names]

    def _choose(self, outputs: tuple[str, ...] | None, feeds: Mapping[str, Any]) -> tuple[Runner, list[Any]]:
        """The runner for this call, and a value for each of its inputs."""
        if outputs is not None:
            self._check_names(outputs)
            if outputs == tuple(p.name for p in self.outputs):
                outputs = None
        bound = {v.name: x for v, x in bind_inputs(self._graph, feeds).items()}
        takes = [v for v in self._graph.inputs if v.name in bound]
        given = {v.name for v in takes if v.const is not None}
        ranks = {v.name: np.ndim(bound[v.name]) for v in takes if self._rankless(v)}
        runner = self._runner(Choice(outputs, frozenset(given), frozenset(ranks.items())))
        return runner, [_contiguous(bound[v.name]) for v in runner.inputs]

    def _rankless(self, value: Value) -> bool:
        return isinstance(value.type, TensorType) and value.type.shape is None

    def _check_names(self, names: Sequence[str]) -> None:
        if all(name in [p.name for p in self.outputs] for name in names):
            return
        if not self._known:
            self._known = {v.name: v for v in self.model.graph.values() if v.name}
        for name in names:
            if name not in self._known:
                close = difflib.get_close_matches(name, self._known, 3)
                raise InputError(
                    f"the model has no value named '{name}'",
                    why="its outputs are " + ", ".join(p.name for p in self.outputs),
                    fix="did you mean " + " or ".join(f"'{n}'" for n in close) + "?"
                    if close
                    else "ask for an output, or for any value of the main graph",
                )

    def _runner(self, choice: Choice) -> Runner:
        with self._lock:
            found = self._runners.get(choice)
            if found is None:
                model = specialize(self.model, choice)
                found = self._runners[choice] = _ready(model, self.precision, self._cache, self.threads)
            return found


def _ready(model: Model, precision: Precision, cache: bool, threads: int) -> Runner:
    """A model, or the body of a node in it, ready to run. Bodies do not hold the session: it goes when nobody else does."""
    from sardonyx.engine.make import make  # the compiler is not loaded for a session that is found compiled

    body = functools.partial(_ready, precision=precision, cache=cache, threads=threads)
    return Runner(make(model, precision, cache, body), threads)


def _copy_into(array: Array, result: Any, name: str) -> None:
    """Give an array the elements of a result."""
    if not isinstance(result, np.ndarray) or array.shape != result.shape or array.dtype != result.dtype:
        got = f"{result.dtype}{list(result.shape)}" if isinstance(result, np.ndarray) else type(result).__name__
        raise InputError(
            f"the array for '{name}' is {array.dtype}{list(array.shape)}, but the result is {got}",
            fix="give an array of the result's type and shape",
        )
    np.copyto(array, result)


def _contiguous(item: Any) -> Any:
    if isinstance(item, np.ndarray) and not item.flags.c_contiguous:
        return item.copy("C")
    return item

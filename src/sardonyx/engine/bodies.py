"""The bodies of If, Loop and Scan as programs of their own, once they have run so often that compiling pays."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import STRING, dtype
from sardonyx.core.errors import SardonyxError
from sardonyx.engine.rounds import Rounds
from sardonyx.engine.runner import Runner
from sardonyx.evaluate import Branch, Interpreter, Scope
from sardonyx.ir import Array, Graph, Model, Shape, TensorType, Value
from sardonyx.ir.clone import clone_graph

__all__ = ["COLD", "Bodies"]

COLD = 8  # runs of a body, after which it is compiled
LARGE = 48  # nodes of a body that is compiled at once: a decoder, say, in a branch
MANY = 24  # rounds that come or, where a body may end them, have been: fewer are run one by one

Key: TypeAlias = tuple[Graph, tuple[Any, ...]]


def _dense(x: Any) -> Any:
    return x.copy("C") if isinstance(x, np.ndarray) and not x.flags.c_contiguous else x


def _may_go_on(graph: Graph) -> bool:
    """Whether a loop's body may be known to ask for another round: it says again what it is given, or a constant."""
    value: Value | None = graph.outputs[0]
    while value is not None and value.producer is not None and value.producer.op_type == "Identity":
        value = value.producer.inputs[0]
    return value is not None and (value.producer is None or value.producer.op_type == "Constant")


class Bodies(Interpreter):
    """An interpreter that compiles bodies which run often.

    A body becomes a model whose inputs are its own and what it reads of the graphs around it. There is one for each choice of
    element types and ranks that has come; extents are free. What is no array, and what does not compile, is interpreted.

    Args:
        make: compiles a model.
    """

    def __init__(self, model: Model, make: Callable[[Model], Runner]) -> None:
        super().__init__(model)
        self._make = make
        self._inputs = set(model.graph.inputs)
        self._runs: Counter[Graph] = Counter()
        self._patience: dict[Graph, int] = {}
        self._captured: dict[Graph, list[Value]] = {}
        self._made: dict[Key, Runner | None] = {}
        self._lock = threading.Lock()

    def closure(self, graph: Graph, scope: Scope) -> Branch:
        """The body as its node calls it."""
        plain = super().closure(graph, scope)
        if scope.bindings:  # attributes that a function's call gives
            return plain

        cold = self._cold(graph)
        around: list[Any] = []
        runners: dict[tuple[Any, ...], Runner | None] = {}

        def runner_for(arrays: Sequence[Any]) -> Runner | None:
            if not runners:  # what is around stays as it is for as long as the node runs
                around.extend(_dense(scope[v]) for v in self._around(graph))
            key = tuple([(x.dtype, x.ndim) if isinstance(x, np.ndarray) else None for x in arrays])
            if key not in runners:
                runners[key] = self._runner(graph, [*arrays, *around])
            return runners[key]

        def run(arrays: Sequence[Any]) -> list[Any]:
            if self._runs[graph] < cold:
                self._runs[graph] += 1
                return plain.run(arrays)
            runner = runner_for(arrays)
            if runner is None:
                return plain.run(arrays)
            return runner.run([*[x if x.flags.c_contiguous else x.copy("C") for x in arrays], *around])

        def many(
            count: int, inputs: Sequence[Any], carried: Mapping[int, int], *, stepped: range, start: int, loops: bool,
            ends: bool,
        ) -> list[Any] | None:  # fmt: skip
            if count < MANY or (ends and start < MANY and not _may_go_on(graph)):
                return None
            runner = runner_for([np.asarray(x[0]) if i in stepped else x for i, x in enumerate(inputs)])
            if runner is None:
                return None
            first = 0 if loops else None
            rounds = Rounds(count, frozenset(stepped), carried, first, start, 1 if loops else None, first, ends)
            return runner.rounds(rounds, [*map(_dense, inputs), *around])

        return Branch(graph, run, many)

    def _cold(self, graph: Graph) -> int:
        """After how many runs a body is compiled."""
        found = self._patience.get(graph)
        if found is None:
            large = sum(1 for _ in itertools.islice(graph.walk(), LARGE)) == LARGE
            found = self._patience[graph] = 0 if large else COLD
        return found

    def _around(self, graph: Graph) -> list[Value]:
        """What the body reads that is not its own, but for constants."""
        found = self._captured.get(graph)
        if found is None:
            found = self._captured[graph] = [v for v in graph.captured() if v.const is None]
        return found

    def _runner(self, graph: Graph, given: Sequence[Any]) -> Runner | None:
        """What runs the body for inputs, and values around it, of these types and ranks."""
        if not all(isinstance(x, np.ndarray) and x.dtype.kind not in "OUS" for x in given):
            return None
        key = graph, tuple([(x.dtype, x.ndim) for x in given])
        with self._lock:
            if key not in self._made:
                try:
                    self._made[key] = self._make(self._model_of(graph, self._around(graph), given))
                except SardonyxError:  # the interpreter says what is wrong with it, if anything is
                    self._made[key] = None
            return self._made[key]

    def _told(self, value: Value, array: Array) -> Shape:
        """What is known of the extents of something around a body, before any run: of the model's inputs, which a session holds
        to their types, these say it."""
        kind = value.type
        if value not in self._inputs or not isinstance(kind, TensorType) or len(kind.shape or ()) != array.ndim:
            return (None,) * array.ndim
        named = (None if isinstance(d, Expr) and d.name is None else d for d in kind.shape or ())
        return tuple(dims.symbol(f"_around_{d}") if isinstance(d, Expr) else d for d in named)

    def _model_of(self, graph: Graph, around: Sequence[Value], given: Sequence[Any]) -> Model:
        inputs = [Value(f"_around{i}") for i in range(len(around))]
        body = clone_graph(graph, dict(zip(around, inputs, strict=True)))
        for node in body.nodes:  # what was declared goes by other names than the extents that come
            for value in node.outputs:
                if isinstance(value.type, TensorType):
                    value.type = None
        for value in inputs:
            body.add_input(value)
        for i, (value, array) in enumerate(zip(body.inputs, given, strict=True)):
            kind = dtype(array.dtype)
            assert kind is not STRING
            own = len(body.inputs) - len(around)
            told = self._told(around[i - own], array) if i >= own else (None,) * array.ndim
            free = (dims.symbol(f"_body{i}_{axis}") for axis in range(array.ndim))
            value.type = TensorType(kind, tuple(other if d is None else d for d, other in zip(told, free, strict=True)))
        return Model(body, dict(self.model.opsets), self.model.functions, self.model.ir_version)

"""Running a compiled model: plans by shape, memory by concurrent call."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Expr
from sardonyx.core.errors import ExecutionError
from sardonyx.engine.bind import Bound, Timing
from sardonyx.engine.compiled import Compiled, LinkedPart
from sardonyx.engine.link import Linked
from sardonyx.engine.outputs import Outputs
from sardonyx.engine.program import label
from sardonyx.engine.rounds import Rounds, run_rounds
from sardonyx.engine.threads import aligned
from sardonyx.evaluate import Scope
from sardonyx.ir import Array, Value

__all__ = ["Runner"]

_PLANS = 64  # per concurrent call: how many shapes are remembered

Key: TypeAlias = tuple[Any, ...]


class _Workspace:
    """What one call at a time uses: memory, and the plans whose temporaries lie in it."""

    def __init__(self) -> None:
        self.memory = aligned(0)
        self.plans: OrderedDict[Key, Bound] = OrderedDict()

    def bind(self, linked: Linked, key: Key, symbols: Mapping[str, int], threads: int, pool: Outputs) -> Bound:
        layout = linked.layout(symbols)
        if layout.bytes > len(self.memory):
            self.plans.clear()  # they lie in the old memory
            grown = len(self.memory) * 5 // 4
            self.memory = aligned(0)
            self.memory = aligned(max(layout.bytes, grown))
        bound = self.plans[key] = Bound(linked, layout, self.memory, threads, pool)
        if len(self.plans) > _PLANS:
            self.plans.popitem(last=False)
        return bound


class _Native:
    """The compiled nodes of a part."""

    def __init__(self, linked: Linked, takes: Sequence[Value], threads: int) -> None:
        self.linked, self.threads = linked, threads
        self._names = [v.name for v in takes]
        self._idle: list[_Workspace] = []
        self._pool = Outputs()
        # A symbol that no extent of what is taken shows comes from an earlier part.
        shown = {d.name for v in linked.program.inputs for d in v.shape if isinstance(d, Expr)}
        self.carried = [s for s in linked.symbols if s not in shown]

    def run(self, arrays: Sequence[Array], symbols: Mapping[str, int], out: Sequence[Array | None] = ()) -> list[Array]:
        workspace, bound = self._take(arrays, symbols)
        try:
            return bound.run(arrays, out)
        finally:
            self._idle.append(workspace)

    def rounds(self, rounds: Rounds, arrays: Sequence[Array]) -> list[Array] | None:
        """As `run_rounds`."""
        first = [x[0] if i in rounds.stepped else x for i, x in enumerate(arrays)]
        workspace, bound = self._take(first, {})
        try:
            return run_rounds(bound, rounds, arrays)
        finally:
            self._idle.append(workspace)

    def timed(self, arrays: Sequence[Array], symbols: Mapping[str, int]) -> tuple[list[Array], list[Timing]]:
        workspace, bound = self._take(arrays, symbols)
        try:
            return bound.timed(arrays)
        finally:
            self._idle.append(workspace)

    def _take(self, arrays: Sequence[Array], symbols: Mapping[str, int]) -> tuple[_Workspace, Bound]:
        key: Key = tuple([a.shape for a in arrays])
        if self.carried:
            key += tuple([symbols[s] for s in self.carried])
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = _Workspace()
        bound = workspace.plans.get(key)
        if bound is None:
            try:
                bound = workspace.bind(self.linked, key, self._symbols(arrays, symbols), self.threads, self._pool)
            except BaseException:
                self._idle.append(workspace)
                raise
        return workspace, bound

    def _symbols(self, arrays: Sequence[Array], symbols: Mapping[str, int]) -> dict[str, int]:
        found = dict(symbols)
        for name, view, array in zip(self._names, self.linked.program.inputs, arrays, strict=True):
            if array.ndim != view.rank:
                raise _surprise(name, array, str(view.rank) + " axes")
            for d, extent in zip(view.shape, array.shape, strict=True):
                if isinstance(d, Expr) and d.name is not None and found.setdefault(d.name, extent) == extent:
                    continue
                if dims.evaluate(d, found) != extent:
                    raise _surprise(name, array, f"{dims.evaluate(d, found)} for {d}")
        return found

    def trim(self) -> None:
        self._idle.clear()
        self._pool.trim()


def _surprise(name: str, array: Array, wanted: str) -> ExecutionError:
    return ExecutionError(
        f"value '{name}' came out with shape {list(array.shape)}",
        why=f"the types of the model say {wanted}",
        fix="correct or remove the types that the model declares",
    )


class Runner:
    """A compiled model and the plans made of it."""

    def __init__(self, compiled: Compiled, threads: int) -> None:
        self.compiled = compiled
        self.inputs = list(compiled.model.graph.inputs)
        self._interpreter = compiled.interpreter
        self._natives = [None if p.linked is None else _Native(p.linked, p.takes, threads) for p in compiled.parts]
        self._whole: _Native | None = None
        self._picks: list[int] | None = None  # which inputs the part takes, unless it takes them as they come
        self._gives: list[Value | int] | None = (
            None  # of each result, its place among what the part gives, or the input or
        )
        if (
            len(compiled.parts) == 1 and not compiled.parts[0].after
        ):  # constant that it is; unless they are as they come
            self._hand_over(compiled.parts[0], self._natives[0])

    def _hand_over(self, part: LinkedPart, native: _Native | None) -> None:
        """Let the one part there is serve every call at once, unless its symbols are shown by what it does not take."""
        if native is None or native.carried:
            return
        self._whole = native
        if part.takes != self.inputs:
            self._picks = [self.inputs.index(v) for v in part.takes]
        if part.gives != self.compiled.wanted:
            places = {v: i for i, v in enumerate(part.gives)}
            self._gives = [places.get(v, v) for v in self.compiled.wanted]

    def run(self, arrays: Sequence[Any], out: Sequence[Array | None] = ()) -> list[Any]:
        """The outputs for one value per input of the graph; arrays must be contiguous and of the right types.

        Args:
            out: where kernels may write the outputs. What comes back is not there if it could not be written there directly.
        """
        if self._whole is None:
            return self._parts(arrays, None)
        taken = arrays if self._picks is None else [arrays[i] for i in self._picks]
        if self._gives is None:
            return self._whole.run(taken, {}, out)
        given = self._whole.run(taken, {})
        return [given[r] if isinstance(r, int) else self._copied(r, arrays) for r in self._gives]

    def rounds(self, rounds: Rounds, arrays: Sequence[Array]) -> list[Any] | None:
        """As `run`, many times; see `run_rounds`. None if the rounds are not alike."""
        native, gives = self._whole, self._gives or list(range(len(self.compiled.wanted)))
        if native is None:
            return None
        picks = list(range(len(arrays))) if self._picks is None else self._picks
        carried: dict[int, int] = {}
        sure = rounds.ends  # that rounds which come are told so
        for result, found in enumerate(gives):
            source = rounds.carried.get(result)
            if isinstance(found, int):
                if gives.count(found) > 1:
                    return None
                if source in picks:  # else nobody reads what the round before gave
                    carried[found] = picks.index(source)
            elif result == rounds.asked:
                sure = self._always(found, rounds)
                if not sure and rounds.ends:
                    return None
            elif source is None or found is not self.inputs[source]:  # only what stays as it is
                return None
        if not sure and rounds.going in picks:
            return None
        asked = None if rounds.asked is None else gives[rounds.asked]
        mine = Rounds(
            rounds.count,
            frozenset(i for i, p in enumerate(picks) if p in rounds.stepped),
            carried,
            picks.index(rounds.counter) if rounds.counter in picks else None,
            rounds.start,
            asked=asked if isinstance(asked, int) else None,
            ends=rounds.ends and isinstance(asked, int),
        )
        made = native.rounds(mine, [arrays[p] for p in picks])
        if made is None:
            return None
        results: list[Any] = []
        for result, found in enumerate(gives):
            if not isinstance(found, int):
                results.append(None if result == rounds.asked else self._copied(found, arrays))
            elif result in rounds.carried and found not in carried:
                results.append(made[found][-1].copy())
            else:
                results.append(made[found])
        return results

    def _always(self, value: Value, rounds: Rounds) -> bool:
        """Whether a truth is true in each round."""
        if value.const is None:
            return rounds.going is not None and value is self.inputs[rounds.going]
        return bool(value.const.numpy().all())

    def _copied(self, value: Value, arrays: Sequence[Any]) -> Any:
        """An input or constant as a result: results are the caller's, who may change them."""
        found = value.const.numpy() if value.const is not None else arrays[self.inputs.index(value)]
        return np.array(found) if isinstance(found, np.ndarray) else found

    def timed(self, arrays: Sequence[Any]) -> list[Timing]:
        """How long each step takes."""
        times: list[Timing] = []
        self._parts(arrays, times)
        return times

    def trim(self) -> None:
        """Give back the memory of the plans."""
        for native in self._natives:
            if native is not None:
                native.trim()

    def _parts(self, arrays: Sequence[Any], times: list[Timing] | None) -> list[Any]:
        scope = Scope(self.compiled.model.opsets, dict(zip(self.inputs, arrays, strict=True)))
        values = scope.values
        symbols: dict[str, int] = {}
        for value in self.inputs:
            self._learn(value, values[value], symbols)
        for part, native in zip(self.compiled.parts, self._natives, strict=True):
            if native is not None:
                taken = [np.ascontiguousarray(values[v]).reshape(np.shape(values[v])) for v in part.takes]
                if times is None:
                    given = native.run(taken, symbols)
                else:
                    given, spent = native.timed(taken, symbols)
                    times += spent
                values.update(zip(part.gives, given, strict=True))
            self._interpret(part, scope, symbols, times)
            for value in part.dead:
                values.pop(value, None)
        given = {id(a) for a in arrays}
        results = [(v, scope[v]) for v in self.compiled.wanted]
        # The results are the caller's: what the model or the caller keeps is copied.
        return [
            np.array(x) if isinstance(x, np.ndarray) and (v.producer is None or id(x) in given) else x
            for v, x in results
        ]

    def _interpret(self, part: LinkedPart, scope: Scope, symbols: dict[str, int], times: list[Timing] | None) -> None:
        for node in part.after:
            assert self._interpreter is not None
            start = time.perf_counter()
            results = self._interpreter.run_node(
                node, None, [None if v is None else scope[v] for v in node.inputs], scope
            )
            if times is not None:
                times.append(Timing(node.op_type, (label(node),), time.perf_counter() - start, 0, 0, False))
            for value, result in zip(node.outputs, results, strict=False):
                scope.values[value] = result
                self._learn(value, result, symbols)

    def _learn(self, value: Value, array: Any, symbols: dict[str, int]) -> None:
        """Take the numbers of symbols from the shape of an array."""
        shape = self.compiled.shapes.get(value)
        if shape is None:
            return
        if np.ndim(array) != len(shape):
            raise _surprise(value.name, array, f"{len(shape)} axes")
        for d, extent in zip(shape, array.shape, strict=True):
            if isinstance(d, Expr) and d.name is not None:
                symbols.setdefault(d.name, extent)

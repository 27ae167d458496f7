"""Which functions of a model call which: none itself, and no two are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sardonyx.check.messages.breach import Breach, Breaches
from sardonyx.proto import ModelProto, NodeProto

__all__ = ["check_no_recursion"]

MOST_FUNCTIONS, DEEPEST_CALLS = 10_000, 100  # beyond these a model is refused unread


def _key(domain: str, name: str, overload: str) -> str:
    return f"{'' if domain == 'ai.onnx' else domain}::{name}" + (f"::{overload}" if overload else "")


def _calls(body: Iterable[NodeProto]) -> Iterator[str]:
    for node in body:
        yield _key(node.domain, node.op_type, node.overload)
        for attr in node.entries("attribute"):
            for graph in (*([attr.g] if attr.HasField("g") else ()), *attr.entries("graphs")):
                yield from _calls(graph.entries("node"))


def check_no_recursion(model: ModelProto) -> Breaches:
    """No function of a model calls itself, directly or through others; no two are the same one."""
    functions = model.entries("functions")
    if len(functions) > MOST_FUNCTIONS:
        what = f"Model contains {len(functions)} local functions, exceeding the limit of {MOST_FUNCTIONS}."
        yield Breach("SDX-C159", what)
        return
    calls: dict[str, list[str]] = {}
    for function in functions:
        key = _key(function.domain, function.name, function.overload)
        if key in calls:
            what = f"Model contains multiple local functions with the same implementation id '{key}'."
            yield Breach("SDX-C160", what)
        calls[key] = list(dict.fromkeys(_calls(function.entries("node"))))
    done = set[str]()
    for start in calls:
        if start not in done:
            yield from _follow(start, calls, done)


def _follow(start: str, calls: Mapping[str, list[str]], done: set[str]) -> Breaches:
    path, waiting = [start], [iter(calls[start])]
    while path:
        callee = next((key for key in waiting[-1] if key in calls and key not in done), None)
        if callee is None:
            done.add(path.pop())
            waiting.pop()
        elif callee in path:
            cycle = " -> ".join([*path[path.index(callee) :], callee])
            law = "Model-local functions must not be recursive."
            yield Breach("SDX-C154", f"Cycle detected in model-local function references: {cycle}. {law}")
        else:
            path.append(callee)
            waiting.append(iter(calls[callee]))
            if len(path) == DEEPEST_CALLS + 1:
                yield Breach("SDX-C159", f"Function call chain depth exceeds limit ({DEEPEST_CALLS}).")

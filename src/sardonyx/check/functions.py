"""The functions a model brings along, and the nodes that call them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.ir import Function, FunctionKey, Model
from sardonyx.ops import schema_of


@rule("SDX-C151", on="function")
def function_has_name(site: Site) -> Findings:
    """A function has a name."""
    if site.function is not None and not site.function.name:
        yield Finding("a function has no name", "no node could call it", "set function.name")


@rule("SDX-C152", on="function")
def function_attributes_differ(site: Site) -> Findings:
    """A function declares each attribute once, with or without a default value."""
    assert site.function is not None
    declared = [*site.function.attributes, *site.function.defaults]
    for name, count in Counter(declared).items():
        if count > 1:
            yield Finding(
                f"function '{site.function.name}' declares attribute '{name}' {count} times",
                "it must be one",
                "remove the others",
            )


@rule("SDX-C153", on="function")
def function_opsets_agree(site: Site) -> Findings:
    """What a function's operators mean is the same under its own opsets and the model's."""
    assert site.function is not None
    for node in site.graph.walk():
        mine, models = site.function.opsets.get(node.domain), site.model.opsets.get(node.domain)
        if mine is None or models is None or mine == models:
            continue
        ours, theirs = schema_of(node.domain, node.op_type, mine), schema_of(node.domain, node.op_type, models)
        if ours is not None and (theirs is None or ours.version != theirs.version):
            yield Finding(
                f"function '{site.function.name}' uses {node.op_type} of opset {mine}, the model imports {models}",
                f"the operator changed in between (version {ours.version}, then {theirs.version if theirs else 'none'})",
                "convert model and functions to one opset with sx.convert_version",
                node,
            )


@rule("SDX-C154", on="model")
def no_recursion(site: Site) -> Findings:
    """No function calls itself, directly or through others."""
    done: set[FunctionKey] = set()
    for start in site.model.functions:
        stack: list[tuple[FunctionKey, Iterator[FunctionKey]]] = [(start, _calls(site.model, start))]
        path = {start}
        while stack:
            key, callees = stack[-1]
            callee = next((k for k in callees if k not in done), None)
            if callee is None:
                stack.pop()
                path.discard(key)
                done.add(key)
            elif callee in path:
                chain = " -> ".join([k[1] for k, _ in stack] + [callee[1]])
                yield Finding(f"function '{callee[1]}' calls itself", f"the chain is {chain}", "write a Loop")
                done.add(callee)
            else:
                path.add(callee)
                stack.append((callee, _calls(site.model, callee)))


def _calls(model: Model, key: FunctionKey) -> Iterator[FunctionKey]:
    keys = {(n.domain, n.op_type, n.overload) for n in model.functions[key].graph.walk()}
    return iter(sorted(keys & model.functions.keys()))


@rule("SDX-C155", on="call", severity="warning")
def call_fits_function(site: Site) -> Findings:
    """A call gives no more inputs and takes no more outputs than its function has."""
    node, function = site.node, site.callee
    assert node is not None and function is not None
    for what, count, most in (
        ("inputs", len(node.inputs), len(function.graph.inputs)),
        ("outputs", len(node.outputs), len(function.graph.outputs)),
    ):
        if count > most:
            yield Finding(
                f"{node!r} has {count} {what}, function '{function.name}' has {most}",
                _signature(function),
                f"remove the superfluous {what}",
            )


@rule("SDX-C156", on="call", severity="warning")
def call_gives_attributes(site: Site) -> Findings:
    """A call gives the attributes its function declares, and no others."""
    node, function = site.node, site.callee
    assert node is not None and function is not None
    for name in function.attributes:
        if name not in node.attrs:
            yield Finding(
                f"{node!r} gives no attribute '{name}'", _signature(function), "give it, or give the function a default"
            )
    for name in node.attrs.keys() - {*function.attributes, *function.defaults}:
        yield Finding(f"function '{function.name}' has no attribute '{name}'", _signature(function), "remove it")


def _signature(function: Function) -> str:
    attributes = [*function.attributes, *(f"{n} = {a.value}" for n, a in function.defaults.items())]
    inputs = ", ".join(v.name for v in function.graph.inputs)
    outputs = ", ".join(v.name for v in function.graph.outputs)
    return (
        f"it is {function.name}" + (f"<{', '.join(attributes)}>" if attributes else "") + f"({inputs}) -> ({outputs})"
    )

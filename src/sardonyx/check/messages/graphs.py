"""Graphs, functions and models: names made once and before they are read, versions that agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sardonyx.check.messages import nodes
from sardonyx.check.messages.breach import AtFunction, AtGraph, AtNode, AtTensor, Breach, Breaches, within
from sardonyx.check.messages.calls import check_no_recursion
from sardonyx.check.messages.context import Context, Names, state, state_text
from sardonyx.check.messages.values import check_sparse_tensor, check_tensor, check_value_info
from sardonyx.proto import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, Version

__all__ = ["check_function", "check_graph", "check_model", "check_no_recursion"]

ABSENT = -1  # a function's import that states this version counts as none, as it does officially
NEWEST_IR = Version.Value("IR_VERSION")


def check_graph(graph: GraphProto, ctx: Context, outer: Names) -> Breaches:
    """Every name is made once, before it is read, and graph outputs are made here."""
    at = AtGraph(graph.name)
    names = Names(outer)
    yield from within(at, _check_interface(graph, ctx, names))
    yield from within(at, _check_constants(graph, ctx, names))
    for i, node in enumerate(graph.entries("node")):
        for name in node.entries("input"):
            if name and not names.has(name):
                what = (
                    f"Nodes in a graph must be topologically sorted, however input '{name}' of node: \n"
                    f"name: {node.name} OpType: {node.op_type}\n is not output of any previous nodes."
                )
                yield Breach("SDX-C105", what, AtNode(node, i, graph, own=False))
        # Subgraphs first: their names must not collide with what this node makes.
        for breach in nodes.check_node(node, ctx, names):
            breach.trail.append(AtNode(node, i, graph))
            yield breach
        yield from _define(node, i, graph, names)
    for info in graph.entries("output"):
        if not names.has_here(info.name):
            yield Breach("SDX-C106", f"Graph output '{info.name}' is not an output of any node in graph.", at)


def _check_interface(graph: GraphProto, ctx: Context, names: Names) -> Breaches:
    yield from state_text("SDX-C101", graph, "name", "graph")
    for info in (*graph.entries("input"), *graph.entries("output")):
        yield from check_value_info(info, ctx)
    for info in graph.entries("input"):
        if names.has_here(info.name):
            yield _twice("SDX-C103", info.name, "graph input names")
        names.add(info.name)


def _twice(code: str, name: str, what: str) -> Breach:
    law = "Graph must be in single static assignment (SSA) form"
    return Breach(code, f"{law}, however '{name}' has been used as {what} multiple times.")


def _define(node: NodeProto, index: int, holder: GraphProto | FunctionProto, names: Names) -> Breaches:
    for name in node.entries("output"):
        if name:
            if names.has(name):
                breach = _twice("SDX-C104", name, "output names")
                breach.trail.append(AtNode(node, index, holder, own=False))
                yield breach
            names.add(name)


def _check_constants(graph: GraphProto, ctx: Context, names: Names) -> Breaches:
    constants = set[str]()
    for tensor in graph.entries("initializer"):
        name = tensor.name
        if not tensor.HasField("name"):
            yield from state("SDX-C102", tensor, "name", "init")
        elif not name:
            yield Breach("SDX-C102", "Tensor initializers must have a non-empty name")
        if name and name in constants:
            yield Breach("SDX-C108", f"{name} initializer name is not unique")
        constants.add(name)
        yield from within(AtTensor(name), check_tensor(tensor, ctx))
        if ctx.ir_version <= 3 and not names.has_here(name):  # the old format wanted an input for each
            yield Breach("SDX-C161", f"{name} in initializer but not in graph input")
        names.add(name)
    for sparse in graph.entries("sparse_initializer"):
        name = sparse.values.name
        if not name:
            yield Breach("SDX-C102", "Sparse tensor initializers must have a non-empty name")
        elif name in constants:
            both = "initializers and sparse_initializers"
            yield Breach("SDX-C108", f"{name} sparse initializer name is not unique across {both}")
        constants.add(name)
        yield from within(AtTensor(name), check_sparse_tensor(sparse, ctx))
        names.add(name)


def _check_imports(entries: Iterable[OperatorSetIdProto]) -> Breaches:
    for entry in entries:
        if not -(2**31) <= entry.version < 2**31:
            yield Breach("SDX-C113", f"Opset import version {entry.version} is out of supported range")


def _imports(entries: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    return {entry.domain: int(entry.version) for entry in entries}


def check_function(function: FunctionProto, ctx: Context, outer: Names) -> Breaches:
    """Every name is made once, here, before it is read; operators mean the same as in the model around."""
    yield from within(AtFunction(function.name), _check_function(function, ctx, outer))


def _check_function(function: FunctionProto, ctx: Context, outer: Names) -> Breaches:
    names = Names(outer)
    yield from within(AtGraph(function.name), _check_head(function, ctx, names))
    imports = _imports(function.entries("opset_import"))
    inside = ctx.but(opsets=imports)
    for i, node in enumerate(function.entries("node")):
        for name in node.entries("input"):
            if name and not names.has_here(name):
                what = (
                    f"Nodes in a function must be topologically sorted, however input '{name}' of node: \n"
                    f"Name: {node.name} OpType: {node.op_type}\n"
                    " is neither output of any previous nodes nor input of the function."
                )
                yield Breach("SDX-C105", what, AtNode(node, i, function, own=False))
        at = AtNode(node, i, function)
        if not ctx.skip_compatibility:
            yield from within(at, _check_versions(node, imports, ctx))
        yield from within(at, nodes.check_node(node, inside, names))
        yield from _define(node, i, function, names)


def _check_head(function: FunctionProto, ctx: Context, names: Names) -> Breaches:
    yield from state_text("SDX-C151", function, "name", "function")
    if ctx.ir_version >= 8:
        yield from state("SDX-C157", function, "domain", "function")
    yield from _check_imports(function.entries("opset_import"))
    for name in function.entries("input"):
        if names.has_here(name):
            yield _twice("SDX-C103", name, "function input names")
        names.add(name)
    for code, what, held in (
        ("SDX-C158", "outputs", function.entries("output")),
        ("SDX-C152", "attributes", function.entries("attribute")),
    ):
        if len(set(held)) < len(held):
            yield Breach(code, f"function ({function.name}) should not have duplicate {what} specified.")


def _check_versions(node: NodeProto, inside: Mapping[str, int], ctx: Context) -> Breaches:
    """An operator that changed between the function's version and the model's is refused."""
    mine, models = inside.get(node.domain, ABSENT), ctx.opsets.get(node.domain, ABSENT)
    if mine == ABSENT:
        yield Breach("SDX-C115", f"No Opset registered for domain {node.domain}")
        return
    if models == ABSENT or mine == models:
        return
    ours, theirs = (ctx.find(node.op_type, version, node.domain) for version in (mine, models))
    if (ours and ours.version) != (theirs and theirs.version):
        what = (
            f"Opset import for domain {node.domain} in function op {node.op_type} is not compatible with the version "
            f"imported by model. FunctionOp imports version {mine} whereas model imports version {models}"
        )
        yield Breach("SDX-C153", what)


def check_model(model: ModelProto, ctx: Context) -> Breaches:
    """A model states its versions, and its graph and functions are legal in them."""
    at = AtGraph(model.graph.name)
    imports = _imports(model.entries("opset_import"))
    yield from within(at, _check_header(model, imports))
    ctx = ctx.but(ir_version=int(model.ir_version), opsets=imports or {"": 1})
    names = Names()
    yield from check_graph(model.graph, ctx, names)
    if ctx.ir_version < 8:
        return
    around = dict(ctx.opsets)
    for function in model.entries("functions"):
        yield from within(AtFunction(function.name), _check_imports(function.entries("opset_import")))
        around = _imports(function.entries("opset_import")) | around
    yield from within(at, check_no_recursion(model))
    for function in model.entries("functions"):
        yield from check_function(function, ctx.but(opsets=around), names)


def _check_header(model: ModelProto, imports: Mapping[str, int]) -> Breaches:
    if not model.ir_version:
        yield Breach("SDX-C111", "The model does not have an ir_version set properly.")
    if model.ir_version > NEWEST_IR:
        newest = f"is higher than the checker's ({NEWEST_IR})"
        yield Breach("SDX-C111", f"Your model ir_version {model.ir_version} {newest}.")
    keys = [entry.key for entry in model.entries("metadata_props")]
    if len(set(keys)) < len(keys):
        yield Breach("SDX-C118", "Your model has duplicate keys in metadata_props.")
    yield from _check_imports(model.entries("opset_import"))
    if model.ir_version >= 3 and not imports:
        yield Breach("SDX-C112", "model with IR version >= 3 must specify opset_import for ONNX")
    if model.ir_version < 3 and imports:
        yield Breach("SDX-C112", "model with IR version < 3 cannot have opset_import specified")

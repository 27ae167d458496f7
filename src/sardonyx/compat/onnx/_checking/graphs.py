"""Graphs, functions and models: names made once and before they are read, versions that agree, no recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sardonyx.compat.onnx._checking import nodes
from sardonyx.compat.onnx._checking.context import (
    CheckerContext,
    LexicalScopeContext,
    ValidationError,
    require,
    require_text,
)
from sardonyx.compat.onnx._checking.values import check_sparse_tensor, check_tensor, check_value_info
from sardonyx.compat.onnx._registry import find
from sardonyx.proto import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, Version

__all__ = ["check_function", "check_graph", "check_model", "check_no_recursion"]

NEWEST_IR = Version.Value("IR_VERSION")
MOST_FUNCTIONS, DEEPEST_CALLS = 10_000, 100  # beyond these a model is refused unread


def check_graph(graph: GraphProto, ctx: CheckerContext, outer: LexicalScopeContext) -> None:
    """Every name is made once, before it is read, and graph outputs are made here."""
    require_text(graph, "name", "graph")
    for info in (*graph.input, *graph.output):
        check_value_info(info, ctx)
    scope = LexicalScopeContext(outer)
    for info in graph.input:
        if scope.has_here(info.name):
            raise _twice(info.name, "graph input names")
        scope.add(info.name)
    _check_constants(graph, ctx, scope)
    for node in graph.node:
        for name in node.input:
            if name and not scope.has(name):
                raise ValidationError(
                    f"Nodes in a graph must be topologically sorted, however input '{name}' of node: \n"
                    f"name: {node.name} OpType: {node.op_type}\n is not output of any previous nodes."
                )
        # Subgraphs first: their names must not collide with what this node makes.
        try:
            nodes.check_node(node, ctx, scope)
        except ValidationError as error:
            context = f"\n\n==> Context: Bad node spec for node. Name: {node.name} OpType: {node.op_type}"
            raise ValidationError(f"{error}{context}") from error
        _define(node, scope)
    for info in graph.output:
        if not scope.has_here(info.name):
            raise ValidationError(f"Graph output '{info.name}' is not an output of any node in graph.")


def _twice(name: str, what: str) -> ValidationError:
    law = "Graph must be in single static assignment (SSA) form"
    return ValidationError(f"{law}, however '{name}' has been used as {what} multiple times.")


def _define(node: NodeProto, scope: LexicalScopeContext) -> None:
    for name in node.output:
        if name:
            if scope.has(name):
                raise _twice(name, "output names")
            scope.add(name)


def _check_constants(graph: GraphProto, ctx: CheckerContext, scope: LexicalScopeContext) -> None:
    names = set[str]()
    for tensor in graph.initializer:
        require(tensor, "name", "init")
        if not tensor.name:
            raise ValidationError("Tensor initializers must have a non-empty name")
        if tensor.name in names:
            raise ValidationError(f"{tensor.name} initializer name is not unique")
        names.add(tensor.name)
        check_tensor(tensor, ctx)
        if ctx.ir_version > 3:
            scope.add(tensor.name)
        elif not scope.has_here(tensor.name):  # the old format wanted an input for each
            raise ValidationError(f"{tensor.name} in initializer but not in graph input")
    for sparse in graph.sparse_initializer:
        name = sparse.values.name
        if not name:
            raise ValidationError("Sparse tensor initializers must have a non-empty name")
        if name in names:
            raise ValidationError(
                f"{name} sparse initializer name is not unique across initializers and sparse_initializers"
            )
        names.add(name)
        check_sparse_tensor(sparse, ctx)
        scope.add(name)


def _imports(entries: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    imports: dict[str, int] = {}
    for entry in entries:
        if not -(2**31) <= entry.version < 2**31:
            raise ValidationError(f"Opset import version {entry.version} is out of supported range")
        imports[entry.domain] = int(entry.version)
    return imports


def check_function(function: FunctionProto, ctx: CheckerContext, outer: LexicalScopeContext) -> None:
    """Every name is made once, here, before it is read; operators mean the same as in the model around."""
    require_text(function, "name", "function")
    if ctx.ir_version >= 8:
        require(function, "domain", "function")
    imports = _imports(function.opset_import)
    inside = ctx.but(opset_imports=imports)
    scope = LexicalScopeContext(outer)
    for name in function.input:
        if scope.has_here(name):
            raise _twice(name, "function input names")
        scope.add(name)
    for what, names in (("outputs", function.output), ("attributes", function.attribute)):
        if len(set(names)) < len(names):
            raise ValidationError(f"function ({function.name}) should not have duplicate {what} specified.")
    for node in function.node:
        for name in node.input:
            if name and not scope.has_here(name):
                raise ValidationError(
                    f"Nodes in a function must be topologically sorted, however input '{name}' of node: \n"
                    f"Name: {node.name} OpType: {node.op_type}\n"
                    " is neither output of any previous nodes nor input of the function."
                )
        if not ctx.skip_compatibility:
            _check_versions(node, imports, ctx.opset_imports)
        nodes.check_node(node, inside, scope)
        _define(node, scope)


def _check_versions(node: NodeProto, inside: Mapping[str, int], around: Mapping[str, int]) -> None:
    """An operator that changed between the function's version and the model's is refused."""
    mine, models = inside.get(node.domain), around.get(node.domain)
    if mine is None:
        raise ValidationError(f"No Opset registered for domain {node.domain}")
    if models is None or mine == models:
        return
    ours, theirs = (find(node.op_type, version, node.domain) for version in (mine, models))
    if (ours and ours.since_version) != (theirs and theirs.since_version):
        raise ValidationError(
            f"Opset import for domain {node.domain} in function op {node.op_type} is not compatible with the version "
            f"imported by model. FunctionOp imports version {mine} whereas model imports version {models}"
        )


def _key(domain: str, name: str, overload: str) -> str:
    return f"{'' if domain == 'ai.onnx' else domain}::{name}" + (f"::{overload}" if overload else "")


def _calls(body: Iterable[NodeProto]) -> Iterator[str]:
    for node in body:
        yield _key(node.domain, node.op_type, node.overload)
        for attr in node.attribute:
            for graph in (*([attr.g] if attr.HasField("g") else ()), *attr.graphs):
                yield from _calls(graph.node)


def check_no_recursion(model: ModelProto) -> None:
    """No function of a model calls itself, directly or through others; no two are the same one."""
    if len(model.functions) > MOST_FUNCTIONS:
        raise ValidationError(
            f"Model contains {len(model.functions)} local functions, exceeding the limit of {MOST_FUNCTIONS}."
        )
    calls: dict[str, list[str]] = {}
    for function in model.functions:
        key = _key(function.domain, function.name, function.overload)
        if key in calls:
            raise ValidationError(f"Model contains multiple local functions with the same implementation id '{key}'.")
        calls[key] = list(dict.fromkeys(_calls(function.node)))
    done = set[str]()
    for start in calls:
        if start not in done:
            _follow(start, calls, done)


def _follow(start: str, calls: Mapping[str, list[str]], done: set[str]) -> None:
    path, waiting = [start], [iter(calls[start])]
    while path:
        callee = next((key for key in waiting[-1] if key in calls and key not in done), None)
        if callee is None:
            done.add(path.pop())
            waiting.pop()
        elif callee in path:
            cycle = " -> ".join([*path[path.index(callee) :], callee])
            law = "Model-local functions must not be recursive."
            raise ValidationError(f"Cycle detected in model-local function references: {cycle}. {law}")
        else:
            path.append(callee)
            waiting.append(iter(calls[callee]))
            if len(path) > DEEPEST_CALLS:
                raise ValidationError(f"Function call chain depth exceeds limit ({DEEPEST_CALLS}).")


def check_model(model: ModelProto, ctx: CheckerContext) -> None:
    """A model states its versions, and its graph and functions are legal in them."""
    if not model.ir_version:
        raise ValidationError("The model does not have an ir_version set properly.")
    if model.ir_version > NEWEST_IR:
        raise ValidationError(f"Your model ir_version {model.ir_version} is higher than the checker's ({NEWEST_IR}).")
    keys = [entry.key for entry in model.metadata_props]
    if len(set(keys)) < len(keys):
        raise ValidationError("Your model has duplicate keys in metadata_props.")
    imports = _imports(model.opset_import)
    if model.ir_version >= 3 and not imports:
        raise ValidationError("model with IR version >= 3 must specify opset_import for ONNX")
    if model.ir_version < 3 and imports:
        raise ValidationError("model with IR version < 3 cannot have opset_import specified")
    ctx = ctx.but(ir_version=int(model.ir_version), opset_imports=imports or {"": 1})
    scope = LexicalScopeContext()
    check_graph(model.graph, ctx, scope)
    if ctx.ir_version < 8:
        return
    around = dict(ctx.opset_imports)
    for function in model.functions:
        around = _imports(function.opset_import) | around
    check_no_recursion(model)
    for function in model.functions:
        check_function(function, ctx.but(opset_imports=around), scope)

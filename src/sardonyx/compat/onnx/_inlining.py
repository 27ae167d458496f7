"""Calls become the nodes of what they call: of the model's functions, and of operators that have a body.

Names inside a body get the suffix `__n` for the n-th call, and a number more where that is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sardonyx.compat.onnx import _bodies
from sardonyx.compat.onnx._checking.graphs import check_no_recursion
from sardonyx.compat.onnx._registry import find
from sardonyx.compat.onnx._walks import copy_of, outside_names, subgraphs, walk_nodes
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)

__all__ = ["inline_all", "inline_selected"]

Key = tuple[str, str, str]  # domain, name, overload
PASSES = 64  # bodies inside bodies; each pass learns the types that the next needs


def _plain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _key(callee: NodeProto | FunctionProto) -> Key:
    name = callee.op_type if isinstance(callee, NodeProto) else callee.name
    return _plain(callee.domain), name, callee.overload


def _versions(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    return {_plain(entry.domain): int(entry.version) for entry in imports}


class _Names:
    """The names of a model's main graph, and new ones."""

    def __init__(self, graph: GraphProto) -> None:
        self._taken = set(_all_names(graph))
        self._number = 0

    def fresh(self, suggested: str) -> str:
        name = suggested
        while name in self._taken:
            name = f"{suggested}_{self._number}"
            self._number += 1
        self._taken.add(name)
        return name


def _all_names(graph: GraphProto) -> Iterator[str]:
    yield from (item.name for items in (graph.input, graph.initializer, graph.output) for item in items)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)
        for inner in subgraphs(node):
            yield from _all_names(inner)


# --- one call


class _Renaming:
    """Gives a body's names the forms they have at one call; a scope for each graph inside."""

    def __init__(self, suffix: str, names: _Names) -> None:
        self._suffix, self._names = suffix, names
        self._scopes: list[dict[str, str]] = [{}]

    def bind(self, formal: str, actual: str) -> None:
        self._scopes[0][formal] = actual

    def new(self, name: str) -> str:
        return self._names.fresh(name + self._suffix)

    def define(self, name: str) -> str:
        made = self._scopes[-1][name] = self.new(name)
        return made

    def known(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def node(self, node: NodeProto) -> None:
        if node.name:
            node.name = self.new(node.name)
        for i, name in enumerate(node.input):
            node.input[i] = self._used(name)
        for i, name in enumerate(node.output):
            if name:
                found = self.known(name)
                node.output[i] = self.define(name) if found is None else found
        for graph in subgraphs(node):
            self._graph(graph)

    def _used(self, name: str) -> str:
        found = self.known(name) if name else None
        return name if found is None else found

    def _graph(self, graph: GraphProto) -> None:
        self._scopes.append({})
        for items in (graph.input, graph.initializer):
            for item in items:
                item.name = self.define(item.name)
        results = list(graph.output)
        given = {info.name for info in graph.input}
        for info in results:
            if info.name not in given:
                self.define(info.name)
            info.name = self._used(info.name)
        for node in graph.node:
            self.node(node)
        for info in graph.value_info:
            info.name = self._used(info.name)
        self._scopes.pop()


def _bind_attributes(nodes: Iterable[NodeProto], given: Mapping[str, AttributeProto]) -> None:
    """References to the call's attributes become what the call gives, or nothing."""
    for node in walk_nodes(nodes):
        bound: list[AttributeProto] = []
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                found = given.get(attribute.ref_attr_name)
                if found is None:
                    continue
                made = copy_of(found)
                made.name = attribute.name
                bound.append(made)
            else:
                bound.append(copy_of(attribute))
        if any(attribute.ref_attr_name for attribute in node.attribute):
            del node.attribute[:]
            node.attribute.extend(bound)


def _expand(call: NodeProto, callee: FunctionProto, suffix: str, names: _Names) -> FunctionProto:
    """A copy of the body, named and bound for the call."""
    if len(call.input) > len(callee.input) or len(call.output) > len(callee.output):
        raise RuntimeError(
            f"node '{call.name}' gives more parameters than function '{callee.name}' has: "
            f"{len(call.input)} of {len(callee.input)} inputs, {len(call.output)} of {len(callee.output)} outputs"
        )
    body = copy_of(callee)
    defaults = {attribute.name: attribute for attribute in callee.attribute_proto}
    _bind_attributes(body.node, defaults | {attribute.name: attribute for attribute in call.attribute})
    renaming = _Renaming(suffix, names)
    takes = list(callee.input)
    for i, formal in enumerate(takes):
        renaming.bind(formal, call.input[i] if i < len(call.input) else "")
    for i, formal in enumerate(callee.output):
        given = call.output[i] if i < len(call.output) else ""
        if formal not in takes:
            renaming.bind(formal, given or renaming.new(formal))
    for node in body.node:
        renaming.node(node)
    for info in body.value_info:
        info.name = renaming.known(info.name) or info.name
    for formal, given in zip(callee.output, call.output, strict=False):
        if given and formal in takes:  # an input that is returned as it is
            body.node.add(op_type="Identity", input=[renaming.known(formal) or ""], output=[given])
    return body


# --- a model


class _Inliner:
    """Puts bodies in the place of calls, everywhere in one model.

    Args:
        chosen: whether calls of this domain and name are to be inlined.
        functions: the model's functions that can be, each with the version it is to be converted to, or None.
        schemas: whether bodies of operators count as well.
    """

    def __init__(
        self,
        model: ModelProto,
        chosen: Callable[[str, str], bool],
        functions: Mapping[Key, tuple[FunctionProto, int | None]],
        schemas: bool,
    ) -> None:
        self._model, self._chosen, self._functions, self._schemas = model, chosen, functions, schemas
        self._opsets = _versions(model.opset_import)
        self._names = _Names(model.graph)
        self._count = 0
        self._types: dict[str, TypeProto] | None = None
        self._waits = self._changed = False

    def graph(self) -> None:
        """Inline in the main graph."""
        for _ in range(PASSES):
            self._waits = self._changed = False
            self._types = None
            self._body(self._model.graph)
            if not self._waits or not self._changed:
                break

    def function(self, function: FunctionProto) -> None:
        """Inline in a function that stays. Its types differ from call to call, so bodies that depend on them wait."""
        self._types = {}
        self._body(function)

    def _body(self, holder: GraphProto | FunctionProto) -> None:
        nodes, infos = [copy_of(node) for node in holder.node], list[ValueInfoProto]()
        del holder.node[:]
        for node in nodes:
            self._append(node, holder, infos)
        holder.value_info.extend(infos)

    def _append(self, node: NodeProto, holder: GraphProto | FunctionProto, infos: list[ValueInfoProto]) -> None:
        found = self._callee(node)
        if found is None:
            for graph in subgraphs(node):
                self._body(graph)
            holder.node.append(node)
            return
        callee, version = found
        self._changed = True
        self._count += 1
        body = _expand(node, callee, f"__{self._count}", self._names)
        if version is not None:
            self._convert(node, body, version)
        own = {*node.input, *node.output}
        infos.extend(info for info in body.value_info if info.name not in own)
        for inner in body.node:
            self._append(inner, holder, infos)

    def _callee(self, node: NodeProto) -> tuple[FunctionProto, int | None] | None:
        if not self._chosen(node.domain, node.op_type):
            return None
        found = self._functions.get(_key(node))
        return self._schema_body(node) if found is None and self._schemas else found

    def _schema_body(self, node: NodeProto) -> tuple[FunctionProto, int | None] | None:
        version = self._opsets.get(_plain(node.domain))
        schema = None if version is None else find(node.op_type, version, _plain(node.domain))
        if schema is None or version is None:
            return None
        key = _plain(node.domain), node.op_type, schema.since_version
        data = _bodies.fixed_body(key, version) if schema.has_function else b""
        if not data and schema.has_context_dependent_function:
            types = [self._type(name) for name in node.input]
            if None in types:
                self._waits = True
                return None
            held = [kind.SerializeToString() for kind in types if kind is not None]
            data = _bodies.dependent_body(key, version, node.SerializeToString(), held)
        if not data:
            return None
        callee = FunctionProto.FromString(data)
        callee.attribute_proto.extend(
            spec.default_value for spec in schema.attributes.values() if spec.default_value.name
        )
        return callee, None

    def _type(self, name: str) -> TypeProto | None:
        """The type of a value; None where this pass cannot know it."""
        if not name:
            return TypeProto()
        if self._types is None:
            self._types = self._infer()
        return self._types.get(name)

    def _infer(self) -> dict[str, TypeProto]:
        from sardonyx.compat.onnx import shape_inference

        found = shape_inference.infer_shapes(self._model).graph
        types = {info.name: info.type for info in (*found.input, *found.output, *found.value_info)}
        for tensor in found.initializer:
            kind = types.setdefault(tensor.name, TypeProto())
            kind.tensor_type.elem_type = tensor.data_type
        return types

    def _convert(self, call: NodeProto, body: FunctionProto, version: int) -> None:
        """Bring a body that is named for its call to the model's version of ai.onnx."""
        from sardonyx.compat.onnx import version_converter

        constants = dict(_constants(self._model.graph))
        part = ModelProto(ir_version=self._model.ir_version, opset_import=body.opset_import)
        part.graph.name = body.name
        made = {name for node in body.node for name in node.output}
        read = dict.fromkeys(name for node in body.node for name in outside_names(node) if name not in made)
        for name in read:
            if name in constants:
                tensor = copy_of(constants[name])
                tensor.name = name
                part.graph.initializer.append(tensor)
            else:
                part.graph.input.append(_info(name, self._type(name)))
        for name in call.output:
            if name:
                part.graph.output.append(_info(name, self._type(name)))
        part.graph.node.extend(body.node)
        converted = version_converter.convert_version(part, version).graph
        del body.node[:]
        body.node.extend(converted.node)
        self._model.graph.initializer.extend(t for t in converted.initializer if t.name not in read)


def _info(name: str, kind: TypeProto | None) -> ValueInfoProto:
    made = ValueInfoProto(name=name)
    if kind is not None:
        made.type.CopyFrom(kind)
    return made


def _constants(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx") and len(node.output) and node.output[0]:
            yield from ((node.output[0], a.t) for a in node.attribute if a.name == "value" and a.HasField("t"))
    yield from ((tensor.name, tensor) for tensor in graph.initializer)


def _remove(model: ModelProto, keys: Iterable[Key]) -> None:
    gone = set(keys)
    kept = [copy_of(function) for function in model.functions if _key(function) not in gone]
    del model.functions[:]
    model.functions.extend(kept)


def inline_all(model: ModelProto, convert_version: bool) -> None:
    """Inline every function whose versions are the model's, or, with `convert_version`, whose ai.onnx can be converted.

    Raises:
        ValidationError: a function calls itself.
    """
    check_no_recursion(model)
    ours = _versions(model.opset_import)
    functions: dict[Key, tuple[FunctionProto, int | None]] = {}
    for function in model.functions:
        theirs = _versions(function.opset_import)
        other = {domain for domain, version in theirs.items() if ours.get(domain, version) != version}
        if not other or (convert_version and other == {""}):
            functions[_key(function)] = copy_of(function), ours[""] if other else None
    _Inliner(model, lambda *_: True, functions, schemas=False).graph()
    _remove(model, functions)


def inline_selected(model: ModelProto, ids: Iterable[tuple[str, str]], exclude: bool, schemas: bool) -> None:
    """Inline the functions that are named, or all others; with `schemas`, also operators that have a body.

    Raises:
        ValidationError: a function calls itself.
        RuntimeError: two functions, or one and the model, use different versions of a domain.
    """
    check_no_recursion(model)
    named = {(domain, name) for domain, name in ids}

    def chosen(domain: str, name: str) -> bool:
        return ((domain, name) in named) != exclude

    versions = _versions(model.opset_import)
    for function in model.functions:
        for domain, version in _versions(function.opset_import).items():
            if versions.setdefault(domain, version) != version:
                raise RuntimeError(f"Model has functions with incompatible opset versions: of '{domain}', {version}.")
    functions: dict[Key, tuple[FunctionProto, int | None]] = {
        _key(f): (copy_of(f), None) for f in model.functions if chosen(f.domain, f.name)
    }
    inliner = _Inliner(model, chosen, functions, schemas)
    inliner.graph()
    for function in model.functions:
        if _key(function) not in functions:
            inliner.function(function)
    _remove(model, functions)

"""Calls become the nodes of what they call: of the model's functions, and of operators that have a body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sardonyx.compat.onnx import _bodies
from sardonyx.compat.onnx._checking import check_no_recursion
from sardonyx.compat.onnx._expansion import Names, expand
from sardonyx.compat.onnx._registry import find
from sardonyx.compat.onnx._walks import copy_of, outside_names, subgraphs
from sardonyx.compat.onnx.onnx_pb import (
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
        self._names = Names(model.graph)
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
        body = expand(node, callee, f"__{self._count}", self._names)
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

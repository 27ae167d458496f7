"""Models and graphs joined, renamed by a prefix, and given an outer dimension.

What `sardonyx.passes.edit` does for models in the graph form, on messages, with the names that the official package gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sardonyx.compat.onnx import checker, helper, utils
from sardonyx.compat.onnx._walks import copy_of, subgraphs, walk_nodes
from sardonyx.compat.onnx.onnx_pb import GraphProto, ModelProto, NodeProto, TensorProto
from sardonyx.proto import Message

__all__ = [
    "add_prefix",
    "add_prefix_graph",
    "check_overlapping_names",
    "expand_out_dim",
    "expand_out_dim_graph",
    "merge_graphs",
    "merge_models",
]

Pairs = list[tuple[str, str]]  # an output of the first, and the input of the second that it feeds


def _need(cls: type[Message], **given: object) -> None:
    what = "model" if cls is ModelProto else "graph"
    for name, value in given.items():
        if not isinstance(value, cls):
            raise TypeError(f"{name} argument is not an ONNX {what}")


# --- names


def _edges(graph: GraphProto, but: Iterable[str] = ()) -> set[str]:
    names = {name for node in graph.node for name in (*node.input, *node.output) if name}
    return names - set(but)


def check_overlapping_names(g1: GraphProto, g2: GraphProto, io_map: Pairs | None = None) -> list[tuple[str, list[str]]]:
    """The names that both graphs use, by category; inputs of the second that `io_map` feeds do not count as edges."""
    _need(GraphProto, g1=g1, g2=g2)
    fed = [name for _, name in io_map or []]
    kinds: dict[str, list[Callable[[GraphProto], Iterable[str]]]] = {
        "edge": [lambda g: _edges(g, fed if g is g2 else ())],
        "value_info": [lambda g: (info.name for info in g.value_info)],
        "initializer": [lambda g: (tensor.name for tensor in g.initializer)],
        "sparse_initializer": [
            lambda g: (sparse.values.name for sparse in g.sparse_initializer),
            lambda g: (sparse.indices.name for sparse in g.sparse_initializer),
        ],
    }
    shared = {kind: [n for names in ways for n in set(names(g1)) & set(names(g2))] for kind, ways in kinds.items()}
    return [(kind, names) for kind, names in shared.items() if names]


def add_prefix_graph(
    graph: GraphProto,
    prefix: str,
    rename_nodes: bool | None = True,
    rename_edges: bool | None = True,
    rename_inputs: bool | None = True,
    rename_outputs: bool | None = True,
    rename_initializers: bool | None = True,
    rename_value_infos: bool | None = True,
    inplace: bool | None = False,
    name_map: dict[str, str] | None = None,
) -> GraphProto:
    """A graph whose names begin with `prefix`; the switches say which names.

    Args:
        rename_edges: names of what nodes make, but for the graph's outputs, which `rename_outputs` is about.
        rename_nodes: names of nodes, and all names in the graphs inside them.
        inplace: change `graph` itself.
        name_map: what the names of graphs around this one became; it also takes up those of this one.
    """
    _need(GraphProto, graph=graph)
    made = graph if inplace else copy_of(graph)
    renamed: dict[str, str] = {} if name_map is None else name_map

    def rename(*names: str) -> None:
        renamed.update((name, prefix + name if name else name) for name in names)

    if rename_edges:
        results = {info.name for info in made.output}
        rename(*(name for node in made.node for name in node.output if name not in results))
    if rename_inputs:
        rename(*(info.name for info in made.input))
    if rename_outputs:
        rename(*(info.name for info in made.output))
    if rename_initializers:
        rename(*(tensor.name for tensor in made.initializer))
        rename(*(part.name for sparse in made.sparse_initializer for part in (sparse.values, sparse.indices)))
    if rename_nodes:  # after all names that graphs inside may read
        for node in made.node:
            node.name = prefix + node.name if node.name else node.name
            for inner in subgraphs(node):
                add_prefix_graph(inner, prefix, inplace=True, name_map=renamed)
    if rename_value_infos:
        rename(*(info.name for info in made.value_info))
    _apply(made, renamed)
    return made


def _apply(graph: GraphProto, renamed: dict[str, str]) -> None:
    """Give names of this graph, but not of those inside it, their new forms."""
    for node in graph.node:
        for names in (node.output, node.input):
            _replace(names, renamed)
    parts = [part for sparse in graph.sparse_initializer for part in (sparse.values, sparse.indices)]
    named: list[Any] = [*graph.input, *graph.output, *graph.initializer, *parts, *graph.value_info]
    for item in named:
        if item.name in renamed:
            item.name = renamed[item.name]


def _replace(names: Any, renamed: dict[str, str]) -> None:
    for i, name in enumerate(names):
        if name in renamed:
            names[i] = renamed[name]


def add_prefix(
    model: ModelProto,
    prefix: str,
    rename_nodes: bool | None = True,
    rename_edges: bool | None = True,
    rename_inputs: bool | None = True,
    rename_outputs: bool | None = True,
    rename_initializers: bool | None = True,
    rename_value_infos: bool | None = True,
    rename_functions: bool | None = True,
    inplace: bool | None = False,
) -> ModelProto:
    """A model whose names begin with `prefix`: those of its graph, as `add_prefix_graph` has it, and of its functions."""
    _need(ModelProto, model=model)
    made = model if inplace else copy_of(model)
    add_prefix_graph(
        made.graph,
        prefix,
        rename_nodes,
        rename_edges,
        rename_inputs,
        rename_outputs,
        rename_initializers,
        rename_value_infos,
        inplace=True,
    )
    if rename_functions:
        names = {function.name for function in made.functions}
        for function in made.functions:
            function.name = prefix + function.name
        for body in (made.graph, *made.functions):
            for node in walk_nodes(body.node):
                if node.op_type in names:
                    node.op_type = prefix + node.op_type
    return made


def _prefixed(io_map: Pairs, prefix1: str | None, prefix2: str | None) -> Pairs:
    return [((prefix1 or "") + output, (prefix2 or "") + fed) for output, fed in io_map]


# --- joining


def merge_graphs(
    g1: GraphProto,
    g2: GraphProto,
    io_map: Pairs,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    prefix1: str | None = None,
    prefix2: str | None = None,
    name: str | None = None,
    doc_string: str | None = None,
) -> GraphProto:
    """One graph that feeds outputs of `g1` into inputs of `g2`.

    Args:
        io_map: pairs of an output of `g1` and the input of `g2` that it feeds; their names before prefixes.
        inputs, outputs: names of those that remain, prefixes included; by default all that `io_map` does not use.
        prefix1, prefix2: what the names of each graph begin with afterwards.
        name, doc_string: of the result; by default made of those of both.

    Raises:
        ValueError: `io_map` names what is not there, or both graphs use a name.
    """
    _need(GraphProto, g1=g1, g2=g2)
    g1 = add_prefix_graph(g1, prefix1) if prefix1 else g1
    g2 = add_prefix_graph(g2, prefix2) if prefix2 else g2
    io_map = _prefixed(io_map, prefix1, prefix2)
    used, fed = {output for output, _ in io_map}, {name for _, name in io_map}
    results, takes = {info.name for info in g1.output}, {info.name for info in g2.input}
    if inputs or outputs:
        g1 = _cut(g1, inputs, [*outputs, *used] if outputs else None)
        g2 = _cut(g2, [*inputs, *fed] if inputs else None, outputs)
    for output, name_of_input in io_map:
        if output not in results:
            raise ValueError(f"Output {output} is not present in g1")
        if name_of_input not in takes:
            raise ValueError(f"Input {name_of_input} is not present in g2")
    overlap = check_overlapping_names(g1, g2, io_map)
    if overlap:
        kind, names = overlap[0]
        raise ValueError(
            f"Cant merge two graphs with overlapping names. Found repeated {kind} names: {', '.join(names)}\n"
            "Give one of the graphs a prefix: compose.add_prefix."
        )
    made = GraphProto()
    made.node.extend(g1.node)
    made.node.extend(_connected(node, {name: output for output, name in io_map}) for node in g2.node)
    made.input.extend(_kept((*g1.input, *(i for i in g2.input if inputs or i.name not in fed)), inputs))
    made.output.extend(_kept((*(o for o in g1.output if outputs or o.name not in used), *g2.output), outputs))
    made.initializer.extend((*g1.initializer, *(t for t in g2.initializer if t.name not in fed)))
    sparse = (s for s in g2.sparse_initializer if s.values.name not in fed)
    made.sparse_initializer.extend((*g1.sparse_initializer, *sparse))
    made.value_info.extend((*g1.value_info, *(v for v in g2.value_info if v.name not in fed)))
    # What joins the two is a value inside now; its type stays known.
    known = {info.name for info in (*made.value_info, *made.output)}
    made.value_info.extend(info for info in g1.output if info.name in used and info.name not in known)
    made.name = f"{g1.name}_{g2.name}" if name is None else name
    parts = "\n\n".join((g1.name, g1.doc_string, g2.name, g2.doc_string))
    made.doc_string = f"Graph combining {g1.name} and {g2.name}\n{parts}" if doc_string is None else doc_string
    return made


def _kept(infos: Iterable[Any], names: Sequence[str] | None) -> list[Any]:
    return [info for info in infos if not names or info.name in names]


def _cut(graph: GraphProto, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> GraphProto:
    """The part between those of the graph's inputs and outputs that are named."""
    begins = [info.name for info in _kept(graph.input, inputs)]
    ends = [info.name for info in _kept(graph.output, outputs)]
    if len(begins) == len(graph.input) and len(ends) == len(graph.output):
        return graph
    return utils.Extractor(helper.make_model(graph)).extract_model(begins, ends).graph


def _connected(node: NodeProto, sources: dict[str, str]) -> NodeProto:
    made = copy_of(node)
    for inner in walk_nodes([made]):
        _replace(inner.input, sources)
    return made


def merge_models(
    m1: ModelProto,
    m2: ModelProto,
    io_map: Pairs,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    prefix1: str | None = None,
    prefix2: str | None = None,
    name: str | None = None,
    doc_string: str | None = None,
    producer_name: str | None = "onnx.compose.merge_models",
    producer_version: str | None = "1.0",
    domain: str | None = "",
    model_version: int | None = 1,
) -> ModelProto:
    """One model that feeds outputs of `m1` into inputs of `m2`: see `merge_graphs`.

    Raises:
        ValueError: the models use different versions of the format or of an operator set, or one name for two things.
        ValidationError: the result is not legal.
    """
    _need(ModelProto, m1=m1, m2=m2)
    if m1.ir_version != m2.ir_version:
        raise ValueError(
            f"IR version mismatch {m1.ir_version} != {m2.ir_version}. Both models should have the same IR version"
        )
    opsets = [*m1.opset_import, *m2.opset_import]
    versions: dict[str, int] = {}
    for entry in opsets:
        if versions.setdefault(entry.domain, entry.version) != entry.version:
            raise ValueError(
                "Can't merge two models with different operator set ids for a given domain. "
                f"Got: {m1.opset_import} and {m2.opset_import}"
            )
    m1 = add_prefix(m1, prefix1) if prefix1 else m1
    m2 = add_prefix(m2, prefix2) if prefix2 else m2
    io_map = _prefixed(io_map, prefix1, prefix2)
    made = helper.make_model(
        merge_graphs(m1.graph, m2.graph, io_map, inputs, outputs, name=name, doc_string=doc_string),
        producer_name=producer_name,
        producer_version=producer_version,
        domain=domain,
        model_version=model_version,
        opset_imports=opsets,
        ir_version=m1.ir_version,
    )
    properties = {entry.key: entry.value for entry in m1.metadata_props}
    for entry in m2.metadata_props:
        if properties.setdefault(entry.key, entry.value) != entry.value:
            raise ValueError(
                "Can't merge models with different values for the same model metadata property."
                f" Found: property = {entry.key}, with values {properties[entry.key]} and {entry.value}."
            )
    helper.set_model_props(made, properties)
    shared = {function.name for function in m1.functions} & {function.name for function in m2.functions}
    if shared:
        raise ValueError(
            "Can't merge models with overlapping local function names. Found in both graphs: "
            + ", ".join(sorted(shared))
        )
    made.functions.extend((*m1.functions, *m2.functions))
    checker.check_model(made)
    return made


# --- an outer dimension


def expand_out_dim_graph(graph: GraphProto, dim_idx: int, inplace: bool | None = False) -> GraphProto:
    """A graph whose outputs have one more dimension, of extent 1, at `dim_idx` (counted from the end if negative)."""
    _need(GraphProto, graph=graph)
    made = graph if inplace else copy_of(graph)
    before = {info.name: f"{info.name}_collapsed_dim_{dim_idx}" for info in made.output}
    for node in made.node:
        for names in (node.output, node.input):
            _replace(names, before)
    axis = f"{made.name}_expand_out_dim_idx"
    value = helper.make_tensor(f"{axis}-value", TensorProto.INT64, [1], [dim_idx])
    made.node.append(helper.make_node("Constant", [], [axis], f"{axis}-constant", value=value))
    results = [copy_of(info) for info in made.output]
    del made.output[:]
    for info in results:
        made.node.append(
            helper.make_node("Unsqueeze", [before[info.name], axis], [info.name], f"unsqueeze-{info.name}")
        )
        shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        shape.insert(dim_idx, 1)
        made.output.append(helper.make_tensor_value_info(info.name, info.type.tensor_type.elem_type, shape))
    return made


def expand_out_dim(model: ModelProto, dim_idx: int, inplace: bool | None = False) -> ModelProto:
    """A model whose outputs have one more dimension: see `expand_out_dim_graph`."""
    _need(ModelProto, model=model)
    made = model if inplace else copy_of(model)
    expand_out_dim_graph(made.graph, dim_idx, inplace=True)
    return made

"""The walk over a model that shows every place to the rules that concern it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sardonyx.check import constants, functions, lint, names, nodes, opsets, suspicious, types  # noqa: F401  # pyright: ignore[reportUnusedImport] each fills RULES
from sardonyx.check.rule import RULES, Site, Subject
from sardonyx.core.errors import CheckError, Fault
from sardonyx.ir import AttrKind, Model, Node, SparseTensor, Tensor
from sardonyx.ops import schema_of

__all__ = ["check", "faults"]


def check(model: Model, full: bool = True, *, inferred: Sequence[Fault] = (), folder: Path | None = None) -> None:
    """Refuse a model that breaks the standard, and say everything that is wrong with it.

    Args:
        full: also read the data of constants and look for the files of external ones.
        inferred: what inference found (`infer(model).faults`): types and shapes belong to legality too.
        folder: where external data lies.

    Raises:
        CheckError: the model is not legal; `faults` lists every reason. Warnings alone raise nothing.
    """
    found = [f for f in (*faults(model, full, folder=folder), *inferred) if f.severity == "error"]
    if found:
        many = f"{len(found)} faults" if len(found) > 1 else "a fault"
        raise CheckError(f"the model has {many}", found)


def faults(model: Model, full: bool = True, *, folder: Path | None = None) -> list[Fault]:
    """Everything that is wrong with a model, errors and warnings, in the order of the file."""
    main = Site(model, model.opsets, model.graph, folder=folder)
    return [
        *_apply("model", main),
        *_graph(main, full),
        *(fault for function in model.functions.values() for fault in _function(main, function.key, full)),
    ]


def _apply(subject: Subject, site: Site) -> Iterator[Fault]:
    for rule in RULES[subject]:
        yield from rule.faults(site)


def _function(main: Site, key: tuple[str, str, str], full: bool) -> Iterator[Fault]:
    function = main.model.functions[key]
    site = replace(main, function=function, opsets=function.opsets, graph=function.graph)
    yield from _apply("function", site)
    yield from _graph(site, full)


def _graph(site: Site, full: bool) -> Iterator[Fault]:
    yield from _apply("graph", site)
    if full:
        for name, value in site.graph.initializers.items():
            yield from _constant(replace(site, name=name, constant=value.const))
    made = set(site.outer) | {v.name for v in site.graph.inputs} | site.graph.initializers.keys()
    for node in site.graph.nodes:
        yield from _node(replace(site, node=node, outer=made), full)
        made.update(v.name for v in node.outputs)


def _node(site: Site, full: bool) -> Iterator[Fault]:
    node = site.node
    assert node is not None
    callee = site.model.functions.get((node.domain, node.op_type, node.overload))
    schema = None
    if callee is None and (node.domain in site.opsets or site.model.ir_version < 3):
        schema = schema_of(node.domain, node.op_type, site.opsets.get(node.domain, 1))
    site = replace(site, callee=callee, schema=schema)
    yield from _apply("node", site)
    if schema is not None:
        yield from _apply("schema node", site)
    if callee is not None:
        yield from _apply("call", site)
    yield from _attributes(site, node, full)


def _attributes(site: Site, node: Node, full: bool) -> Iterator[Fault]:
    for attr in node.attrs.values():
        for graph in attr.graphs():
            yield from _graph(replace(site, graph=graph, is_main=False, node=None, schema=None, callee=None), full)
        if full and not attr.ref:
            held = attr.value if attr.kind in (AttrKind.TENSORS, AttrKind.SPARSE_TENSORS) else (attr.value,)
            for item in held:
                if isinstance(item, (Tensor, SparseTensor)):
                    yield from _constant(replace(site, name=attr.name, constant=item))


def _constant(site: Site) -> Iterator[Fault]:
    yield from _apply("constant", site)
    if isinstance(site.constant, SparseTensor):
        for part in (site.constant.values, site.constant.indices):
            yield from _apply("constant", replace(site, constant=part))

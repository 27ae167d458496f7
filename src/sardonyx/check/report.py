"""The report on a model: what is found in the messages of its file, and in the graph by showing every place to the rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sardonyx.check import constants, functions, lint, names, nodes, opsets, suspicious, types  # noqa: F401  # pyright: ignore[reportUnusedImport] each fills RULES
from sardonyx.check.messages import Context, Names, check_model
from sardonyx.check.opened import Checkable, open_model
from sardonyx.check.opsets import STANDARD
from sardonyx.check.rule import RULES, Site, Subject
from sardonyx.core.errors import CheckError, Fault
from sardonyx.io.files import Source
from sardonyx.io.pause import no_collection
from sardonyx.ir import AttrKind, Model, Node, SparseTensor, Tensor
from sardonyx.ops import schema_of
from sardonyx.proto import ModelProto

__all__ = ["Examination", "check", "examine", "faults"]


def check(model: Checkable, full: bool = True, *, inferred: Sequence[Fault] = (), folder: Path | None = None) -> None:
    """Refuse a model that breaks the standard, and say everything that is wrong with it.

    Args:
        model: a `Model`, a path, the bytes of a file, or a message. Give what there is: a file can be wrong in more ways than
            the `Model` that is loaded from it.
        full: also look at the data of constants and for the files of external ones.
        inferred: what inference found (`infer(model).faults`): types and shapes belong to legality too.
        folder: where external data lies; that of a path is known.

    Raises:
        CheckError: the model is not legal; `faults` lists every reason. Warnings alone raise nothing.
        FormatError: the bytes are no message, or the text is none of its syntax.
        InputError: there is no such file.
    """
    found = [f for f in (*faults(model, full, folder=folder), *inferred) if f.severity == "error"]
    if found:
        many = f"{len(found)} faults" if len(found) > 1 else "a fault"
        raise CheckError(f"the model has {many}", found)


def faults(model: Checkable, full: bool = True, *, folder: Path | None = None) -> list[Fault]:
    """Everything that is wrong with a model, errors and warnings, in the order of the file."""
    return examine(model, full, folder=folder).faults


def examine(model: Checkable, full: bool = True, *, folder: Path | None = None) -> Examination:
    """What `faults` says, and the model: a file is read once for both."""
    if isinstance(model, Model):
        return Examination(model, _walk(model, full, folder))
    with no_collection():
        return _examine_file(model, full, folder)


def _examine_file(model: ModelProto | Source, full: bool, folder: Path | None) -> Examination:
    opened = open_model(model, folder)
    if opened.message is None:
        assert opened.model is not None
        return Examination(opened.model, _walk(opened.model, full, opened.place))
    breaches = check_model(opened.message, Context(folder=opened.beside))
    found = [breach.fault() for breach in breaches if full or not breach.in_data]
    read, trouble = opened.read()
    in_graph = [trouble] if read is None else _walk(read, full, opened.place)
    return Examination(read, [*opened.unreadable, *_joined(in_graph, found)])


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a model, and the model if one could be made of the file."""

    model: Model | None
    faults: list[Fault]


def _joined(in_graph: Iterable[Fault | None], in_message: Iterable[Fault]) -> list[Fault]:
    """One report. The message decides what is an error: what only the graph complains of, the standard's own checker accepts."""
    decided = {(fault.code, fault.where): fault for fault in in_message}
    joined = [
        fault
        if fault.severity == "warning" or (fault.code, fault.where) in decided
        else replace(fault, severity="warning")
        for fault in in_graph
        if fault is not None
    ]
    said = {(fault.code, fault.where) for fault in joined if fault.severity == "error"}
    return joined + list(dict.fromkeys(fault for fault in in_message if (fault.code, fault.where) not in said))


def _walk(model: Model, full: bool, folder: Path | None) -> list[Fault]:
    """What the rules for graphs find."""
    main = Site(model, model.opsets, model.graph, folder=folder)
    return [
        *_apply("model", main),
        *_graph(main, full),
        *(fault for function in model.functions.values() for fault in _function(main, function.key, full)),
    ]


def _lesser(found: Iterable[Fault]) -> Iterator[Fault]:
    """The same faults, as warnings: what the official checker does not look at."""
    return (replace(fault, severity="warning") for fault in found)


def _apply(subject: Subject, site: Site) -> Iterator[Fault]:
    for rule in RULES[subject]:
        yield from rule.faults(site)


def _function(main: Site, key: tuple[str, str, str], full: bool) -> Iterator[Fault]:
    function = main.model.functions[key]
    site = replace(main, function=function, opsets=function.opsets, graph=function.graph)
    found = itertools.chain(_apply("function", site), _graph(site, full))
    yield from found if main.model.ir_version >= 8 else _lesser(found)


def _graph(site: Site, full: bool) -> Iterator[Fault]:
    yield from _apply("graph", site)
    if full:
        for name, value in site.graph.initializers.items():
            yield from _constant(replace(site, name=name, constant=value.const))
    made = Names(site.outer)
    made.update(v.name for v in site.graph.inputs)
    made.update(site.graph.initializers)
    for i, node in enumerate(site.graph.nodes):
        yield from _node(site, node, i, made, full)
        made.update(v.name for v in node.outputs)


def _node(site: Site, node: Node, index: int, made: Names, full: bool) -> Iterator[Fault]:
    callee = site.model.functions.get((node.domain, node.op_type, node.overload))
    schema = None
    known = node.domain in STANDARD
    if (callee is None or known) and (node.domain in site.opsets or site.model.ir_version < 3):
        schema = schema_of(node.domain, node.op_type, site.opsets.get(node.domain, 1))
    site = replace(site, node=node, index=index, outer=made, callee=callee, schema=schema)
    yield from _apply("node", site)
    if schema is not None:
        found = _apply("schema node", site)
        yield from found if known else _lesser(found)
    if callee is not None:
        yield from _apply("call", site)
    yield from _attributes(site, node, full)


def _attributes(site: Site, node: Node, full: bool) -> Iterator[Fault]:
    for attr in node.attrs.values():
        for graph in attr.graphs():
            yield from _graph(
                replace(site, graph=graph, is_main=False, node=None, index=None, schema=None, callee=None), full
            )
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

"""Two models as one: what the first gives, the second takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sardonyx.core.errors import InputError
from sardonyx.ir import Model, TensorType, Value
from sardonyx.ir.clone import clone_node
from sardonyx.ir.text import print_function
from sardonyx.passes.convert import convert_version
from sardonyx.passes.edit.names import prefix

__all__ = ["merge"]


def merge(
    first: Model,
    second: Model,
    connect: Mapping[str, str],
    *,
    prefixes: tuple[str, str] = ("", ""),
    keep: bool = False,
) -> Model:
    """One model that feeds outputs of `first` into inputs of `second`.

    The inputs are those of `first` and those of `second` that are not fed; the outputs are those of `first` that feed nothing,
    and those of `second`. The older of the two is brought to the operator-set version of the newer.

    Args:
        connect: which output of `first` feeds which input of `second`, ``{output: input}``, by their names before prefixes.
        prefixes: what the names of each begin with afterwards.
        keep: whether outputs of `first` that feed the second stay outputs.

    Raises:
        InputError: a name is unknown or stands for two things, types contradict, or the models use different versions of a
            domain that cannot be converted.
        VersionError: the older model cannot be brought to the newer version.
    """
    newest = max(first.opset, second.opset)
    models = [m if m.opset == newest else convert_version(m, newest) for m in (first, second)]
    given = _by_name(models[0].graph.outputs, connect, "first", "output")
    taken = _by_name(models[1].graph.inputs, connect.values(), "second", "input")
    for output, fed in connect.items():
        _fits(given[output], taken[fed])
    joined, other = (prefix(m, text) if text else m.clone() for m, text in zip(models, prefixes, strict=True))
    outputs = {o.name: v for o, v in zip(models[0].graph.outputs, joined.graph.outputs, strict=True)}
    feeds = {fed: outputs[output] for output, fed in connect.items()}
    _add(
        joined,
        other,
        {v: feeds[i.name] for i, v in zip(models[1].graph.inputs, other.graph.inputs, strict=True) if i.name in feeds},
    )
    used = set() if keep else {outputs[name] for name in connect}
    kept = [v for v in joined.graph.outputs[: len(outputs)] if v not in used]
    joined.graph.outputs = [*kept, *joined.graph.outputs[len(outputs) :]]
    _share_versions(joined, other)
    joined.ir_version = max(first.ir_version, second.ir_version)
    joined.graph.name = "_".join(name for name in (first.graph.name, second.graph.name) if name)
    return joined


def _by_name(values: list[Value], names: Iterable[str], which: str, role: str) -> dict[str, Value]:
    known = {v.name: v for v in values}
    for name in names:
        if name not in known:
            raise InputError(f"the {which} model has no {role} '{name}'", fix=f"one of {', '.join(known)}")
    return known


def _fits(given: Value, fed: Value) -> None:
    a, b = given.type, fed.type
    if not isinstance(a, TensorType) or not isinstance(b, TensorType):
        return
    same_rank = a.shape is None or b.shape is None or len(a.shape) == len(b.shape)
    pairs = zip(a.shape or (), b.shape or (), strict=False)
    differ = any(isinstance(x, int) and isinstance(y, int) and x != y for x, y in pairs)
    if (a.dtype and b.dtype and a.dtype != b.dtype) or not same_rank or differ:
        raise InputError(f"output '{given.name}' does not fit input '{fed.name}'", why=f"it is {a}, {b} is wanted")


def _add(joined: Model, other: Model, feeds: Mapping[Value, Value]) -> None:
    """Move the contents of the other's graph behind that of `joined`, where inputs are read from what feeds them."""
    graph, mapping = joined.graph, dict(feeds)
    own = {v.name for g in graph.walk_graphs() for v in g.values() if v.name}
    clash = next(
        (v.name for g in other.graph.walk_graphs() for v in g.values() if v.name in own and v not in feeds), None
    )
    if clash is not None:
        raise InputError(
            f"both models have a value '{clash}'", why="a name stands for one value", fix="give one of them a prefix"
        )
    for value in other.graph.inputs:
        if value not in feeds:
            mapping[value] = made = graph.add_input(Value(value.name, value.type, const=value.const))
            made.doc, made.metadata = value.doc, dict(value.metadata)
    for name, value in other.graph.initializers.items():
        if value in feeds:
            continue
        if value not in mapping:
            mapping[value] = made = Value(name, value.type, const=value.const)
            made.graph = graph
        graph.initializers[name] = mapping[value]
    for node in other.graph.nodes:
        graph.append(clone_node(node, mapping))
    graph.outputs += [mapping.get(v, v) for v in other.graph.outputs]
    graph.quantization += other.graph.quantization


def _share_versions(joined: Model, other: Model) -> None:
    for domain, version in other.opsets.items():
        if joined.opsets.setdefault(domain, version) != version:
            raise InputError(
                f"the models use versions {joined.opsets[domain]} and {version} of domain '{domain}'",
                fix="bring both to one version first",
            )
    for key, function in other.functions.items():
        known = joined.functions.setdefault(key, function)
        if known is not function and print_function(known) != print_function(function):
            raise InputError(
                f"both models have a function '{function.name}', and they differ", fix="inline one of them first"
            )
    for key, text in other.metadata.items():
        joined.metadata.setdefault(key, text)

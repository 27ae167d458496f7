"""An operator that an older version lacks is what its function body says, where the standard gives it one."""

from __future__ import annotations

from typing import Any

from sardonyx.core.errors import InputError
from sardonyx.ir import Attr
from sardonyx.ops import Operator, schema_of
from sardonyx.ops.bodies import Call, bodies_of
from sardonyx.passes.inline import bind_graph
from sardonyx.passes.versions.adapter import Old
from sardonyx.passes.versions.write import splice

__all__ = ["written_out"]


def written_out(new: Old, op: Operator) -> tuple[Any, ...] | None:
    """What the node gives, by the body of its operator; None where there is none that the older version has words for."""
    bodies = bodies_of(op.domain, op.name, new.written)
    usable = [opset for opset in bodies if opset <= new.written]
    if not usable:
        return None
    node, schema = new.node, op.at(new.written)
    values = {name: new.attr(name) for name in schema.attributes}
    types = [None if v is None else new.facts.type(v) for v in node.inputs]
    given, wanted = [v is not None for v in node.inputs], [bool(v.name) for v in node.outputs]
    try:
        function = bodies[max(usable)].function(Call(values, types, given, wanted))
    except InputError as error:
        new.refuse(error.what, error.fix)
    for inner in function.graph.walk():
        then, now = (schema_of(inner.domain, inner.op_type, v) for v in (new.version, max(usable)))
        if then is None or now is None or then.version != now.version:
            return None
    kinds = {name: spec.kind for name, spec in schema.attributes.items()}
    bind_graph(function.graph, {n: Attr.of(n, v, kinds[n]) for n, v in values.items() if v is not None})
    return splice(new, function, node.inputs)[: len(node.outputs)]

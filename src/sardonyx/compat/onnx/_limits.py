"""What the official converter does not say in an older version, though it could be said.

Programs rely on being told, so their interface keeps to it; `sardonyx.convert_version` goes further.
"""

from __future__ import annotations

from sardonyx.core.dtypes import BFLOAT16
from sardonyx.infer import Inference, infer
from sardonyx.infer.typecheck import spell
from sardonyx.ir import Model, Node
from sardonyx.ops import Operator, latest_opset, lookup

__all__ = ["reason_against"]

OPEN = 13  # up to here, it too takes types through others
SCATTERS = ("ScatterElements", "ScatterND")


def reason_against(model: Model, target: int) -> str | None:
    """Why the official package does not take a model to version `target` of ai.onnx; None where it does."""
    if "" not in model.opsets:
        return "No opset import for domain ''"
    if model.opset > latest_opset():
        return f"version {model.opset} is newer than {latest_opset()}, the newest that is known"
    for node in model.graph.walk():
        if node.domain == "" and lookup("", node.op_type) is None:
            return f"Op '{node.op_type}' has no registered schema"
    if target >= model.opset:
        return None
    types = infer(model)
    for node in model.graph.walk():
        op = lookup("", node.op_type) if node.domain == "" else None
        found = None if op is None else _about(node, op, types, model.opset, target)
        if found is not None:
            return found
    return None


def _about(node: Node, op: Operator, types: Inference, opset: int, target: int) -> str | None:
    if op.since[0] > target and op.since[0] <= opset:
        return f"No Previous Version of {op.name} exists"
    for version in op.since:
        if target < version <= opset:
            found = _computed(node, op, version) or (_at(node, op, types, version) if version > OPEN else None)
            if found is not None:
                return f"{op.name} of version {version} cannot be taken to {version - 1}: {found}"
    return None


def _computed(node: Node, op: Operator, version: int) -> str | None:
    """An input that was an attribute must be constant."""
    before = op.at(version - 1)
    now = [f for f in op.inputs if f.since <= version < f.until]
    for formal, value in zip(now, node.inputs, strict=False):
        moved = formal.since == version and formal.was is not None and formal.attribute in before.attributes
        maker = None if value is None else value.producer
        if moved and value is not None and value.const is None and (maker is None or maker.op_type != "Constant"):
            return f"its '{formal.name_at(version)}' is no constant"
    return None


def _at(node: Node, op: Operator, types: Inference, version: int) -> str | None:
    before, after = op.at(version - 1), op.at(version)
    newer = {f.name: f.types for f in (*after.inputs, *after.outputs)}
    values = [(before.formal(i), value) for i, value in enumerate(node.inputs)]
    values += [(before.formal_output(i), value) for i, value in enumerate(node.outputs)]
    kinds = [(formal, spell(types.type(value))) for formal, value in values if value is not None]
    for formal, kind in kinds:
        taken = None if formal is None else newer.get(formal.name)
        if formal is not None and kind is not None and kind not in formal.types and (taken is None or kind in taken):
            return f"'{formal.name}' was no {kind}"
    if op.name in SCATTERS:
        if version == 16 and BFLOAT16 in [kind for _, kind in kinds]:
            return "it took no bfloat16"
        if version == 18 and node.attr("reduction") in ("max", "min", b"max", b"min"):
            return "it kept no larger or smaller value"
    for name, spec in after.attributes.items():
        attr = node.attrs.get(name)
        if name not in before.attributes and attr is not None and not attr.ref and attr.value != spec.default:
            return f"it had no attribute '{name}'"
    return None

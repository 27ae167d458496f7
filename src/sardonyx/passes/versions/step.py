"""The changes between versions that an operator's block states by itself: one node, one version up.

Inputs that were attributes become constants, defaults that changed are written out, attributes that vanished go if they
said nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dtypes import DType
from sardonyx.ir import Attr, AttrKind, TensorType, Value
from sardonyx.ops import Operator
from sardonyx.ops.declare import Formal
from sardonyx.passes.versions.adapter import Old
from sardonyx.passes.versions.body import written_out
from sardonyx.passes.versions.early.widen import through_wider_types
from sardonyx.rewrite.op import Constant, Reshape
from sardonyx.rewrite.splice import insert_before

__all__ = ["step", "step_down"]

# Attributes that said how to run, not what to compute; they vanished without a trace.
HINTS = {"consumed_inputs", "is_test"}
_BY_REFERENCE = {
    AttrKind.INTS: "value_ints",
    AttrKind.INT: "value_int",
    AttrKind.FLOAT: "value_float",
    AttrKind.FLOATS: "value_floats",
}


def step(old: Old, op: Operator) -> None:
    """Bring a node of `op` to version `old.version`."""
    node, version = old.node, old.version
    before, after = op.at(version - 1), op.at(version)
    then = [f for f in op.inputs if f.since <= version - 1 < f.until]
    now = [f for f in op.inputs if f.since <= version < f.until]
    became = {
        f.name_at(version): f for f in now if f not in then and f.was is not None and f.attribute in before.attributes
    }
    moved = {f.attribute for f in became.values()}
    for name, spec in before.attributes.items():
        written = name in node.attrs
        new = after.attributes.get(name)
        if new is None and name not in moved and written:
            if name not in HINTS and old.attr(name) != spec.default:
                old.refuse(f"attribute '{name}' is gone, and {old.attr(name)!r} was not its default")
            node.set_attr(name, None)
        elif new is not None and not written and spec.default is not None and new.default != spec.default:
            node.set_attr(name, Attr.of(name, spec.default, spec.kind))
    if len(now) != len(then) or became:
        _inputs(old, op, then, now, became)


def _inputs(old: Old, op: Operator, then: Sequence[Formal], now: Sequence[Formal], became: dict[str, Formal]) -> None:
    node, version = old.node, old.version
    by_name = {f.name_at(version - 1): i for i, f in enumerate(then)}
    inputs: list[Value | None] = []
    for i, formal in enumerate(now):
        name = formal.name_at(version)
        if name in became:
            attr = node.attrs.get(formal.attribute)
            inputs.append(None if attr is None else _constant(old, op, formal, attr))
            node.set_attr(formal.attribute, None)
        else:
            at = then.index(formal) if formal in then else by_name.get(name, i if len(now) == len(then) else None)
            if formal.variadic_at(version):
                inputs += node.inputs[len(then) - 1 if at is None else at :]
            else:
                inputs.append(old.input(at) if at is not None else None)
    while inputs and inputs[-1] is None:
        inputs.pop()
    node.set_inputs(inputs)


def _constant(old: Old, op: Operator, formal: Formal, attr: Attr) -> Value:
    """The value of an attribute as the input it became: lists and counts are vectors, other numbers scalars."""
    assert formal.was is not None
    dtype = _dtype(old, op, formal)
    if attr.ref:  # in a function's body only the call knows the value
        kind = _BY_REFERENCE[formal.was.kind]
        made = Constant(**{kind: Attr(kind, formal.was.kind, None, ref=attr.ref)})
        if formal.was.kind == AttrKind.INT:
            made = Reshape(made, [1])
        return insert_before(old.node, [made], old.facts, old.names)[0]
    counts = formal.was.kind == AttrKind.INT
    array: Any = np.array([attr.value] if counts else attr.value, dtype)
    if formal.was.kind in (AttrKind.INTS, AttrKind.FLOATS):
        array = array.reshape(-1)
    return insert_before(old.node, [array], old.facts, old.names)[0]


def _dtype(old: Old, op: Operator, formal: Formal) -> Any:
    """The element type of an input that was an attribute: its only one, or that of the input it shares a variable with."""
    assert formal.was is not None
    schema = op.at(old.version)
    wanted = next(f for f in schema.inputs if f.name == formal.name_at(old.version))
    only = next(iter(wanted.types)) if len(wanted.types) == 1 else None
    if isinstance(only, DType):
        return only.numpy
    if formal.was.kind in (AttrKind.INT, AttrKind.INTS):
        return np.dtype(np.int64)
    for i, value in enumerate(old.node.inputs):
        spec = schema.formal(i)
        kind = None if value is None else old.facts.type(value)
        if spec is not None and spec.type == wanted.type and isinstance(kind, TensorType) and kind.dtype:
            return kind.dtype.numpy
    return np.dtype(np.float32)


def step_down(new: Old, op: Operator) -> Any:
    """Bring a node of `op` from version `new.written`, which changed it, to the version before.

    It is edited; where it must be replaced, what takes the place of its outputs is given back.
    """
    node = new.node
    if new.written == op.since[0]:
        found = written_out(new, op)
        if found is not None:
            return found
        new.refuse(f"{op.name} came with opset {new.written}", fix=f"convert to opset {new.written} or newer")
    before, after = op.at(new.version), op.at(new.written)
    then = [f for f in op.inputs if f.since <= new.version < f.until]
    now = [f for f in op.inputs if f.since <= new.written < f.until]
    moved = {
        i: f for i, f in enumerate(now) if f not in then and f.was is not None and f.attribute in before.attributes
    }
    for name, spec in after.attributes.items():
        old, written = before.attributes.get(name), name in node.attrs
        if old is None and written:
            if new.attr(name) != spec.default:
                new.refuse(
                    f"attribute '{name}' came with opset {new.written}, and {new.attr(name)!r} is not its default"
                )
            node.set_attr(name, None)
        elif old is not None and not written and spec.default is not None and old.default != spec.default:
            node.set_attr(name, Attr.of(name, spec.default, spec.kind))
    for i, formal in moved.items():
        _to_attribute(new, i, formal)
    inputs = [v for i, v in enumerate(node.inputs) if i not in moved]
    fixed = len(then) - (1 if then and then[-1].variadic_at(new.version) else 0)
    if fixed == len(then) and any(v is not None for v in inputs[len(then) :]):
        new.refuse(f"input '{after.inputs[len(then)].name}' came with opset {new.written}")
    before_inputs = node.inputs
    node.set_inputs(inputs if fixed < len(then) else inputs[: len(then)])
    new.release(before_inputs)
    return through_wider_types(new, op)


def _to_attribute(new: Old, i: int, formal: Formal) -> None:
    value = new.input(i)
    assert formal.was is not None
    if value is None:
        return
    array = new.array(i)
    if array is None:
        new.refuse(f"its '{formal.name_at(new.written)}' is computed at run time, and was an attribute before")
    plural = formal.was.kind in (AttrKind.INTS, AttrKind.FLOATS)
    if plural and not array.size:
        return  # said by saying nothing
    new.node.set_attr(
        formal.attribute,
        Attr.of(formal.attribute, array.reshape(-1).tolist() if plural else array.item(), formal.was.kind),
    )

"""What a rule gets for the arguments of one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.dtypes import dtype_of
from sardonyx.frontends.torch.registry import Argument, Rule, meaningless
from sardonyx.ir import Value

if TYPE_CHECKING:
    from sardonyx.frontends.torch.translate import Translator
    from sardonyx.ops.builder import Builder

__all__ = ["bind"]


def bind(t: Translator, rule: Rule, node: torch.fx.Node) -> dict[str, Any]:
    """The rule's arguments by name: given or default, as values, dims, numbers and element types.

    Raises:
        UnsupportedError: an argument that the rule does not read is not at its default.
    """
    given = dict(zip((a.name for a in rule.arguments), node.args, strict=False)) | dict(node.kwargs)
    raw = {a.name: given.get(a.name, a.default) for a in rule.arguments}
    target = _promoted(rule, raw)
    found: dict[str, Any] = {}
    for a in rule.arguments:
        if a.name in rule.accepts:
            value = _convert(t, a, raw[a.name])
            if target is not None and rule.promote is not None and rule.promote.covers(a.name, a.type):
                value = _cast(t.g, value, target)
            found[a.name] = value
        elif not meaningless(a.name) and raw[a.name] != a.default:
            raise UnsupportedError(f"argument {a.name}={raw[a.name]!r} has no translation")
    return found


def _promoted(rule: Rule, raw: dict[str, Any]) -> DType | None:
    """The type that the arguments which are promoted come to."""
    if rule.promote is None:
        return None
    values: list[Any] = []
    for a in rule.arguments:
        if rule.promote.covers(a.name, a.type):
            item = raw[a.name]
            values += [_fake(x) for x in (item if isinstance(item, (list, tuple)) else [item])]
    return dtype_of(rule.promote.dtype(values))


def _fake(item: Any) -> Any:
    return item.meta["val"] if isinstance(item, torch.fx.Node) else item


def _convert(t: Translator, argument: Argument, item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return [_convert(t, argument, x) for x in item]
    if isinstance(item, torch.fx.Node):
        item = t.get(item)
    if isinstance(item, torch.dtype):
        return dtype_of(item)
    if isinstance(item, torch.SymInt):
        item = t.symbols.dim(item)
    if isinstance(item, (torch.SymFloat, torch.SymBool)):
        raise UnsupportedError(f"argument {argument.name}={item} is computed from sizes")
    # A size where a tensor or a number is expected takes part in the computation.
    if isinstance(item, Expr) and ("Tensor" in argument.type or "number" in argument.type):
        return t.g.extents.scalar(item)
    return item


def _cast(g: Builder, item: Any, target: DType) -> Any:
    """Tensors are cast, numbers become constants of that type where they meet a tensor."""
    if isinstance(item, list):
        return [_cast(g, x, target) for x in item]
    if isinstance(item, Value):
        return item if item.dtype is target else g.Cast(item, to=target)
    if isinstance(item, bool):
        return item if target.kind == "bool" else int(item)
    if isinstance(item, (int, float)) and target.is_float:
        return float(item)
    return item

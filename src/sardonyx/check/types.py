"""Declared types: what a graph's interface must say about itself."""

from __future__ import annotations

from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.ir import OpaqueType, SparseTensorType, TensorType, Type


@rule("SDX-C141", on="graph")
def interface_is_typed(site: Site) -> Findings:
    """Inputs and outputs of the main graph declare a type; of a tensor also its rank."""
    if not site.is_main or site.function is not None:
        return
    for role, values in (("input", site.graph.inputs), ("output", site.graph.outputs)):
        for value in values:
            lacking = _lacking(value.type)
            if lacking:
                yield Finding(
                    f"{role} '{value.name}' declares no {lacking}",
                    "callers learn from the interface what to give and what they get",
                    "set value.type, or run sx.infer_shapes",
                )


def _lacking(kind: Type | None) -> str | None:
    if kind is None:
        return "type"
    if isinstance(kind, (TensorType, SparseTensorType)):
        return "shape" if kind.shape is None else None
    return "name" if isinstance(kind, OpaqueType) and not kind.name else None


@rule("SDX-C142", on="graph", severity="warning")
def element_types_are_given(site: Site) -> Findings:
    """Tensors in the main graph's interface say their element type."""
    if site.is_main and site.function is None:
        for value in (*site.graph.inputs, *site.graph.outputs):
            if isinstance(value.type, TensorType) and value.type.dtype is None:
                yield Finding(
                    f"'{value.name}' declares no element type",
                    "nothing can check what is given for it",
                    "set value.type",
                )


@rule("SDX-C143", on="graph", severity="warning")
def extents_are_not_negative(site: Site) -> Findings:
    """A static extent is not negative; an unknown one is a name or nothing."""
    for value in site.graph.values():
        shape = value.type.shape if isinstance(value.type, TensorType) and value.const is None else None
        if any(isinstance(d, int) and d < 0 for d in shape or ()):
            yield Finding(
                f"'{value.name}' declares a negative extent: {value.type}",
                "extents count elements",
                "name the extent instead",
            )

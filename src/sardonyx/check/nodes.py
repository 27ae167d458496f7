"""Nodes against the schemas of their operators: how many inputs and outputs, which attributes."""

from __future__ import annotations

import difflib

from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.ir import AttrKind


def _range(least: int, most: int) -> str:
    return f"exactly {least}" if least == most else f"at least {least}" if most >= 1 << 30 else f"{least} to {most}"


@rule("SDX-C121", on="node")
def node_does_something(site: Site) -> Findings:
    """A node has an input or an output."""
    node = site.node
    if node is not None and not node.inputs and not node.outputs:
        yield Finding(f"{node!r} has neither inputs nor outputs", "it computes nothing", "remove it")


@rule("SDX-C122", on="schema node")
def number_of_inputs(site: Site) -> Findings:
    """A node has as many inputs as its operator takes."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    count = len(node.inputs)
    if not schema.min_inputs <= count <= schema.max_inputs:
        names = ", ".join(f.name for f in schema.inputs)
        yield Finding(
            f"{node!r} has {count} inputs, {schema.operator.name} takes {_range(schema.min_inputs, schema.max_inputs)}",
            f"at version {schema.version} its inputs are ({names})",
            "give the missing inputs" if count < schema.min_inputs else "remove the superfluous inputs",
        )


@rule("SDX-C123", on="schema node")
def number_of_outputs(site: Site) -> Findings:
    """A node has as many outputs as its operator gives."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    count = len(node.outputs)
    if not schema.min_outputs <= count <= schema.max_outputs:
        names = ", ".join(f.name for f in schema.outputs)
        yield Finding(
            f"{node!r} has {count} outputs, {schema.operator.name} gives {_range(schema.min_outputs, schema.max_outputs)}",
            f"at version {schema.version} its outputs are ({names})",
            "name the missing outputs" if count < schema.min_outputs else "remove the superfluous outputs",
        )
    elif schema.operator.outputs_together and count not in (schema.min_outputs, schema.max_outputs):
        yield Finding(
            f"{node!r} has {count} outputs, {schema.operator.name} gives {schema.min_outputs} or {schema.max_outputs}",
            "of the outputs that may be left out, all are given or none is",
            "name all outputs, or only those that are needed always",
        )


@rule("SDX-C124", on="schema node")
def required_inputs(site: Site) -> Findings:
    """An input that is not optional is given."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    for formal, value in zip(schema.inputs, node.inputs, strict=False):
        if value is None and not formal.optional and not formal.variadic:
            yield Finding(
                f"{node!r} leaves out its input '{formal.name}'",
                f"it is required at version {schema.version} of {schema.operator.name}",
                f"connect '{formal.name}'",
            )


@rule("SDX-C125", on="schema node")
def required_outputs(site: Site) -> Findings:
    """An output that is not optional has a name."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    for formal, value in zip(schema.outputs, node.outputs, strict=False):
        if not value.name and not formal.optional and not formal.variadic:
            yield Finding(f"{node!r} gives its output '{formal.name}' no name", "the output is not optional", "name it")


@rule("SDX-C131", on="schema node")
def attributes_are_known(site: Site) -> Findings:
    """A node has only attributes of its operator, or private ones (``__name``)."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    for name in node.attrs:
        if name in schema.attributes or name.startswith("__"):
            continue
        known = ", ".join(schema.attributes) or "none"
        later = next((a for a in schema.operator.attributes if a.name == name), None)
        moved = any(f.name == name for f in schema.operator.inputs)
        close = difflib.get_close_matches(name, schema.attributes, 1)
        if later is not None and schema.version >= later.until:
            fix = f"since version {later.until} " + (
                f"'{name}' is an input: connect a constant" if moved else "it is gone: remove it"
            )
        elif later is not None:
            fix = f"import opset {later.since} or newer"
        else:
            fix = f"did you mean '{close[0]}'?" if close else "remove it"
        why = f"at version {schema.version} the attributes are: {known}"
        yield Finding(f"{node!r} has an attribute '{name}' that {schema.operator.name} does not have", why, fix)


@rule("SDX-C132", on="schema node")
def attributes_have_their_kind(site: Site) -> Findings:
    """An attribute is of the kind its operator declares."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    for name, attr in node.attrs.items():
        spec = schema.attributes.get(name)
        if spec is not None and attr.kind != spec.kind:
            yield Finding(
                f"attribute '{name}' of {node!r} is of kind {attr.kind.name}, not {spec.kind.name}",
                f"{schema.operator.name} declares it as {spec.kind.name}; its value here is {_shown(attr.value)}",
                f"set it with Attr.of({name!r}, value, AttrKind.{spec.kind.name})",
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@rule("SDX-C133", on="schema node")
def required_attributes(site: Site) -> Findings:
    """An attribute that is required is given."""
    node, schema = site.node, site.schema
    assert node is not None and schema is not None
    for name, spec in schema.attributes.items():
        if spec.required and name not in node.attrs:
            yield Finding(
                f"{node!r} lacks the attribute '{name}'",
                f"it is required at version {schema.version} of {schema.operator.name}",
                f"set '{name}' ({spec.kind.name})",
            )


@rule("SDX-C134", on="node", severity="warning")
def references_resolve(site: Site) -> Findings:
    """An attribute refers only to an attribute of the function around it."""
    node = site.node
    assert node is not None
    for attr in node.attrs.values():
        if not attr.ref:
            continue
        if site.function is None:
            yield Finding(
                f"attribute '{attr.name}' of {node!r} refers to '{attr.ref}'",
                "only nodes inside functions may refer to attributes",
                "give the value itself",
            )
        elif attr.ref not in site.function.attributes and attr.ref not in site.function.defaults:
            declared = ", ".join([*site.function.attributes, *site.function.defaults]) or "none"
            yield Finding(
                f"attribute '{attr.name}' of {node!r} refers to '{attr.ref}', which function '{site.function.name}' does not have",
                f"its attributes are: {declared}",
                "declare it in the function's attributes, or correct the name",
            )


@rule("SDX-C135", on="node")
def attributes_have_a_kind(site: Site) -> Findings:
    """An attribute has a name and a kind."""
    node = site.node
    assert node is not None
    for name, attr in node.attrs.items():
        if not name:
            yield Finding(f"an attribute of {node!r} has no name", "nothing could refer to it", "name or remove it")
        if attr.kind == AttrKind.UNDEFINED and site.model.ir_version >= 2:
            yield Finding(
                f"attribute '{name}' of {node!r} has no kind",
                "since IR version 2 attributes say their kind",
                "set it again with node.set_attr",
            )

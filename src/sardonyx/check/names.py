"""Names: single static assignment, and every value made before it is read."""

from __future__ import annotations

from collections import Counter

from sardonyx.check.rule import Finding, Findings, Site, rule


@rule("SDX-C101", on="graph")
def graph_has_name(site: Site) -> Findings:
    """A graph has a name."""
    if not site.graph.name and site.function is None:
        yield Finding("a graph has no name", "the standard asks for one", "set graph.name")


@rule("SDX-C102", on="graph")
def inputs_have_names(site: Site) -> Findings:
    """Inputs, outputs and constants have names."""
    for i, value in enumerate(site.graph.inputs):
        if not value.name:
            yield Finding(f"input {i} has no name", "an empty name means that an optional value is left out", "name it")
    for i, value in enumerate(site.graph.outputs):
        if not value.name:
            yield Finding(
                f"output {i} has no name", "an empty name means that an optional value is left out", "name it"
            )
    if "" in site.graph.initializers:
        yield Finding("a constant has no name", "nothing could read it", "name it, or remove it")


@rule("SDX-C103", on="graph")
def inputs_differ(site: Site) -> Findings:
    """No two inputs of a graph or function have one name."""
    for name, count in Counter(v.name for v in site.graph.inputs).items():
        if count > 1 and name:
            yield Finding(f"{count} inputs are named '{name}'", "a name stands for one value", "rename all but one")


@rule("SDX-C104", on="graph")
def single_assignment(site: Site) -> Findings:
    """Each name is given once: by an input, a constant or a node, here or in a graph around."""
    maker = {v.name: "an input" for v in site.graph.inputs} | dict.fromkeys(site.graph.initializers, "a constant")
    for node in site.graph.nodes:
        for value in node.outputs:
            if value.name and (value.name in maker or site.outer.has(value.name)):
                yield Finding(
                    f"'{value.name}' is made twice, here by {node!r}",
                    f"{maker.get(value.name, 'a graph around this one')} already has this name; a graph is in single static assignment form",
                    "rename the output and what reads it",
                    node,
                )
            maker[value.name] = repr(node)


@rule("SDX-C105", on="graph")
def made_before_read(site: Site) -> Findings:
    """What a node reads is made before it: by an input, a constant, an earlier node, or a graph around."""
    made = {v.name for v in site.graph.inputs} | site.graph.initializers.keys()
    later = {v.name for node in site.graph.nodes for v in node.outputs}
    for node in site.graph.nodes:
        for i, value in enumerate(node.inputs):
            if value is None or not value.name or value.name in made or site.outer.has(value.name):
                continue
            after = value.name in later
            yield Finding(
                f"{node!r} reads '{value.name}'" + (" before it is made" if after else ", which nothing makes"),
                "nodes are in execution order"
                if after
                else f"no input, constant or node has the name (input {i} of the node)",
                "sort the graph with graph.sort()" if after else "correct the name, or add the missing input or node",
                node,
            )
        made.update(v.name for v in node.outputs)


@rule("SDX-C106", on="graph")
def outputs_are_made(site: Site) -> Findings:
    """A graph returns what it makes or takes itself; a value of a graph around must pass through a node."""
    own = {v.name for v in site.graph.values()}
    for value in site.graph.outputs:
        if value.name and value.name not in own:
            outside = site.outer.has(value.name)
            yield Finding(
                f"output '{value.name}' is not made in this graph",
                "it belongs to a graph around this one" if outside else "no input, constant or node has this name",
                "return Identity of it" if outside else "correct the name, or add the node that makes it",
                severity="warning" if site.function is not None and site.graph is site.function.graph else None,
            )


@rule("SDX-C107", on="graph", severity="warning")
def node_names_differ(site: Site) -> Findings:
    """Names of nodes, where given, are unique: profiles and error messages use them."""
    for name, count in Counter(n.name for n in site.graph.nodes).items():
        if name and count > 1:
            yield Finding(f"{count} nodes are named '{name}'", "messages cannot tell them apart", "rename all but one")

"""Legal, but not what anybody wants: warnings."""

from __future__ import annotations

from sardonyx.check.rule import Finding, Findings, Site, rule


@rule("SDX-C181", on="graph", severity="warning")
def nodes_are_used(site: Site) -> Findings:
    """Something that is returned needs what each node makes."""
    returned = {id(v) for graph in site.graph.walk_graphs() for v in graph.outputs}
    dead: set[int] = set()
    for node in reversed(list(site.graph.nodes)):
        if not node.outputs or any(id(v) in returned for v in node.outputs):
            continue
        readers = [user for v in node.outputs for user in v.users]
        if any(id(reader) not in dead for reader in readers):
            continue
        dead.add(id(node))
        yield Finding(
            f"nothing reads the results of {node!r}" if not readers else f"no output needs {node!r}",
            "no node and no output of the graph does" if not readers else "its readers are not needed themselves",
            "sx.optimize removes it",
            node,
        )


@rule("SDX-C182", on="graph", severity="warning")
def constants_are_used(site: Site) -> Findings:
    """Something reads each constant."""
    returned = {id(v) for v in site.graph.outputs}
    inputs = {id(v) for v in site.graph.inputs}
    for name, value in site.graph.initializers.items():
        if not value.uses and id(value) not in returned and id(value) not in inputs:
            yield Finding(
                f"nothing reads the constant '{name}'", f"it takes {_size(value.const)}", "sx.optimize removes it"
            )


def _size(const: object) -> str:
    return f"{getattr(const, 'nbytes', 0)} bytes of the file"


@rule("SDX-C183", on="graph", severity="warning")
def inputs_are_used(site: Site) -> Findings:
    """Something reads each input of the main graph."""
    if site.is_main and site.function is None:
        returned = {id(v) for v in site.graph.outputs}
        for value in site.graph.inputs:
            if not value.uses and id(value) not in returned:
                yield Finding(
                    f"nothing reads the input '{value.name}'", "callers must give it all the same", "remove it"
                )


@rule("SDX-C184", on="model", severity="warning")
def functions_are_used(site: Site) -> Findings:
    """Something calls each function."""
    called = {(n.domain, n.op_type, n.overload) for g in site.model.graphs() for n in g.walk()}
    for key, function in site.model.functions.items():
        if key not in called:
            yield Finding(
                f"nothing calls the function '{function.name}'", f"its domain is '{function.domain}'", "remove it"
            )

"""Commands that look at a model: check, info, show, explain. Rooms are imported by the command that needs them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from sardonyx.cli.app import AsJson, ModelPath, out, print_json, print_table

__all__ = ["check", "explain", "info", "show"]


def check(
    model: ModelPath,
    lint: Annotated[bool, typer.Option("--lint", help="Also list what is legal and seldom meant: warnings.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings, too, make the answer no.")] = False,
    as_json: AsJson = False,
) -> None:
    """List everything that is wrong with a model; exit with 1 if it is not legal.

    Warnings are counted, and listed with `--lint`: values, nodes, constants and inputs that nobody uses, and shapes that are
    seldom what was meant.

    Examples: **sardonyx check model.onnx**, **sardonyx check model.onnx --lint --strict**
    """
    from sardonyx.check import examine, faults
    from sardonyx.infer import infer

    examined = examine(model)
    found = examined.faults
    if examined.model is not None:
        inferred = infer(examined.model)
        found += inferred.faults
        if lint or strict:  # what inference knows makes more shapes known to be suspicious, and none illegal
            inferred.annotate()
            found += [f for f in faults(examined.model, full=False) if f.severity == "warning" and f not in found]
    errors = sum(f.severity == "error" for f in found)
    warnings = len(found) - errors
    shown = found if lint or strict or as_json else [f for f in found if f.severity == "error"]
    if as_json:
        print_json([{k: getattr(f, k) for k in ("severity", "code", "what", "where", "why", "fix")} for f in shown])
    else:
        for fault in shown:
            out.print(f"{'warning: ' if fault.severity == 'warning' else ''}{fault}", markup=False, highlight=False)
        more = "" if lint or strict or not warnings else ": sardonyx check --lint lists them"
        out.print(f"{model.name}: {errors} errors, {warnings} warnings{more}", highlight=False)
    if errors or (strict and warnings):
        raise typer.Exit(1)


def info(model: ModelPath, as_json: AsJson = False) -> None:
    """Show what a model takes, gives and is made of.

    Example: **sardonyx info model.onnx**
    """
    from sardonyx.io import load
    from sardonyx.ir import Tensor

    loaded = load(model)
    graph = loaded.graph
    inputs = [v for v in graph.inputs if v.const is None]
    operators = Counter(n.op_type for n in graph.walk())
    weights = sum(v.const.nbytes for v in graph.initializers.values() if isinstance(v.const, Tensor))
    if as_json:
        print_json(
            {
                "ir_version": loaded.ir_version,
                "opsets": loaded.opsets,
                "producer": loaded.producer,
                "metadata": loaded.metadata,
                "inputs": {v.name: str(v.type) for v in inputs},
                "outputs": {v.name: str(v.type) for v in graph.outputs},
                "weight_bytes": weights,
                "operators": dict(operators.most_common()),
                "functions": [":".join(part for part in key if part) for key in loaded.functions],
            }
        )
        return
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in loaded.opsets.items())
    out.print(f"{model.name}: IR {loaded.ir_version}, {opsets}, {len(graph)} nodes, {weights / 1e6:.1f} MB of weights")
    for key, text in loaded.metadata.items():
        out.print(f"{key}: {text}", markup=False, highlight=False)
    ports = [("in", v) for v in inputs] + [("out", v) for v in graph.outputs]
    print_table(["", "name", "type"], [(role, v.name, str(v.type or "?")) for role, v in ports])
    print_table(["operator", "nodes"], [(name, str(count)) for name, count in operators.most_common()])


def show(
    model: ModelPath,
    weights: Annotated[
        bool, typer.Option("--weights", help="Print all constants; the text then parses again.")
    ] = False,
    longest: Annotated[int, typer.Option(help="Constants with more entries are shown as {...}.")] = 8,
    inferred: Annotated[bool, typer.Option("--infer", help="Show the type of every value.")] = False,
) -> None:
    """Print a model in the ONNX text syntax.

    Example: **sardonyx show model.onnx --infer | less**
    """
    from sardonyx.infer import infer_shapes
    from sardonyx.io import load
    from sardonyx.ir.text import print_model

    loaded = load(model)
    if inferred:
        loaded = infer_shapes(loaded)
    text = print_model(loaded, elide=None if weights else longest)
    print(text.encode("utf-8", "replace").decode(), end="")


def explain(code: Annotated[str, typer.Argument(help="The code in an error, such as SDX-S100.")]) -> None:
    """Print the page that belongs to an error's code.

    Example: **sardonyx explain SDX-S100**
    """
    from rich.markdown import Markdown

    from sardonyx.core import pages

    out.print(Markdown(pages.explain(code)))

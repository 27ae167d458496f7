"""The commands, one function each. Rooms are imported by the command that needs them, so that `--help` is instant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="ONNX, whole: check, infer, run and inspect models.",
)
out = Console()

ModelPath = Annotated[Path, typer.Argument(help="A model file (.onnx).", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def check(model: ModelPath, as_json: AsJson = False) -> None:
    """List everything that is wrong with a model; exit with 1 if it is not legal.

    Example: **sardonyx check model.onnx**
    """
    from sardonyx.check import faults
    from sardonyx.infer import infer
    from sardonyx.io import load

    loaded = load(model)
    found = [*faults(loaded, folder=model.parent), *infer(loaded).faults]
    if as_json:
        rows = [{k: getattr(f, k) for k in ("severity", "code", "what", "where", "why", "fix")} for f in found]
        print(json.dumps(rows, indent=1))
    else:
        for fault in found:
            out.print(str(fault), markup=False, highlight=False)
        errors = sum(f.severity == "error" for f in found)
        out.print(f"{model.name}: {errors} errors, {len(found) - errors} warnings", highlight=False)
    if any(f.severity == "error" for f in found):
        raise typer.Exit(1)


@app.command()
def info(model: ModelPath, as_json: AsJson = False) -> None:
    """Show what a model takes, gives and is made of.

    Example: **sardonyx info model.onnx**
    """
    from collections import Counter

    from sardonyx.io import load
    from sardonyx.ir import Tensor

    loaded = load(model)
    graph = loaded.graph
    inputs = [v for v in graph.inputs if v.const is None]
    operators = Counter(n.op_type for n in graph.walk())
    weights = sum(v.const.nbytes for v in graph.initializers.values() if isinstance(v.const, Tensor))
    if as_json:
        facts = {
            "ir_version": loaded.ir_version,
            "opsets": loaded.opsets,
            "producer": loaded.producer,
            "inputs": {v.name: str(v.type) for v in inputs},
            "outputs": {v.name: str(v.type) for v in graph.outputs},
            "weight_bytes": weights,
            "operators": dict(operators.most_common()),
        }
        print(json.dumps(facts, indent=1))
        return
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in loaded.opsets.items())
    out.print(f"{model.name}: IR {loaded.ir_version}, {opsets}, {len(graph)} nodes, {weights / 1e6:.1f} MB of weights")
    table = Table("", "name", "type")
    for role, values in (("in", inputs), ("out", graph.outputs)):
        for value in values:
            table.add_row(role, value.name, str(value.type or "?"))
    out.print(table)
    counts = Table("operator", "nodes")
    for name, count in operators.most_common():
        counts.add_row(name, str(count))
    out.print(counts)


@app.command()
def infer(
    model: ModelPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the annotated model.")],
) -> None:
    """Annotate every value with its type and symbolic shape.

    Example: **sardonyx infer model.onnx -o annotated.onnx**
    """
    from sardonyx.infer import infer_shapes
    from sardonyx.io import load, save

    save(infer_shapes(load(model)), output)
    out.print(f"wrote {output}")


@app.command()
def run(
    model: ModelPath,
    inputs: Annotated[Path | None, typer.Option("--inputs", help="An .npz file with one array per input.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the results to this .npz file.")] = None,
    seed: Annotated[int, typer.Option(help="Seeds the inputs that --inputs does not give.")] = 0,
    dim: Annotated[
        list[str] | None, typer.Option(help="A value for a symbolic dim, as in batch=4 (default 1).")
    ] = None,
) -> None:
    """Evaluate a model with the NumPy reference; inputs not given are random.

    Example: **sardonyx run model.onnx --dim batch=4**
    """
    import numpy as np

    from sardonyx.cli.feeds import random_inputs
    from sardonyx.evaluate import evaluate
    from sardonyx.io import load

    loaded = load(model)
    given = dict(np.load(inputs, allow_pickle=False)) if inputs is not None else {}
    feeds = random_inputs(loaded, given, dim or [], seed)
    results = evaluate(loaded, feeds)
    table = Table("output", "dtype", "shape", "min", "mean", "max")
    named: dict[str, object] = {}
    for value, result in zip(loaded.graph.outputs, results, strict=True):
        array = np.asarray(result)
        named[value.name] = array
        numbers = array.astype(np.float64) if array.size and array.dtype.kind in "fiub" else None
        spread = [f"{f(numbers):.6g}" for f in (np.min, np.mean, np.max)] if numbers is not None else ["", "", ""]
        table.add_row(value.name, str(array.dtype), str(list(array.shape)), *spread)
    out.print(table)
    if output is not None:
        np.savez(output, **named)  # pyright: ignore[reportArgumentType] names of arrays
        out.print(f"wrote {output}")


@app.command()
def explain(code: Annotated[str, typer.Argument(help="The code in an error, such as SDX-S100.")]) -> None:
    """Print the page that belongs to an error's code.

    Example: **sardonyx explain SDX-S100**
    """
    from importlib.resources import files

    from rich.markdown import Markdown

    pages = files("sardonyx.core") / "pages"
    page = pages / f"{code.upper()}.md"
    if not page.is_file():
        known = sorted(p.name[:-3] for p in pages.iterdir() if p.name.endswith(".md"))
        out.print(f"there is no page for {code}; there are: {', '.join(known)}", highlight=False)
        raise typer.Exit(2)
    out.print(Markdown(page.read_text()))

"""Commands that write a model: convert, infer, optimize. Each compares what it wrote with what it read, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sardonyx.cli.app import AsJson, ModelPath, out, print_json, print_table

if TYPE_CHECKING:
    from sardonyx.ir import Model

__all__ = ["Unverified", "compared", "convert", "infer", "optimize", "say_compared", "wrote"]

Target = Annotated[
    Path, typer.Argument(help="Where to write: .onnx, .onnxtxt, .json or .textproto.", show_default=False)
]
Unverified = Annotated[bool, typer.Option("--no-verify", help="Do not compare the result with the source.")]


def convert(
    source: Annotated[
        str, typer.Argument(help="A model file, or module:function (file.py:function) that makes a torch module.")
    ],
    target: Target,
    opset: Annotated[int | None, typer.Option(help="The operator-set version of the result.")] = None,
    external: Annotated[
        bool, typer.Option("--external-data", help="Move large weights into a file beside the model.")
    ] = False,
    unverified: Unverified = False,
) -> None:
    """Convert a model to another format or opset, or a torch module to ONNX.

    Examples: **sardonyx convert model.onnx model.onnxtxt**, **sardonyx convert old.onnx new.onnx --opset 21**,
    **sardonyx convert net.py:net net.onnx**, where `net()` returns the module and a tuple of example inputs, and may return
    a dict of options of `sx.from_torch` after them, as in `{"dynamic_shapes": {"x": {0: "batch"}}}`.
    """
    from sardonyx.cli.source import read_source
    from sardonyx.io import save
    from sardonyx.passes import convert_version

    read = read_source(source, opset=opset)
    model = read.model
    if opset is not None and model.opset != opset:
        model = convert_version(model, opset)
    if read.module is not None:
        out.print(f"verified {model.metadata.get('verified', 'no')}", markup=False, highlight=False)
    elif model is not read.model and not unverified:
        say_compared(compared(model, read.model))
    save(model, target, external_data=external or "auto")
    wrote(target)


def infer(
    model: ModelPath,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write the annotated model.")] = None,
    as_json: AsJson = False,
) -> None:
    """Annotate every value with its type and symbolic shape; without -o, list them.

    Exits with 1 if the model contradicts itself.

    Examples: **sardonyx infer model.onnx**, **sardonyx infer model.onnx -o annotated.onnx**
    """
    from sardonyx.infer import infer as inferred
    from sardonyx.io import load, save

    loaded = load(model)
    found = inferred(loaded)
    faults = [f for f in found.faults if f.severity == "error"]
    types = {v.name: str(found.type(v) or "?") for v in loaded.graph.values() if v.name and v.const is None}
    if output is not None:
        found.annotate()
        save(loaded, output)
    if as_json:
        print_json({"types": types, "faults": [f.what for f in faults]})
    else:
        if output is None:
            print_table(["value", "type"], list(types.items()))
        for fault in faults:
            out.print(str(fault), markup=False, highlight=False)
        if output is not None:
            wrote(output)
    if faults:
        raise typer.Exit(1)


def optimize(
    model: ModelPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the optimized model.")],
    level: Annotated[int, typer.Option(help="0 changes nothing, 1 cleans up, 2 also fuses.")] = 2,
    unverified: Unverified = False,
) -> None:
    """Fold constants, remove what is dead or double, fuse what belongs together.

    Example: **sardonyx optimize model.onnx -o small.onnx**
    """
    from sardonyx.io import load, save
    from sardonyx.passes import optimize as optimized

    source = load(model)
    result = optimized(source, level)
    before, after = len(list(source.graph.walk())), len(list(result.graph.walk()))
    out.print(f"{before} nodes -> {after} nodes, opset {source.opset} -> {result.opset}", highlight=False)
    if not unverified:
        say_compared(compared(result, source))
    save(result, output)
    wrote(output)


def compared(result: Model, source: Model) -> dict[str, object]:
    """Run both on inputs that are made up. What cannot be compared is said; what differs is an error."""
    from sardonyx.core.errors import ExecutionError, InputError, UnsupportedError
    from sardonyx.verify import verify

    try:
        report = verify(result, source)
    except (InputError, UnsupportedError, ExecutionError) as error:
        return {"verdict": "not verified", "why": error.what}
    report.raise_if_different()
    worst = report.worst
    return {"verdict": report.verdict, "error": 0.0 if worst is None else worst.error}


def say_compared(found: dict[str, object] | None) -> None:
    """A line about what `compared` found; nothing where nobody asked."""
    if found is not None and "why" in found:
        out.print(f"not verified: {found['why']}", markup=False, highlight=False)
    elif found is not None:
        out.print(
            f"verified against the source: {found['verdict']}, largest error {found['error']:.1e}", highlight=False
        )


def wrote(path: Path) -> None:
    """The line that ends a command which wrote a file."""
    out.print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)", markup=False, highlight=False)

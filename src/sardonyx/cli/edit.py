"""Commands that cut, join and compare models: extract, merge, diff. Rooms are imported by the command that needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sardonyx.cli.app import AsJson, ModelPath, out, print_json
from sardonyx.core.errors import InputError

__all__ = ["diff", "extract", "merge"]

Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write: .onnx, .onnxtxt, .json or .textproto.")]


def extract(
    model: ModelPath,
    output: Output,
    begin: Annotated[
        list[str] | None, typer.Option("--from", help="A value where the part begins; the model's inputs if none.")
    ] = None,
    end: Annotated[
        list[str] | None, typer.Option("--to", help="A value that the part gives; the model's outputs if none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the part of a model that computes some values from others.

    Example: **sardonyx extract model.onnx --from hidden --to logits -o head.onnx**
    """
    from sardonyx.io import load, save
    from sardonyx.passes.edit import extract as cut

    part = cut(load(model), begin or None, end or None)
    save(part, output)
    _interface(output, part, as_json)


def merge(
    first: ModelPath,
    second: ModelPath,
    output: Output,
    connect: Annotated[
        list[str], typer.Option("--connect", help="An output of the first and the input it feeds, as in y=x.")
    ],
    prefix: Annotated[
        tuple[str, str], typer.Option("--prefix", help="What the names of each model begin with afterwards.")
    ] = ("", ""),
    keep: Annotated[bool, typer.Option("--keep", help="Outputs that feed the second model stay outputs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Join two models: what the first gives, the second takes.

    Example: **sardonyx merge body.onnx head.onnx --connect features=x --prefix body/ head/ -o whole.onnx**
    """
    from sardonyx.io import load, save
    from sardonyx.passes.edit import merge as join

    whole = join(load(first), load(second), _pairs(connect), prefixes=prefix, keep=keep)
    save(whole, output)
    _interface(output, whole, as_json)


def diff(first: ModelPath, second: ModelPath, as_json: AsJson = False) -> None:
    """List what differs between two models as they are written; exit with 1 if anything does.

    Names count, weights are compared by their bytes. To compare what models compute, use `verify`.

    Example: **sardonyx diff old.onnx new.onnx**
    """
    from sardonyx.cli.difference import differences
    from sardonyx.io import load

    found = differences(load(first), load(second))
    if as_json:
        print_json([vars(d) for d in found])
    elif found:
        table = Table("what", "name", first.name, second.name)
        for d in found:
            table.add_row(d.what, *(escape(text or "-") for text in (d.name, d.first, d.second)))
        out.print(table)
    else:
        out.print("the models are the same", highlight=False)
    if found:
        raise typer.Exit(1)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """``["y=x"]`` -> ``{"y": "x"}``."""
    pairs: dict[str, str] = {}
    for text in texts:
        output, equals, fed = text.partition("=")
        if not output or not equals or not fed or output in pairs:
            raise InputError(f"--connect {text!r} joins nothing", fix="write --connect OUTPUT=INPUT, each output once")
        pairs[output] = fed
    return pairs


def _interface(path: Path, model: object, as_json: bool) -> None:
    """What the written model takes and gives."""
    from sardonyx.ir import Model

    assert isinstance(model, Model)
    inputs = [v for v in model.graph.inputs if v.const is None]
    if as_json:
        print_json(
            {
                "path": str(path),
                "nodes": len(model.graph),
                "opsets": model.opsets,
                "inputs": {v.name: str(v.type) for v in inputs},
                "outputs": {v.name: str(v.type) for v in model.graph.outputs},
            }
        )
        return
    table = Table("", "name", "type")
    for role, values in (("in", inputs), ("out", model.graph.outputs)):
        for value in values:
            table.add_row(role, escape(value.name), escape(str(value.type or "?")))
    out.print(table)
    out.print(f"wrote {path} ({len(model.graph)} nodes)", markup=False, highlight=False)

"""What all commands share: the application, the console, and the arguments that mean the same everywhere.

Exit codes: 0 for success; 1 if the answer is no (`check` or `infer` found errors, `verify` or `diff` a difference) or the
command failed with a documented error, which is printed as what, where, why and fix; 2 if the command line itself is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "AsJson",
    "Dims",
    "Inputs",
    "ModelPath",
    "Precisely",
    "Seed",
    "Threads",
    "app",
    "out",
    "print_json",
    "print_table",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="ONNX, whole: convert, check, inspect, run, compare and measure models.",
    epilog="Exit codes: 0 success, 1 the answer is no or an error was reported, 2 the command line is wrong.",
)
out = Console(soft_wrap=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from sardonyx import __version__

        print(f"sardonyx {__version__}")
        raise typer.Exit


ModelPath = Annotated[
    Path, typer.Argument(help="A model file: .onnx, .onnxtxt, .json or .textproto.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Inputs = Annotated[
    Path | None, typer.Option("--inputs", help="An .npz file of arrays by input name; what it leaves out is made up.")
]
Dims = Annotated[list[str] | None, typer.Option("--dim", help="A size for a symbolic dim, as in batch=4.")]
Seed = Annotated[int, typer.Option(help="Seeds the inputs that are made up.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads one run may use; all that the process may use if not given.")
]
Precisely = Annotated[str, typer.Option("--precision", help="highest, high or medium.")]


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None: ...


def print_json(facts: Any) -> None:
    """Plain JSON, so that pipes get what they expect."""
    print(json.dumps(facts, indent=1, default=str))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of plain text: what stands in brackets, as in float32[batch, 3], is no markup."""
    table = Table(*headers)
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)

"""The command that compiles a model for C programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sardonyx.cli.app import AsJson, Dims, ModelPath, Precisely, out, print_json

__all__ = ["compile"]


def compile(
    model: ModelPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write NAME.o and NAME.h into.")],
    name: Annotated[str, typer.Option(help="The name of the C function, and of the files.")] = "model",
    dim: Dims = None,
    precision: Precisely = "highest",
    as_json: AsJson = False,
) -> None:
    """Compile a model for fixed shapes to an object file and a C header, which need neither Python nor Sardonyx to run.

    The code is for this machine's instruction-set level; SARDONYX_ISA=avx2 (or generic, avx512) chooses a lower one.

    Example: **sardonyx compile model.onnx -o build --dim batch=1**, then **cc main.c build/model.o -lm**
    """
    from sardonyx.cli.feeds import parse_dims
    from sardonyx.engine.ahead import compile_ahead

    made = compile_ahead(model, output, name=name, dims=parse_dims(dim or ()), precision=precision)  # pyright: ignore[reportArgumentType] it is checked there
    if as_json:
        facts = {"object": str(made.object), "header": str(made.header), "workspace": made.workspace}
        print_json(facts | {"data": made.data, "isa": made.isa})
        return
    out.print(f"wrote {made.object} and {made.header}", markup=False, highlight=False)
    out.print(
        f"void {made.name}(inputs..., outputs..., workspace): {made.data / 1e6:.1f} MB of weights, "
        f"{made.workspace / 1e6:.1f} MB of workspace, for CPUs of the level {made.isa}",
        markup=False,
        highlight=False,
    )

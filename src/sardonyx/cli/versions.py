"""Commands that bring a model to another operator-set version: upgrade, downgrade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sardonyx.cli.app import AsJson, ModelPath, out, print_json, print_table
from sardonyx.cli.transform import Unverified, compared, say_compared, wrote
from sardonyx.core.errors import InputError

__all__ = ["downgrade", "upgrade"]

Destination = Annotated[
    Path | None,
    typer.Argument(
        help="Where to write; beside the source, with the opset in the name, if not given.", show_default=False
    ),
]


def upgrade(
    source: ModelPath,
    target: Destination = None,
    opset: Annotated[int | None, typer.Option(help="The version to reach; the newest if not given.")] = None,
    unverified: Unverified = False,
    as_json: AsJson = False,
) -> None:
    """Bring a model to a newer opset, and compare what it gives then.

    Example: **sardonyx upgrade old.onnx new.onnx --opset 21**
    """
    from sardonyx.ops import latest_opset

    _convert(source, target, latest_opset() if opset is None else opset, unverified, as_json, up=True)


def downgrade(
    source: ModelPath,
    target: Destination = None,
    opset: Annotated[int, typer.Option(help="The version to reach.")] = 17,
    unverified: Unverified = False,
    as_json: AsJson = False,
) -> None:
    """Bring a model to an older opset, for readers that know no newer one, and compare what it gives then.

    Newer operators become older ones that say the same. What no older operator can say is an error that names the node.

    Example: **sardonyx downgrade new.onnx old.onnx --opset 17**
    """
    _convert(source, target, opset, unverified, as_json, up=False)


def _convert(path: Path, target: Path | None, opset: int, unverified: bool, as_json: bool, *, up: bool) -> None:
    from sardonyx.io import load, save
    from sardonyx.passes import convert_version

    source = load(path)
    if opset < source.opset if up else opset > source.opset:
        word, other = ("older", "downgrade") if up else ("newer", "upgrade")
        raise InputError(f"opset {opset} is {word} than the model's, {source.opset}", fix=f"use sardonyx {other}")
    result = convert_version(source, opset)
    verdict = None if unverified else compared(result, source)
    destination = path.with_name(f"{path.stem}.opset{opset}{path.suffix}") if target is None else target
    save(result, destination)
    changed = _changes(source, result)
    if as_json:
        print_json(
            {
                "path": str(destination),
                "opset": [source.opset, opset],
                "ir_version": [source.ir_version, result.ir_version],
                "operators": {name: list(counts) for name, counts in changed.items()},
                "verified": verdict,
            }
        )
        return
    out.print(f"opset {source.opset} -> {opset}, IR {source.ir_version} -> {result.ir_version}", highlight=False)
    if changed:
        print_table(["operator", "before", "after"], [(n, str(a), str(b)) for n, (a, b) in changed.items()])
    say_compared(verdict)
    wrote(destination)


def _changes(source: object, result: object) -> dict[str, tuple[int, int]]:
    """How often each operator occurs before and after, where that differs."""
    from collections import Counter

    from sardonyx.ir import Model

    assert isinstance(source, Model) and isinstance(result, Model)
    before, after = (Counter(n.op_type for g in m.graphs() for n in g.walk()) for m in (source, result))
    return {n: (before[n], after[n]) for n in sorted(before | after) if before[n] != after[n]}

"""All commands, in the order in which `sardonyx --help` lists them."""

from __future__ import annotations

from sardonyx.cli.ahead import compile
from sardonyx.cli.app import app
from sardonyx.cli.bench import bench
from sardonyx.cli.edit import diff, extract, merge
from sardonyx.cli.execute import run, verify
from sardonyx.cli.inspect import check, explain, info, show
from sardonyx.cli.quickstart import quickstart
from sardonyx.cli.transform import convert, infer, optimize
from sardonyx.cli.versions import downgrade, upgrade

__all__ = ["app"]

for command in (
    quickstart,
    convert,
    check,
    info,
    show,
    run,
    bench,
    verify,
    infer,
    optimize,
    upgrade,
    downgrade,
    compile,
    extract,
    merge,
    diff,
    explain,
):
    app.command()(command)

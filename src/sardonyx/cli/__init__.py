"""The command line: `sardonyx COMMAND --help` shows an example for each."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line. Known failures print their four lines and end with status 1; misuse ends with 2."""
    from sardonyx.cli.commands import app
    from sardonyx.core.errors import SardonyxError

    try:
        app()
    except SardonyxError as error:
        print(error, file=sys.stderr)
        sys.exit(1)

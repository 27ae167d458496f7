"""The command line: `sardonyx COMMAND --help` shows an example for each."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; `app` says what the exit codes mean."""
    from sardonyx.cli.commands import app
    from sardonyx.core.errors import SardonyxError

    try:
        app()
    except SardonyxError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output has seen enough: `sardonyx show model.onnx | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"{error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)

"""What a class of cases derives from: its functions `export...` run when it is made, and add their cases."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import numpy as np

__all__ = ["Base", "Snippets"]

Snippets: dict[str, list[tuple[str, str]]] = defaultdict(list)


def process_snippet(op_name: str, name: str, export: Any) -> tuple[str, str]:
    """The name of a case and the lines of its function, without the two that begin it."""
    _, _, *lines = dedent(inspect.getsource(export)).splitlines()
    return name.removeprefix("export").removeprefix("_") or op_name.lower(), dedent("\n".join(lines))


class _Exporter(type):
    def __init__(cls, name: str, bases: tuple[type, ...], namespace: Mapping[str, Any]) -> None:
        for key, value in namespace.items():
            if key.startswith("export"):
                if not isinstance(value, staticmethod):
                    raise ValueError(f"{name}.{key} makes cases, and must be a static method")
                export = getattr(cls, key)
                Snippets[name].append(process_snippet(name, key, export))
                np.random.seed(0)  # every case has the same numbers, whatever came before
                export()
        super().__init__(name, bases, dict(namespace))


class Base(metaclass=_Exporter):
    """A class of cases."""

"""Answering for `import onnx`: programs, and the libraries they use, get Sardonyx's interface without a changed line.

A finder in front of all others gives every `onnx...` name the module of `sardonyx.compat.onnx...`: the very same object,
so that a class has one identity under both names.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from sardonyx.core.errors import InputError

__all__ = ["install", "uninstall"]

PEER, OURS = "onnx", "sardonyx.compat.onnx"


class _Alias(Loader):
    """Gives the module that has another name already."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_ours(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: only give the module back what says where it came from."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _Finder(MetaPathFinder):
    """Finds `onnx`, and what lies in it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PEER and not fullname.startswith(PEER + "."):
            return None
        found = importlib.util.find_spec(_ours(fullname))
        if found is None:
            return None
        return ModuleSpec(fullname, _Alias(), is_package=found.submodule_search_locations is not None)


_FINDER = _Finder()


def _ours(name: str) -> str:
    return OURS + name.removeprefix(PEER)


def _imported() -> list[str]:
    return [name for name in sys.modules if name == PEER or name.startswith(PEER + ".")]


def install() -> None:
    """From now on, `import onnx` and every import from inside it give `sardonyx.compat.onnx`; doing it twice is no harm.

    Raises:
        InputError: the official package was imported before; its classes are in use and cannot be replaced any more.
    """
    if _FINDER in sys.meta_path:
        return
    if _imported():
        raise InputError(
            "sardonyx.compat.install() comes too late",
            why="the official onnx package is imported already, and its classes are in use",
            fix="call install() before the first import of onnx, or of a library that imports it",
        )
    sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """From now on, `import onnx` gives the official package again, where it is installed. What was imported stays as it is."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        for name in _imported():
            del sys.modules[name]

"""Answering for `import onnx` and `import onnxruntime`: programs, and the libraries they use, get Sardonyx's interface
without a changed line.

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

PEERS = ("onnx", "onnxruntime")
_HERE = "sardonyx.compat."


class _Alias(Loader):
    """Gives the module that has another name already."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_HERE + spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: only give the module back what says where it came from."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _Finder(MetaPathFinder):
    """Finds a peer, and what lies in it."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _inside(fullname, self.peer):
            return None
        found = importlib.util.find_spec(_HERE + fullname)
        if found is None:
            return None
        return ModuleSpec(fullname, _Alias(), is_package=found.submodule_search_locations is not None)


_FINDERS = {peer: _Finder(peer) for peer in PEERS}


def _inside(name: str, peer: str) -> bool:
    return name == peer or name.startswith(peer + ".")


def _imported(peer: str) -> list[str]:
    return [name for name in sys.modules if _inside(name, peer)]


def install(*peers: str) -> None:
    """From now on, `import onnx` and every import from inside it give `sardonyx.compat.onnx`; doing it twice is no harm.

    Args:
        peers: the packages to answer for, "onnx" if none are named; "onnxruntime" is the other.

    Raises:
        InputError: the peer itself was imported before; its classes are in use and cannot be replaced any more.
    """
    for peer in peers or ("onnx",):
        finder = _FINDERS.get(peer)
        if finder is None:
            raise InputError(f"there is no interface of a package '{peer}'", fix="name " + " or ".join(PEERS))
        if finder in sys.meta_path:
            continue
        if _imported(peer):
            raise InputError(
                "sardonyx.compat.install() comes too late",
                why=f"the official {peer} package is imported already, and its classes are in use",
                fix=f"call install() before the first import of {peer}, or of a library that imports it",
            )
        sys.meta_path.insert(0, finder)


def uninstall() -> None:
    """From now on, the names give the official packages again, where installed. What was imported stays as it is."""
    for peer, finder in _FINDERS.items():
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
            for name in _imported(peer):
                del sys.modules[name]

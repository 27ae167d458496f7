"""The modules under `ops`: one per operator, whose contents are looked up when they are asked for.

``ops.op_conv`` gives the class `Conv` and the functions that programs take from there. None of them is a file: their
names are a matter of the interface, their contents are the rows of two tables.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from sardonyx.compat.onnx.reference.ops import _op_list

__all__ = ["register"]

ROOT = __name__.rpartition(".")[0]

# The functions and classes that a module gives beside those of its operators: from which file here, and their names.
HELPERS: dict[str, tuple[str, str]] = {}


class _Module(ModuleType):
    """A module whose attributes `find` gives by name, or raises KeyError."""

    def __init__(self, name: str, doc: str, find: Callable[[str], Any], names: Callable[[], Iterable[str]]) -> None:
        super().__init__(f"{ROOT}.{name}", doc)
        self._find, self._names = find, names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            value = self._find(name)
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names()})


def _helper(module: str, name: str) -> Any:
    file, names = HELPERS.get(module, ("", ""))
    if name not in names.split():
        raise KeyError(name)
    return getattr(importlib.import_module(f"{ROOT}.{file}"), name)


def _of_operator(module: str, domain: str, op_types: Iterable[str], name: str) -> Any:
    own = {cls.__name__: cls for op_type in op_types for cls in _op_list.classes(domain).get(op_type, {}).values()}
    return own[name] if name in own else _helper(module, name)


def _names_of_operator(module: str, domain: str, op_types: Iterable[str]) -> list[str]:
    own = [cls.__name__ for op_type in op_types for cls in _op_list.classes(domain).get(op_type, {}).values()]
    return [*own, *HELPERS.get(module, ("", ""))[1].split()]


def _of_domain(domain: str, name: str) -> Any:
    if name == "load_op":
        return partial(_load_op, domain)
    base = _op_list.domain_base(domain)
    return base if name == base.__name__ else _op_list.by_class_name(domain)[name]


def _load_op(mine: str, domain: str, op_type: str, version: int | None = None, custom: Any = None) -> Any:
    if domain != mine and custom is None:
        raise ValueError(f"domain '{domain}' is not '{mine}'")
    return _op_list.load_of_domain(mine, op_type, version, custom)


def _place(module: _Module, *, package: bool = False) -> None:
    """Make a module importable."""
    name = module.__name__
    spec = ModuleSpec(name, None, is_package=package)
    module.__spec__, module.__package__ = spec, name if package else name.rpartition(".")[0]
    if package:
        module.__path__ = []
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    setattr(sys.modules[parent], last, module)


def register() -> None:
    """Make every module under `ops` importable that is no file."""
    for domain, prefix in _op_list.DOMAINS.items():
        if prefix:
            find, names = partial(_of_domain, domain), partial(_op_list.by_class_name, domain)
            package = prefix.removesuffix(".")
            _place(_Module(package, f"The operators of {domain}.", find, lambda: ("load_op",)), package=True)
            _place(_Module(f"{prefix}_op_list", f"The classes of {domain}.", find, names))
            short = package.removeprefix("aionnx_preview_")
            _place(_Module(f"{prefix}_op_run_{short}", f"What the classes of {domain} derive from.", find, names))
    found: dict[str, tuple[str, list[str]]] = {}
    for domain in _op_list.DOMAINS:
        for op_type in _op_list.classes(domain):
            found.setdefault(_op_list.module_of(op_type, domain), (domain, []))[1].append(op_type)
    for module in HELPERS.keys() - found.keys():
        found[module] = ("", [])
    for module, (domain, op_types) in sorted(found.items()):
        doc = f"Runs {', '.join(op_types)}." if op_types else "Functions that several operators use."
        find, names = (partial(f, module, domain, op_types) for f in (_of_operator, _names_of_operator))
        _place(_Module(module, doc, find, names))

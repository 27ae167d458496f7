"""What a user may name as a model: a file, or Python that makes a torch module."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sardonyx.core.errors import InputError
from sardonyx.ir import Model

__all__ = ["Source", "read_source"]

_EXAMPLE = "def net(): return MyNet().eval(), (torch.randn(1, 3, 224, 224),)"


@dataclass(frozen=True)
class Source:
    """A model, and the module it came from if it came from one."""

    model: Model
    module: Any = None
    args: tuple[Any, ...] = ()


def read_source(spec: str, *, opset: int | None = None) -> Source:
    """The model that `spec` names.

    Args:
        spec: a path, or ``module:function`` (``file.py:function``). The function returns a torch module and its example
            inputs, and may return a dict of further arguments of `sx.from_torch` after them.
        opset: for modules, the operator-set version to export.

    Raises:
        InputError: there is no such file or function, or it does not return what it should.
    """
    place, colon, name = spec.rpartition(":")
    if not colon or Path(spec).is_file() or not name.isidentifier():
        from sardonyx.io import load

        return Source(load(spec))
    made = _call(_module(place), name, spec)
    if not isinstance(made, tuple) or not 2 <= len(made) <= 3:
        raise InputError(
            f"'{spec}' does not return a module and its example inputs", fix=f"write it like this: {_EXAMPLE}"
        )
    module, args, *rest = made
    args = args if isinstance(args, tuple) else (args,)
    options: dict[str, Any] = dict(rest[0]) if rest else {}
    from sardonyx.frontends.torch import from_torch

    return Source(from_torch(module, args, **({"opset": opset} if opset else {}), **options), module, args)


def _module(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py":
        if not path.is_file():
            raise InputError(f"there is no file '{place}'")
        found = importlib.util.spec_from_file_location(path.stem, path)
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[path.stem] = module
        found.loader.exec_module(module)
        return module
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise InputError(
            f"there is no Python module '{place}'", why=str(error), fix="name a file as in net.py:function"
        ) from error


def _call(module: ModuleType, name: str, spec: str) -> Any:
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"'{spec}' names no function", fix=f"write one: {_EXAMPLE}")
    return function()

"""ONNX, whole, in one pure-Python package: `import sardonyx as sx`.

Names are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from sardonyx.core.lazy import lazily

if TYPE_CHECKING:
    from sardonyx.check import check as check
    from sardonyx.core.errors import CheckError as CheckError
    from sardonyx.core.errors import CompileError as CompileError
    from sardonyx.core.errors import DTypeError as DTypeError
    from sardonyx.core.errors import ExecutionError as ExecutionError
    from sardonyx.core.errors import FormatError as FormatError
    from sardonyx.core.errors import InputError as InputError
    from sardonyx.core.errors import ParseError as ParseError
    from sardonyx.core.errors import PathError as PathError
    from sardonyx.core.errors import SardonyxError as SardonyxError
    from sardonyx.core.errors import ShapeError as ShapeError
    from sardonyx.core.errors import UnsupportedError as UnsupportedError
    from sardonyx.core.errors import VerifyError as VerifyError
    from sardonyx.core.errors import VersionError as VersionError
    from sardonyx.engine.ahead import compile_ahead as compile_ahead
    from sardonyx.engine.session import Session as Session
    from sardonyx.frontends.torch import from_torch as from_torch
    from sardonyx.infer import infer_shapes as infer_shapes
    from sardonyx.io import from_bytes as from_bytes
    from sardonyx.io import load as load
    from sardonyx.io import load_weights as load_weights
    from sardonyx.io import save as save
    from sardonyx.io import save_weights as save_weights
    from sardonyx.io import to_bytes as to_bytes
    from sardonyx.ir import Attr as Attr
    from sardonyx.ir import Function as Function
    from sardonyx.ir import Graph as Graph
    from sardonyx.ir import Model as Model
    from sardonyx.ir import Node as Node
    from sardonyx.ir import Tensor as Tensor
    from sardonyx.ir import Value as Value
    from sardonyx.passes import convert_version as convert_version
    from sardonyx.passes import evaluate as evaluate
    from sardonyx.passes import optimize as optimize
    from sardonyx.passes.edit import extract as extract
    from sardonyx.passes.edit import merge as merge
    from sardonyx.passes.edit import prefix as prefix
    from sardonyx.passes.edit import rename as rename
    from sardonyx.passes.edit import restore_weights as restore_weights
    from sardonyx.passes.edit import set_batch as set_batch
    from sardonyx.passes.edit import set_dims as set_dims
    from sardonyx.passes.edit import strip_weights as strip_weights
    from sardonyx.verify import verify as verify

__version__ = "0.1.0"

_ERRORS = (
    "CheckError",
    "CompileError",
    "DTypeError",
    "ExecutionError",
    "FormatError",
    "InputError",
    "ParseError",
    "PathError",
    "SardonyxError",
    "ShapeError",
    "UnsupportedError",
    "VerifyError",
    "VersionError",
)
_HOMES = {
    "check": "check",
    "Session": "engine.session",
    "compile_ahead": "engine.ahead",
    "from_torch": "frontends.torch",
    "infer_shapes": "infer",
    "from_bytes": "io",
    "load": "io",
    "load_weights": "io",
    "save_weights": "io",
    "save": "io",
    **dict.fromkeys(("convert_version", "evaluate", "optimize"), "passes"),
    **dict.fromkeys(("extract", "merge", "prefix", "rename"), "passes.edit"),
    **dict.fromkeys(("restore_weights", "set_batch", "set_dims", "strip_weights"), "passes.edit"),
    "to_bytes": "io",
    "verify": "verify",
    **dict.fromkeys(("Attr", "Function", "Graph", "Model", "Node", "Tensor", "Value"), "ir"),
    **dict.fromkeys(_ERRORS, "core.errors"),
}

__all__ = ["__version__", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll] resolved by __getattr__


__getattr__ = lazily(__name__, _HOMES)


class _Package(ModuleType):
    """Keeps a function's name when the room of the same name is imported: `sx.evaluate` is always the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

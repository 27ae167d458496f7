"""The classes that run operators, under the module names that programs import them from."""

from __future__ import annotations

from sardonyx.compat.onnx.reference.ops._modules import register
from sardonyx.compat.onnx.reference.ops._op_list import load_op

__all__ = ["load_op"]

register()

"""Bringing a model to any operator-set version, up or down."""

from __future__ import annotations

from sardonyx.core.errors import InputError
from sardonyx.ir import Model
from sardonyx.ops import latest_opset
from sardonyx.passes.downgrade import downgrade_to
from sardonyx.passes.upgrade import upgrade_to

__all__ = ["convert_version"]


def convert_version(model: Model, opset: int) -> Model:
    """A copy of `model` in operator-set version `opset` of ai.onnx.

    Operators that an older version lacks become what they stand for, in the operators it has.

    Raises:
        InputError: there is no such version.
        VersionError: something in the model cannot be expressed in that version; the message names the node.
    """
    if not 1 <= opset <= latest_opset():
        raise InputError(f"there is no opset {opset}", why=f"versions 1 to {latest_opset()} are known")
    converted = model.clone()
    if opset < model.opset:
        downgrade_to(converted, "", opset)
    else:
        upgrade_to(converted, "", opset)
    return converted

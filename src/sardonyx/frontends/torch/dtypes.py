"""Torch's element types and tensors as ours."""

from __future__ import annotations

import math

import ml_dtypes
import torch

from sardonyx.core.dtypes import DType, dtype
from sardonyx.ir import Array, Tensor

__all__ = ["array_of", "dtype_of", "limits", "tensor_of", "torch_dtype"]

_BY_BITS = {8: torch.uint8, 16: torch.int16, 32: torch.int32, 64: torch.int64}


def dtype_of(kind: torch.dtype) -> DType:
    """The `DType` of a torch dtype: ``torch.float8_e4m3fn`` is float8e4m3fn."""
    return dtype(str(kind).removeprefix("torch.").replace("_", ""))


def torch_dtype(kind: DType) -> torch.dtype:
    """The inverse of `dtype_of`."""
    name = kind.name.replace("float8e", "float8_e")
    return getattr(torch, name)


def limits(kind: DType) -> tuple[float, float] | tuple[int, int]:
    """The least and the greatest element: what any other replaces in a maximum or a minimum."""
    if kind.is_float:
        return -math.inf, math.inf
    bounds = ml_dtypes.iinfo(kind.numpy)
    return int(bounds.min), int(bounds.max)


def tensor_of(data: torch.Tensor, name: str = "") -> Tensor:
    """The tensor as a constant; its memory is shared when it is contiguous and on the CPU."""
    return Tensor(array_of(data), name=name)


def array_of(data: torch.Tensor) -> Array:
    plain = data.detach().cpu().contiguous()
    if plain.is_conj() or plain.is_neg():
        plain = plain.resolve_conj().resolve_neg()
    kind = dtype_of(plain.dtype)
    try:
        return plain.numpy()
    except TypeError:  # bfloat16 and float8: NumPy has them only through ml_dtypes
        return plain.view(_BY_BITS[kind.bits]).numpy().view(kind.numpy)

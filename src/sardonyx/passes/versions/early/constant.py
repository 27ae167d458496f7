"""Constants were tensors; ranges of constants are constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.ir import SparseTensor, Tensor
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op

_VALUES: dict[str, DType] = {
    "value_int": dtypes.INT64,
    "value_ints": dtypes.INT64,
    "value_float": dtypes.FLOAT32,
    "value_floats": dtypes.FLOAT32,
    "value_string": dtypes.STRING,
    "value_strings": dtypes.STRING,
}


@down("Constant", 12)
def constant_is_tensor(new: Old) -> Expr:
    """A number, a text or a list of them is a tensor."""
    for name, dtype in _VALUES.items():
        if name in new.node.attrs:
            value: Any = new.attr(name)
            array = np.array(value, object if dtype is dtypes.STRING else dtype.numpy)
            new.node.set_attr(name, None)
            new.node.set_attr("value", Tensor(array, dtype=dtype, shape=array.shape))


@down("Constant", 11)
def constant_is_dense(new: Old) -> Expr:
    """Zeros were written out."""
    sparse = new.attr("sparse_value")
    if isinstance(sparse, SparseTensor):
        new.node.set_attr("sparse_value", None)
        new.node.set_attr("value", Tensor(sparse.numpy()))


@down("Range", 11)
def range_of_constants(new: Old) -> Expr:
    """What lies between constants is constant."""
    bounds = [new.array(i) for i in range(3)]
    if any(b is None for b in bounds):
        new.refuse("Range came with opset 11, and its bounds are computed at run time")
    start, limit, delta = (b.reshape(-1)[0] for b in bounds if b is not None)
    count = max(0, int(np.ceil((limit - start) / delta)))
    return Op("Constant")(value=Tensor((start + np.arange(count) * delta).astype(start.dtype)))

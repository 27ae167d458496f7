"""Features made ready for a model, of pieces that are elementwise or copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import BOOL, FLOAT32, FLOAT64, INT32, INT64, STRING, DType
from sardonyx.engine.kernels.reduce import Reduction
from sardonyx.engine.lower.pieces import Pieces
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.views import View
from sardonyx.ir import Array, Node, Value
from sardonyx.ops.ml import DOMAIN

__all__: list[str] = []

_SIZES: dict[str, Reduction] = {"MAX": "max", "L1": "l1", "L2": "l2"}


def _source(low: Lowering, node: Node) -> View:
    """The features, which have an axis of their own."""
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) is STRING or not low.shape(source):
        raise NotNative(f"{node.op_type} of strings or of a scalar")
    return low.view(source)


def _each(low: Lowering, node: Node, p: Pieces, x: View, numbers: Any, kind: DType) -> Value:
    """One number for all features, or one for each."""
    array: Array = np.array(numbers, kind.numpy)
    if array.size != 1:
        low.claim(x.shape[-1], array.size, f"{node!r} has a number for each feature")
    return p.constant(array)


@lower("Scaler", domain=DOMAIN)
def scaler(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    x, p = _source(low, node), Pieces(low, node)
    kind = FLOAT64 if x.dtype is FLOAT64 else FLOAT32
    found = p.cast(p.read(x), kind)
    found = p.op("Sub", found, _each(low, node, p, x, attrs["offset"] or (0,), kind))
    p.give(p.cast(p.op("Mul", found, _each(low, node, p, x, attrs["scale"] or (1,), kind)), FLOAT32))


@lower("Normalizer", domain=DOMAIN)
def normalizer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """In float64, as the reference does: squares of large numbers overflow else."""
    view, p = _source(low, node), Pieces(low, node)
    x = p.cast(p.read(view), FLOAT64)
    size = p.reduce(_SIZES[attrs["norm"]], p.cast(p.read(view), FLOAT64), view.rank - 1)
    zero = p.op("Equal", size, p.constant(np.zeros(1)), dtype=BOOL)
    size = p.op("Where", zero, p.constant(np.ones(1)), size, dtype=FLOAT64)
    p.give(p.cast(p.op("Div", x, size), FLOAT32))


@lower("Binarizer", domain=DOMAIN)
def binarizer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Integers and the threshold meet in float64, as in NumPy."""
    x, p = _source(low, node), Pieces(low, node)
    kind = x.dtype if x.dtype.is_float else FLOAT64
    above = p.op("Greater", p.cast(p.read(x), kind), p.constant(np.full(1, attrs["threshold"], kind.numpy)), dtype=BOOL)
    p.give(p.cast(above, x.dtype))


@lower("Imputer", domain=DOMAIN)
def imputer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    view, p = _source(low, node), Pieces(low, node)
    kinds = (
        ("imputed_value_floats", "replaced_value_float")
        if view.dtype.is_float
        else ("imputed_value_int64s", "replaced_value_int64")
    )
    new, old = (attrs[name] for name in kinds)
    if not new:
        raise NotNative("Imputer without a value to put in")
    x = p.read(view)
    same = p.constant(np.full(1, old, view.dtype.numpy))
    missing = p.op("IsNaN", x, dtype=BOOL) if old != old else p.op("Equal", x, same, dtype=BOOL)
    p.give(p.op("Where", missing, _each(low, node, p, view, new, view.dtype), x, dtype=view.dtype))


@lower("ArrayFeatureExtractor", domain=DOMAIN)
def extractor(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    x, p, where = _source(low, node), Pieces(low, node), node.inputs[1]
    assert where is not None
    x = x.unsqueezed([0]) if x.rank == 1 else x
    shape = low.shape(node.output)
    line = low.contiguous(low.view(where)).reshaped(shape[-1:])
    if line is None:
        raise NotNative("indices that do not lie in a line")
    p.give(p.op("Gather", p.read(x), p.read(line), shape=shape, axis=x.rank - 1))


@lower("FeatureVectorizer", domain=DOMAIN)
def vectorizer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    p, parts = Pieces(low, node), []
    for i, source in enumerate(node.inputs):
        assert source is not None
        x = low.view(source)
        x = x.unsqueezed([0]) if x.rank == 1 else x
        if x.rank != 2:
            raise NotNative("features of more than two axes")
        if attrs["inputdimensions"]:
            low.at_least(x.shape[1], attrs["inputdimensions"][i], f"{node!r} takes features that are there")
            x = x.narrowed(1, 0, attrs["inputdimensions"][i])
        parts.append(p.cast(p.read(x), FLOAT32))
    p.give(p.op("Concat", *parts, shape=low.shape(node.output), axis=1))


@lower("OneHotEncoder", domain=DOMAIN)
def one_hot(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    x, p = _source(low, node), Pieces(low, node)
    if x.dtype not in (INT32, INT64) or not attrs["zeros"] or not attrs["cats_int64s"]:
        raise NotNative(f"OneHotEncoder of {x.dtype}, or one that refuses what is no category")
    categories = p.constant(np.array(attrs["cats_int64s"], np.int64))
    wide = p.cast(p.read(x.unsqueezed([x.rank])), INT64)
    hot = p.op("Equal", wide, categories, shape=low.shape(node.output), dtype=BOOL)
    p.give(p.cast(hot, FLOAT32))

"""Classical machine learning: features, categories and labels, and the maps that pipelines hand around."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import DTypeError, InputError, ShapeError
from sardonyx.ir import Array, MapType, SequenceType, Tensor, TensorType, show_shape
from sardonyx.ops.cast import convert
from sardonyx.ops.declare import (
    Flag,
    Float,
    Floats,
    Input,
    Int,
    Ints,
    Output,
    String,
    Strings,
    TensorAttr,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Dims, Known, known
from sardonyx.ops.shape import product
from sardonyx.ops.typesets import I64, STRING, TypeSet

DOMAIN = "ai.onnx.ml"
FEATURES: TypeSet = frozenset({d.FLOAT32, d.FLOAT64, d.INT32, d.INT64})
LABELS: TypeSet = I64 | STRING


def strings(items: Sequence[Any]) -> Array:
    """A vector of strings."""
    result = np.empty(len(items), object)
    result[:] = list(items)
    return result


def mapped(x: Array, table: Mapping[Any, Any], default: Any, kind: DType) -> Array:
    """Each element looked up; each different one just once."""
    if x.dtype == object:
        found = [table.get(v, default) for v in x.reshape(-1)]
        values = strings(found) if kind is d.STRING else np.array(found, kind.numpy)
        return values.reshape(x.shape)
    different, which = np.unique(x, return_inverse=True)
    found = [table.get(None if v != v else v, default) for v in different.tolist()]  # NaN is None: it equals itself
    values = strings(found) if kind is d.STRING else np.array(found, kind.numpy)
    return values[which.reshape(x.shape)]


# -- features --------------------------------------------------------------------------------------------------------------


@operator("ArrayFeatureExtractor", since=(1,), domain=DOMAIN)
class ArrayFeatureExtractor:
    """The columns of X, along its last axis, that Y names; a vector counts as a row."""

    T = types(FEATURES | STRING)
    X, Y = Input(T), Input("tensor(int64)")
    Z = Output(T)

    @infers
    def infer(X: Known, Y: Known) -> Dims:
        return *((1,) if X.rank == 1 else X.shape[:-1]), product(Y.shape) if Y.has_shape else None

    @reference
    def run(X: Array, Y: Array) -> Array:
        return np.take(X.reshape(1, -1) if X.ndim == 1 else X, Y.reshape(-1), -1)


@operator("Binarizer", since=(1,), domain=DOMAIN, elementwise=True)
class Binarizer:
    """1 where the value is above the threshold, 0 elsewhere."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output(T)
    threshold = Float(0.0)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, threshold: float) -> Array:
        return (threshold < X).astype(X.dtype)


@operator("FeatureVectorizer", since=(1,), domain=DOMAIN)
class FeatureVectorizer:
    """The features of all inputs in one row each; `inputdimensions` says how many of each count, zeros fill them up."""

    T1 = types(FEATURES)
    X = Input(T1, variadic=True)
    Y = Output("tensor(float)")
    inputdimensions = Ints()

    @infers
    def infer(*X: Known, inputdimensions: tuple[int, ...] | None) -> Dims:
        widths: Sequence[Dim] = inputdimensions or [product(x.shape[1:]) if x.rank > 1 else x.shape[0] for x in X]
        total: Dim = 0
        for width in widths:
            total = total + width
        return (1 if X[0].rank == 1 else X[0].shape[0]), total

    @reference
    def run(*X: Array, inputdimensions: tuple[int, ...] | None) -> Array:
        rows = [x.reshape(1 if x.ndim == 1 else x.shape[0], -1).astype(np.float32) for x in X]
        if inputdimensions:
            rows = [
                np.pad(x[:, :n], [(0, 0), (0, max(n - x.shape[1], 0))])
                for x, n in zip(rows, inputdimensions, strict=True)
            ]
        return np.concatenate(rows, 1)


@operator("Imputer", since=(1,), domain=DOMAIN, elementwise=True)
class Imputer:
    """One value, such as NaN, replaced by another: by the same everywhere, or by one for each feature."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output(T)
    imputed_value_floats, replaced_value_float = Floats(), Float(0.0)
    imputed_value_int64s, replaced_value_int64 = Ints(), Int(0)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(
        X: Array,
        *,
        imputed_value_floats: tuple[float, ...] | None,
        replaced_value_float: float,
        imputed_value_int64s: tuple[int, ...] | None,
        replaced_value_int64: int,
    ) -> Array:
        floats = X.dtype.kind == "f"
        new, old = (
            (imputed_value_floats, replaced_value_float) if floats else (imputed_value_int64s, replaced_value_int64)
        )
        if not new:
            raise InputError(f"there is no value to put into features of type {d.dtype(X.dtype)}")
        missing = np.isnan(X) if old != old else old == X
        return np.where(missing, np.array(new, X.dtype), X)


@operator("Normalizer", since=(1,), domain=DOMAIN)
class Normalizer:
    """Each row divided by its largest element, by the sum of its absolute values, or by its length; not by zero."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output("tensor(float)")
    norm = String("MAX")

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, norm: str) -> Array:
        x = X.astype(np.float64)
        sizes: dict[str, Callable[[Array], Array]] = {
            "MAX": lambda x: np.max(x, -1, keepdims=True, initial=-np.inf),
            "L1": lambda x: np.sum(np.abs(x), -1, keepdims=True),
            "L2": lambda x: np.hypot.reduce(x, -1, keepdims=True),  # no square overflows
        }
        size = sizes[norm](x)
        return (x / np.where(size == 0, 1, size)).astype(np.float32)


@operator("Scaler", since=(1,), domain=DOMAIN, elementwise=True)
class Scaler:
    """(X - offset) * scale, with one of each for all features, or one for each."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output("tensor(float)")
    offset, scale = Floats(), Floats()

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, offset: tuple[float, ...] | None, scale: tuple[float, ...] | None) -> Array:
        x = X if X.dtype == np.float64 else X.astype(np.float32)
        moved = x - np.array(offset or (0,), x.dtype)
        return (moved * np.array(scale or (1,), x.dtype)).astype(np.float32)


# -- categories and labels -------------------------------------------------------------------------------------------------


@operator("CategoryMapper", since=(1,), domain=DOMAIN, elementwise=True)
class CategoryMapper:
    """Strings as the integers they stand for, or integers as strings; a default for what the lists lack."""

    T1, T2 = types(LABELS), types(LABELS)
    X = Input(T1)
    Y = Output(T2)
    cats_int64s, cats_strings = Ints(), Strings()
    default_int64, default_string = Int(-1), String("_Unused")

    @infers
    def infer(X: Known) -> Known:
        return known(d.INT64 if X.dtype is d.STRING else d.STRING, X.dims)

    @reference
    def run(
        X: Array,
        *,
        cats_int64s: tuple[int, ...],
        cats_strings: tuple[str, ...],
        default_int64: int,
        default_string: str,
    ) -> Array:
        if X.dtype == object:
            return mapped(X, dict(zip(cats_strings, cats_int64s, strict=True)), default_int64, d.INT64)
        return mapped(X, dict(zip(cats_int64s, cats_strings, strict=True)), default_string, d.STRING)


def _pick(facts: Mapping[str, Any], prefix: str) -> tuple[str, Any]:
    """The one attribute that is set among those of this prefix: its suffix and its value."""
    for name, value in facts.items():
        if name.startswith(prefix) and value is not None:
            return name.removeprefix(prefix), value
    raise InputError(f"a LabelEncoder has no {prefix}*", fix=f"give {prefix}tensor or one of its kin")


_ENCODED = LABELS | {d.FLOAT32}
_SUFFIXES = {"strings": d.STRING, "int64s": d.INT64, "floats": d.FLOAT32}


@operator("LabelEncoder", since=(1, 2, 4), domain=DOMAIN, elementwise=True)
class LabelEncoder:
    """Each element as the value that stands beside it in a list of keys; a default for what the list lacks.

    At version 1 there is one list of strings, and their positions.
    """

    T1 = types({1: LABELS, 2: _ENCODED, 4: _ENCODED | {d.FLOAT64, d.INT32, d.INT16}})
    T2 = types({1: LABELS, 2: _ENCODED, 4: _ENCODED | {d.FLOAT64, d.INT32, d.INT16}})
    X = Input(T1)
    Y = Output(T2)
    classes_strings = Strings(until=2)
    keys_floats, keys_int64s, keys_strings = Floats(since=2), Ints(since=2), Strings(since=2)
    values_floats, values_int64s, values_strings = Floats(since=2), Ints(since=2), Strings(since=2)
    default_float, default_int64, default_string = Float(-0.0, since=2), Int(-1), String("_Unused")
    keys_tensor, values_tensor, default_tensor = TensorAttr(since=4), TensorAttr(since=4), TensorAttr(since=4)

    @infers
    def infer(X: Known, *, opset: int, **facts: Any) -> Known:
        if opset < 2:
            return known(d.INT64 if X.dtype is d.STRING else d.STRING, X.dims)
        suffix, values = _pick(facts, "values_")
        of_keys, keys = _pick(facts, "keys_")
        takes = keys.dtype if isinstance(keys, Tensor) else _SUFFIXES[of_keys]
        if X.dtype not in (None, takes):
            raise DTypeError(
                f"the keys of a LabelEncoder are {takes}, its input is {X.dtype}", fix="give both one type"
            )
        default, gives = facts["default_tensor"], values.dtype if isinstance(values, Tensor) else _SUFFIXES[suffix]
        if isinstance(default, Tensor) and (default.shape != (1,) or default.dtype is not gives):
            raise DTypeError(
                f"the default of a LabelEncoder must be {gives}[1]", why=f"it is {default.dtype}{list(default.shape)}"
            )
        return known(values.dtype if isinstance(values, Tensor) else _SUFFIXES[suffix], X.dims)

    @reference
    def run(X: Array, *, opset: int, **facts: Any) -> Array:
        if opset < 2:
            classes: tuple[str, ...] = facts["classes_strings"] or ()
            if X.dtype == object:
                return mapped(X, {c: i for i, c in enumerate(classes)}, facts["default_int64"], d.INT64)
            return mapped(X, dict(enumerate(classes)), facts["default_string"], d.STRING)
        suffix, values = _pick(facts, "values_")
        kind = values.dtype if isinstance(values, Tensor) else _SUFFIXES[suffix]
        _, keys = _pick(facts, "keys_")
        table = dict(zip((None if k != k else k for k in _list(keys, X.dtype)), _list(values), strict=True))
        given = facts["default_tensor"]
        default = facts[{"strings": "default_string", "floats": "default_float", "int64s": "default_int64"}.get(
            suffix, "default_string" if kind is d.STRING else "default_float" if kind.is_float else "default_int64"
        )]  # fmt: skip
        return mapped(X, table, default if given is None else _list(given)[0], kind)


def _list(values: Any, kind: Any = None) -> list[Any]:
    """The elements of an attribute, as Python's; floats as a tensor of type `kind` would hold them."""
    array = values.numpy().reshape(-1) if isinstance(values, Tensor) else np.array(values, object)
    return array.tolist() if kind is None or np.dtype(kind).kind == "O" else array.astype(kind).tolist()


@operator("OneHotEncoder", since=(1,), domain=DOMAIN)
class OneHotEncoder:
    """A new last axis with a one at the category of each element; zeros, or a refusal, for what is no category."""

    T = types(FEATURES | STRING)
    X = Input(T)
    Y = Output("tensor(float)")
    cats_int64s, cats_strings, zeros = Ints(), Strings(), Flag(1)

    @infers
    def infer(X: Known, *, cats_int64s: Any, cats_strings: Any) -> Dims:
        if bool(cats_int64s) == bool(cats_strings):
            raise ShapeError("a OneHotEncoder has one list of categories", fix="give cats_int64s or cats_strings")
        return *X.shape, len(cats_strings or cats_int64s or ())

    @reference
    def run(X: Array, *, cats_int64s: Any, cats_strings: Any, zeros: bool) -> Array:
        x = X if X.dtype == object else X.astype(np.int64)
        categories = strings(cats_strings) if X.dtype == object else np.array(cats_int64s, np.int64)
        hot = x[..., None] == categories
        if not zeros and not hot.any(-1).all():
            raise InputError("an element is no category", fix="set zeros=1 to encode it as zeros")
        return hot.astype(np.float32)


# -- maps ------------------------------------------------------------------------------------------------------------------


@operator("CastMap", since=(1,), domain=DOMAIN)
class CastMap:
    """The values of a map in the order of their keys, as one row; sparsely, each at the place that its key says."""

    T1 = types(frozenset({"map(int64,tensor(float))", "map(int64,tensor(string))"}))
    T2 = types(STRING | {d.FLOAT32, d.INT64})
    X = Input(T1)
    Y = Output(T2)
    cast_to, map_form, max_map = String("TO_FLOAT"), String("DENSE"), Int(1)

    @infers
    def infer(X: Known, *, cast_to: str, map_form: str, max_map: int) -> Known:
        return known(_CASTS[cast_to], (1, None if map_form == "DENSE" else max_map))

    @reference
    def run(X: Mapping[int, Any], *, cast_to: str, map_form: str, max_map: int) -> Array:
        kind = _CASTS[cast_to]
        ordered = sorted(X.items())
        held = [v for _, v in ordered]
        values = strings(held) if any(isinstance(v, str) for v in held) else np.array(held, np.float32)
        values = convert(values, kind, saturate=True)
        if map_form == "DENSE":
            return values.reshape(1, -1)
        row = np.full(max_map, "" if kind is d.STRING else 0, kind.numpy)
        row[[k for k, _ in ordered]] = values
        return row.reshape(1, -1)


_CASTS = {"TO_FLOAT": d.FLOAT32, "TO_STRING": d.STRING, "TO_INT64": d.INT64}


@operator("DictVectorizer", since=(1,), domain=DOMAIN)
class DictVectorizer:
    """The values of a map as one row, each at the place of its key in the vocabulary; zeros for what the map lacks."""

    T1 = types(frozenset({
        "map(int64,tensor(double))", "map(int64,tensor(float))", "map(int64,tensor(string))", "map(string,tensor(double))", "map(string,tensor(float))",
        "map(string,tensor(int64))",
    }))  # fmt: skip
    T2 = types(STRING | {d.FLOAT32, d.FLOAT64, d.INT64})
    X = Input(T1)
    Y = Output(T2)
    int64_vocabulary, string_vocabulary = Ints(), Strings()

    @infers
    def infer(X: Known, *, int64_vocabulary: Any, string_vocabulary: Any) -> Known:
        value = X.type.value if isinstance(X.type, MapType) else None
        kind = value.dtype if isinstance(value, TensorType) else None
        return known(kind, (1, len(string_vocabulary or int64_vocabulary or ())))

    @reference
    def run(X: Mapping[Any, Any], *, int64_vocabulary: Any, string_vocabulary: Any) -> Array:
        words = string_vocabulary or int64_vocabulary or ()
        unknown = [key for key in X if key not in words]
        if unknown:
            raise InputError(f"{unknown[0]!r} is not in the vocabulary")
        some = next(iter(X.values()), np.float32(0))
        if isinstance(some, str):
            return strings([X.get(w, "") for w in words]).reshape(1, -1)
        return np.array([[X.get(w, 0) for w in words]], np.asarray(some).dtype)


@operator("ZipMap", since=(1,), domain=DOMAIN)
class ZipMap:
    """For each row a map from the labels to its elements."""

    T = types(frozenset({"seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))"}))
    X = Input("tensor(float)")
    Z = Output(T)
    classlabels_int64s, classlabels_strings = Ints(), Strings()

    @infers
    def infer(X: Known, *, classlabels_int64s: Any, classlabels_strings: Any) -> Known:
        if X.has_shape and X.rank not in (1, 2):
            raise ShapeError(f"ZipMap takes rows of scores, not {show_shape(X.shape)}", why=f"the rank is {X.rank}")
        key = d.STRING if classlabels_strings else d.INT64
        return Known(SequenceType(MapType(key, TensorType(d.FLOAT32, ()))))

    @reference
    def run(X: Array, *, classlabels_int64s: Any, classlabels_strings: Any) -> list[dict[Any, Any]]:
        labels: Any = classlabels_strings or classlabels_int64s or ()
        if X.shape[-1] != len(labels):
            raise ShapeError(f"{X.shape[-1]} columns do not fit {len(labels)} labels", why="each column takes one")
        return [dict(zip(labels, row, strict=True)) for row in X.reshape(-1, len(labels))]


__all__: list[str] = []

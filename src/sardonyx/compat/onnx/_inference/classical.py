"""Classical machine learning, as the official package infers it: mostly from a node's attributes alone."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    element_of,
    extents,
    keep_element,
    keep_shape,
    must_have_rank,
    output,
    say_element,
    say_shape,
    shape_of,
    type_of,
)
from sardonyx.ops import Schema
from sardonyx.proto import AttributeProto, TensorProto, TensorShapeProto

__all__ = ["CLASSICAL"]

DOMAIN = "ai.onnx.ml"
FLOAT, INT64, STRING, UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.UINT8
LISTS = {"floats": FLOAT, "ints": INT64, "int64s": INT64, "strings": STRING}


def _ints(ctx: InferenceContext, name: str) -> list[int]:
    """A list of integers among the attributes; one of another kind counts as empty."""
    attribute = ctx.get_attribute(name)
    return [] if attribute is None else list(attribute.ints)


def _strings(ctx: InferenceContext, name: str) -> list[bytes]:
    attribute = ctx.get_attribute(name)
    return [] if attribute is None else list(attribute.strings)


def _contents(attribute: AttributeProto) -> tuple[int, int]:
    """What is in a list or a vector, and how many there are; 0 and 0 where nothing is."""
    for field in ("ints", "floats", "strings"):
        found = getattr(attribute, field)
        if found:
            return LISTS[field], len(found)
    if not attribute.HasField("t"):
        return 0, 0
    if len(attribute.t.dims) != 1:
        raise refuse_type(f"Attribute {attribute.name} expected to be a 1D tensor but was {len(attribute.t.dims)}D")
    return int(attribute.t.data_type), int(attribute.t.dims[0])


# -- features and categories -----------------------------------------------------------------------------------------------


def _features(ctx: InferenceContext, schema: Schema) -> None:
    """As many features as there are indices; nothing is said of a vector's shape."""
    keep_element(ctx)
    data, indices = shape_of(ctx, 0), shape_of(ctx, 1)
    if data is not None and len(data.dim) != 1:
        say_shape(ctx, 0, [*extents(data)[:-1], None if indices is None else _product(extents(indices))])


def _product(dims: Sequence[TensorShapeProto.Dimension]) -> TensorShapeProto.Dimension | int | None:
    """The number of elements, where it is a number or one name."""
    count = 1
    names = [d for d in dims if not d.HasField("dim_value")]
    for d in dims:
        count *= d.dim_value if d.HasField("dim_value") else 1
    if not names:
        return count if dims else None
    return names[0] if len(names) == 1 and count == 1 and names[0].HasField("dim_param") else None


def _mapped(ctx: InferenceContext, schema: Schema) -> None:
    for name in ("cats_int64s", "cats_strings"):
        if ctx.get_attribute(name) is None:
            raise refuse_shape(f"Attribute '{name}' is required.")
    if len(_ints(ctx, "cats_int64s")) != len(_strings(ctx, "cats_strings")):
        raise refuse_shape("Attributes 'cats_int64s' and 'cats_strings' are required to be the same length.")
    if type_of(ctx, 0) is None:
        return
    other = {STRING: INT64, INT64: STRING}.get(element_of(ctx, 0))
    if other is not None:
        say_element(ctx, 0, other)
    keep_shape(ctx)


def _one_hot(ctx: InferenceContext, schema: Schema) -> None:
    """A new last axis; nothing at all is said where the input's rank is unknown."""
    if (ctx.get_attribute("cats_int64s") is None) == (ctx.get_attribute("cats_strings") is None):
        raise refuse_shape("Exactly one of 'cats_*' attributes must be provided.")
    shape = shape_of(ctx, 0)
    if shape is not None:
        say_element(ctx, 0, FLOAT)
        count = len(_ints(ctx, "cats_int64s")) or len(_strings(ctx, "cats_strings"))
        say_shape(ctx, 0, [*extents(shape), count])


def _labels(ctx: InferenceContext, schema: Schema) -> None:
    if schema.version == 1:
        output(ctx, 0).tensor_type.SetInParent()
        other = {STRING: INT64, INT64: STRING}.get(element_of(ctx, 0))
        if other is not None:
            say_element(ctx, 0, other)
        return
    keys, key_count = _side(ctx, schema, "keys")
    given = element_of(ctx, 0)
    if keys != given:
        raise refuse_shape(f"The input type was {given} and the key type {keys} are different")
    values, value_count = _side(ctx, schema, "values")
    if schema.version >= 4:
        if key_count != value_count:
            shown = f"The number of keys {key_count} and the number of values {value_count}"
            raise refuse_shape(f"{shown} must be the same in the LabelEncoder.")
        _check_default(ctx.get_attribute("default_tensor"), values)
    say_element(ctx, 0, values)
    keep_shape(ctx)


def _side(ctx: InferenceContext, schema: Schema, side: str) -> tuple[int, int]:
    """The element type of the keys, or of the values, and how many there are. Exactly one list holds them."""
    kinds = ("tensor", "strings", "int64s", "floats") if schema.version >= 4 else ("strings", "int64s", "floats")
    given = [(kind, found) for kind in kinds if (found := ctx.get_attribute(f"{side}_{kind}")) is not None]
    if len(given) != 1:
        raise refuse_shape(f"One and only one attribute must be set out of {', '.join(f'{side}_{k}' for k in kinds)}")
    kind, attribute = given[0]
    if schema.version < 4:
        return LISTS[kind], 0
    found = _contents(attribute)
    if not found[0]:
        raise refuse_shape(f"At least one of {', '.join(f'{side}_{k}' for k in kinds)} must be set.")
    return found


def _check_default(default: AttributeProto | None, values: int) -> None:
    if default is None or not default.HasField("t") or not default.t.data_type:
        return
    if default.t.data_type != values:
        shown = f"The default tensor type {default.t.data_type} and the value type {values}"
        raise refuse_shape(f"{shown} must be the same in the LabelEncoder.")
    if list(default.t.dims) != [1]:
        raise refuse_shape("The default tensor must be a singleton 1D tensor.")


# -- maps ------------------------------------------------------------------------------------------------------------------


def _from_map(ctx: InferenceContext, schema: Schema) -> None:
    """A tensor of what a CastMap makes of the values; of a word that is none of its own, nothing follows."""
    word = ctx.get_attribute("cast_to")
    output(ctx, 0).tensor_type.SetInParent()
    code = {b"TO_FLOAT": FLOAT, b"TO_INT64": INT64, b"TO_STRING": STRING}.get(b"TO_FLOAT" if word is None else word.s)
    if code is not None:
        say_element(ctx, 0, code)


def _vector_of_map(ctx: InferenceContext, schema: Schema) -> None:
    type = type_of(ctx, 0)
    if type is None:
        raise refuse_type("Input 0 expected to have type but instead is null")
    say_element(ctx, 0, type.map_type.value_type.tensor_type.elem_type)


def _zipped(ctx: InferenceContext, schema: Schema) -> None:
    """Maps whose keys are of the kind of the labels, strings or integers; what has no labels, has no kind of keys."""
    made = output(ctx, 0).sequence_type.elem_type.map_type
    made.value_type.tensor_type.elem_type = FLOAT
    made.value_type.tensor_type.shape.SetInParent()
    shape = shape_of(ctx, 0)
    if shape is not None and len(shape.dim) not in (1, 2):
        raise refuse_shape("ZipMap input shape should be 1D or 2D.")
    if _ints(ctx, "classlabels_int64s"):
        made.key_type = INT64
    elif _strings(ctx, "classlabels_strings"):
        made.key_type = STRING


# -- classifiers and regressors ----------------------------------------------------------------------------------------------


def _say_label(ctx: InferenceContext) -> list[bytes]:
    """The first output is a label: a string if there are such labels. Gives these."""
    words = _strings(ctx, "classlabels_strings")
    say_element(ctx, 0, STRING if words else INT64)
    return words


def _label_only(ctx: InferenceContext, schema: Schema) -> None:
    _say_label(ctx)


def _linear(ctx: InferenceContext, schema: Schema) -> None:
    """As many scores as there are intercepts; one of these is enough for two labels."""
    words = _say_label(ctx)
    say_element(ctx, 1, FLOAT)
    intercepts = ctx.get_attribute("intercepts")
    count = 0 if intercepts is None else len(intercepts.floats)
    if count == 1 and len(words or _ints(ctx, "classlabels_ints")) == 2:
        count = 2
    shape = shape_of(ctx, 0)
    if shape is not None and len(shape.dim) not in (1, 2):
        raise refuse_shape("Input's shape should be 1D or 2D")
    rows = None if shape is None else 1 if len(shape.dim) == 1 else shape.dim[0]
    say_shape(ctx, 0, [rows])
    say_shape(ctx, 1, [rows, count])


def _only_one_of(ctx: InferenceContext, *names: str) -> None:
    """What may be given as a list or as a tensor is not given as both."""
    for name in names:
        if ctx.get_attribute(name) is not None and ctx.get_attribute(f"{name}_as_tensor") is not None:
            raise refuse_shape(f"Only one of the attributes '{name}', '{name}_as_tensor' should be specified.")


def _rows(ctx: InferenceContext) -> TensorShapeProto.Dimension | None:
    """The examples, of which each is a row of features."""
    shape = must_have_rank(ctx, 0, 2)
    return None if shape is None else shape.dim[0]


def _tree_classifier(ctx: InferenceContext, schema: Schema) -> None:
    if schema.version < 3:
        _say_label(ctx)
        return
    _only_one_of(ctx, "nodes_values", "nodes_hitrates", "class_weights", "base_values")
    words = _say_label(ctx)
    say_element(ctx, 1, FLOAT)
    rows, labels = _rows(ctx), words or _ints(ctx, "classlabels_int64s")
    if not labels:
        raise refuse_shape("Neither classlabels_int64s nor classlabels_strings is set.")
    say_shape(ctx, 0, [rows])
    say_shape(ctx, 1, [rows, len(labels)])


def _tree_regressor(ctx: InferenceContext, schema: Schema) -> None:
    _only_one_of(ctx, "nodes_values", "nodes_hitrates", "target_weights", "base_values")
    rows = _rows(ctx)
    say_element(ctx, 0, FLOAT)
    say_shape(ctx, 0, [rows, _targets(ctx)])


def _targets(ctx: InferenceContext) -> int | None:
    count = ctx.get_attribute("n_targets")
    return None if count is None else int(count.i)


# The lists of an ensemble that are as long as there are splits: what is in them, and whether they must be there.
NODES = (
    ("nodes_featureids", INT64, True),
    ("nodes_hitrates", FLOAT, False),
    ("nodes_modes", UINT8, True),
    ("nodes_truenodeids", INT64, True),
    ("nodes_falsenodeids", INT64, True),
    ("nodes_trueleafs", INT64, True),
    ("nodes_falseleafs", INT64, True),
    ("nodes_missing_value_tracks_true", INT64, False),
)


def _ensemble(ctx: InferenceContext, schema: Schema) -> None:
    """Splits, members and weights are of the type of the features."""
    must_have_rank(ctx, 0, 2)
    splits, code = ctx.get_attribute("nodes_splits"), element_of(ctx, 0)
    if splits is None:
        raise refuse_shape("Attribute 'nodes_splits' is required.")
    _must_be_like(splits, code)
    if len(splits.t.dims) != 1:
        raise refuse_shape("Attribute 'nodes_splits' must be 1D.")
    for name, kind, required in NODES:
        attribute = ctx.get_attribute(name)
        if attribute is None:
            if required:
                raise refuse_shape(f"Unspecified required attribute '{name}'.")
            continue
        found, count = _contents(attribute)
        if found != kind:
            raise refuse_shape(f"Attribute '{name}' must have type {TensorProto.DataType.Name(kind)}.")
        if count != splits.t.dims[0]:
            raise refuse_shape(f"Attribute '{name}' must have length {splits.t.dims[0]}.")
    members = ctx.get_attribute("membership_values")
    if members is not None:
        _must_be_like(members, code)
    targets, weights = ctx.get_attribute("leaf_targetids"), ctx.get_attribute("leaf_weights")
    if targets is None or weights is None:
        raise refuse_shape("Attributes 'leaf_targetids' and 'leaf_weights' must both be set.")
    if [len(targets.ints)] != list(weights.t.dims[:1]):
        raise refuse_shape("Attribute 'leaf_targetids' must have same length as attribute 'leaf_weights'.")
    _must_be_like(weights, code)
    say_element(ctx, 0, code)
    say_shape(ctx, 0, [_rows(ctx), _targets(ctx)])


def _must_be_like(attribute: AttributeProto, code: int) -> None:
    if attribute.t.data_type != code:
        shown = f"Input type is {code} and attribute type is {attribute.t.data_type}"
        raise refuse_shape(f"Attribute '{attribute.name}' must have same type as input. {shown}")


CLASSICAL: dict[tuple[str, str], Rule] = {
    (DOMAIN, "ArrayFeatureExtractor"): _features,
    (DOMAIN, "CastMap"): _from_map,
    (DOMAIN, "CategoryMapper"): _mapped,
    (DOMAIN, "DictVectorizer"): _vector_of_map,
    (DOMAIN, "LabelEncoder"): _labels,
    (DOMAIN, "LinearClassifier"): _linear,
    (DOMAIN, "OneHotEncoder"): _one_hot,
    (DOMAIN, "SVMClassifier"): _label_only,
    (DOMAIN, "TreeEnsemble"): _ensemble,
    (DOMAIN, "TreeEnsembleClassifier"): _tree_classifier,
    (DOMAIN, "TreeEnsembleRegressor"): _tree_regressor,
    (DOMAIN, "ZipMap"): _zipped,
}

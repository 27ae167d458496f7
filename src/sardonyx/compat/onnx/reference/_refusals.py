"""What the official evaluator refuses, in its classes: programs catch them. Our references refuse it otherwise, or run it.

A row says what is wrong with inputs and attributes, or None, and the class of the error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.errors import DTypeError, InputError, SardonyxError, ShapeError

__all__ = ["refuse", "translated"]

Facts = Mapping[str, Any]
Wrong = Callable[[Sequence[Any], Facts], str | None]


def _rank(place: int, *allowed: int, least: int = 0) -> Wrong:
    def wrong(x: Sequence[Any], _: Facts) -> str | None:
        rank = np.ndim(x[place])
        fits = rank in allowed if allowed else rank >= least
        return None if fits else f"Unexpected shape {np.shape(x[place])}: a rank of {allowed or least} is wanted"

    return wrong


def _one_of(name: str, *known: Any) -> Wrong:
    def wrong(_: Sequence[Any], facts: Facts) -> str | None:
        value = facts.get(name)
        return None if value is None or value in known else f"Unexpected value {value!r} for {name}: known are {known}"

    return wrong


def _scalar_axis(x: Sequence[Any], _: Facts) -> str | None:
    return None if np.ndim(x[1]) == 0 else f"Axis must be a rank-0 tensor, got {np.ndim(x[1])}."


def _channels(x: Sequence[Any], facts: Facts) -> str | None:
    group = facts.get("group") or 1
    fits = x[0].shape[1] == x[1].shape[1] * group and x[1].shape[0] % group == 0
    return None if fits else f"Shape inconsistencies, X.shape={x[0].shape}, W.shape={x[1].shape}, group={group}."


def _directions(x: Sequence[Any], facts: Facts) -> str | None:
    wanted = 2 if facts.get("direction") == "bidirectional" else 1
    return None if len(x[1]) == wanted else f"{wanted} directions need num_directions={wanted}, but W has {len(x[1])}."


def _zero_point(x: Sequence[Any], _: Facts) -> str | None:
    if len(x) < 3 or x[2] is None:
        return None
    if x[2].dtype != x[0].dtype:
        return f"Type mismatch: {x[0].dtype} is not {x[2].dtype} of the zero point."
    if dtypes.dtype(x[2].dtype).text.startswith("float8") and np.any(x[2].astype(np.float32)):
        return "x_zero_point is not null but should be zero for float8 types."
    return None


def _quantized(x: Sequence[Any], facts: Facts) -> str | None:
    asked = facts.get("output_dtype") or 0
    held = dtypes.dtype(x[2].dtype).code if len(x) > 2 and x[2] is not None else 0
    if asked and held and asked != held:
        return f"Mismatched output data-types: output_dtype={asked}, zero_point type={held}"
    kind = next((d for d in dtypes.ALL if d.code == (asked or held)), None)
    narrow = (
        kind is None or kind is dtypes.UNDEFINED or (kind.bits <= 16 and kind not in (dtypes.FLOAT16, dtypes.BFLOAT16))
    )
    return None if narrow else f"Unexpected type: output_dtype={asked or held} is not a supported quantized type."


def _rule(x: Sequence[Any], facts: Facts) -> str | None:
    rule, given = facts.get("update_rule") or "gated_delta", [*x, None, None, None]
    for name, held, rules in (
        ("decay", given[4], ("gated", "gated_delta")),
        ("beta", given[5], ("delta", "gated_delta")),
    ):
        if (held is not None) != (rule in rules):
            return f"update_rule '{rule}' {'requires' if rule in rules else 'forbids'} {name} input."
    return None


def _same_but(x: Sequence[Any], facts: Facts) -> str | None:
    axis = (facts.get("axis") or 0) % max(np.ndim(x[0]), 1)
    fits = np.ndim(x[1]) == np.ndim(x[0]) and all(
        n <= m for i, (m, n) in enumerate(zip(x[0].shape, x[1].shape, strict=True)) if i != axis
    )
    return None if fits else f"Except for dimension {axis}, all dimensions of index and data should be the same size."


def _paddings(x: Sequence[Any], _: Facts) -> str | None:
    if len(x) < 2:  # they are an attribute
        return None
    count = len(x[3]) if len(x) > 3 and x[3] is not None else np.ndim(x[0])
    return None if np.size(x[1]) == 2 * count else "The number of elements in pads should be 2 times the number of axes"


def _targets(x: Sequence[Any], facts: Facts) -> str | None:
    is_tenth = "coordinate_transformation_mode" not in facts  # at version 10, the second input is the scales
    given = (len(x) == 2 and is_tenth) or any(v is not None for v in x[2:4])
    return None if given else "output_size is None and scale_factors is None: neither scales nor sizes are given."


def _smooth(_: Sequence[Any], facts: Facts) -> str | None:
    nearest = facts.get("antialias") and (facts.get("mode") or "nearest") == "nearest"
    return "antialias is not supported for mode='nearest'." if nearest else None


def _text(*places: int) -> Wrong:
    def wrong(x: Sequence[Any], _: Facts) -> str | None:
        kinds = [x[i].dtype for i in places if x[i] is not None]
        return next((f"Inputs must be string tensors, received dtype {k}" for k in kinds if k.kind not in "OSUT"), None)

    return wrong


def _bits(x: Sequence[Any], facts: Facts) -> str | None:
    strings = facts.get("to") == dtypes.STRING.code or x[0].dtype.kind in "OSU"
    return "BitCast of STRING is not supported" if strings else None


_STATES = [(_one_of("direction", "forward", "reverse", "bidirectional"), RuntimeError), (_directions, RuntimeError)]
_ON_FOUR = [(_rank(0, 4), RuntimeError)]

_RULES = tuple(f"BRANCH_{name}" for name in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"))
_TRANSFORM = _one_of("post_transform", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
_KERNEL = (_one_of("kernel_type", "LINEAR", "POLY", "RBF", "SIGMOID"), ValueError)


def _rules(_: Sequence[Any], facts: Facts) -> str | None:
    odd = [rule for rule in facts.get("nodes_modes") or () if rule not in (*_RULES, "LEAF")]
    return f"Unexpected rule {odd[0]!r}." if odd else None


def _places(x: Sequence[Any], _: Facts) -> str | None:
    fits = np.all(np.less(x[1], np.shape(x[0])[-1]))
    return None if fits else f"indices {x[1]} are beyond a tensor of shape {np.shape(x[0])}"


def _members(_: Sequence[Any], facts: Facts) -> str | None:
    asked = np.any(np.asarray(facts["nodes_modes"]) == 6) and facts.get("membership_values") is None
    return "Must specify membership values for all set membership nodes" if asked else None


def _given(x: Sequence[Any], _: Facts) -> str | None:
    return "The requested optional input has no value." if x[0] is None else None


def _heads(x: Sequence[Any], facts: Facts) -> str | None:
    return (
        "num_heads is wanted of an input of rank 3" if np.ndim(x[0]) == 3 and facts.get("num_heads") is None else None
    )


REFUSED: dict[str, Sequence[tuple[Wrong, type[Exception]]]] = {
    "AffineGrid": [
        (
            lambda x, _: None if np.shape(x[0])[1:] in ((2, 3), (3, 4)) else "theta is of shape (N, 2, 3) or (N, 3, 4)",
            AssertionError,
        )
    ],
    "BitCast": [(_bits, ValueError)],
    "BitShift": [(_one_of("direction", "LEFT", "RIGHT"), ValueError)],
    "Cast": [(lambda _, facts: None if facts.get("to") else "no element type is 0", KeyError)],
    "CausalConvWithState": [
        (_one_of("activation", "none", "silu", "swish"), ValueError),
        (_rank(0, 3), ValueError),
        (_rank(1, 3), ValueError),
    ],
    "Concat": [
        (lambda x, _: "one input has an empty shape" if any(np.ndim(v) == 0 for v in x) else None, RuntimeError)
    ],
    "ConcatFromSequence": [(lambda x, _: "A sequence cannot be null." if x[0] is None else None, RuntimeError)],
    "Constant": [
        (
            lambda _, facts: None if any(v is not None for v in facts.values()) else "No constant is defined.",
            AttributeError,
        )
    ],
    "Conv": [(_rank(0, least=3), ValueError), (_channels, ValueError)],
    "ConvInteger": [(_rank(0, least=3), ValueError)],
    "CumProd": [(_scalar_axis, ValueError)],
    "CumSum": [(_scalar_axis, ValueError)],
    "DepthToSpace": _ON_FOUR,
    "DequantizeLinear": [(_zero_point, ValueError)],
    "Einsum": [(lambda _, facts: None if facts.get("equation") else "equation is empty.", TypeError)],
    "EyeLike": [(_rank(0, 1, 2), RuntimeError)],
    "GatherElements": [(_same_but, ValueError)],
    "GridSample": [(_one_of("mode", "bilinear", "linear", "nearest", "bicubic", "cubic"), RuntimeError)],
    "GRU": _STATES,
    "LSTM": _STATES,
    "LinearAttention": [
        (_one_of("update_rule", "linear", "gated", "delta", "gated_delta"), ValueError),
        (_rule, ValueError),
    ],
    "MaxPool": [(_rank(0, least=3), RuntimeError)],
    "NegativeLogLikelihoodLoss": [(_rank(0, least=2), RuntimeError)],
    "OptionalGetElement": [(_given, ValueError)],
    "Pad": [(_paddings, RuntimeError)],
    "QuantizeLinear": [(_quantized, ValueError)],
    "RNN": _STATES,
    "Range": [(_one_of("stash_type", dtypes.FLOAT32.code, dtypes.FLOAT64.code), ValueError)],
    "Resize": [
        (_targets, ValueError),
        (_one_of("mode", "nearest", "linear", "cubic"), ValueError),
        (_one_of("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller"), ValueError),
        (_smooth, RuntimeError),
    ],
    "RotaryEmbedding": [
        (_rank(0, 3, 4), AssertionError),
        (_heads, TypeError),
        (
            lambda x, facts: "num_heads is 0" if np.ndim(x[0]) == 3 and facts["num_heads"] == 0 else None,
            AssertionError,
        ),
    ],
    "SequenceLength": [(lambda x, _: None if isinstance(x[0], list) else "a sequence is wanted", TypeError)],
    "SpaceToDepth": _ON_FOUR,
    "StringConcat": [(_text(0, 1), TypeError)],
    "StringNormalizer": [(_one_of("case_change_action", "NONE", "LOWER", "UPPER"), RuntimeError)],
    "Transpose": [
        (
            lambda x, facts: (
                f"Inconsistent permutation {facts['perm']} with shape {x[0].shape}."
                if facts.get("perm") and len(facts["perm"]) != np.ndim(x[0])
                else None
            ),
            RuntimeError,
        )
    ],
    "Where": [
        (
            lambda x, _: (
                f"x and y should share the same dtype, {x[1].dtype} != {x[2].dtype}"
                if x[1].dtype != x[2].dtype and not {x[1].dtype.kind, x[2].dtype.kind} <= set("OSU")
                else None
            ),
            RuntimeError,
        )
    ],
    "ArrayFeatureExtractor": [(_places, RuntimeError)],
    "LinearClassifier": [(_TRANSFORM, NotImplementedError)],
    "LinearRegressor": [(_TRANSFORM, NotImplementedError)],
    "Normalizer": [(_one_of("norm", "MAX", "L1", "L2"), ValueError)],
    "SVMClassifier": [_KERNEL],
    "SVMRegressor": [_KERNEL, (_TRANSFORM, NotImplementedError)],
    "TreeEnsemble": [(_one_of("aggregate_function", 0, 1, 2, 3), NotImplementedError), (_members, ValueError)],
    "TreeEnsembleClassifier": [(_rules, ValueError), (_TRANSFORM, KeyError)],
    "TreeEnsembleRegressor": [
        (_rules, ValueError),
        (_one_of("aggregate_function", "SUM", "AVERAGE", "MIN", "MAX"), NotImplementedError),
        (_TRANSFORM, NotImplementedError),
    ],
}


def refuse(op_type: str, inputs: Sequence[Any], facts: Facts) -> None:
    """Raise what the official evaluator raises of an operator with these inputs and attributes."""
    for wrong, kind in REFUSED.get(op_type, ()):
        said = None
        with contextlib.suppress(AttributeError):  # an input that is no array is refused when it is used
            said = wrong(inputs, facts)
        if said is not None:
            raise kind(f"{op_type}: {said}")


# Errors of our references that have another class there: ours, a word of it, theirs.
_CLASSES: list[tuple[tuple[str, ...], type[Exception], str, Callable[[str], Exception]]] = [
    ((), ShapeError, "out of range", np.exceptions.AxisError),
    (("SequenceAt", "SequenceErase"), InputError, "position", IndexError),
    (("TopK",), ShapeError, "elements", IndexError),
    (("Cast", "CastLike", "EyeLike"), DTypeError, "names no", KeyError),
    (("AveragePool", "LpPool", "MaxPool"), ValueError, "negative", lambda said: RuntimeError(f"output shape: {said}")),
]


def translated(op_type: str, error: Exception) -> Exception:
    """The error as the official evaluator would raise it."""
    said = error.what if isinstance(error, SardonyxError) else str(error)
    for operators, kind, word, made in _CLASSES:
        if isinstance(error, kind) and word in said and op_type in (operators or (op_type,)):
            return made(said)
    return error

"""What a schema is made of: formal inputs and outputs, attributes, type constraints, and the words for their facts."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from types import NoneType
from typing import Any, TypeVar

import numpy as np

from sardonyx.compat.onnx.onnx_pb import AttributeProto

__all__ = [
    "AttrType",
    "Attribute",
    "DifferentiationCategory",
    "FormalParameter",
    "FormalParameterOption",
    "NodeDeterminism",
    "SupportType",
    "TypeConstraintParam",
    "need",
]


class _Word(enum.IntEnum):
    """A number that prints as its name."""

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class FormalParameterOption(_Word):
    """How often a formal parameter is given."""

    Single = 0
    Optional = 1
    Variadic = 2


class DifferentiationCategory(_Word):
    """Whether gradients flow through a formal parameter."""

    Unknown = 0
    Differentiable = 1
    NonDifferentiable = 2


class NodeDeterminism(enum.Enum):
    """Whether equal inputs give equal outputs."""

    Unknown = 0
    NonDeterministic = 1
    Deterministic = 2

    def __repr__(self) -> str:
        return str(self)


class SupportType(_Word):
    """Whether an operator is of the standard or on trial."""

    COMMON = 0
    EXPERIMENTAL = 1


class AttrType(_Word):
    """The kinds of attributes, numbered as `AttributeProto.AttributeType` numbers them."""

    FLOAT = AttributeProto.FLOAT
    INT = AttributeProto.INT
    STRING = AttributeProto.STRING
    TENSOR = AttributeProto.TENSOR
    GRAPH = AttributeProto.GRAPH
    FLOATS = AttributeProto.FLOATS
    INTS = AttributeProto.INTS
    STRINGS = AttributeProto.STRINGS
    TENSORS = AttributeProto.TENSORS
    GRAPHS = AttributeProto.GRAPHS
    SPARSE_TENSOR = AttributeProto.SPARSE_TENSOR
    SPARSE_TENSORS = AttributeProto.SPARSE_TENSORS
    TYPE_PROTO = AttributeProto.TYPE_PROTO
    TYPE_PROTOS = AttributeProto.TYPE_PROTOS


def need(holder: str, **given: tuple[Any, type | tuple[type, ...]]) -> None:
    """Refuse arguments of another type, as a typed interface does.

    Raises:
        TypeError: one of them has it.
    """
    for name, (value, kinds) in given.items():
        if not isinstance(value, (int, np.integer) if kinds is int else kinds):  # numbers of NumPy's do for numbers
            raise TypeError(f"{holder}: incompatible function arguments: {name} is {value!r}")


E = TypeVar("E", bound=enum.IntEnum)


def _word(holder: str, words: type[E], value: Any) -> E:
    """The word that `value` is, or the number of."""
    if isinstance(value, (int, np.integer)) and any(value == word for word in words):
        return words(value)
    raise TypeError(f"{holder}: incompatible function arguments: {value!r} is no {words.__name__}")


class FormalParameter:
    """A formal input or output. `types` is filled by the schema that takes the parameter in."""

    def __init__(
        self,
        name: str,
        type_str: str,
        description: str = "",
        *,
        param_option: FormalParameterOption = FormalParameterOption.Single,
        is_homogeneous: bool = True,
        min_arity: int = 1,
        differentiation_category: DifferentiationCategory = DifferentiationCategory.Unknown,
    ) -> None:
        need("FormalParameter", name=(name, str), type_str=(type_str, str), description=(description, str))
        need("FormalParameter", is_homogeneous=(is_homogeneous, bool), min_arity=(min_arity, int))
        self.name, self.type_str, self.description = name, type_str, description
        self.option = _word("FormalParameter", FormalParameterOption, param_option)
        self.is_homogeneous, self.min_arity = is_homogeneous, int(min_arity)
        self.differentiation_category = _word("FormalParameter", DifferentiationCategory, differentiation_category)
        self.types: set[str] = set()

    def __repr__(self) -> str:
        return (
            f"OpSchema.FormalParameter(name={self.name!r}, type_str={self.type_str!r}, "
            f"description={self.description!r}, param_option={self.option!r}, "
            f"is_homogeneous={self.is_homogeneous!r}, min_arity={self.min_arity!r}, "
            f"differentiation_category={self.differentiation_category!r})"
        )


class TypeConstraintParam:
    """The types that a name in a schema may stand for."""

    def __init__(self, type_param_str: str, allowed_type_strs: Sequence[str], description: str = "") -> None:
        need("TypeConstraintParam", type_param_str=(type_param_str, str), description=(description, str))
        self.type_param_str, self.description = type_param_str, description
        if isinstance(allowed_type_strs, (str, dict, set)) or not hasattr(allowed_type_strs, "__len__"):
            raise TypeError(f"TypeConstraintParam: incompatible function arguments: {allowed_type_strs!r} is no list")
        self.allowed_type_strs = list(allowed_type_strs)
        need("TypeConstraintParam", **{f"allowed_type_strs[{i}]": (t, str) for i, t in enumerate(allowed_type_strs)})

    def __repr__(self) -> str:
        return (
            f"OpSchema.TypeConstraintParam(type_param_str={self.type_param_str!r}, "
            f"allowed_type_strs={self.allowed_type_strs!r}, description={self.description!r})"
        )


class Attribute:
    """A formal attribute: of a type, or with a default value, which makes it optional.

    `type` may be given as the default value itself (an AttributeProto), as may `default_value`.
    """

    def __init__(
        self,
        name: str,
        type: Any = None,
        description: str = "",
        *,
        required: bool | None = None,
        default_value: AttributeProto | None = None,
    ) -> None:
        need("Attribute", name=(name, str), description=(description, str))
        need("Attribute", required=(required, (bool, NoneType)))
        if isinstance(type, AttributeProto) or (
            required is None and type is not None and not isinstance(type, AttrType)
        ):
            type, default_value = None, type
        self.name, self.description = name, description
        self._default_value = b"" if default_value is None else default_value.SerializeToString()
        if default_value is not None:
            self.type, self.required = AttrType(default_value.type), False
            return
        self.type, self.required = _word("Attribute", AttrType, type), required is not False

    @property
    def default_value(self) -> AttributeProto:
        """The default value; an empty message where there is none."""
        return AttributeProto.FromString(self._default_value)

    def __repr__(self) -> str:
        return (
            f"OpSchema.Attribute(name={self.name!r}, type={self.type!r}, description={self.description!r}, "
            f"default_value={self.default_value!r}, required={self.required!r})"
        )

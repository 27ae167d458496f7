"""How an operator is declared: one block with its versions, formals, attributes, inference and NumPy reference.

    @operator("Gemm", since=(1, 6, 7, 9, 11, 13))
    class Gemm:
        T = types({1: FLOATS, 9: FLOATS | WIDE_INTS, 13: FLOATS_BF | WIDE_INTS})
        A, B, C = Input(T), Input(T), Input(T, optional_since=11)
        Y = Output(T)
        alpha, beta = Float(1.0), Float(1.0)

        @infers
        def infer(A: Known, B: Known, C: Known | None, *, transA: bool, transB: bool) -> Dims: ...

        @reference
        def run(A: Array, B: Array, C: Array | None, *, alpha: float, ...) -> Array: ...

A fact that changed between versions carries the version where it begins (`since`) or ends (`until`, exclusive); a line of
the docstring that holds from a version on begins with "Since 18:". `infer`
and `run` state what the newest version means; older models are upgraded before they run. They get the inputs by position
(an absent optional one is None, variadic ones are spread) and, by keyword, the attributes they name; they may also name
`n_outputs` and `opset`. A subgraph arrives as a callable.

`infer` returns a shape (a tuple of dims), a `Known` where the element type does not follow from the type variables, None
where nothing can be said, or a list of those for several outputs. `carries=True` says that `run` also works on arrays of
symbolic dims, so that inference can follow integers through it; `@carries` gives a function of its own for that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sardonyx.ir import AttrKind
from sardonyx.ops.schema import Operator
from sardonyx.ops.typesets import TypeSet

__all__ = [
    "AnyAttr",
    "Attribute",
    "Flag",
    "Float",
    "Floats",
    "Formal",
    "GraphAttr",
    "Input",
    "Int",
    "Ints",
    "Output",
    "Rule",
    "SparseAttr",
    "String",
    "Strings",
    "TensorAttr",
    "TypeAttr",
    "TypeVariable",
    "carries",
    "infers",
    "operator",
    "reference",
    "types",
]

FOREVER = 1 << 30
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(eq=False)
class TypeVariable:
    """A type constraint: the set of types allowed from each version on. Its name is that of the class attribute."""

    sets: Mapping[int, TypeSet]
    name: str = ""
    names: Mapping[int, str] = field(default_factory=dict[int, str])  # where the standard renamed it

    def at(self, version: int) -> TypeSet:
        begun = [v for v in self.sets if v <= version]
        return self.sets[max(begun)] if begun else self.sets[min(self.sets)]

    def name_at(self, version: int) -> str:
        begun = [v for v in self.names if v <= version]
        return self.names[max(begun)] if begun else self.name


def types(sets: TypeSet | Mapping[int, TypeSet], *, names: Mapping[int, str] | None = None) -> TypeVariable:
    """A type variable. Formals that share one have the same type."""
    return TypeVariable(sets if isinstance(sets, Mapping) else {1: sets}, names=names or {})


@dataclass(eq=False)
class Formal:
    """A formal input or output."""

    type: TypeVariable | str  # a str spells one concrete type, such as "tensor(int64)"
    optional: bool = False
    optional_since: int = 0  # the version from which it may be left out
    variadic: bool | int = False  # a number: variadic from that version on
    min: int = 1  # of a variadic one
    mins: Mapping[int, int] = field(default_factory=dict[int, int])  # where it changed
    homogeneous: bool = True
    since: int = 1
    until: int = FOREVER
    was: Attribute | None = None  # before `since`, this was an attribute
    differentiable: bool | None = None
    name: str = ""
    names: Mapping[int, str] = field(default_factory=dict[int, str])
    renamed: Mapping[int, str] = field(default_factory=dict[int, str])
    is_output: bool = False

    @property
    def attribute(self) -> str:
        """The name of the attribute that it was."""
        return (self.was.spelled if self.was is not None else "") or self.name

    def optional_at(self, version: int) -> bool:
        return self.optional or (0 < self.optional_since <= version)

    def variadic_at(self, version: int) -> bool:
        return self.variadic is True or (self.variadic is not False and int(self.variadic) <= version)

    def min_at(self, version: int) -> int:
        begun = [v for v in self.mins if v <= version]
        return self.mins[max(begun)] if begun else self.min

    def name_at(self, version: int) -> str:
        begun = [v for v in self.names if v <= version]
        return self.names[max(begun)] if begun else self.name


def Input(type: TypeVariable | str, **facts: Any) -> Any:
    """A formal input: see `Formal` for the facts."""
    return Formal(type, **facts)


def Output(type: TypeVariable | str, **facts: Any) -> Any:
    """A formal output."""
    return Formal(type, is_output=True, **facts)


@dataclass(eq=False)
class Attribute:
    """A formal attribute. `default` is None when there is none; `defaults` gives it by version where it changed."""

    kind: AttrKind
    default: Any = None
    required: bool = False
    since: int = 1
    until: int = FOREVER
    defaults: Mapping[int, Any] = field(default_factory=dict[int, Any])
    required_since: int = FOREVER
    required_until: int = 0  # required before that version
    spelled: str = ""  # the standard's name, where the block must use another
    is_flag: bool = False  # an int that references see as a bool
    name: str = ""

    def default_at(self, version: int) -> Any:
        begun = [v for v in self.defaults if v <= version]
        return self.defaults[max(begun)] if begun else self.default

    def required_at(self, version: int) -> bool:
        return self.required or version < self.required_until or version >= self.required_since


def _attribute(kind: AttrKind, **fixed: Any) -> Callable[..., Any]:
    def make(default: Any = None, **facts: Any) -> Any:
        return Attribute(kind, default, **fixed, **facts)

    return make


Float = _attribute(AttrKind.FLOAT)
Int = _attribute(AttrKind.INT)
Flag = _attribute(AttrKind.INT, is_flag=True)
String = _attribute(AttrKind.STRING)
TensorAttr = _attribute(AttrKind.TENSOR)
GraphAttr = _attribute(AttrKind.GRAPH)
SparseAttr = _attribute(AttrKind.SPARSE_TENSOR)
TypeAttr = _attribute(AttrKind.TYPE_PROTO)
Floats = _attribute(AttrKind.FLOATS)
Ints = _attribute(AttrKind.INTS)
Strings = _attribute(AttrKind.STRINGS)
AnyAttr = _attribute  # AnyAttr(AttrKind.GRAPHS)() for the rare kinds


@dataclass(frozen=True, eq=False)
class Rule:
    """A function of an operator block, and the keywords it wants."""

    role: str
    function: Callable[..., Any]
    accepts: frozenset[str] | None = None  # None: all

    @staticmethod
    def of(role: str, function: Callable[..., Any], **facts: Any) -> Rule:
        parameters = inspect.signature(function).parameters.values()
        everything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        return Rule(
            role,
            function,
            accepts=None if everything else frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
            **facts,
        )

    def keywords(self, available: Mapping[str, Any]) -> dict[str, Any]:
        return dict(available) if self.accepts is None else {k: v for k, v in available.items() if k in self.accepts}


def infers(function: F) -> F:
    """The operator's shape (and, if needed, type) inference. It may ask for shapes of unknown rank: that ends it."""
    return Rule.of("infer", function)  # pyright: ignore[reportReturnType] the operator decorator collects it


def carries(function: F) -> F:
    """Follows integers through the operator: gets `Known` inputs, gives an array of dims, or None."""
    return Rule.of("carry", function)  # pyright: ignore[reportReturnType]


def reference(function: F) -> F:
    """The operator's meaning in NumPy."""
    return Rule.of("run", function)  # pyright: ignore[reportReturnType]


def operator(
    name: str,
    *,
    since: Sequence[int],
    domain: str = "",
    deprecated: int | None = None,
    revived: int = FOREVER,
    carries: bool = False,
    commutative: bool = False,
    deterministic: bool = True,
    elementwise: bool = False,
    outputs_together: bool = False,
) -> Callable[[type], Operator]:
    """Make the decorated block an operator and register it.

    Args:
        since: the opset versions that changed it, ascending.
        deprecated: the version from which it is deprecated.
        revived: the version from which it is so no longer.
        carries: `run` also works on arrays of symbolic dims.
        commutative: swapping its two inputs changes nothing.
        deterministic: equal inputs give equal outputs (random operators say False).
        elementwise: each output element depends only on the input elements at its (broadcast) place.
        outputs_together: the outputs that may be left out are all given, or none is.
    """

    def declare(block: type) -> Operator:
        formals: list[Formal] = []
        attributes: list[Attribute] = []
        variables: list[TypeVariable] = []
        rules: dict[str, Rule] = {}
        for key, item in vars(block).items():
            if isinstance(item, Rule):
                rules[item.role] = item
            elif isinstance(item, TypeVariable):
                item.name = key
                variables.append(item)
            elif isinstance(item, Formal):
                item.name = key
                formals.append(item)
                if item.was is not None:
                    attributes.append(replace(item.was, name=item.attribute, until=item.since))
            elif isinstance(item, Attribute):
                item.name = item.spelled or key
                attributes.append(item)
        return Operator(
            name=name,
            domain=domain,
            since=tuple(since),
            doc=inspect.getdoc(block) or "",
            inputs=tuple(f for f in formals if not f.is_output),
            outputs=tuple(f for f in formals if f.is_output),
            attributes=tuple(attributes),
            variables=tuple(variables),
            infer=rules.get("infer"),
            carry=rules.get("carry"),
            run=rules.get("run"),
            deprecated=deprecated,
            revived=revived,
            carries=carries,
            commutative=commutative,
            deterministic=deterministic,
            elementwise=elementwise,
            outputs_together=outputs_together,
        ).register()

    return declare

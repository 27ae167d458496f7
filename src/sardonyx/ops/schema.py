"""Operators and what they look like at one version; the registry that finds them."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sardonyx.core.errors import VersionError
from sardonyx.ir import AttrKind
from sardonyx.ops.typesets import TypeSet

if TYPE_CHECKING:
    from sardonyx.ops.declare import Attribute, Formal, Rule, TypeVariable

__all__ = ["AttributeSpec", "FormalSpec", "Operator", "Schema", "all_operators", "latest_opset", "lookup", "schema_of"]

# Every family file, in the order a reader would want; importing one registers its operators.
FAMILIES = (
    "elementwise",
    "activation",
    "logic",
    "bitwise",
    "cast",
    "linalg",
    "nn",
    "pool",
    "norm",
    "attention",
    "recurrent",
    "reduce",
    "shape",
    "slice",
    "index",
    "order",
    "constant",
    "generate",
    "quant",
    "control",
    "sequence",
    "random",
    "loss",
    "training",
    "image",
    "resize",
    "signal",
    "text",
    "detect",
    "ml",
    "classify",
    "trees",
    "contrib.activation",
    "contrib.attention",
    "contrib.decoder",
    "contrib.experts",
    "contrib.linalg",
    "contrib.misc",
    "contrib.nn",
    "contrib.norm",
    "contrib.packed",
    "contrib.quant",
    "contrib.recurrent",
    "contrib.states",
    "contrib.text",
)

LATEST: dict[str, int] = {
    "": 28,
    "ai.onnx.ml": 5,
    "ai.onnx.preview": 1,
    "ai.onnx.preview.training": 1,
    "com.microsoft": 1,
}
# What tools write in a domain in which no standard declares it -> where it is declared.
ALIASES = {("", "SimplifiedLayerNormalization"): ("com.microsoft", "SimplifiedLayerNormalization")}
_REGISTRY: dict[tuple[str, str], Operator] = {}


@dataclass(frozen=True, slots=True)
class FormalSpec:
    """An input or output at one version."""

    name: str
    type: str  # the type variable's name, or a spelled type
    types: TypeSet
    optional: bool
    variadic: bool
    min: int
    homogeneous: bool


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """An attribute at one version."""

    name: str
    kind: AttrKind
    default: Any
    required: bool
    is_flag: bool


@dataclass(frozen=True, eq=False)
class Schema:
    """An operator at one version: what the checker compares a node with."""

    operator: Operator
    version: int
    inputs: tuple[FormalSpec, ...]
    outputs: tuple[FormalSpec, ...]
    attributes: dict[str, AttributeSpec]
    deprecated: bool

    @property
    def min_inputs(self) -> int:
        return _least(self.inputs)

    @property
    def max_inputs(self) -> int:
        return _most(self.inputs)

    @property
    def min_outputs(self) -> int:
        return _least(self.outputs)

    @property
    def max_outputs(self) -> int:
        return _most(self.outputs)

    def formal(self, index: int) -> FormalSpec | None:
        """The formal that input number `index` stands for."""
        return _pick(self.inputs, index)

    def formal_output(self, index: int) -> FormalSpec | None:
        return _pick(self.outputs, index)


def _least(formals: tuple[FormalSpec, ...]) -> int:
    least = 0
    for i, f in enumerate(formals):
        if f.variadic:
            least = i + f.min
        elif not f.optional:
            least = i + 1
    return least


def _most(formals: tuple[FormalSpec, ...]) -> int:
    return 1 << 30 if formals and formals[-1].variadic else len(formals)


def _pick(formals: tuple[FormalSpec, ...], index: int) -> FormalSpec | None:
    if index < len(formals):
        return formals[index]
    return formals[-1] if formals and formals[-1].variadic else None


@dataclass(frozen=True, eq=False)
class Operator:
    """A declared operator, all versions of it."""

    name: str
    domain: str
    since: tuple[int, ...]
    doc: str
    inputs: tuple[Formal, ...]
    outputs: tuple[Formal, ...]
    attributes: tuple[Attribute, ...]
    variables: tuple[TypeVariable, ...]
    infer: Rule | None
    carry: Rule | None
    run: Rule | None
    deprecated: int | None
    revived: int
    carries: bool
    commutative: bool
    deterministic: bool
    elementwise: bool
    outputs_together: bool

    def register(self) -> Operator:
        if (self.domain, self.name) in _REGISTRY:
            raise ValueError(f"operator {self.domain}::{self.name} is declared twice")
        _REGISTRY[self.domain, self.name] = self
        return self

    def at(self, opset: int) -> Schema:
        """The schema in force at an opset.

        Raises:
            VersionError: the operator did not exist yet.
        """
        return _resolve(self, opset)

    def __repr__(self) -> str:
        return f"<operator {self.domain + '.' if self.domain else ''}{self.name}>"


@functools.lru_cache(maxsize=4096)
def _resolve(op: Operator, opset: int) -> Schema:
    begun = [v for v in op.since if v <= opset]
    if not begun:
        raise VersionError(
            f"operator {op.name} does not exist in opset {opset}",
            why=f"it came with opset {op.since[0]}",
            fix=f"import opset {op.since[0]} or newer, or convert the model with sx.convert_version",
        )
    version = max(begun)

    def formals(all_: tuple[Formal, ...]) -> tuple[FormalSpec, ...]:
        return tuple(_formal(f, version) for f in all_ if f.since <= version < f.until)

    attributes = {
        a.name: AttributeSpec(a.name, a.kind, a.default_at(version), a.required_at(version), a.is_flag)
        for a in op.attributes
        if a.since <= version < a.until
    }
    deprecated = op.deprecated is not None and op.deprecated <= version < op.revived
    return Schema(op, version, formals(op.inputs), formals(op.outputs), attributes, deprecated)


def _formal(f: Formal, version: int) -> FormalSpec:
    if isinstance(f.type, str):
        spelled, allowed = f.type, spelled_type(f.type)
    else:
        spelled, allowed = f.type.name_at(version), f.type.at(version)
    return FormalSpec(
        f.name_at(version),
        spelled,
        allowed,
        f.optional_at(version),
        f.variadic_at(version),
        f.min_at(version),
        f.homogeneous,
    )


def spelled_type(text: str) -> TypeSet:
    """The type set that a spelled type stands for: ``tensor(int64)`` is {INT64}, other spellings stand for themselves."""
    from sardonyx.core.dtypes import dtype

    return frozenset({dtype(text[7:-1])}) if text.startswith("tensor(") else frozenset({text})


@functools.cache
def _load() -> None:
    for family in FAMILIES:
        importlib.import_module(f"sardonyx.ops.{family}")


def lookup(domain: str, name: str) -> Operator | None:
    """The operator of that name, or None."""
    _load()
    key = ("" if domain == "ai.onnx" else domain, name)
    return _REGISTRY.get(ALIASES.get(key, key))


def schema_of(domain: str, name: str, opset: int) -> Schema | None:
    """The schema in force at `opset` (of the operator's own domain), or None if there is no such operator then."""
    op = lookup(domain, name)
    return None if op is None or opset < op.since[0] else op.at(opset)


def all_operators() -> list[Operator]:
    """Every declared operator."""
    _load()
    return list(_REGISTRY.values())


def latest_opset(domain: str = "") -> int:
    """The newest version of a domain that this package knows."""
    return LATEST.get(domain, 1)

"""The schemas that are known: those of our operators, and those that programs register."""

from __future__ import annotations

import copy
import functools

import numpy as np

from sardonyx.compat.onnx._schema_parts import need
from sardonyx.compat.onnx._schemas import OpSchema, SchemaError
from sardonyx.compat.onnx._standard_schemas import schema_from
from sardonyx.ops import all_operators, latest_opset, lookup

__all__ = [
    "deregister_schema",
    "find",
    "get_all_schemas",
    "get_all_schemas_with_history",
    "get_schema",
    "has_schema",
    "register_schema",
    "schema_version_map",
    "set_domain_to_version",
]

STANDARD = ("", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training")
_Versions = dict[int, OpSchema]


@functools.cache
def _ranges() -> dict[str, tuple[int, int]]:
    """The oldest and newest version of each domain."""
    return {domain: (1, latest_opset(domain)) for domain in STANDARD}


@functools.cache
def _table() -> dict[tuple[str, str], _Versions]:
    """Every known schema, by domain and name, then version. Operators of ours come in when they are asked for."""
    return {}


def _versions(domain: str, name: str) -> _Versions:
    known = _table().get((domain, name))
    if known is None:
        operator = lookup(domain, name) if domain in STANDARD else None
        known = {} if operator is None else {v: schema_from(operator.at(v)) for v in operator.since}
        if known:
            _table()[domain, name] = known
    return known


def _load() -> None:
    for operator in all_operators():
        _versions(operator.domain, operator.name)


def find(op_type: str, max_inclusive_version: int | None, domain: str) -> OpSchema | None:
    """The schema in force at a version of the domain, the newest if that is None; not a copy."""
    versions = _versions(domain, op_type)
    begun = [v for v in versions if max_inclusive_version is None or v <= max_inclusive_version]
    return versions[max(begun)] if begun else None


def _split(version: int | str | None, domain: str) -> tuple[int | None, str]:
    """The optional version and domain of a call: the domain alone may stand in the place of the version."""
    return (None, version) if isinstance(version, str) else (version, domain)


def _need_version(call: str, version: object) -> None:
    if version is not None and not isinstance(version, str):
        need(call, max_inclusive_version=(version, (int, np.integer)))


def has_schema(op_type: str, max_inclusive_version: int | str | None = None, domain: str = "") -> bool:
    """Whether the operator exists, at a version of its domain if one is given; `has_schema(op_type, domain)` works too."""
    need("has_schema", op_type=(op_type, str), domain=(domain, str))
    _need_version("has_schema", max_inclusive_version)
    version, domain = _split(max_inclusive_version, domain)
    return find(op_type, version, domain) is not None


def get_schema(op_type: str, max_inclusive_version: int | str | None = None, domain: str = "") -> OpSchema:
    """The schema in force, at a version of the domain or the newest; `get_schema(op_type, domain)` works too.

    Raises:
        SchemaError: there is none.
    """
    need("get_schema", op_type=(op_type, str), domain=(domain, str))
    _need_version("get_schema", max_inclusive_version)
    version, domain = _split(max_inclusive_version, domain)
    found = find(op_type, version, domain)
    if found is None:
        at = "" if version is None else f" version '{version}'"
        raise SchemaError(f"No schema registered for '{op_type}'{at} and domain '{domain}'!")
    return copy.copy(found)


def get_all_schemas() -> list[OpSchema]:
    """The newest schema of every operator."""
    _load()
    return [copy.copy(versions[max(versions)]) for versions in _table().values() if versions]


def get_all_schemas_with_history() -> list[OpSchema]:
    """Every schema of every operator."""
    _load()
    return [copy.copy(schema) for versions in _table().values() for schema in versions.values()]


def schema_version_map() -> dict[str, tuple[int, int]]:
    """The oldest and newest version of each domain."""
    return dict(_ranges())


def set_domain_to_version(domain: str, min_version: int, max_version: int, last_release_version: int = -1) -> None:
    """State the oldest and newest version of a domain."""
    _ranges()[domain] = (min_version, max_version)


def register_schema(schema: OpSchema) -> None:
    """Make a schema known.

    Raises:
        SchemaError: its domain or version is not known, or that version is known already.
    """
    need("register_schema", schema=(schema, OpSchema))
    shown = f"{schema.name} (domain: {schema.domain} version: {schema.since_version})"
    known = _ranges().get(schema.domain)
    if known is None:
        raise SchemaError(f"Trying to register schema with name {shown}, but its domain is not known by the checker.")
    if not known[0] <= schema.since_version <= known[1]:
        within = f"its version is not in the inclusive range [{known[0]}, {known[1]}]"
        raise SchemaError(f"Trying to register schema with name {shown}, but {within}.")
    versions = _table().setdefault((schema.domain, schema.name), _versions(schema.domain, schema.name))
    if schema.since_version in versions:
        raise SchemaError(f"Trying to register schema with name {shown}, but it is already registered.")
    versions[schema.since_version] = copy.copy(schema)


def deregister_schema(op_type: str, version: int, domain: str) -> None:
    """Forget a schema.

    Raises:
        SchemaError: it is not known.
    """
    need("deregister_schema", op_type=(op_type, str), version=(version, int), domain=(domain, str))
    versions = _versions(domain, op_type)
    if versions.pop(version, None) is None:
        shown = f"name: {op_type} domain: {domain} version: {version}"
        raise SchemaError(f"Attempting to deregister an unregistered schema with {shown}")

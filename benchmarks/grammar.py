"""Inputs that a grammar makes: messages by their tables, and models in the ONNX text syntax by its rules."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from sardonyx.ir.text.words import DTYPES, KINDS
from sardonyx.proto import Message

__all__ = ["random_message", "random_text"]

M = TypeVar("M", bound=Message)

WORDS = ("", "a", "b", "x", "N", "2*N", "Add", "If", "data", "\u00fc", "\U0001f600", "a b", "k" * 60, '\n"\\')
NUMBERS = (0, 1, -1, 2, 7, 100, 127, 255, 2**31 - 1, -(2**31), 2**63 - 1)
SCALARS: dict[str, Callable[[random.Random], Any]] = {
    "string": lambda rng: rng.choice(WORDS),
    "bytes": lambda rng: rng.randbytes(rng.choice((0, 1, 4, 300))),
    "bool": lambda rng: rng.random() < 0.5,
    "float": lambda rng: rng.choice((0.0, -0.0, 1.5, 1e-45, 3e38, float("inf"), float("nan"))),
    "double": lambda rng: rng.choice((0.0, 1.5, 1e-300, 1e300, float("-inf"), float("nan"))),
}


def random_message(cls: type[M], rng: random.Random, depth: int = 0) -> M:
    """A message with anything in its fields that its tables allow."""
    made = cls()
    fields = [f for f in cls.DESCRIPTOR.fields if depth < 7 or not f.is_message]
    likely = 2.5 / len(fields) if fields else 0
    for field in fields:
        if rng.random() > likely and not (field.name == "graph" and depth == 0):
            continue
        count = rng.choice((1, 1, 2, 3, 30)) if field.is_repeated else 1
        for _ in range(count if not field.is_message else min(count, 3)):
            if field.is_message:
                child = random_message(field.message_class, rng, depth + 1)
                if field.is_repeated:
                    getattr(made, field.name).append(child)
                else:
                    getattr(made, field.name).CopyFrom(child)
                continue
            if field.enum_type is not None:
                value: Any = rng.choice(field.enum_type.values())
            elif field.type_name in SCALARS:
                value = SCALARS[field.type_name](rng)
            else:
                value = rng.choice([n for n in NUMBERS if _fits(field.type_name, n)])
            if field.is_repeated:
                getattr(made, field.name).append(value)
            else:
                setattr(made, field.name, value)
    return made


def _fits(kind: str, number: int) -> bool:
    return (number >= 0 or not kind.startswith("u")) and (abs(number) <= 2**31 - 1 or kind.endswith("64"))


# What each rule of the text syntax may be: one of the alternatives, with {rules} in it read in turn.
RULES: dict[str, tuple[str, ...]] = {
    "model": ("<ir_version: {int}, opset_import: [{opsets}]{fact}> {graph} {functions}", "{graph}"),
    "opsets": ('"" : {int}', '"" : 21, "d" : {int}', ""),
    "fact": ("", ", doc_string: {string}", ", producer_name: {string}", ", metadata_props: [{string}: {string}]"),
    "graph": ("{name} ({values}) => ({values}) {{ {nodes} }}", "{name} () => () <{constants}> {{ {nodes} }}"),
    "functions": ("", "", "<domain: {string}, opset_import: [{opsets}]> {name} <{name}> ({name}) => () {{ {nodes} }}"),
    "values": ("", "{value}", "{value}, {values}"),
    "value": ("{type} {name}", "{name}"),
    "constants": ("{constant}", "{constant}, {constants}"),
    "constant": (
        "{dtype}[{dims}] {name} = {{{entries}}}",
        "{dtype}[2] {name} = {{1, 0}}",
        'string[1] {name} = {{{string}}}',
        '{dtype} {name} = ["location": "data"]',
    ),
    "nodes": ("", "{node}", "{node} {nodes}"),
    "node": (
        "{names} = {name} ({names})",
        "[{name}] {name} = {name} <{attrs}> ({names})",
        "{name} = {name}.{name}:{name} ({names}) <{attrs}>",
    ),
    "names": ("{name}", "{name}, {names}", ", {name}", ""),
    "attrs": ("{attr}", "{attr}, {attrs}"),
    "attr": (
        "{name} = {any}",
        "{name}: {kind} = {any}",
        "{name} = [{list}]",
        "{name}: {kind} = [{list}]",
        "{name}: {kind} = @{name}",
    ),
    "list": ("", "{any}", "{int}, {list}", "{number}, {list}", "{string}, {list}"),
    "any": ("{number}", "{int}", "{string}", "{type}", "{dtype}[2] {{1, {number}}}", "{graph}"),
    "type": ("{dtype}", "{dtype}[{dims}]", "seq({type})", "optional({type})", "map({dtype}, {type})", "sparse_tensor({dtype}[{dims}])"),
    "dims": ("{int}", "N", "?", "{int}, {dims}", "\"2*N\"", ""),
    "entries": ("{number}", "{number}, {entries}", "{int}, {entries}", ""),
    "name": ("a", "b", "x", "Add", "If", "loop_1", '"a b"', '""'),
    "string": ('"a"', '""', '"\\n\\""', '"\u00fc"', '"\U0001f600"'),
    "int": ("0", "1", "2", "-1", "21", "9223372036854775807"),
    "number": ("1", "0.5", "-2.5e3", "nan", "-inf", "1e39", "3."),
    "dtype": tuple(DTYPES),
    "kind": tuple(KINDS),
}  # fmt: skip
_SHORTEST = {rule: min(choices, key=len) for rule, choices in RULES.items()}


def random_text(rng: random.Random) -> bytes:
    """A model, by the rules; deep down, the shortest alternative of each."""

    def read(rule: str, depth: int) -> str:
        choice = _SHORTEST[rule] if depth > 14 else rng.choice(RULES[rule])
        return choice.format_map(_Rules(lambda inner: read(inner, depth + 1)))

    return read("model", 0).encode()


class _Rules(dict[str, str]):
    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, rule: str) -> str:
        return self.read(rule)

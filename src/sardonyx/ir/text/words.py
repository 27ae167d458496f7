"""The words of the ONNX text syntax: what needs no quotes, what names a type, what names a kind of attribute."""

from __future__ import annotations

import re

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.ir.attr import AttrKind

__all__ = ["DTYPES", "IDENTIFIER", "KINDS", "SINGULAR", "TYPE_WORDS", "quote", "unquote", "word"]

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

DTYPES: dict[str, DType] = {d.text: d for d in dtypes.ALL if d is not dtypes.UNDEFINED}
UNKNOWN = "undefined"  # how the official printer writes an element type that is not known
TYPE_WORDS = frozenset({*DTYPES, UNKNOWN, "seq", "map", "optional", "sparse_tensor", "opaque"})

KINDS: dict[str, AttrKind] = {k.name.lower(): k for k in AttrKind if k is not AttrKind.UNDEFINED}
SINGULAR: dict[AttrKind, AttrKind] = {k: KINDS[name[:-1]] for name, k in KINDS.items() if name.endswith("s")}

_AMBIGUOUS = TYPE_WORDS | {"inf", "infinity", "nan"}  # the parser takes these for something else where a name may stand
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LONE = re.compile("[\ud800-\udfff]")  # a byte that is not UTF-8


def quote(text: str | bytes) -> str:
    """``a "b"`` -> ``"a \\"b\\""``. Bytes that are not UTF-8 become lone surrogates, as Python's file names do."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(body: str) -> str | bytes:
    """The inverse of `quote`, from what stands between the quotes."""
    text = _ESCAPED.sub(r"\1", body) if "\\" in body else body
    return text if text.isascii() or not _LONE.search(text) else text.encode("utf-8", "surrogateescape")


def word(name: str) -> str:
    """A name as the syntax writes it: in quotes unless it is an identifier that means nothing else."""
    if IDENTIFIER.fullmatch(name) and name.lower() not in _AMBIGUOUS:
        return name
    return quote(name)

"""Messages -> protobuf text format, as the official classes print themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sardonyx.proto.scalars import round_to_float32, shortest

if TYPE_CHECKING:
    from sardonyx.proto.fields import Field
    from sardonyx.proto.message import Message

__all__ = ["format_float", "to_text"]

_NAMED: Final = str.maketrans({"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "'": r"\'", "\\": r"\\"})
_CONTROL: Final = {code: f"\\{code:03o}" for code in (*range(32), 127)}
_STRING: Final = {**_CONTROL, **_NAMED}
_BYTES: Final = {**_STRING, **{code: f"\\{code:03o}" for code in range(128, 256)}}


def to_text(message: Message, *, plain: bool = False) -> str:
    """The text format of a message; fields that the tables do not know are left out.

    Args:
        plain: write floats as Python does, in the fewest digits, as protobuf's Python code has it.
    """
    return "".join(_lines(message, "", plain))


def format_float(value: float, *, single: bool) -> str:
    """A number in the fewest of two precisions that reads back as the same float32 (or float64)."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    short = f"{value:.6g}" if single else f"{value:.15g}"
    if (round_to_float32(float(short)) if single else float(short)) == value:
        return short
    return f"{value:.9g}" if single else f"{value:.17g}"


def _lines(message: Message, indent: str, plain: bool) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else (value,):
            if field.is_message:
                yield f"{indent}{field.name} {{\n"
                yield from _lines(item, indent + "  ", plain)
                yield f"{indent}}}\n"
            else:
                yield f"{indent}{field.name}: {_scalar(field, item, plain)}\n"


def _scalar(field: Field, value: Any, plain: bool) -> str:
    if field.enum_type is not None:
        return field.enum_type.Name(value)
    if isinstance(value, str):
        return f'"{value.translate(_STRING)}"'
    if isinstance(value, bytes):
        return f'"{value.decode("latin-1").translate(_BYTES)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    single = field.type_name == "float"
    if plain:
        return str(shortest(value) if single and math.isfinite(value) else value)
    return format_float(value, single=single)

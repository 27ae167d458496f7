"""Fields that must be said."""

from __future__ import annotations

from typing import Any

__all__ = ["given"]


def given(**fields: Any) -> dict[str, Any]:
    """The fields; refuses None, which the constructor of a message takes for a field that is left out."""
    for name, value in fields.items():
        if value is None:
            raise TypeError(f"bad argument type for built-in operation: '{name}' is None")
    return fields

"""How the official checker refuses."""

from __future__ import annotations

__all__ = ["ValidationError"]


class ValidationError(Exception):
    """The message is not legal; the text names what is wrong, and the node around it."""

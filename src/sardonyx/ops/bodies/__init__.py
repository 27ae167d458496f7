"""Operators written with other operators: the function bodies that the standard gives some of them."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Body, Call, all_bodies, bodies_of

__all__ = ["Body", "Call", "all_bodies", "bodies_of"]

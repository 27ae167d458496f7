"""What rewriting must be told about operators and values, since this room knows no operator."""

from __future__ import annotations

from typing import Any, Protocol

from sardonyx.ir import Array, Attr, Node, Type, Value

__all__ = ["Facts"]


class Facts(Protocol):
    """Knowledge from outside: about operators, and about the values of the model being rewritten."""

    def commutative(self, node: Node) -> bool:
        """Whether swapping the two inputs of `node` changes nothing."""
        ...

    def default(self, node: Node, name: str) -> Any:
        """The value that an attribute has when it is not written, or None."""
        ...

    def attribute(self, domain: str, op_type: str, name: str, value: Any) -> Attr:
        """An attribute of the kind that the operator wants."""
        ...

    def constant(self, value: Value) -> Array | None:
        """The elements of a value that is always the same."""
        ...

    def type(self, value: Value) -> Type | None:
        """What is known of a value's type."""
        ...

    def ints(self, value: Value) -> Array | None:
        """The integers or symbolic dims in a value, as an object array, where they can be followed."""
        ...

    def settle(self, node: Node) -> None:
        """Learn the types of the outputs of a new node.

        Raises:
            ShapeError: the node contradicts its operator.
        """
        ...

    def equate(self, old: Value, new: Value) -> None:
        """From now on `new` stands where `old` stood, with the same elements: what is known of one holds for both."""
        ...

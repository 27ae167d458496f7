"""What costs nothing where it is not said: facts that few objects have, and containers that stay empty in most.

A file may name a value in four bytes, and a node in ten. What nobody states about one takes a slot at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast, overload

__all__ = ["Fact", "Noted", "OnDemand"]

T = TypeVar("T")
_NO_NOTES: Mapping[str, str] = MappingProxyType({})


class OnDemand:
    """An object whose containers are made when they are first asked for: until then their slots are empty."""

    __slots__ = ()
    MADE: ClassVar[Mapping[str, Callable[[], Any]]] = {}  # the name of a slot -> what makes its container

    if not TYPE_CHECKING:  # a type checker should not find everything here

        def __getattr__(self, name: str) -> Any:  # Python asks this for what a slot does not hold
            make = self.MADE.get(name)
            if make is None:
                raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
            made = make()
            setattr(self, name, made)
            return made


class _Facts:
    """The facts that are said of one object."""

    __slots__ = ("device_configurations", "doc", "metadata", "overload", "source")

    def __init__(self) -> None:
        self.doc, self.overload = "", ""
        self.source: str | None = None
        self.metadata: dict[str, str] | None = None
        self.device_configurations: tuple[Any, ...] = ()

    def copy(self) -> _Facts:
        new = _Facts()
        new.doc, new.overload, new.source = self.doc, self.overload, self.source
        new.metadata = dict(self.metadata) if self.metadata else None
        new.device_configurations = self.device_configurations
        return new


class Fact(Generic[T]):
    """An attribute that is its default in most objects: what else is said goes into a record beside the object."""

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...
    @overload
    def __get__(self, holder: Noted, owner: type) -> T: ...
    def __get__(self, holder: Noted | None, owner: type) -> T | Self:
        if holder is None:
            return self
        facts = holder._facts
        return self._default if facts is None else cast("T", getattr(facts, self._name))

    def __set__(self, holder: Noted, value: T) -> None:
        facts = holder._facts
        if facts is None:
            if value == self._default:
                return
            facts = holder._facts = _Facts()
        setattr(facts, self._name, value)


class Noted:
    """What files may say about anything, and rarely do."""

    __slots__ = ("_facts",)
    _facts: _Facts | None

    doc = Fact("")

    @property
    def metadata(self) -> dict[str, str]:
        """Notes by key."""
        facts = self._facts
        if facts is None:
            facts = self._facts = _Facts()
        if facts.metadata is None:
            facts.metadata = {}
        return facts.metadata

    @metadata.setter
    def metadata(self, notes: dict[str, str]) -> None:
        if notes or self._facts is not None:
            facts = self._facts = self._facts or _Facts()
            facts.metadata = notes or None

    @property
    def notes(self) -> Mapping[str, str]:
        """`metadata` to be read: nothing is made where there is none."""
        facts = self._facts
        return _NO_NOTES if facts is None else facts.metadata or _NO_NOTES

    def copy_facts(self, other: Noted) -> None:
        """Let everything that is said of another object of this kind be said of this one too."""
        self._facts = None if other._facts is None else other._facts.copy()

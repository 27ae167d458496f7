"""What is in force around a message that is checked, and how a check refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sardonyx.proto import Message

__all__ = ["CheckerContext", "LexicalScopeContext", "ValidationError", "require", "require_text"]


class ValidationError(Exception):
    """The message is not legal; the text names what is wrong, and the node around it."""


def require(message: Message, field: str, what: str) -> None:
    """Refuse a message that does not state a field."""
    if not message.HasField(field):
        raise ValidationError(f"Field '{field}' of '{what}' is required but missing.")


def require_text(message: Message, field: str, what: str) -> None:
    """Refuse a message that leaves a text empty."""
    if not getattr(message, field):
        raise ValidationError(f"Field '{field}' of '{what}' is required to be non-empty.")


class CheckerContext:
    """The version of the format and of the operator sets, where external data lies, and how strict to be."""

    __slots__ = (
        "_ir_version",
        "_opset_imports",
        "check_custom_domain",
        "folder",
        "is_main_graph",
        "skip_compatibility",
    )

    def __init__(self) -> None:
        self._ir_version = -1
        self._opset_imports: dict[str, int] = {}
        self.is_main_graph = True
        self.folder = ""
        self.skip_compatibility = False
        self.check_custom_domain = False

    @property
    def ir_version(self) -> int:
        """The version of the format."""
        return self._ir_version

    @ir_version.setter
    def ir_version(self, version: int) -> None:
        if not isinstance(version, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs set this
            raise TypeError(f"ir_version is a number, not {version!r}")
        self._ir_version = version

    @property
    def opset_imports(self) -> dict[str, int]:
        """The version of each domain; a copy."""
        return dict(self._opset_imports)

    @opset_imports.setter
    def opset_imports(self, imports: Mapping[str, int]) -> None:
        if not all(isinstance(d, str) and isinstance(v, int) for d, v in imports.items()):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"opset_imports maps domains to versions, not {imports!r}")
        self._opset_imports = dict(imports)

    def version_of(self, domain: str) -> int | None:
        """The imported version of a domain; ai.onnx has an empty name as well."""
        found = self._opset_imports.get(domain)
        return self._opset_imports.get("ai.onnx") if found is None and not domain else found

    def but(self, **changes: Any) -> CheckerContext:
        """This context with other facts."""
        made = CheckerContext()
        for name in self.__slots__:
            setattr(made, name, getattr(self, name))
        for name, value in changes.items():
            setattr(made, name, value)
        return made


class LexicalScopeContext:
    """The names that are made in a graph so far, and in the graphs around it."""

    __slots__ = ("_names", "_outer")

    def __init__(self, outer: LexicalScopeContext | None = None) -> None:
        self._names: set[str] = set()
        self._outer = outer

    def add(self, name: str) -> None:
        self._names.add(name)

    def has_here(self, name: str) -> bool:
        return name in self._names

    def has(self, name: str) -> bool:
        """Whether this graph or one around it makes the name."""
        scope: LexicalScopeContext | None = self
        while scope is not None:
            if name in scope._names:
                return True
            scope = scope._outer
        return False

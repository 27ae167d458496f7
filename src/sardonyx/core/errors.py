"""The errors every room raises: what happened, where, why, and how to fix it.

Each class has a stable code; `sardonyx explain CODE` prints the page of docs/errors that belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

__all__ = [
    "CheckError",
    "CompileError",
    "DTypeError",
    "ExecutionError",
    "Fault",
    "FormatError",
    "InputError",
    "ParseError",
    "PathError",
    "SardonyxError",
    "ShapeError",
    "UnsupportedError",
    "VerifyError",
    "VersionError",
]

_AROUND = 200  # characters shown before and after a fault in a text


class SardonyxError(Exception):
    """The base of every error that Sardonyx raises on purpose.

    Attributes:
        what: one sentence that states the failure.
        where: the node, value, file offset or source line, when known.
        why: the fact that was violated, with the values that violate it.
        fix: what the user can do about it.
        code: a stable identifier such as ``SDX-S100``.
    """

    code: ClassVar[str] = "SDX-X000"

    def __init__(self, what: str, *, where: str | None = None, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what, self.where, self.why, self.fix = what, where, why, fix

    def __str__(self) -> str:
        facts = {"where": self.where, "why": self.why, "fix": self.fix, "more": f"sardonyx explain {self.code}"}
        lines = [f"{self.what}  [{self.code}]"]
        lines += [f"  {label + ':':<7}{text}" for label, text in facts.items() if text]
        return "\n".join(lines)


class FormatError(SardonyxError, ValueError):
    """The bytes are not a well-formed file of the format they claim to be.

    ``offset`` is the byte at which reading stopped, or None when it is unknown.
    """

    code = "SDX-F100"

    def __init__(
        self,
        what: str,
        *,
        offset: int | None = None,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        if where is None and offset is not None:
            where = f"byte {offset}"
        super().__init__(what, where=where, why=why, fix=fix)
        self.offset = offset


class ParseError(FormatError):
    """The text is not ONNX text syntax: carries line, column and a caret under the offending token."""

    code = "SDX-F200"

    def __init__(self, what: str, *, text: str, position: int, fix: str | None = None) -> None:
        line = text.count("\n", 0, position) + 1
        start = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        self.line, self.column = line, position - start + 1
        first = max(start, position - _AROUND)  # of a line that fills the screen, only what stands around the fault
        last = min(end if end >= 0 else len(text), position + _AROUND)
        shown = ("..." if first > start else "") + text[first:last]
        caret = " " * (position - first + (3 if first > start else 0)) + "^"
        where = f"line {line}, column {self.column}\n           {shown}\n           {caret}"
        super().__init__(what, offset=position, where=where, fix=fix)


class PathError(FormatError):
    """An external-data path is unsafe: it leaves the model's folder, or is no plain file."""

    code = "SDX-F300"


class InputError(SardonyxError, ValueError):
    """A call got an argument it cannot use: a wrong input name, shape, dtype or option."""

    code = "SDX-I100"


class ShapeError(SardonyxError, ValueError):
    """The shapes of a node's inputs contradict its operator."""

    code = "SDX-S100"


class DTypeError(SardonyxError, TypeError):
    """The element types of a node's inputs contradict its operator."""

    code = "SDX-T100"


class UnsupportedError(SardonyxError, NotImplementedError):
    """Something legal has no implementation here; ``missing`` lists every such thing that was found."""

    code = "SDX-U100"

    def __init__(
        self,
        what: str,
        *,
        missing: Sequence[str] = (),
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, fix=fix)
        self.missing = tuple(missing)


class ExecutionError(SardonyxError, RuntimeError):
    """A node refused the values that reached it while the model ran."""

    code = "SDX-R100"


class VersionError(SardonyxError, ValueError):
    """A model cannot be expressed in the requested operator-set or IR version."""

    code = "SDX-V100"


class VerifyError(SardonyxError, AssertionError):
    """Two executions of the same model differ by more than rounding explains."""

    code = "SDX-N100"


class CompileError(SardonyxError, RuntimeError):
    """A stage of the compiler produced something that its verifier refuses: a defect of Sardonyx, not of the model."""

    code = "SDX-E100"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a model."""

    code: str
    what: str
    where: str
    why: str | None = None
    fix: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        lines = [f"{self.what}  [{self.code}]", f"  where: {self.where}"]
        lines += [
            f"  {label}:{' ' * (6 - len(label))}{text}"
            for label, text in (("why", self.why), ("fix", self.fix))
            if text
        ]
        return "\n".join(lines)


class CheckError(SardonyxError, ValueError):
    """A model breaks the standard; ``faults`` lists everything that is wrong with it."""

    code = "SDX-C100"

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        super().__init__(what, where=faults[0].where if faults else None)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([f"{self.what}  [{self.code}]", *(str(fault) for fault in self.faults)])

"""Which module and which line of user code a node of the program comes from."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch.fx.proxy import TracerBase

__all__ = ["keeping_lines", "line_of", "module_path", "source_line", "value_name"]

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__).parent)


@contextlib.contextmanager
def keeping_lines() -> Iterator[None]:
    """Let torch note every line of user code that makes a node; of itself it keeps those in functions called `forward`."""
    if not hasattr(TracerBase, "_filter_traceback_frames"):
        yield
        return

    def users(tracer: TracerBase, stack: traceback.StackSummary) -> traceback.StackSummary:
        ours = [i for i, frame in enumerate(stack) if frame.filename.startswith(_HERE)]
        inside = stack[ours[-1] + 1 :] if ours else stack
        return traceback.StackSummary.from_list([f for f in inside if not f.filename.startswith((_TORCH, "<"))])

    with mock.patch.object(TracerBase, "_filter_traceback_frames", users):
        yield


def source_line(node: torch.fx.Node) -> str | None:
    """``model.py:42``: the innermost line outside torch."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    for file, line in reversed(frames):
        if not file.startswith((_TORCH, "torch/", "<")):
            return f"{_short(file)}:{line}"
    return None


def line_of(error: BaseException) -> str | None:
    """The innermost line outside torch, and outside of this package, that the error went through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((_TORCH, _HERE, "<"))]
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else None


def _short(file: str) -> str:
    """The path from the working folder, or from the folder that packages lie in."""
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    _, found, inside = file.rpartition("site-packages/")
    return inside if found else path.name


def module_path(node: torch.fx.Node) -> str:
    """``layer1.0.conv1``: the path of the innermost module, '' for the outermost."""
    stack: dict[str, Any] = node.meta.get("nn_module_stack") or {}
    if not stack:
        return ""
    path = str(list(stack.values())[-1][0])
    if path.startswith("_empty"):
        return ""
    return re.sub(r"^L\['self'\]\.?|@\d+$", "", path)


def value_name(node: torch.fx.Node) -> str:
    """What the value of a node is called: torch's name without the words that only torch's inside needs."""
    return re.sub(r"^_+(native_)?|_legit_no_training|_legit", "", node.name)

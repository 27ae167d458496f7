"""Imports point down: the arrows of docs/architecture.md, checked on every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "sardonyx"

# What each room imports directly; what these import in turn is allowed too. Siblings never.
DIRECT: dict[str, set[str]] = {
    "core": set(),
    "proto": {"core"},
    "ir": {"core"},
    "tile": {"core"},
    "io": {"proto", "ir"},
    "ops": {"ir"},
    "rewrite": {"ir"},
    "check": {"ops", "io"},
    "infer": {"ops"},
    "evaluate": {"ops"},
    "passes": {"rewrite", "infer", "evaluate"},
    "engine": {"tile", "passes", "io"},
    "frontends": {"passes", "io"},
    "backends": {"passes", "io"},
    "verify": {"engine", "backends"},
    "serve": {"verify"},
    "view": {"verify"},
    "compat": {"verify", "check"},
}
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}
NEVER = {"onnx", "onnxruntime", "openvino", "google"}


def reachable(room: str) -> set[str]:
    """The rooms that `room` may import."""
    found: set[str] = set()
    waiting = set(DIRECT[room])
    while waiting:
        other = waiting.pop()
        found.add(other)
        waiting |= DIRECT[other] - found
    return found


def imports(file: Path) -> list[tuple[str, bool]]:
    """Every imported module of a file, and whether it is imported when the file is."""
    tree = ast.parse(file.read_text())
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)) or _is_type_checking(outer)
        for inner in ast.walk(outer)
        if inner is not outer
    }
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: import by full path"
            names = [node.module or ""]
        found += [(name, id(node) not in lazy) for name in names]
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("room", DIRECT)
def test_imports_point_down(room: str) -> None:
    allowed = reachable(room) | {room}
    for file in (SRC / room).rglob("*.py"):
        for name, _ in imports(file):
            parts = name.split(".")
            if parts[0] == "sardonyx" and len(parts) > 1:
                assert parts[1] in allowed, f"{file}: {room} may not import {name}"


def test_frameworks_stay_in_their_folder() -> None:
    for file in SRC.rglob("*.py"):
        for name, eager in imports(file):
            top = name.split(".")[0]
            assert top not in NEVER, f"{file} imports {name}: peers are test oracles only"
            if top in FRAMEWORKS:
                inside = {"frontends", "backends"} & set(file.parts) and top in file.parts
                assert inside or not eager, f"{file} imports {name} outside its own folder"
            if top == "llvmlite":
                assert file.is_relative_to(SRC / "engine" / "codegen"), f"{file}: only engine/codegen imports llvmlite"


def test_every_room_is_known() -> None:
    rooms = {p.name for p in SRC.iterdir() if p.is_dir() and any(p.rglob("*.py"))}
    assert rooms <= {*DIRECT, "cli"}

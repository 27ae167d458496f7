"""Which IR version each release of the standard began to write, and which operator sets came with it."""

from __future__ import annotations

from collections.abc import Iterable

from sardonyx.compat.onnx.onnx_pb import OperatorSetIdProto

__all__ = [
    "OP_SET_ID_VERSION_MAP",
    "VERSION_TABLE",
    "VersionMapType",
    "VersionRowType",
    "VersionTableType",
    "find_min_ir_version_for",
    "first_ir_versions",
]

VersionRowType = tuple[str, int, int, int] | tuple[str, int, int, int, int]
VersionTableType = list[VersionRowType]
VersionMapType = dict[tuple[str, int], int]

# Release, IR version, then the versions of ai.onnx, ai.onnx.ml and (from 1.7) ai.onnx.preview.training.
# fmt: off
VERSION_TABLE: VersionTableType = [
    ("1.0",    3,  1,  1),
    ("1.1",    3,  5,  1),
    ("1.1.2",  3,  6,  1),
    ("1.2",    3,  7,  1),
    ("1.3",    3,  8,  1),
    ("1.4.1",  4,  9,  1),
    ("1.5.0",  5,  10, 1),
    ("1.6.0",  6,  11, 2),
    ("1.7.0",  7,  12, 2, 1),
    ("1.8.0",  7,  13, 2, 1),
    ("1.8.1",  7,  13, 2, 1),
    ("1.9.0",  7,  14, 2, 1),
    ("1.10.0", 8,  15, 2, 1),
    ("1.10.1", 8,  15, 2, 1),
    ("1.10.2", 8,  15, 2, 1),
    ("1.11.0", 8,  16, 3, 1),
    ("1.12.0", 8,  17, 3, 1),
    ("1.13.0", 8,  18, 3, 1),
    ("1.13.1", 8,  18, 3, 1),
    ("1.14.0", 9,  19, 3, 1),
    ("1.14.1", 9,  19, 3, 1),
    ("1.15.0", 9,  20, 4, 1),
    ("1.16.0", 10, 21, 5, 1),
    ("1.16.1", 10, 21, 5, 1),
    ("1.16.2", 10, 21, 5, 1),
    ("1.17.0", 10, 22, 5, 1),
    ("1.18.0", 11, 23, 5, 1),
    ("1.19.0", 12, 24, 5, 1),
    ("1.19.1", 12, 24, 5, 1),
    ("1.20.0", 13, 25, 5, 1),
    ("1.20.1", 13, 25, 5, 1),
    ("1.21.0", 13, 26, 5, 1),
    ("1.22.0", 13, 27, 5, 1),
    ("1.23.0", 14, 28, 5, 1),
]
# fmt: on

# The domains that share each column.
_COLUMNS = (("ai.onnx", "ai.onnx.preview"), ("ai.onnx.ml",), ("ai.onnx.preview.training", "ai.onnx.training"))


def first_ir_versions(table: VersionTableType) -> VersionMapType:
    """The IR version that came with each version of a domain."""
    found: VersionMapType = {}
    for _, ir_version, *versions in table:
        for domains, version in zip(_COLUMNS, versions, strict=False):  # the last column came later
            for domain in domains:
                found.setdefault((domain, version), ir_version)
    return found


OP_SET_ID_VERSION_MAP: VersionMapType = first_ir_versions(VERSION_TABLE)


def find_min_ir_version_for(opsetidlist: Iterable[OperatorSetIdProto], ignore_unknown: bool = False) -> int:
    """The oldest IR version, at least 3, that came with all these operator sets."""
    newest = 3
    for opset in opsetidlist or ():
        needed = OP_SET_ID_VERSION_MAP.get((opset.domain or "ai.onnx", opset.version))
        if needed is not None:
            newest = max(newest, needed)
        elif not ignore_unknown:
            raise ValueError("Unsupported opset-version.")
    return newest

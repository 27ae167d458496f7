"""Every operator of the standard is declared, but for those named here."""

from __future__ import annotations

import onnx

from sardonyx.ops import lookup

# An operator that a newer package of the standard brings stands here until its block does.
MISSING: dict[str, set[str]] = {}


def test_the_missing_operators_are_those_named() -> None:
    missing: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if lookup(schema.domain, schema.name) is None:
            missing.setdefault(schema.domain, set()).add(schema.name)
    assert missing == MISSING

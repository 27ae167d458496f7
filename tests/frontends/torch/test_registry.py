from __future__ import annotations

import pytest

from sardonyx.frontends.torch.registry import RULES, overload_of


@pytest.mark.parametrize("name", sorted(RULES))
def test_declared_schema_is_torchs(name: str) -> None:
    overload = overload_of(name)
    assert overload is not None, f"this torch has no {name}"
    assert str(overload._schema) == RULES[name].schema

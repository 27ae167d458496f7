"""Every operator's name as a word of the pattern language: ``from sardonyx.rewrite.op import Add, MatMul``."""

from __future__ import annotations

from sardonyx.rewrite.pattern import Op


def __getattr__(name: str) -> Op:
    if name.startswith("_"):
        raise AttributeError(name)
    return Op(name)

"""How exact float32 products and convolutions are: the words of `torch.set_float32_matmul_precision`."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from sardonyx.core.errors import InputError

__all__ = ["Precision", "check_precision"]

Precision: TypeAlias = Literal["highest", "high", "medium"]


def check_precision(precision: str) -> None:
    """Refuse any other word.

    Raises:
        InputError: it is none of the three.
    """
    if precision not in get_args(Precision):
        raise InputError(f"there is no precision {precision!r}", fix="use 'highest', 'high' or 'medium'")

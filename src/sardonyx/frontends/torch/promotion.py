"""Torch's type promotion, by torch's own tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND as KIND
from torch._prims_common import elementwise_dtypes

__all__ = ["BOOL_TO_LONG", "COMMON", "DEFAULT", "INT_TO_FLOAT", "Promotion"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """Which arguments are brought to one type, and by which of torch's rules."""

    kind: KIND
    arguments: tuple[str, ...] | None = None  # None: all tensors and numbers, but for the scaling factors

    def of(self, *arguments: str) -> Promotion:
        """The same for these arguments only."""
        return Promotion(self.kind, arguments)

    def covers(self, argument: str, type: str) -> bool:
        if self.arguments is not None:
            return argument in self.arguments
        return argument not in ("alpha", "beta") and type in (
            "Tensor", "Optional[Tensor]", "number", "Optional[number]", "List[Tensor]",
        )  # fmt: skip

    def dtype(self, values: Sequence[Any]) -> torch.dtype:
        """The type that fake tensors, symbolic and plain numbers are brought to."""
        present = [v for v in values if v is not None]
        return elementwise_dtypes(*present, type_promotion_kind=self.kind)[1]


DEFAULT = Promotion(KIND.DEFAULT)  # the common type
COMMON = Promotion(KIND.NO_OPMATH)  # the common type of what is compared
INT_TO_FLOAT = Promotion(KIND.INT_TO_FLOAT)  # integers become the default float type
BOOL_TO_LONG = Promotion(KIND.BOOL_TO_LONG)  # bools become int64

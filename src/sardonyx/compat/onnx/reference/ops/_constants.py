"""Constants of implementations that programs read."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from sardonyx.core import dtypes

__all__ = ["CONSTANTS"]

_INTEGERS = [d for d in dtypes.ALL if d.is_integer and d.bits <= 16]
_SMALL_FLOATS = {
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "float4e2m1",
    "float6e2m3",
    "float6e3m2",
}
_TEXTS = ("U", "O")


def _limits(kind: dtypes.DType) -> tuple[int, int]:
    count = 1 << kind.bits
    return (0, count - 1) if kind.text.startswith("u") else (-count // 2, count // 2 - 1)


# By module, then by name.
CONSTANTS: dict[str, dict[str, Any]] = {
    "aionnx_preview.op_flex_attention": {
        "_SOFTMAX_PRECISION_TO_NP_DTYPE": {
            d.code: d.numpy for d in (dtypes.FLOAT32, dtypes.FLOAT16, dtypes.BFLOAT16, dtypes.FLOAT64)
        }
    },
    "op_attention": {
        "_INPUT_RANK_3D": 3,
        "_INPUT_RANK_4D": 4,
        "_QK_MATMUL_OUTPUT_WITH_BIAS": 2,
        "_QK_MATMUL_OUTPUT_AFTER_SOFTMAX": 3,
    },
    "op_einsum": {"_ACCUMULATE_IN_FLOAT32": (np.dtype(ml_dtypes.bfloat16),)},
    "op_quantize_linear": {
        "_QUANT_TYPES": {d.code for d in dtypes.ALL if d in _INTEGERS or d.text in _SMALL_FLOATS},
        "_QUANT_INTEGER_RANGES": {d.code: _limits(d) for d in _INTEGERS},
    },
    "op_range": {
        "_STASH_TYPE_TO_DTYPE": {d.code: d.numpy for d in (dtypes.FLOAT32, dtypes.FLOAT64)},
        "_LOW_PRECISION_DTYPES": (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)),
    },
    "op_regex_full_match": {"_acceptable_str_dtypes": _TEXTS},
    "op_string_concat": {"_acceptable_str_dtypes": _TEXTS},
    "op_string_split": {"_acceptable_str_dtypes": _TEXTS},
}

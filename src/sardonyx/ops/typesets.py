"""Named sets of element types, as the standard's type constraints use them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType

# A type constraint lists what a formal may be: element types stand for dense tensors, other types for themselves, spelled
# as the standard spells them: "seq(tensor(float))", "optional(tensor(int64))", "map(string,tensor(float))".
TypeSet: TypeAlias = frozenset[DType | str]

FLOATS: TypeSet = frozenset({d.FLOAT16, d.FLOAT32, d.FLOAT64})
FLOATS_BF: TypeSet = FLOATS | {d.BFLOAT16}
SIGNED: TypeSet = frozenset({d.INT8, d.INT16, d.INT32, d.INT64})
UNSIGNED: TypeSet = frozenset({d.UINT8, d.UINT16, d.UINT32, d.UINT64})
INTS: TypeSet = SIGNED | UNSIGNED
WIDE_INTS: TypeSet = frozenset({d.INT32, d.INT64, d.UINT32, d.UINT64})
NUMBERS: TypeSet = FLOATS | INTS
NUMBERS_BF: TypeSet = FLOATS_BF | INTS
COMPLEX: TypeSet = frozenset({d.COMPLEX64, d.COMPLEX128})
BOOL: TypeSet = frozenset({d.BOOL})
STRING: TypeSet = frozenset({d.STRING})
CLASSIC: TypeSet = NUMBERS | COMPLEX | BOOL | STRING  # every type before bfloat16 came
CLASSIC_BF: TypeSet = CLASSIC | {d.BFLOAT16}
FLOAT8: TypeSet = frozenset({d.FLOAT8E4M3FN, d.FLOAT8E4M3FNUZ, d.FLOAT8E5M2, d.FLOAT8E5M2FNUZ})
INT4: TypeSet = frozenset({d.INT4, d.UINT4})
INT2: TypeSet = frozenset({d.INT2, d.UINT2})
FLOAT6: TypeSet = frozenset({d.FLOAT6E2M3, d.FLOAT6E3M2})
IR9: TypeSet = CLASSIC_BF | FLOAT8
IR10: TypeSet = IR9 | INT4
IR11: TypeSet = IR10 | {d.FLOAT4E2M1}
IR12: TypeSet = IR11 | {d.FLOAT8E8M0}
IR13: TypeSet = IR12 | INT2
IR14: TypeSet = IR13 | FLOAT6
I64: TypeSet = frozenset({d.INT64})
INDICES: TypeSet = frozenset({d.INT32, d.INT64})


def seqs(of: Iterable[DType | str]) -> TypeSet:
    """Sequences of tensors of these element types."""
    return frozenset(f"seq(tensor({t.text if isinstance(t, DType) else t}))" for t in of)


def optionals(of: Iterable[DType | str]) -> TypeSet:
    """Optional tensors of these element types, or optionals of the given spelled types."""
    return frozenset(f"optional({f'tensor({t.text})' if isinstance(t, DType) else t})" for t in of)

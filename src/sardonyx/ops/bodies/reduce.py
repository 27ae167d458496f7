"""Reductions in terms of ReduceSum and ReduceMax."""

from __future__ import annotations

from sardonyx.ops.bodies.body import body

KEEP = "<keepdims: int = @keepdims, noop_with_empty_axes: int = @noop_with_empty_axes>"
SUM = f"ReduceSum {KEEP}"

body("ReduceSumSquare", {18: 18}, f"square = Mul (data, data)  reduced = {SUM} (square, axes)")
body("ReduceL1", {18: 18}, f"size = Abs (data)  reduced = {SUM} (size, axes)")
body(
    "ReduceL2",
    {18: 18},
    f"""
    square = Mul (data, data)
    total = {SUM} (square, axes)
    total_d = Cast <to = 1> (total)
    root = Sqrt (total_d)
    reduced = CastLike (root, data)
    """,
)
body("ReduceLogSum", {18: 18, 28: 28}, f"total = {SUM} (data, axes)  reduced = Log (total)")
body(
    "ReduceLogSumExp",
    {18: 18, 28: 28},
    f"""
    data_d = Cast <to = 11> (data)
    grown = Exp (data_d)
    total = {SUM} (grown, axes)
    logged = Log (total)
    reduced = CastLike (logged, data)
    """,
)

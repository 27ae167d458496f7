"""Caches of keys and values: rows put where data says, and attention that keeps its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from sardonyx import io
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS, agree, floats, parse

HEADS, FEW, D = 6, 2, 12


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", ["linear", "circular"])
@pytest.mark.parametrize(
    ("axis", "past", "new"), [(-2, (2, 3, 9, 5), (2, 3, 2, 5)), (1, (2, 9, 4), (2, 3, 4)), (2, (2, 3, 70), (2, 3, 8))]
)
def test_tensor_scatter(axis: int, past: tuple[int, ...], new: tuple[int, ...], mode: str, level: str) -> None:
    shapes = ["[" + ",".join(map(str, shape)) + "]" for shape in (past, new)]
    model = parse(
        f"(float{shapes[0]} x, float{shapes[1]} u, int64[2] at) => (float{shapes[0]} y)"
        f'{{ y = TensorScatter<axis = {axis}, mode = "{mode}">(x, u, at) }}'
    )
    extent = past[axis]
    at = np.array([0, extent - 1 if mode == "circular" else extent - new[axis]])
    agree(model, [floats(*past), floats(*new, seed=1), at], level)


def generation(attributes: str, *, packed: bool = False, turned: bool = True, bias: bool = False) -> Model:
    """As onnxruntime-genai writes a layer: lengths follow from the mask by token."""
    wide = (HEADS + 2 * FEW) * D if packed else HEADS * D
    given = "q, , " if packed else "q, k, v"
    head = '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>\n'
    text = (
        f"agraph (float[b,s,{wide}] q, float[b,s,{FEW * D}] k, float[b,s,{FEW * D}] v, float[b,{FEW},p,{D}] pk, float[b,{FEW},p,{D}] pv,"
        f"int64[b,t] mask, float[64,{D // 2}] cos, float[64,{D // 2}] sin, float[1,1,s,t] extra) => (o, nk, nv)"
        "<int64 one = {1}, int64[1] axis = {1}> {"
        "length = Shape(mask)  all = Gather(length, one)  total = Cast<to = 6>(all)"
        "sum = ReduceSum<keepdims = 0>(mask, axis)  less = Sub(sum, one)  counts = Cast<to = 6>(less)"
        f"o, nk, nv = com.microsoft.GroupQueryAttention<num_heads = {HEADS}, kv_num_heads = {FEW}{attributes}{', do_rotary = 1' if turned else ''}>"
        f"({given}, pk, pv, counts, total{', cos, sin' if turned else ', , '}, {', extra' if bias else ''}) }}"
    )
    return io.from_bytes(onnx.parser.parse_model(head + text).SerializeToString())


def feeds(rows: int, past: int, total: int, counts: list[int], packed: bool = False) -> list[Any]:
    batch = len(counts)
    angles = np.arange(64)[:, None] * np.linspace(0.1, 1, D // 2)
    wide = (HEADS + 2 * FEW) * D if packed else HEADS * D
    mask = (np.arange(total) < np.array(counts)[:, None]).astype(np.int64)
    return [
        floats(batch, rows, wide), *(floats(batch, rows, FEW * D, seed=i) for i in (1, 2)),
        *(floats(batch, FEW, past, D, seed=i) for i in (3, 4)), mask,
        np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32), floats(1, 1, rows, total, seed=5),
    ]  # fmt: skip


RUNS = {  # rows, past, total, keys that there are by batch
    "prompt": (9, 0, 9, [9, 9]),
    "padded prompt": (30, 0, 30, [30, 11]),
    "step": (1, 20, 21, [21, 21]),
    "step of uneven lengths": (1, 20, 21, [21, 8]),
    "step into room that is there": (1, 40, 21, [21, 15]),
    "several rows": (4, 16, 20, [20, 20]),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "attributes", ["", ", rotary_interleaved = 1, softcap = 3.0", ", local_window_size = 5, scale = 0.4"]
)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_group_query_attention(run: tuple[int, int, int, list[int]], attributes: str, level: str) -> None:
    agree(generation(attributes), feeds(*run), level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("form", [{"packed": True}, {"turned": False}, {"bias": True}], ids=str)
def test_forms_of_group_query_attention(form: dict[str, bool]) -> None:
    packed = form.get("packed", False)
    for run in (RUNS["prompt"], RUNS["step"]):
        agree(generation("", **form), feeds(*run, packed=packed), LEVELS[-1], rtol=1e-5, atol=4e-6)

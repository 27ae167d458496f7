"""Recurrent operators: batches came to lead where `layout` asks for it; states got operators of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Transpose


@down("RNN GRU LSTM", 14)
def time_leads(new: Old) -> Expr:
    """The batch could not lead: what leads is turned before and after."""
    node, batch_leads = new.node, new.attr("layout")
    node.set_attr("layout", None)
    if not batch_leads:
        return None
    states = range(5, 7) if node.op_type == "LSTM" else range(5, 6)
    turned = {0: [1, 0, 2], **{i: [1, 0, 2] for i in states}}
    inputs: list[Any] = [
        Transpose(v, perm=turned[i]) if v is not None and i in turned else v for i, v in enumerate(node.inputs)
    ]
    run = Op(node.op_type)(*inputs, **node.attrs)
    back = ([2, 0, 1, 3], [1, 0, 2], [1, 0, 2])
    return tuple(Transpose(run[i], perm=back[i]) for i in range(len(node.outputs)))


@down("CausalConvWithState", 27)
def causal_conv_in_pieces(new: Old) -> Expr:
    """A convolution of each channel over the state and the input; their last columns are the next state."""
    dtype, shape = new.dtype(0), new.shape(1)
    if dtype is None or shape is None or not all(isinstance(n, int) for n in (shape[0], shape[2])):
        new.refuse("the shape of its weight is unknown", fix="declare the shapes of the model's inputs")
    channels, kernel = shape[0], shape[2]
    active = new.attr("activation") in ("silu", "swish", b"silu", b"swish")
    wide, narrow = ("Identity", "Identity") if dtype is FLOAT32 else ("Cast <to = 1>", f"Cast <to = {dtype.code}>")
    silu = f"y_1 = {wide} (y_0)  gate = Sigmoid (y_1)  y_2 = Mul (y_1, gate)  Y = {narrow} (y_2)"
    return write(
        new,
        f"""
        x = {"Concat <axis = 2> (past, input)" if new.input(3) is not None else "Pad (input, before)"}
        x_wide = {wide} (x)  w_wide = {wide} (weight)
        {f"b_wide = {wide} (bias)" if new.input(2) is not None else ""}
        y = Conv <group = {channels}> (x_wide, w_wide{", b_wide" if new.input(2) is not None else ""})
        y_0 = {narrow} (y)
        {silu if active else "Y = Identity (y_0)"}
        length = Shape (x)  whole = Gather <axis = 0> (length, axis)  start = Sub (whole, kept)
        state = Slice (x, start, whole, axis)
        """,
        "Y state",
        input=new.input(0),
        weight=new.input(1),
        bias=new.input(2),
        past=new.input(3),
        before=[0, 0, kernel - 1, 0, 0, 0],
        kept=[kernel - 1],
        axis=[2],
    )[: len(new.node.outputs)]


@down("LinearAttention", 27)
def linear_attention_in_steps(new: Old) -> Expr:
    """A Scan over time: the state fades, takes in what it does not yet give, and is asked."""
    dtype, state_type = new.dtype(0), new.dtype(0 if new.input(3) is None else 3)
    if dtype is None or state_type is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    queries, heads = new.attr("q_num_heads"), new.attr("kv_num_heads")
    fades, measured = new.input(4), new.input(5)  # which of them are given says what `update_rule` says
    names = ["q", "k", "v", *(["decay"] if fades is not None else []), *(["beta"] if measured is not None else [])]
    state = "faded = Identity (S)"
    if fades is not None:
        state = "fade = Exp (decay)  fade_column = Unsqueeze (fade, last)  faded = Mul (S, fade_column)"
    written = "new = Identity (v_row)"
    if measured is not None:
        written = """
        known = MatMul (k_row, faded)  unknown = Sub (v_row, known)
        rate = Unsqueeze (beta, last)  new = Mul (rate, unknown)"""
    body = f"""
        {state}
        k_row = Unsqueeze (k, row)  v_row = Unsqueeze (v, row)  k_column = Unsqueeze (k, last)
        {written}
        taken = MatMul (k_column, new)
        S_next = Add (faded, taken)
        y = MatMul (q, S_next)
    """
    scale = "scaled = Mul (Y_3, scale)"
    if not new.attr("scale"):
        scale = "width_f = Cast <to = 1> (k_width)  root = Sqrt (width_f)  scaled = Div (Y_3, root)"
    start = "S_0 = Cast <to = 1> (past)"
    if new.input(3) is None:
        start = "S_shape = Concat <axis = 0> (batch, kv_heads, k_width, v_width)  S_0 = ConstantOfShape (S_shape)"
    shapes = {"q": "by_query", "k": "by_head", "v": "by_head", "decay": "by_head", "beta": "by_rate"}
    turns = "\n".join(
        f"""{n}_f = Cast <to = 1> ({n}_in)  {n}_h = Reshape ({n}_f, {shapes[n]})
        {n}_t = Transpose <perm = {[1, 0, 2, 3, 4][: 5 if n == "q" else 4]}> ({n}_h)"""
        for n in names
    )
    return write(
        new,
        f"""
        {turns}
        k_shape = Shape (k_h)  v_shape = Shape (v_h)
        batch = Gather <axis = 0> (k_shape, first)
        k_width = Gather <axis = 0> (k_shape, fourth)  v_width = Gather <axis = 0> (v_shape, fourth)
        {start}
        S_last, ys = Scan <num_scan_inputs = {len(names)}, body = step (S, {", ".join(names)}) => (S_next, y) {{ {body} }}>
            (S_0, {", ".join(f"{n}_t" for n in names)})
        Y_1 = Transpose <perm = [1, 0, 2, 3, 4]> (ys)
        Y_3 = Reshape (Y_1, merged)
        {scale}
        Y = Cast <to = {dtype.code}> (scaled)
        state = Cast <to = {state_type.code}> (S_last)
        """,
        "Y state",
        q_in=new.input(0),
        k_in=new.input(1),
        v_in=new.input(2),
        past=new.input(3),
        decay_in=fades,
        beta_in=measured,
        by_query=[0, 0, heads, queries // heads, -1],
        by_head=[0, 0, heads, -1],
        by_rate=[0, 0, -1, 1],
        kv_heads=[heads],
        merged=[0, 0, -1],
        first=[0],
        fourth=[3],
        last=[-1],
        row=[-2],
        scale=np.array(new.attr("scale"), np.float32),
    )[: len(new.node.outputs)]

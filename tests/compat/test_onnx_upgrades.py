"""Every operator as its old versions wrote it: the newest version says the same, to the checker and to strict inference."""

from __future__ import annotations

import functools
from typing import Any

import onnx as official
import pytest

import sardonyx.compat.onnx as ours

LINES = r"""
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Abs <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Ceil <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Clip <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Elu <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Exp <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Floor <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = HardSigmoid <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LeakyRelu <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Log <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Neg <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Reciprocal <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Relu <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Selu <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Sigmoid <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Sqrt <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Tanh <consumed_inputs = [0]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Identity (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softplus (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softsign (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LpNormalization (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Acosh (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Acos (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Asinh (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Atanh (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Asin (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Atan (a) }
15: (float[3,4,5] a) => (float[3,4,5] b) { b = Bernoulli (a) }
12: (float[3,4,5] a) => (float[3,4,5] b) { b = Celu (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Cosh (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Cos (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Erf (a) }
14: (float[3,4,5] a) => (float[3,4,5] b) { b = HardSwish (a) }
18: (float[3,4,5] a) => (float[3,4,5] b) { b = Mish (a) }
11: (float[3,4,5] a) => (float[3,4,5] b) { b = Round (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Shrink (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Sign (a) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = Sinh (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Sin (a) }
7: (float[3,4,5] a) => (float[3,4,5] b) { b = Tan (a) }
10: (float[3,4,5] a) => (float[3,4,5] b) { b = ThresholdedRelu (a) }
14: (float[3,4,5] a) => (float[3,4,5] b) { b = Trilu (a) }
20: (float[3,4,5] a) => (float[3,4,5] b) { b = Gelu (a) }
24: (float[3,4,5] a) => (float[3,4,5] b) { b = Swish (a) }
7: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = And (a, b) }
1: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = And (a, b) }
7: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = Or (a, b) }
1: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = Or (a, b) }
7: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = Xor (a, b) }
1: (bool[2,3] a, bool[2,3] b) => (bool[2,3] c) { c = Xor (a, b) }
1: (bool[2,3] a) => (bool[2,3] b) { b = Not (a) }
7: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = Equal (a, b) }
7: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = Greater (a, b) }
7: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = Less (a, b) }
12: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = GreaterOrEqual (a, b) }
12: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = LessOrEqual (a, b) }
1: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = Greater (a, b) }
1: (float[2,3] a, float[2,3] b) => (bool[2,3] c) { c = Less (a, b) }
1: (int32[2,3] a, int32[2,3] b) => (bool[2,3] c) { c = Equal (a, b) }
1: (float[3,4,5] a, float[3,4,5] b) => (float[3,4,5] c) { c = Add <consumed_inputs = [0]> (a, b) }
1: (float[3,4,5] a, float[5] b) => (float[3,4,5] c) { c = Add <broadcast = 1, consumed_inputs = [0]> (a, b) }
1: (float[3,4,5] a, float[3] b) => (float[3,4,5] c) { c = Add <axis = 0, broadcast = 1, consumed_inputs = [0]> (a, b) }
20: (float[2,2,3] a, int64[4] b) => (float[2,5,6,2] c) { c = AffineGrid (a, b) }
20: (float[2,2,3] a, float[4] b) => (float[2,5,6,2] c) { c = AffineGrid (a, b) }
20: (float[2,3,4] a, float[5] b) => (float[2,4,5,6,3] c) { c = AffineGrid (a, b) }
7: (float[2,3,4] a) => (int64[1,3,4] b) { b = ArgMax (a) }
7: (float[2,3,4] a) => (int64[2,1,4] b) { b = ArgMax <axis = 1> (a) }
1: (float[2,3,4] a) => (int64[2,1,4] b) { b = ArgMax <axis = 1> (a) }
7: (float[2,3,4] a) => (int64[1,3,4] b) { b = ArgMin (a) }
7: (float[2,3,4] a) => (int64[2,1,4] b) { b = ArgMin <axis = 1> (a) }
1: (float[2,3,4] a) => (int64[2,1,4] b) { b = ArgMin <axis = 1> (a) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c) => (float[2,3,4,8] d) { d = Attention (a, b, c) }
23: (float[2,9,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c) => (float[2,9,4,8] d) { d = Attention (a, b, c) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c, float[4,6] d) => (float[2,3,4,8] e) { e = Attention (a, b, c, d) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c, bool[4,6] d) => (float[2,3,4,8] e) { e = Attention (a, b, c, d) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c) => (float[2,3,4,8] d) { d = Attention <scale = 2.0> (a, b, c) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c) => (float[2,3,4,8] d) { d = Attention <is_causal = 1> (a, b, c) }
23: (float[2,3,4,8] a, float[2,3,6,8] b, float[2,3,6,8] c) => (float[2,3,4,8] d) { d = Attention <softcap = 2.0> (a, b, c) }
1: (float[1,1,5,5] a) => (float[1,1,4,4] b) { b = AveragePool <kernel_shape = [2, 2]> (a) }
11: (uint8[2,3] a, uint8[2,3] b) => (uint8[2,3] c) { c = BitShift <direction = "RIGHT"> (a, b) }
1: (float[1,3] a, float[3] b, float[3] c, float[3] d, float[3] e) => (float[1,3] f) { f = BatchNormalization <consumed_inputs = [1, 1], is_test = 1, spatial = 1> (a, b, c, d, e) }
14: (float[1,3] a, float[3] b, float[3] c, float[3] d, float[3] e) => (float[1,3] f, float[3] g, float[3] h) { f, g, h = BatchNormalization <training_mode = 1> (a, b, c, d, e) }
6: (int64[2,3] a) => (float[2,3] b) { b = Cast <to = 1> (a) }
1: (int64[2,3] a) => (float[2,3] b) { b = Cast <to = "FLOAT"> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Clip <consumed_inputs = [0], min = -1.4> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Clip <consumed_inputs = [0], max = 2.6> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Clip <consumed_inputs = [0], max = 2.6, min = -1.4> (a) }
18: (float[1,5,5] a, float[2] b, float[2] c) => (float[1,1,5,5] d) { d = Col2Im (a, b, c) }
18: (float[1,10,12] a, float[3] b, float[3] c) => (float[1,2,3,4,5] d) { d = Col2Im (a, b, c) }
9: (float[6,7] a, bool[3] b) => (float[3] c) { c = Compress (a, b) }
1: (float[2,3] a, float[2,4] b) => (float[2,7] c) { c = Concat (a, b) }
9: (float[3] a) => (float[3,4,5] b) { b = ConstantOfShape (a) }
9: (int64[3] a) => (float[3,4,5] b) { b = ConstantOfShape (a) }
1: (float[1,3,5,5] a, float[4,3,2,2] b, float[4] c) => (float[1,4,4,4] d) { d = Conv (a, b, c) }
1: (float[1,3,5,5] a, float[4,1,2,2] b, float[4] c) => (float[1,4,3,7] d) { d = Conv <dilations = [1, 2], group = 3, pads = [0, 1, 2, 3], strides = [2, 1]> (a, b, c) }
10: (uint8[1,3,5,5] a, uint8[4,3,2,2] b, uint8[4] c) => (int32[1,4,4,4] d) { d = ConvInteger (a, b, c) }
1: (float[1,1,5,5] a, float[1,1,3,3] b) => (float[1,1,7,7] c) { c = ConvTranspose (a, b) }
19: (float[1,1,3,3] a, float[1,1,2,2] b, float[1,8,2,2] c) => (float[1,1,2,2] d) { d = DeformConv (a, b, c) }
26: (float[3,4,5] a, int64 b) => (float[3,4,5] c) { c = CumProd (a, b) }
23: (float[3,4,5] a, int64 b) => (float[3,4,5] c) { c = CumProd (a, b) }
11: (float[3,4,5] a, int64 b) => (float[3,4,5] c) { c = CumSum (a, b) }
1: (float[1,8,3,3] a) => (float[1,2,6,6] b) { b = DepthToSpace <blocksize = 2> (a) }
10: (int8[2,3] a, float b, int8 c) => (float[2,3] d) { d = DequantizeLinear (a, b, c) }
11: (float[3,5,5] a) => (float[3] b) { b = Det (a) }
11: (float[5,5] a) => (float b) { b = Det (a) }
11: (float[3,4,5] a) => (uint8[3,4,5] b, float c, uint8 d) { b, c, d = DynamicQuantizeLinear (a) }
1: (float[3,4,5] a, float[3,1,5] b) => (float[3,4,5] c) { c = Div <consumed_inputs = [0]> (a, b) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Dropout <consumed_inputs = [0], is_test = 1> (a) }
12: (float[3,4,5] a, float[3,5,6] b) => (float[3,4,6] c) { c = Einsum <equation = "bij, bjk -> bik"> (a, b) }
12: (float[4,5] a) => (float[5,4] b) { b = Einsum <equation = "ij->ji"> (a) }
8: (float[2,1,4] a, int64[4] b) => (float[5,2,6,4] c) <int64[4] b = {5, 2, 6, 4}> { c = Expand (a, b) }
9: (float[4,5] a) => (float[4,5] b) { b = EyeLike (a) }
1: (float[3,4,5] a) => (float[3,20] b) { b = Flatten <axis = 1> (a) }
1: (float[3,4,5] a, int64[6,7] b) => (float[6,7,4,5] c) { c = Gather (a, b) }
11: (float[3,4,5] a, int64[6,7] b) => (float[6,7] c) { c = GatherElements (a, b) }
11: (float[1,2,3] a, float[1,2,3] b) => (float[1,2] c) { c = GatherND (a, b) }
11: (float[1,2,3] a, int64[1,2,3] b) => (float[1,2] c) { c = GatherND (a, b) }
20: (float[3,4,5] a) => (float[3,4,5] b) { b = Gelu <approximate = "tanh"> (a) }
1: (float[5,4] a, float[4,3] b, float[3] c) => (float[5,3] d) { d = Gemm (a, b, c) }
1: (float[5,4] a, float[4,3] b, float[3] c) => (float[5,3] d) { d = Gemm <broadcast = 1> (a, b, c) }
1: (float[1,3,10,10] a) => (float[1,3,1,1] b) { b = GlobalAveragePool (a) }
1: (float[1,3,10,10] a) => (float[1,3,1,1] b) { b = GlobalMaxPool (a) }
1: (float[1,3,10,10] a) => (float[1,3,1,1] b) { b = GlobalLpPool (a) }
2: (float[1,3,10,10] a) => (float[1,3,1,1] b) { b = GlobalLpPool (a) }
16: (float[1,1,3,3] a, float[1,3,3,2] b) => (float[1,1,3,3] c) { c = GridSample <align_corners = 1, mode = "nearest", padding_mode = "border"> (a, b) }
7: (float[5,3,4] a, float[1,18,4] b, float[1,18,4] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = GRU <hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,18,4] b, float[1,18,6] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = GRU <hidden_size = 6> (a, b, c) }
1: (float[5,3,4] a, float[1,18,4] b, float[1,18,6] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = GRU <hidden_size = 6, output_sequence = 1> (a, b, c) }
7: (float[5,3,4] a, float[2,18,4] b, float[2,18,4] c) => (float[5,2,3,6] d, float[2,3,6] e) { d, e = GRU <direction = "bidirectional", hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,18,4] b, float[1,18,4] c, float[1,36] d, int64[5] e, float[1,5,6] f) => (float[5,1,3,6] g, float[1,3,6] h) { g, h = GRU <hidden_size = 6> (a, b, c, d, e, f) }
7: (float[5,3,4] a, float[1,6,4] b, float[1,6,4] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = RNN <hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,6,4] b, float[1,6,6] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = RNN <hidden_size = 6> (a, b, c) }
1: (float[5,3,4] a, float[1,6,4] b, float[1,6,6] c) => (float[5,1,3,6] d, float[1,3,6] e) { d, e = RNN <hidden_size = 6, output_sequence = 1> (a, b, c) }
7: (float[5,3,4] a, float[2,6,4] b, float[2,6,4] c) => (float[5,2,3,6] d, float[2,3,6] e) { d, e = RNN <direction = "bidirectional", hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,6,4] b, float[1,6,4] c, float[1,12] d, int64[5] e, float[1,5,6] f) => (float[5,1,3,6] g, float[1,3,6] h) { g, h = RNN <hidden_size = 6> (a, b, c, d, e, f) }
7: (float[5,3,4] a, float[1,24,4] b, float[1,24,4] c) => (float[5,1,3,6] d, float[1,3,6] e, float[1,3,6] f) { d, e, f = LSTM <hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,24,4] b, float[1,24,6] c) => (float[5,1,3,6] d, float[1,3,6] e, float[1,3,6] f) { d, e, f = LSTM <hidden_size = 6> (a, b, c) }
1: (float[5,3,4] a, float[1,24,4] b, float[1,24,6] c) => (float[5,1,3,6] d, float[1,3,6] e, float[1,3,6] f) { d, e, f = LSTM <hidden_size = 6, output_sequence = 1> (a, b, c) }
7: (float[5,3,4] a, float[2,24,4] b, float[2,24,4] c) => (float[5,2,3,6] d, float[2,3,6] e, float[2,3,6] f) { d, e, f = LSTM <direction = "bidirectional", hidden_size = 6> (a, b, c) }
7: (float[5,3,4] a, float[1,24,4] b, float[1,24,4] c, float[1,48] d, int64[5] e, float[1,5,6] f, float[1,5,6] g, float[1,18] h) => (float[5,1,3,6] i, float[1,3,6] j, float[1,3,6] k) { i, j, k = LSTM <hidden_size = 6> (a, b, c, d, e, f, g, h) }
20: (uint8[?] a) => (uint8[?,?,3] b) { b = ImageDecoder (a) }
1: (float[1,3] a, float[3] b, float[3] c) => (float[1,3] d) { d = InstanceNormalization <consumed_inputs = [0]> (a, b, c) }
10: (float[2,3] a) => (bool[2,3] b) { b = IsInf (a) }
9: (float[2,3] a) => (bool[2,3] b) { b = IsNaN (a) }
12: (int64 a, float[2,1] c) => (float[2,1] d) { d = Loop (a, "", c) < body: graph = b (int64 iter, bool cond_in, float[2,1] x_in) => (bool cond_out, float[2,1] x_out) { s = Squeeze <axes = [1]> (x_in) x_out = Unsqueeze <axes = [1]> (s) cond_out = Identity (cond_in) } > }
2: (float[1,1,5,5] a) => (float[1,1,4,4] b) { b = LpPool <kernel_shape = [2, 2]> (a) }
1: (float[1,1,5,5] a) => (float[1,1,4,4] b) { b = LpPool <kernel_shape = [2, 2]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LRN <size = 3> (a) }
1: (float[2,3,4,5] a) => (float[2,3,4,5] b) { b = LRN <size = 3> (a) }
1: (float[2,3] a, float[3,4] b) => (float[2,4] c) { c = MatMul (a, b) }
1: (float[5,2,3] a, float[5,3,4] b) => (float[5,2,4] c) { c = MatMul (a, b) }
10: (int8[2,3] a, int8[3,4] b) => (int32[2,4] c) { c = MatMulInteger (a, b) }
10: (int8[2,3] a, int8[3,4] b, int8 c, int8 d) => (int32[2,4] e) { e = MatMulInteger (a, b, c, d) }
10: (int8[2,3] a, int8[3,4] b, int8[2] c, int8[4] d) => (int32[2,4] e) { e = MatMulInteger (a, b, c, d) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Max <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Min <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Mean <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Sum <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Sub <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,1,4] b) => (float[2,3,4] c) { c = Mul <consumed_inputs = [0]> (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = Pow (a, b) }
1: (float[2,3,4] a, float[2,3,4] b) => (float[2,3,4] c) { c = PRelu <consumed_inputs = [0]> (a, b) }
1: (float[1,1,5,5] a) => (float[1,1,4,4] b) { b = MaxPool <kernel_shape = [2, 2]> (a) }
8: (float[1,1,5,5] a) => (float[1,1,4,4] b, int64[1,1,4,4] c) { b, c = MaxPool <kernel_shape = [2, 2]> (a) }
1: (float[2,3,20,20] a, float[4,5] b) => (float[4,3,3,3] c) { c = MaxRoiPool <pooled_shape = [3, 3]> (a, b) }
9: (float[1,1,5,5] a, int64[1,1,5,5] b) => (float[1,1,6,6] c) { c = MaxUnpool <kernel_shape = [2, 2]> (a, b) }
9: (float[3,4,5] a) => (float[3,4,5] b) { b = MeanVarianceNormalization <axes = [1, 2]> (a) }
10: (float[2,3] a, float[2,3] b) => (float[2,3] c) { c = Mod (a, b) }
10: (float[2,3] a, float[2,3] b) => (float[2,3] c) { c = Mod <fmod = 1> (a, b) }
7: (float[3,5] a) => (int32[3,7] b) { b = Multinomial <sample_size = 7> (a) }
12: (float[3,4,5] a, int64[3,5] b) => (float c) { c = NegativeLogLikelihoodLoss (a, b) }
12: (float[3,4,5] a, int64[3,5] b, float[4] c) => (float d) { d = NegativeLogLikelihoodLoss (a, b, c) }
10: (float[2,3,4] a, float[3,5,6] b) => (int64[2,3] c) { c = NonMaxSuppression (a, b) }
9: (float[3,3] a) => (int64[2,4] b) { b = NonZero (a) }
9: (float[3,4,5] a, float b, float[2] c) => (float[3,4,5,6] d) { d = OneHot (a, b, c) }
2: (float[3,4] a) => (float[5,8] b) { b = Pad <pads = [1, 2, 1, 2], value = 1.5> (a) }
1: (float[3,4] a) => (float[5,8] b) { b = Pad <paddings = [1, 2, 1, 2], value = 1.5> (a) }
10: (float[1,3,5,5] a, float b, float c, float[4,3,2,2] d, float e, float f, float g, float h) => (float[1,4,4,4] i) { i = QLinearConv (a, b, c, d, e, f, g, h) }
10: (float[2,3] a, float b, float c, float[3,4] d, float e, float f, float g, float h) => (float[2,4] i) { i = QLinearMatMul (a, b, c, d, e, f, g, h) }
10: (float[3,4,5] a, float b, uint8 c) => (uint8[3,4,5] d) { d = QuantizeLinear (a, b, c) }
1: () => (float[3,4,5] a) { a = RandomNormal <shape = [3, 4, 5]> () }
1: () => (float[3,4,5] a) { a = RandomUniform <shape = [3, 4, 5]> () }
11: (float a, float b, float c) => (float[6] d) <float a = {0.0}, float b = {12.0}, float c = {2.0}> { d = Range (a, b, c) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceL1 (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceL2 (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceLogSum (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceLogSumExp (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceMean (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceMax (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceMin (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceProd (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceSum (a) }
1: (float[3,4,5] a) => (float[1,1,1] b) { b = ReduceSumSquare (a) }
1: (float[3,4,5] a) => (float[3,10,2] b) { b = Reshape <consumed_inputs = [0], shape = [3, 10, 2]> (a) }
10: (float[3,4,5] a, float[3] b) => (float[3,8,15] c) { c = Resize (a, b) }
10: (float[3,4,5] a, int64[4] b) => (float[3,4,5] c) { c = ReverseSequence (a, b) }
10: (float[2,3,20,20] a, float[10,4] b, int64[10] c) => (float[10,3,1,1] d) { d = RoiAlign (a, b, c) }
16: (float[2,3,20,20] a, float[10,4] b, int64[10] c) => (float[10,3,1,1] d) { d = RoiAlign <coordinate_transformation_mode = "half_pixel"> (a, b, c) }
23: (float[2,4,3,8] a, float[2,3,4] b, float[2,3,4] c) => (float[2,4,3,8] d) { d = RotaryEmbedding (a, b, c) }
23: (float[2,4,3,8] a, float[50,4] b, float[50,4] c, int64[2,3] d) => (float[2,4,3,8] e) { e = RotaryEmbedding (a, b, c, d) }
23: (float[2,3,32] a, float[50,4] b, float[50,4] c, int64[2,3] d) => (float[2,3,32] e) { e = RotaryEmbedding <num_heads = 4> (a, b, c, d) }
23: (float[2,4,3,8] a, float[50,4] b, float[50,4] c, int64[2,3] d) => (float[2,4,3,8] e) { e = RotaryEmbedding <interleaved = 1> (a, b, c, d) }
23: (float[2,4,3,8] a, float[50,4] b, float[50,4] c, int64[2,3] d) => (float[2,4,3,8] e) { e = RotaryEmbedding <rotary_embedding_dim = 4> (a, b, c, d) }
23: (float[2,3,4,5] a, float[4,5] b) => (float[2,3,4,5] c) { c = RMSNormalization <axis = 2> (a, b) }
9: (float[2,3] a, int64[1,2] b, float[1,2] c) => (float[2,3] d) { d = Scatter (a, b, c) }
11: (float[2,3] a, int64[1,2] b, float[1,2] c) => (float[2,3] d) { d = ScatterElements (a, b, c) }
16: (float[2,3] a, int64[1,2] b, float[1,2] c) => (float[2,3] d) { d = ScatterElements <reduction = "add"> (a, b, c) }
11: (float[2,3] a, int64[1,2] b, float[1,2] c) => (float[2,3] d) { d = ScatterND (a, b, c) }
16: (float[2,3] a, int64[1,2] b, float[1,2] c) => (float[2,3] d) { d = ScatterND <reduction = "mul"> (a, b, c) }
8: (float[1,2] b, float[1,3,2] c) => (float[1,2] d, float[1,3,2] e) { d, e = Scan ("", b, c) < body: graph = sb (float[2] sum_in, float[2] next) => (float[2] sum_out, float[2] scan_out) { sum_out = Add (sum_in, next) scan_out = Identity (sum_out) }, num_scan_inputs = 1 > }
1: (float[3,4,5] a) => (int64[3] b) { b = Shape (a) }
1: (float[3,4,5] a) => (int64 b) { b = Size (a) }
1: (float[3,4,5] a) => (float[3,2,2] b) { b = Slice <axes = [1, 2], ends = [2, 3], starts = [0, 1]> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = 0> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = 0> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = 0> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = 1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = 1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = 1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = 2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = 2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = 2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = -1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = -1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = -1> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = -2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = -2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = -2> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Softmax <axis = -3> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = LogSoftmax <axis = -3> (a) }
1: (float[3,4,5] a) => (float[3,4,5] b) { b = Hardmax <axis = -3> (a) }
12: (float[3,4,5,6] a, int64[3,6] b) => (float c) { c = SoftmaxCrossEntropyLoss (a, b) }
1: (float[1,3,8,8] a) => (float[1,12,4,4] b) { b = SpaceToDepth <blocksize = 2> (a) }
2: (float[3,4,7] a) => (float[3,4,2] b, float[3,4,1] c, float[3,4,4] d) { b, c, d = Split <axis = 2, split = [2, 1, 4]> (a) }
1: (float[3,4,7] a) => (float[3,4,2] b, float[3,4,1] c, float[3,4,4] d) { b, c, d = Split <axis = 2, split = [2, 1, 4]> (a) }
1: (float[2,1,3,4,1] a) => (float[2,3,4] b) { b = Squeeze (a) }
10: (string[1,3] a) => (string[1,3] b) { b = StringNormalizer <case_change_action = "LOWER"> (a) }
24: (float[3,4,5] a) => (float[3,4,5] b) { b = Swish <alpha = 0.2> (a) }
9: (float[3] a) => (float[5] b) { b = TfIdfVectorizer <max_gram_length = 3, max_skip_count = 1, min_gram_length = 2, mode = "TFIDF", ngram_counts = [0, 20], ngram_indexes = [3, 4]> (a) }
6: (float[3,4,5] a, int64[3] b) => (float[3,8,15] c) <int64[3] b = {1, 2, 3}> { c = Tile (a, b) }
1: (float[3,4,5] a) => (float[3,4,2] b, int64[3,4,2] c) { b, c = TopK <k = 2> (a) }
1: (float[1,2,5,3,7] a) => (float[1,7,5,2,3] b) { b = Transpose <perm = [0, 4, 2, 1, 3]> (a) }
11: (float[3,4,5] a) => (float[?] b) { b = Unique (a) }
11: (float[3,4,5] a) => (float[3,?,5] b) { b = Unique <axis = 1> (a) }
1: (float[3,4,5] a) => (float[3,4,1,5] b) { b = Unsqueeze <axes = [2]> (a) }
1: (float[1,3,4,5] a) => (float[1,3,6,10] b) { b = Upsample <height_scale = 1.5, width_scale = 2.0> (a) }
9: (float[1,3,4,5] a, float[4] b) => (float[1,3,6,10] c) { c = Upsample (a, b) }
9: (bool[2,3] a, float[2,3] b, float[2,3] c) => (float[2,3] d) { d = Where (a, b, c) }
15: (float[2,3,4] a, float16[2,1,4] b) => (float16[2,3,4] c) { c = CastLike (a, b) }
17: (float[2,3,4,5] a, float[4,5] b, float[4,5] c) => (float[2,3,4,5] d) { d = LayerNormalization <axis = 2> (a, b, c) }
17: (int64 a) => (float[10] b) <int64 a = {10}> { b = BlackmanWindow (a) }
17: (int64 a) => (float[10] b) <int64 a = {10}> { b = HannWindow (a) }
17: (int64 a) => (float[10] b) <int64 a = {10}> { b = HammingWindow (a) }
17: (float[2,16,1] a, float b) => (float[2,16,2] c) { c = DFT (a, b) }
17: (float[2,16,2] a, float b) => (float[2,16,2] c) { c = DFT (a, b) }
17: (float[2,16,1] a, float b) => (float[2,9,2] c) { c = DFT <onesided = 1> (a, b) }
17: (float[2,16,2] a, float b) => (float[2,9,2] c) { c = DFT <onesided = 1> (a, b) }
17: (float[2,16,1] a, float b) => (float[2,16,2] c) { c = DFT <inverse = 1> (a, b) }
17: (float[2,16,2] a, float b) => (float[2,16,2] c) { c = DFT <inverse = 1> (a, b) }
17: (float[2,16,2] a, float b) => (float[2,16,2] c) { c = DFT <axis = 0, inverse = 1> (a, b) }
17: (int64 a, int64 b, int64 c, float d, float e) => (float[33,10] f) <int64 a = {10}, int64 b = {64}, int64 c = {0}, float d = {0.0}, float e = {1.0}> { f = MelWeightMatrix (a, b, c, d, e) }
17: (int64 a, int64 b, int64 c, float d, float e) => (float[16,20] f) <int64 a = {20}, int64 b = {31}, int64 c = {0}, float d = {0.0}, float e = {1.0}> { f = MelWeightMatrix (a, b, c, d, e) }
18: (float a, int64 b) => (float[3,3] c) <float[2,4] input = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}, int64[2] shape = {3, 3}> { c = CenterCropPad (a, b) }
18: (int32[2,3] a) => (int32[2,3] b) { b = BitwiseNot (a) }
18: (int16[2,3] a, int16[2,3] b) => (int16[2,3] c) { c = BitwiseAnd (a, b) }
18: (int16[2,3] a, int16[2,3] b) => (int16[2,3] c) { c = BitwiseOr (a, b) }
18: (int16[2,3] a, int16[2,3] b) => (int16[2,3] c) { c = BitwiseXor (a, b) }
21: (float[3,4,2,2] a, float[4] b, float[4] c) => (float[3,4,2,2] d) { d = GroupNormalization <epsilon = 1e-05, num_groups = 2> (a, b, c) }
18: (float[3,4,2,2] a, float[2] b, float[2] c) => (float[3,4,2,2] d) { d = GroupNormalization <epsilon = 1e-05, num_groups = 2> (a, b, c) }
20: (float[2,3] a, float[2,3] b) => (float[2,3] c) { c = StringConcat (a, b) }
20: (string[2,3] a) => (bool[2,3] b) { b = RegexFullMatch (a) }
24: (float[2,3,4,5] a, float[2,3,2,5] b, int64[2] c) => (float[2,3,4,5] d) { d = TensorScatter (a, b, c) }
"""


@functools.cache
def upgraded(package: Any, line: str) -> str:
    """How it went with a model of one node: checked, inferred, converted, checked and inferred again."""
    opset, graph = line.split(": ", 1)
    model = package.parser.parse_model(f'<ir_version: 14, opset_import: ["" : {opset}]> g {graph}')
    try:
        for _ in range(2):
            package.checker.check_model(model)
            package.shape_inference.infer_shapes(model, strict_mode=True)
            model = package.version_converter.convert_version(model, 28)
    except Exception as error:
        return f"refused: {error}"
    return "fine"


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_old_nodes_are_upgraded(line: str) -> None:
    """Wherever the official package upgrades a node, ours does."""
    if upgraded(official, line) == "fine":
        assert upgraded(ours, line) == "fine"


def test_most_of_them_are_upgraded_by_both() -> None:
    """So that the test above cannot become empty."""
    assert sum(upgraded(official, line) == "fine" for line in LINES.strip().splitlines()) > 250

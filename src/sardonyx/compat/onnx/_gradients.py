"""Through which inputs and outputs gradients flow, as the standard states it: facts that nothing else here asks for.

A line names an operator of ai.onnx and the version from which it holds, then inputs and outputs: `+` with, `-` without.
"""

from __future__ import annotations

import functools

__all__ = ["gradient_flows"]

_TABLE = """
Abs 13: X+ > Y+
Acos 7: input+ > output+
Acosh 9: input+ > output+
Add 13: A+ B+ > C+
AffineGrid 20: theta- size- > grid+
And 7: A- B- > C-
ArgMax 13: data- > reduced-
ArgMin 13: data- > reduced-
Asin 7: input+ > output+
Asinh 9: input+ > output+
Atan 7: input+ > output+
Atanh 9: input+ > output+
AveragePool 11: X+ > Y+
BatchNormalization 9: X+ scale+ B+ mean+ var+ > Y+ mean- var- saved_mean- saved_var-
BatchNormalization 14: input_mean+ input_var+ > running_mean- running_var-
BitCast 26: input- > output-
BitShift 11: X- Y- > Z-
BitwiseAnd 18: A- B- > C-
BitwiseNot 18: X- > Y-
BitwiseOr 18: A- B- > C-
BitwiseXor 18: A- B- > C-
BlackmanWindow 17: size- > output-
Cast 13: input+ > output+
CastLike 15: input+ target_type- > output+
CausalConvWithState 27: input+ weight+ bias+ past_state- > output+ present_state-
Ceil 13: X- > Y-
Celu 12: X+ > Y+
CenterCropPad 18: input_data+ shape- > output_data+
Clip 13: input+ min- max- > output+
Col2Im 18: input+ image_shape- block_shape- > output+
Compress 11: input+ condition- > output+
Concat 13: inputs+ > concat_result+
Conv 11: X+ W+ B+ > Y+
ConvTranspose 11: X+ W+ B+ > Y+
Cos 7: input+ > output+
Cosh 9: input+ > output+
CumProd 26: x+ axis- > y+
CumSum 11: x+ axis- > y+
DFT 17: input- dft_length- >
DFT 20: axis- >
DepthToSpace 13: input+ > output+
Det 11: X+ > Y+
Div 13: A+ B+ > C+
Dropout 13: data+ ratio- training_mode- > output+ mask-
Einsum 12: Inputs+ > Output+
Elu 6: X+ > Y+
Equal 13: A- B- > C-
Erf 13: input+ > output+
Exp 13: input+ > output+
Expand 13: input+ shape- > output+
Flatten 13: input+ > output+
Floor 13: X- > Y-
GRU 14: X+ W+ R+ B+ sequence_lens- initial_h- > Y+ Y_h+
Gather 13: data+ indices- > output+
GatherElements 13: data+ indices- > output+
GatherND 13: data+ indices- > output+
Gelu 20: X+ > Y+
Gemm 13: A+ B+ C+ > Y+
GlobalAveragePool 1: X+ > Y+
GlobalLpPool 2: X+ > Y+
GlobalMaxPool 1: X+ > Y+
Greater 13: A- B- > C-
GreaterOrEqual 12: A- B- > C-
GridSample 16: X+ grid- > Y+
GroupNormalization 18: X+ scale+ bias+ > Y+
HammingWindow 17: size- > output-
HannWindow 17: size- > output-
HardSigmoid 6: X+ > Y+
HardSwish 14: X+ > Y+
Hardmax 13: input+ > output+
Identity 13: input+ > output+
ImageDecoder 20: encoded_stream- > image-
InstanceNormalization 6: input+ scale+ B+ > output+
IsInf 10: X- > Y-
IsNaN 13: X- > Y-
LRN 13: X+ > Y+
LSTM 14: X+ W+ R+ B+ sequence_lens- initial_h- initial_c- P+ > Y+ Y_h+ Y_c+
LeakyRelu 6: X+ > Y+
Less 13: A- B- > C-
LessOrEqual 12: A- B- > C-
LinearAttention 27: query+ key+ value+ past_state- decay+ beta+ > output+ present_state-
Log 13: input+ > output+
LogSoftmax 13: input+ > output+
LpNormalization 1: input+ > output+
LpPool 11: X+ > Y+
MatMul 13: A+ B+ > Y+
MatMulInteger 10: A- B- a_zero_point- b_zero_point- > Y-
Max 13: data_0+ > max+
MaxPool 12: X+ > Y+ Indices-
MaxRoiPool 1: X+ rois- > Y+
MaxUnpool 11: X+ I- output_shape- > output+
Mean 13: data_0+ > mean+
MeanVarianceNormalization 13: X+ > Y+
MelWeightMatrix 17: num_mel_bins- dft_length- sample_rate- lower_edge_hertz- upper_edge_hertz- > output-
Min 13: data_0+ > min+
Mish 18: X+ > Y+
Mod 13: A+ B- > C+
Mul 13: A+ B+ > C+
Neg 13: X+ > Y+
NegativeLogLikelihoodLoss 13: input+ target- weight- > loss+
NonZero 13: X- > Y-
Not 1: X- > Y-
OneHot 11: indices- depth- values- > output-
Or 7: A- B- > C-
PRelu 9: X+ slope+ > Y+
Pad 13: data+ pads- constant_value- > output+
Pad 18: axes- >
Pow 13: X+ Y+ > Z+
QLinearMatMul 10: a- a_scale- a_zero_point- b- b_scale- b_zero_point- y_scale- y_zero_point- > y-
RNN 14: X+ W+ R+ B+ sequence_lens- initial_h- > Y+ Y_h+
Reciprocal 13: X+ > Y+
ReduceL1 13: data+ > reduced+
ReduceL1 18: axes- >
ReduceL2 13: data+ > reduced+
ReduceL2 18: axes- >
ReduceLogSum 13: data+ > reduced+
ReduceLogSum 18: axes- >
ReduceLogSumExp 13: data+ > reduced+
ReduceLogSumExp 18: axes- >
ReduceMax 13: data+ > reduced+
ReduceMax 18: axes- >
ReduceMean 13: data+ > reduced+
ReduceMean 18: axes- >
ReduceMin 13: data+ > reduced+
ReduceMin 18: axes- >
ReduceProd 13: data+ > reduced+
ReduceProd 18: axes- >
ReduceSum 13: data+ axes- > reduced+
ReduceSumSquare 13: data+ > reduced+
ReduceSumSquare 18: axes- >
RegexFullMatch 20: X- > Y-
Relu 13: X+ > Y+
Reshape 13: data+ shape- > reshaped+
Resize 13: X+ scales- roi- sizes- > Y+
Round 11: X- > Y-
STFT 17: signal- frame_step- window- frame_length- > output-
Scatter 11: data+ indices- updates+ > output+
ScatterElements 13: data+ indices- updates+ > output+
ScatterND 13: data+ indices- updates+ > output+
Selu 6: X+ > Y+
Shape 13: data- > shape-
Shrink 9: input+ > output+
Sigmoid 13: X+ > Y+
Sign 13: input- > output-
Sin 7: input+ > output+
Sinh 9: input+ > output+
Size 13: data- > size-
Slice 13: data+ starts- ends- axes- steps- > output+
Softmax 13: input+ > output+
SoftmaxCrossEntropyLoss 13: scores+ labels- weights- > output+ log_prob+
Softplus 1: X+ > Y+
Softsign 1: input+ > output+
SpaceToDepth 13: input+ > output+
Split 13: input+ split- > outputs+
Sqrt 13: X+ > Y+
Squeeze 13: data+ axes- > squeezed+
StringConcat 20: X- Y- > Z-
StringSplit 20: X- > Y- Z-
Sub 13: A+ B+ > C+
Sum 13: data_0+ > sum+
SwiGLU 28: A+ B+ > Y+
Swish 24: X+ > Y+
Tan 7: input+ > output+
Tanh 13: input+ > output+
TensorScatter 24: past_cache+ update+ write_indices- > present_cache+
TfIdfVectorizer 9: X- > Y-
ThresholdedRelu 10: X+ > Y+
Tile 13: input+ repeats- > output+
TopK 11: X+ K- > Values+ Indices-
Transpose 13: data+ > transposed+
Trilu 14: input+ k- > output+
Unique 11: X- > Y- indices- inverse_indices- counts-
Unsqueeze 13: data+ axes- > expanded+
Where 9: condition- X+ Y+ > output+
Xor 7: A- B- > C-
"""


@functools.cache
def _flows() -> dict[tuple[str, str, str], tuple[int, bool]]:
    """By operator, side (`>` for outputs) and formal: since when, and whether."""
    found: dict[tuple[str, str, str], tuple[int, bool]] = {}
    for line in _TABLE.split("\n"):
        head, _, row = line.partition(": ")
        name, _, since = head.partition(" ")
        side = ""
        for word in row.split():
            side = ">" if word == ">" else side
            if word != ">":
                found[name, side, word[:-1]] = int(since), word.endswith("+")
    return found


def gradient_flows(operator: str, version: int, formal: str, is_output: bool) -> bool | None:
    """Whether gradients flow through a formal of an operator of ai.onnx; None where the standard does not say."""
    since, flows = _flows().get((operator, ">" if is_output else "", formal), (1 << 30, False))
    return flows if version >= since else None

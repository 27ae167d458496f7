"""One call or more per rule: `add("mul.Tensor", f(2, 3), f(3))`. Every tensor of a call becomes an input of its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["CASES", "CHANCE", "Case"]


@dataclass(frozen=True)
class Case:
    """A call of an overload.

    Attributes:
        fixed: the rule needs to know all sizes.
        open: how many of the tensors may have other sizes; the others are weights. None: all.
        outputs: how many of the results are promised. None: all.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fixed: bool = False
    open: int | None = None
    outputs: int | None = None

    def __str__(self) -> str:
        shapes = [f"{str(a.dtype)[6:]}{list(a.shape)}" if isinstance(a, torch.Tensor) else str(a) for a in self.args]
        return f"{self.name}({', '.join(shapes)})"[:90]


CASES: list[Case] = []
CHANCE: list[Case] = []  # of these only type and range can be told
random = torch.Generator().manual_seed(0)


def add(
    name: str, *args: Any, fixed: bool = False, open: int | None = None, outputs: int | None = None, **kwargs: Any
) -> None:
    CASES.append(Case(name, args, kwargs, fixed, open, outputs))


def chance(name: str, *args: Any, **kwargs: Any) -> None:
    CHANCE.append(Case(name, args, kwargs))


def f(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=random).to(dtype)


def p(*shape: int) -> torch.Tensor:
    """Between 0.1 and 0.9."""
    return torch.rand(shape, generator=random) * 0.8 + 0.1


def i(*shape: int, low: int = -5, high: int = 6, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=random).to(dtype)


def b(*shape: int) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=random).bool()


def t(*items: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    return torch.tensor(items, dtype=dtype)


NAN, INF = float("nan"), float("inf")
ODD = t(NAN, INF, -INF, 0.0, -0.0, 1.5, -2.5, 0.5)

# -- elementwise -----------------------------------------------------------------------------------------------------------

for name in ("abs", "neg", "sign", "relu"):
    add(name, f(2, 3))
    add(name, f(dtype=torch.float64))
    add(name, i(3, dtype=torch.int32))
for name in (
    "erf", "exp", "log", "sqrt", "reciprocal", "sigmoid", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    "asinh", "atanh", "rsqrt", "exp2", "expm1", "log2", "log10", "log1p", "erfc", "sinc", "deg2rad", "rad2deg",
):  # fmt: skip
    add(name, p(2, 3))
    add(name, p().double())
    add(name, i(4, low=0, high=1))
add("acosh", p(2, 3) + 1)
add("log1p", t(1e-8, 1e-3, 3.0, INF))
add("expm1", t(1e-8, -1e-3, 3.0))
add("log_sigmoid", f(2, 3))
add("angle", t(1.0, -2.0, 0.0))
for name in ("floor", "ceil", "round", "trunc", "frac"):
    add(name, t(0.5, 1.5, -0.5, -1.7, 2.3))
for name in ("floor", "ceil", "round", "trunc"):
    add(name, i(3))
add("round.decimals", f(5), decimals=1)
for name in ("isnan", "isinf"):
    add(name, ODD)
    add(name, i(3))
add("signbit", ODD[1:])
add("signbit", i(4))
add("logical_not", i(4))
for name in (
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "relu6",
    "leaky_relu",
    "elu",
    "celu",
    "softplus",
    "mish",
):
    add(name, f(2, 5) * 3)
for name in ("softshrink", "hardshrink"):
    add(name, f(2, 5))
    add(name, f(2, 5), 0.2)
add("gelu", f(4), approximate="tanh")
add("elu", f(4), 1.6732632423543772, 1.0507009873554805)
add("elu", f(4), 1.5, 2.0, 0.5)
add("celu", f(4), 2.0)
add("softplus", f(4), 2.0, 1.0)
add("threshold", f(4), 0.1, 20.0)
add("prelu", f(2, 3, 4), p(3))
add("prelu", f(4), p(1))
add("glu", f(2, 6))
add("glu", f(4, 3), 0)
add("rrelu_with_noise_functional", f(4), f(4), 0.1, 0.3, False, outputs=1)

for name in ("add.Tensor", "sub.Tensor", "rsub.Tensor"):
    add(name, f(2, 3), f(3))
    add(name, f(2, 3), i(3))
    add(name, i(2, 3, dtype=torch.int32), i(2, 3), alpha=2)
for name in ("add.Scalar", "sub.Scalar", "rsub.Scalar"):
    add(name, f(2), 3)
    add(name, i(2), 1.5)
    add(name, i(2), 2, 3)
add("add.Tensor", b(4), b(4))
for name in ("mul.Tensor", "div.Tensor", "maximum", "minimum", "hypot", "atan2", "fmax", "fmin", "copysign.Tensor"):
    add(name, f(2, 3), f(3))
    add(name, f(2, 3, dtype=torch.float64), f(2, 1, dtype=torch.float64))
for name in ("maximum", "minimum", "mul.Tensor", "fmax", "div.Tensor"):
    add(name, i(3), i(3, low=1))
for name in ("maximum", "minimum", "mul.Tensor"):
    add(name, b(4), b(4))
for name in ("fmax", "fmin"):
    add(name, ODD[:4], ODD[:4].flip(0))
add("copysign.Tensor", f(4), t(0.0, -0.0, 1.0, -1.0))
add("copysign.Scalar", f(4), -1.0)
add("mul.Scalar", f(3), 2)
add("div.Scalar", i(3), 2)
add("ldexp.Tensor", f(3), i(3, low=0))
for mode in (None, "floor", "trunc"):
    add("div.Tensor_mode", f(5) * 5, f(5), rounding_mode=mode)
    add("div.Tensor_mode", i(6), i(6, low=1), rounding_mode=mode)
    add("div.Scalar_mode", i(6), -2, rounding_mode=mode)
for name in ("floor_divide", "remainder.Tensor", "fmod.Tensor"):
    add(name, f(6) * 5, f(6))
    add(name, i(8), t(3, -3, 2, -2, 1, -1, 4, -4))
for name in ("floor_divide.Scalar", "remainder.Scalar", "fmod.Scalar"):
    add(name, i(8), -3)
    add(name, f(8), 0.75)
add("pow.Tensor_Tensor", p(3), f(3))
add("pow.Tensor_Tensor", i(3), i(3, low=0, high=3))
add("pow.Scalar", 2, f(3))
for exponent in (1, 2, 3, 0.5, -1, -0.5, 1.7):
    add("pow.Tensor_Scalar", p(3), exponent)
add("pow.Tensor_Scalar", i(3), 2)
add("lerp.Scalar", f(3), f(3), 0.3)
add("lerp.Tensor", f(3), f(3), p(3))
add("addcmul", f(3), f(2, 1), f(3), value=2)
add("addcdiv", f(3), f(3), p(3), value=0.5)
add("clamp", f(5), -0.5, 0.5)
add("clamp", i(5), None, 2)
add("clamp_min", f(5), 0.0)
add("clamp_max", f(5), 0.0)
add("clamp.Tensor", f(2, 3), f(3), None)
add("clamp.Tensor", f(3), f(3) - 1, f(3) + 1)
add("where.self", b(2, 3), f(2, 3), f(3))
add("where.self", b(3), i(3), f(3))

# -- logic -----------------------------------------------------------------------------------------------------------------

for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    add(f"{name}.Tensor", f(2, 3), f(3))
    add(f"{name}.Tensor", i(5), i(5))
    add(f"{name}.Tensor", b(4), b(4))
    add(f"{name}.Scalar", i(5), 0)
    add(f"{name}.Scalar", i(5), 0.5)
for name in ("and", "or", "xor"):
    add(f"logical_{name}", i(5), b(5))
    add(f"bitwise_{name}.Tensor", i(5), i(5))
    add(f"bitwise_{name}.Tensor", b(5), b(5))
    add(f"bitwise_{name}.Scalar", i(5, dtype=torch.int32), 6)
add("bitwise_not", i(5))
add("bitwise_not", b(5))
for name in ("bitwise_left_shift.Tensor", "bitwise_right_shift.Tensor", "__lshift__.Tensor", "__rshift__.Tensor"):
    add(name, i(6), i(6, low=0, high=4))
    add(name, i(6, low=0, dtype=torch.uint8), i(6, low=0, high=4, dtype=torch.uint8))
for name in (
    "bitwise_left_shift.Tensor_Scalar",
    "bitwise_right_shift.Tensor_Scalar",
    "__lshift__.Scalar",
    "__rshift__.Scalar",
):
    add(name, i(6, dtype=torch.int32), 2)
add("isin.Tensor_Tensor", i(2, 3), i(4))
add("isin.Tensor_Tensor", i(3), i(4), invert=True)

# -- types and constants ----------------------------------------------------------------------------------------------------

for kind in (torch.int32, torch.float64, torch.float16, torch.bool, torch.uint8):
    add("_to_copy", f(2, 3).abs(), dtype=kind)
for name in ("clone", "alias", "detach", "contiguous", "lift", "lift_fresh_copy"):
    add(name, f(2, 3))
add("full", [2, 3], 7.5)
add("full", [2], True)
add("full_like", f(2, 3), 2)
add("new_full", f(2), [2, 3], 2, dtype=torch.int32)
for name in ("zeros", "ones"):
    add(f"{name}_like", f(2, 3))
    add(f"{name}_like", f(20, 30), dtype=torch.int64)
    add(f"new_{name}", f(2), [2, 3])
for name, value in (("fill.Scalar", 3), ("fill.Tensor", t(3.0).reshape(()))):
    add(name, f(2, 3), value)
add("zeros", [2, 3])
add("ones", [2, 3], dtype=torch.int64)
add("copy", f(2, 3), i(3))
add("scalar_tensor", 2.5)
add("arange", 5)
add("arange.start", 1, 3.5)
add("arange.start_step", 7, 1, -2)
add("linspace", 0.0, 1.0, 5)
add("logspace", 0.0, 2.0, 3)
add("eye", 3)
add("eye.m", 2, 3)
add("tril_indices", 3, 4, 1)
add("triu_indices", 3, 4)

# -- products --------------------------------------------------------------------------------------------------------------

add("mm", f(2, 3), f(3, 4))
add("mm", i(2, 3, dtype=torch.int32), i(3, 4, dtype=torch.int32))
add("bmm", f(2, 2, 3), f(2, 3, 4))
for left, right in (((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (4, 3, 2))):
    add("matmul", f(*left), f(*right))
add("mv", f(2, 3), f(3))
add("dot", f(3), f(3))
add("linear", f(2, 3), f(4, 3), f(4))
add("linear", f(2, 5, 3), f(4, 3), f(4))
add("linear", f(3), f(4, 3), None)
add("addmm", f(4), f(2, 3), f(3, 4))
add("addmm", torch.full((2, 4), NAN), f(2, 3), f(3, 4), beta=0, alpha=2)
add("addmm", i(4, dtype=torch.int32), i(2, 3, dtype=torch.int32), i(3, 4, dtype=torch.int32), beta=2)
add("baddbmm", f(2, 2, 4), f(2, 2, 3), f(2, 3, 4), beta=0.5, alpha=2)
add("addmv", f(2), f(2, 3), f(3), beta=0.5)
add("_linalg_det", f(2, 3, 3), outputs=1)
add("_linalg_slogdet", f(3, 3), outputs=2)
add("_trilinear", f(2, 3), f(5, 3, 4), f(2, 4), [1, 3], [0], [1, 2], [2, 3])
for power in (0.0, 1.0, 2.0, 3.0, INF):
    add("_cdist_forward", f(2, 3), f(4, 3), power, None)
add("_pdist_forward", f(4, 3), 2.0, fixed=True)

# -- convolution and pooling --------------------------------------------------------------------------------------------------

add("conv1d", f(2, 3, 8), f(4, 3, 3), f(4), [2], [1], open=1)
add("conv2d", f(2, 4, 6, 7), f(4, 2, 3, 3), None, [1, 2], [1, 0], [1, 2], 2, open=1)
add("conv2d", f(4, 6, 7), f(2, 4, 3, 3), open=1)
add("conv3d", f(1, 2, 4, 4, 4), f(3, 2, 2, 2, 2), f(3), open=1)
for spatial in (1, 2, 3):
    shape, kernel = (1, 2, *(5,) * spatial), (3, 2, *(2,) * spatial)
    for padding in ("same", "valid"):
        add(f"conv{spatial}d.padding", f(*shape), f(*kernel), None, [1] * spatial, padding, open=1)
add("convolution", f(1, 3, 5), f(4, 3, 2), f(4), [1], [0], [1], False, [0], 1, open=1)
add("convolution", f(1, 4, 5, 5), f(4, 3, 3, 3), f(6), [2, 2], [1, 1], [1, 1], True, [1, 1], 2, open=1)
IMAGES = {1: f(2, 3, 9), 2: f(2, 3, 9, 8), 3: f(1, 2, 6, 5, 6)}
for spatial, image in IMAGES.items():
    n = [2] * spatial
    add(f"max_pool{spatial}d", image, n)
    add(f"max_pool{spatial}d", image[0], [3] * spatial, n, [1] * spatial)
    add(f"avg_pool{spatial}d", image, [3] * spatial, n, [1] * spatial)
    add(f"avg_pool{spatial}d", image, n, n, [1] * spatial, False, False)
    for wanted in (1, 2, 3):
        add(f"adaptive_avg_pool{spatial}d", image, [wanted] * spatial, fixed=wanted > 1)
        add(f"adaptive_max_pool{spatial}d", image, [wanted] * spatial, fixed=True)
add("max_pool2d", IMAGES[2], [3, 3], [2, 2], [0, 0], [2, 1], True)
add("avg_pool2d", IMAGES[2], [2, 2], divisor_override=3)
add("max_pool2d_with_indices", IMAGES[2], [2, 2])
add("max_pool3d_with_indices", IMAGES[3], [2, 2, 2])
add("_adaptive_avg_pool2d", IMAGES[2], [3, 4], fixed=True)
add("_adaptive_avg_pool3d", IMAGES[3], [1, 1, 1])
add("max_unpool2d", *torch.nn.functional.max_pool2d(f(2, 3, 4, 6), 2, return_indices=True), [4, 6])
add(
    "max_unpool3d",
    *torch.nn.functional.max_pool3d(f(1, 2, 4, 4, 4), 2, return_indices=True),
    [4, 4, 4],
    [2, 2, 2],
    [0, 0, 0],
)
add("pixel_shuffle", f(2, 8, 2, 3), 2)
add("col2im", f(2, 12, 9), [4, 4], [2, 2], [1, 1], [0, 0], [1, 1], fixed=True)
add("col2im", f(12, 9), [4, 5], [2, 2], [1, 2], [1, 0], [2, 1], fixed=True)

for name in ("softmax", "log_softmax"):
    add(f"{name}.int", f(2, 3), 1)
    add(f"{name}.int", f(2, 3), 0, torch.float64)
    add(f"_{name}", f(2, 3, 2), 1, False)
add("softmax.int", f(), 0)
add("dropout", f(3), 0.5, False)
add("native_dropout", f(3), 0.5, False)

# -- images ----------------------------------------------------------------------------------------------------------------

for spatial, scales in ((1, [1.5]), (2, [2.0, 0.5]), (3, [2.0, 1.0, 2.0])):
    image = f(1, 2, *(4, 6, 3)[:spatial])
    size = [int(n * s) for n, s in zip(image.shape[2:], scales, strict=True)]
    for name in (f"upsample_nearest{spatial}d", f"_upsample_nearest_exact{spatial}d"):
        add(f"{name}.vec", image, size, None)
        add(f"{name}.vec", image, None, scales)
        add(name, image, size)
for name, image in {
    "upsample_linear1d": f(1, 2, 6), "upsample_bilinear2d": f(1, 2, 4, 6), "upsample_trilinear3d": f(1, 1, 3, 4, 2),
    "upsample_bicubic2d": f(1, 2, 6, 6), "_upsample_bilinear2d_aa": f(1, 2, 6, 8), "_upsample_bicubic2d_aa": f(1, 2, 8, 8),
}.items():  # fmt: skip
    spatial = image.dim() - 2
    for align in (False, True):
        if align and name.endswith("_aa"):
            continue
        add(f"{name}.vec", image, [5] * spatial, align, None)
        add(f"{name}.vec", image, None, align, [2.0] * spatial)
        add(name, image, [3] * spatial, align)
for mode, padding, align in ((0, 0, False), (0, 1, True), (1, 0, False), (0, 2, False)):
    add("grid_sampler_2d", f(1, 2, 4, 5), f(1, 3, 2, 2) * 0.8, mode, padding, align)
add("grid_sampler", f(1, 2, 4, 5), f(1, 3, 2, 2) * 0.8, 0, 0, False)
add("grid_sampler_3d", f(1, 2, 3, 4, 5), f(1, 2, 3, 2, 3) * 0.8, 0, 0, False)

# -- normalization -----------------------------------------------------------------------------------------------------------

add("_native_batch_norm_legit_no_training", f(2, 3, 4), p(3), f(3), f(3), p(3), 0.1, 1e-5, outputs=1, open=1)
add("_native_batch_norm_legit_no_training", f(2, 3), None, None, f(3), p(3), 0.1, 1e-5, outputs=1, open=1)
add("_native_batch_norm_legit.no_stats", f(2, 3, 4), p(3), f(3), True, 0.1, 1e-5, outputs=1)
for shape in ([4], [3, 4]):
    add("layer_norm", f(2, 3, 4), shape, p(*shape), f(*shape))
    add("native_layer_norm", f(2, 3, 4), shape, p(*shape), None, 1e-5, outputs=1)
    add("rms_norm", f(2, 3, 4), shape, p(*shape), 1e-6)
add("layer_norm", f(2, 4), [4], fixed=True)
add("rms_norm", f(2, 4), [4])
add("group_norm", f(2, 4, 3), 2, p(4), f(4))
add("native_group_norm", f(2, 4, 3), p(4), f(4), 2, 4, 3, 2, 1e-5, fixed=True, outputs=1)
add("instance_norm", f(2, 3, 4), p(3), f(3), None, None, True, 0.1, 1e-5, True, open=1)
add("instance_norm", f(2, 3, 4), None, None, f(3), p(3), False, 0.1, 1e-5, True, open=1)

# -- attention and recurrence --------------------------------------------------------------------------------------------------

attention = "scaled_dot_product_attention"
add(attention, f(2, 2, 3, 4), f(2, 2, 5, 4), f(2, 2, 5, 4))
add(attention, f(2, 2, 3, 4), f(2, 2, 3, 4), f(2, 2, 3, 4), None, 0.0, True)
add(attention, f(2, 3, 4), f(2, 5, 4), f(2, 5, 4), f(3, 5), scale=0.3)
add(attention, f(2, 2, 3, 4), f(2, 2, 5, 4), f(2, 2, 5, 4), t([True] * 5, [False] * 5, [True, False] * 2 + [True]))
add(attention, f(2, 4, 3, 4), f(2, 2, 5, 4), f(2, 2, 5, 4), enable_gqa=True, fixed=True)
for name, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
    for layers, both, biases, batch_first in ((1, False, True, False), (2, True, True, True), (1, False, False, False)):
        n = 2 if both else 1
        widths = [3, *[4 * n] * (layers - 1)]
        weights = [
            x * 0.5
            for width in widths
            for _ in range(n)
            for x in (f(4 * gates, width), f(4 * gates, 4), *((f(4 * gates), f(4 * gates)) if biases else ()))
        ]
        state = f(layers * n, 2, 4)
        sequence = f(2, 5, 3) if batch_first else f(5, 2, 3)
        initial = [state, f(layers * n, 2, 4)] if name == "lstm" else state
        add(
            f"{name}.input",
            sequence,
            initial,
            weights,
            biases,
            layers,
            0.0,
            False,
            both,
            batch_first,
            open=3 if name == "lstm" else 2,
        )

# -- reduction -------------------------------------------------------------------------------------------------------------

for name in ("sum", "mean", "prod", "max", "min", "any", "all", "argmax", "argmin", "median"):
    add(name, f(2, 3))
for name in ("sum", "prod", "max", "any", "all"):
    add(name, i(2, 3))
    add(name, f())
add("sum", b(5))
add("sum", i(3, dtype=torch.int32), dtype=torch.float32)
add("any", b(2, 3))
for name in ("sum.dim_IntList", "mean.dim"):
    add(name, f(2, 3, 4), [1], True)
    add(name, f(2, 3, 4), [0, -1])
    add(name, f(2, 3), None)
for name in ("amax", "amin"):
    add(name, f(2, 3, 4), [0, 2])
    add(name, i(2, 3))
    add(name, b(2, 3), [1])
for name in ("max.dim", "min.dim", "median.dim"):
    add(name, f(2, 3, 4), 1)
    add(name, f(2, 3), -1, True)
add("prod.dim_int", f(2, 3), 1)
add("logsumexp", f(2, 3), [1], True)
for correction in (None, 0, 1, 0.5):
    add("var.correction", f(3, 4), [1], correction=correction)
    add("std.correction", f(3, 4), None, correction=correction, keepdim=True)
add("var_mean.correction", f(3, 4), [0], correction=1)
add("var.dim", f(3, 4), [0], False, True)
for order in (0, 1, 2, 3, INF, -INF):
    add("linalg_vector_norm", f(3, 4), order, [1])
add("linalg_vector_norm", f(3, 4))
for name in ("any", "all"):
    add(f"{name}.dim", b(3, 4), 1)
    add(f"{name}.dims", f(3, 4), [0, 1], True)
for name in ("argmax", "argmin"):
    add(name, f(3, 4), 1, True)
    add(name, i(3, 4), 0)
    add(name, f(3, 4), None, True)
add("aminmax", f(3, 4))
add("aminmax", f(3, 4), dim=1)
add("nansum", ODD[3:], None)
add("nansum", torch.where(b(3, 4), f(3, 4), NAN), [1])

# -- scans and orders --------------------------------------------------------------------------------------------------------

for name in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"):
    add(name, f(3, 4), 1)
    add(name, f(3, 4), 0)
    add(name, f(), 0)
for name in ("cumsum", "cumprod", "cummax", "cummin"):
    add(name, i(2, 6, low=-2, high=3), -1)
add("cumsum", i(4, dtype=torch.int32), 0, dtype=torch.float32)
add("topk", f(3, 5), 2)
add("topk", f(3, 5), 2, 0, False)
add("sort", f(3, 5))
add("sort", f(3, 5), 0, True)
add("sort.stable", i(9, low=0, high=3), stable=True)
add("kthvalue", f(3, 5), 2)
add("kthvalue", f(3, 5), 3, 0, True)
add("mode", i(3, 7, low=0, high=3))
add("mode", t([1.0, 2.0, 2.0], [3.0, 1.0, 4.0]), 0, True)
add("bucketize.Tensor", f(2, 3), t(-1.0, 0.0, 0.5))
add("bucketize.Tensor", t(1, 2, 3), t(1, 2, 3), right=True, out_int32=True)
add("searchsorted.Tensor", f(2, 5).sort().values, f(2, 3))
add("searchsorted.Tensor", f(5).sort().values, f(2, 3), side="right")
add("bincount", i(6, low=0, high=4))
add("bincount", i(6, low=0, high=4), f(6), 7)
add("_unique2", i(7, low=0, high=3), outputs=1)
add("_unique2", i(2, 4, low=0, high=3), True, True, True)
add("repeat_interleave.Tensor", t(1, 0, 3))

# -- shape -----------------------------------------------------------------------------------------------------------------

for name in ("view", "reshape", "_unsafe_view"):
    add(name, f(2, 6), [3, 4])
    add(name, f(2, 3, 4), [2, -1])
add("squeeze", f(1, 2, 1), fixed=True)
add("squeeze.dim", f(2, 1), 1, fixed=True)
add("squeeze.dims", f(1, 2, 1), [0, 2], fixed=True)
add("flatten.using_ints", f(2, 3, 4), 1)
add("unsqueeze", f(2, 3), -1)
add("permute", f(2, 3, 4), [2, 0, -2])
add("transpose.int", f(2, 3, 4), 0, -1)
add("t", f(2, 3))
add("t", f(3))
add("expand", f(3, 1), [2, 3, 4])
add("expand", f(3, 1), [-1, 4])
add("repeat", f(2, 3), [2, 1, 2])
add("tile", f(2, 3), [2])
add("cat", [f(2, 3), f(2, 4)], 1)
add("cat", [f(2), i(3)])
add("stack", [f(2, 3), f(2, 3)], -1)
add("constant_pad_nd", f(2, 3), [1, 2])
add("constant_pad_nd", f(2, 3, 4), [1, -1, 0, 2], 1.5)
for spatial in (1, 2, 3):
    for name in ("reflection", "replication"):
        add(f"{name}_pad{spatial}d", f(2, *(4,) * spatial), [1, 2] * spatial)
add("slice.Tensor", f(5, 3), 0, 1, -1)
add("slice.Tensor", f(5, 3), 0, -3)
add("slice.Tensor", f(7), 0, 1, 6, 2)
add("narrow", f(5, 3), 0, 1, 2)
add("select.int", f(3, 4), 1, -1)
add("split_with_sizes", f(6, 2), [1, 2, 3])
add("split.Tensor", f(5, 2), 2, fixed=True)
add("split.Tensor", f(6, 2), 2, fixed=True)
add("chunk", f(2, 6), 3, 1, fixed=True)
add("unbind.int", f(3, 2), fixed=True)
add("flip", f(2, 3, 4), [0, 2])
add("roll", f(4, 3), [1], [0])
add("roll", f(4, 3), [-1, 2], [0, 1])
add("roll", f(4, 3), [5])
for name in ("tril", "triu"):
    add(name, f(3, 4))
    add(name, f(2, 3, 3), 1)
add("slice_scatter", f(5, 3), f(2, 3), 0, 1, 3)
add("slice_scatter", f(6, 3), f(3, 3), 0, 0, 6, 2, fixed=True)
add("select_scatter", f(3, 4), f(3), 1, -1)
for offset in (0, 1, -1):
    add("diagonal", f(3, 4), offset)
    add("diagonal", f(2, 3, 4), offset, 0, 2)
add("diagonal_scatter", f(3, 4), f(3), 1)
add("diagonal_scatter", f(2, 3, 4), f(3, 2), 0, 0, 2)
add("unfold", f(2, 7), 1, 3, 2)
add("unfold", f(5, 2), 0, 2, 1)
add("as_strided", f(3, 4), [2, 2], [4, 1], 1, fixed=True)

# -- index -----------------------------------------------------------------------------------------------------------------

at = t(2, 0, 1, 0)
add("embedding", f(5, 3), i(2, 3, low=0, high=5))
add("index_select", f(3, 4), 0, at)
add("gather", f(3, 4), 1, i(3, 2, low=0, high=4))
add("gather", f(4), 0, t(1).reshape(()))
add("index.Tensor", f(3, 4), [at])
add("index.Tensor", f(3, 4), [None, at])
add("index.Tensor", f(3, 4, 3), [at, None, at])
add("index.Tensor", f(2, 3, 4), [None, at, t(0, 1, 2, 3)])
add("index.Tensor", f(3, 4), [at[:, None], at[None]])
add("index.Tensor", f(3, 4), [b(3, 4)])
add("index.Tensor", f(3, 4), [t(True, False, True)])
add("index_put", f(3, 4), [at], f(4, 4))
add("index_put", f(3, 4), [at], f(4, 4), True)
add("index_put", f(3, 4), [b(3, 4)], t(2.0).reshape(()))
add("index_put", f(2, 3, 4), [None, t(0, 2)], f(2, 2, 4))
add("index_put", f(2, 3, 4), [None, t(0, 2), t(1, 3)], f(2))
add("index_put", f(2, 3, 4), [None, None, t(0, 2)], f(2, 3, 2))
add("nonzero", i(3, 4, low=0, high=2))
add("masked_select", f(3, 4), b(3, 4))
add("masked_fill.Scalar", f(3, 4), b(4), -INF)
add("masked_fill.Tensor", f(3, 4), b(3, 4), t(1.5).reshape(()))
add("masked_scatter", f(3, 4), b(3, 4), f(12))
places = t([0, 1], [1, 2], [2, 0])
add("scatter.src", f(3, 4), 1, places, f(3, 2))
add("scatter.src", f(3, 4), 1, places, f(4, 5), fixed=True)
add("scatter.value", f(3, 4), 1, places, 2.5)
add("scatter.value", f(3, 4), 0, places, -1)
add("scatter_add", f(3, 4), 1, places, f(3, 2))
add("scatter.reduce", f(3, 4), 1, places, f(3, 2), reduce="multiply")
add("scatter.value_reduce", f(3, 4), 1, places, 2.0, reduce="add")
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    for own in (True, False):
        add("scatter_reduce.two", f(3, 4), 0, t([0, 0, 1, 2], [0, 1, 1, 0]), f(2, 4), reduce, include_self=own)
for reduce in ("prod", "mean", "amax", "amin"):
    add("index_reduce", f(3, 4), 0, t(0, 2, 0), f(3, 4), reduce, include_self=False)
add("index_add", f(3, 4), 0, t(0, 2, 0), f(3, 4), alpha=2)
add("index_copy", f(3, 4), 1, t(3, 0), f(3, 2))
add("put", f(3, 4), t(1, 5), f(2))
add("put", f(3, 4), t(1, 1), f(2), True)
for mode in (0, 1, 2):
    add("_embedding_bag", f(6, 3), t(0, 1, 5, 2, 2), t(0, 2, 2), False, mode, outputs=1)
    add("_embedding_bag", f(6, 3), t(0, 1, 5, 2, 2), t(0, 2, 5), False, mode, False, None, True, 1, outputs=1)
add("_embedding_bag", f(6, 3), t(0, 1, 5), t(0, 2), False, 0, False, f(3), outputs=1)

# -- chance ----------------------------------------------------------------------------------------------------------------

for name in ("rand", "randn"):
    chance(name, [2, 3])
    chance(f"{name}_like", f(2, 3))
chance("randint", 5, [2, 3])
chance("randint.low", 2, 5, [2, 3])
chance("randint_like", f(2, 3), 5)
chance("randint_like.low_dtype", f(2, 3), 2, 5)
chance("randperm", 5)
chance("bernoulli", p(5))
chance("bernoulli.p", f(5), 0.5)
chance("multinomial", p(2, 5), 3)
chance("multinomial", p(2, 5), 3, True)
chance("normal.Tensor_float", f(3), 2.0)
chance("normal.Tensor_Tensor", f(3), p(3))
chance("normal.float_Tensor", 1.0, p(3))
for name in ("empty.memory_format", "new_empty"):
    chance(name, *([f(2)] if name == "new_empty" else []), [2, 3])
chance("empty_like", f(2, 3))
chance("empty_permuted", [2, 3], [1, 0])
chance("empty_strided", [2, 3], [3, 1])
chance("new_empty_strided", f(2), [2, 3], [3, 1])

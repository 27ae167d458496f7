"""The functions of operators that programs take one by one give what the official package's functions give."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

OURS, THEIRS = ("sardonyx.compat.onnx.reference.ops", "onnx.reference.ops")
RANDOM = np.random.RandomState(0)


def f(*shape: int) -> Any:
    return RANDOM.randn(*shape).astype(np.float32)


def i(below: int, *shape: int) -> Any:
    return RANDOM.randint(0, below, shape).astype(np.int64)


def function(module: str, name: str) -> Any:
    """Stands, among arguments, for a function of the same package."""
    return ("function of the package", module, name)


X, W, MASKED = f(2, 4, 6, 7), f(6, 2, 3, 3), np.array([[-np.inf, -np.inf], [1, 2]], np.float32)
PADDED = np.pad(X, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
Q, K, V, IMAGE = f(1, 4, 3, 8), f(1, 2, 5, 8), f(1, 2, 5, 6), f(1, 1, 4, 5)
NORM = [f(4), f(4), f(4), np.abs(f(4))]
BOXES = np.abs(f(4, 4))
GRID = np.stack([*np.meshgrid(*(np.linspace(-1, 1, n) for n in (3, 4))), np.ones((4, 3))], -1)
BLOCKS = [np.array([6, 4]), (2, 3), np.array([1, 1]), np.array([1, 1, 1, 1]), np.array([1, 1])]
HEADS = {"q_num_heads": 4, "kv_num_heads": 2}


def windows() -> Iterator[tuple[Any, ...]]:
    for pads, strides, dilations in (
        ([1, 1, 1, 1], [1, 1], [1, 1]),
        ([0, 1, 2, 3], [2, 1], [1, 1]),
        ([2] * 4, [1, 2], [2, 2]),
    ):
        yield "op_conv", "im2col", [X, (3, 3), pads, strides], {"dilations": dilations}
        yield "op_conv", "im2col", [X, (3, 3), pads, strides]
        yield "op_conv", "_conv_implementation", [X, W, f(6), "NOTSET", dilations, 2, [3, 3], pads, strides]
    yield "op_conv", "_conv_implementation", [X, W, None, "SAME_LOWER", None, 2, None, None, [2, 2]]
    yield "op_conv", "_conv_implementation", [X, W, np.zeros(1, np.float32), "NOTSET", None, 2, None, None, None]
    yield "op_conv", "_conv_implementation", [X, W, None, "NOTSET", None, 1, None, None, None]  # groups that do not fit
    yield "op_conv", "_conv_implementation", [f(1, 1, 11), f(1, 1, 3), f(1), "NOTSET", [1], 1, [3], [1, 1], [1]]
    yield "op_conv", "_make_ind", [1, (2, 3)]
    for name in ("_col2im_naive_implementation_2d", "col2im_naive_implementation"):
        yield "op_col2im", name, [f(6, 28), *BLOCKS]
        yield "op_col2im", name, [f(6, 27), *BLOCKS]  # too few columns
    yield "op_global_average_pool", "_global_average_pool", [X]
    yield "op_global_max_pool", "_global_max_pool", [X]
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield "op_pool_common", "get_pad_shape", [auto, [7, 8], [3, 2], [2, 2], [4, 4]]
        yield "op_pool_common", "get_pad_with_auto_pad", [auto, [3, 2]]
        yield "op_pool_common", "get_output_shape_auto_pad", [auto, [7, 8], [3, 2], [2, 2]]
    for pads in (None, [0, 0, 0, 0], [1, 1, 1, 1]):
        for strides, dilations in (([2, 2], None), ([2, 3], [2, 1])):
            for ceil in (False, True):
                yield (
                    "op_pool_common",
                    "get_output_shape_explicit_padding",
                    [pads, [7, 8], [3, 2], strides, dilations, ceil],
                )
    for kind in ("AVG", "MAX", "LPPOOL", "NONE"):
        for count in (0, 1):
            image = np.nan_to_num(PADDED) if count else PADDED
            around = [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1]]
            yield "op_pool_common", "pool", [image, X.shape, [3, 3], [2, 2], [3, 4], kind, *around, count, 2]
    yield "_op_common_indices", "_get_indices", [17, (2, 3, 4)]
    yield "_op_common_indices", "_get_index", [[1, 2, 1], (2, 3, 4)]
    yield "_op_common_indices", "_is_out", [(1, -1), (2, 2)]
    yield "_op_common_indices", "_is_out", [(1, 1), (2, 2)]


def sampling() -> Iterator[tuple[Any, ...]]:
    for ratio in (0.0, 0.25, 0.5, 0.75, 1.0, 1):
        for mode in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            yield "op_resize", "_nearest_coeffs", [ratio, mode]
        for name in ("_linear_coeffs", "_cubic_coeffs", "_linear_coeffs_antialias", "_cubic_coeffs_antialias"):
            yield "op_resize", name, [ratio, 0.4]
        yield "op_resize", "_cubic_coeffs", [ratio], {"A": -0.5}
    yield "op_resize", "_nearest_coeffs", [0.3, "sideways"]
    yield "op_resize", "_get_neighbor_idxes", [4.4, 3, 10]
    yield "op_resize", "_get_neighbor", [1.5, 4, f(5)]
    yield "op_resize", "_cartesian", [[np.arange(3), np.arange(2)]]
    yield "op_resize", "_get_all_coords", [f(2, 3)]
    names = (
        "_linear_coeffs",
        "_cubic_coeffs",
        "_linear_coeffs_antialias",
        "_cubic_coeffs_antialias",
        "_nearest_coeffs",
    )
    for weights in (function("op_resize", name) for name in names):
        for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"):
            how = {"coordinate_transformation_mode": mode}
            yield "op_resize", "_interpolate_nd", [IMAGE, weights], {"scale_factors": np.array([1, 1, 0.6, 0.8]), **how}
            yield "op_resize", "_interpolate_nd", [IMAGE, weights], {"output_size": np.array([1, 1, 9, 7]), **how}
        for policy, axes in (("not_larger", [2, 3]), ("not_smaller", [3, 2])):
            how = {"axes": axes, "keep_aspect_ratio_policy": policy}
            yield "op_resize", "_interpolate_nd", [IMAGE, weights], {"output_size": np.array([3, 9]), **how}
        how = {"scale_factors": np.array([1, 1, 0.8, 0.8]), "exclude_outside": True}
        yield "op_resize", "_interpolate_nd", [IMAGE, weights], how
        for region in ([0, 0, 0.4, 0.6, 1, 1, 0.6, 0.8], [0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7]):
            how = {
                "roi": np.array(region),
                "coordinate_transformation_mode": "tf_crop_and_resize",
                "extrapolation_value": 10.0,
            }
            yield "op_resize", "_interpolate_nd", [IMAGE, weights], {"output_size": np.array([1, 1, 3, 3]), **how}
    yield "op_resize", "_interpolate_nd", [IMAGE, function("op_resize", "_linear_coeffs")]
    for size in ([3, 4], [2, 3, 4]):
        for corners in (0, 1):
            yield "op_affine_grid", "construct_original_grid", [size, corners]
    yield "op_affine_grid", "apply_affine_transform", [f(2, 2, 3), GRID]
    yield "op_affine_grid", "apply_affine_transform", [f(2, 2, 4), GRID]


def attention() -> Iterator[tuple[Any, ...]]:
    yield "op_attention", "_compute_attention", [Q, K, V]
    yield "op_attention", "_compute_attention", [Q, f(1, 4, 5, 8), f(1, 4, 5, 6)]
    how = {"is_causal": 1, "softcap": 2.0, "scale": 0.3, "qk_matmul_output_mode": 2}
    yield "op_attention", "_compute_attention", [Q, K, V], how
    yield "op_attention", "_compute_attention", [f(2, 3, 16), f(2, 5, 8), f(2, 5, 8)], HEADS
    past = [f(3, 6), f(1, 2, 1, 8), f(1, 2, 1, 6)]
    yield "op_attention", "_compute_attention", [Q, K, V, *past], {"left_window_size": 2, "right_window_size": 1}
    yield "op_attention", "_compute_attention", [Q, K, V, *past], {"nonpad_kv_seqlen": np.array([3])}
    for wrong in ({"past_key": f(1, 2, 1, 8)}, {"left_window_size": -2}, {"right_window_size": -2}, HEADS):
        yield "op_attention", "_compute_attention", [Q, K, V], wrong
    yield "op_attention", "_softmax", [f(3, 4)]
    yield "op_attention", "_softmax", [MASKED]
    yield "op_attention", "_softcap", [f(3), 2.0]
    yield "op_attention", "_softcap", [f(3), 0.0]
    for offset in (1, np.array([0, 2])):
        yield "op_attention", "_apply_causal", [f(3, 5), offset]
        yield "op_attention", "_apply_sliding_window", [f(3, 5), 1, -1, offset]
        yield "op_attention", "_apply_sliding_window", [f(3, 5), 1, 0, offset]
    yield "op_rotary_embedding", "rotary_embedding", [f(2, 4, 3, 8), f(50, 4), f(50, 4), i(50, 2, 3)]
    how = {"num_heads": 2, "interleaved": 1}
    yield "op_rotary_embedding", "rotary_embedding", [f(2, 3, 16), f(50, 4), f(50, 4), i(50, 2, 3)], how
    yield "op_rotary_embedding", "rotary_embedding", [f(2, 4, 3, 8), f(50, 3), f(50, 3), i(50, 2, 3)]
    yield "op_linear_attention", "_unpack_3d_to_4d", [f(2, 3, 8), 4]
    yield "op_linear_attention", "_unpack_3d_to_4d", [f(2, 3, 8), 3]
    yield "aionnx_preview.op_flex_attention", "_compute_flex_attention", [Q, K, K]
    yield "aionnx_preview.op_flex_attention", "_compute_flex_attention", [Q, K, K], {"scale": 0.5}


def norms() -> Iterator[tuple[Any, ...]]:
    yield "op_rms_normalization", "_rms_normalization", [f(3, 4, 5), f(5)]
    yield "op_rms_normalization", "_rms_normalization", [f(3, 4, 5), f(4, 5)], {"axis": 1, "epsilon": 0.1}
    yield "op_layer_normalization", "_layer_normalization", [f(3, 4, 5), f(4, 5), f(4, 5)], {"axis": 1}
    yield "op_layer_normalization", "_layer_normalization", [f(3, 4, 5), f(5), None]
    yield "op_batch_normalization", "_batchnorm_test_mode", [X, *NORM]
    yield "op_batch_normalization", "_batchnorm_training_mode", [X, *NORM]
    yield "op_dropout", "_dropout", [X]
    yield "op_dropout", "_dropout", [X, 0.3], {"return_mask": True}
    yield "op_leaky_relu", "_leaky_relu", [f(3), 0.2]
    yield "op_celu", "_vcelu1", [f(3, 4)], {"alpha": 0.5}
    yield "op_sigmoid", "sigmoid", [f(3)]
    yield "op_sigmoid", "sigmoid", [0.3]
    loss, nll = ("op_softmax_cross_entropy_loss", "softmaxcrossentropy"), ("op_negative_log_likelihood_loss", "_compute_negative_log_likelihood_loss")  # fmt: skip
    yield *loss, [f(3, 5), i(5, 3)]
    yield *loss, [f(3, 5, 2), i(5, 3, 2), np.abs(f(5))], {"reduction": "sum", "get_log_prob": True}
    yield *loss, [f(3, 5, 2), i(5, 3, 2)], {"reduction": "none", "ignore_index": 1}
    yield *nll, [f(3, 5), i(5, 3)]
    yield *nll, [f(3, 5, 2), i(5, 3, 2), np.abs(f(5))], {"reduction": "sum", "ignore_index": 1}


def pieces() -> Iterator[tuple[Any, ...]]:
    for which in ("max", "min"):
        for name in (f"_arg{which}", f"_arg{which}_use_numpy_select_last_index"):
            yield f"op_arg{which}", name, [i(3, 4, 5), 1, True]
            yield f"op_arg{which}", name, [i(3, 4, 5), 0, False]
    yield "op_reduce_log_sum_exp", "compute_log_sum_exp", [f(3, 4), (1,), True]
    yield "op_reduce_log_sum_exp", "compute_log_sum_exp", [f(3, 4), None, False]
    for name, a, b in (("00", (2, 3), (3, 4)), ("01", (2, 3), (4, 3)), ("10", (3, 2), (3, 4)), ("11", (3, 2), (4, 3))):
        yield "op_gemm", f"_gemm{name}", [f(*a), f(*b), f(4), 0.5, 2.0]
        yield "op_gemm", f"_gemm{name}", [f(*a), f(*b), None, 1.0, 1.0]
    yield "op_matmul", "numpy_matmul", [f(2, 3), f(3, 4)]
    yield "op_concat_from_sequence", "_concat_from_sequence", [[f(2, 3), f(2, 3)], 1]
    yield "op_concat_from_sequence", "_concat_from_sequence", [[f(2, 3), f(2, 3)], -1, 1]
    for more in ([], [np.array([0])], [np.array([-1])]):
        yield "op_sequence_insert", "sequence_insert_reference_implementation", [[f(2), f(3)], f(1), *more]
    yield "op_sequence_insert", "sequence_insert_reference_implementation", [None, f(1)]
    yield "op_expand", "common_reference_implementation", [f(3, 1), np.array([2, 1, 6])]
    yield "op_reshape", "reshape_reference_implementation", [f(2, 3, 4), np.array([0, -1])]
    yield "op_reshape", "reshape_reference_implementation", [f(0, 3), np.array([3, 0]), 1]
    for mode in ("constant", "edge", "reflect", "wrap"):
        yield "op_pad", "_pad_impl", [f(3, 4), [1, 1, 2, 1], mode]
    yield "op_pad", "_pad_impl", [f(3, 4), np.array([1, 2]), "constant", 3.5, [1]]
    yield "op_pad", "_pad_impl", [f(3, 4), np.array([1, 2]), "constant"]
    yield "op_slice", "_slice", [f(4, 5), np.array([1]), np.array([3])]
    yield "op_slice", "_slice", [f(4, 5), [1, -1], [9, 0], [0, 1], [1, -2]]
    yield "op_slice", "_slice", [f(4, 5), np.array(1), np.array(3), np.array([1])]
    yield "op_gather_elements", "gather_numpy", [f(3, 4), 1, i(4, 3, 2)]
    yield "op_gather_elements", "gather_numpy", [f(3, 4), 0, i(3, 2, 4)]
    yield "op_gather_elements", "gather_numpy_2", [f(3, 4), i(4, 3, 1)]
    yield "op_gathernd", "_gather_nd_impl", [f(3, 4, 2), i(3, 5, 2), 0]
    yield "op_gathernd", "_gather_nd_impl", [f(2, 3, 4), i(3, 2, 1), 1]
    for reduction in (None, "add", "mul", "min", "max"):
        yield "op_scatter_elements", "scatter_elements", [f(3, 4), i(4, 2, 3), f(2, 3), 1, reduction]
        yield "op_scatternd", "_scatter_nd_impl", [f(3, 4), i(3, 2, 1), f(2, 4), reduction]
    yield "op_one_hot", "_one_hot", [i(5, 3), 5]
    yield "op_one_hot", "_one_hot", [np.array([0, -1, 7]), 5], {"axis": 0, "dtype": np.int32}
    yield "op_topk", "topk_sorted_implementation", [f(3, 6), 2, 1, 1]
    yield "op_topk", "topk_sorted_implementation", [f(3, 6), np.array([2]), 0, 0]
    yield "op_topk", "topk_sorted_implementation", [f(3, 6), np.array([2, 3]), 0, 0]
    yield "op_unique", "_specify_int64", [[1], [2], [3]]
    for scale, axis, block in ((f(1), 0, None), (f(3), 1, None), (f(2, 2), 1, 2), (f(3, 2), 1, 2), (f(3), 2, None)):
        yield "_quant_utils", "reshape_input", [scale, (2, 3), axis, block]
    yield "op_non_max_suppression", "max_min", [2, 1]
    for center in (0, 1):
        for share in (0.05, 0.3, 0.9):
            yield "op_non_max_suppression", "suppress_by_iou", [BOXES, 0, 1, center, share]
            yield "op_non_max_suppression", "suppress_by_iou", [BOXES, 2, 3, center, share]
    yield "op_string_split", "split_with_padding", [np.array(["a b c", "d"], object)]
    yield "op_string_split", "pad_empty_string", [["a"], 2]
    yield "op_string_split", "pad_empty_string", ["a", 2]
    for name in ("_fft", "_ifft"):
        yield "op_dft", name, [f(2, 8), 8, 1]
    yield "op_dft", "_irfft", [f(2, 5), 8, 1]
    yield "op_dft", "_cfft", [f(2, 8, 1), 8, 1, True, False]
    yield "op_dft", "_cfft", [f(2, 8, 1), 8, 1, False, True]
    yield "op_dft", "_cifft", [f(2, 8, 2), 8, 1]
    for to, saturate in ((10, True), (17, True), (17, False), (16, False), (7, True), (8, True), (22, True)):
        yield "op_cast", "cast_to", [f(3), to, saturate]
    yield "op_cast", "cast_to", [f(3), 24, True, "up"]
    yield "op_cast_like", "_cast_like", [f(3), i(3, 2), True]


def learning() -> Iterator[tuple[Any, ...]]:
    yield "aionnxml.op_binarizer", "compute_binarizer", [f(3, 4), 0.2]
    yield "aionnxml.op_array_feature_extractor", "_array_feature_extractor", [f(3, 4), i(4, 2)]
    yield "aionnxml.op_array_feature_extractor", "_array_feature_extractor", [f(4), i(4, 1, 2)]
    for name in ("compute_logistic", "compute_probit", "erf_inv"):
        for z in (0.01, 0.3, 0.9):
            yield "aionnxml._common_classifier", name, [z]
    yield "aionnxml._common_classifier", "erf_inv", [1.0]
    for name in ("softmax", "softmax_zero", "expit", "logistic"):
        yield "aionnxml._common_classifier", name, [f(3, 4)]
        yield "aionnxml._common_classifier", name, [f(4)]
    yield "aionnxml._common_classifier", "softmax_zero", [np.array([0, 1, 0, -1], np.float32)]
    yield "aionnxml._common_classifier", "probit", [np.abs(f(3)) % 1]
    x, g, v, h = f(3), f(3), f(3), np.abs(f(3))
    yield "aionnx_preview_training.op_adagrad", "_apply_adagrad", [0.1, 0, x, g, h, 0.001, 1e-5, 0.1]
    yield "aionnx_preview_training.op_adam", "_apply_adam", [0.1, 0, x, g, v, h, 0.001, 0.0, 0.9, 0.999, 1e-5]
    for name in ("_apply_momentum", "_apply_nesterov"):
        yield "aionnx_preview_training.op_momentum", name, [0.1, 1, x, g, v, 0.001, 0.9, 0.1]


def call(root: str, module: str, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    def given(x: Any) -> Any:
        if isinstance(x, tuple) and x[:1] == ("function of the package",):
            return getattr(importlib.import_module(f"{root}.{x[1]}"), x[2])
        return copy.deepcopy(x)

    try:
        return getattr(importlib.import_module(f"{root}.{module}"), name)(*map(given, args), **copy.deepcopy(keywords))
    except Exception as error:
        return error


def same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind in "OU":
        return y.dtype.kind in "OU" and x.tolist() == y.tolist()
    alike = x.dtype == y.dtype and x.shape == y.shape
    return alike and np.allclose(x.astype(complex), y.astype(complex), rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("family", [windows, sampling, attention, norms, pieces, learning])
def test_functions_give_the_same(family: Any) -> None:
    count = 0
    for module, name, args, *more in family():
        keywords = more[0] if more else {}
        found, wanted = (call(root, module, name, args, keywords) for root in (OURS, THEIRS))
        shown = f"{module}.{name}({args}, {keywords}): {found!r} is not {wanted!r}"
        count += 1
        if isinstance(wanted, Exception):
            assert isinstance(found, type(wanted)), shown
        else:
            assert not isinstance(found, Exception) and same(wanted, found), shown
    assert count > 15


def test_enums_of_tree_ensembles() -> None:
    mine, theirs = (importlib.import_module(f"{root}.aionnxml.op_tree_ensemble") for root in (OURS, THEIRS))
    for name in ("AggregationFunction", "Mode", "PostTransform"):
        assert dict(getattr(mine, name).__members__) == dict(getattr(theirs, name).__members__)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("strides", [[1, 1], [1, 2]])
def test_columns_times_weights_are_a_convolution(kernel: tuple[int, int], strides: list[int]) -> None:
    """The experimental operator Im2Col takes the shape of the weights."""
    import sardonyx.compat.onnx as onnx
    from sardonyx.compat.onnx.reference import ReferenceEvaluator

    h = onnx.helper
    how = {"pads": [1, 1, 1, 2], "strides": strides, "dilations": [1, 1]}
    nodes = [
        h.make_node("Conv", ["x", "w"], ["y"], **how),
        h.make_node("Shape", ["w"], ["s"]),
        h.make_node("Im2Col", ["x", "s"], ["c"], domain="experimental", **how),
        h.make_node("Flatten", ["w"], ["f"]),
        h.make_node("MatMul", ["f", "c"], ["z"]),
    ]
    infos = [[h.make_tensor_value_info(n, 1, None) for n in names] for names in ("xw", "yz")]
    proto = h.make_model(
        h.make_graph(nodes, "g", *infos), opset_imports=[h.make_opsetid("", 16), h.make_opsetid("experimental", 1)]
    )
    y, z = ReferenceEvaluator(proto).run(None, {"x": f(1, 1, 7, 7), "w": f(1, 1, *kernel)})
    np.testing.assert_allclose(y.reshape(-1), z.reshape(-1), rtol=1e-5, atol=1e-6)


def test_modules_say_what_they_hold() -> None:
    from sardonyx.compat.onnx.reference.ops import op_conv

    assert {"Conv", "im2col", "_conv_implementation"} <= set(dir(op_conv))
    with pytest.raises(AttributeError, match="op_conv' has no attribute 'nothing'"):
        _ = op_conv.nothing
    with pytest.raises(ImportError):
        importlib.import_module(f"{OURS}.op_nothing")

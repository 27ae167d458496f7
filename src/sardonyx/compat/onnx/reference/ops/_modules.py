"""The modules under `ops`: one per operator, whose contents are looked up when they are asked for.

``ops.op_conv`` gives the class `Conv` and the functions that programs take from there. None of them is a file: their
names are a matter of the interface, their contents are the rows of two tables.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from sardonyx.compat.onnx.reference import op_run
from sardonyx.compat.onnx.reference.ops import _boxes, _op, _op_list, _shapes
from sardonyx.compat.onnx.reference.ops._constants import CONSTANTS

__all__ = ["register"]

ROOT = __name__.rpartition(".")[0]

# The functions and classes that a module gives beside those of its operators: from which file here, and their names.
_POOLS = "get_pad_shape get_pad_with_auto_pad get_output_shape_explicit_padding get_output_shape_auto_pad pool"
_LASTS = "_argmax_use_numpy_select_last_index _argmin_use_numpy_select_last_index"
# fmt: off
HELPERS: dict[str, tuple[str, str]] = {
    "_op_common_indices": ("_windows", "_get_index _get_indices _is_out"),
    "_op_common_pool": ("_shapes", "_get_output_shape _get_output_shape_no_ceil _get_pad_shape _pool"),
    "_op_common_random": ("_op", "_CommonRandom"),
    "_op_common_window": ("_op", "_CommonWindow"),
    "_quant_utils": ("_pieces", "reshape_input"),
    "op_affine_grid": ("_sampling", "apply_affine_transform construct_original_grid"),
    "op_argmax": ("_pieces", f"_argmax {_LASTS}"),
    "op_argmin": ("_pieces", f"_argmin {_LASTS}"),
    "op_attention": ("_attend", "_apply_causal _apply_sliding_window _compute_attention _softcap _softmax"),
    "op_batch_normalization": ("_norms", "_batchnorm_test_mode _batchnorm_training_mode"),
    "op_cast": ("_pieces", "cast_to"),
    "op_cast_like": ("_pieces", "_cast_like cast_to"),
    "op_causal_conv_with_state": ("_windows", "_conv_implementation"),
    "op_celu": ("_norms", "_vcelu1"),
    "op_col2im": ("_windows", "_col2im_naive_implementation_2d col2im_naive_implementation _get_indices _is_out"),
    "op_constant": ("_pieces", "_check_dtype"),
    "op_concat_from_sequence": ("_pieces", "_concat_from_sequence"),
    "op_conv": ("_windows", "_conv_implementation _make_ind im2col"),
    "op_deform_conv": ("_windows", "_deform_conv_implementation"),
    "op_dft": ("_pieces", "_cfft _cifft _fft _ifft _irfft"),
    "op_dropout": ("_norms", "_dropout"),
    "op_expand": ("_pieces", "common_reference_implementation"),
    "op_gather_elements": ("_pieces", "gather_numpy gather_numpy_2"),
    "op_gathernd": ("_pieces", "_gather_nd_impl"),
    "op_gemm": ("_pieces", "_gemm00 _gemm01 _gemm10 _gemm11"),
    "op_global_average_pool": ("_windows", "_global_average_pool"),
    "op_global_max_pool": ("_windows", "_global_max_pool"),
    "op_layer_normalization": ("_norms", "_layer_normalization"),
    "op_leaky_relu": ("_norms", "_leaky_relu"),
    "op_linear_attention": ("_attend", "_unpack_3d_to_4d"),
    "op_matmul": ("_pieces", "numpy_matmul"),
    "op_negative_log_likelihood_loss": ("_norms", "_compute_negative_log_likelihood_loss"),
    "op_non_max_suppression": ("_pieces", "max_min suppress_by_iou"),
    "op_one_hot": ("_pieces", "_one_hot"),
    "op_pad": ("_pieces", "_pad_impl"),
    "op_pool_common": ("_windows", _POOLS),
    "op_reduce_log_sum": ("_pieces", "_check_integer_input"),
    "op_reduce_log_sum_exp": ("_pieces", "_check_integer_input compute_log_sum_exp"),
    "op_reshape": ("_pieces", "reshape_reference_implementation"),
    "op_resize": ("_sampling", "_cartesian _cubic_coeffs _cubic_coeffs_antialias _get_all_coords _get_neighbor "
                               "_get_neighbor_idxes _interpolate_1d_along_axis _interpolate_nd _linear_coeffs "
                               "_linear_coeffs_antialias _nearest_coeffs _compute_x_ori _interpolate_1d_with_x "
                               "_interpolate_nd_with_x"),
    "op_rms_normalization": ("_norms", "_rms_normalization"),
    "op_roi_align": ("_boxes", "PreCalc"),
    "op_rotary_embedding": ("_attend", "rotary_embedding"),
    "op_scatter_elements": ("_pieces", "scatter_elements"),
    "op_scatternd": ("_pieces", "_scatter_nd_impl"),
    "op_sequence_insert": ("_pieces", "sequence_insert_reference_implementation"),
    "op_sigmoid": ("_norms", "sigmoid"),
    "op_slice": ("_pieces", "_slice"),
    "op_softmax_cross_entropy_loss": ("_norms", "softmaxcrossentropy"),
    "op_stft": ("_signals", "_concat _stft _unsqueeze"),
    "op_string_split": ("_pieces", "pad_empty_string split_with_padding"),
    "op_tfidf_vectorizer": ("_grams", "IntMap NgramPart WeightingCriteria populate_grams"),
    "op_topk": ("_pieces", "topk_sorted_implementation"),
    "op_unique": ("_pieces", "_specify_int64"),
    "aionnx_preview.op_flex_attention": ("_attend", "_call_mod_graph _compute_flex_attention _get_softmax_dtype"),
    "aionnx_preview_training.op_adagrad": ("_learn", "_apply_adagrad"),
    "aionnx_preview_training.op_adam": ("_learn", "_apply_adam"),
    "aionnx_preview_training.op_momentum": ("_learn", "_apply_momentum _apply_nesterov"),
    "aionnxml._common_classifier": ("_learn", "compute_logistic compute_probit compute_softmax_zero erf_inv expit "
                                              "logistic probit softmax softmax_zero"),
    "aionnxml.op_array_feature_extractor": ("_learn", "_array_feature_extractor"),
    "aionnxml.op_binarizer": ("_learn", "compute_binarizer"),
    "aionnxml.op_svm_classifier": ("_votes", "multiclass_probability set_score_svm sigmoid_probability write_scores"),
    "aionnxml.op_svm_helper": ("_ensembles", "SVMAttributes SVMCommon"),
    "aionnxml.op_tree_ensemble": ("_ensembles", "AggregationFunction Leaf Mode Node PostTransform"),
    "aionnxml.op_tree_ensemble_helper": ("_ensembles", "TreeEnsemble TreeEnsembleAttributes"),
}


def _newest(op_type: str) -> type[op_run.OpRun]:
    return _op_list.classes("")[op_type][None]


# What modules give beside that, from other files.
MORE: dict[str, dict[str, Any]] = {
    "op_cast": {"Cast_25": _newest("Cast")},
    "op_cast_like": {"CastLike_25": _newest("CastLike")},
    "op_reduce_min": {"ReduceMin_11": _op_list.classes("")["ReduceMin"][1]},
    "_op_common_pool": {"CommonPool": _op.CommonPool},
    "op_attribute_has_value": {"AttributeHasValue": _op.AttributeHasValue},
    "op_col2im": {"_col2im_shape_check": _shapes._col2im_shape_check, "_col2im_shape_check_2d": _shapes._col2im_shape_check_2d},
    "op_non_max_suppression": {held.__name__: held for held in (_boxes.BoxInfo, _boxes.PrepareContext, _boxes.SelectedIndex)},
    **CONSTANTS,
}
# What a module takes from another one, where the list above has it: programs import it from either.
BORROWED: dict[str, str] = {
    "_op_common_pool": "op_pool_common _op_common_indices",
    "aionnxml.op_linear_classifier": "aionnxml._common_classifier",
    "aionnxml.op_svm_classifier": "aionnxml._common_classifier aionnxml.op_svm_helper",
    "aionnxml.op_svm_regressor": "aionnxml.op_svm_helper",
    "aionnxml.op_tree_ensemble_classifier": "aionnxml._common_classifier aionnxml.op_tree_ensemble_helper",
    "aionnxml.op_tree_ensemble_regressor": "aionnxml.op_tree_ensemble_helper",
    "experimental.op_im2col": "op_conv",
    "op_attention": "op_matmul",
    "op_conv_integer": "op_conv",
    "op_conv_transpose": "op_col2im",
    "op_grid_sample": "op_resize",
    "op_log_softmax": "op_softmax",
    "op_pool_common": "op_max_pool",
    "op_qlinear_conv": "op_conv",
    "op_stft": "op_concat_from_sequence op_slice",
}
# fmt: on


class _Module(ModuleType):
    """A module whose attributes `find` gives by name, or raises KeyError."""

    def __init__(self, name: str, doc: str, find: Callable[[str], Any], names: Callable[[], Iterable[str]]) -> None:
        super().__init__(f"{ROOT}.{name}", doc)
        self._find, self._names = find, names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            value = self._find(name)
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names()})


def _functions(module: str) -> list[str]:
    return [*HELPERS.get(module, ("", ""))[1].split(), *MORE.get(module, ())]


def _lenders(module: str) -> list[ModuleType]:
    return [importlib.import_module(f"{ROOT}.{lender}") for lender in BORROWED.get(module, "").split()]


def _helper(module: str, name: str) -> Any:
    if name in MORE.get(module, ()):
        return MORE[module][name]
    if name in HELPERS.get(module, ("", ""))[1].split():
        return getattr(importlib.import_module(f"{ROOT}.{HELPERS[module][0]}"), name)
    for lender in _lenders(module):
        if hasattr(lender, name):
            return getattr(lender, name)
    if name == "OpRun":
        return op_run.OpRun
    raise KeyError(name)


def _own(domain: str, op_types: Iterable[str]) -> dict[str, type[op_run.OpRun]]:
    """The classes of some operators by name, with what they derive from."""
    made = [cls for op_type in op_types for cls in _op_list.classes(domain).get(op_type, {}).values()]
    known = [base for cls in made for base in reversed(cls.__mro__) if issubclass(base, op_run.OpRun)]
    return {cls.__name__: cls for cls in known if cls is not _op_list.OpRunReference}


def _of_operator(module: str, domain: str, op_types: Iterable[str], name: str) -> Any:
    own = _own(domain, op_types)
    return own[name] if name in own else _helper(module, name)


def _names_of_operator(module: str, domain: str, op_types: Iterable[str]) -> list[str]:
    lent = [name for lender in _lenders(module) for name in dir(lender) if not name.startswith("__")]
    return [*_own(domain, op_types), *_functions(module), *lent]


def _of_domain(domain: str, name: str) -> Any:
    if name == "load_op":
        return partial(_load_op, domain)
    if name == "_registered_operators":  # programs look whether it is made already
        return _op_list.classes(domain)
    if name == "_build_registered_operators":
        return partial(_op_list.classes, domain)
    if name in ("OpFunction", "OpRun"):
        return getattr(op_run, name)
    base = _op_list.domain_base(domain)
    return base if name == base.__name__ else _op_list.by_class_name(domain)[name]


def _names_of_domain(domain: str) -> list[str]:
    base = _op_list.domain_base(domain).__name__
    return [*_op_list.by_class_name(domain), base, "OpFunction", "OpRun", "_build_registered_operators", "load_op"]


def _load_op(mine: str, domain: str, op_type: str, version: int | None = None, custom: Any = None) -> Any:
    if domain != mine and custom is None:
        raise ValueError(f"domain '{domain}' is not '{mine}'")
    return _op_list.load_of_domain(mine, op_type, version, custom)


def _place(module: _Module, *, package: bool = False) -> None:
    """Make a module importable."""
    name = module.__name__
    spec = ModuleSpec(name, None, is_package=package)
    module.__spec__, module.__package__ = spec, name if package else name.rpartition(".")[0]
    if package:
        module.__path__ = []
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    setattr(sys.modules[parent], last, module)


def register() -> None:
    """Make every module under `ops` importable that is no file."""
    for domain, prefix in _op_list.DOMAINS.items():
        if prefix:
            find, names = (partial(f, domain) for f in (_of_domain, _names_of_domain))
            package = prefix.removesuffix(".")
            _place(_Module(package, f"The operators of {domain}.", find, names), package=True)
            _place(_Module(f"{prefix}_op_list", f"The classes of {domain}.", find, names))
            short = package.removeprefix("aionnx_preview_")
            _place(_Module(f"{prefix}_op_run_{short}", f"What the classes of {domain} derive from.", find, names))
    found: dict[str, tuple[str, list[str]]] = {}
    for domain in _op_list.DOMAINS:
        for op_type in _op_list.classes(domain):
            found.setdefault(_op_list.module_of(op_type, domain), (domain, []))[1].append(op_type)
    for module in (HELPERS.keys() | MORE.keys()) - found.keys():
        found[module] = ("", [])
    for module, (domain, op_types) in sorted(found.items()):
        doc = f"Runs {', '.join(op_types)}." if op_types else "Functions that several operators use."
        find, names = (partial(f, module, domain, op_types) for f in (_of_operator, _names_of_operator))
        _place(_Module(module, doc, find, names))

"""Every rule against torch: the call is exported as it stands, with sizes fixed and with all of them open, and run."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

import sardonyx as sx
from sardonyx.core.compare import compare
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.dtypes import array_of
from sardonyx.frontends.torch.export import DEFAULT_OPSET, translated
from sardonyx.frontends.torch.registry import RULES, overload_of
from sardonyx.ir import Model
from tests.frontends.torch.cases import CASES, CHANCE, Case
from tests.frontends.torch.running import with_onnxruntime

TOLERANCES = {"float32": 2e-5, "float64": 1e-10, "float16": 2e-3}
# Rules that no single exported call reaches; what does is named.
ELSEWHERE = {
    "aten::_local_scalar_dense": "test_export.py: sizes from data",
    "aten::item": "test_export.py: sizes from data",
}


class Call(torch.nn.Module):
    """The overload as a module of the tensors among its arguments."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        overload = overload_of(f"aten::{case.name}")
        assert overload is not None
        self.overload, self.outputs, self.open = overload, case.outputs, case.open
        self.leaves, self.spec = pytree.tree_flatten((case.args, case.kwargs))

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        return tuple(x for x in self.leaves if isinstance(x, torch.Tensor))

    def open_axes(self, i: int) -> dict[int, Any]:
        """The axes of the i-th tensor that may have another size; torch takes a size of 1 for fixed."""
        if self.open is not None and i >= self.open:
            return {}
        return {axis: torch.export.Dim.AUTO for axis, n in enumerate(self.tensors[i].shape) if n > 1}

    def forward(self, *tensors: torch.Tensor) -> Any:
        given = iter(tensors)
        leaves = [next(given) if isinstance(x, torch.Tensor) else x for x in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        result = self.overload(*args, **kwargs)
        if self.outputs is None:
            return result
        return result[0] if self.outputs == 1 else tuple(result[: self.outputs])


def exported(call: Call, *, dynamic: bool) -> Model:
    sizes = {"tensors": tuple(call.open_axes(i) for i in range(len(call.tensors)))}
    with torch.no_grad():
        program = torch.export.export(call, call.tensors, dynamic_shapes=sizes if dynamic else None, strict=False)
    assert call.overload in {n.target for n in program.graph.nodes}, "torch replaced the call"
    return translated(program, DEFAULT_OPSET)


def runs(model: Model, inputs: list[np.ndarray]) -> dict[str, list[Any]]:
    """The results of every witness that can run the model."""
    found: dict[str, list[Any]] = {}
    with contextlib.suppress(UnsupportedError):
        found["references"] = sx.evaluate(model, inputs)
    try:
        found["onnxruntime"] = with_onnxruntime(
            model, dict(zip([v.name for v in model.graph.inputs], inputs, strict=True))
        )
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error) and "Type Error" not in str(error):
            raise
    assert found, "nothing can run it"
    return found


def can_be_open(case: Case) -> bool:
    call = Call(case)
    return not case.fixed and any(call.open_axes(i) for i in range(len(call.tensors)))


TRIED = [(case, False) for case in CASES] + [(case, True) for case in CASES if can_be_open(case)]


@pytest.mark.parametrize(("case", "dynamic"), TRIED, ids=[f"{c}-{'open' if d else 'fixed'}" for c, d in TRIED])
def test_it_gives_what_torch_gives(case: Case, dynamic: bool) -> None:
    call = Call(case)
    expected = [array_of(x) for x in pytree.tree_leaves(call(*call.tensors)) if isinstance(x, torch.Tensor)]
    model = exported(call, dynamic=dynamic)
    for witness, results in runs(model, [array_of(x) for x in call.tensors]).items():
        assert len(results) == len(expected)
        for i, (ours, theirs) in enumerate(zip(results, expected, strict=True)):
            difference = compare(f"{i}", ours, theirs, TOLERANCES.get(theirs.dtype.name))
            assert difference.ok, f"{witness}: {difference.fault}"


@pytest.mark.parametrize("case", CHANCE, ids=str)
def test_chance_gives_the_type(case: Case) -> None:
    call = Call(case)
    expected = array_of(call(*call.tensors))
    inputs = [array_of(x) for x in call.tensors]
    for results in runs(exported(call, dynamic=False), inputs).values():
        assert (results[0].dtype, results[0].shape) == (expected.dtype, expected.shape)
        if case.name.startswith("randint"):
            assert results[0].min() >= (2 if "low" in case.name else 0)
            assert results[0].max() < 5
        if case.name == "randperm":
            assert sorted(results[0]) == list(range(5))


def test_every_rule_has_a_case() -> None:
    tried = {f"aten::{case.name}" for case in CASES + CHANCE}
    untried = sorted(name for name in RULES if name.startswith("aten::") and name not in tried | ELSEWHERE.keys())
    assert not untried


def core_operators() -> set[str]:
    """The names that torch marks as core."""
    found: set[str] = set()
    for schema in torch._C._jit_get_all_schemas():
        name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        overload = overload_of(name) if name.startswith("aten::") else None
        if overload is not None and torch.Tag.core in overload.tags:
            found.add(name)
    return found


# Of torch's core set, what a model in use does not contain, or what torch writes with other operators.
LEFT_OUT = {
    "_fft_c2r": "complex numbers", "_fft_r2c": "complex numbers", "_native_batch_norm_legit": "training",
    "atan2.out": "writes into an argument", "resize_": "writes into an argument",
    "sym_numel": "a size", "sym_size.int": "a size", "sym_stride.int": "memory layout",
    "sym_storage_offset": "memory layout", "sym_is_contiguous": "memory layout",
}  # fmt: skip


def test_the_core_operators_have_rules() -> None:
    core = core_operators()
    assert len(core) > 180
    missing = {name.removeprefix("aten::") for name in core - RULES.keys() if not name.endswith("_backward")}
    assert missing == LEFT_OUT.keys()

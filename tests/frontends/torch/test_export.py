"""The whole way: names, sizes, containers, weights, warnings, refusals."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import DTypeError, InputError, UnsupportedError, VerifyError
from sardonyx.frontends.torch import aten, from_torch
from sardonyx.frontends.torch.registry import RULES
from sardonyx.frontends.torch.verify import verify_export
from tests.frontends.torch.running import assert_like_torch


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.conv(image))), 2)
        return self.fc(self.drop(x.flatten(1)))


@pytest.fixture(scope="module")
def digits() -> tuple[nn.Module, sx.Model]:
    module = Digits().eval()
    module.norm.running_mean.uniform_()
    return module, from_torch(module, (torch.randn(2, 1, 8, 8),), dynamic_shapes={"image": {0: "batch"}})


def test_a_convolutional_network_at_another_batch(digits: tuple[nn.Module, sx.Model]) -> None:
    module, model = digits
    assert [n.op_type for n in model.graph.nodes] == [
        "Conv", "BatchNormalization", "Relu", "MaxPool", "Reshape", "Gemm",
    ]  # fmt: skip
    for batch in (1, 2, 7):
        assert_like_torch(model, module, torch.randn(batch, 1, 8, 8))


def test_it_is_legal(digits: tuple[nn.Module, sx.Model]) -> None:
    check(digits[1])


def test_names_are_the_users(digits: tuple[nn.Module, sx.Model]) -> None:
    _, model = digits
    assert [str(v.type) for v in model.graph.inputs] == ["float32[batch, 1, 8, 8]"]
    assert [v.name for v in model.graph.inputs + model.graph.outputs] == ["image", "output"]
    assert {"conv.weight", "norm.running_var", "fc.bias"} <= set(model.graph.initializers)
    nodes = {n.name: n for n in model.graph.nodes}
    assert "conv.Conv" in nodes
    assert nodes["Relu"].source is not None
    assert nodes["Relu"].source.split("/")[-1].startswith("test_export.py:")
    again = sx.load(sx.to_bytes(model))
    assert [n.source for n in again.graph.nodes] == [n.source for n in model.graph.nodes]


def test_verification_is_noted(digits: tuple[nn.Module, sx.Model]) -> None:
    assert digits[1].metadata["verified"].startswith("against torch")


def test_a_wrong_model_is_not_verified(digits: tuple[nn.Module, sx.Model]) -> None:
    module, model = digits
    wrong = model.clone()
    next(n for n in wrong.graph.nodes if n.op_type == "Relu").op_type = "Neg"
    with pytest.raises(VerifyError, match="differs from torch: it differs by"):
        verify_export(wrong, module, (torch.randn(2, 1, 8, 8),), {})


def test_weights_are_shared_and_tied_ones_are_one() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.head = nn.Linear(4, 9, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.embed(ids))

    module = Tied()
    model = from_torch(module, (torch.tensor([[1, 2]]),))
    held = [v.const for v in model.graph.initializers.values() if v.const is not None and v.const.size == 36]
    assert len(held) == 1
    assert np.shares_memory(held[0].numpy(), module.embed.weight.detach().numpy())


@dataclass
class Result:
    scores: torch.Tensor
    pair: tuple[torch.Tensor, torch.Tensor]


torch.export.register_dataclass(Result)


def returned(kind: Any) -> sx.Model:
    def function(x: torch.Tensor) -> Any:
        return kind(x)

    return from_torch(function, (torch.randn(3),))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (lambda x: x + 1, ["output"]),
        (lambda x: (x + 1, x * 2), ["output_0", "output_1"]),
        (lambda x: {"a": x + 1, "b": [x * 2, x * 3]}, ["a", "b_0", "b_1"]),
        (lambda x: Result(x + 1, (x * 2, x * 3)), ["scores", "pair_0", "pair_1"]),
        (lambda x: {"x": x, "y": x + 1}, ["x_1", "y"]),  # an input that is returned gets a name of its own
    ],
)
def test_outputs_are_named_for_what_holds_them(kind: Any, names: list[str]) -> None:
    model = returned(kind)
    assert [v.name for v in model.graph.outputs] == names
    assert_like_torch(model, kind, torch.randn(3))


def test_given_names_win() -> None:
    model = from_torch(lambda a, b: a - b, (torch.ones(2), torch.ones(2)), input_names=["left", "right"], output_names=["difference"])  # fmt: skip
    assert [v.name for v in model.graph.inputs + model.graph.outputs] == ["left", "right", "difference"]


def test_inputs_may_be_nested_absent_or_plain() -> None:
    class Mixed(nn.Module):
        def forward(
            self, pair: tuple[torch.Tensor, torch.Tensor], absent: torch.Tensor | None = None, *, by: dict[str, torch.Tensor], times: int = 1
        ) -> torch.Tensor:  # fmt: skip
            return (pair[0] + pair[1] * by["scale"]) * times

    args, kwargs = ((torch.ones(2), torch.ones(2)), None), {"by": {"scale": torch.tensor(3.0)}, "times": 2}
    model = from_torch(Mixed(), args, kwargs)
    assert len(model.graph.inputs) == 3
    assert_like_torch(model, Mixed(), *args, **kwargs)


# -- dynamic sizes ---------------------------------------------------------------------------------------------------------


def joined(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    both = torch.cat([x, y], 1)
    return both.reshape(both.shape[0] * both.shape[1], -1) + both.shape[1]


@pytest.mark.parametrize(
    "form",
    [
        {"dynamic_shapes": {"x": {0: "batch", 1: "width"}, "y": {0: "batch", 1: "other"}}},
        {"dynamic_shapes": ({0: torch.export.Dim.AUTO, 1: "width"}, {0: "batch", 1: "other"})},
        {"dynamic_axes": {"x": {0: "batch", 1: "width"}, "y": {0: "batch", 1: "other"}, "output": {0: "batch"}}},
    ],
)
def test_every_form_of_dynamic_sizes(form: dict[str, Any]) -> None:
    model = from_torch(joined, (torch.randn(2, 3, 4), torch.randn(2, 5, 4)), **form)
    assert str(model.graph.outputs[0].type) == "float32[batch*other + batch*width, 4]"
    assert_like_torch(model, joined, torch.randn(1, 2, 4), torch.randn(1, 7, 4))


def test_torchs_own_dims_give_their_names() -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    model = from_torch(lambda x: x.flatten(), (torch.randn(4, 3),), dynamic_shapes=({0: batch},))
    assert str(model.graph.outputs[0].type) == "float32[3*batch]"


def test_a_derived_size_is_computed_from_the_input() -> None:
    half = torch.export.Dim("half")
    function = lambda x: torch.zeros(x.shape[0] // 2) + x[: x.shape[0] // 2]  # noqa: E731
    model = from_torch(function, (torch.randn(8),), dynamic_shapes=({0: 2 * half},))
    assert_like_torch(model, function, torch.randn(12))


def test_a_size_that_comes_from_data() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.nonzero(x > 0).float().sum(1)

    model = from_torch(function, (torch.tensor([[1.0, -1.0], [2.0, 3.0]]),))
    assert_like_torch(model, function, torch.tensor([[-1.0, -1.0], [2.0, -3.0]]))


def test_an_example_of_size_one_stays_dynamic() -> None:
    model = from_torch(lambda x: x * 2, (torch.randn(1, 3),), dynamic_shapes={"x": {0: "batch"}})
    assert str(model.graph.inputs[0].type) == "float32[batch, 3]"


def test_an_example_of_size_one_does_not_broadcast() -> None:
    function = lambda x, y: torch.cat([x + torch.zeros(1, 3), y])  # noqa: E731
    model = from_torch(function, (torch.randn(1, 3), torch.randn(1, 3)), dynamic_shapes=({0: "n"}, {0: "m"}))
    assert str(model.graph.outputs[0].type) == "float32[m + n, 3]"
    for n, m in ((1, 1), (4, 2), (3, 3)):
        assert_like_torch(model, function, torch.randn(n, 3), torch.randn(m, 3))


def test_a_size_that_must_be_one_is_told() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(3)

    with pytest.warns(UserWarning, match="axis 0 of 'x' was to be dynamic"):
        from_torch(function, (torch.randn(1, 3),), dynamic_shapes={"x": {0: "n"}})


def test_arithmetic_on_sizes_is_written_once() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n = x.shape[0]
        return torch.arange(n * 2 + 1), torch.zeros(n * 2 + 1, n)

    model = from_torch(function, (torch.randn(3),), dynamic_shapes={"x": {0: "n"}})
    assert sum(n.op_type in ("Mul", "Add") for n in model.graph.nodes) == 2
    assert_like_torch(model, function, torch.randn(5))


def test_a_size_that_the_module_fixes_is_told() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x + torch.ones(4)

    with pytest.warns(UserWarning, match="axis 0 of 'x' was to be dynamic"):
        from_torch(function, (torch.randn(4),), dynamic_shapes={"x": {0: "n"}})


def test_unknown_names_in_dynamic_shapes() -> None:
    with pytest.raises(InputError, match="names no input: 'y'"):
        from_torch(lambda x: x, (torch.randn(2),), dynamic_shapes={"y": {0: "n"}})


# -- state -----------------------------------------------------------------------------------------------------------------


def test_training_mode_is_told_and_put_back() -> None:
    module = Digits().train()
    with pytest.warns(UserWarning, match="training mode.*BatchNorm2d, Dropout"):
        model = from_torch(module, (torch.randn(2, 1, 8, 8),))
    assert module.training
    assert module.drop.training
    assert_like_torch(model, module.eval(), torch.randn(2, 1, 8, 8))


def test_in_place_operators_on_views() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[0].add_(1)
        y[:, 1] = 7
        return y.mul_(2)

    assert_like_torch(from_torch(function, (torch.randn(3, 3),)), function, torch.randn(3, 3))


# -- control flow ----------------------------------------------------------------------------------------------------------


def test_branches() -> None:
    def function(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda a, b: (a + b).relu(), lambda a, b: a * b, (x, y))

    model = from_torch(function, (torch.ones(2, 3), torch.randn(2, 3)), dynamic_shapes=({0: "n"}, {0: "n"}))
    for sign in (1, -1):
        assert_like_torch(model, function, sign * torch.rand(4, 3), torch.randn(4, 3))


def test_loops() -> None:
    from torch._higher_order_ops import while_loop

    def function(x: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start = (torch.tensor(0), x.clone())
        return while_loop(lambda i, y: (i < 9) & (y.sum() < 100), lambda i, y: (i + 1, y * 2 + step), start)

    model = from_torch(function, (torch.ones(3), torch.ones(3)))
    for scale in (1.0, 7.0, -1.0):
        assert_like_torch(model, function, torch.full((3,), scale), torch.randn(3))


def test_a_recurrent_network_over_any_length() -> None:
    module = nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = from_torch(module, (torch.randn(2, 5, 3),), dynamic_shapes={"input": {0: "batch", 1: "time"}})
    assert [n.op_type for n in model.graph.nodes].count("LSTM") == 2
    assert not [v for v in model.graph.initializers.values() if not v.uses]
    for size in ((1, 1, 3), (3, 9, 3)):
        assert_like_torch(model, module, torch.randn(*size))


# -- refusals --------------------------------------------------------------------------------------------------------------


def test_all_missing_operators_are_listed_at_once() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = torch.linalg.lu_factor(x)[0]
        return y + torch.linalg.qr(x)[0]

    with pytest.raises(UnsupportedError) as caught:
        from_torch(function, (torch.randn(3, 3),))
    assert [m.split(".")[1] for m in caught.value.missing] == ["linalg_lu_factor_ex", "linalg_qr"]
    text = str(caught.value)
    assert "test_export.py:" in text
    assert "@aten(" in text


def test_the_hint_to_add_a_rule_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "aten::linalg_inv_ex", RULES["aten::relu"])

    @aten("linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)")
    def inverse_of_diagonal(g: Any, A: Any) -> tuple[Any, None]:
        return g.Reciprocal(A), None

    model = from_torch(lambda x: torch.linalg.inv(x.reshape(1, 1)), (torch.tensor(4.0),))
    assert_like_torch(model, lambda x: 1 / x.reshape(1, 1), torch.tensor(8.0))


def test_a_decision_by_data_is_explained() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.sum() > 0 else x

    line = function.__code__.co_firstlineno + 1
    with pytest.raises(UnsupportedError, match=r"torch\.export cannot capture") as caught:
        from_torch(function, (torch.randn(2),))
    assert "known only when it runs" in str(caught.value.why)
    assert "torch.cond" in str(caught.value.fix)
    assert str(caught.value.where).endswith(f"test_export.py:{line}")


def test_what_else_torch_cannot_capture() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("not today")

    with pytest.raises(UnsupportedError, match="cannot capture _Call: not today") as caught:
        from_torch(function, (torch.randn(2),))
    assert "torch.export.export" in str(caught.value.fix)


def test_complex_numbers_are_listed() -> None:
    with pytest.raises(UnsupportedError) as caught:
        from_torch(lambda x: torch.fft.rfft(x).abs() + torch.linalg.qr(x.reshape(4, 2))[1].sum(), (torch.randn(8),))
    assert "aten._fft_r2c.default" in caught.value.missing
    assert "aten.linalg_qr.default" in caught.value.missing


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="do not fit the module: too many positional") as caught:
        from_torch(Digits().eval(), (torch.randn(2, 1, 8, 8), torch.randn(2)))
    assert "forward(image" in str(caught.value.why)
    with pytest.raises(InputError, match="missing a required argument: 'image'"):
        from_torch(Digits().eval())


@pytest.mark.parametrize("opset", [7, 99])
def test_an_opset_that_cannot_be_written(opset: int) -> None:
    with pytest.raises(InputError, match=f"opset {opset} cannot be written"):
        from_torch(lambda x: x, (torch.randn(2),), opset=opset)


def test_an_operator_that_the_opset_lacks_is_listed() -> None:
    with pytest.raises(UnsupportedError, match="HardSwish came with opset 14"):
        from_torch(functional.hardswish, (torch.randn(2),), opset=13)


def test_without_torch_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; import sardonyx as sx; sx.from_torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'sardonyx[torch]'" in done.stderr


def test_something_that_is_no_module() -> None:
    with pytest.raises(InputError, match="is no torch module"):
        from_torch(3, (torch.randn(2),))  # type: ignore[arg-type]


@pytest.mark.parametrize("opset", [17, 18, 21, 23, 24])
def test_other_opsets(opset: int) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 24)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.fc(self.norm(x)).reshape(1, -1, 2, 12).transpose(1, 2).chunk(3, -1)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return functional.gelu(y).mean(-1).squeeze(0)

    module = Block().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = from_torch(module, (torch.randn(5, 8),), opset=opset)
    assert model.opset == opset
    assert_like_torch(model, module, torch.randn(5, 8))


def test_a_module_in_bfloat16_gets_a_version_that_has_it() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).to(torch.bfloat16).eval()
    x = torch.randn(1, 3, 6, 6, dtype=torch.bfloat16)
    assert from_torch(module, x, verify=False).opset == 22
    with pytest.raises(DTypeError, match="Conv does not take bfloat16"):
        from_torch(module, x, opset=20, verify=False)

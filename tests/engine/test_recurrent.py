"""LSTM, GRU and RNN through time: every form of them against the references, at every level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx import io
from sardonyx.core.errors import InputError
from sardonyx.engine.blocking import Cutting
from sardonyx.engine.codegen import detect
from sardonyx.engine.kernels.cell_product import group_of, rest_of
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS, agree, calls, floats, run
from tests.engine.test_conformance import check
from tests.ops.test_backend_cases import cases

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
NAMES = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "LSTM": ("B", "sequence_lens", "initial_h", "initial_c", "P"),
    "GRU": ("B", "sequence_lens", "initial_h"),
    "RNN": ("B", "sequence_lens", "initial_h"),
}
FEATURES = 6
# time, batch, hidden units: fewer than a vector, many rows, whole vectors, more units than are added up in one go
SIZES = [(3, 2, 3), (5, 7, 37), (4, 1, 64), (2, 3, 300)]


@dataclass(frozen=True)
class Form:
    """A model of one node: which optional inputs it has, which results are read, and whether its weights are inputs too."""

    cell: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("Y", "Y_h", "Y_c")
    attrs: dict[str, Any] = field(default_factory=dict)
    computed: bool = False

    @property
    def directions(self) -> int:
        return 2 if self.attrs.get("direction") == "bidirectional" else 1

    def shapes(self, time: Any, batch: Any, hidden: int) -> dict[str, list[Any]]:
        by_batch, gates = self.attrs.get("layout"), GATES[self.cell] * hidden
        state = [batch, self.directions, hidden] if by_batch else [self.directions, batch, hidden]
        shapes: dict[str, list[Any]] = {
            "X": [batch, time, FEATURES] if by_batch else [time, batch, FEATURES],
            "W": [self.directions, gates, FEATURES],
            "R": [self.directions, gates, hidden],
            "B": [self.directions, 2 * gates],
            "sequence_lens": [batch],
            "initial_h": state,
            "initial_c": state,
            "P": [self.directions, 3 * hidden],
        }
        kept = ("X", "W", "R", *self.inputs)
        return {n: shape for n, shape in shapes.items() if n in kept}

    def arrays(self, time: int, batch: int, hidden: int) -> dict[str, Any]:
        """Numbers for all inputs; sequences have different lengths, some of them none."""
        scales = {"W": 0.4, "R": hidden**-0.5, "B": 0.3, "P": 0.5}
        shapes = self.shapes(time, batch, hidden)
        found = {n: floats(*s, seed=i, scale=scales.get(n, 1.0)) for i, (n, s) in enumerate(shapes.items())}
        if "sequence_lens" in found:
            found["sequence_lens"] = np.array([max(time - 2 * b, 0) for b in range(batch)], np.int32)
        return found

    def model(self, hidden: int) -> Model:
        make, kinds = onnx.helper, onnx.TensorProto
        shapes = self.shapes("t", "b", hidden)
        names = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
        inputs = [n if n in shapes else "" for n in names[: 8 if self.cell == "LSTM" else 6]]
        outputs = self.outputs[: 3 if self.cell == "LSTM" else 2]
        constants = {} if self.computed else self.arrays(1, 1, hidden)
        fixed = [onnx.numpy_helper.from_array(constants[n], n) for n in ("W", "R", "B", "P") if n in constants]
        free = [n for n in shapes if n not in {a.name for a in fixed}]
        graph = make.make_graph(
            [make.make_node(self.cell, inputs, outputs, hidden_size=hidden, **self.attrs)],
            "g",
            [make.make_tensor_value_info(n, kinds.INT32 if "lens" in n else kinds.FLOAT, shapes[n]) for n in free],
            [make.make_tensor_value_info(n, kinds.FLOAT, None) for n in outputs if n],
            fixed,
        )
        proto = make.make_model(graph, opset_imports=[make.make_opsetid("", 22)], ir_version=10)
        return io.from_bytes(proto.SerializeToString())

    def feeds(self, model: Model, time: int, batch: int, hidden: int) -> list[Any]:
        arrays = self.arrays(time, batch, hidden)
        return [arrays[v.name] for v in model.graph.inputs]


def forms_of(cell: str, inputs: tuple[str, ...]) -> dict[str, Form]:
    """The forms that every cell has; `inputs` are its optional ones."""
    both = {"direction": "bidirectional"}
    return {
        f"{cell}, plain": Form(cell),
        f"{cell}, backwards with a bias": Form(cell, ("B",), attrs={"direction": "reverse"}),
        f"{cell}, everything, both ways": Form(cell, inputs, attrs=both),
        f"{cell}, batch first": Form(cell, inputs, attrs={**both, "layout": 1}),
        f"{cell}, computed weights": Form(cell, inputs, attrs=both, computed=True),
        f"{cell}, clipped": Form(cell, ("B",), attrs={"clip": 0.4}),
        f"{cell}, the end only": Form(cell, ("B", "sequence_lens"), ("", "Y_h", "")),
        f"{cell}, outputs only": Form(cell, ("B", "initial_h"), ("Y", "", "")),
    }


LINEAR = {"linear_before_reset": 1}
FORMS: dict[str, Form] = {
    **{name: form for cell, inputs in OPTIONAL.items() for name, form in forms_of(cell, inputs).items()},
    "LSTM, the forget gate follows": Form("LSTM", ("B", "P"), attrs={"input_forget": 1}),
    "LSTM, the cell only": Form("LSTM", ("B", "initial_c"), ("", "", "Y_c")),
    "GRU, reset after": Form("GRU", OPTIONAL["GRU"], attrs={**LINEAR, "direction": "bidirectional"}),
    "GRU, reset after, no bias": Form("GRU", ("initial_h",), attrs=LINEAR),
    "GRU, reset after, computed": Form("GRU", ("B",), attrs=LINEAR, computed=True),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms(form: Form, sizes: tuple[int, int, int], level: str) -> None:
    model = form.model(sizes[-1])
    agree(model, form.feeds(model, *sizes), level, atol=4e-6)


ACTIVATIONS = {
    "Relu": (None, None), "Tanh": (None, None), "Sigmoid": (None, None), "Affine": (0.7, 0.1), "LeakyRelu": (0.2, None),
    "ThresholdedRelu": (0.3, None), "ScaledTanh": (0.8, 0.6), "HardSigmoid": (0.3, 0.4), "Elu": (0.9, None),
    "Softsign": (None, None), "Softplus": (None, None),
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, level: str) -> None:
    """Each with its alpha and beta, or with those that it has by default; and directions that differ."""
    alpha, beta = ACTIVATIONS[name]
    given = {"activation_alpha": [alpha]} if alpha is not None else {}
    given |= {"activation_beta": [beta]} if beta is not None else {}
    for attrs in ({"activations": [name]}, {"activations": [name], **given}):
        form = Form("RNN", ("B",), attrs=attrs)
        model = form.model(20)
        agree(model, form.feeds(model, 4, 3, 20), level, atol=4e-6)
    attrs = {"direction": "bidirectional", "activations": ["Sigmoid", "Tanh", name, name, "Softsign", "Tanh"]}
    form = Form("LSTM", OPTIONAL["LSTM"], attrs=attrs)
    model = form.model(18)
    agree(model, form.feeds(model, 3, 2, 18), level, atol=4e-6)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    cell = draw(st.sampled_from(sorted(GATES)))
    optional = OPTIONAL[cell]
    attrs: dict[str, Any] = {"direction": draw(st.sampled_from(("forward", "reverse", "bidirectional")))}
    attrs |= draw(st.sampled_from(({}, {"layout": 1}))) | draw(st.sampled_from(({}, {"clip": 0.7})))
    attrs |= draw(st.sampled_from(({}, {"input_forget": 1}))) if cell == "LSTM" else {}
    attrs |= draw(st.sampled_from(({}, LINEAR))) if cell == "GRU" else {}
    form = Form(cell, attrs=attrs, computed=draw(st.booleans()))
    functions = st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=6, max_size=6)
    if draw(st.booleans()):
        attrs["activations"] = draw(functions)[: len(NAMES[cell]) * form.directions]
    outputs = tuple(n if draw(st.booleans()) else "" for n in ("Y", "Y_h", "Y_c"))
    given = tuple(n for n in optional if draw(st.booleans()))
    return replace(form, inputs=given, outputs=outputs if any(outputs[:2]) else ("Y", "", ""))


@settings(max_examples=25, deadline=None)
@given(forms(), st.integers(0, 6), st.integers(1, 9), st.integers(1, 40))
def test_any_form(form: Form, time: int, batch: int, hidden: int) -> None:
    model = form.model(hidden)
    agree(model, form.feeds(model, time, batch, hidden), LEVELS[-1], rtol=1e-5, atol=1e-5)


def test_extents_are_free() -> None:
    """One session for every number of steps and sequences, none of either included."""
    form = FORMS["LSTM, everything, both ways"]
    model = form.model(24)
    session = Session(model)
    assert not session.fallbacks
    for time, batch in [(1, 1), (2, 1), (9, 4), (0, 3), (4, 0), (1, 13)]:
        feeds = form.feeds(model, time, batch, 24)
        for ours, truth in zip(session(*feeds), evaluate(model, feeds), strict=True):
            np.testing.assert_allclose(ours, truth, rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize("name", ["LSTM, everything, both ways", "GRU, plain", "GRU, reset after", "RNN, the end only"])
def test_threads_change_no_bit(name: str) -> None:
    form, sizes = FORMS[name], (7, 5, 144)
    model = form.model(sizes[-1])
    feeds = form.feeds(model, *sizes)
    alone = run(model, feeds, LEVELS[-1], threads=1)
    for threads in (2, 3, 7):
        for ours, one in zip(run(model, feeds, LEVELS[-1], threads=threads), alone, strict=True):
            np.testing.assert_array_equal(ours, one)


WRONG = {
    "sequence_lens": (2,), "initial_h": (2, 4, 24), "initial_c": (2, 1, 24), "W": (2, 96, 7), "R": (2, 95, 24), "B": (1, 192),
    "P": (2, 71),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_extents_are_compared(name: str) -> None:
    """What is too small is refused, never read beyond its end."""
    form = replace(FORMS["LSTM, everything, both ways"], computed=True)
    model = form.model(24)
    for value in model.graph.inputs:  # nothing is known but ranks
        if value.name != "R":
            value.type = replace(value.type, shape=(None,) * len(value.shape))  # pyright: ignore[reportArgumentType, reportCallIssue]
    session = Session(model)
    arrays = form.arrays(5, 3, 24)
    if name == "R":
        with pytest.raises(InputError):
            session.run(None, {**arrays, "R": arrays["R"][:, :-1]})
        return
    assert not session.fallbacks
    session.run(None, arrays)
    wrong = np.zeros(WRONG[name], arrays[name].dtype)
    with pytest.raises(InputError):
        session.run(None, {**arrays, name: wrong})


def test_what_is_not_native_says_so() -> None:
    """One activation is none for a gate, one for the cell; the reference complains in its own way."""
    form = Form("LSTM", attrs={"activations": ["Sigmoid"]})
    assert list(Session(form.model(4)).fallbacks.values()) == ["LSTM with 1 activations for 1 directions"]
    double = onnx.load_from_string(io.to_bytes(Form("GRU", ("B",), computed=True).model(5)))
    for value in (*double.graph.input, *double.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    model = io.from_bytes(double.SerializeToString())
    assert list(Session(model).fallbacks.values()) == ["GRU of float64"]
    feeds = [a.astype(np.float64) for a in Form("GRU", ("B",), computed=True).arrays(3, 2, 5).values()]
    agree(model, feeds, LEVELS[-1], native=False)


def test_readers_join_directions_without_a_copy() -> None:
    """As PyTorch's exports say it: outputs of both directions side by side."""
    form = Form("LSTM", ("B",), ("Y", "", ""), {"direction": "bidirectional"})
    plain = form.model(32)
    proto = onnx.load_from_string(io.to_bytes(plain))
    proto.graph.node.append(onnx.helper.make_node("Transpose", ["Y"], ["T"], perm=[0, 2, 1, 3]))
    proto.graph.node.append(onnx.helper.make_node("Reshape", ["T", "shape"], ["Z"]))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0, 0, -1]), "shape"))
    proto.graph.output[0].name = "Z"
    model = io.from_bytes(proto.SerializeToString())
    agree(model, form.feeds(plain, 5, 3, 32), LEVELS[-1], atol=4e-6)
    assert calls(model) == calls(plain)


OFFICIAL = [c for c in cases() if c.name.startswith(("test_lstm", "test_gru", "test_rnn", "test_simple_rnn"))]


@pytest.mark.parametrize("case", OFFICIAL, ids=lambda c: c.name)
def test_official_cases_are_native(case: Any) -> None:
    assert not Session(io.from_bytes(case.model.SerializeToString())).fallbacks
    check(case)


@given(
    st.integers(1, 400), st.integers(1, 3), st.integers(1, 70), st.integers(1, 400), st.integers(1, 9), st.booleans()
)
def test_tasks_cover_the_work(steps: int, directions: int, batch: int, hidden: int, threads: int, shares: bool) -> None:
    """Blocks of rows and units, none of them empty, and spans of steps; units are shared only where they may be."""
    target = detect()
    group = group_of(4, rest_of(hidden, target), target)
    cut = Cutting(group, shares)(steps, directions, batch, hidden, threads)
    span, block_b, block_u, blocks_b, blocks_u, phases, tasks = cut
    assert (blocks_b - 1) * block_b < batch <= blocks_b * block_b
    assert (blocks_u - 1) * block_u < group.count(hidden) <= blocks_u * block_u
    assert span * phases == steps
    assert tasks == directions * blocks_b * blocks_u
    assert phases == 1 or blocks_u > 1 or blocks_b == 1
    assert blocks_u == 1 or (shares and threads > 1)
    if threads == 1:
        assert tasks == directions
        assert phases == 1


@pytest.mark.parametrize("gates", [1, 2, 3, 4])
def test_sums_fit_the_registers(gates: int) -> None:
    group = group_of(gates, 0, detect())
    assert (gates * group.vectors + 1) * group.rows < detect().registers
    assert group.rows > 1

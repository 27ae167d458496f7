"""A wrong input is refused with what the model takes, what was given, and how to fix it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import InputError
from sardonyx.evaluate import evaluate
from tests.evaluate.test_interpreter import parse

TWO = "agraph (float[batch, 3] image, float[batch, k] other) => (float[batch, 3] y) { y = Neg(image)  z = Neg(other) }"
PAIR = [np.zeros((2, 3), np.float32), np.zeros((2, 5), np.float32)]

REFUSED: dict[str, tuple[Any, str, str]] = {
    "unknown name": ({"pixels": PAIR[0], "other": PAIR[1]}, "the model has no input named 'pixels'", "use the names"),
    "close name": ({"Image": PAIR[0], "other": PAIR[1]}, "no input named 'Image'", "did you mean 'image'?"),
    "missing by name": ({"image": PAIR[0]}, "no value was given for input 'other'", "add 'other'"),
    "missing by position": (PAIR[:1], "no value was given for input 'other'", "add 'other'"),
    "too many": ([*PAIR, PAIR[0]], "3 inputs were given, the model takes 2", "one array for each input"),
    "float64": ([PAIR[0].astype(np.float64), PAIR[1]], "wrong element type: float64, not float32", "image.astype('float32')"),
    "integers": ([PAIR[0].astype(int), PAIR[1]], "wrong element type: int64, not float32", "image.astype('float32')"),
    "rank": ([PAIR[0][0], PAIR[1]], "wrong rank: 1, not 2", "reshape"),
    "extent": ([np.zeros((2, 4), np.float32), PAIR[1]], "wrong shape: axis 1 is 4, not 3", "shape [batch, 3]"),
    "symbol": ([PAIR[0], np.zeros((4, 5), np.float32)], "dimension 'batch' is 2 and 4 at once", "agree on 'batch'"),
    "None": ([None, PAIR[1]], "input 'image' is None", "give an array"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    inputs, says, fix = REFUSED[name]
    with pytest.raises(InputError) as refusal:
        evaluate(parse(TWO), inputs)
    assert says in refusal.value.what
    assert fix in str(refusal.value.fix)
    if name != "None":
        assert "float32[batch, 3]" in str(refusal.value), "the message lists what the model takes"


def test_extents_computed_from_others() -> None:
    model = parse("agraph (float[N] x, float[M] z) => (float[k] y) { y = Concat <axis = 0> (x, z) }")
    from sardonyx.core.dims import parse as dim
    from sardonyx.core.dtypes import FLOAT32
    from sardonyx.ir import TensorType

    model.graph.inputs[1].type = TensorType(FLOAT32, (dim("2*N + 1"),))
    assert evaluate(model, [np.zeros(2, np.float32), np.zeros(5, np.float32)])[0].shape == (7,)
    with pytest.raises(InputError, match=r"axis 0 of 'z' is 4, not 5") as refusal:
        evaluate(model, [np.zeros(2, np.float32), np.zeros(4, np.float32)])
    assert "2*N + 1, where N = 2" in str(refusal.value)


@pytest.mark.parametrize("item", [[[1, 2, 3]], ((1, 2, 3),), [[1.5, 2.5, 3.5]]])
def test_python_lists_take_the_wanted_type(item: Any) -> None:
    (y,) = evaluate(parse("agraph (float[batch, 3] x) => (float[batch, 3] y) { y = Neg(x) }"), {"x": item})
    assert y.dtype == np.float32 and y.tolist() == (-np.asarray(item)).tolist()


def test_strings_of_any_numpy_kind() -> None:
    model = parse("agraph (string[N] x) => (string[N] y) { y = Identity(x) }")
    for given in (np.array(["a", "é"]), np.array(["a", "é"], object), ["a", "é"], np.array([b"a", "é".encode()])):
        (y,) = evaluate(model, [given])
        assert y.dtype == object and y.tolist() == ["a", "é"]

"""What families of operators have in common: how many inputs there are, and that their element types agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_np_dtype
from sardonyx.compat.onnx.reference.op_run import OpRun, RuntimeTypeError

__all__ = [
    "AttributeHasValue",
    "CommonPool",
    "OpRunBinary",
    "OpRunBinaryComparison",
    "OpRunBinaryNum",
    "OpRunBinaryNumpy",
    "OpRunReduceNumpy",
    "OpRunUnary",
    "OpRunUnaryNum",
    "_CommonRandom",
    "_CommonWindow",
]

Array = np.ndarray[Any, Any]


class OpRunUnary(OpRun):
    """An operator with one input."""

    _wrapped = (TypeError,)

    def _check_inputs(self, args: Sequence[Any]) -> None:
        if len(args) != 1:
            raise TypeError(f"{type(self).__name__} takes one input, not {len(args)}")

    def _says_one_input(self) -> bool:
        return True


class OpRunUnaryNum(OpRunUnary):
    """An operator whose output has the element type of its input."""

    def _check_results(self, args: Sequence[Any], res: tuple[Any, ...]) -> None:
        y = res[0]
        if y is not None and not isinstance(y, list) and y.dtype != args[0].dtype:
            raise RuntimeTypeError(f"Output type mismatch: {type(self).__name__} made {y.dtype} of {args[0].dtype}")


class OpRunBinary(OpRun):
    """An operator with two inputs of one element type."""

    _wrapped = (TypeError, ValueError)

    def _check_inputs(self, args: Sequence[Any]) -> None:
        if len(args) != 2:  # of any number, as Max and Min
            return
        x, y = args
        if x is None or y is None:
            raise RuntimeError(f"{type(self).__name__} takes two inputs, of which one is absent")
        if x.dtype != y.dtype:
            shown = f"operator {type(self).__name__!r}, shapes {x.shape}, {y.shape}"
            raise RuntimeTypeError(f"Input type mismatch: {x.dtype} != {y.dtype} ({shown})")


class OpRunBinaryComparison(OpRunBinary):
    """An operator that compares two inputs."""


class OpRunBinaryNum(OpRunBinary):
    """An operator whose output has the element type of its two inputs."""

    def _check_results(self, args: Sequence[Any], res: tuple[Any, ...]) -> None:
        if res[0].dtype != args[0].dtype:
            raise RuntimeTypeError(
                f"Output type mismatch: {type(self).__name__} made {res[0].dtype} of {args[0].dtype}"
            )


class OpRunBinaryNumpy(OpRunBinaryNum):
    """An operator that a function of two arrays computes: its own class passes `numpy_fct` on, or gives `_run`."""

    def __init__(self, numpy_fct: Any, onnx_node: Any, run_params: Any) -> None:
        super().__init__(onnx_node, run_params)
        self.numpy_fct = numpy_fct

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return (self.numpy_fct(*args),)


class OpRunReduceNumpy(OpRun):
    """An operator that reduces axes, given as an attribute or an input."""

    def __init__(self, onnx_node: Any, run_params: Any, schema: Any = None) -> None:
        super().__init__(onnx_node, run_params, schema)
        axes = getattr(self, "axes", None)
        if isinstance(axes, (list, tuple, np.ndarray)):
            self.axes = tuple(axes) if np.size(axes) else None  # pyright: ignore[reportUnknownArgumentType]

    def is_axes_empty(self, axes: Array | None) -> bool:
        """Whether no axes are named."""
        return axes is None or axes.shape == (0,)

    def handle_axes(self, axes: Any, noop_with_empty_axes: bool = False) -> Any:
        """The axes as NumPy takes them: None for all, () for none."""
        if isinstance(axes, int):
            return axes
        if axes is not None and not isinstance(axes, (tuple, np.ndarray)):
            raise TypeError(f"axes are an array, not {type(axes)}")
        if isinstance(axes, np.ndarray) and axes.ndim == 0:
            return int(axes)
        named = () if axes is None else tuple(int(a) for a in np.reshape(axes, -1))
        return named if named or noop_with_empty_axes else None

    def output_shape(self, data: Array, axes: Any, keepdims: Any) -> tuple[int, ...]:
        """The shape that is left."""
        return np.sum(data, axis=axes, keepdims=bool(keepdims)).shape

    def reduce_constant(self, data: Array, const_val: Any, axes: Any, keepdims: Any) -> tuple[Array]:
        """The result where it is the same number everywhere: of no elements."""
        return (np.full(self.output_shape(data, axes, keepdims), const_val, dtype=data.dtype),)


class CommonPool(OpRun):
    """An operator that slides windows over its input."""


class _CommonRandom(OpRun):
    """An operator that draws random numbers."""

    @staticmethod
    def numpy_type(dtype: int) -> np.dtype[Any]:
        """The NumPy type of an element type."""
        return tensor_dtype_to_np_dtype(dtype)

    @staticmethod
    def _get_state(seed: float | None) -> np.random.RandomState:
        """What a seed stands for; without one, something new each time."""
        return np.random.RandomState(None if seed is None or np.isnan(seed) else int(seed))


class AttributeHasValue(OpRun):
    """Whether the node has an attribute whose name begins with ``value_``."""

    def _run(self, **_: Any) -> tuple[Any, ...]:
        return (np.array([any(held.name.startswith("value_") for held in self.onnx_node.attribute)]),)


class _CommonWindow(OpRun):
    """An operator that gives the weights of a window."""

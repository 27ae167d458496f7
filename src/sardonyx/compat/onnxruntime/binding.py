"""Inputs and outputs bound to memory beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sardonyx.compat.onnxruntime.values import OrtValue, at_address, on_cpu

if TYPE_CHECKING:
    from sardonyx.compat.onnxruntime.session import InferenceSession

__all__ = ["IOBinding"]


class IOBinding:
    """What a session's next run reads and where it writes. Outputs without memory of their own are made new by each run."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, OrtValue | None] = {}
        self.results: dict[str, OrtValue] = {}

    def bind_cpu_input(self, name: str, arr_on_cpu: Any) -> None:
        """Read an input from an array."""
        self.inputs[name] = np.asarray(arr_on_cpu)

    def bind_input(
        self, name: str, device_type: str, device_id: int, element_type: Any, shape: Sequence[int], buffer_ptr: int
    ) -> None:
        """Read an input from an address."""
        on_cpu(device_type, device_id)
        self.inputs[name] = at_address(buffer_ptr, element_type, shape)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        """Read an input from a value."""
        self.inputs[name] = ortvalue.numpy()

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """Give an output: at an address, or in memory that the run makes.

        Raises:
            ValueError: an address came without the type and shape of what lies there.
        """
        on_cpu(device_type, device_id)
        if buffer_ptr is None:
            self.outputs[name] = None
            return
        if element_type is None or shape is None:
            raise ValueError("`element_type` and `shape` are to be provided if pre-allocated memory is provided")
        self.outputs[name] = OrtValue(at_address(buffer_ptr, element_type, shape))

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        """Write an output into a value."""
        self.outputs[name] = ortvalue

    def synchronize_inputs(self) -> None:
        """Nothing to wait for on the CPU."""

    def synchronize_outputs(self) -> None:
        """Nothing to wait for on the CPU."""

    def get_outputs(self) -> list[OrtValue]:
        """The outputs of the last run, in the order in which they were bound."""
        return [self.results[name] for name in self.outputs if name in self.results]

    def copy_outputs_to_cpu(self) -> list[Any]:
        """The arrays of the outputs, copied."""
        return [np.array(v.numpy()) if v.is_tensor() else v.numpy() for v in self.get_outputs()]

    def clear_binding_inputs(self) -> None:
        """Forget what inputs were bound to."""
        self.inputs.clear()

    def clear_binding_outputs(self) -> None:
        """Forget what outputs were bound to."""
        self.outputs.clear()
        self.results.clear()

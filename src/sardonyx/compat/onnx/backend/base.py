"""The interface between a program and what runs its models: a backend prepares a model, and gives what runs it."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx import checker
from sardonyx.compat.onnx.onnx_pb import IR_VERSION, ModelProto, NodeProto

__all__ = ["Backend", "BackendRep", "Device", "DeviceType", "namedtupledict"]


class DeviceType:
    """The kinds of device, by name."""

    CPU = 0
    CUDA = 1


class Device:
    """A device as text names it: ``CPU``, ``CUDA:1``."""

    def __init__(self, device: str) -> None:
        kind, _, number = device.partition(":")
        self.type: int = getattr(DeviceType, kind)
        self.device_id = int(number.split(":")[0]) if number else 0


def namedtupledict(typename: str, field_names: Sequence[str], *args: Any, **kwargs: Any) -> type[tuple[Any, ...]]:
    """A named tuple whose elements are also found by name, whatever the name: outputs are called ``0`` too."""
    places = {name: i for i, name in enumerate(field_names)}
    options: dict[str, Any] = {"rename": True, **kwargs}
    made: Any = namedtuple(typename, field_names, *args, **options)  # pyright: ignore[reportUntypedNamedTuple]

    def get(self: Any, key: Any) -> Any:
        return tuple.__getitem__(self, places[key] if isinstance(key, str) else key)

    made.__getitem__ = get
    return made


class BackendRep:
    """A prepared model."""

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The outputs; a backend gives its own."""
        return (None,)


class Backend:
    """What prepares models, and runs nodes and models at once. A backend derives from it and gives `prepare`."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the backend can run a model."""
        return True

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> BackendRep | None:
        """Check a model; a backend gives what runs it."""
        checker.check_model(model)
        return None

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """Prepare a model and run it once."""
        prepared = cls.prepare(model, device, **kwargs)
        assert prepared is not None
        return prepared.run(inputs)

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...] | None:
        """Check a node, at `opset_version` if it is given; a backend gives its outputs."""
        if "opset_version" in kwargs:
            context = checker.C.CheckerContext()
            context.ir_version = IR_VERSION
            context.opset_imports = {"": kwargs["opset_version"]}
            checker.check_node(node, context)
        else:
            checker.check_node(node)
        return None

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether the backend runs on a device."""
        return True

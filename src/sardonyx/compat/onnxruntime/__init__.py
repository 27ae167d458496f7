"""onnxruntime's programming interface: `import sardonyx.compat.onnxruntime as onnxruntime`.

Sessions, options, values, bindings, profiling and errors, over `sardonyx.Session`, on the CPU. What only another device or
onnxruntime's own files could mean is refused with the reason.
"""

from __future__ import annotations

from typing import Any

from sardonyx.compat.onnxruntime import capi
from sardonyx.compat.onnxruntime.binding import IOBinding
from sardonyx.compat.onnxruntime.options import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    RunOptions,
    SessionOptions,
)
from sardonyx.compat.onnxruntime.session import PROVIDERS, InferenceSession, ModelMetadata, NodeArg
from sardonyx.compat.onnxruntime.values import OrtDevice, OrtValue
from sardonyx.ops import random

__version__ = "1.32.0"  # the release whose interface this is
SessionIOBinding = IOBinding


def get_available_providers() -> list[str]:
    """What can run nodes."""
    return list(PROVIDERS)


get_all_providers = get_available_providers


def get_device() -> str:
    """The kind of device that runs nodes."""
    return "CPU"


def get_version_string() -> str:
    """The release whose interface this is."""
    return __version__


def get_build_info() -> str:
    """What answers in onnxruntime's place."""
    import sardonyx

    return f"Sardonyx {sardonyx.__version__}"


def get_ep_devices() -> list[Any]:
    """The devices that plugins offer: none."""
    return []


def set_seed(seed: int) -> None:
    """Make what operators without a seed of their own draw from now on repeatable."""
    random.set_seed(seed)


def set_default_logger_severity(severity: int) -> None:
    """Nothing to do: errors are raised, and nothing is logged."""


def set_default_logger_verbosity(verbosity: int) -> None:
    """Nothing to do: errors are raised, and nothing is logged."""


def enable_telemetry_events() -> None:
    """Nothing to do: there is no telemetry."""


def disable_telemetry_events() -> None:
    """Nothing to do: there is no telemetry."""


__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtDevice",
    "OrtValue",
    "RunOptions",
    "SessionIOBinding",
    "SessionOptions",
    "capi",
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_ep_devices",
    "get_version_string",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_seed",
]

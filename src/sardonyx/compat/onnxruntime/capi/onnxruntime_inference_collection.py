"""The classes of sessions, under the name of the module that holds onnxruntime's."""

from __future__ import annotations

from sardonyx.compat.onnxruntime.binding import IOBinding
from sardonyx.compat.onnxruntime.session import InferenceSession
from sardonyx.compat.onnxruntime.values import OrtDevice, OrtValue

Session = InferenceSession

__all__ = ["IOBinding", "InferenceSession", "OrtDevice", "OrtValue", "Session"]

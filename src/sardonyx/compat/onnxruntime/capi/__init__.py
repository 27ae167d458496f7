"""The places where onnxruntime's programs look for its exceptions and classes."""

from __future__ import annotations

from sardonyx.compat.onnxruntime.capi import onnxruntime_inference_collection, onnxruntime_pybind11_state

__all__ = ["onnxruntime_inference_collection", "onnxruntime_pybind11_state"]

"""The operators of the domain com.microsoft that the tools around onnxruntime write, one file per family, as in `ops`."""

from __future__ import annotations

__all__: list[str] = []

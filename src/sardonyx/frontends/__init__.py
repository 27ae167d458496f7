"""Models of other frameworks become ONNX. A framework is imported only when its own converter is called."""

from __future__ import annotations

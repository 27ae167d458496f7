"""Models in and out: messages to graphs and back, files, external data, safe paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sardonyx.core.lazy import lazily

if TYPE_CHECKING:
    from sardonyx.io.files import from_bytes, load, save, to_bytes
    from sardonyx.io.read import model_from_proto
    from sardonyx.io.safetensors import load_weights, save_weights
    from sardonyx.io.write import model_to_proto

__all__ = [
    "from_bytes",
    "load",
    "load_weights",
    "model_from_proto",
    "model_to_proto",
    "save",
    "save_weights",
    "to_bytes",
]

_HOMES = {
    **dict.fromkeys(("from_bytes", "load", "save", "to_bytes"), "files"),
    **dict.fromkeys(("load_weights", "save_weights"), "safetensors"),
    "model_from_proto": "read",
    "model_to_proto": "write",
}
__getattr__ = lazily(__name__, _HOMES)

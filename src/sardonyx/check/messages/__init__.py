"""Are the messages of a file legal? The verdict is the official checker's; each breach has a code and a place.

A graph in memory cannot hold everything that a file can say wrongly: two values in one attribute, a field that is absent, two
constants of one name. So these laws look at the messages themselves. Each check is a generator: `sx.check` lists all of its
breaches, `compat.onnx` raises the first.
"""

from __future__ import annotations

from sardonyx.check.messages.breach import Breach
from sardonyx.check.messages.context import Context, Names, Signature
from sardonyx.check.messages.graphs import check_function, check_graph, check_model, check_no_recursion
from sardonyx.check.messages.nodes import check_attribute, check_node, compare
from sardonyx.check.messages.values import check_sparse_tensor, check_tensor, check_value_info

__all__ = [
    "Breach",
    "Context",
    "Names",
    "Signature",
    "check_attribute",
    "check_function",
    "check_graph",
    "check_model",
    "check_no_recursion",
    "check_node",
    "check_sparse_tensor",
    "check_tensor",
    "check_value_info",
    "compare",
]

"""Classifiers whose labels are strings: natively they give the number of the label, and an encoder behind them the string."""

from __future__ import annotations

from sardonyx.core.dtypes import INT64
from sardonyx.ir import Attr, Model, Node, TensorType, Value
from sardonyx.ops.ml import DOMAIN

__all__ = ["number_labels"]

# operator -> the attribute that lists labels which are numbers
_CLASSIFIERS = {
    "TreeEnsembleClassifier": "classlabels_int64s",
    "LinearClassifier": "classlabels_ints",
    "SVMClassifier": "classlabels_ints",
}


def number_labels(model: Model) -> None:
    """Let the classifiers of the main graph give numbers, for native memory holds no strings."""
    for node in list(model.graph.nodes):
        if node.domain == DOMAIN and node.op_type in _CLASSIFIERS and node.attr("classlabels_strings"):
            _number(model, node)


def _number(model: Model, node: Node) -> None:
    texts: tuple[str, ...] = node.attr("classlabels_strings")
    text, numbers = node.output, list(range(len(texts)))
    shape = text.type.shape if isinstance(text.type, TensorType) else None
    label = Value(model.graph.fresh_name(f"{text.name}_number"), TensorType(INT64, shape))
    encode = {"keys_int64s": numbers, "values_strings": list(texts)}
    encoder = Node("LabelEncoder", [label], [text], encode, domain=DOMAIN)  # gives `text` from now on
    node.outputs = (label, *node.outputs[1:])
    label.producer = node
    model.graph.insert_after(node, encoder)
    del node.attrs["classlabels_strings"]
    name = _CLASSIFIERS[node.op_type]
    node.attrs[name] = Attr.of(name, numbers)

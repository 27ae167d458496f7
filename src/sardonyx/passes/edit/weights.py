"""Models without their weights, and weights put back."""

from __future__ import annotations

from collections.abc import Mapping

from sardonyx.core.errors import InputError
from sardonyx.ir import Array, Model, Tensor

__all__ = ["restore_weights", "strip_weights"]


def strip_weights(model: Model, *, smallest: int = 1024) -> tuple[Model, dict[str, Tensor]]:
    """A copy whose large constants became inputs, and those constants by name. `restore_weights` undoes it.

    Args:
        smallest: constants of fewer bytes stay; those that shapes are made of are mostly small.
    """
    stripped, weights = model.clone(), dict[str, Tensor]()
    graph = stripped.graph
    for name, value in list(graph.initializers.items()):
        const = value.const
        if isinstance(const, Tensor) and const.nbytes >= smallest:
            weights[name] = const
            graph.remove_initializer(value)
            if value not in graph.inputs:
                graph.add_input(value)
    return stripped, weights


def restore_weights(model: Model, weights: Mapping[str, Tensor | Array]) -> Model:
    """A copy in which the inputs named in `weights` are constants again.

    Raises:
        InputError: there is no such input, or the weight has another type or shape.
    """
    restored = model.clone()
    graph = restored.graph
    inputs = {v.name: v for v in graph.inputs}
    for name, weight in weights.items():
        value = inputs.get(name)
        if value is None:
            raise InputError(f"the model has no input '{name}' for this weight", fix="pass the weights of this model")
        tensor = weight if isinstance(weight, Tensor) else Tensor(weight, name=name)
        wanted = tuple(d if isinstance(d, int) else None for d in value.shape or ())
        fits = value.shape is None or (
            len(wanted) == tensor.rank and all(w in (None, d) for w, d in zip(wanted, tensor.shape, strict=True))
        )
        if not fits or value.dtype not in (None, tensor.dtype):
            raise InputError(
                f"weight '{name}' does not fit", why=f"it is {tensor.dtype}{list(tensor.shape)}, {value.type} is wanted"
            )
        graph.inputs.remove(value)
        value.const = tensor
        graph.initializers[name] = value
    return restored

"""New dimensions for a model's inputs and outputs."""

from __future__ import annotations

from typing import Any

from sardonyx.compat.onnx import checker
from sardonyx.compat.onnx.onnx_pb import ModelProto, TensorShapeProto

__all__ = ["update_inputs_outputs_dims"]


def update_inputs_outputs_dims(
    model: ModelProto, input_dims: dict[str, list[Any]], output_dims: dict[str, list[Any]]
) -> ModelProto:
    """Set the dimensions of all inputs and outputs, in place; the model is checked and given back.

    Args:
        input_dims, output_dims: by name, for each dimension a number, a symbol, or -1 for a symbol that is made up of the
            name and the place (`x_0`).

    Raises:
        ValueError: a number contradicts one that was there, or the symbol that would be made up is used already.
        TypeError: a dimension is neither number nor text.
    """
    graph = model.graph
    used = {
        dim.dim_param
        for info in (*graph.input, *graph.output, *graph.value_info)
        for dim in info.type.tensor_type.shape.dim
        if dim.HasField("dim_param")
    }
    for infos, wanted in ((graph.input, input_dims), (graph.output, output_dims)):
        for info in infos:
            for i, extent in enumerate(wanted[info.name]):
                _set(info.type.tensor_type.shape.dim[i], extent, i, info.name, used)
    checker.check_model(model)
    return model


def _set(dim: TensorShapeProto.Dimension, extent: Any, place: int, name: str, used: set[str]) -> None:
    where = f"for axis {place} of {name}"
    if isinstance(extent, str):
        dim.dim_param = extent
    elif not isinstance(extent, int):
        raise TypeError(f"Only int or str is accepted as dimension value, incorrect type: {type(extent)}")
    elif extent < 0:
        if f"{name}_{place}" in used:
            raise ValueError(f"Unable to generate unique dim_param {where}. Please manually provide a dim_param value.")
        dim.dim_param = f"{name}_{place}"
    elif dim.HasField("dim_value") and dim.dim_value != extent:
        contradicted = f"Contradicts existing dimension value {dim.dim_value}."
        raise ValueError(f"Unable to set dimension value to {extent} {where}. {contradicted}")
    else:
        dim.dim_value = extent

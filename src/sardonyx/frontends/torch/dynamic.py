"""Which sizes are dynamic, and what the user calls them.

`dynamic_shapes` takes everything `torch.export.export` takes, and names in place of dims: ``{"x": {0: "batch"}}``.
`dynamic_axes` takes the older form, ``{"x": {0: "batch"}}`` or ``{"x": [0]}``, by input name.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export import Dim as TorchDim
from torch.utils import _pytree as pytree

from sardonyx.core.errors import InputError

__all__ = ["axes_of_inputs", "enlarged", "for_torch", "from_axes"]


def for_torch(spec: Any) -> Any:
    """`spec` as torch takes it: a name becomes a dim that torch may relate to others as the model demands."""
    if isinstance(spec, str):
        return TorchDim.AUTO
    if isinstance(spec, Mapping):
        return {key: for_torch(item) for key, item in spec.items()}
    if isinstance(spec, (list, tuple)):
        return type(spec)(for_torch(item) for item in spec)
    return spec


def from_axes(
    axes: Mapping[str, Any], forward: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
    input_names: Sequence[str] | None,
) -> dict[str, Any]:  # fmt: skip
    """`dynamic_axes` as `dynamic_shapes`, by argument. Names that are no input's are those of outputs, which follow."""
    arguments = bound_arguments(forward, args, kwargs)
    renamed = dict(zip(input_names or (), arguments, strict=False))
    found: dict[str, Any] = dict.fromkeys(arguments)
    for name, spec in axes.items():
        argument = renamed.get(name, name)
        if argument in found:
            by_axis = dict(spec) if isinstance(spec, Mapping) else {axis: f"{name}_dim_{axis}" for axis in spec}
            found[argument] = {axis: str(symbol) for axis, symbol in by_axis.items()}
    return found


def bound_arguments(forward: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by parameter name; what ``**kwargs`` catches stands under its own name.

    Raises:
        InputError: the module cannot be called with them.
    """
    signature = inspect.signature(forward)
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise InputError(
            f"the example inputs do not fit the module: {error}",
            why=f"it is called as forward{signature}",
            fix="give args, a tuple, and kwargs, a dictionary, with which the module can be called",
        ) from error
    found: dict[str, Any] = {}
    for name, value in bound.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    return found


def axes_of_inputs(
    dynamic_shapes: Any, forward: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[dict[int, str]]:
    """For each tensor among the inputs, in torch's order of flattening, the names of its dynamic axes."""
    arguments = bound_arguments(forward, args, kwargs)
    leaves: dict[int, dict[int, str]] = {}
    if dynamic_shapes:
        if not isinstance(dynamic_shapes, Mapping):
            dynamic_shapes = dict(zip(arguments, dynamic_shapes, strict=False))
        unknown = [name for name in dynamic_shapes if name not in arguments]
        if unknown:
            raise InputError(
                f"dynamic_shapes names no input: '{unknown[0]}'",
                why=f"the inputs given are {', '.join(arguments) or 'none'}",
                fix="use the names of the module's forward parameters",
            )
        _collect(arguments, dynamic_shapes, leaves)
    tensors = [x for x in pytree.tree_leaves((tuple(args), dict(kwargs))) if isinstance(x, torch.Tensor)]
    return [leaves.get(id(t), {}) for t in tensors]


def enlarged(
    axes: Sequence[Mapping[int, str]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The example with every dynamic axis of size 1 repeated; None if it has no such axis.

    Torch takes a size of 1 for fixed, and broadcasts it: a program found with it would be wrong at another size.
    """
    leaves, spec = pytree.tree_flatten((tuple(args), dict(kwargs)))
    tensors = [(i, x) for i, x in enumerate(leaves) if isinstance(x, torch.Tensor)]
    named = [
        (i, x, axis, name) for (i, x), by_axis in zip(tensors, axes, strict=True) for axis, name in by_axis.items()
    ]
    taken = {x.shape[axis] for _, x, axis, _ in named}
    free = (n for n in itertools.count(2) if n not in taken)
    sizes = {name: next(free) for name in dict.fromkeys(name for _, x, axis, name in named if x.shape[axis] == 1)}
    for i, x, axis, name in named:
        if name in sizes and x.shape[axis] == 1:
            leaves[i] = torch.repeat_interleave(leaves[i], sizes[name], axis)
    return pytree.tree_unflatten(leaves, spec) if sizes else None


def _collect(value: Any, spec: Any, leaves: dict[int, dict[int, str]]) -> None:
    if spec is None or value is None:
        return
    if isinstance(value, torch.Tensor):
        by_axis = spec.items() if isinstance(spec, Mapping) else enumerate(spec)
        named = {axis % value.dim(): name for axis, d in by_axis if (name := _name(d)) is not None}
        leaves.setdefault(id(value), {}).update(named)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _collect(item, spec.get(key) if isinstance(spec, Mapping) else None, leaves)
    elif isinstance(value, (list, tuple)):
        for item, inner in zip(value, spec, strict=False):
            _collect(item, inner, leaves)


def _name(d: Any) -> str | None:
    if isinstance(d, str):
        return d
    return getattr(d, "__name__", None) if type(d).__name__ in ("Dim", "_Dim") else None

"""`from_torch`: the whole way from a module to a model."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from sardonyx.core.errors import DTypeError, InputError, UnsupportedError
from sardonyx.frontends.torch import families as families  # registers the rules
from sardonyx.frontends.torch.capture import as_module, capture, decomposed
from sardonyx.frontends.torch.dynamic import axes_of_inputs, enlarged, from_axes
from sardonyx.frontends.torch.naming import output_names as default_names
from sardonyx.frontends.torch.symbols import Symbols
from sardonyx.frontends.torch.translate import Translator
from sardonyx.frontends.torch.verify import verify_export
from sardonyx.ir import Model
from sardonyx.ops import latest_opset

__all__ = ["DEFAULT_OPSET", "from_torch", "translated"]

DEFAULT_OPSET = 20  # what the engines in use today read
HALVES_OPSET = 22  # brought bfloat16 to the operators that lacked it
OLDEST_OPSET = 13  # since then axes, splits and bounds are inputs, as sizes that are computed must be


def from_torch(
    module: torch.nn.Module | ExportedProgram | Callable[..., Any],
    args: Sequence[Any] | torch.Tensor = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_shapes: Any = None,
    dynamic_axes: Mapping[str, Any] | None = None,
    opset: int | None = None,
    verify: bool = True,
) -> Model:
    """A torch module as an ONNX model.

    Weights keep their names and share the module's memory. Nodes are named for the modules they come from.

    Args:
        module: a module, a function of tensors, or a program that `torch.export` made.
        args, kwargs: example inputs, as the module is called.
        input_names, output_names: what to call them; by default the parameters of `forward`, and the keys of what it returns.
        dynamic_shapes: as for `torch.export.export`; a name may stand for a dim: ``{"x": {0: "batch"}}``.
        dynamic_axes: the same in `torch.onnx.export`'s older form.
        opset: the operator-set version to write; by default 20, or 22 for a module whose types need it.
        verify: run the model on the example inputs and compare with torch; the result is noted in the model's metadata.

    Raises:
        UnsupportedError: torch cannot capture the module, or operators have no rule; all of them are listed.
        VerifyError: the model gives other numbers than torch.
    """
    args = (args,) if isinstance(args, torch.Tensor) else tuple(args)
    kwargs = dict(kwargs or {})
    versions = _versions(opset)
    if isinstance(module, ExportedProgram):
        return _first(decomposed(module), versions, (), input_names, output_names)
    called = as_module(module)
    if dynamic_axes:
        if dynamic_shapes:
            raise InputError("dynamic_shapes and dynamic_axes are both given", fix="give one of them")
        dynamic_shapes = from_axes(dynamic_axes, called.forward, args, kwargs, input_names)
    axes = axes_of_inputs(dynamic_shapes, called.forward, args, kwargs)
    program = _captured(called, args, kwargs, dynamic_shapes, enlarged(axes, args, kwargs))
    model = _first(program, versions, axes, input_names, output_names)
    if verify:
        verify_export(model, called, args, kwargs)
    return model


def _captured(
    module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], dynamic_shapes: Any, larger: Any
) -> ExportedProgram:
    """The program, found with the larger example if there is one that the module takes."""
    if larger is not None:
        with contextlib.suppress(UnsupportedError):
            return capture(module, larger[0], larger[1], dynamic_shapes)
    return capture(module, args, kwargs, dynamic_shapes)


def _first(
    program: ExportedProgram,
    versions: Sequence[int],
    axes: Sequence[Mapping[int, str]],
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
) -> Model:
    """The program in the first of the versions whose operators take its types."""
    for version in versions[:-1]:
        with contextlib.suppress(DTypeError):
            return translated(program, version, axes, input_names=input_names, output_names=output_names)
    return translated(program, versions[-1], axes, input_names=input_names, output_names=output_names)


def _versions(opset: int | None) -> tuple[int, ...]:
    """What to try, in order."""
    if opset is None:
        return DEFAULT_OPSET, HALVES_OPSET
    if not OLDEST_OPSET <= opset <= latest_opset():
        raise InputError(
            f"opset {opset} cannot be written",
            fix=f"choose one from {OLDEST_OPSET} to {latest_opset()}, or leave it out",
        )
    return (opset,)


def translated(
    program: ExportedProgram,
    opset: int,
    axes: Sequence[Mapping[int, str]] = (),
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> Model:
    """A program as a model; each of its operators needs a rule.

    Args:
        axes: for each tensor among the inputs, what its dynamic axes are called.
    """
    symbols = Symbols()
    _name_symbols(program, axes, symbols, input_names)
    translator = Translator(program, opset, symbols)
    translator.inputs(input_names)
    returned = translator.returned()
    names = list(output_names or default_names(program.call_spec.out_spec, len(returned)))  # pyright: ignore[reportArgumentType]
    if len(names) != len(returned):
        raise InputError(f"{len(names)} output names were given, the module returns {len(returned)} tensors")
    names = translator.reserve(names)
    translator.nodes()
    translator.outputs(names)
    translator.drop_unread()
    return translator.model


def _name_symbols(
    program: ExportedProgram, axes: Sequence[Mapping[int, str]], symbols: Symbols, input_names: Sequence[str] | None
) -> None:
    """Give torch's symbols the user's names; the others are named for the input and axis they come from."""
    users = set(program.graph_signature.user_inputs)
    placeholders = [n for n in program.graph.nodes if n.op == "placeholder" and n.name in users]
    names = [*(input_names or ()), *(n.name for n in placeholders[len(input_names or ()) :])]
    tensors = [
        (n, name) for n, name in zip(placeholders, names, strict=False) if isinstance(n.meta.get("val"), torch.Tensor)
    ]
    for (node, name), named in zip(tensors, axes, strict=False):
        for axis, wanted in named.items():
            size = node.meta["val"].shape[axis]
            if isinstance(symbols.dim(size), int):
                warnings.warn(
                    f"axis {axis} of '{name}' was to be dynamic ('{wanted}'), but the module fixes it to {size}",
                    stacklevel=3,
                )
            elif size.node.expr.is_Symbol:
                symbols.name(size.node.expr, wanted)
    for node, name in tensors:
        for axis, size in enumerate(node.meta["val"].shape):
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                symbols.name(size.node.expr, f"{name}_dim_{axis}")

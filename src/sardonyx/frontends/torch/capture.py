"""From a module and example inputs to a functional program of aten operators that have rules, or cannot be decomposed."""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from sardonyx.core.errors import InputError, SardonyxError, UnsupportedError
from sardonyx.frontends.torch.dynamic import for_torch
from sardonyx.frontends.torch.registry import kept_operators
from sardonyx.frontends.torch.rnn import of_any_length
from sardonyx.frontends.torch.source import keeping_lines, line_of

__all__ = ["as_module", "capture", "decomposed"]

_STATEFUL = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._BatchNorm)


class _Call(torch.nn.Module):
    """A plain function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        try:
            inspect.signature(function)
            self.forward = function
        except ValueError:  # a function written in C does not tell its parameters
            self.forward = lambda *inputs: function(*inputs)


def as_module(model: torch.nn.Module | Callable[..., Any]) -> torch.nn.Module:
    if isinstance(model, torch.nn.Module):
        return model
    if callable(model):
        return _Call(model)
    raise InputError(
        f"{type(model).__name__} is no torch module", fix="give a torch.nn.Module or a function of tensors"
    )


@contextlib.contextmanager
def inference_mode_of(module: torch.nn.Module) -> Iterator[None]:
    """The module as it is used: dropout off, statistics fixed, no cache among the results; all put back afterwards."""
    training = [m for m in module.modules() if m.training]
    configs: dict[int, Any] = {id(c): c for m in module.modules() if (c := getattr(m, "config", None)) is not None}
    caching = [c for c in configs.values() if getattr(c, "use_cache", None) is True]
    differs = [type(m).__name__ for m in training if isinstance(m, _STATEFUL)]
    if differs:
        names = ", ".join(sorted(set(differs)))
        warnings.warn(
            f"the module is in training mode; it is exported in evaluation mode ({names} behave differently). "
            "Call module.eval() first to make that plain.",
            stacklevel=4,
        )
    try:
        for m in training:
            m.training = False
        for c in caching:
            c.use_cache = False
        yield
    finally:
        for m in training:
            m.training = True
        for c in caching:
            c.use_cache = True


def capture(
    module: torch.nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
) -> ExportedProgram:
    """The program that `torch.export` finds, decomposed.

    Raises:
        UnsupportedError: torch cannot follow the module's Python code.
    """
    try:
        with (
            inference_mode_of(module),
            torch.no_grad(),
            keeping_lines(),
            _quiet(),
            _plain_attention(),
            of_any_length(),
        ):
            program = torch.export.export(
                module, tuple(args), dict(kwargs), dynamic_shapes=for_torch(dynamic_shapes), strict=False
            )
            return decomposed(program)
    except SardonyxError:
        raise
    except Exception as error:
        raise _refusal(module, error) from error


# What torch says when Python code decides by a number that only a run gives.
_BY_DATA = re.compile(
    r"data-dependent|DataDependent|_local_scalar_dense|\.item\(\)|[Uu]nbacked|aten\.equal|aten\.allclose"
)


def _refusal(module: torch.nn.Module, error: Exception) -> UnsupportedError:
    """Torch's refusal in our words, with the line of user code that it is about."""
    first = str(error).strip().split("\n")[0]
    what = f"torch.export cannot capture {type(module).__name__}: {first}"
    if _BY_DATA.search(f"{type(error).__name__} {error}"):
        return UnsupportedError(
            what,
            where=line_of(error),
            why="the module decides in Python by values that are known only when it runs, so that one graph cannot hold "
            "both ways",
            fix="choose with torch.where(condition, a, b) or torch.cond(condition, f, g, (x,)), loop with torch.while_loop, "
            "or decide by the sizes of the inputs, which are known",
        )
    return UnsupportedError(
        what,
        where=line_of(error),
        why="a model becomes ONNX from the program that torch.export finds",
        fix="run torch.export.export(module, args, strict=False) alone: its message names the line of the module",
    )


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """The program without in-place operators, decomposed down to the operators that have rules."""
    table = torch.export.default_decompositions()
    for op in kept_operators():
        table.pop(op, None)
    return program.run_decompositions(table)


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Transformer layers as their parts, not as the one fused operator that torch's fast path takes."""
    mha: Any = torch.backends.mha
    fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="The tensor attributes? .*_flat_weights")  # of a recurrent network
        yield

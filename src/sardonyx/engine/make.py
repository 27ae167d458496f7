"""From a model to what a session runs."""

from __future__ import annotations

from collections.abc import Callable

from sardonyx.core.errors import VersionError
from sardonyx.engine.bodies import Bodies
from sardonyx.engine.codegen import detect
from sardonyx.engine.compile import compile_model
from sardonyx.engine.compiled import Compiled
from sardonyx.engine.prepare import prepare
from sardonyx.engine.runner import Runner
from sardonyx.ir import Model

__all__ = ["make"]


def make(model: Model, precision: str, cache: bool, body: Callable[[Model], Runner]) -> Compiled:
    """A model compiled.

    Args:
        cache: keep its kernels on disk.
        body: compiles the bodies of its nodes, once they have run often.
    """
    why = ""
    try:
        model = prepare(model)
    except VersionError as error:  # lowerings know the newest versions only
        why = error.what
    bodies = Bodies(model, body)
    return compile_model(model, detect(), precision=precision, cache=cache, why=why, interpreter=bodies)

"""Inputs for a model: from a file, from the command line's sizes, or made up."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.core.errors import FormatError, InputError
from sardonyx.ir import Array, Model
from sardonyx.verify import random_inputs

__all__ = ["feeds_for", "parse_dims", "read_arrays"]


def parse_dims(pairs: Sequence[str]) -> dict[str, int]:
    """``["batch=4"]`` -> ``{"batch": 4}``."""
    bindings: dict[str, int] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdigit():
            raise InputError(f"--dim {pair!r} gives no dim a value", fix="write --dim NAME=NUMBER, as in --dim batch=4")
        bindings[name] = int(number)
    return bindings


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file. Pickled objects are refused."""
    if not path.is_file():
        raise InputError(f"there is no file '{path}'", fix="give an .npz file, as numpy.savez writes it")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"'{path.name}' is no .npz file of plain arrays", why=str(error), fix="write it with numpy.savez"
        ) from error


def feeds_for(model: Model, inputs: Path | None, dims: Sequence[str] | None, seed: int) -> dict[str, Any]:
    """The arrays of the file, and for every other input one that is made up."""
    given = read_arrays(inputs) if inputs is not None else {}
    return {**random_inputs(model.graph.inputs, dims=parse_dims(dims or ()), seed=seed, given=given), **given}

"""What can be run and compared: models, sessions of several engines, torch modules, functions.

Frameworks are recognized by what their objects look like; nothing here imports one that is not loaded already.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sardonyx.core.errors import InputError
from sardonyx.engine.session import Session
from sardonyx.evaluate import Interpreter
from sardonyx.io import load, to_bytes
from sardonyx.ir import Model, Value

__all__ = ["Execution", "OfModel", "as_execution"]

Feeds = Mapping[str, Any]


class Execution(Protocol):
    """Something that gives results for inputs."""

    label: str

    @property
    def model(self) -> Model | None:
        """The ONNX model that runs, where it is known."""
        ...

    def run(self, feeds: Feeds) -> dict[str, Any]:
        """The results by name; names that are only positions are ``output_0``, ``output_1``, ..."""
        ...


class OfModel(Execution, Protocol):
    """An execution of an ONNX model, any value of which can be asked for."""

    def values(self, feeds: Feeds, names: Sequence[str]) -> list[Any]:
        """The named values of the main graph. What is not asked for may be fused away."""
        ...


class _Reference:
    """A model on the references of its operators."""

    def __init__(self, model: Model, label: str = "reference") -> None:
        self.model, self.label = model, label
        self._interpreter = Interpreter(model)

    def run(self, feeds: Feeds) -> dict[str, Any]:
        return dict(zip([v.name for v in self.model.graph.outputs], self.values(feeds, None), strict=True))

    def values(self, feeds: Feeds, names: Sequence[str] | None) -> list[Any]:
        return self._interpreter.run(by_name(self.model, feeds), names)


class _Engine:
    """A session of ours."""

    label = "Session"

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def model(self) -> Model:
        return self.session.model

    def run(self, feeds: Feeds) -> dict[str, Any]:
        results = self.session.run(None, by_name(self.model, feeds))
        return dict(zip([p.name for p in self.session.outputs], results, strict=True))

    def values(self, feeds: Feeds, names: Sequence[str]) -> list[Any]:
        return self.session.run(list(names), by_name(self.model, feeds))


class _Onnxruntime:
    """A session of onnxruntime, or of anything that has the same methods."""

    def __init__(self, session: Any, model: Model | None) -> None:
        self.session, self.label = session, type(session).__module__.split(".")[0]
        held = getattr(session, "_model_path", None) or getattr(session, "_model_bytes", None)
        self._source, self._model = held, model

    @property
    def model(self) -> Model | None:
        """The session's own model, else the one it is compared with."""
        if self._source is not None:
            self._model, self._source = load(self._source), None
        return self._model

    def run(self, feeds: Feeds) -> dict[str, Any]:
        return self._run(self.session, feeds)

    def _run(self, session: Any, feeds: Feeds) -> dict[str, Any]:
        names = [v.name for v in session.get_inputs()]
        results = session.run(None, _renamed(names, feeds))
        return dict(zip([v.name for v in session.get_outputs()], results, strict=True))

    def values(self, feeds: Feeds, names: Sequence[str]) -> list[Any]:
        model = self.model
        if model is None:
            raise InputError("the session does not say what model it runs", fix="verify it against that model")
        wanted = model.clone()
        found = {v.name: v for v in wanted.graph.values()}
        wanted.graph.outputs = [found[n] for n in names]
        session = type(self.session)(to_bytes(wanted), providers=self.session.get_providers())
        return list(self._run(session, feeds).values())


class _Function:
    """A function of arrays that gives arrays."""

    model = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.label = getattr(function, "__name__", type(function).__name__)

    def run(self, feeds: Feeds) -> dict[str, Any]:
        return _by_position(_leaves(self.function(*feeds.values()), lambda x: np.asarray(x)))


class _Torch:
    """A torch module, or a function of tensors, as it is used: in evaluation mode, without gradients."""

    model = None

    def __init__(self, module: Callable[..., Any]) -> None:
        self.module = module
        self.label = f"torch {getattr(module, '__name__', type(module).__name__)}"

    def run(self, feeds: Feeds) -> dict[str, Any]:
        import inspect

        import torch

        tensors = {name: _tensor(torch, array) for name, array in feeds.items()}
        forward = getattr(self.module, "forward", self.module)
        parameters = inspect.signature(forward).parameters
        with torch.no_grad(), _evaluating(self.module):
            known = all(name in parameters for name in tensors)
            result = self.module(**tensors) if known else self.module(*tensors.values())
        return _by_position(_leaves(result, _numpy))


def as_execution(item: Any, other: Any = None) -> Execution:
    """What runs `item`: a model or its file is run by the references, a session by its engine, a module by torch.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(item, (Model, str, os.PathLike, bytes)):
        return _Reference(item if isinstance(item, Model) else load(item))
    if isinstance(item, Session):
        return _Engine(item)
    if all(hasattr(item, name) for name in ("run", "get_inputs", "get_outputs", "get_providers")):
        return _Onnxruntime(item, _model_of(other))
    if callable(item):
        return _Torch(item) if _is_torch(item) else _Function(item)
    raise InputError(
        f"a {type(item).__name__} cannot be run",
        fix="give a model, the path of one, a session, a torch module or a function of arrays",
    )


def _model_of(item: Any) -> Model | None:
    if isinstance(item, (str, os.PathLike, bytes)):
        return load(item)
    return item if isinstance(item, Model) else item.model if isinstance(item, Session) else None


def _is_torch(item: Any) -> bool:
    """A module of torch, or a function from a file that imports torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    return isinstance(item, torch.nn.Module) or torch in getattr(item, "__globals__", {}).values()


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Dropout off, statistics fixed, no caches among the results; all put back afterwards."""
    modules = list(getattr(module, "modules", list)())
    training = [m for m in modules if m.training]
    configs = {id(c): c for m in modules if (c := getattr(m, "config", None)) is not None}
    caching = [c for c in configs.values() if getattr(c, "use_cache", None) is True]
    for m in training:
        m.training = False
    for c in caching:
        c.use_cache = False
    try:
        yield
    finally:
        for m in training:
            m.training = True
        for c in caching:
            c.use_cache = True


def by_name(model: Model, feeds: Feeds) -> dict[str, Any]:
    """The inputs under the names of the model: by their own where these are the model's, else in order."""
    return _renamed([v.name for v in model.graph.inputs if v.const is None], feeds)


def _renamed(names: Sequence[str], feeds: Feeds) -> dict[str, Any]:
    if set(names) <= feeds.keys() or len(names) != len(feeds):
        return dict(feeds)
    return dict(zip(names, feeds.values(), strict=True))


def _by_position(leaves: Sequence[Any]) -> dict[str, Any]:
    return {f"output_{i}": leaf for i, leaf in enumerate(leaves)}


def _leaves(result: Any, array: Callable[[Any], Any]) -> list[Any]:
    """The arrays in nested tuples, lists and mappings; absent ones are skipped."""
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [x for item in result.values() for x in _leaves(item, array)]
    if isinstance(result, (list, tuple)):
        return [x for item in result for x in _leaves(item, array)]
    if dataclasses.is_dataclass(result):
        return [x for f in dataclasses.fields(result) for x in _leaves(getattr(result, f.name), array)]
    return [array(result)]


def _tensor(torch: Any, array: Any) -> Any:
    """A tensor with the array's elements; of the types NumPy lacks, torch takes the bits."""
    array = np.array(array)  # a copy: the module may write into it
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _numpy(tensor: Any) -> Any:
    if not hasattr(tensor, "detach"):
        return np.asarray(tensor)
    plain = tensor.detach().cpu()
    if str(plain.dtype) == "torch.bfloat16":
        import ml_dtypes

        return plain.contiguous().view(dtype=sys.modules["torch"].int16).numpy().view(ml_dtypes.bfloat16)
    return plain.numpy()


def values_of(model: Model) -> list[Value]:
    """The values that nodes of the main graph make, in execution order."""
    return [v for node in model.graph.nodes for v in node.outputs if v.name]

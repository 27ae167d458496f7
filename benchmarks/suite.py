"""The official backend suite: every case with its model, its inputs, and the results that it expects.

The one-node cases come from the code of the official package, the models (simple, pytorch-converted, pytorch-operator,
light) from its files. What a case expects is judged in one place, whoever ran it.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ml_dtypes import finfo
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

from sardonyx.io.tensors import read_tensor
from sardonyx.proto import TensorProto, parse

__all__ = [
    "Case",
    "DataSet",
    "fault",
    "light_model",
    "light_models",
    "model",
    "models",
    "node_cases",
    "nodes",
    "one_node",
    "plain",
    "suite",
]

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
KINDS = ("simple", "pytorch-converted", "pytorch-operator")
DRAWS = 20_000  # of a case that draws at random, so that their statistics tell


@dataclass(frozen=True)
class DataSet:
    """Inputs by name, and the results expected for them."""

    feeds: Mapping[str, Any]
    expected: Sequence[Any]


@dataclass(frozen=True)
class Case:
    """One case: a model's bytes, what goes in, and how near the results must come."""

    name: str
    kind: str
    model: bytes
    sets: Sequence[DataSet]
    rtol: float
    atol: float

    @property
    def drawn(self) -> bool:
        """Whether nothing fixes its values: six cases of Bernoulli are judged by what they are drawn from."""
        return self.name.startswith("test_bernoulli")


@functools.cache
def node_cases() -> list[Any]:
    """The one-node cases as the official package makes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it overflows and divides by zero on purpose
        return list(collect_testcases(None))


@functools.cache
def models() -> list[Any]:
    """The models that lie in the official package with their data, but for the light ones."""
    return sorted((c for kind in KINDS for c in load_model_tests(kind=kind)), key=lambda c: c.model_dir)


def light_models() -> list[Path]:
    """Well-known networks with made-up weights."""
    return sorted((DATA / "light").glob("light_*.onnx"))


def suite() -> Iterator[Case]:
    """Every case, one-node cases first."""
    yield from map(one_node, node_cases())
    for case in models():
        yield model(case)
    for file in light_models():
        yield light_model(file)


def one_node(case: Any) -> Case:
    """An official one-node case as ours; one that draws gets enough to draw for its statistics to tell."""
    names = [v.name for v in case.model.graph.input]
    sets = [DataSet(dict(zip(names, plain(given), strict=False)), plain(wanted)) for given, wanted in case.data_sets]
    made = Case(case.name, "node", case.model.SerializeToString(), sets, case.rtol, case.atol)
    return _enlarged(made) if made.drawn else made


def _enlarged(case: Case) -> Case:
    proto, (data,) = onnx.ModelProto.FromString(case.model), case.sets
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = DRAWS
    feeds = {name: np.resize(x, DRAWS) for name, x in data.feeds.items()}
    wanted = [np.resize(x, DRAWS) for x in data.expected]
    return Case(case.name, case.kind, proto.SerializeToString(), [DataSet(feeds, wanted)], case.rtol, case.atol)


def model(case: Any) -> Case:
    """An official model with its data as a case."""
    folder = Path(case.model_dir)
    graph = onnx.load(folder / "model.onnx").graph
    takes, sets = _inputs(graph), list[DataSet]()
    for data in sorted(folder.glob("test_data_set_*")):
        inputs = values(data, "input", takes)
        feeds = {info.name: x for info, x in zip(takes, inputs, strict=True)}
        sets.append(DataSet(feeds, values(data, "output", graph.output)))
    return Case(case.name, case.kind, (folder / "model.onnx").read_bytes(), sets, case.rtol, case.atol)


def light_model(file: Path) -> Case:
    """A light model as a case: its input is made up, as the official runner does."""
    graph = onnx.load(file).graph
    data = DataSet(
        {i.name: rising(i) for i in _inputs(graph)}, values(file.parent, f"{file.stem}_output", graph.output)
    )
    return Case(file.stem, "light", file.read_bytes(), [data], 1e-3, 1e-7)


def _inputs(graph: Any) -> list[Any]:
    """What a caller must give: old models also list their constants as inputs."""
    constants = {t.name for t in graph.initializer}
    return [i for i in graph.input if i.name not in constants]


def rising(info: Any) -> np.ndarray:
    """The input that the official runner makes up for a light model: a rising line from 0 to 1."""
    shape = tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
    n = int(np.prod(shape))
    return (np.arange(n).reshape(shape) / n).astype(np.float32)


def values(folder: Path, role: str, infos: Any) -> list[Any]:
    """The arrays of one data set, in the order of the graph's inputs or outputs."""
    files = sorted(folder.glob(f"{role}_*.pb"), key=lambda f: int(f.stem.split("_")[-1]))
    return [_read(f, info.type) for f, info in zip(files, infos, strict=False)]


def _read(file: Path, kind: Any) -> Any:
    """The value in a file, whose message is the one that its type asks for."""
    what = kind.WhichOneof("value")
    if what == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(file.read_bytes()))
    if what == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(file.read_bytes()))
    return numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))


def plain(feeds: Any) -> list[Any]:
    """The values of a one-node case as arrays, lists of arrays and None."""
    return [
        read_tensor(parse(TensorProto, x.SerializeToString())).numpy()
        if isinstance(x, onnx.TensorProto)
        else x
        if x is None or isinstance(x, list)
        else np.asarray(x)
        for x in feeds
    ]


def nodes(graph: Any) -> Iterator[Any]:
    """The nodes of an official graph and of the graphs inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


def fault(case: Case, data: DataSet, results: Sequence[Any]) -> str | None:
    """What is wrong with the results of one data set; None if they are what the case expects."""
    if len(results) != len(data.expected):
        return f"{len(results)} results where {len(data.expected)} are expected"
    for i, (found, wanted) in enumerate(zip(results, data.expected, strict=True)):
        wrong = _drawn(case, data, found, wanted) if case.drawn else _differs(case, found, wanted)
        if wrong:
            return f"result {i}: {wrong}"
    return None


def _differs(case: Case, found: Any, wanted: Any) -> str | None:
    if wanted is None or isinstance(wanted, list):
        if (found is None) != (wanted is None) or (wanted is not None and len(found) != len(wanted)):
            return f"{found!r} where {wanted!r} is expected"
        return next((w for a, b in zip(found or (), wanted or (), strict=True) if (w := _differs(case, a, b))), None)
    found, wanted = np.asarray(found), np.asarray(wanted)
    if wrong := _another_type(found, wanted):
        return wrong
    if wanted.dtype.kind in "OUb":
        return None if np.array_equal(found, wanted) else "other elements"
    kind = np.complex128 if wanted.dtype.kind == "c" else np.float64
    rtol = case.rtol
    if case.name.endswith("_expanded") and wanted.dtype.name in ("bfloat16", "float16"):
        rtol = max(rtol, 4 * float(finfo(wanted.dtype).eps))  # a function's body rounds after each of its nodes
    near = np.isclose(found.astype(kind), wanted.astype(kind), rtol=rtol, atol=case.atol, equal_nan=True)
    return None if near.all() else f"{near.size - int(near.sum())} of {near.size} elements differ"


def _another_type(found: Any, wanted: Any) -> str | None:
    text = wanted.dtype.kind in "OU" and found.dtype.kind in "OU"
    if (found.dtype == wanted.dtype or text) and found.shape == wanted.shape:
        return None
    return f"{found.dtype}{list(found.shape)} where {wanted.dtype}{list(wanted.shape)} is expected"


def _drawn(case: Case, data: DataSet, found: Any, wanted: Any) -> str | None:
    """Zeros and ones whose number is what their probabilities, the input, let expect, to within five deviations.

    The official function body says one where a uniform number is greater than the probability, so that its ones are as
    frequent as the operator's zeros; the models that have it written out are held to what they say.
    """
    (p,) = data.feeds.values()
    if wrong := _another_type(found, wanted):
        return wrong
    drawn = found.astype(np.float64)
    if not np.isin(drawn, (0, 1)).all():
        return "it draws more than zeros and ones"
    for chance in np.unique(p):
        of = p == chance
        n, q = int(of.sum()), 1 - float(chance) if case.name.endswith("_expanded") else float(chance)
        if abs(drawn[of].sum() - n * q) > 5 * np.sqrt(n * q * (1 - q)) + 1e-9:
            return f"{int(drawn[of].sum())} ones of {n} at probability {q:.3f}"
    return None

"""Containers keep large tensors outside the message, and write and read them as the official one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compat.programs import Program, same

ARRAYS = {"#a": np.arange(9, dtype=np.float32).reshape(3, 3), "#b:/c": np.arange(9, 18, dtype=np.float32).reshape(3, 3)}


def graph(o: Any, *locations: str) -> Any:
    h = o.helper
    made = [o.model_container.make_large_tensor_proto(place, f"w{i}", 1, (3, 3)) for i, place in enumerate(locations)]
    made.append(o.numpy_helper.from_array(np.ones((3, 3), np.float32), "small"))
    nodes = [h.make_node("Sum", ["x", *(tensor.name for tensor in made)], ["y"])]
    x, y = (h.make_tensor_value_info(name, 1, [3, 3]) for name in "xy")
    return h.make_graph(nodes, "g", [x], [y], made)


def container(o: Any) -> Any:
    return o.model_container.make_large_model(graph(o, *ARRAYS), dict(ARRAYS), producer_name="me")


@pytest.mark.parametrize("one_file", [False, True])
def test_written_and_read(one_file: bool, tmp_path: Path) -> None:
    def program(o: Any) -> Any:
        held = container(o)
        held.check_model()
        path = str(tmp_path / "m.onnx")
        written = held.save(path, one_file)
        files = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != "m.onnx"}
        read = o.model_container.ModelContainer()
        read.load(path)
        read.check_model()
        parts = [[name, read[name]] for name in read.large_initializers]
        return [written, files, read.model_proto, parts, o.load(path), len(read.graphs_) if one_file is None else 0]

    same(program)


def _loaded(o: Any) -> Any:
    return o.model_container.ModelContainer()


PROGRAMS: dict[str, Program] = {
    "empty": lambda o: _loaded(o).model_proto,
    "empty, checked": lambda o: _loaded(o).check_model(),
    "weights before the model": lambda o: _loaded(o)._load_large_initializers("x"),
    "an unknown array": lambda o: container(o)["#z"],
    "an array": lambda o: container(o)["#a"],
    "without arrays": lambda o: o.model_container.make_large_model(graph(o)).model_proto,
    "a location without #": lambda o: o.model_container.make_large_model(graph(o, "a"), {"a": ARRAYS["#a"]}),
    "a missing array": lambda o: o.model_container.make_large_model(graph(o, "#z"), dict(ARRAYS)),
    "no such folder": lambda o: container(o).save("/nowhere/at/all.onnx"),
    "in memory": lambda o: [container(o).is_in_memory_external_initializer(name) for name in ("#a", "a")],
    "graphs": lambda o: list(container(o).enumerate_graph_protos()),
    "a tensor": lambda o: o.model_container.make_large_tensor_proto("#x", "t", 10, (2, 0)),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_programs(program: Program) -> None:
    same(program)

"""How fast models are read and written, beside the official package: `python benchmarks/bench_proto.py`.

Rows: a graph of 10,000 nodes (structure), and a model whose bytes are nearly all weights (payload, mapped from a file).
"""

from __future__ import annotations

import mmap
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnx

from sardonyx import proto

WEIGHTS_MB = 256
REPEATS = 5


def structure() -> bytes:
    """10,000 convolutions in a row, as ModelProto bytes."""
    graph = proto.GraphProto(name="long")
    for i in range(10_000):
        node = graph.node.add(op_type="Conv", name=f"node_{i}", input=[f"v{i}", f"w{i}"], output=[f"v{i + 1}"])
        node.attribute.add(name="kernel_shape", type="INTS", ints=[3, 3])
        node.attribute.add(name="group", type="INT", i=1)
    return proto.ModelProto(ir_version=14, graph=graph).SerializeToString()


def payload(path: Path) -> None:
    """A model of one large tensor, written to a file."""
    model = proto.ModelProto(ir_version=14)
    size = WEIGHTS_MB << 20
    model.graph.initializer.add(dims=[size // 4], data_type=1).set_view("raw_data", memoryview(bytes(size)))
    with path.open("wb") as file:
        model.serialize_to(file)


def milliseconds(act: Callable[[], object]) -> float:
    """The median time of an act."""
    times: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    """Print one line for each measurement: ours, the official one."""
    wire = structure()
    ours, theirs = proto.parse(proto.ModelProto, wire), onnx.ModelProto.FromString(wire)
    rows = [
        ("read 10,000 nodes", lambda: proto.parse(proto.ModelProto, wire), lambda: onnx.ModelProto.FromString(wire)),
        ("write 10,000 nodes", ours.SerializeToString, theirs.SerializeToString),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder) / "weights.onnx", Path(folder) / "copy.onnx"
        payload(path)

        def mapped() -> proto.ModelProto:
            with path.open("rb") as file:
                return proto.parse(proto.ModelProto, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

        def written() -> None:
            with copy.open("wb") as file:
                ours.serialize_to(file)

        read = lambda: onnx.ModelProto.FromString(path.read_bytes())  # noqa: E731
        rows.append((f"read {WEIGHTS_MB} MB of weights", mapped, read))
        ours, theirs = mapped(), read()
        rows.append(
            (f"write {WEIGHTS_MB} MB of weights", written, lambda: copy.write_bytes(theirs.SerializeToString()))
        )
        print(f"{'':<28}{'sardonyx':>12}{'official':>12}   (ms, median of {REPEATS})")
        for name, mine, official in rows:
            print(f"{name:<28}{milliseconds(mine):>12.2f}{milliseconds(official):>12.2f}")
    code = "import time, numpy; t = time.perf_counter(); import sardonyx.proto; print(1000 * (time.perf_counter() - t))"
    imports = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(REPEATS)]
    print(f"{'import, after numpy':<28}{statistics.median(imports):>12.2f}")


if __name__ == "__main__":
    main()

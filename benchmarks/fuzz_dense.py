"""The dearest pieces of every format, a whole file of each: `python -m benchmarks.fuzz_dense`.

For each form: the peak of traced memory for each byte of a file of `--memory` bytes, and the least CPU time of `--rounds`
readings of a file of `--seconds` bytes. The collector runs before each, so that nothing of one is paid by the next.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sardonyx.core.errors import FormatError
from sardonyx.io.files import _read  # pyright: ignore[reportPrivateUsage]  # as `load` reads, whatever the format
from sardonyx.io.formats import BINARY, JSON, SYNTAX, TEXT, Format
from sardonyx.io.paths import Folder
from sardonyx.proto.wire import varint

NODES = 10_000


@dataclass(frozen=True)
class Form:
    """`make(n)` is a file of about `n` bytes."""

    name: str
    format: Format
    piece: str
    make: Callable[[int], bytes]


def _text(name: str, format: Format, head: str, piece: str, tail: str) -> Form:
    def make(size: int) -> bytes:
        count = max(1, (size - len(head) - len(tail)) // len(piece))
        return (head + (piece * count).removesuffix(",") + tail).encode()

    return Form(name, format, piece, make)


def _numbered(name: str, format: Format, head: str, piece: str, tail: str) -> Form:
    """Pieces that count."""

    def make(size: int) -> bytes:
        made, length = list[str](), len(head) + len(tail)
        while length < size:
            made.append(piece.replace("{i}", str(len(made))).replace("{j}", str(len(made) + 1)))
            length += len(made[-1])
        return (head + "".join(made).removesuffix(",") + tail).encode()

    return Form(name, format, piece.replace("{i}", "0").replace("{j}", "1"), make)


def field(number: int, content: bytes) -> bytes:
    """A field of the wire that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def _wire(name: str, piece: bytes, *around: int) -> Form:
    """Pieces in the field `around[-1]` of ... of the field `around[0]` of a model."""

    def make(size: int) -> bytes:
        data = piece * (size // len(piece))
        for number in reversed(around):
            data = field(number, data)
        return data if around[:1] == (7,) else field(7, b"") + data

    return Form(name, BINARY, piece.hex(" "), make)


def _wire_numbered(name: str, piece: Callable[[int], bytes], *around: int) -> Form:
    def make(size: int) -> bytes:
        made, length = list[bytes](), 0
        while length < size:
            made.append(piece(len(made)))
            length += len(made[-1])
        data = b"".join(made)
        for number in reversed(around):
            data = field(number, data)
        return data

    return Form(name, BINARY, f"{len(piece(1000))} bytes", make)


def _node(i: int) -> bytes:
    """A node as programs write them."""
    strings = ((1, f"value_{i}"), (1, "weight_a"), (2, f"value_{i + 1}"), (3, f"node_{i}"), (4, "Add"))
    return field(1, b"".join(field(n, s.encode()) for n, s in strings))


GRAPH = '<ir_version: 10, opset_import: ["" : 21]> g () => () '
JSON_NODE = (
    '{\n  "input": [\n  "value_{i}",\n  "weight_a"\n  ],\n  "output": [\n  "value_{j}"\n  ],\n  "name": "node_{i}",\n'
    '  "opType": "Add"\n},'
)
TEXT_NODE = 'node {\n  input: "value_{i}"\n  input: "weight_a"\n  output: "value_{j}"\n  name: "node_{i}"\n  op_type: "Add"\n}\n'

FORMS = (
    _numbered("nodes as programs write them", SYNTAX, GRAPH + "{\n", "  [node_{i}] value_{j} = Add (value_{i}, weight_a)\n", "}"),
    _wire_numbered("nodes as programs write them", _node, 7),
    _numbered("nodes as programs write them", JSON, '{"graph": {"node": [', JSON_NODE, "]}}"),
    _numbered("nodes as programs write them", TEXT, "graph {\n", TEXT_NODE, "}"),
    _text("nodes", SYNTAX, GRAPH + "{", "a=b()", "}"),
    _text("nodes, the last one wrong", SYNTAX, GRAPH + "{", "a=b()", "!}"),
    _numbered("nodes in a chain", SYNTAX, GRAPH + "{", "a{j}=b(a{i})", "}"),
    _text("outputs left out", SYNTAX, GRAPH + "{", ",", "=b()}"),
    _text("inputs of a graph", SYNTAX, "g (", "a,", ") => () {}"),
    _text("outputs of a graph", SYNTAX, "g () => (", "a,", ") {}"),
    _text("known values", SYNTAX, "g () => () <", "a,", "> {}"),
    _numbered("constants", SYNTAX, GRAPH + "<", "bool a{i}={0},", "> {}"),
    _numbered("functions", SYNTAX, GRAPH + "{}", "f{i}()=>(){}", ""),
    _numbered("attributes", SYNTAX, GRAPH + "{ a=b<", "c=1,", ">()}"),
    _text("graphs in attributes", SYNTAX, GRAPH + "{", "a=b<c=g()=>(){}>()", "}"),
    _text("types in a list", SYNTAX, GRAPH + "{ a=b<c:type_protos=[", "bool,", "]>()}"),
    _numbered("operator sets", SYNTAX, "<opset_import: [", '"{i}":1,', "]> g()=>(){}"),
    _text("strings", SYNTAX, GRAPH + "{ a=b<c=[", '"ab",', "]>()}"),
    _wire("empty nodes", b"\x0a\x00", 7),
    _wire("nodes with name, operator and result", field(1, field(2, b"a") + field(4, b"b")), 7),
    _wire("inputs left out", b"\x0a\x00", 7, 1),
    _wire("outputs left out", b"\x12\x00", 7, 1),
    _wire("empty attributes", b"\x2a\x00", 7, 1),
    _wire("integers in an attribute", b"\x40\x01", 7, 1, 5),
    _wire("packed integers of two bytes", b"\xff\x01", 7, 1, 5, 8),
    _wire("strings of an attribute", field(9, b"ab"), 7, 1, 5),
    _wire("graphs of an attribute", field(11, b""), 7, 1, 5),
    _wire("nodes with graphs", field(1, field(5, field(6, b""))), 7),
    _wire("graphs in nodes, two deep", field(1, field(5, field(6, field(1, field(5, field(6, b"")))))), 7),
    _wire("value_info", b"\x6a\x00", 7),
    _wire("inputs of a graph", b"\x5a\x00", 7),
    _wire("outputs of a graph", b"\x62\x00", 7),
    _wire("dims of a type", b"\x0a\x00", 7, 11, 2, 1, 2),
    _wire("annotations of quantization", b"\x72\x00", 7),
    _wire("notes of a graph", b"\x82\x01\x00", 7),
    _wire("extents of a tensor", b"\x08\x01", 7, 5),
    _wire("operator sets", b"\x42\x00"),
    _wire("notes of a model", b"\x72\x00"),
    _wire("functions", b"\xca\x01\x00"),
    _wire_numbered("functions with names", lambda i: (b"" if i else field(7, b"")) + field(25, field(1, b"f%d" % i))),
    _wire_numbered("constants", lambda i: field(5, field(8, b"a%d" % i) + b"\x10\x09" + field(9, b"\0")), 7),
    _wire_numbered("external constants", lambda i: field(5, field(8, b"a%d" % i) + b"\x10\x09\x08\x01" + b"\x70\x01" + field(13, field(1, b"location") + field(2, b"data"))), 7),
    _wire("entries of a table", b"\x6a\x00", 7, 5),
    _wire("segments of training", b"\xa2\x01\x00"),
    _text("empty nodes", JSON, '{"graph": {"node": [', "{},", "]}}"),
    _text("attributes", JSON, '{"graph": {"node": [{"attribute": [', "{},", "]}]}}"),
    _text("empty nodes", TEXT, "graph {", "node{}", "}"),
    _text("attributes", TEXT, "graph { node {", "attribute{}", "}}"),
)  # fmt: skip


def _read_or_refuse(form: Form, data: bytes, folder: Folder) -> str:
    with suppress(FormatError):
        _read(form.format, memoryview(data), folder)
        return "read"
    return "refused"


def measure(form: Form, memory: int, seconds: int, rounds: int, folder: Path) -> tuple[str, float, float]:
    """Whether it was read, peak / length, and CPU seconds."""
    verdict, quotient, least = "", 0.0, float("inf")
    if memory:
        data = form.make(memory)
        gc.collect()
        tracemalloc.start()
        verdict = _read_or_refuse(form, data, Folder(folder))
        quotient = tracemalloc.get_traced_memory()[1] / len(data)
        tracemalloc.stop()
    if seconds:
        data = form.make(seconds)
        for _ in range(rounds):
            gc.collect()
            start = time.process_time()
            verdict = _read_or_refuse(form, data, Folder(folder))
            least = min(least, time.process_time() - start)
    return verdict, quotient, least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--memory", type=int, default=500_000, help="bytes of the file whose memory is traced")
    parser.add_argument("--seconds", type=int, default=2_000_000, help="bytes of the file whose reading is timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="forms whose format and name hold this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").write_bytes(bytes(4096))
        for form in FORMS:
            title = f"{form.format.name:<22}{form.name:<40}"
            if options.only in title:
                verdict, quotient, least = measure(form, options.memory, options.seconds, options.rounds, Path(folder))
                print(f"{title}{form.piece.strip()[:24]!r:<28}{quotient:7.1f}x{least:8.2f} s  {verdict}", flush=True)


if __name__ == "__main__":
    main()

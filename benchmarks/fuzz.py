"""Damaged and random files for every parser: `python -m benchmarks.fuzz --inputs 10000 --seed 0`.

Each input is a real file with a few places changed, a file that a grammar made, or noise. A parser may read it or refuse it
with a documented error; it may not crash, use more than LIMIT seconds of CPU time, or allocate out of proportion. Address
space is capped for all inputs; one in `sample` is also traced, and may reach `SCRATCH + FACTOR * len(input)` bytes.

One in a hundred is *dense*: a piece of a file again and again, thousands of times, and each of these is traced. Where such a
piece is the shortest name of an object (an empty node: two bytes of the wire, 350 of memory), no eager reader can hold FACTOR;
what is asked of these is `Target.dense`. `worst` is the plain quotient of peak and length, nothing subtracted, over the other
inputs of 4 KiB or more.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import resource
import signal
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import sardonyx as sx
from benchmarks.grammar import random_message, random_text
from sardonyx.core import dtypes
from sardonyx.core.errors import CompileError, FormatError
from sardonyx.io import from_bytes, load, model_to_proto, to_bytes
from sardonyx.io.formats import JSON, SYNTAX, TEXT
from sardonyx.io.safetensors import load_weights, save_weights
from sardonyx.ir import ExternalLocation, Model, Tensor
from sardonyx.ir.text import parse_model, print_model
from sardonyx.proto import ModelProto
from sardonyx.proto.json_format import to_json
from sardonyx.proto.text import to_text
from sardonyx.tile.parser import parse_kernel

LIMIT = 2.0  # seconds of CPU time for one input
FACTOR = 10
SCRATCH = 1 << 18  # what any parser may use whatever the input: tables, messages, the first objects
LONG = 1 << 12  # bytes of an input from which on the scratch memory does not hide what the input costs
CAP = 1 << 29  # address space beyond what the process has when it starts

MODEL = """
<ir_version: 10, opset_import: ["" : 21, "custom" : 1], producer_name: "fuzz", metadata_props: ["k": "v"]>
main (float[N, 3] x, bool c, seq(float["2*N"]) s) => (float[N, 3] y, z)
<float[3] w = {1, -2.5, nan}, int64[2] n = {-1, 3}, string[2] t = {"a", "b\\n"}> {
  [first] a = Add (x, w)
  r = Reshape <allowzero = 0> (a, n)
  y = If (c) <then_branch = one () => (p) { p = Neg (r) }, else_branch = two () => (q) { q = custom.F <k = 2> (r) }>
  z = Constant <value = float16[2, 2] {1, 2, 3, 4}> ()
  u = Other <i = 3, f = 1.5, s = "text", is = [1, 2], fs = [0.5], ss = ["a", "b"], ty: type_proto = float[N]> (x, , w)
}
<domain: "custom", opset_import: ["" : 21]>
F <k, m: float = 1.5> (a) => (b) { b = Mul (a, a) }
"""
KERNEL = """kernel scale(x: ptr, y: ptr, n: i64, by: f32) task t
body
  for i = 0 to n step 1 serial
    let loaded: f32 = load f32 x[i]
    let v: f32 = (loaded * by)
    if (v < 0.0:f32)
      store y[i] = (v + 1.0:f32)
"""
MARKS = (
    *(b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff\x0f", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80"),
    *(b"{" * 40, b"[" * 200, b"(" * 200, b"seq(" * 50, b"9" * 30, b"-1", b"0x", b"1e999", b"nan"),
    *(b'"', b"\\", b"\n", b"  ", b"..", b"/", b"<", b","),
)


_SMALL = parse_model(
    '<ir_version: 10, opset_import: ["" : 21]> g (float[4] x) => (y) <float[4] a = {1, 2, 3, 4}> { y = Add (x, a) }'
)


@dataclass(frozen=True)
class Target:
    """A parser, the files it starts from, and the errors it may refuse with."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (FormatError,)
    factor: int = FACTOR
    dense: int = 200  # bytes for each byte of a dense input: an object for its shortest name
    make: Callable[[random.Random], bytes] | None = None  # makes inputs from nothing
    made: float = 0.05  # the share of these; most where whole files say little


@dataclass
class Outcome:
    """What became of the inputs of one parser."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    traced: int = 0
    ratio: float = 0.0  # the largest of peak bytes beyond SCRATCH per byte of input
    worst: float = 0.0  # the largest of peak bytes per byte of input, over the long inputs
    dense: int = 0  # dense inputs
    beyond: int = 0  # those that took more than the factor of others
    densest: float = 0.0  # the largest quotient over the dense inputs
    faults: list[str] = field(default_factory=list[str])


class TooSlow(BaseException):
    """One input took more than LIMIT; no parser may catch it."""


ENTRIES = (
    *(
        "data",
        "inner/data",
        "link",
        "../data",
        "/etc/hostname",
        "",
        ".",
        "a/../data",
        "none",
        "data\0",
        "\u2215",
        "x" * 5000,
    ),
    *("0", "-1", "16", " 16", "1_6", "16.0", "0x10", "9" * 30, "9" * 5000, "9223372036854775807", "\u0661", "checksum"),
)


def table(rng: random.Random) -> bytes:
    """A model whose external-data table says anything."""
    model = from_bytes(to_bytes(_SMALL))
    proto = model_to_proto(model)
    for tensor in proto.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = rng.choice((1, 1, 1, 1, 0))
        if rng.random() < 0.2:
            tensor.dims[:] = [rng.choice((0, 1, -1, 4, 2**62, 2**63 - 1)) for _ in range(rng.choice((0, 1, 2, 3, 70)))]
            tensor.data_type = rng.randrange(30)
        for key in ("location", "offset", "length", rng.choice(ENTRIES)):
            if rng.random() < 0.8:
                value = (
                    rng.choice(ENTRIES) if rng.random() < 0.4 else {"location": "data", "length": "16"}.get(key, "0")
                )
                tensor.external_data.add(key=key, value=value)
    return proto.SerializeToString()


def real_models(most: int = 4000, count: int = 40) -> Iterator[Model]:
    """Small models of the official package's suite, if it is installed."""
    found = importlib.util.find_spec("onnx")
    if found is None or found.origin is None:
        return
    files = sorted((Path(found.origin).parent / "backend/test/data").glob("*/*/model.onnx"))
    small = [f for f in files if f.stat().st_size <= most]
    for file in small[:: max(1, len(small) // count)]:
        yield load(file)


def every_dtype() -> Model:
    """A model with a constant of every element type."""
    known = [d for d in dtypes.ALL if d is not dtypes.UNDEFINED]
    texts = [f"{d.text}[2] c{d.code} = {{{ENTRIES_OF.get(d, '1, 0')}}}" for d in known]
    return parse_model(f'<ir_version: 14, opset_import: ["" : 28]> g () => () <{", ".join(texts)}> {{ }}')


ENTRIES_OF = {
    dtypes.STRING: '"a", ""',
    **dict.fromkeys((dtypes.COMPLEX64, dtypes.COMPLEX128), "1, 0, -2.5, nan"),
    **{d: "1" for d in dtypes.ALL if d.packed and d.bits in (2, 4)},
}


def tables(folder: Path) -> list[bytes]:
    """Models whose weights lie in `folder`: what is damaged is mostly the table that says where."""
    (folder / "data").write_bytes(bytes(range(256)) * 64)
    (folder / "inner").mkdir()
    (folder / "inner/data").write_bytes(bytes(4096))
    (folder / "link").symlink_to("/etc/hostname")
    text = '<ir_version: 10, opset_import: ["" : 21]> g (float[4] x) => (y) <float[4] a = {1, 2, 3, 4}, '
    model = parse_model(text + "float[8] b = {1, 2, 3, 4, 5, 6, 7, 8}> { t = Add (x, a) y = Concat <axis = 0> (t, b) }")
    made: list[bytes] = []
    for location, offset in (("data", 0), ("inner/data", 64), ("link", 0), ("../data", 0), ("none", 1 << 40)):
        constants = [v.const for v in model.graph.initializers.values() if isinstance(v.const, Tensor)]
        place = {id(c): ExternalLocation(location, offset + 64 * i, c.nbytes) for i, c in enumerate(constants)}
        made.append(model_to_proto(model, place).SerializeToString())
    return made


def targets(folder: Path) -> list[Target]:
    """Every parser of untrusted input."""
    models = [parse_model(MODEL), every_dtype(), *real_models()]
    protos = [model_to_proto(m) for m in models]
    short = [p for p in protos if p.ByteSize() < 1200]  # texts are several times as long
    texts = tuple(print_model(m).encode("utf-8", "surrogateescape") for m in models)

    def message(rng: random.Random) -> ModelProto:
        return random_message(ModelProto, rng)

    return [
        Target(
            "wire",
            from_bytes,
            tuple(to_bytes(m) for m in models),
            make=lambda rng: message(rng).SerializeToString(),
        ),
        Target("syntax", lambda data: SYNTAX.read(memoryview(data), None), texts, make=random_text, made=0.3),
        Target(
            "json",
            lambda data: JSON.read(memoryview(data), None),
            tuple(to_json(p).encode() for p in short),
            make=lambda rng: to_json(message(rng), indent=rng.choice((None, 2))).encode(),
        ),
        Target(
            "textproto",
            lambda data: TEXT.read(memoryview(data), None),
            tuple(to_text(p).encode() for p in short),
            make=lambda rng: to_text(message(rng)).encode(),
        ),
        Target("table", lambda data: from_bytes(data, folder), tuple(tables(folder)), make=table, made=0.5),
        Target("safetensors", lambda data: _read_weights(data, folder), tuple(weights(folder))),
        Target(
            "tile",
            lambda data: parse_kernel(data.decode(errors="replace")),
            _kernels(),
            (FormatError, CompileError),
            factor=300,  # no file of a user's: an object for every token may stay
        ),
    ]


def _read_weights(data: bytes, folder: Path) -> object:
    (folder / "w.safetensors").write_bytes(data)
    return load_weights(folder / "w.safetensors")


def weights(folder: Path) -> Iterator[bytes]:
    """Small safetensors files."""
    arrays = ({}, {"a": np.ones((2, 3), np.float32)}, {"a": np.arange(4), "b" * 40: np.zeros((0, 5), np.int8)})
    for some in arrays:
        save_weights(some, folder / "w.safetensors")
        yield (folder / "w.safetensors").read_bytes()


def _kernels() -> tuple[bytes, ...]:
    goldens = sorted((Path(__file__).parents[1] / "tests/tile/goldens").glob("*.tile"))
    return (KERNEL.encode(), *(g.read_bytes() for g in goldens if g.stat().st_size < 4000))


def damage(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """An input: noise once in twenty, else a file with one to four places changed."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(200))
    out, other = bytearray(rng.choice(seeds)), rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, size = rng.randrange(len(out) + 1), rng.choice((1, 1, 2, 8, 40))
        match rng.randrange(12):
            case 0 | 7 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 8 | 9 if at < len(out):
                out[at] = rng.choice(out)  # of its own alphabet: more of these get past the first checks
            case 10 | 11:
                lines = bytes(out).split(b"\n")
                at = rng.randrange(len(lines))
                lines[at : at + rng.randrange(2)] = lines[rng.randrange(len(lines)) :][: rng.randrange(3)]
                out = bytearray(b"\n".join(lines))
            case 1:
                out[at : at + size] = rng.randbytes(size)
            case 2:
                del out[at : at + size]
            case 3:
                out[at:at] = out[at : at + 4 * size]
            case 4:
                start = rng.randrange(len(other))
                out[at:at] = other[start : start + 4 * size]
            case 5:
                del out[at:]
            case _:
                out[at : at + rng.randrange(3)] = rng.choice(MARKS)
    return bytes(out)


def lengthened(data: bytes, rng: random.Random) -> bytes:
    """A piece of an input again and again: what it costs would show if it grew faster than the length."""
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 8, 40, 200))
    piece = data[at : at + size]
    return data[:at] + piece * (rng.choice((5_000, 50_000)) // len(piece)) + data[at:]


@contextmanager
def guarded() -> Iterator[None]:
    """Cap the address space, and let the timer of CPU time raise TooSlow."""

    def late(*_: object) -> None:
        raise TooSlow

    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGVTALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (held + CAP, limits[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def attempt(target: Target, data: bytes, outcome: Outcome, traced: bool, dense: bool = False) -> None:
    """Let the parser read `data`; note what it did, and everything that it must not do."""
    outcome.inputs += 1
    outcome.dense += dense
    peak, start = 0, time.thread_time()
    try:
        if traced:
            tracemalloc.start()
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT * (4 if traced else 1))  # tracing itself takes its time
        target.read(data)
        outcome.read += 1
    except target.refusals:
        outcome.refused += 1
    except TooSlow:
        outcome.faults.append(f"more than {LIMIT} s: {data!r}")
    except Exception as error:
        outcome.faults.append(f"{type(error).__name__}: {error}: {data!r}")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if traced:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    if traced:
        outcome.traced += 1
        ratio = max(0, peak - SCRATCH) / max(1, len(data))
        outcome.ratio = max(outcome.ratio, ratio)
        if dense:
            outcome.densest = max(outcome.densest, peak / len(data))
            outcome.beyond += ratio > target.factor
        elif len(data) >= LONG:
            outcome.worst = max(outcome.worst, peak / len(data))
        if ratio > (max(target.dense, target.factor) if dense else target.factor):
            outcome.faults.append(f"{peak} bytes allocated: {data!r}")
    else:
        outcome.slowest = max(outcome.slowest, time.thread_time() - start)


def fuzz(target: Target, inputs: int, seed: int, sample: int = 50) -> Outcome:
    """The outcome of that many inputs; the seed tells which."""
    rng, outcome = random.Random(f"{target.name} {seed}"), Outcome()
    with guarded():
        for i in range(inputs):
            if target.make is not None and rng.random() < target.made:
                data = target.make(rng)
                if data and rng.random() < 0.5:
                    data = damage((data, *target.seeds[:1]), rng)
            else:
                data = damage(target.seeds, rng)
            dense = bool(data) and rng.random() < 0.01
            if dense:
                data = lengthened(data, rng)
            attempt(target, data, outcome, dense or i % sample == 0, dense)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=10_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=50, help="trace the memory of one input in so many")
    parser.add_argument("--only", action="append", help="this parser; may be repeated")
    options = parser.parse_args()
    failed = False
    print(f"sardonyx {sx.__version__}, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        for target in targets(Path(folder)):
            if options.only and target.name not in options.only:
                continue
            start = time.perf_counter()
            found = fuzz(target, options.inputs, options.seed, options.sample)
            print(
                f"{target.name:<10}{found.inputs:>9} inputs  {found.read:>8} read  {found.refused:>8} refused  "
                f"slowest {1e3 * found.slowest:7.1f} ms  {found.traced:>7} traced, worst {found.worst:4.1f}x  "
                f"{found.dense} dense, {found.beyond} over {target.factor}x, worst {found.densest:4.1f}x  "
                f"{len(found.faults)} faults  {time.perf_counter() - start:.0f} s",
                flush=True,
            )
            for fault in found.faults[:10]:
                print("  " + fault[:1500])
            failed |= bool(found.faults)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()

"""Damaged files: the official verdict on each, an offset in each refusal, and no hang or wild allocation."""

from __future__ import annotations

import random
import time
import tracemalloc

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

import sardonyx.proto as proto
from sardonyx.core.errors import FormatError
from sardonyx.proto import parse
from sardonyx.proto.wire import varint


def seeds() -> list[bytes]:
    """Small valid models that between them hold most kinds of fields."""
    x = helper.make_tensor_value_info("x", 1, ["batch", 3, None])
    body = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "body", [x], [x])
    attributes = {"f": 1.5, "i": -7, "s": "text", "floats": [1.0, float("nan")], "ints": [3, 300, -1], "g": body}
    node = helper.make_node("Loop", ["x", ""], ["y"], name="n", domain="custom", strings=["a", "b"], **attributes)
    weights = [
        helper.make_tensor("f", TensorProto.FLOAT, [40], np.arange(40.0)),
        helper.make_tensor("i", TensorProto.INT64, [80], range(-40, 40)),
        helper.make_tensor("r", TensorProto.FLOAT, [100], np.ones(100, np.float32).tobytes(), raw=True),
        helper.make_tensor("s", TensorProto.STRING, [2], [b"one", b"\xff"]),
    ]
    kinds = [
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2])),
        helper.make_map_type_proto(TensorProto.STRING, helper.make_optional_type_proto(x.type)),
        helper.make_sparse_tensor_type_proto(1, ["N"]),
    ]
    values = [helper.make_value_info(f"v{i}", kind) for i, kind in enumerate(kinds)]
    graph = helper.make_graph([node], "g", [x], [x], weights, value_info=values)
    function = helper.make_function("d", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 20)], ["alpha"])
    full = helper.make_model(graph, functions=[function], producer_name="p", doc_string="d")
    full.metadata_props.add(key="k", value="v")
    full.training_info.add(algorithm=body).update_binding.add(key="k", value="v")
    return [full.SerializeToString(), helper.make_model(body).SerializeToString()]


def damage(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Change a few places: flip, overwrite, delete, repeat, or splice in a piece of another file."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        size = rng.choice((1, 1, 2, 8))
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at : at + size] = rng.randbytes(size)
        elif kind == 2:
            del out[at : at + size]
        elif kind == 3:
            out[at:at] = out[at : at + 4 * size]
        elif kind == 4:
            start = rng.randrange(len(other))
            out[at:at] = other[start : start + 4 * size]
        else:
            out[at : at + 1] = rng.choice(
                (b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c")
            )
    return bytes(out)


def judge(data: bytes) -> str:
    """Read the same bytes with both packages; the verdict, on which they must agree."""
    try:
        theirs = onnx.ModelProto.FromString(data)
    except DecodeError:
        theirs = None
    start = time.process_time()
    try:
        mine = parse(proto.ModelProto, data)
    except FormatError as error:
        assert error.offset is not None and 0 <= error.offset <= len(data)
        if "not UTF-8" in str(error):  # the official package reads such strings as bytes
            return "not UTF-8"
        assert theirs is None, str(error)
        return "refused"
    assert time.process_time() - start < 2
    assert theirs is not None
    if mine.SerializeToString() != theirs.SerializeToString():
        assert "nan" in str(mine) and str(mine) == str(theirs)  # Python's float quiets a signaling NaN
    return "read"


def fuzz(count: int, seed: int) -> dict[str, int]:
    rng = random.Random(seed)
    valid = seeds()
    verdicts = {"read": 0, "refused": 0, "not UTF-8": 0}
    for _ in range(count):
        data = damage(rng.choice(valid), valid[0], rng)
        try:
            verdicts[judge(data)] += 1
        except Exception as error:
            raise AssertionError(f"on {data!r}") from error
    return verdicts


def test_seeds_are_read():
    """What the fuzzer starts from is valid."""
    assert [judge(seed) for seed in seeds()] == ["read", "read"]


def test_damaged_models():
    """20,000 damaged models, and each verdict is reached often."""
    assert min(fuzz(20_000, seed=0).values()) > 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_million_damaged_models(seed):
    """The long sweep: 100,000 for each of ten seeds."""
    assert min(fuzz(100_000, seed).values()) > 1500


def graph(content: bytes) -> bytes:
    return b"\x3a" + varint(len(content)) + content


def tensor(content: bytes) -> bytes:
    return graph(b"\x2a" + varint(len(content)) + content)


N = 100_000
HOSTILE = {
    "a length of 4 GB": b"\x3a\xff\xff\xff\xff\x0f",
    "a length of 2**63": tensor(b"\x4a" + varint(2**63 - 1)),
    "a packed run of 2**40 bytes": tensor(b"\x22" + varint(2**40)),
    "empty nodes": graph(b"\x0a\x00" * N),
    "empty strings": graph(b"\x0a" + varint(2 * N) + b"\x0a\x00" * N),
    "unknown fields": b"\x98\x06\x01" * N,
    "unknown groups": b"\x9b\x06\x9c\x06" * N,
    "small packed runs": tensor(b"\x3a\x01\x01" * N),
    "unpacked elements": tensor(b"\x38\x01" * N),
    "one packed run of small numbers": tensor(b"\x3a" + varint(N) + b"\x01" * N),
    "one packed run of large numbers": tensor(b"\x3a" + varint(10 * N) + (b"\xff" * 9 + b"\x01") * N),
    "packed floats": tensor(b"\x22" + varint(4 * N) + b"\x01" * 4 * N),
    "the same message again and again": b"\x3a\x02\x12\x00" * N,
    "raw data": tensor(b"\x4a" + varint(N) + b"\x01" * N),
    "raw data again and again": tensor((b"\x4a" + varint(1000) + b"\x01" * 1000) * 1000),
}
SCRATCH = 1_000_000
BOUND = {"empty nodes": 100}  # what an empty Python object costs, for each of its two bytes in the file


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_and_time_stay_in_proportion(name):
    """Hostile files cost no more than a small multiple of their own size, and under two seconds."""
    data = HOSTILE[name]
    start = time.process_time()
    tracemalloc.start()
    try:
        parse(proto.ModelProto, data)
    except FormatError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < SCRATCH + BOUND.get(name, 10) * len(data), peak / len(data)
    assert time.process_time() - start < 2

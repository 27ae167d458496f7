"""Object files: linked into a C program they give, to the bit, what a session gives on one thread."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import InputError, UnsupportedError
from sardonyx.engine.ahead import Compilation, compile_ahead
from sardonyx.engine.codegen import detect
from sardonyx.engine.session import Session
from tests.engine.oracle import floats, parse

CC = shutil.which("cc")
linked = pytest.mark.skipif(CC is None, reason="there is no C compiler to link with")


def numbers(count: int) -> str:
    """Elements of an initializer, as text."""
    return "{" + ", ".join(f"{(i * 7 % 11 - 5) / 8}" for i in range(count)) + "}"


MLP = f"""(float[N, 8] x, int64[N] at) => (float[N, 4] y, int64[N] next, bool[N, 4] positive)
<float[8, 4] w = {numbers(32)}, int64[1] one = {{1}}>
{{ h = MatMul(x, w) r = Gelu(h) y = Softmax(r) next = Add(at, one) zero = Constant <value_float = 0.0> ()
positive = Greater(h, zero) }}"""
CONV = f"""(float[1, 3, 9, 9] x) => (float[1, 8] y) <float[8, 3, 3, 3] k = {numbers(216)}>
{{ c = Conv <pads = [1, 1, 1, 1]> (x, k) r = Relu(c) p = GlobalAveragePool(r) y = Flatten(p) }}"""
SIMPLE = "(float[2] x) => (float[2] y, int64[1] n) { y = Neg(x) n = Shape(x) }"


def run_in_c(made: Compilation, inputs: list[Any], outputs: list[Any]) -> list[Any]:
    """The outputs of a program that reads the inputs from a file, runs the model twice, and writes the outputs to another."""
    buffers = [(f"in{i}", a.nbytes) for i, a in enumerate(inputs)] + [
        (f"out{i}", a.nbytes) for i, a in enumerate(outputs)
    ]
    folder = made.object.parent
    lines = [f"static char {name}[{size}];" for name, size in buffers]
    reads = [f"fread({name}, 1, {size}, stdin);" for name, size in buffers if name.startswith("in")]
    writes = [f"fwrite({name}, 1, {size}, stdout);" for name, size in buffers if name.startswith("out")]
    call = f"{made.name}({', '.join(f'(void *){name}' for name, _ in buffers)}, workspace);"
    body = [*reads, f"char *workspace = malloc({made.name.upper()}_WORKSPACE_BYTES);", call, call, *writes, "return 0;"]
    head = [f'#include "{made.header.name}"', "#include <stdio.h>", "#include <stdlib.h>", *lines, "int main(void) {"]
    (folder / "main.c").write_text("\n".join([*head, *body, "}", ""]))
    build = [str(CC), "-Wall", "-Wno-unused-result", "-Werror", "-o", "main", "main.c", made.object.name, "-lm"]
    subprocess.run(build, cwd=folder, check=True, timeout=120)
    given = b"".join(a.tobytes() for a in inputs)
    done = subprocess.run([folder / "main"], input=given, capture_output=True, check=True, timeout=120)
    found: list[Any] = []
    at = 0
    for like in outputs:
        found.append(np.frombuffer(done.stdout, like.dtype, like.size, at).reshape(like.shape))
        at += like.nbytes
    return found


@linked
@pytest.mark.parametrize(
    ("text", "dims", "inputs"),
    [
        (MLP, {"N": 3}, [floats(3, 8), np.array([1, 2, 3])]),
        (CONV, {}, [floats(1, 3, 9, 9)]),
        (SIMPLE, {}, [floats(2)]),
    ],
)
def test_a_c_program_gives_the_same_bits(text: str, dims: Any, inputs: list[Any], tmp_path: Path) -> None:
    made = compile_ahead(parse(text), tmp_path, name="net", dims=dims)
    outputs = Session(parse(text), threads=1)(*inputs)
    for got, wanted in zip(run_in_c(made, inputs, outputs), outputs, strict=True):
        np.testing.assert_array_equal(got, wanted)


@linked
def test_code_for_a_lower_level(tmp_path: Path) -> None:
    program = (
        "import sys; from sardonyx.engine.ahead import compile_ahead; from tests.engine.test_ahead import CONV, parse;"
        "print(compile_ahead(parse(CONV), sys.argv[1], name='low').isa)"
    )
    environment = os.environ | {"SARDONYX_ISA": "generic", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == "generic"
    header = (tmp_path / "low.h").read_text()
    size = re.search(r"size_t\)(\d+)", header)
    assert size and "CPU of the level generic" in header
    made = Compilation(tmp_path / "low.o", tmp_path / "low.h", "low", int(size[1]), 0, "generic")
    x = floats(1, 3, 9, 9)
    [wanted] = Session(parse(CONV), threads=1)(x)
    [got] = run_in_c(made, [x], [wanted])
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_the_header_says_what_goes_where(tmp_path: Path) -> None:
    made = compile_ahead(parse(MLP), tmp_path, name="net", dims={"N": 3})
    header = made.header.read_text()
    assert "x: input 0, float32[3, 8], 24 elements" in header and "positive: output 2, bool[3, 4]" in header
    assert "const int64_t *input1_at" in header and "uint8_t *output2_positive" in header
    assert made.isa == detect().isa and made.workspace > 0 and made.data >= 8 * 4 * 4


@pytest.mark.parametrize(
    ("text", "arguments", "error", "words"),
    [
        ("(float[N] x) => (float[N] y) { y = Neg(x) }", {}, InputError, "N have no number"),
        ("(float[N] x) => (float[N] y) { y = Neg(x) }", {"dims": {"M": 1}}, InputError, "no input has a dim 'M'"),
        ("(float[2] x) => (float[2] y) { y = Neg(x) }", {"name": "a b"}, InputError, "no name in C"),
        ("(float[2] x) => (float[2] y) { y = Neg(x) }", {"precision": "low"}, InputError, "no precision 'low'"),
        ("(string[2] x) => (string[2] y) { y = StringConcat(x, x) }", {}, UnsupportedError, "StringConcat"),
    ],
)
def test_refusals(text: str, arguments: Any, error: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=re.escape(words)):
        compile_ahead(parse(text), tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux wants to be asked")
@pytest.mark.parametrize("native", [True, False])
def test_programs_ask_for_the_matrix_unit(native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux ends a process that uses tiles unasked: the function begins with the system call, where its kernels use them."""
    monkeypatch.setenv("SARDONYX_ISA", "amx:emulate")
    target = detect()
    features = target.features | {"amx-tile", "amx-bf16"} if native else target.features - {"amx-tile", "amx-bf16"}
    monkeypatch.setattr("sardonyx.engine.ahead.detect", lambda: replace(target, features=features))
    model = parse(f"(float[64, 8] x) => (float[64, 96] y) <float[8, 96] w = {numbers(768)}> {{ y = MatMul(x, w) }}")
    image = compile_ahead(model, tmp_path, name="ask").object.read_bytes()
    arch_prctl, syscall = bytes.fromhex("b89e000000"), bytes.fromhex("0f05")
    assert (arch_prctl in image and syscall in image) == native

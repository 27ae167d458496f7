"""Every command on a model that is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.cli.engines import installed
from sardonyx.ir.text import parse_model
from sardonyx.proto import ModelProto, parse
from tests.cli.running import sardonyx

EXPECTED = [[1.5, 3.5], [0.0, 0.0]]
COMMANDS = (
    "quickstart", "convert", "check", "info", "show", "run", "bench", "verify", "infer", "optimize", "extract",
    "merge", "diff", "explain", "compile", "upgrade", "downgrade",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    done = sardonyx(command, "--help")
    assert done.code == 0 and f"sardonyx {command}" in done.out.split("Usage:")[1].split("\n", 1)[1]


def test_it_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sardonyx.cli", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert all(command in done.stdout for command in COMMANDS)


def test_help_is_light() -> None:
    code = "import sys, sardonyx.cli.commands; print([m for m in ('numpy', 'llvmlite', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_it_says_its_version() -> None:
    assert sardonyx("--version").out.strip() == f"sardonyx {sx.__version__}"


def test_a_reader_may_stop_reading(model: Path) -> None:
    big = sx.load(model)
    big.graph.add_initializer(sx.Tensor(np.zeros(200_000, np.float32), name="big"))
    sx.save(big, model)
    command = f"{sys.executable} -m sardonyx.cli show {model} --weights | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "<\n" and not done.stderr


def test_check_and_info(model: Path) -> None:
    done = sardonyx("check", model)
    assert done.code == 0 and "0 errors" in done.out
    facts = sardonyx("info", model, "--json").json
    assert facts["operators"] == {"Gemm": 1, "Sub": 1, "Add": 1, "Relu": 1} and facts["opsets"] == {"": 20}
    assert facts["inputs"] == {"x": "float32[n, 3]"} and facts["weight_bytes"] == 32
    shown = sardonyx("info", model).out
    assert "4 nodes" in shown and "float32[n, 3]" in shown


def test_check_lists_faults(model: Path) -> None:
    model.write_bytes(model.read_bytes().replace(b"transB", b"transQ"))
    done = sardonyx("check", model, "--json")
    assert done.code == 1
    assert any("transQ" in fault["what"] for fault in done.json)
    assert "transQ" in sardonyx("check", model).out


def test_check_lists_faults_that_no_graph_can_hold(model: Path) -> None:
    proto = parse(ModelProto, model.read_bytes())
    proto.graph.initializer.add().CopyFrom(proto.graph.initializer[0])
    proto.graph.node[0].attribute.add().CopyFrom(proto.graph.node[0].attribute[0])
    model.write_bytes(proto.SerializeToString())
    done = sardonyx("check", model, "--json")
    assert done.code == 1
    assert {"SDX-C108", "SDX-C137"} == {fault["code"] for fault in done.json if fault["severity"] == "error"}


def test_show_prints_the_text_syntax(model: Path) -> None:
    assert "float[2,3] w = {...}" in sardonyx("show", model, "--longest", "5").out
    shown = sardonyx("show", model, "--weights", "--infer").out
    assert "float[n,2] h" in shown
    again = parse_model(shown)
    assert again.graph.outputs[0].name == "y" and again.opset == 20


@pytest.mark.parametrize("suffix", [".onnx", ".onnxtxt", ".json", ".textproto"])
def test_convert_changes_the_format(model: Path, inputs: Path, suffix: str) -> None:
    target = model.with_name(f"copy{suffix}")
    assert sardonyx("convert", model, target).code == 0
    assert sardonyx("verify", target, model, "--inputs", inputs).code == 0


def test_convert_changes_the_opset_and_says_what_that_did(model: Path) -> None:
    done = sardonyx("convert", model, model.with_name("new.onnx"), "--opset", "21")
    assert done.code == 0 and "verified against the source" in done.out
    assert sx.load(model.with_name("new.onnx")).opset == 21


def test_convert_moves_weights_out(model: Path, tmp_path: Path) -> None:
    big = sx.load(model)
    big.graph.add_initializer(sx.Tensor(np.zeros(10_000, np.float32), name="big"))
    sx.save(big, tmp_path / "big.onnx")
    assert sardonyx("convert", tmp_path / "big.onnx", tmp_path / "thin.onnx", "--external-data").code == 0
    assert (tmp_path / "thin.onnx.data").stat().st_size == 40_000


def test_convert_takes_a_torch_module(module: Path, tmp_path: Path) -> None:
    done = sardonyx("convert", f"{module}:linear", tmp_path / "net.onnx", "--opset", "18")
    assert done.code == 0 and "verified against torch" in done.out
    model = sx.load(tmp_path / "net.onnx")
    assert model.opset == 18 and str(model.graph.inputs[0].type) == "float32[batch, 3]"
    assert sardonyx("verify", tmp_path / "net.onnx", f"{module}:linear", "--dim", "batch=5").code == 0
    assert sardonyx("convert", f"{module}:bare", tmp_path / "bare.onnx").code == 0


def test_infer_and_optimize(model: Path) -> None:
    annotated, small = model.with_name("annotated.onnx"), model.with_name("small.onnx")
    assert sardonyx("infer", model, "-o", annotated).code == 0
    assert [str(v.type) for v in sx.load(annotated).graph.values() if v.name == "h"] == ["float32[n, 2]"]
    done = sardonyx("optimize", model, "-o", small)
    assert done.code == 0 and "4 nodes ->" in done.out and "verified against the source" in done.out
    assert sardonyx("verify", small, model).code == 0


def test_infer_lists_types(model: Path) -> None:
    assert "float32[n, 2]" in sardonyx("infer", model).out
    assert sardonyx("infer", model, "--json").json == {
        "types": dict.fromkeys(("h", "zero", "h2", "y"), "float32[n, 2]") | {"x": "float32[n, 3]"},
        "faults": [],
    }


def test_infer_says_what_contradicts_itself(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    path.write_text(
        '<ir_version: 10, opset_import: ["" : 20]> g (float[2] x, float[3] z) => (float[2] y) { y = Add (x, z) }'
    )
    done = sardonyx("infer", path)
    assert done.code == 1 and "where" in done.out
    assert sardonyx("infer", path, "--json").json["faults"]


def test_lint_lists_warnings_and_strict_refuses_them(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    body = "a = Relu (x) b = Neg (a) c = Unsqueeze (v, one) y = Sub (c, v)"
    constants = "<int64[1] one = {1}>"
    path.write_text(
        f'<ir_version: 10, opset_import: ["" : 20]> g (float[?] x, float[n] v) => (float[n, n] y) {constants} {{ {body} }}'
    )
    plain = sardonyx("check", path)
    assert plain.code == 0 and "SDX" not in plain.out and "--lint" in plain.out
    linted = sardonyx("check", path, "--lint")
    assert linted.code == 0
    assert all(code in linted.out for code in ("SDX-C181", "SDX-C185", "SDX-C187"))  # the last by what inference knows
    assert sardonyx("check", path, "--strict").code == 1
    assert {f["severity"] for f in sardonyx("check", path, "--lint", "--json").json} == {"warning"}


def test_upgrade_and_downgrade(model: Path) -> None:
    old = model.with_name("old.onnx")
    done = sardonyx("downgrade", model, old, "--opset", "13")
    assert done.code == 0 and "opset 20 -> 13" in done.out and "verified against the source" in done.out
    assert sx.load(old).opset == 13
    facts = sardonyx("upgrade", old, "--json").json
    assert facts["opset"][0] == 13 and facts["verified"]["verdict"] in ("equal", "close")
    assert sx.load(facts["path"]).opset == facts["opset"][1] >= 28
    assert Path(facts["path"]).name == f"old.opset{facts['opset'][1]}.onnx"
    assert sardonyx("upgrade", model, "--opset", "13").code == 1
    assert sardonyx("downgrade", old, "--opset", "18").code == 1


def test_downgrade_shows_what_newer_operators_became(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    path.write_text('<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) { y = Gelu (x) }')
    done = sardonyx("downgrade", path, tmp_path / "old.onnxtxt", "--opset", "19")
    assert done.code == 0 and "Gelu" in done.out and "Erf" in done.out
    facts = sardonyx("downgrade", path, tmp_path / "old.onnxtxt", "--opset", "19", "--json", "--no-verify").json
    assert facts["operators"]["Gelu"] == [1, 0] and facts["verified"] is None


def test_what_no_older_version_says_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    body = "y = StringConcat (x, x)"
    path.write_text(f'<ir_version: 10, opset_import: ["" : 20]> g (string[2] x) => (string[2] y) {{ {body} }}')
    done = sardonyx("downgrade", path, tmp_path / "old.onnx", "--opset", "19")
    assert done.code == 1 and "StringConcat" in done.err and not (tmp_path / "old.onnx").exists()


@pytest.mark.parametrize("how", [[], ["--reference"], ["--precision", "medium"], ["--threads", "1"]])
def test_run(model: Path, inputs: Path, how: list[str]) -> None:
    out = model.with_name("results.npz")
    done = sardonyx("run", model, "--inputs", inputs, "-o", out, "--json", *how)
    assert done.code == 0 and done.json["y"]["type"] == "float32[2, 2]"
    np.testing.assert_allclose(np.load(out)["y"], EXPECTED, atol=1e-6)


def test_run_makes_inputs_up(model: Path) -> None:
    out = model.with_name("results.npz")
    done = sardonyx("run", model, "--dim", "n=4", "-o", out, "--want", "h", "--want", "y")
    assert done.code == 0 and "float32[4, 2]" in done.out
    assert sorted(np.load(out).files) == ["h", "y"] and np.load(out)["h"].shape == (4, 2)


def test_run_shows_where_the_time_goes(model: Path) -> None:
    done = sardonyx("run", model, "--profile")
    assert done.code == 0 and "head" in done.out  # the node of the product
    assert sardonyx("run", model, "--profile", "--json").code == 1
    trace = model.with_name("trace.json")
    assert sardonyx("run", model, "--trace", trace).code == 0 and "traceEvents" in trace.read_text()
    assert sardonyx("run", model, "--trace", trace, "--reference").code == 1


def test_run_traps_what_is_not_finite(model: Path) -> None:
    huge = model.with_name("huge.npz")
    np.savez(huge, x=np.full((2, 3), 3e38, np.float32))
    assert sardonyx("run", model, "--trap").code == 0
    refused = sardonyx("run", model, "--inputs", huge, "--trap")
    assert refused.code == 1 and "infinite" in refused.err


def test_compile_writes_an_object_and_a_header(model: Path) -> None:
    folder = model.with_name("build")
    done = sardonyx("compile", model, "-o", folder, "--name", "net", "--dim", "n=2")
    assert done.code == 0 and "for CPUs of the level" in done.out
    assert "void net(" in (folder / "net.h").read_text() and (folder / "net.o").stat().st_size > 1000
    facts = sardonyx("compile", model, "-o", folder, "--dim", "n=2", "--json").json
    assert facts["workspace"] > 0 and Path(facts["object"]).name == "model.o"
    refused = sardonyx("compile", model, "-o", folder)
    assert refused.code == 1 and "n have no number" in refused.err


def test_bench_compares_with_what_is_installed(model: Path) -> None:
    found = sardonyx("bench", model, "--dim", "n=4", "--seconds", "0.2", "--threads", "1", "--truth", "--json").json
    assert found["inputs"] == {"x": "float32[4, 3]"} and found["threads"] == 1
    engines = found["engines"]
    assert list(engines) == [e.name for e in installed()] and len(engines) > 1
    assert engines["sardonyx"]["times_sardonyx"] == 1.0
    assert all(row["median_ms"] > 0 and row["error"] < 1e-6 for row in engines.values())


def test_a_peer_that_cannot_run_the_model_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    path.write_text(
        '<ir_version: 10, opset_import: ["" : 20, "local" : 1]> g (float[2] x) => (y) { y = local.Twice (x) }\n'
        '<domain: "local", opset_import: ["" : 20]> Twice (x) => (y) { y = Add (x, x) }'
    )
    assert sardonyx("bench", path, "--seconds", "0.1", "--json").json["engines"]["sardonyx"]["calls"] > 0
    path.write_text('<ir_version: 99, opset_import: ["" : 20]> g (float[2] x) => (y) { y = Add (x, x) }')
    done = sardonyx("bench", path, "--seconds", "0.1")
    assert done.code == 0 and "onnxruntime cannot run it" in done.err and "sardonyx" in done.out
    assert sardonyx("bench", path, "--engine", "onnxruntime").code == 1


def test_bench_takes_a_torch_module(module: Path) -> None:
    done = sardonyx("bench", f"{module}:linear", "--seconds", "0.1", "--dim", "batch=2")
    assert done.code == 0 and "torch eager" in done.out
    chosen = sardonyx("bench", f"{module}:linear", "--seconds", "0.1", "--engine", "onnxruntime", "--json").json
    assert list(chosen["engines"]) == ["onnxruntime"]


def test_verify_says_where_two_models_part(model: Path) -> None:
    assert sardonyx("verify", model).code == 0
    other = sx.load(model)
    relu = other.graph.last
    assert relu is not None
    relu.op_type = "Neg"
    sx.save(other, model.with_name("other.onnx"))
    done = sardonyx("verify", model.with_name("other.onnx"), model)
    assert done.code == 1 and "first difference: 'y', made by" in done.out
    found = sardonyx("verify", model.with_name("other.onnx"), model, "--json")
    assert found.code == 1 and found.json["verdict"] == "different"


def test_explain_prints_the_page() -> None:
    assert "not well formed" in sardonyx("explain", "SDX-F100").out

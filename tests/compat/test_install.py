"""Programs that import the official package by its name, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = "import sys, sardonyx.compat as compat; compat.install()\n"


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("import onnx; print(onnx.__name__, onnx.__version__)", "sardonyx.compat.onnx 1.23.2"),
        ("import onnx.helper; print(onnx.helper.make_node('Abs', ['x'], ['y']).op_type)", "Abs"),
        ("from onnx import TensorProto, helper as h; print(h.make_tensor('t', TensorProto.INT8, [1], [5]).int32_data)", "[5]"),
        ("import onnx.onnx_ml_pb2 as pb, onnx; print(pb.ModelProto is onnx.ModelProto)", "True"),
        ("from onnx.onnx_cpp2py_export import ONNX_ML; print(ONNX_ML)", "True"),
        ("import onnx, sardonyx.compat.onnx as ours; print(onnx is ours, onnx.parser is ours.parser)", "True True"),
        ("import onnx, importlib; print(importlib.import_module('onnx.printer') is onnx.printer)", "True"),
        ("import onnx; print(onnx.__spec__.name, sys.modules['onnx'].helper.__spec__.name)",
         "sardonyx.compat.onnx sardonyx.compat.onnx.helper"),
        ("compat.install(); import onnx; print(sum(type(f).__name__ == '_Finder' for f in sys.meta_path))", "1"),
        ("import sardonyx.compat.onnxruntime as ours; compat.install('onnxruntime'); import onnxruntime as ort;"
         "from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument; print(ort is ours)", "True"),
        ("try: compat.install('nonsense')\nexcept ValueError as e: print('name onnx or onnxruntime' in str(e))", "True"),
    ],
)  # fmt: skip
def test_imports_by_the_official_name(program: str, printed: str) -> None:
    assert run(HEAD + program) == printed


def test_what_is_in_neither_is_an_import_error() -> None:
    program = "try: import onnx.nonsense\nexcept ModuleNotFoundError as e: print(e)"
    assert run(HEAD + program) == "No module named 'onnx.nonsense'"


def test_an_imported_official_package_is_not_replaced() -> None:
    program = (
        "import onnx, sardonyx.compat as compat\n"
        "try: compat.install()\nexcept ValueError as e: print('too late' in str(e), onnx.__name__)"
    )
    assert run(program) == "True onnx"


def test_the_official_package_comes_back() -> None:
    program = (
        "import onnx as ours\ncompat.uninstall(); compat.uninstall()\nimport onnx\nprint(onnx.__name__, ours.__name__)"
    )
    assert run(HEAD + program) == "onnx sardonyx.compat.onnx"


def test_the_package_and_its_installer_do_not_import_the_interface() -> None:
    """`import sardonyx` stays quick; the interface is imported when a program asks for it."""
    assert run(HEAD + "print('sardonyx.compat.onnx' in sys.modules, 'numpy' in sys.modules)") == "False False"
    assert run("import sys, sardonyx; print('sardonyx.compat' in sys.modules)") == "False"

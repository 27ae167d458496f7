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
SIZES = [(1, 5), (3, 8), (4, 3), (2, 12)]  # none is the one exported


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
    for size in SIZES:
        assert_like_torch(model, module, **text(*size))


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
    for size in SIZES:
        given = text(*size)
        assert_like_torch(model, module, **{n: given[n] for n in names})


def test_gpt2_from_an_example_of_one() -> None:
    config = transformers.GPT2Config(vocab_size=99, n_embd=32, n_layer=1, n_head=4, bos_token_id=0, eos_token_id=0)
    module = transformers.GPT2LMHeadModel(config).eval()
    ids = {"input_ids": TEXT["input_ids"]}
    model = from_torch(module, (), {"input_ids": torch.randint(0, 99, (1, 6))}, dynamic_shapes=ids)
    module.config.use_cache = False
    for size in SIZES:
        assert_like_torch(model, module, input_ids=torch.randint(0, 99, size))


class Step(torch.nn.Module):
    """One step of generation: new tokens and what is known of the past; scores, and what is then known."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: list[tuple[torch.Tensor, torch.Tensor]]
    ) -> dict[str, Any]:
        cache = transformers.DynamicCache()
        for i, (key, value) in enumerate(past):
            cache.update(key, value, i)
        result = self.model(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        layers = result.past_key_values.layers
        return {"logits": result.logits, "present": [(layer.keys, layer.values) for layer in layers]}


def test_gpt2_with_a_cache() -> None:
    config = transformers.GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    module = Step(transformers.GPT2LMHeadModel(config)).eval()

    def call(batch: int, past: int, new: int) -> dict[str, Any]:
        return {
            "input_ids": torch.randint(0, 99, (batch, new)),
            "attention_mask": torch.ones(batch, past + new, dtype=torch.long),
            "past": [tuple(torch.randn(batch, 4, past, 8) for _ in range(2)) for _ in range(2)],
        }

    pair = ({0: "batch", 2: "past"},) * 2
    sizes = {
        "input_ids": {0: "batch", 1: "new"}, "attention_mask": {0: "batch", 1: "total"}, "past": [pair, pair],
    }  # fmt: skip
    model = from_torch(module, (), call(2, 5, 3), dynamic_shapes=sizes)
    assert [v.name for v in model.graph.outputs][:3] == ["logits", "present_0_0", "present_0_1"]
    assert str(model.graph.outputs[1].type) == "float32[batch, 4, new + past, 8]"
    for size in ((1, 7, 1), (3, 4, 2), (2, 1, 5), (1, 16, 1)):
        assert_like_torch(model, module, **call(*size))


SMALL = {
    "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
}  # fmt: skip
GROUPED = {**SMALL, "num_key_value_heads": 2}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("DistilBertModel", {"vocab_size": 99, "dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64}),
        ("LlamaForCausalLM", GROUPED),
        ("Qwen2ForCausalLM", GROUPED),
        ("T5EncoderModel", {"vocab_size": 99, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}),
        ("DebertaV2Model", SMALL),
    ],
)
def test_text(name: str, config: dict[str, Any]) -> None:
    kind = getattr(transformers, name)
    module = kind(kind.config_class(**config)).eval()
    model = from_torch(module, (), text(2, 7), dynamic_shapes=TEXT)
    module.config.use_cache = False
    for size in SIZES[:2]:
        assert_like_torch(model, module, **text(*size))


VISION = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 32, "patch_size": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("ViTModel", VISION),
        ("CLIPVisionModel", VISION),
        ("SwinModel", {"image_size": 32, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}),
        ("ConvNextModel", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "image_size": 32}),
        ("SegformerForSemanticSegmentation", {
            "hidden_sizes": [8, 8, 8, 8], "num_attention_heads": [1, 2, 2, 2], "depths": [1] * 4, "decoder_hidden_size": 8,
        }),
    ],
)  # fmt: skip
def test_vision(name: str, config: dict[str, Any]) -> None:
    kind = getattr(transformers, name)
    module = kind(kind.config_class(**config)).eval()
    model = from_torch(module, (torch.randn(2, 3, 32, 32),), dynamic_shapes=IMAGE)
    for batch in (1, 3):
        assert_like_torch(model, module, torch.randn(batch, 3, 32, 32))


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

"""Models as torch's own exporter writes them: every attention, normalization and activation is found again."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.evaluate import evaluate
from tests.passes.models import counts

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
logging.getLogger("transformers").setLevel(logging.ERROR)
onnxruntime.set_default_logger_severity(4)

SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def bert(attention: str) -> Any:
    return transformers.BertModel(transformers.BertConfig(**SMALL, attn_implementation=attention))


def llama(attention: str) -> Any:
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=2, use_cache=False, attn_implementation=attention)
    return transformers.LlamaModel(config)


def gpt2(attention: str) -> Any:
    config = transformers.GPT2Config(
        vocab_size=99, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0, use_cache=False,
        attn_implementation=attention,
    )  # fmt: skip
    return transformers.GPT2Model(config)


def t5(attention: str) -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=99, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    )


# the model, and what must be left of it
MODELS: dict[str, tuple[Callable[[str], Any], dict[str, int]]] = {
    "bert": (bert, {"Attention": 2, "LayerNormalization": 5, "Gelu": 2}),
    "llama": (llama, {"Attention": 2, "RMSNormalization": 5, "Swish": 2}),
    "gpt2": (gpt2, {"Attention": 2, "LayerNormalization": 5, "Gelu": 2}),
    "t5": (t5, {"Attention": 2, "RMSNormalization": 5}),
}


class Positional(torch.nn.Module):
    """A model that takes ids and mask by position and returns the hidden state alone, as the exporter wants it."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.module(input_ids=input_ids, attention_mask=attention_mask)[0]


def text(batch: int, length: int) -> dict[str, np.ndarray]:
    mask = np.ones((batch, length), np.int64)
    mask[0, length - 2 :] = 0
    ids = np.random.default_rng(0).integers(1, 99, (batch, length))
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_left(name: str, attention: str) -> None:
    build, wanted = MODELS[name]
    torch.manual_seed(0)
    buffer, example = io.BytesIO(), tuple(torch.from_numpy(x) for x in text(2, 7).values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Positional(build(attention).eval()), example, buffer, opset_version=17, dynamo=False,
            input_names=list(text(1, 3)), dynamic_axes={n: {0: "batch", 1: "sequence"} for n in text(1, 3)},
        )  # fmt: skip
    model = sx.from_bytes(buffer.getvalue())
    after = sx.optimize(model)
    left = counts(after)
    assert {op: left[op] for op in wanted} == wanted
    assert "Softmax" not in left and "Erf" not in left
    session = onnxruntime.InferenceSession(buffer.getvalue())
    for batch, length in ((1, 5), (3, 9)):
        feeds = text(batch, length)
        for old, new in zip(session.run(None, feeds), evaluate(after, feeds), strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5)

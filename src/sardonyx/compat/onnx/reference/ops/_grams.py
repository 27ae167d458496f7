"""The tree in which n-grams are looked up, one item a level."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

__all__ = ["IntMap", "NgramPart", "WeightingCriteria", "populate_grams"]


class WeightingCriteria(IntEnum):
    """What is counted."""

    NONE = 0
    TF = 1
    IDF = 2
    TFIDF = 3


class NgramPart:
    """A node: the number of the n-gram that ends here (0 if none does), and the items that may follow."""

    def __init__(self, nid: int) -> None:
        self.id_ = nid
        self._leaves_: IntMap | None = None

    def init(self) -> None:
        """Let items follow."""
        self._leaves_ = IntMap()

    def __repr__(self) -> str:
        return f"NgramPart({self.id_})" if self.empty() else f"NgramPart({self.id_}, {self.leaves_!r})"

    def empty(self) -> bool:
        """Whether no items may follow."""
        return self._leaves_ is None

    def has_leaves(self) -> bool:
        """Whether items follow."""
        return bool(self._leaves_)

    @property
    def leaves_(self) -> IntMap:
        """The items that follow."""
        if self._leaves_ is None:
            raise RuntimeError("NgramPart was not initialized.")
        return self._leaves_

    def find(self, key: int | str) -> int | str | None:
        """The item, if it follows."""
        return key if self.has_leaves() and key in self.leaves_ else None

    def emplace(self, key: int | str, value: NgramPart) -> NgramPart:
        """The node of an item that follows; `value`, if there is none."""
        return self.leaves_.emplace(key, value)

    def __getitem__(self, key: int | str) -> NgramPart:
        return self.leaves_[key]


class IntMap(UserDict[Any, NgramPart]):
    """Nodes by item, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.added_keys: list[int | str] = []

    def emplace(self, key: int | str, value: NgramPart) -> NgramPart:
        """The node of an item; `value`, if there is none."""
        if not isinstance(key, (int, str)):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"key must be a int or str not {type(key)}.")
        if not isinstance(value, NgramPart):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"value must be a NGramPart not {type(value)}.")
        if key not in self:
            self.added_keys.append(key)
        return self.data.setdefault(key, value)

    def __repr__(self) -> str:
        rows = [f"  {key}={value!r},".replace("\n", "\n    ") for key, value in sorted(self.items())]
        return "\n".join(["{", *rows, "}"])

    @property
    def first_key(self) -> int | str:
        """The item that came first."""
        if not self.added_keys:
            raise ValueError("IntMap is empty.")
        return self.added_keys[0]


def populate_grams(
    els: Sequence[int | str], els_index: int, n_ngrams: int, ngram_size: int, ngram_id: int, c: IntMap
) -> int:
    """Take in `n_ngrams` n-grams, which lie one after another from `els_index` on; gives the next number."""
    for _ in range(n_ngrams):
        level = c
        for i, item in enumerate(els[els_index : els_index + ngram_size]):
            part = level.emplace(item, NgramPart(0))
            els_index += 1
            if i == ngram_size - 1:
                part.id_, ngram_id = ngram_id, ngram_id + 1
                break
            if part.empty():
                part.init()
            level = part.leaves_
    return ngram_id

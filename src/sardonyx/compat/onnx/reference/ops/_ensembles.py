"""Trees and support vectors as objects made from a node's attributes, which programs walk one by one."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import one_of
from sardonyx.ops.classify import kernel
from sardonyx.ops.trees import of_one_table

__all__ = [
    "AggregationFunction",
    "Leaf",
    "Mode",
    "Node",
    "PostTransform",
    "SVMAttributes",
    "SVMCommon",
    "TreeEnsemble",
    "TreeEnsembleAttributes",
]

Array = np.ndarray[Any, Any]
_KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")
_ARRAYS = ("base_values", "class_weights", "nodes_values", "nodes_hitrates")


class AggregationFunction(enum.IntEnum):
    """How the trees of an ensemble are put together."""

    AVERAGE = 0
    SUM = 1
    MIN = 2
    MAX = 3


class PostTransform(enum.IntEnum):
    """What is done to the sum."""

    NONE = 0
    SOFTMAX = 1
    LOGISTIC = 2
    SOFTMAX_ZERO = 3
    PROBIT = 4


class Mode(enum.IntEnum):
    """How a node of a tree compares."""

    LEQ = 0
    LT = 1
    GTE = 2
    GT = 3
    EQ = 4
    NEQ = 5
    MEMBER = 6


class _Attributes:
    """Attributes by name, shown one to a line; lists of numbers become arrays."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def add(self, name: str, value: Any) -> None:
        """Hold one."""
        self._names.append(name)
        setattr(self, name, self._held(name, value) if isinstance(value, list) else value)

    def _held(self, name: str, value: list[Any]) -> Any:
        return value

    def __str__(self) -> str:
        return "\n".join(["Attributes", *(f"  {name}={getattr(self, name)}" for name in self._names)])


class TreeEnsembleAttributes(_Attributes):
    """What describes the nodes of trees."""

    def _held(self, name: str, value: list[Any]) -> Any:
        return np.array(value, np.float32) if name in _ARRAYS else value


class TreeEnsemble:
    """The trees that the attributes of a TreeEnsembleRegressor or a TreeEnsembleClassifier describe."""

    def __init__(self, **kwargs: Any) -> None:
        self.atts: Any = TreeEnsembleAttributes()
        for name, value in kwargs.items():
            self.atts.add(name, value)
        trees, nodes = kwargs["nodes_treeids"], kwargs["nodes_nodeids"]
        self.tree_ids = sorted(set(trees))
        self.root_index = {tree: trees.index(tree) for tree in self.tree_ids}
        self.node_index = {key: i for i, key in enumerate(zip(trees, nodes, strict=False))}
        facts = dict.fromkeys(("target_treeids", "target_nodeids", "nodes_missing_value_tracks_true"))
        facts |= {"nodes_values_as_tensor": None, "target_weights_as_tensor": None}
        facts |= {**kwargs, "target_weights": (), "target_ids": (), "target_treeids": (), "target_nodeids": ()}
        try:
            self._forest = of_one_table(facts, "target")
        except KeyError as error:
            raise ValueError(f"a tree has an unexpected rule or refers to a node that it lacks: {error}") from error

    def __str__(self) -> str:
        return "\n".join(["TreeEnsemble", f"root_index={self.root_index}", str(self.atts)])

    def leave_index_tree(self, X: Array) -> Array:
        """The leaf that each row reaches in each tree: its place among all nodes."""
        return self._forest.leaves(np.atleast_2d(X))

    def leaf_index_tree(self, X: Array, tree_id: int) -> int:
        """The leaf that one row reaches in one tree."""
        return int(self.leave_index_tree(X)[0, self.tree_ids.index(tree_id)])


class SVMAttributes(_Attributes):
    """What describes support vectors."""

    def _held(self, name: str, value: list[Any]) -> Any:
        if name == "kernel_params":
            return value
        return np.array(value, np.int64 if name == "vectors_per_class" else np.float32)


class SVMCommon:
    """The support vectors that the attributes of an SVMRegressor or an SVMClassifier describe."""

    def __init__(self, **kwargs: Any) -> None:
        self.atts: Any = SVMAttributes()
        for name, value in kwargs.items():
            self.atts.add(name, value)
        self._given = kwargs
        self.gamma_, self.coef0_, degree = [*(kwargs.get("kernel_params") or (0.0, 0.0, 0))][:3]
        self.degree_ = int(degree)

    def __str__(self) -> str:
        return f"SVM\n{self.atts}"

    def kernel_dot(self, pA: Array, pB: Array, kernel: str) -> Any:
        """How alike two vectors are."""
        if kernel.upper() not in _KERNELS:
            raise ValueError(f"unexpected kernel {kernel!r}: known are {', '.join(_KERNELS)}")
        return _alike(pA, pB, kernel.upper(), (self.gamma_, self.coef0_, self.degree_))

    def run_reg(self, X: Array) -> Array:
        """SVMRegressor, before anything is done to its sums."""
        names = ("coefficients", "support_vectors", "rho", "n_supports", "kernel_type", "kernel_params", "one_class")
        attrs = {name: self._given[name] for name in names if self._given.get(name) is not None}
        return one_of("ai.onnx.ml", "SVMRegressor", X, **attrs).astype(X.dtype)


def _alike(a: Array, b: Array, kind: str, params: Any) -> Any:
    return kernel(np.atleast_2d(a), np.atleast_2d(b), kind, params)[0, 0]


class Leaf:
    """The end of a tree: a weight for a target."""

    def __init__(self, weight: float, target_id: int) -> None:
        self.weight, self.target_id = weight, target_id

    def predict(self, x: Array) -> Array:
        """The weight and the target."""
        return np.array([self.weight, self.target_id])

    def __repr__(self) -> str:
        return f"Leaf WEIGHT: {self.weight}, TARGET: {self.target_id}\n"


_HOLDS = {
    Mode.LEQ: lambda x, value: x <= value,
    Mode.LT: lambda x, value: x < value,
    Mode.GTE: lambda x, value: x >= value,
    Mode.GT: lambda x, value: x > value,
    Mode.EQ: lambda x, value: x == value,
    Mode.NEQ: lambda x, value: x != value,
    Mode.MEMBER: lambda x, value: x in value,
}


class Node:
    """A branch of a tree; `true_branch` and `false_branch` are set by who builds the tree."""

    true_branch: Node | Leaf
    false_branch: Node | Leaf

    def __init__(self, mode: Mode, value: Any, feature: int, missing_tracks_true: bool) -> None:
        self.mode, self.value, self.feature, self.missing_tracks_true = mode, value, feature, missing_tracks_true

    def compare(self, x: Array) -> bool:
        """Whether a row goes to the true branch."""
        feature = x[self.feature].item()
        return bool(_HOLDS[self.mode](feature, self.value) or (self.missing_tracks_true and np.isnan(feature)))

    def predict(self, x: Array) -> Array:
        """What the leaf says that a row reaches."""
        return (self.true_branch if self.compare(x) else self.false_branch).predict(x)

    def __repr__(self) -> str:
        inner = "".join(f"  {line}\n" for b in (self.true_branch, self.false_branch) for line in repr(b).splitlines())
        return f"Node CMP: {self.mode}, SPLIT: {self.value}, FEATURE: {self.feature}\n{inner}"

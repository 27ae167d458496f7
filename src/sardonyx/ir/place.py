"""Where a node is, in words: what every error that concerns a node says under `where`."""

from __future__ import annotations

from sardonyx.ir.graph import Graph, Node

__all__ = ["SOURCE_KEY", "place", "place_of_graph"]

SOURCE_KEY = "sardonyx.source"  # under which a file keeps the line that a node was exported from


def place_of_graph(graph: Graph | None) -> str:
    return "a detached node" if graph is None else f"graph '{graph.name}'" if graph.name else "the graph"


def place(node: Node, index: int | None = None) -> str:
    """``graph 'main', node 17: Gemm 'fc1' (exported from train.py:42)``; whoever knows the node's index saves the search."""
    at = ""
    if node.graph is not None:
        found = next((i for i, n in enumerate(node.graph.nodes) if n is node), 0) if index is None else index
        at = f", node {found}"
    source = f" (exported from {node.source})" if node.source else ""
    return f"{place_of_graph(node.graph)}{at}: {node!r}{source}"

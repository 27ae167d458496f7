"""The commands that check a file: ``check-model model.onnx`` and ``check-node node.pb``."""

from __future__ import annotations

import argparse

from sardonyx.compat.onnx import checker
from sardonyx.compat.onnx.onnx_pb import NodeProto

__all__ = ["check_model", "check_node"]


def _opened(command: str, argument: str) -> bytes:
    parser = argparse.ArgumentParser(command)
    parser.add_argument(argument, type=argparse.FileType("rb"))
    with getattr(parser.parse_args(), argument) as file:
        return file.read()


def check_model() -> None:
    """Check the model that the command line names."""
    checker.check_model(_opened("check-model", "model_pb"))


def check_node() -> None:
    """Check the node that the command line names."""
    checker.check_node(NodeProto.FromString(_opened("check-node", "node_pb")))

"""The command that writes cases to files: ``generate-data -o FOLDER`` makes a folder for each, with its model and data."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sardonyx.compat.onnx import numpy_helper
from sardonyx.compat.onnx.backend.test.case import model as model_test
from sardonyx.compat.onnx.onnx_pb import TensorProto, ValueInfoProto

__all__ = ["generate_data", "main", "parse_args"]

TOP_DIR = str(Path(__file__).resolve().parent)
DATA_DIR = str(Path(TOP_DIR, "data"))

_MESSAGES: dict[str | None, Callable[[Any, str], Any]] = {
    "tensor_type": numpy_helper.from_array,
    "sequence_type": numpy_helper.from_list,
    "optional_type": numpy_helper.from_optional,
    "map_type": numpy_helper.from_dict,
}


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write(folder: Path, kind: str, values: Iterable[Any], infos: Iterable[ValueInfoProto]) -> None:
    for i, (value, info) in enumerate(zip(values, infos, strict=False)):
        message = (
            value if isinstance(value, TensorProto) else _MESSAGES[info.type.WhichOneof("value")](value, info.name)
        )
        (folder / f"{kind}_{i}.pb").write_bytes(message.SerializeToString())


def generate_data(args: argparse.Namespace) -> None:
    """Write every case into ``output/kind/name``; what was there is removed."""
    for case in model_test.collect_testcases():
        folder = _empty(Path(args.output, case.kind, case.name))
        if case.kind == "real":  # its model is downloaded
            facts = {name: getattr(case, name) for name in ("url", "model_name", "rtol", "atol")}
            (folder / "data.json").write_text(json.dumps(facts, sort_keys=True))
            continue
        assert case.model is not None
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        for i, (inputs, outputs) in enumerate(case.data_sets or ()):
            data = _empty(folder / f"test_data_set_{i}")
            _write(data, "input", inputs, case.model.graph.input)
            _write(data, "output", outputs, case.model.graph.output)


def parse_args() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser("backend-test-tools")
    commands = parser.add_subparsers()
    command = commands.add_parser("generate-data", help="write the cases to files")
    command.add_argument("-o", "--output", default=DATA_DIR, help="the folder to write to (default: %(default)s)")
    command.set_defaults(func=generate_data)
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    args = parse_args()
    args.func(args)


if __name__ == "__main__":
    main()

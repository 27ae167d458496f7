"""A part of a model as a model of its own."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sardonyx.compat.onnx import checker
from sardonyx.compat.onnx._files import load_model, save_model
from sardonyx.compat.onnx._walks import outside_names, walk_nodes
from sardonyx.compat.onnx.external_data_helper import load_external_data_for_model
from sardonyx.compat.onnx.helper import make_graph, make_model
from sardonyx.compat.onnx.onnx_pb import FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["Extractor", "extract_model"]


class Extractor:
    """Cuts parts out of one model.

    Attributes:
        initializers, value_infos: of the main graph, by name; the latter with inputs and outputs.
        outmap: which node makes a value.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.graph = graph = model.graph
        self.initializers: dict[str, TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
        infos = (*graph.value_info, *graph.input, *graph.output)
        self.value_infos: dict[str, ValueInfoProto] = {info.name: info for info in infos}
        self.outmap = self._build_output_dict(graph)

    @staticmethod
    def _build_name2obj_dict(objs: Iterable[Any]) -> dict[str, Any]:
        return {item.name: item for item in objs}

    @staticmethod
    def _build_output_dict(graph: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        for index, node in enumerate(graph.node):
            for name in node.output:
                if name in found:
                    raise AssertionError(f"'{name}' is made twice, by nodes {found[name]} and {index}")
                if name:
                    found[name] = index
        return found

    def _collect_new_io(self, io_names_to_extract: Sequence[str]) -> list[ValueInfoProto]:
        missing = [name for name in io_names_to_extract if name not in self.value_infos]
        if missing:
            raise ValueError(f"The following names were not found in value_infos: {', '.join(missing)}")
        return [self.value_infos[name] for name in io_names_to_extract]

    def _dfs_search_reachable_nodes(
        self, node_output_name: str, graph_input_names: set[str], reachable: set[int]
    ) -> None:
        """Add the indices of the nodes that a value is computed with, as far as the inputs."""
        waiting = [node_output_name]
        while waiting:
            index = None if (name := waiting.pop()) in graph_input_names else self.outmap.get(name)
            if index is not None and index not in reachable:
                reachable.add(index)
                waiting += outside_names(self.graph.node[index])

    def _collect_reachable_nodes(self, input_names: Sequence[str], output_names: Sequence[str]) -> list[NodeProto]:
        reachable = set[int]()
        for name in output_names:
            self._dfs_search_reachable_nodes(name, set(input_names), reachable)
        return [self.graph.node[index] for index in sorted(reachable)]

    def _collect_referred_local_functions(self, nodes: Sequence[NodeProto]) -> list[FunctionProto]:
        """The functions that the nodes call, directly or through others, each before those it calls."""
        left = {(f.name, f.domain): f for f in self.model.functions}
        called: list[FunctionProto] = []
        waiting: list[NodeProto] = list(walk_nodes(nodes))
        for node in waiting:
            function = left.pop((node.op_type, node.domain), None)
            if function is not None:
                called.append(function)
                waiting.extend(walk_nodes(function.node))
        return called

    def _collect_reachable_tensors(self, nodes: Sequence[NodeProto]) -> tuple[list[TensorProto], list[ValueInfoProto]]:
        for kept in ("sparse_initializer", "quantization_annotation"):
            if count := len(getattr(self.graph, kept)):
                raise ValueError(f"len_{kept} is {count}, it must be 0.")
        read = {name for node in nodes for name in (*outside_names(node), *node.output)}
        shown = {name for node in nodes for name in (*node.input, *node.output)}
        return (
            [tensor for name, tensor in self.initializers.items() if name in read],
            [info for name, info in self.value_infos.items() if name in shown],
        )

    def _make_model(
        self,
        nodes: Sequence[NodeProto],
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        initializer: Sequence[TensorProto],
        value_info: Sequence[ValueInfoProto],
        local_functions: Sequence[FunctionProto],
    ) -> ModelProto:
        name = f"Extracted from {{{self.graph.name}}}"
        return make_model(
            make_graph(nodes, name, inputs, outputs, initializer=initializer, value_info=value_info),
            ir_version=self.model.ir_version,
            opset_imports=self.model.opset_import,
            producer_name="onnx.utils.extract_model",
            functions=local_functions,
        )

    def extract_model(self, input_names: list[str], output_names: list[str]) -> ModelProto:
        """The part that computes the outputs from the inputs; both name values whose types the model states.

        Raises:
            ValueError: a name is not known.
        """
        inputs, outputs = self._collect_new_io(input_names), self._collect_new_io(output_names)
        nodes = self._collect_reachable_nodes(input_names, output_names)
        initializer, value_info = self._collect_reachable_tensors(nodes)
        functions = self._collect_referred_local_functions(nodes)
        return self._make_model(nodes, inputs, outputs, initializer, value_info, functions)


def extract_model(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    input_names: list[str],
    output_names: list[str],
    check_model: bool = True,
    infer_shapes: bool = True,
) -> None:
    """Write the part of a model that computes the outputs from the inputs to another file.

    Args:
        check_model: refuse an illegal model, before and after.
        infer_shapes: infer types first, so that any value may be named.

    Raises:
        ValueError: a path is wrong, or a name is missing, unknown or given twice.
    """
    if not os.path.exists(input_path):  # noqa: PTH110  of an empty path, Path makes the current folder
        raise ValueError(f"Invalid input model path: {input_path}")
    if not output_path:
        raise ValueError("Output model path shall not be empty!")
    for what, names in (("Input", input_names), ("Output", output_names)):
        if not names:
            raise ValueError(f"{what} tensor names shall not be empty!")
        if len(set(names)) < len(names):
            raise ValueError(f"Duplicate names found in the {what.lower()} tensor names.")
    if check_model:
        checker.check_model(input_path)
    model = load_model(input_path, load_external_data=False)
    if infer_shapes:
        from sardonyx.compat.onnx import shape_inference

        model = shape_inference.infer_shapes(model)
    load_external_data_for_model(model, str(Path(input_path).parent))
    made = Extractor(model).extract_model(input_names, output_names)
    large = made.ByteSize() > checker.MAXIMUM_PROTOBUF
    save_model(made, output_path, save_as_external_data=large, location=f"{Path(output_path).name}.data")
    if check_model:
        checker.check_model(output_path)


def _tar_members_filter(tar: tarfile.TarFile, base: str | os.PathLike[str]) -> list[tarfile.TarInfo]:
    """The members of an archive, if all of them stay in the folder.

    Raises:
        RuntimeError: one of them does not, or is a link.
    """
    folder = Path(base).resolve()
    members = list(tar)
    for member in members:
        if not (folder / member.name).resolve().is_relative_to(folder):
            raise RuntimeError(f"The tarball member {member.name} is a directory traversal sequence: it leaves {base}.")
        if member.issym() or member.islnk():
            raise RuntimeError(
                f"The tarball member {member.name} is one of the symbolic links, which may lead elsewhere."
            )
    return members


def _extract_model_safe(  # pyright: ignore[reportUnusedFunction]  # programs call it
    model_tar_path: str | os.PathLike[str], local_model_with_data_dir_path: str | os.PathLike[str]
) -> None:
    """Unpack an archive into a folder, which nothing in it leaves."""
    with tarfile.open(model_tar_path) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(local_model_with_data_dir_path, filter="data")
        else:
            tar.extractall(local_model_with_data_dir_path, _tar_members_filter(tar, local_model_with_data_dir_path))

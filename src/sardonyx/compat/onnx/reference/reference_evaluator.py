"""Run a model node by node, each on an object that can be looked at, replaced or derived from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from sardonyx.compat.onnx._files import load_model
from sardonyx.compat.onnx.external_data_helper import ExternalDataInfo, uses_external_data
from sardonyx.compat.onnx.numpy_helper import to_array
from sardonyx.compat.onnx.onnx_pb import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TypeProto,
)
from sardonyx.compat.onnx.reference import op_run
from sardonyx.compat.onnx.reference._schemas import newest_opset
from sardonyx.compat.onnx.reference.shape_annotation_checker import SymbolBindings, check_value_against_type
from sardonyx.io.tensors import read_sparse

__all__ = ["ReferenceEvaluator"]

_LIST_LIMIT = 5  # elements that a log line shows of an array
_LOG_VALUES = 4  # the verbosity from which it shows elements, not the range


class ReferenceEvaluator:
    """The outputs of a model, graph, function or node, slow and true.

    Args:
        proto: the message, the bytes of a model or its path, or a container of a large model.
        opsets: the version of each domain; for a graph only, which does not say.
        functions: what the nodes of a graph, function or node may call; a model has its own.
        verbose: 2 shows the nodes as they run, 3 their values too, 4 with elements, more than 10 also what is inside.
        new_ops: classes of operators, derived from `OpRun`, that come before the known ones.
        check_shape_annotations: whether every value is compared with the type declared for it.
    """

    def __init__(
        self,
        proto: Any,
        opsets: dict[str, int] | None = None,
        functions: Sequence[ReferenceEvaluator | FunctionProto] | None = None,
        verbose: int = 0,
        new_ops: Sequence[type[op_run.OpRun]] | None = None,
        check_shape_annotations: bool = False,
    ) -> None:
        self.check_shape_annotations_ = check_shape_annotations
        self.container_ = proto if hasattr(proto, "is_in_memory_external_initializer") else None
        if self.container_ is not None:
            proto = self.container_.model_proto
        elif isinstance(proto, (str, os.PathLike)):
            proto = load_model(os.fspath(proto))
        elif isinstance(proto, bytes):
            proto = load_model(BytesIO(proto))
        self.proto_: Any = proto
        self.verbose = verbose
        self.opsets_ = _opsets(proto, opsets, functions)
        self.attributes_: list[str] = list(proto.attribute) if isinstance(proto, FunctionProto) else []
        self.attribute_defaults_: dict[str, Any] = {}
        self._read_names()
        self.new_ops_ = _by_name(new_ops or ())
        self.functions_: dict[tuple[str, ...], ReferenceEvaluator] = {}
        for function in proto.functions if isinstance(proto, ModelProto) else functions or ():
            self._add_function(function)
        self._init()

    def _read_names(self) -> None:
        proto: Any = self.proto_
        graph = proto.graph if isinstance(proto, ModelProto) else proto if isinstance(proto, GraphProto) else None
        self.onnx_graph_: GraphProto | None = graph
        self.input_types_: list[TypeProto] | None = None
        self.output_types_: list[TypeProto] | None = None
        self.all_types_: dict[str, TypeProto] | None = None
        self.inits_: list[TensorProto | SparseTensorProto] = []
        if graph is not None:
            self.input_names_ = [i.name for i in graph.input]
            self.output_names_ = [o.name for o in graph.output]
            self.input_types_ = [i.type for i in graph.input]
            self.output_types_ = [o.type for o in graph.output]
            self.inits_ = [*graph.initializer, *graph.sparse_initializer]
            self.nodes_ = graph.node
            self.all_types_ = {i.name: i.type for i in (*graph.input, *graph.value_info, *graph.output)}
        else:
            callee: FunctionProto | NodeProto = self.proto_
            self.input_names_, self.output_names_ = list(callee.input), list(callee.output)
            self.nodes_ = callee.node if isinstance(callee, FunctionProto) else [callee]
            if isinstance(callee, FunctionProto):
                self.all_types_ = {i.name: i.type for i in callee.value_info}

    def _add_function(self, function: ReferenceEvaluator | FunctionProto) -> None:
        if isinstance(function, FunctionProto):
            extra: dict[str, Any] = {"new_ops": list(self.new_ops_.values())} if self.new_ops_ else {}
            known = list(self.functions_.values())
            function = type(self)(function, verbose=self.verbose, functions=known, **extra)
        elif not isinstance(function, ReferenceEvaluator):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Unexpected type {type(function)!r} for a function: give a FunctionProto or an evaluator")
        proto = function.proto_
        overload = (proto.overload,) if proto.overload else ()
        self.functions_[proto.domain, proto.name, *overload] = function

    def retrieve_external_data(self, initializer: TensorProto) -> np.ndarray[Any, Any]:
        """The elements of an external tensor, which a container holds in memory."""
        location = ExternalDataInfo(initializer).location
        if self.container_ is not None and self.container_.is_in_memory_external_initializer(location):
            return self.container_[location]
        raise RuntimeError(
            f"the elements of '{initializer.name}' are in '{location}': load the model by its path, "
            "or give a ModelContainer that has them in memory"
        )

    def _log_arg(self, a: Any) -> Any:
        if isinstance(a, np.ndarray):
            head = f"{a.dtype}:{a.shape}"  # pyright: ignore[reportUnknownMemberType]
            if self.verbose < _LOG_VALUES:
                return f"{head} in [{a.min()}, {a.max()}]" if a.size else f"{head} (empty)"
            elements = a.ravel().tolist()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if len(elements) > _LIST_LIMIT:
                return f"{head}:{','.join(map(str, elements[:_LIST_LIMIT]))}..."
            return f"{head}:{elements}"
        if hasattr(a, "append"):
            return ", ".join(map(self._log_arg, a))
        return a

    def _log(self, level: int, pattern: str, *args: Any) -> None:
        if level < self.verbose:
            print(pattern % tuple(self._log_arg(a) for a in args))

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return self.input_names_

    @property
    def input_types(self) -> list[TypeProto] | None:
        """The types of the inputs, where the message states them."""
        return self.input_types_

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return self.output_names_

    @property
    def output_types(self) -> list[TypeProto] | None:
        """The types of the outputs, where the message states them."""
        return self.output_types_

    @property
    def opsets(self) -> dict[str, int]:
        """The version of each domain."""
        return self.opsets_

    @property
    def has_linked_attribute(self) -> bool:
        """Whether a node has an attribute whose value is one of the function around it."""
        return any(node.has_linked_attribute for node in self.rt_nodes_)

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.input_names)}) -> {', '.join(self.output_names)}"

    def get_result_types(self, name: str, exc: bool = True) -> TypeProto | None:
        """The type declared for a value."""
        if self.all_types_ is None:
            raise RuntimeError(f"nothing declares the type of '{name}': run shape inference first")
        if name not in self.all_types_ and exc:
            raise RuntimeError(f"Unable to return type for name '{name}': only {sorted(self.all_types_)} have one")
        return self.all_types_.get(name)

    def _init(self) -> None:
        """Make the initializers arrays, and an object for every node."""
        self.rt_inits_ = dict(self._initializer(init) for init in self.inits_)
        self._run_params: dict[str, Any] = {
            "log": lambda pattern, *args: self._log(10, pattern, *args),
            "opsets": self.opsets,
            "verbose": self.verbose,
            "new_ops": self.new_ops_,
            "existing_functions": self.functions_.copy(),
            "evaluator_cls": type(self),
        }
        if isinstance(self.proto_, FunctionProto):
            self.attribute_defaults_ = {a.name: self._default(a) for a in self.proto_.attribute_proto}
        self.rt_nodes_ = [self._runtime_node(node) for node in self.nodes_]

    def _default(self, attribute: Any) -> Any:
        holder = NodeProto(op_type="default")
        holder.attribute.append(attribute)
        return getattr(_Attributes(holder, self._run_params), attribute.name)

    def _initializer(self, init: TensorProto | SparseTensorProto) -> tuple[str, np.ndarray[Any, Any]]:
        if isinstance(init, SparseTensorProto):
            return init.values.name, read_sparse(init).numpy()
        return init.name, self.retrieve_external_data(init) if uses_external_data(init) else to_array(init)

    def _runtime_node(self, node: NodeProto) -> op_run.OpRun:
        try:
            made = self._load_impl(node)
        except op_run.RuntimeContextError:
            made = self._load_by_types(node)
        try:
            return made(node, self._run_params)
        except TypeError as error:
            raise TypeError(f"{made!r} does not take node {node.op_type} '{node.name}': {error}") from error

    def _load_by_types(self, node: NodeProto) -> Callable[..., Any]:
        """The operator's function for the types of the node's inputs; without them, it is built while the node runs."""
        if not self.all_types_:
            raise op_run.RuntimeContextError(
                f"{node.op_type} is a function of its input types, and nothing declares them: run infer_shapes first"
            )
        types = [self.get_result_types(name, exc=False) for name in node.input]
        if any(t is None for t in types):
            return lambda *args: op_run.OpFunctionContextDependant(*args, parent=self)
        return self._load_impl(node, types)

    def _load_impl(self, node: NodeProto, input_types: Sequence[Any] | None = None) -> Callable[..., Any]:
        """What makes the object that runs `node`: a new operator, one of the standard, or a call of a function."""
        from sardonyx.compat.onnx.reference.ops import _op_list  # most of the evaluator's time to import is there

        if node.domain not in self.opsets:
            raise RuntimeError(
                f"Domain '{node.domain}' (node type: '{node.op_type}') is not specified. Known opsets: {self.opsets!r}"
            )
        version = self.opsets[node.domain]
        given = self.new_ops_.get((node.domain, node.op_type))
        expand = given is not None and issubclass(given, op_run.OpRunExpand)
        if given is not None and not expand:
            return given
        if expand and node.domain != "":
            raise NotImplementedError(f"{node.domain}.{node.op_type} cannot be expanded: only domain '' has functions")
        if node.domain == "":
            return _op_list.load_op(
                "",
                node.op_type,
                version,
                node=node if input_types is not None else None,
                input_types=input_types,
                expand=expand,
                evaluator_cls=type(self),
            )
        if node.domain in _op_list.DOMAINS:
            return _op_list.load_of_domain(node.domain, node.op_type, version)
        keys = [(node.domain, node.op_type, node.overload), (node.domain, node.op_type)]
        function = next((self.functions_[key] for key in keys if key in self.functions_), None)
        if function is None:
            raise NotImplementedError(
                f"Node type '{node.op_type}' from domain '{node.domain}' is unknown, known functions: "
                f"{sorted(self.functions_)}; give a class for it in 'new_ops'"
            )
        return lambda *args: op_run.OpFunction(*args, impl=function)

    def run(
        self,
        output_names: Sequence[str] | None,
        feed_inputs: Mapping[str, Any],
        attributes: Mapping[str, Any] | None = None,
        intermediate: bool = False,
        check_shape_annotations: bool | None = None,
        _bindings: SymbolBindings | None = None,
    ) -> list[Any] | dict[str, Any]:
        """The values of the outputs.

        Args:
            output_names: which values, intermediate ones included; None means the outputs.
            feed_inputs: the inputs by name.
            attributes: the values of a function's attributes.
            intermediate: give every value by its name instead.
            check_shape_annotations: for this call, instead of what the evaluator was made with.
        """
        if isinstance(self.proto_, FunctionProto) and attributes is None:
            raise TypeError("a function runs with 'attributes', if only an empty dictionary")
        if isinstance(self.proto_, FunctionProto):
            attributes = {**self.attribute_defaults_, **(attributes or {})}
        wants_check = self.check_shape_annotations_ if check_shape_annotations is None else check_shape_annotations
        bindings = _bindings if _bindings is not None else SymbolBindings() if wants_check else None
        results: dict[str, Any] = {"": None, **self.rt_inits_, **feed_inputs}
        for name, value in self.rt_inits_.items():
            self._log(2, " +C %s: %s", name, value)
        for name, value in feed_inputs.items():
            self._log(2, " +I %s: %s", name, value)
        types = self.all_types_ or {}
        if bindings is not None:
            for name, value in results.items():
                check_value_against_type(types.get(name), value, bindings, name)
        for node in self.rt_nodes_:
            self._run_node(node, results, attributes, bindings)
            if bindings is not None:
                for name in node.output:
                    check_value_against_type(types.get(name), results.get(name), bindings, name)
        if bindings is not None:
            declared = (
                types if self.output_types_ is None else dict(zip(self.output_names_, self.output_types_, strict=True))
            )
            for name in self.output_names_:
                check_value_against_type(declared.get(name), results.get(name), bindings, name)
        if intermediate:
            return results
        wanted = self.output_names if output_names is None else output_names
        missing = [name for name in wanted if name not in results]
        if missing:
            raise RuntimeError(f"Unable to find output name '{missing[0]}' in {sorted(results)}")
        return [results[name] for name in wanted]

    def _run_node(
        self,
        node: op_run.OpRun,
        results: dict[str, Any],
        attributes: Mapping[str, Any] | None,
        bindings: SymbolBindings | None,
    ) -> None:
        self._log(1, "%s(%s) -> %s", node.op_type, node.input, node.output)
        missing = [name for name in node.input if name not in results]
        if missing:
            raise RuntimeError(
                f"Unable to find input '{missing[0]}' in known results {sorted(results)}: {node.op_type} reads it"
            )
        keywords: dict[str, Any] = {}
        if node.has_linked_attribute and attributes is not None:
            keywords["linked_attributes"] = attributes
        if node.need_context():
            keywords["context"] = results
        if bindings is not None and (node.need_context() or isinstance(node, op_run.OpFunction)):
            keywords["bindings"] = bindings
        outputs = node.run(*(results[name] for name in node.input), **keywords)
        for name, value in zip(node.output, outputs, strict=False):
            self._log(2, " + %s: %s", name, value)
            if name:
                results[name] = value


class _Attributes(op_run.OpRun):
    """Reads attributes, and runs nothing."""

    def _find_schema(self) -> None:
        return None

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        raise NotImplementedError


def _opsets(proto: Any, opsets: Any, functions: Any) -> dict[str, int]:
    """The version of each domain that a message says, or what its evaluator must be told."""
    if isinstance(proto, ModelProto) and functions is not None:
        raise ValueError("functions must be None if proto is ModelProto: a model has its own")
    if isinstance(proto, (ModelProto, FunctionProto)):
        if opsets is not None:
            raise ValueError(f"opsets must be None if proto is {type(proto).__name__}, which says them")
        return {o.domain: int(o.version) for o in proto.opset_import}
    if isinstance(proto, GraphProto):
        if not isinstance(opsets, dict):
            raise TypeError("opsets must be a dictionary if proto is GraphProto, which does not say them")
        return opsets  # pyright: ignore[reportUnknownVariableType]
    if isinstance(proto, NodeProto):
        return {proto.domain: newest_opset() if proto.domain == "" else 1}
    raise TypeError(f"Unexpected type {type(proto)} for proto.")


def _by_name(classes: Sequence[type[op_run.OpRun]]) -> dict[tuple[str, str], type[op_run.OpRun]]:
    """New operators by domain and name; of two, the first counts."""
    found: dict[tuple[str, str], type[op_run.OpRun]] = {}
    for cls in classes:
        if not hasattr(cls, "op_domain"):
            raise AttributeError(f"Class {cls} must define attribute 'op_domain'.")
        if not issubclass(cls, op_run.OpRun):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"{cls} in new_ops does not derive from OpRun")
        found.setdefault((cls.op_domain, cls.__name__), cls)
    return found

"""Implementations of operators as the evaluator runs them: one class per operator, one object per node."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from sardonyx.compat.onnx.helper import make_node, make_tensor_type_proto, np_dtype_to_tensor_dtype
from sardonyx.compat.onnx.numpy_helper import to_array
from sardonyx.compat.onnx.onnx_pb import AttributeProto, GraphProto, NodeProto, SparseTensorProto, TypeProto
from sardonyx.compat.onnx.reference._schemas import known_schemas, newest_opset, schema_at

if TYPE_CHECKING:
    from sardonyx.compat.onnx.reference.reference_evaluator import ReferenceEvaluator

__all__ = [
    "DefaultNone",
    "Graph",
    "OnnxType",
    "OpFunction",
    "OpFunctionContextDependant",
    "OpRun",
    "OpRunExpand",
    "RefAttrName",
    "RuntimeContextError",
    "RuntimeImplementationError",
    "RuntimeTypeError",
    "SparseTensor",
    "to_sparse_tensor",
]


class RuntimeTypeError(RuntimeError):
    """A value has an element type that the operator does not take or give."""


class RuntimeContextError(RuntimeError):
    """The operator's function depends on the types of its inputs, and these are not known yet."""


class RuntimeImplementationError(NotImplementedError):
    """Nothing here runs the operator."""


class DefaultNone:
    """Stands for a parameter that was not set, where the operator has a behaviour of its own for that."""


class RefAttrName:
    """Stands for the attribute `name` of the function around the node."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class OnnxType:
    """A type, as an attribute holds it."""

    def __init__(self, type_proto: TypeProto) -> None:
        if not isinstance(type_proto, TypeProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"type_proto {type(type_proto)} must be of type onnx.TypeProto.")
        self.type_proto = type_proto

    def __repr__(self) -> str:
        return f"OnnxType({self.type_proto!r})"


class Graph:
    """A graph in a list of graphs, as an attribute holds it."""

    __slots__ = ("g",)

    def __init__(self, g: GraphProto) -> None:
        self.g = g


class SparseTensor:
    """The elements of a sparse tensor, and where they are."""

    def __init__(self, values: np.ndarray[Any, Any], indices: np.ndarray[Any, Any], shape: tuple[int, ...]) -> None:
        self.values, self.indices, self.shape = values, indices, shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype


def to_sparse_tensor(att: SparseTensorProto) -> SparseTensor:
    """The sparse tensor that a message holds."""
    return SparseTensor(to_array(att.values), to_array(att.indices), tuple(int(d) for d in att.dims))


def _text(data: Any) -> str:
    return data if isinstance(data, str) else bytes(data).decode("utf-8")


# What an attribute of each type is to an implementation. A graph becomes an evaluator, which its node makes.
_READ: dict[int, Callable[[AttributeProto], Any]] = {
    AttributeProto.FLOAT: lambda a: np.float32(a.f),
    AttributeProto.FLOATS: lambda a: [np.float32(f) for f in a.floats],
    AttributeProto.INT: lambda a: int(a.i),
    AttributeProto.INTS: lambda a: [int(i) for i in a.ints],
    AttributeProto.STRING: lambda a: _text(a.s),
    AttributeProto.STRINGS: lambda a: [_text(s) for s in a.strings],
    AttributeProto.TENSOR: lambda a: to_array(a.t),
    AttributeProto.TENSORS: lambda a: [to_array(t) for t in a.tensors],
    AttributeProto.SPARSE_TENSOR: lambda a: to_sparse_tensor(a.sparse_tensor),
    AttributeProto.SPARSE_TENSORS: lambda a: [to_sparse_tensor(t) for t in a.sparse_tensors],
    AttributeProto.GRAPHS: lambda a: [Graph(g) for g in a.graphs],
    AttributeProto.TYPE_PROTO: lambda a: OnnxType(a.tp),
    AttributeProto.TYPE_PROTOS: lambda a: [OnnxType(t) for t in a.type_protos],
}


class OpRun(abc.ABC):
    """What runs one node. A custom operator derives from it, sets `op_domain` and gives `_run`.

    Args:
        onnx_node: the node; its attributes become attributes of the object, defaults of the schema included.
        run_params: what the evaluator says: `opsets`, `new_ops`, `log`, `verbose`, `existing_functions`, `evaluator_cls`.
        schema: the operator's; else `op_schema` of the class, else the one of the class's or the node's name.
    """

    op_domain: ClassVar[str] = ""
    _wrapped: ClassVar[tuple[type[Exception], ...]] = (TypeError, AttributeError)  # what `run` raises as a TypeError
    _may_be_absent: ClassVar[bool] = False  # whether a result may be None

    def __init__(self, onnx_node: NodeProto, run_params: dict[str, Any], schema: Any = None) -> None:
        if not isinstance(run_params, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"run_params must be a dictionary not {type(run_params)}.")
        for name in ("opsets", "new_ops"):
            if name not in run_params:
                raise RuntimeError(f"Attribute '{name}' must be in run_params, only {sorted(run_params)} was found.")
        if "log" not in run_params:
            raise KeyError("run_params lacks 'log'")
        self.onnx_node = onnx_node
        self.run_params = run_params
        self._schema = self._find_schema() if schema is None else schema
        self.has_subgraph = False
        self.has_linked_attribute = False
        self._load_attributes()

    def _find_schema(self) -> Any:
        """The schema whose defaults complete the node's attributes, or None."""
        given = getattr(type(self), "op_schema", None)
        if given is not None:
            return given
        known = known_schemas()
        return known.get(type(self).__name__) or known.get(self.onnx_node.op_type)

    def _log(self, pattern: str, *args: Any) -> None:
        self.run_params["log"](pattern, *args)

    def _extract_attribute_value(self, att: AttributeProto, ref_att: Any = None) -> Any:
        """What `att` holds; `ref_att` is the schema's attribute where `att` is its default."""
        if att.type == AttributeProto.GRAPH:
            return self._evaluator(att.g)
        if att.type not in _READ:
            whose = "" if ref_att is None else "the default of "
            raise AttributeError(f"{whose}attribute '{att.name}' of {self.op_type} has no known type: {att.type}")
        return _READ[int(att.type)](att)

    def _evaluator(self, graph: GraphProto) -> ReferenceEvaluator:
        params = self.run_params
        if params.get("evaluator_cls") is None:
            raise RuntimeError(f"{self.op_type} has a subgraph: run_params needs 'evaluator_cls'")
        functions, new_ops = params.get("existing_functions"), params.get("new_ops")
        return params["evaluator_cls"](
            graph,
            opsets=params["opsets"],
            verbose=max(0, params.get("verbose", 0) - 2),
            new_ops=None if new_ops is None else list(new_ops.values()),
            functions=None if functions is None else list(functions.values()),
        )

    def _load_attributes(self) -> None:
        names: set[str] = set()
        for att in self.onnx_node.attribute:
            if att.ref_attr_name:
                value: Any = RefAttrName(att.ref_attr_name)
                self.has_linked_attribute = True
            else:
                value = self._extract_attribute_value(att)
                if att.type == AttributeProto.GRAPH:
                    self.has_subgraph = True
                    self.has_linked_attribute |= value.has_linked_attribute
                    setattr(self, f"_run_{att.name}", _runner(value))
            setattr(self, att.name, value)
            names.add(att.name)
        if self._schema is not None and self.onnx_node.op_type != "Constant":  # any one of Constant's will do
            names.update(self._load_defaults())
        self.attributes_names_ = names

    def _load_defaults(self) -> list[str]:
        made: list[str] = []
        for name, spec in self._schema.attributes.items():
            if hasattr(self, name):
                continue
            if getattr(spec, "required", True):
                raise RuntimeError(f"{self.onnx_node.op_type} requires attribute '{name}', which the node lacks")
            default = getattr(spec, "default_value", None)
            if default is not None:
                says_nothing = default.type == 0 or (default.type == 4 and default.t.data_type == 0)
                setattr(self, name, None if says_nothing else self._extract_attribute_value(default, spec))
                made.append(name)
        return made

    @staticmethod
    def _evaluate_subgraph(context: Any, value: Any, attributes: Any, bindings: Any = None) -> list[Any]:
        """The outputs of a subgraph, which sees the values of `context`."""
        return _runner(value)(context, attributes, bindings)

    @staticmethod
    def implicit_inputs(graph: GraphProto) -> list[str]:
        """The names that a subgraph takes from the graphs around it."""
        if not isinstance(graph, GraphProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"Unexpected type {type(graph)}: a GraphProto is wanted")
        known = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
        known |= {i.name for i in graph.input}
        found: dict[str, None] = {}
        for node in graph.node:
            found.update(dict.fromkeys(name for name in node.input if name not in known))
            known.update(node.output)
        return list(found)

    @property
    def input(self) -> Sequence[str]:
        """The names of the node's inputs."""
        return self.onnx_node.input

    @property
    def output(self) -> Sequence[str]:
        """The names of the node's outputs."""
        return self.onnx_node.output

    @property
    def op_type(self) -> str:
        """The node's operator."""
        return self.onnx_node.op_type

    @property
    def domain(self) -> str:
        """The domain of the node's operator."""
        return self.onnx_node.domain

    def need_context(self) -> bool:
        """Whether `run` wants `context`, all values computed so far: a subgraph may read any of them."""
        return False

    def __str__(self) -> str:
        shown = [
            f"    {name}={value},"
            for name, value in sorted(vars(self).items())
            if "a" <= name[0] <= "z" and name[-1] != "_" and name not in ("desc", "onnx_node")
        ]
        return "\n".join([f"{type(self).__name__}(", f"    op_type={self.op_type}", *shown, ")"])

    @abc.abstractmethod
    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The outputs, as a tuple, for the inputs (by position) and the attributes (by keyword)."""
        raise NotImplementedError(f"{type(self).__name__} has no method '_run'")

    def _check_and_fix_outputs(self, res: Any) -> tuple[Any, ...]:
        """The results, scalars as arrays; refuses what is no value of ONNX."""
        who = f"Method '_run' of class '{type(self).__name__}'"
        if not isinstance(res, tuple):
            raise TypeError(f"{who} does not return a tuple but '{type(res)}'.")
        if not res:
            raise ValueError(f"{who} does not return any result.")
        fixed = tuple(np.array(x) if np.isscalar(x) else x for x in res)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for x in fixed:
            is_value = isinstance(x, (np.ndarray, list, dict)) or hasattr(x, "todense")
            if not (is_value or (x is None and self._may_be_absent)):
                what = "is a tuple" if isinstance(x, tuple) else "has an unexpected type"
                shown = f"an output is an array, a list, a dictionary or sparse, these are {[type(t) for t in fixed]}"
                raise TypeError(f"A result of method '_run' of class '{type(self).__name__}' {what}: {shown}")
        return fixed

    def _check_inputs(self, args: Sequence[Any]) -> None:  # noqa: B027  # a family may have nothing to refuse
        """Refuse inputs that the operator never takes."""

    def _check_results(self, args: Sequence[Any], res: tuple[Any, ...]) -> None:  # noqa: B027
        """Refuse outputs that the operator never gives."""

    def run(self, *args: Any, linked_attributes: Any = None, context: Any = None, bindings: Any = None) -> Any:
        """The outputs for these inputs.

        Args:
            linked_attributes: the attributes of the function around the node, where the node refers to one.
            context: all values known so far, where `need_context` asks for them.
            bindings: the dims bound so far, while shape annotations are checked.
        """
        self._check_call(linked_attributes, context)
        self._check_inputs(args)
        shown = "%d input" if len(args) == 1 and self._says_one_input() else "%d inputs"
        self._log(f"-- begin %s.run({shown})", type(self).__name__, len(args))
        kwargs = self._keywords(linked_attributes)
        if self.has_subgraph:
            kwargs["attributes"] = linked_attributes
        if context is not None:
            kwargs["context"] = context
        if bindings is not None and (self.has_subgraph or isinstance(self, OpFunction)):
            kwargs["bindings"] = bindings
        try:
            res = self._run(*args, **kwargs)
        except self._wrapped as error:
            shown = f"types {[type(a) for a in args]} and attributes {sorted(kwargs)}"
            raise TypeError(f"Issues with {shown} (operator {type(self).__name__!r}): {error}") from error
        count = len(res) if res is not None else 0  # pyright: ignore[reportUnnecessaryComparison]  # untyped programs
        self._log("-- done %s.run -> %d outputs", type(self).__name__, count)
        res = self._check_and_fix_outputs(res)
        self._check_results(args, res)
        return res

    def _says_one_input(self) -> bool:
        return False

    def _check_call(self, linked_attributes: Any, context: Any) -> None:
        if self.need_context() != (context is not None):
            raise RuntimeError(
                f"This node of type {type(self)} {'needs context' if context is None else 'does not need any context'}."
            )
        if self.has_linked_attribute and linked_attributes is None:
            raise ValueError(
                f"This node {type(self)} has linked attributes but None are given in parameter 'linked_attributes'."
            )
        if not self.has_linked_attribute and linked_attributes is not None:
            raise ValueError(
                f"This node {type(self)} has no linked attribute, but some are given: {set(linked_attributes)}."
            )

    def _keywords(self, linked_attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        """The attributes as `_run` gets them: those linked to the function's have the values of this call."""
        keywords: dict[str, Any] = {}
        for name in self.attributes_names_:
            value = getattr(self, name)
            if isinstance(value, RefAttrName):
                if linked_attributes is None or value.name not in linked_attributes:
                    if self.op_type == "Constant":
                        raise ValueError(f"Unable to find a value for linked attribute {value.name!r}")
                    continue  # the call leaves it out, and so does the node
                value = linked_attributes[value.name]
            keywords[name] = value
        return keywords

    @classmethod
    def infer_name(cls) -> tuple[str, int]:
        """The operator and the version that the name of the class says: ``Cast_19``."""
        name, _, version = cls.__name__.rpartition("_")
        return (name, int(version)) if name and version.isdigit() else (cls.__name__, newest_opset())

    @classmethod
    def make_node(cls, n_inputs: int | None = None, n_outputs: int | None = None, **kwargs: Any) -> NodeProto:
        """A node of this operator; by default with the inputs and outputs that the schema requires."""
        op_type, opset = cls.infer_name()
        if n_inputs is None or n_outputs is None:
            schema = schema_at(op_type, opset, cls.op_domain)
            n_inputs = schema.min_input if n_inputs is None else n_inputs
            n_outputs = schema.min_output if n_outputs is None else n_outputs
        assert n_inputs is not None and n_outputs is not None
        inputs, outputs = [f"x{i}" for i in range(n_inputs)], [f"y{i}" for i in range(n_outputs)]
        return make_node(op_type, inputs, outputs, **kwargs)

    @classmethod
    def create(
        cls, n_inputs: int | None = None, n_outputs: int | None = None, verbose: int = 0, **kwargs: Any
    ) -> OpRun:
        """The operator with these attributes, ready to run."""

        def log(pattern: str, *args: Any) -> None:
            if verbose > 1:
                print(pattern % args)

        node = cls.make_node(n_inputs, n_outputs, **kwargs)
        return cls(node, {"verbose": verbose, "log": log, "new_ops": None, "opsets": {"": newest_opset()}})

    @classmethod
    def eval(cls, *args: Any, n_outputs: int | None = None, verbose: int = 0, **kwargs: Any) -> Any:
        """The output, or the tuple of outputs, of the operator with these inputs and attributes."""
        res = cls.create(len(args), n_outputs=n_outputs, verbose=verbose, **kwargs).run(*args)
        return res[0] if len(res) == 1 else res


def _runner(evaluator: ReferenceEvaluator) -> Callable[..., list[Any]]:
    """The method that runs a subgraph: it sees the values around it."""

    def run(context: Mapping[str, Any] | None, attributes: Any = None, bindings: Any = None) -> list[Any]:
        own = evaluator.rt_inits_
        feeds = {name: value for name, value in (context or {}).items() if name not in own}
        return evaluator.run(None, feeds, attributes=attributes, **checked(bindings))  # pyright: ignore[reportReturnType]

    return run


def checked(bindings: Any) -> dict[str, Any]:
    """The arguments of `run` that go on with the check of shape annotations."""
    return {} if bindings is None else {"check_shape_annotations": True, "_bindings": bindings}


class OpRunExpand(OpRun):
    """In `new_ops`, a class of this kind says: do not run the operator of its name, but the function that defines it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:  # pyright: ignore[reportInvalidConstructorType]
        raise RuntimeError(f"{cls} must not run: the function of its schema should")

    def _run(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{type(self)} must not run: the function of its schema should")


class OpFunction(OpRun):
    """A call of a function, which the evaluator `impl` runs."""

    def __init__(
        self,
        onnx_node: NodeProto,
        run_params: dict[str, Any],
        impl: Any = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        if impl is None:
            raise RuntimeError(f"a call of {onnx_node.domain}.{onnx_node.op_type} needs its function in 'impl'")
        super().__init__(onnx_node, run_params)
        self.impl_ = impl
        names = getattr(impl, "attributes_", attributes) or ()
        self.attributes_: dict[str, Any] = dict(getattr(impl, "attribute_defaults_", {}))
        self.attributes_.update({name: getattr(self, name) for name in names if hasattr(self, name)})

    def _find_schema(self) -> Any:
        # A function may have the name of an operator of another domain, whose attributes are not its own.
        found = super()._find_schema()
        return found if found is not None and found.domain == self.onnx_node.domain else None

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return self._run_impl(self.impl_, *args, **kwargs)

    def _run_impl(self, impl: Any, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        call = f"{self.domain}.{self.op_type}"
        if len(args) > len(impl.input_names):
            raise RuntimeError(f"{call} takes {len(impl.input_names)} inputs, got {len(args)}")
        inputs = [*args, *[None] * (len(impl.input_names) - len(args))]
        arguments = checked(kwargs.pop("bindings", None))
        feeds = dict(zip(impl.input_names, inputs, strict=True))
        given = {name: value for name, value in self.attributes_.items() if not isinstance(value, RefAttrName)}
        results = impl.run(None, feeds, attributes={**given, **kwargs}, **arguments)
        if len(impl.output_names) != len(results):
            raise RuntimeError(f"{call} gave {len(results)} outputs, not {len(impl.output_names)}")
        return tuple(results)


class OpFunctionContextDependant(OpFunction):
    """A call of a function whose body depends on the types of its inputs: it is built when they are there."""

    def __init__(self, onnx_node: NodeProto, run_params: dict[str, Any], parent: Any = None) -> None:
        super().__init__(onnx_node, run_params, impl=self, attributes={})
        self.parent = parent
        self.schema_ = schema_at(onnx_node.op_type, parent.opsets[onnx_node.domain], onnx_node.domain)

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        types = [make_tensor_type_proto(np_dtype_to_tensor_dtype(a.dtype), a.shape) for a in args]
        built = self.parent._load_impl(self.onnx_node, types)(self.onnx_node, self.run_params)
        return self._run_impl(built.impl_, *args, **kwargs)


# Programs use these too, under their official names.
_build_schemas = known_schemas


def _attribute_conversion_function(  # pyright: ignore[reportUnusedFunction]
    attr_type: int,
) -> Callable[[AttributeProto], Any] | None:
    """What makes of an attribute of a type what implementations get; a graph stays a message here."""
    return (lambda a: Graph(a.g)) if attr_type == AttributeProto.GRAPH else _READ.get(attr_type)


def __getattr__(name: str) -> Any:
    if name == "_schemas":
        return known_schemas()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

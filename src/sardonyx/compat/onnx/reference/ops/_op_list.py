"""One class per operator and behaviour, made from the operators of the ops room; and the way to find them.

The names of classes and of the modules they are in are those of the official package: programs import both. A class that
runs several versions is named for the first of them: ``Clip_6``, ``Clip_11``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sardonyx.compat.onnx.reference import op_run
from sardonyx.compat.onnx.reference._counts import check_count
from sardonyx.compat.onnx.reference._differences import AROUND
from sardonyx.compat.onnx.reference._execute import Body, apply
from sardonyx.compat.onnx.reference._refusals import refuse, translated
from sardonyx.compat.onnx.reference._schemas import known_schemas, newest_opset, schema_at
from sardonyx.compat.onnx.reference._text import as_held
from sardonyx.compat.onnx.reference.op_run import OpFunction, OpRun, RuntimeContextError, RuntimeImplementationError
from sardonyx.compat.onnx.reference.ops import _op
from sardonyx.core.errors import DTypeError
from sardonyx.ops import all_operators, lookup

__all__ = ["DOMAINS", "_build_registered_operators", "load_of_domain", "load_op"]

FOREVER = 1 << 30

# The versions that classes are named for, where there is more than one, or one that is named so.
# fmt: off
VERSIONS: dict[str, tuple[int, ...]] = {
    "ArgMax": (1, 12), "ArgMin": (1, 12), "Attention": (1, 23, 24, 25), "AveragePool": (1, 7, 11, 19),
    "BatchNormalization": (6, 9, 14), "Cast": (1, 19, 24), "CastLike": (15, 19), "Clip": (6, 11),
    "Constant": (1, 9, 11, 12), "DequantizeLinear": (10, 19, 21, 23, 25), "DFT": (17, 20), "Dropout": (7, 12), "Gemm": (6, 7),
    "Pad": (1, 2, 11, 18), "QuantizeLinear": (10, 19, 21, 23, 25), "ReduceL1": (1, 18), "ReduceL2": (1, 18),
    "ReduceLogSum": (1, 18), "ReduceLogSumExp": (1, 18), "ReduceMax": (1, 18), "ReduceMean": (1, 18),
    "ReduceMin": (1, 18), "ReduceProd": (1, 18), "ReduceSum": (1, 13), "ReduceSumSquare": (1, 18), "Reshape": (5, 14),
    "RNN": (7, 14), "Shape": (1, 15), "Slice": (1, 10), "Split": (2, 11, 13, 18), "Squeeze": (1, 11, 13),
    "TopK": (1, 10, 11), "Unsqueeze": (1, 11, 13),
}
# What the classes derive from, where that is not `OpRun`.
BASES: dict[type[OpRun], str] = {
    _op.OpRunUnary: "BitwiseNot Flatten IsNaN Not",
    _op.OpRunUnaryNum: "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Elu Erf Exp Floor HardSigmoid Hardmax LeakyRelu "
                       "Log LogSoftmax LpNormalization Neg Reciprocal Relu Round Sigmoid Sign Sin Sinh Softmax Softplus "
                       "Softsign Sqrt Swish Tan Tanh ThresholdedRelu",
    _op.OpRunBinary: "And BitwiseAnd BitwiseOr BitwiseXor Or Xor",
    _op.OpRunBinaryComparison: "Equal Greater GreaterOrEqual Less LessOrEqual",
    _op.OpRunBinaryNum: "BitShift MatMul Add Div Max Min Mul Sub",
    _op.CommonPool: "AveragePool LpPool MaxPool",
    _op._CommonRandom: "Bernoulli RandomNormal RandomNormalLike RandomUniform RandomUniformLike",
    _op._CommonWindow: "BlackmanWindow HammingWindow HannWindow",
    _op.OpRunReduceNumpy: "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
                          "ReduceSum ReduceSumSquare",
}
# What the classes of all versions of an operator derive from, each with a name of its own.
SHARED = {
    "ArgMax": "_ArgMax", "ArgMin": "_ArgMin", "Constant": "ConstantCommon", "DequantizeLinear": "_CommonDequantizeLinear",
    "Dropout": "DropoutBase", "GRU": "CommonGRU", "LSTM": "CommonLSTM", "QuantizeLinear": "_CommonQuantizeLinear",
    "Reshape": "CommonReshape", "RNN": "CommonRNN", "Slice": "SliceCommon", "Split": "CommonSplit", "TopK": "_CommonTopK",
}
# fmt: on
_BASE_OF = {
    **{name: base for base, names in BASES.items() for name in names.split()},
    **{op: type(name, (OpRun,), {"__doc__": f"{op} at any version."}) for op, name in SHARED.items()},
}

# Where a module's name does not follow from the operator's.
_MODULES = {
    name: f"op_{module}"
    for name, module in {
        "ArgMax": "argmax",
        "ArgMin": "argmin",
        "BitCast": "bitcast",
        "BitShift": "bitshift",
        "Col2Im": "col2im",
        "EyeLike": "eyelike",
        "GatherND": "gathernd",
        "Im2Col": "im2col",
        "IsInf": "isinf",
        "IsNaN": "isnan",
        "MatMul": "matmul",
        "MatMulInteger": "matmul_integer",
        "QLinearConv": "qlinear_conv",
        "QLinearMatMul": "qlinear_matmul",
        "RMSNormalization": "rms_normalization",
        "ScatterND": "scatternd",
        "SwiGLU": "swiglu",
        "TfIdfVectorizer": "tfidf_vectorizer",
        "TopK": "topk",
        "SVMClassifier": "svm_classifier",
        "SVMRegressor": "svm_regressor",
    }.items()
}

# The package under `ops` that holds the operators of each domain.
DOMAINS = {
    "": "",
    "ai.onnx.ml": "aionnxml.",
    "ai.onnx.preview": "aionnx_preview.",
    "ai.onnx.preview.training": "aionnx_preview_training.",
    "experimental": "experimental.",
}


# The words with which an operator logs that a graph inside runs.
_SAID = {("If", "then_branch"): "then", ("If", "else_branch"): "else", ("Loop", "body"): "loop"}


# To these, and to those of one or two inputs, attributes that nobody knows mean nothing.
_DEAF = {"FlexAttention", "Gelu", "GroupNormalization", "HardSwish", "MeanVarianceNormalization", "Mish"}


class OpRunReference(OpRun):
    """An operator that the ops room computes, at the versions from `_since` to before `_until`."""

    _op: ClassVar[str]
    _since: ClassVar[int]
    _until: ClassVar[int]
    _may_be_absent = True

    def _opset(self) -> int:
        """The version of the operator's domain that the node means, within those of the class."""
        params: Mapping[str, Any] = getattr(self, "run_params", {"opsets": {}})  # programs call `_run` without a node
        asked = params["opsets"].get(self.op_domain) or newest_opset(self.op_domain)
        version = min(max(asked, self._since), self._until - 1)
        node = getattr(self, "onnx_node", None)
        if node is None or not (node.attribute or node.input):
            return version
        # A node may have attributes or inputs of a later version, above all one without a model, which says none.
        op, names = lookup(self.op_domain, self._op), {held.name for held in node.attribute}
        later = [v for v in op.since if version < v < self._until]  # pyright: ignore[reportOptionalMemberAccess]
        for v in (version, *later):
            schema = op.at(v)  # pyright: ignore[reportOptionalMemberAccess]
            if names <= schema.attributes.keys() and len(node.input) <= schema.max_inputs:
                return v
        return version

    def _find_schema(self) -> Any:
        given = getattr(type(self), "op_schema", None)
        return given if given is not None else schema_at(self._op, self._opset(), self.op_domain)

    def _check_inputs(self, args: Sequence[Any]) -> None:
        super()._check_inputs(args)
        op = lookup(self.op_domain, self._op)
        check_count(op.at(self._opset()), op.at(self._until - 1), args)  # pyright: ignore[reportOptionalMemberAccess]
        refuse(self._op, args, {name: getattr(self, name) for name in self.attributes_names_})

    def need_context(self) -> bool:
        return self.has_subgraph

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        context, linked = kwargs.pop("context", None), kwargs.pop("attributes", None)
        keywords = {"attributes": linked, **op_run.checked(kwargs.pop("bindings", None))}
        opset = self._opset()
        schema = lookup(self.op_domain, self._op).at(opset)  # pyright: ignore[reportOptionalMemberAccess]
        inputs = list(args)
        for place, formal in enumerate(schema.inputs):  # programs also name inputs
            if formal.name in kwargs and formal.name not in schema.attributes:
                inputs += [None] * (place + 1 - len(inputs))
                inputs[place] = kwargs.pop(formal.name)
        if isinstance(self, (_op.OpRunUnary, _op.OpRunBinary)) or self._op in _DEAF:
            kwargs = {name: value for name, value in kwargs.items() if name in schema.attributes}
        attrs = {name: self._body(name, v, context or {}, keywords) for name, v in kwargs.items()}
        node = getattr(self, "onnx_node", None)
        count = len(schema.outputs) if node is None else max(len(node.output), 1)

        def run(inputs: Sequence[Any]) -> list[Any]:
            return apply(self._op, inputs, attrs, count, domain=self.op_domain, opset=opset)

        around = AROUND.get((self.op_domain, self._op))
        try:
            outputs = run(inputs) if around is None else around(run, inputs, attrs)
        except (ValueError, DTypeError) as error:
            raise translated(self._op, error) from error
        return as_held(self._op, inputs, outputs)

    def _body(self, name: str, value: Any, context: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
        if not hasattr(value, "rt_nodes_"):
            return value
        word = _SAID.get((self._op, name))
        if word is None:
            return Body(value, context, keywords)

        def told(ends: bool) -> None:
            if ends:
                self._log("  -- %s<", word)
            else:
                self._log("  -- %s> {%r}", word, context)

        return Body(value, context, keywords, told)


def module_of(op_type: str, domain: str) -> str:
    """``aionnxml.op_label_encoder``: the module under `ops` that holds the classes of an operator."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", op_type).lower()
    return DOMAINS[domain] + _MODULES.get(op_type, f"op_{snake}")


def _make(name: str, op_type: str, domain: str, since: int, until: int) -> type[OpRun]:
    base = _BASE_OF.get(op_type, OpRun) if domain == "" else domain_base(domain)
    bases = (OpRunReference,) if base is OpRun else (OpRunReference, base)
    facts = {"op_domain": domain, "_op": op_type, "_since": since, "_until": until}
    if op_type == "Attention":  # whether caches and windows are checked as version 25 does
        facts["_validate_attention25"] = until > 25
    where = f"{__package__}.{module_of(op_type, domain)}"
    return type(name, bases, {**facts, "__module__": where, "__doc__": lookup(domain, op_type).doc})  # pyright: ignore[reportOptionalMemberAccess]


@functools.cache
def domain_base(domain: str) -> type[OpRun]:
    """What the classes of a domain derive from."""
    names = {
        "ai.onnx.ml": "OpRunAiOnnxMl",
        "ai.onnx.preview.training": "OpRunTraining",
        "experimental": "OpRunExperimental",
    }
    return type(names[domain], (OpRun,), {"op_domain": domain}) if domain in names else OpRun


@functools.cache
def classes(domain: str) -> dict[str, dict[int | None, type[OpRun]]]:
    """The classes of a domain's operators by version; None is the newest."""
    if domain == "experimental":
        from sardonyx.compat.onnx.reference.ops._windows import Im2Col

        facts = {"__module__": f"{__package__}.{module_of('Im2Col', domain)}", "__doc__": Im2Col.__doc__}
        return {"Im2Col": {None: type("Im2Col", (Im2Col, domain_base(domain)), facts)}}
    found: dict[str, dict[int | None, type[OpRun]]] = {}
    for op in all_operators():
        if op.domain == domain and op.run is not None:
            found[op.name] = _versions(op.name, domain, op.since[0])
    return found


def _versions(op_type: str, domain: str, first: int) -> dict[int | None, type[OpRun]]:
    since = VERSIONS.get(op_type, ()) if domain == "" else ()
    if not since:
        return {None: _make(op_type, op_type, domain, first, FOREVER)}
    made: dict[int | None, type[OpRun]] = {}
    for i, v in enumerate(since):
        begin, end = (first if i == 0 else v), (since[i + 1] if i + 1 < len(since) else FOREVER)
        made[v] = _make(f"{op_type}_{v}", op_type, domain, begin, end)
    newest = made[since[-1]]
    # Only Attention has a class without a version beside those with one.
    made[None] = _make(op_type, op_type, domain, first, FOREVER) if op_type == "Attention" else newest
    return made


def by_class_name(domain: str) -> dict[str, type[OpRun]]:
    """The classes of a domain by their own names."""
    return {cls.__name__: cls for versions in classes(domain).values() for cls in versions.values()}


def load_of_domain(domain: str, op_type: str, version: int | None, custom: Any = None) -> Any:
    """The class that runs an operator at a version of its domain."""
    if custom is not None:
        return lambda *args: OpFunction(*args, impl=custom)
    known = classes(domain)
    if op_type not in known:
        raise NotImplementedError(
            f"nothing here runs operator '{op_type}' of domain '{domain}'; known are {', '.join(sorted(known))}"
        )
    versions = known[op_type]
    numbered = sorted(v for v in versions if v is not None)
    if version is None or not numbered:
        return versions[None]
    oldest = versions[numbered[0]]
    if version < min(getattr(oldest, "_since", 1), numbered[0]):
        raise RuntimeError(f"operator '{op_type}' came after version {version} of domain '{domain}'")
    return versions[max((v for v in numbered if v <= version), default=numbered[0])]


def load_op(
    domain: str,
    op_type: str,
    version: int | None = None,
    custom: Any = None,
    node: Any = None,
    input_types: Sequence[Any] | None = None,
    expand: bool = False,
    evaluator_cls: type | None = None,
) -> Callable[..., OpRun] | type[OpRun]:
    """The class that runs an operator of the default domain.

    Args:
        version: the opset; None means the newest.
        custom: a function's evaluator, which runs instead.
        node: with `input_types`, what an operator's function may depend on.
        expand: run the function of the operator's schema, not its reference.
        evaluator_cls: runs that function.
    """
    version = newest_opset() if version is None else version
    if custom is not None or (domain == "" and op_type in classes("") and not expand):
        return load_of_domain(domain, op_type, version, custom)
    if domain != "":
        raise ValueError(f"domain '{domain}' is not the default one")
    schema = known_schemas().get(op_type)
    if schema is None or schema.domain != domain:
        raise NotImplementedError(f"No registered schema for operator '{op_type}' and domain '{domain}'")
    schema = schema_at(op_type, version, domain)
    if not schema.has_function and not schema.has_context_dependent_function:
        raise RuntimeImplementationError(f"operator '{op_type}' is not defined by a function")
    if evaluator_cls is None:
        raise RuntimeError(f"the function of '{op_type}' needs 'evaluator_cls' to run it")
    if schema.has_function:
        body = schema.function_body
    elif node is None or input_types is None:
        raise RuntimeContextError(f"the function of '{op_type}' depends on the node and its input types: give them")
    else:
        body = _function_for(schema, node, input_types)
    evaluator = evaluator_cls(body)
    return lambda *args: OpFunction(*args, impl=evaluator)


def _function_for(schema: Any, node: Any, input_types: Sequence[Any]) -> Any:
    from sardonyx.compat.onnx.onnx_pb import FunctionProto

    types = [t.SerializeToString() for t in input_types]
    return FunctionProto.FromString(schema.get_context_dependent_function(node.SerializeToString(), types))


def _build_registered_operators() -> dict[str, dict[int | None, type[OpRun]]]:
    """The classes of the default domain by operator and version."""
    return classes("")


def __getattr__(name: str) -> Any:
    if name == "_registered_operators":  # programs look whether it is made already
        return classes("")
    if name == "AttributeHasValue":
        return _op.AttributeHasValue
    found = by_class_name("").get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *by_class_name("")])

"""Are a model and its parts legal? The first fault is raised."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sardonyx.compat.onnx import _checking, defs
from sardonyx.compat.onnx._schema_parts import need
from sardonyx.compat.onnx.helper import find_min_ir_version_for
from sardonyx.compat.onnx.onnx_cpp2py_export import checker as C  # noqa: N812  its official name
from sardonyx.compat.onnx.onnx_pb import (
    IR_VERSION,
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    ValueInfoProto,
)
from sardonyx.proto import Message

__all__ = [
    "DEFAULT_CONTEXT",
    "LEXICAL_SCOPE_CONTEXT",
    "MAXIMUM_PROTOBUF",
    "C",
    "ValidationError",
    "check_attribute",
    "check_function",
    "check_graph",
    "check_model",
    "check_node",
    "check_sparse_tensor",
    "check_tensor",
    "check_value_info",
]

ValidationError = C.ValidationError
MAXIMUM_PROTOBUF = 2147483647  # the largest message of the format's other readers

_SWITCHES = ("full_check", "skip_opset_compatibility_check", "check_custom_domain")

DEFAULT_CONTEXT = C.CheckerContext()
DEFAULT_CONTEXT.ir_version = IR_VERSION
DEFAULT_CONTEXT.opset_imports = {"": defs.onnx_opset_version()}
LEXICAL_SCOPE_CONTEXT = C.LexicalScopeContext()


def _ensure_proto_type(proto: Message, proto_type: type[Message]) -> None:
    if not isinstance(proto, proto_type):
        raise TypeError(f"The proto message needs to be of type '{proto_type.__name__}'")


def _check(check: Callable[..., None], proto: Message, kind: type[Message], *contexts: Any) -> None:
    _ensure_proto_type(proto, kind)
    for context, wanted in zip(contexts, (C.CheckerContext, C.LexicalScopeContext), strict=False):
        if not isinstance(context, wanted):
            raise TypeError(f"a context needs to be of type '{wanted.__name__}', not {type(context).__name__}")
    check(proto, *contexts)


def check_value_info(value_info: ValueInfoProto, ctx: C.CheckerContext = DEFAULT_CONTEXT) -> None:
    """Refuse an illegal input or output of a graph."""
    _check(_checking.check_value_info, value_info, ValueInfoProto, ctx)


def check_tensor(tensor: TensorProto, ctx: C.CheckerContext = DEFAULT_CONTEXT) -> None:
    """Refuse an illegal tensor."""
    _check(_checking.check_tensor, tensor, TensorProto, ctx)


def check_attribute(
    attr: AttributeProto,
    ctx: C.CheckerContext = DEFAULT_CONTEXT,
    lexical_scope_ctx: C.LexicalScopeContext = LEXICAL_SCOPE_CONTEXT,
) -> None:
    """Refuse an illegal attribute."""
    _check(_checking.check_attribute, attr, AttributeProto, ctx, lexical_scope_ctx)


def check_node(
    node: NodeProto,
    ctx: C.CheckerContext = DEFAULT_CONTEXT,
    lexical_scope_ctx: C.LexicalScopeContext = LEXICAL_SCOPE_CONTEXT,
) -> None:
    """Refuse an illegal node."""
    _check(_checking.check_node, node, NodeProto, ctx, lexical_scope_ctx)


def check_function(
    function: FunctionProto,
    ctx: C.CheckerContext | None = None,
    lexical_scope_ctx: C.LexicalScopeContext = LEXICAL_SCOPE_CONTEXT,
) -> None:
    """Refuse an illegal function; by default in the versions that it imports itself."""
    if ctx is None and isinstance(function, FunctionProto):  # pyright: ignore[reportUnnecessaryIsInstance]
        ctx = C.CheckerContext()
        ctx.ir_version = find_min_ir_version_for(function.opset_import, ignore_unknown=True)
        ctx.opset_imports = {entry.domain: int(entry.version) for entry in function.opset_import}
    _check(_checking.check_function, function, FunctionProto, ctx, lexical_scope_ctx)


def check_graph(
    graph: GraphProto,
    ctx: C.CheckerContext = DEFAULT_CONTEXT,
    lexical_scope_ctx: C.LexicalScopeContext = LEXICAL_SCOPE_CONTEXT,
) -> None:
    """Refuse an illegal graph."""
    _check(_checking.check_graph, graph, GraphProto, ctx, lexical_scope_ctx)


def check_sparse_tensor(sparse: SparseTensorProto, ctx: C.CheckerContext = DEFAULT_CONTEXT) -> None:
    """Refuse an illegal sparse tensor."""
    _check(_checking.check_sparse_tensor, sparse, SparseTensorProto, ctx)


def check_model(
    model: ModelProto | str | bytes | os.PathLike[str],
    full_check: bool = False,
    skip_opset_compatibility_check: bool = False,
    check_custom_domain: bool = False,
) -> None:
    """Refuse an illegal model: a message, its bytes, or a file (beside which its external data is looked for).

    Args:
        full_check: also infer types and shapes, and refuse what contradicts itself.
        skip_opset_compatibility_check: let functions use other versions of operators than the model does.
        check_custom_domain: refuse operators of any domain that no schema describes, not only of the standard ones.

    Raises:
        ValidationError: the model is not legal.
        InferenceError: `full_check`, and types or shapes contradict each other.
        ValueError: the message is larger than other readers can read (a path has no such limit), or is none.
    """
    switches = full_check, skip_opset_compatibility_check, check_custom_domain
    need("check_model", **{name: (value, bool) for name, value in zip(_SWITCHES, switches, strict=True)})
    if isinstance(model, (str, os.PathLike)):
        C.check_model_path(os.fspath(model), *switches)
        return
    # Messages of ours are looked at where they lie; others, the official package's too, are read from their bytes.
    given: Any = model
    held: bytes | ModelProto = given if isinstance(given, (bytes, ModelProto)) else given.SerializeToString()
    if (len(held) if isinstance(held, bytes) else held.ByteSize()) > MAXIMUM_PROTOBUF:
        raise ValueError("This protobuf of onnx model is too large (>2GiB). Call check_model with model path instead.")
    if isinstance(held, bytes):
        C.check_model(held, *switches)
    else:
        C._check_model(held, "", *switches)

"""One line about a large message: what a debugger or a notebook shows, where the text format would fill pages."""

from __future__ import annotations

from typing import Any

__all__ = ["summarize_function", "summarize_graph", "summarize_model"]


def _counts(message: Any, **fields: str) -> list[str]:
    return [f"{field}=<{len(held)} {what}>" for field, what in fields.items() if len(held := getattr(message, field))]


def _texts(message: Any, *fields: str) -> list[str]:
    return [f"{field}='{held}'" for field in fields if (held := getattr(message, field))]


def _imports(message: Any) -> list[str]:
    versions = {entry.domain: entry.version for entry in message.opset_import}
    return [f"opset_import={versions}"] if versions else []


def _line(kind: str, *parts: str) -> str:
    return f"{kind}({', '.join(parts)})"


def summarize_model(message: Any) -> str:
    return _line(
        "ModelProto",
        f"ir_version={message.ir_version}",
        *_imports(message),
        *_texts(message, "domain", "producer_name", "producer_version"),
        f"graph={summarize_graph(message.graph)}",
        *_counts(message, functions="functions"),
    )


def summarize_graph(message: Any) -> str:
    held = {"input": "inputs", "output": "outputs", "initializer": "initializers", "node": "nodes"}
    return _line("GraphProto", f"'{message.name}'", *_counts(message, **held, value_info="value_info"))


def summarize_function(message: Any) -> str:
    attributes = list(message.attribute)
    return _line(
        "FunctionProto",
        f"'{message.name}'",
        *_texts(message, "domain", "overload"),
        *_imports(message),
        *_counts(message, input="inputs", output="outputs"),
        *([f"attribute={attributes}"] if attributes else []),
        *_counts(message, node="nodes"),
    )

"""Versions: of the format, of the operator sets, and which operators these have."""

from __future__ import annotations

from sardonyx.check.messages.graphs import ABSENT
from sardonyx.check.messages.nodes import EXPERIMENTAL, MUST_EXIST
from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.ir import Node
from sardonyx.ops import latest_opset, lookup

LATEST_IR = 14
STANDARD = ("", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training")


@rule("SDX-C111", on="model")
def ir_version_is_known(site: Site) -> Findings:
    """The version of the format is one that exists."""
    version = site.model.ir_version
    if not 1 <= version <= LATEST_IR:
        yield Finding(
            f"the IR version is {version}", f"versions 1 to {LATEST_IR} exist", f"set ir_version to {LATEST_IR} or less"
        )


@rule("SDX-C112", on="model")
def standard_opset_is_imported(site: Site) -> Findings:
    """Since IR version 3 a model imports the operator sets it uses; before, it imports none."""
    if site.model.ir_version < 3 and site.model.opsets:
        yield Finding(
            f"operator sets are imported, and the IR version is {site.model.ir_version}",
            "the field came with IR version 3",
            "raise ir_version to 3 or more, or clear model.opsets",
        )
    if site.model.ir_version >= 3 and not site.model.opsets:
        yield Finding(
            "no operator set is imported",
            "since IR version 3 a model says which versions it uses",
            "set model.opsets, such as {'': 20}",
        )


@rule("SDX-C113", on="graph")
def opset_is_positive(site: Site) -> Findings:
    """Versions of operator sets count from 1."""
    for domain, version in site.opsets.items() if site.is_main else ():  # once for the model and for each function
        if not 1 <= version < 2**31:
            yield Finding(
                f"opset {version} of '{domain or 'ai.onnx'}' does not exist",
                "versions count from 1, and have 32 bits",
                "import an existing version",
                severity="warning" if -(2**31) <= version < 1 else None,  # without an operator of it, nothing is wrong
            )


@rule("SDX-C114", on="model", severity="warning")
def opset_is_known(site: Site) -> Findings:
    """The operator sets are not newer than this package."""
    for domain, version in site.model.opsets.items():
        if domain in STANDARD and version > latest_opset(domain):
            yield Finding(
                f"opset {version} of '{domain or 'ai.onnx'}' is newer than {latest_opset(domain)}, the newest known here",
                "operators that changed since are taken for what they were",
                "update sardonyx, or export the model for an older opset",
            )


@rule("SDX-C115", on="node")
def domain_is_imported(site: Site) -> Findings:
    """The domain of each operator is imported."""
    node = site.node
    in_body = site.function is not None and site.graph is site.function.graph
    version = site.opsets.get(node.domain) if node is not None else None
    if node is not None and node.op_type and (version is None or (in_body and version == ABSENT)):
        if node.domain == "" and site.function is None and not site.opsets:
            return  # before IR version 3 that is how it was; since then another rule complains
        holder = "function" if site.function else "model"
        yield Finding(
            f"{node!r}: the domain '{node.domain or 'ai.onnx'}' is not imported",
            f"the {holder} imports "
            + (", ".join(f"'{d or 'ai.onnx'}' {v}" for d, v in site.opsets.items()) or "nothing"),
            f"add '{node.domain}' to the {holder}'s opsets",
        )


@rule("SDX-C116", on="node")
def operator_exists(site: Site) -> Findings:
    """An operator of a standard domain exists in the imported version."""
    node = site.node
    if node is None or site.schema is not None or (site.callee is not None and node.domain not in MUST_EXIST):
        return
    if not node.op_type:
        yield Finding("a node names no operator", "its op_type is empty", "set op_type")
    elif node.domain in STANDARD and (node.domain in site.opsets or site.model.ir_version < 3):
        opset = site.opsets.get(node.domain, 1)
        op = lookup(node.domain, node.op_type)
        name = f"'{node.domain + '.' if node.domain else ''}{node.op_type}'"
        yield Finding(
            f"operator {name} does not exist in opset {opset}",
            f"it came with opset {op.since[0]}"
            if op
            else "no version of the standard has it, and the model brings no such function",
            "convert the model to a newer opset"
            if op
            else "correct the name, use a domain of your own, or add a function",
            severity="warning" if node.domain not in MUST_EXIST or _was_experimental(node) else None,
        )


def _was_experimental(node: Node) -> bool:
    return not node.domain and node.op_type in EXPERIMENTAL


@rule("SDX-C117", on="schema node")
def operator_is_not_deprecated(site: Site) -> Findings:
    """A deprecated operator may not be used."""
    if site.schema is not None and site.schema.deprecated:
        op = site.schema.operator
        yield Finding(
            f"operator {op.name} is deprecated since opset {op.deprecated}",
            f"the model imports opset {site.opsets.get(op.domain)}",
            "convert the model with sx.convert_version, which replaces it",
        )

"""Documentation of operators as Markdown: what schemas say, in the sections and tags that readers of such pages know."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sardonyx.compat.onnx import defs, helper
from sardonyx.compat.onnx.backend.sample.ops import collect_sample_implementations
from sardonyx.compat.onnx.backend.test.case import collect_snippets
from sardonyx.compat.onnx.defs import ONNX_ML_DOMAIN, OpSchema

__all__ = ["Args", "display_schema", "main"]

ONNX_ML = os.getenv("ONNX_ML") != "0"
FOLDER = "docs"  # in the current folder
DIGITS = 10  # a number with more is written with an exponent
_COLLECTED = {"SNIPPETS": collect_snippets, "SAMPLE_IMPLEMENTATIONS": collect_sample_implementations}


class Args(NamedTuple):
    """The two files that `main` writes: the operators as they are, and all their versions."""

    output: str
    changelog: str


def display_number(v: int) -> str:
    """A count; without a limit, the sign of infinity."""
    return "&#8734;" if OpSchema.is_infinite(v) else str(v)


def should_render_domain(domain: str, output: str) -> bool:
    """Whether a domain belongs into a file: ai.onnx.ml has files of its own, with ``-ml`` in their names."""
    return ("-ml" in output) == (domain == ONNX_ML_DOMAIN)


def format_name_with_domain(domain: str, schema_name: str) -> str:
    """The name of an operator, after its domain if that is not the default one."""
    return f"{domain}.{schema_name}" if domain else schema_name


def format_function_versions(function_versions: Sequence[int]) -> str:
    """The versions at which an operator is a function."""
    return ", ".join(map(str, function_versions))


def format_versions(versions: Sequence[OpSchema], changelog: str) -> str:
    """Links to the versions of an operator, the newest first."""
    return ", ".join(_link(v, changelog) for v in reversed(versions))


def display_version_link(name: str, version: int, changelog: str) -> str:
    """A link to one version of an operator."""
    return f'<a href="{changelog}#{name}-{version}">{version}</a>'


def _link(schema: OpSchema, changelog: str) -> str:
    return display_version_link(format_name_with_domain(schema.domain, schema.name), schema.since_version, changelog)


def display_attr_type(v: Any) -> str:
    """The type of an attribute in words."""
    assert isinstance(v, OpSchema.AttrType)
    word = v.name.lower()
    return f"list of {word}" if word.endswith("s") else word


def display_domain(domain: str) -> str:
    """A domain in words."""
    return f"the '{domain}' operator set" if domain else "the default ONNX operator set"


def display_domain_short(domain: str) -> str:
    """A domain as a heading."""
    return domain or "ai.onnx (default)"


def support_level_str(level: Any) -> str:
    """What stands before the name of an experimental operator."""
    return "<sub>experimental</sub> " if level == OpSchema.SupportType.EXPERIMENTAL else ""


def generate_formal_parameter_tags(formal_parameter: Any) -> str:
    """What an input or output is, in parentheses."""
    option, kind = OpSchema.FormalParameterOption, OpSchema.DifferentiationCategory
    tags = {option.Optional: ["optional"], option.Variadic: ["variadic"]}.get(formal_parameter.option, [])
    if formal_parameter.option == option.Variadic and not formal_parameter.is_homogeneous:
        tags.append("heterogeneous")
    known = {kind.Differentiable: ["differentiable"], kind.NonDifferentiable: ["non-differentiable"]}
    tags += known.get(formal_parameter.differentiation_category, [])
    return f" ({', '.join(tags)})" if tags else ""


def display_schema(schema: OpSchema, versions: Sequence[OpSchema], changelog: str) -> str:
    """All about one version of an operator.

    Args:
        versions: all versions that are to be linked, this one last.
        changelog: the file that the links lead to.
    """
    found = "".join(f"\n{line}" for line in _indented(schema.doc)) + "\n" if schema.doc else ""
    found += f"\n#### Version\n\n{_version(schema)}\n"
    if len(versions) > 1:
        found += f"\nOther versions: {', '.join(_link(v, changelog) for v in versions[:-1])}\n"
    if schema.deprecated:
        return found
    attributes = [(_attribute(a), a.description) for _, a in sorted(schema.attributes.items())]
    if attributes:
        found += _section("Attributes", attributes)
    for title, formals, least, most in (
        ("Inputs", schema.inputs, schema.min_input, schema.max_input),
        ("Outputs", schema.outputs, schema.min_output, schema.max_output),
    ):
        count = f" ({display_number(least)} - {display_number(most)})" if least != most else ""
        rows = [
            (f"<tt>{f.name}</tt>{generate_formal_parameter_tags(f)} : {f.type_str}", f.description) for f in formals
        ]
        found += _section(title + count, rows)
    variables = [
        (f"<tt>{t.type_param_str}</tt> : {', '.join(t.allowed_type_strs)}", t.description)
        for t in schema.type_constraints
    ]
    return found + _section("Type Constraints", variables)


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.lstrip().splitlines()]


def _version(schema: OpSchema) -> str:
    if schema.support_level == OpSchema.SupportType.EXPERIMENTAL:
        return "Experimental: without versions."
    state = "Deprecated" if schema.deprecated else "There"
    return f"{state} since version {schema.since_version} of {display_domain(schema.domain)}."


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f"<dt>{term}</dt>\n<dd>{said}</dd>\n" for term, said in rows)
    return f"\n#### {title}\n\n" + (f"<dl>\n{listed}</dl>\n" if listed else "")


def _attribute(attribute: Any) -> str:
    option = ""
    if attribute.required:
        option = " (required)"
    elif attribute.default_value.name:
        value = helper.get_attribute_value(attribute.default_value)
        shown = [_shown(v) for v in value] if isinstance(value, list) else _shown(value)
        option = f" (default is {shown}{attribute.default_value.doc_string})"
    return f"<tt>{attribute.name}</tt> : {display_attr_type(attribute.type)}{option}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        rounded = str(np.round(value, 5))
        return rounded if len(rounded) <= DIGITS else f"({value:e})"
    return value.decode("utf-8") if isinstance(value, (bytes, bytearray)) else str(value)


def _details(summary: str, code: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n```python\n{code}\n```\n\n</details>\n\n\n"


def _changes(domain: str, schemas: Iterable[OpSchema], changelog: str) -> str:
    found = f"# {display_domain_short(domain)}\n"
    ordered = sorted(schemas, key=lambda s: (s.since_version, s.name))
    for version, some in itertools.groupby(ordered, lambda s: s.since_version):
        found += f"## Version {version} of {display_domain(domain)}\n"
        for schema in some:
            name = f"{format_name_with_domain(domain, schema.name)}-{version}"
            found += f'### <a name="{name}"></a>**{name}**{_mark(schema)}</a>\n'
            found += display_schema(schema, [schema], changelog) + "\n"
    return found


def _mark(schema: OpSchema) -> str:
    return " (deprecated)" if schema.deprecated else ""


def _contents(domain: str, operators: Iterable[Sequence[OpSchema]], changelog: str) -> str:
    plain, functions = "", ""
    for versions in operators:
        newest = versions[-1]
        name = format_name_with_domain(domain, newest.name)
        first = f'|{support_level_str(newest.support_level)}<a href="#{name}">{name}</a>{_mark(newest)}'
        row = f"{first}|{format_versions(versions, changelog)}|"
        if newest.has_function or newest.has_context_dependent_function:
            functions += f"{row}{format_function_versions(newest.all_function_opset_versions)}|\n"
        else:
            plain += f"{row}\n"
    if functions:
        functions = f"|**Function**|**Since version**|**Function version**|\n{functions}"
    head = f"### {display_domain_short(domain)}\n|**Operator**|**Since version**||\n|-|-|-|\n"
    return f"{head}{plain}{functions}\n"


def _pages(domain: str, operators: Iterable[Sequence[OpSchema]], changelog: str) -> str:
    snippets, samples = collect_snippets(), collect_sample_implementations()
    found = f"## {display_domain_short(domain)}\n"
    for versions in operators:
        newest = versions[-1]
        name = format_name_with_domain(domain, newest.name)
        anchors = f'<a name="{name}"></a><a name="{name.lower()}">'
        found += f"### {support_level_str(newest.support_level)}{anchors}**{name}**{_mark(newest)}</a>\n"
        found += display_schema(newest, versions, changelog) + "\n\n"
        if newest.name in snippets:
            examples = (_details(*example) for example in sorted(snippets[newest.name]))
            found += "#### Examples\n\n" + "".join(examples)
        if newest.name.lower() in samples:
            found += "#### Sample Implementation\n\n" + _details(newest.name, samples[newest.name.lower()])
    return found


def main(args: Args) -> None:
    """Write the two files: into `docs` of the current folder, unless they have a folder of their own."""
    known: dict[str, dict[str, list[OpSchema]]] = defaultdict(lambda: defaultdict(list))
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: s.since_version):
        if should_render_domain(schema.domain, args.output):
            known[schema.domain][schema.name].append(schema)
    changes, contents, pages = "## Operator Changelog\n\n", "## Operator Schemas\n\n", "\n"
    for domain, by_name in sorted(known.items()):
        operators = [by_name[name] for name in sorted(by_name)]
        changes += _changes(domain, itertools.chain.from_iterable(operators), args.changelog)
        contents += _contents(domain, operators, args.changelog)
        pages += _pages(domain, operators, args.changelog)
    for name, text in ((args.changelog, changes), (args.output, contents + pages)):
        place = Path(FOLDER, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")


def __getattr__(name: str) -> Any:
    if name in _COLLECTED:  # collecting runs every case, which takes a while
        return _COLLECTED[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    if ONNX_ML:
        main(Args("Operators-ml.md", "Changelog-ml.md"))
    main(Args("Operators.md", "Changelog.md"))

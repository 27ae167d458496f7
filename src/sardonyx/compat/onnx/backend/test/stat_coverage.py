"""What the official suite covers, as Markdown: the operators that have cases, and those in the models of the suite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sardonyx.compat.onnx import defs
from sardonyx.compat.onnx._files import load_model
from sardonyx.compat.onnx.backend.test import _official
from sardonyx.compat.onnx.backend.test.case import collect_snippets
from sardonyx.compat.onnx.backend.test.loader import load_model_tests
from sardonyx.compat.onnx.backend.test.runner import LIGHT, Runner
from sardonyx.compat.onnx.helper import get_attribute_value
from sardonyx.compat.onnx.onnx_pb import ModelProto

__all__ = [
    "gen_model_test_coverage",
    "gen_node_test_coverage",
    "gen_outlines",
    "gen_overall_test_coverage",
    "gen_spdx",
    "is_ml",
    "main",
]

ML = "ai.onnx.ml"
FOLDER = "docs"  # in the current folder
GENERATORS = {"Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}

# The operators that have cases, as `gen_node_test_coverage` found them last.
common_covered: Sequence[str] = []
experimental_covered: Sequence[str] = []


def is_ml(schemas: Iterable[defs.OpSchema]) -> bool:
    """Whether one of them is of ai.onnx.ml."""
    return any(s.domain == ML for s in schemas)


def gen_spdx(f: IO[Any]) -> None:
    """The line that names the licence."""
    f.write("<!--- SPDX-License-Identifier: Apache-2.0 -->\n")


def gen_outlines(f: IO[Any], ml: bool) -> None:
    """The title, and links to the parts."""
    f.write(f"# Test Coverage Report ({'ONNX-ML' if ml else 'ONNX Core'} Operators)\n## Outlines\n")
    for part in ("Node", "Model", "Overall"):
        f.write(f"* [{part} Test Coverage](#{part.lower()}-test-coverage)\n")


def _split(schemas: Iterable[defs.OpSchema], cases: Any, ml: bool, level: Any) -> tuple[list[str], list[str]]:
    """The operators of a level that have cases, and those that have none."""
    names = sorted(s.name for s in schemas if s.support_level == level and (s.domain == ML) == ml)
    return [name for name in names if name in cases], [name for name in names if name not in cases]


def gen_node_test_coverage(schemas: Sequence[defs.OpSchema], f: IO[Any], ml: bool) -> None:
    """How many operators have cases, and which cases."""
    global common_covered, experimental_covered
    cases, kinds = collect_snippets(), defs.OpSchema.SupportType
    common_covered, common_left = _split(schemas, cases, ml, kinds.COMMON)
    experimental_covered, experimental_left = _split(schemas, cases, ml, kinds.EXPERIMENTAL)
    f.write("# Node Test Coverage\n## Summary\n")
    levels = [("common", common_covered, common_left), ("experimental", experimental_covered, experimental_left)]
    for level, covered, left in levels:
        random = sum(name in GENERATORS for name in left)
        whole = len(covered) + len(left) - random
        share = f"{100 * len(covered) / whole:.2f}%, {random} generators left out" if whole else "N/A"
        f.write(f"{len(covered)}/{whole} {level} operators have cases ({share}).\n\n")
    parts = [
        (f"&#x1F49A;Covered {level.title()} Operators", covered, f"&#x1F494;No Cover {level.title()} Operators", left)
        for level, covered, left in levels
    ]
    listed = [pair for *with_cases, title, left in parts for pair in (with_cases, (title, left))]
    for title, _ in listed:
        plain = str(title).partition(";")[2]
        f.write(f"* [{plain}](#{plain.lower().replace(' ', '-')})\n")
    f.write("\n")
    for title, names in listed:
        f.write(f"## {title}\n")
        for name in names:
            f.write(f"### {name}{_cases(name, cases)}\n\n")
        f.write("<br/>\n\n")


def _cases(name: str, cases: Any) -> str:
    if name not in cases:
        return f" ({'draws random numbers' if name in GENERATORS else 'call for test cases'})\n"
    listed = "".join(
        f"<details>\n<summary>{summary}</summary>\n\n```python\n{code}\n```\n\n</details>\n"
        for summary, code in sorted(cases[name])
    )
    return f"\nTest cases: {len(cases[name])}\n{listed}"


def _models() -> Iterator[ModelProto]:
    """The models of the suite, those that have to be fetched too."""
    paths: list[str] = []
    for case in load_model_tests(kind="real"):
        if case.url is not None and case.url.startswith(LIGHT):
            found = _official.needed() / "data" / "light" / case.url.removeprefix(LIGHT)
            if not found.exists():
                raise FileNotFoundError(f"model {found} is not there")
            paths.append(str(found))
        else:
            paths.append(str(Path(Runner.prepare_model_data(case), "model.onnx")))
    for path in sorted(paths):
        yield load_model(path)


def gen_model_test_coverage(schemas: Sequence[defs.OpSchema], f: IO[Any], ml: bool) -> None:
    """Which operators with cases the models of the suite use, and how many values of each of their attributes."""
    f.write("# Model Test Coverage\n")
    known, covered = {s.name: s for s in schemas}, {*common_covered, *experimental_covered}
    values: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    found = False
    for model in _models():
        if ml and all(opset.domain != ML for opset in model.opset_import):
            continue
        found = True
        nodes = [node for node in model.graph.node if node.op_type in covered]
        for node in nodes:
            for attribute in node.attribute:
                value, seen = get_attribute_value(attribute), values[node.op_type][attribute.name]
                if value not in seen:
                    seen.append(value)
        share = 100 * len(nodes) / max(len(model.graph.node), 1)
        f.write(f"## {model.graph.name}\n\n{len(nodes)} of {len(model.graph.node)} nodes have cases ({share}%)\n\n\n")
        f.write("<details>\n<summary>nodes</summary>\n\n")
        for op_type, given in sorted(values.items()):
            names = sorted(known[op_type].attributes)
            f.write(f"<details>\n<summary>{op_type}: {len(given)} of {len(names)} attributes</summary>\n\n")
            f.writelines(f"{name}: {len(given.get(name, ()))}\n" for name in names)
            f.write("</details>\n")
        f.write("</details>\n\n\n")
    if not found:
        f.write("No model of the suite is of this domain\n")


def gen_overall_test_coverage(f: IO[Any]) -> None:
    """The title of a part that nobody has written."""
    f.write("# Overall Test Coverage\n## To be filled.\n")


def main() -> None:
    """Write the reports into `docs` of the current folder."""
    schemas = defs.get_all_schemas()
    Path(FOLDER).mkdir(exist_ok=True)
    for ml in (False, True) if is_ml(schemas) else (False,):
        with Path(FOLDER, f"TestCoverage{'-ml' * ml}.md").open("w", newline="", encoding="utf-8") as f:
            gen_spdx(f)
            gen_outlines(f, ml)
            gen_node_test_coverage(schemas, f, ml)
            gen_model_test_coverage(schemas, f, ml)
            gen_overall_test_coverage(f)


if __name__ == "__main__":
    main()

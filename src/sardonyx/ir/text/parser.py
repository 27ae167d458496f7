"""Models from text: reads the syntax of `onnx.parser`, and what `printer` adds to it (quoted names everywhere).

What does not fit is a `ParseError` with line, column and a caret. A graph's outputs are named before its nodes, so names
are tied to values by a `Scope` while reading, and outputs are looked up at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern  # a model has many nodes and few operators
from typing import Any, TypeVar

from sardonyx.core.errors import FormatError, ParseError
from sardonyx.ir.graph import Graph, Node, Value
from sardonyx.ir.model import Function, Model
from sardonyx.ir.scope import Scope
from sardonyx.ir.tensor import ExternalLocation, Tensor
from sardonyx.ir.text import attrs
from sardonyx.ir.text.lexer import Lexer
from sardonyx.ir.text.types import External, at_type, read_tensor, read_type
from sardonyx.ir.types import Type

__all__ = ["parse_function", "parse_graph", "parse_model", "parse_node", "read_header"]

DEEPEST = 64  # graphs within graphs
Named = tuple[str, Type | None]
T = TypeVar("T")


def _nowhere(place: ExternalLocation, nbytes: int) -> memoryview:
    raise FormatError(
        f"the text names external data in {place.location!r}",
        why="it was read from a string, so there is no folder to find it in",
        fix="load the model by its path",
    )


def parse_model(text: str, *, external: External = _nowhere, exact: bool = False) -> Model:
    """The model that `text` describes.

    Args:
        external: gives the bytes of constants that lie in other files.
        exact: take what `onnx.parser` takes, not what `printer` writes besides, and keep dims as they are written.

    Raises:
        ParseError: `text` is not ONNX text syntax; it says the line and the column.
    """
    return _whole(text, external, exact, lambda p: p.model())


def parse_graph(text: str, *, external: External = _nowhere, exact: bool = False) -> Graph:
    """The graph that `text` describes.

    Raises:
        ParseError: `text` is no graph in ONNX text syntax.
    """
    return _whole(text, external, exact, lambda p: p.graph(Scope()))


def parse_function(text: str, *, external: External = _nowhere, exact: bool = False) -> Function:
    """The function that `text` describes.

    Raises:
        ParseError: `text` is no function in ONNX text syntax.
    """
    return _whole(text, external, exact, lambda p: p.function())


def parse_node(text: str, scope: Scope | None = None, *, external: External = _nowhere, exact: bool = False) -> Node:
    """The node that `text` describes; its inputs are looked up in `scope`.

    Raises:
        ParseError: `text` is no node in ONNX text syntax.
    """
    return _whole(text, external, exact, lambda p: p.node(scope or Scope()))


def read_header(text: str) -> list[tuple[str, Any]]:
    """The facts in front of a model or a function, each as it stands there, those that say nothing included.

    Raises:
        ParseError: `text` begins with facts that are none.
    """
    return _Parser(Lexer(text), _nowhere).stated({**_FUNCTION_FACTS, **_MODEL_FACTS})


def _whole(text: str, external: External, exact: bool, read: Callable[[_Parser], T]) -> T:
    parser = _Parser(Lexer(text), external)
    parser.lexer.exact = exact
    found = read(parser)
    if parser.lexer.kind != "end":
        raise parser.lexer.error(f"{parser.lexer.shown()} does not belong here")
    return found


class _Parser:
    """One method per rule of the grammar; attributes have a file of their own."""

    def __init__(self, lexer: Lexer, external: External) -> None:
        self.lexer, self.external = lexer, external
        self.depth = 0

    # -- models and functions -----------------------------------------------------------------------------------------

    def model(self) -> Model:
        facts = self.header(_MODEL_FACTS)
        model = Model(self.graph(Scope()), producer="", ir_version=0)
        for field, value in facts.items():
            setattr(model, field, value)
        while self.lexer.kind != "end":
            start = self.lexer.start
            function = self.function()
            if function.key in model.functions:
                raise ParseError(f"function '{function.name}' is there twice", text=self.lexer.text, position=start)
            model.functions[function.key] = function
        return model

    def header(self, facts: Facts) -> dict[str, Any]:
        """What `stated` says, by the fields of the model or function."""
        named = {name: (field, convert) for name, (field, _, convert) in facts.items()}
        return {named[name][0]: named[name][1](value) for name, value in self.stated(facts)}

    def stated(self, facts: Facts) -> list[tuple[str, Any]]:
        """``< key: value, ... >`` in front of a model or a function."""
        found: list[tuple[str, Any]] = []
        if not self.lexer.take("<"):
            return found
        while True:
            if self.lexer.token not in facts:
                raise self.lexer.error(f"{self.lexer.shown()} is no fact that may stand here", fix=", ".join(facts))
            name = self.lexer.advance()
            self.lexer.expect(":", "after the name of a fact")
            found.append((name, facts[name][1](self)))
            if not self.lexer.take(","):
                self.lexer.expect(">", "at the end of the facts")
                return found

    def integer(self) -> int:
        return self.lexer.integer("a version")

    def text(self) -> str:
        return self.lexer.plain("a string")

    def opsets(self) -> list[tuple[str, int]]:
        return self.pairs(self.integer)

    def metadata(self) -> list[tuple[str, str]]:
        return self.pairs(self.text)

    def pairs(self, value: Callable[[], T]) -> list[tuple[str, T]]:
        """``["key" : value, ...]``"""
        self.lexer.expect("[", "before a list")
        found: list[tuple[str, T]] = []
        if self.lexer.take("]"):
            return found
        while True:
            key = self.text()
            self.lexer.expect(":", f"after {key!r}")
            found.append((key, value()))
            if not self.lexer.take(","):
                self.lexer.expect("]", "at the end of a list")
                return found

    def function(self) -> Function:
        facts = self.header(_FUNCTION_FACTS)
        scope = Scope()
        name = self.lexer.name("the name of a function")
        graph = Graph(name)
        function = Function("", name, graph)
        if self.lexer.take("<"):
            self.signature(function, scope)
        self.lexer.expect("(", "before the inputs")
        inputs = self.values(")")
        for title, _ in inputs:
            graph.add_input(scope.define(title))
        self.lexer.expect("=>", "between inputs and outputs")
        self.lexer.expect("(", "before the outputs")
        outputs = self.values(")")
        known = self.values(">") if self.lexer.take("<") else []
        self.nodes(graph, scope)
        _annotate(graph, [*inputs, *outputs, *known], scope)
        graph.outputs = [scope.use(title) or Value("") for title, _ in outputs]
        for field, value in facts.items():
            setattr(function, field, value)
        return function

    def signature(self, function: Function, scope: Scope) -> None:
        """``<alpha, beta: float = 1.0>``: attributes without and with a default value."""
        while True:
            name = self.lexer.name("the name of an attribute")
            if self.lexer.at(":") or self.lexer.at("="):
                function.defaults[name] = attrs.read_value(self, name, scope)
            else:
                function.attributes.append(name)
            if not self.lexer.take(","):
                self.lexer.expect(">", "at the end of the attributes")
                return

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graph(self, scope: Scope) -> Graph:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.lexer.error("graphs are nested too deeply")
        graph = Graph(self.lexer.name("the name of a graph"))
        constants: list[Tensor] = []
        self.lexer.expect("(", "before the inputs")
        for name, type in self.values(")", constants):
            value = scope.define(name)
            value.type = type
            graph.add_input(value)
        self.lexer.expect("=>", "between inputs and outputs")
        self.lexer.expect("(", "before the outputs")
        outputs = self.values(")")
        known = self.values(">", constants) if self.lexer.take("<") else []
        for value in graph.add_initializers(constants):
            scope.values[value.name] = value
        self.nodes(graph, scope)
        _annotate(graph, known, scope)
        for name, type in outputs:
            value = scope.use(name) or Value("")
            graph.outputs.append(value)
            if type is not None and (value.type is None or value.producer is not None):
                value.type = type
        self.depth -= 1
        return graph

    def values(self, close: str, constants: list[Tensor] | None = None) -> list[Named]:
        """``type name, type name = entries, ...`` up to `close`. An input with entries has them as its default value;
        between < and > it is a constant and nothing else."""
        found: list[Named] = []
        if self.lexer.take(close):
            return found
        while True:
            type = read_type(self.lexer) if at_type(self.lexer) else None
            name = self.lexer.name("the name of a value")
            is_constant = constants is not None and self.lexer.take("=")
            if is_constant and constants is not None:
                constants.append(read_tensor(self.lexer, type, name, self.external))
            if not is_constant or close == ")":
                found.append((name, type))
            if not self.lexer.take(","):
                self.lexer.expect(close, "at the end of these values")
                return found

    def nodes(self, graph: Graph, scope: Scope) -> None:
        lexer = self.lexer
        lexer.expect("{", "before the nodes")
        while lexer.token != "}":
            if lexer.kind == "end":
                raise lexer.error("'}' is wanted after the nodes")
            graph.append(self.node(scope))
            for label, outputs, operator, inputs in lexer.plain_nodes():
                domain, _, operator = operator.rpartition(".")
                read = [scope.use(name) for name in inputs.split(",")] if inputs else ()
                made = [scope.define(name) for name in outputs.split(",")]
                graph.append(Node(intern(operator), read, made, domain=domain, name=label))
        lexer.advance()

    def node(self, scope: Scope) -> Node:
        lexer, label = self.lexer, ""
        if lexer.token == "[":
            lexer.advance()
            label = "" if lexer.at("]") else lexer.name("the name of a node")
            lexer.expect("]", "after the name of a node")
        outputs = self.names()
        lexer.expect("=", "between outputs and operator")
        parts = ["" if lexer.token == "." else lexer.name("an operator")]  # `.Relu` is of ai.onnx
        while lexer.token == ".":
            lexer.advance()
            parts.append(lexer.name("an operator"))
        overload = lexer.name("an overload") if lexer.token == ":" and lexer.take(":") else ""
        given = attrs.read_list(self, scope) if lexer.token == "<" else []
        lexer.expect("(", "before the inputs of a node")
        inputs = [scope.use(name) for name in self.names()]
        lexer.expect(")", "after the inputs of a node")
        if lexer.token == "<" and not given:
            given = attrs.read_list(self, scope)
        made = [scope.define(name) if name else Value("") for name in outputs]
        return Node(intern(parts[-1]), inputs, made, given, domain=".".join(parts[:-1]), overload=overload, name=label)

    def names(self) -> list[str]:
        """Names between commas. Nothing before a comma is an empty name, nothing after the last one is none."""
        lexer, found = self.lexer, list[str]()
        while True:
            if lexer.kind == "word":
                found.append(lexer.advance())
            elif lexer.kind == "string":
                found.append(lexer.name("a name"))
            elif lexer.token == ",":
                found.append("")
            else:
                return found
            if lexer.token != ",":
                return found
            lexer.advance()


def _annotate(graph: Graph, known: list[Named], scope: Scope) -> None:
    for name, type in known:
        value = scope.values.get(name)
        if type is not None and value is None:
            graph.loose.append(Value(name, type))
        elif type is not None and value is not None:
            value.type = type


def _by_domain(pairs: list[tuple[str, int]]) -> dict[str, int]:
    return {"" if domain == "ai.onnx" else domain: version for domain, version in pairs}


# The name of a fact: the field that holds it, how it is read, what the field holds of it.
Facts = dict[str, tuple[str, Callable[[_Parser], Any], Callable[[Any], Any]]]
_FUNCTION_FACTS: Facts = {
    "domain": ("domain", _Parser.text, str),
    "overload": ("overload", _Parser.text, str),
    "opset_import": ("opsets", _Parser.opsets, _by_domain),
    "doc_string": ("doc", _Parser.text, str),
}
_MODEL_FACTS: Facts = {
    "ir_version": ("ir_version", _Parser.integer, int),
    "opset_import": ("opsets", _Parser.opsets, _by_domain),
    "producer_name": ("producer", _Parser.text, str),
    "producer_version": ("producer_version", _Parser.text, str),
    "domain": ("domain", _Parser.text, str),
    "model_version": ("model_version", _Parser.integer, int),
    "doc_string": ("doc", _Parser.text, str),
    "metadata_props": ("metadata", _Parser.metadata, dict),
}

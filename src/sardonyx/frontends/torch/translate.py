"""Walk an exported program node by node and write the graph, each operator by its rule."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from sardonyx.core.dims import Dim, Expr
from sardonyx.core.errors import SardonyxError, UnsupportedError
from sardonyx.frontends.torch.arguments import bind
from sardonyx.frontends.torch.control import HIGHER
from sardonyx.frontends.torch.dtypes import dtype_of, tensor_of
from sardonyx.frontends.torch.registry import RULES, Rule, name_of
from sardonyx.frontends.torch.source import module_path, source_line, value_name
from sardonyx.frontends.torch.symbols import Symbols
from sardonyx.ir import Graph, Model, TensorType, Value
from sardonyx.ops.builder import Builder

__all__ = ["Translator"]

_SAYS_NOTHING = {  # guards on sizes, which the exported model states in its types
    "aten::_assert_scalar", "aten::_assert_tensor_metadata", "aten::sym_constrain_range_for_size",
    "aten::sym_constrain_range", "aten::_assert_async.msg", "aten::_assert_async", "aten::_linalg_check_errors",
}  # fmt: skip

Weight = tuple[int, tuple[int, ...], tuple[int, ...], torch.dtype]


@dataclass
class Missing:
    """What the program needs and no rule gives, each with the first line of user code that needs it."""

    lines: dict[str, str | None] = field(default_factory=dict[str, "str | None"])

    def add(self, what: str, node: torch.fx.Node) -> None:
        self.lines.setdefault(what, source_line(node))

    def raise_if_any(self) -> None:
        if not self.lines:
            return
        listed = [f"{what}, at {line}" if line else what for what, line in self.lines.items()]
        raise UnsupportedError(
            f"{len(listed)} operators of the program have no translation:"
            + "".join(f"\n    {item}" for item in listed),
            missing=list(self.lines),
            where=next((line for line in self.lines.values() if line), None),
            fix="write a rule; this is a whole one:\n"
            "    from sardonyx.frontends.torch import aten\n"
            '    @aten("relu6(Tensor self) -> Tensor")          # the schema: torch.ops.aten.relu6.default._schema\n'
            "    def relu6(g, self):\n"
            "        return g.Clip(self, 0, 6)                  # g writes ONNX operators",
        )


class Translator:
    """One translation of one program."""

    def __init__(self, program: ExportedProgram, opset: int, symbols: Symbols) -> None:
        self.program, self.symbols = program, symbols
        self.model = Model(Graph("main"), {"": opset})
        self.g = Builder(self.model.graph, self.model.opsets)
        self.values: dict[torch.fx.Node, Any] = {}  # a Value, a tuple of them, a Dim, or None
        self.missing = Missing()
        self._weights: dict[Weight, Value] = {}
        self._pending: dict[torch.fx.Node, str] = {}  # parameters and buffers nobody has read yet

    # -- inputs ----------------------------------------------------------------------------------------------------------

    def inputs(self, names: Sequence[str] | None) -> list[Value]:
        """Make the graph's inputs; weights wait until something reads them."""
        placeholders = [n for n in self.program.graph.nodes if n.op == "placeholder"]
        given = iter(names or ())
        for node, spec in zip(placeholders, self.program.graph_signature.input_specs, strict=True):
            if spec.kind == InputKind.TOKEN:  # orders effects, of which the graph has none
                self.values[node] = None
                continue
            if spec.kind != InputKind.USER_INPUT:
                assert spec.target is not None
                self._pending[node] = spec.target
                continue
            fake = node.meta.get("val")
            if not isinstance(fake, (torch.Tensor, torch.SymInt)):
                self.values[node] = fake  # a constant of the call
                continue
            name = self.g.fresh(next(given, node.name))
            if isinstance(fake, torch.SymInt):
                value = self.model.graph.add_input(Value(name, TensorType(dtype_of(torch.int64), ())))
                self.values[node] = self.symbols.dim(fake)
            else:
                value = self.model.graph.add_input(Value(name, self.symbols.type(fake)))
                self.values[node] = value
        self._learn_sizes()
        return self.model.graph.inputs

    def _learn_sizes(self) -> None:
        """Symbols that are sizes come first, then those hidden in sums and multiples."""
        for value in self.model.graph.inputs:
            for axis, d in enumerate(value.shape or ()):
                if isinstance(d, Expr) and d.name is not None:
                    self.g.extents.bind(d.name, value, axis)
        for node, value in self.values.items():
            if isinstance(value, Expr) and value.name is not None:
                self.g.extents.bind(value.name, next(v for v in self.model.graph.inputs if v.name == node.name), None)
        for value in self.model.graph.inputs:
            for axis, d in enumerate(value.shape or ()):
                self.g.extents.bind_dim(d, value, axis)

    def _weight(self, node: torch.fx.Node) -> Any:
        """The initializer of a parameter, buffer or constant. Tied ones are one."""
        target = self._pending[node]
        data = self.program.state_dict.get(target)
        if data is None:
            data = self.program.constants[target]
        assert isinstance(data, torch.Tensor)
        key = data.data_ptr(), tuple(data.shape), tuple(data.stride()), data.dtype
        found = self._weights.get(key) if data.numel() else None
        if found is None:
            found = self.g.value(tensor_of(data, target))
            self._weights[key] = found
        return found

    # -- nodes -----------------------------------------------------------------------------------------------------------

    def nodes(self) -> None:
        """Translate every call of the program.

        Raises:
            UnsupportedError: some have no translation; all of them are listed.
        """
        self.translate(self.program.graph.nodes)
        self.missing.raise_if_any()

    def translate(self, nodes: Iterable[torch.fx.Node]) -> None:
        for node in nodes:
            if node.op == "call_function":
                self.values[node] = self._call(node)

    def get(self, node: torch.fx.Node) -> Any:
        """What a node of the program became."""
        if node not in self.values:
            self.values[node] = self._weight(node)
        return self.values[node]

    def _call(self, node: torch.fx.Node) -> Any:
        if node.target is operator.getitem:
            return self.get(node.args[0])[node.args[1]]  # pyright: ignore[reportArgumentType]
        fake = node.meta.get("val")
        if isinstance(fake, torch.SymInt):
            return self._size(node, fake)
        if isinstance(fake, (torch.SymBool, torch.SymFloat, bool, int, float)) and not self._is_rule(node):
            return fake
        if node.target is torch.ops.higher_order.with_effects and name_of(node.args[1]) in _SAYS_NOTHING:  # pyright: ignore[reportArgumentType]
            return (None,)
        name = name_of(node.target) if isinstance(node.target, torch._ops.OpOverload) else ""
        if name in _SAYS_NOTHING:
            return None
        rule, control = RULES.get(name), HIGHER.get(node.target)
        if rule is None and control is None:
            self.missing.add(str(node.target), node)
            return self._placeholder(node)
        if any(isinstance(f, torch.Tensor) and f.is_complex() for f in (*_flat(fake), *_given(node))):
            self.missing.add(f"{node.target} (complex numbers)", node)
            return self._placeholder(node)
        with self.g.scope(module_path(node), source=source_line(node), hint=value_name(node)):
            try:
                return self._settled(node, self._apply(rule, node) if rule else control(self, node))  # pyright: ignore[reportOptionalCall]
            except UnsupportedError as error:
                self.missing.add(f"{node.target} ({error.what})", node)
                return self._placeholder(node)
            except SardonyxError as error:
                error.where = error.where or f"{node.target} at {source_line(node)}"
                raise

    def _is_rule(self, node: torch.fx.Node) -> bool:
        return isinstance(node.target, torch._ops.OpOverload) and name_of(node.target) in RULES

    def _size(self, node: torch.fx.Node, fake: torch.SymInt) -> Dim:
        """An integer is its expression; where it comes from data, it is a new symbol that a scalar gives."""
        d = self.symbols.dim(fake)
        if isinstance(d, Expr) and d.name is not None and not self.g.extents.binds(d.name) and self._is_rule(node):
            rule = RULES[name_of(node.target)]  # pyright: ignore[reportArgumentType]
            with self.g.scope(module_path(node), source=source_line(node), hint=value_name(node)):
                self.g.extents.bind(d.name, rule.function(self.g, **bind(self, rule, node)), None)
        return d

    def _apply(self, rule: Rule, node: torch.fx.Node) -> Any:
        fake = node.meta.get("val")
        types = self._types(fake)
        arguments = bind(self, rule, node)
        if "out" in rule.accepts:
            arguments["out"] = types[0]
        if "outs" in rule.accepts:
            arguments["outs"] = types
        return rule.function(self.g, **arguments)

    def _types(self, fake: Any) -> list[TensorType | None]:
        return [self.symbols.type(f) if isinstance(f, torch.Tensor) else None for f in _flat(fake)]

    def _settled(self, node: torch.fx.Node, result: Any) -> Any:
        """The result, or the tuple of them, each held to what torch says of it."""
        fake = node.meta.get("val")
        many = isinstance(fake, (list, tuple))
        results = tuple(result) if many else (result,)
        for i, (value, type) in enumerate(zip(results, self._types(fake), strict=False)):
            if value is not None and type is not None:
                self._settle(value, type, node, f"{value_name(node)}_{i}" if many and i else value_name(node))
        return results if many else result

    def _settle(self, value: Value, expected: TensorType, node: torch.fx.Node, name: str) -> None:
        """Hold a result to what torch says of it, take over torch's names of its extents, and give it the node's name."""
        if (value.dtype is not None and value.dtype is not expected.dtype) or _contradict(value.shape, expected.shape):
            raise UnsupportedError(
                f"its rule gives {value.type} where torch gives {expected}",
                fix="this is a defect of the rule: report it with the module that shows it",
            )
        if value.producer is None:
            return
        if value.producer.source == self.g.here.source and value.name.startswith(value_name(node)):
            self.g.rename(value, name)
        self.g.state(value, expected)
        for axis, d in enumerate(expected.shape or ()):
            if isinstance(d, Expr) and d.name is not None and not self.g.extents.binds(d.name):
                self.g.extents.bind(d.name, value, axis)

    def _placeholder(self, node: torch.fx.Node) -> Any:
        """Something to go on with, so that all that is missing is found in one go."""
        fake = node.meta.get("val")
        made = tuple(
            Value(node.name, self.symbols.type(f)) if isinstance(f, torch.Tensor) else None for f in _flat(fake)
        )
        return made if isinstance(fake, (list, tuple)) else made[0]

    # -- outputs ---------------------------------------------------------------------------------------------------------

    def outputs(self, names: Sequence[str]) -> None:
        """Make the graph's outputs. What is returned twice, or is an input or a weight, goes through an Identity."""
        graph = self.model.graph
        for name, node in zip(names, self.returned(), strict=True):
            value = self.get(node)
            if not isinstance(value, Value):
                value = self.g.extents.scalar(value)
            if value.producer is None or value in graph.outputs:
                value = self.g.Identity(value)
            value.name = name
            graph.outputs.append(value)

    def drop_unread(self) -> None:
        """Forget weights that nothing reads any more, because others were arranged from them."""
        graph = self.model.graph
        for value in list(graph.initializers.values()):
            if not value.uses and value not in graph.outputs and value not in graph.inputs:
                graph.remove_initializer(value)

    def reserve(self, names: Sequence[str]) -> list[str]:
        """Keep these names, or the nearest free ones, for the outputs."""
        return [self.g.fresh(name) for name in names]

    def returned(self) -> list[torch.fx.Node]:
        """The nodes whose values the user gets: no updated buffers, no constants."""
        (output,) = (n for n in self.program.graph.nodes if n.op == "output")
        specs = self.program.graph_signature.output_specs
        nodes: Iterable[Any] = output.args[0]
        return [
            n
            for n, spec in zip(nodes, specs, strict=True)
            if spec.kind == OutputKind.USER_OUTPUT and isinstance(n, torch.fx.Node)
        ]


def _flat(fake: Any) -> Sequence[Any]:
    return fake if isinstance(fake, (list, tuple)) else (fake,)


def _given(node: torch.fx.Node) -> list[Any]:
    """The fakes of what a node reads."""
    return [n.meta.get("val") for n in node.all_input_nodes]


def _contradict(a: Sequence[Any] | None, b: Sequence[Any] | None) -> bool:
    if a is None or b is None:
        return False
    return len(a) != len(b) or any(
        isinstance(x, int) and isinstance(y, int) and x != y for x, y in zip(a, b, strict=True)
    )

"""Kernels from text: reads exactly what `printer` writes, and checks it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from sardonyx.core.errors import ParseError
from sardonyx.tile.expr import (
    ARITHMETIC,
    COMPARISONS,
    UNARY,
    Address,
    Bin,
    Bitcast,
    Broadcast,
    Call,
    Cast,
    Const,
    Expr,
    Fma,
    Lane,
    Load,
    Ramp,
    Reduce,
    Reg,
    Select,
    Shuffle,
    Un,
    Var,
)
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, Param, Prefetch, Set, Stmt, Store
from sardonyx.tile.printer import RESERVED
from sardonyx.tile.types import KINDS, Type, i64, parse_type, ptr
from sardonyx.tile.verify import verify

__all__ = ["parse_kernel"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf|nan)(?::\w+|(?![\w.])))|(?P<bool>(?:true|false):\w+)"
    r"|(?P<name>\$?[A-Za-z_]\w*)|(?P<sign>//|<<|>>|<=|>=|==|!=|[-+*/%&|^<>=()\[\],:#]))"
)
_BY_SIGN = {sign: op for op, (_, sign) in ARITHMETIC.items() if sign} | {sign: op for op, sign in COMPARISONS.items()}

_DEPTH = 100  # of expressions inside expressions


def parse_kernel(text: str) -> Kernel:
    """The kernel that prints as `text`, verified."""
    return verify(_Parser(text).kernel())


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Line:
    depth: int
    tokens: tuple[Token, ...]
    end: int


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = self._split()
        self.row = 0
        self.column = 0
        self.depth = 0  # of the expression in hand
        self.types: dict[str, Type] = {}  # of variables, and of registers with their $

    def fail(self, what: str, fix: str | None = None) -> ParseError:
        line = self.lines[min(self.row, len(self.lines) - 1)]
        at = line.tokens[self.column].position if self.column < len(line.tokens) else line.end
        return ParseError(what, text=self.text, position=at, fix=fix)

    def _split(self) -> list[Line]:
        lines: list[Line] = []
        start = 0
        for raw in self.text.splitlines(keepends=True):
            body = raw.rstrip()
            if body:
                lines.append(self._line(body, start))
            start += len(raw)
        if not lines:
            raise ParseError("there is no kernel in an empty text", text=self.text, position=0)
        return lines

    def _line(self, body: str, start: int) -> Line:
        tokens: list[Token] = []
        indent = len(body) - len(body.lstrip(" "))
        at = indent
        while at < len(body):
            match = _TOKEN.match(body, at)
            if match is None or match.lastgroup is None:
                raise ParseError("no token starts here", text=self.text, position=start + at)
            tokens.append(Token(match.lastgroup, match[match.lastgroup], start + match.start(match.lastgroup)))
            at = match.end()
        if indent % 2:
            raise ParseError("blocks are indented by two spaces", text=self.text, position=start)
        return Line(indent // 2, tuple(tokens), start + len(body))

    # --- tokens of the current line ------------------------------------------------------------------------------------

    def peek(self) -> str:
        if self.row >= len(self.lines):
            return ""
        tokens = self.lines[self.row].tokens
        return tokens[self.column].text if self.column < len(tokens) else ""

    def next(self) -> str:
        text = self.peek()
        if not text:
            raise self.fail("the line ends too early")
        self.column += 1
        return text

    def take(self, text: str) -> bool:
        if self.peek() == text:
            self.column += 1
            return True
        return False

    def expect(self, *texts: str) -> None:
        for text in texts:
            if not self.take(text):
                raise self.fail(f"expected {text!r}, found {self.peek()!r}")

    def name(self) -> str:
        tokens = self.lines[self.row].tokens if self.row < len(self.lines) else ()
        if self.column >= len(tokens) or tokens[self.column].kind != "name":
            raise self.fail(f"expected a name, found {self.peek()!r}")
        return self.next()

    def integer(self) -> int:
        text = self.next()
        if not re.fullmatch(r"-?\d{1,20}", text):
            self.column -= 1
            raise self.fail(f"expected an integer, found {text!r}")
        return int(text)

    def type(self) -> Type:
        text = self.name()
        if re.sub(r"x\d{1,6}$", "", text) not in KINDS:
            self.column -= 1
            raise self.fail(f"{text!r} is no type")
        return parse_type(text)

    def end(self) -> None:
        if self.peek():
            raise self.fail(f"{self.peek()!r} does not belong here")
        self.row, self.column = self.row + 1, 0

    # --- kernels and statements ----------------------------------------------------------------------------------------

    def kernel(self) -> Kernel:
        self.expect("kernel")
        name = self.name()
        self.expect("(")
        params: list[Param] = []
        while not self.take(")"):
            params.append(self.param())
            if self.peek() != ")":
                self.expect(",")
        self.expect("task")
        task = self.bind(self.name(), i64)
        scratch = self.bind(self.name(), ptr) if self.take("scratch") else None
        self.end()
        setup: Block = ()
        if self.at(0, "setup"):
            self.next()
            self.end()
            setup = self.block(1)
        self.expect("body")
        self.end()
        body = self.block(1)
        if self.row < len(self.lines):
            raise self.fail("the kernel ended before this line")
        return Kernel(name, tuple(params), task, setup, body, scratch)

    def param(self) -> Param:
        name = self.name()
        self.expect(":")
        var = self.bind(name, self.type())
        noalias = self.take("noalias")
        return Param(var, noalias, self.integer() if self.take("align") else 1)

    def bind(self, name: str, t: Type) -> Var:
        self.types[name] = t
        return Var(name, t)

    def at(self, depth: int, word: str) -> bool:
        return self.row < len(self.lines) and self.lines[self.row].depth == depth and self.peek() == word

    def block(self, depth: int) -> Block:
        found: list[Stmt] = []
        while self.row < len(self.lines) and self.lines[self.row].depth >= depth:
            if self.lines[self.row].depth > depth:
                raise self.fail("this line is indented too far")
            found.append(self.stmt(depth))
        return tuple(found)

    def stmt(self, depth: int) -> Stmt:
        word = self.name()
        if word not in _STATEMENTS:
            self.column -= 1
            raise self.fail(f"no statement starts with {word!r}", fix=f"one of {', '.join(_STATEMENTS)}")
        return _STATEMENTS[word](self, depth)

    def let(self, _: int) -> Stmt:
        name, t, value = self.binding()
        return Let(self.bind(name, t), value)

    def set(self, _: int) -> Stmt:
        name, t, value = self.binding()
        self.types[name] = t
        return Set(Reg(name.removeprefix("$"), t), value)

    def binding(self) -> tuple[str, Type, Expr]:
        name = self.name()
        self.expect(":")
        t = self.type()
        if name.startswith("$"):
            self.types.setdefault(name, t)
        self.expect("=")
        value = self.expr()
        self.end()
        return name, t, value

    def store(self, _: int) -> Stmt:
        base = self.expr()
        index = self.index()
        self.expect("=")
        value = self.expr()
        mask = self.mask()
        self.end()
        return Store(base, index, value, mask)

    def loop(self, depth: int) -> Stmt:
        name = self.name()
        self.expect("=")
        lo = self.expr()
        self.expect("to")
        hi = self.expr()
        self.expect("step")
        step = self.expr()
        kind = self.name()
        if kind not in ("serial", "unroll", "vector"):
            raise self.fail(f"a loop is serial, unroll or vector, not {kind!r}")
        self.end()
        var = self.bind(name, i64)
        return For(var, lo, hi, step, self.block(depth + 1), kind)

    def branch(self, depth: int) -> Stmt:
        cond = self.expr()
        self.end()
        then = self.block(depth + 1)
        orelse: Block = ()
        if self.at(depth, "else"):
            self.next()
            self.end()
            orelse = self.block(depth + 1)
        return If(cond, then, orelse)

    def prefetch(self, _: int) -> Stmt:
        kind = self.type()
        base, index = self.expr(), self.index()
        mode = self.name()
        if mode not in ("read", "write"):
            raise self.fail(f"a prefetch is for read or write, not {mode!r}")
        s = Prefetch(base, index, kind, mode == "write", self.integer())
        self.end()
        return s

    def alloc(self, _: int) -> Stmt:
        s = Alloc(self.bind(self.name(), ptr), self.integer())
        self.end()
        return s

    def instr(self, _: int) -> Stmt:
        name = self.name()
        self.expect("(")
        args: list[Expr | int] = []
        while not self.take(")"):
            args.append(self.integer() if self.take("#") else self.expr())
            if self.peek() != ")":
                self.expect(",")
        self.end()
        return Instr(name, tuple(args))

    # --- expressions ---------------------------------------------------------------------------------------------------

    def index(self) -> Expr:
        self.expect("[")
        index = self.expr()
        self.expect("]")
        return index

    def mask(self) -> Expr | None:
        return self.expr() if self.take("if") else None

    def args(self) -> list[Expr]:
        self.expect("(")
        found = [self.expr()]
        while self.take(","):
            found.append(self.expr())
        self.expect(")")
        return found

    def one(self) -> Expr:
        """A single operand in parentheses."""
        self.expect("(")
        e = self.expr()
        self.expect(")")
        return e

    def expr(self) -> Expr:
        if self.depth >= _DEPTH:
            raise self.fail("expressions are nested too deeply", fix="bind a part of it with let")
        self.depth += 1
        try:
            return self._expr()
        finally:
            self.depth -= 1

    def _expr(self) -> Expr:
        tokens = self.lines[self.row].tokens
        if self.column >= len(tokens):
            raise self.fail("an expression is missing")
        kind = tokens[self.column].kind
        if kind in ("number", "bool"):
            return self.constant(self.next())
        if self.take("("):
            return self.parenthesised()
        if kind != "name":
            raise self.fail(f"no expression starts with {self.peek()!r}")
        word = self.next()
        followed = self.peek() == "("
        if word in _FORMS and (followed or word in RESERVED):
            return _FORMS[word](self)
        if followed and word in UNARY:
            return Un(word, self.one())
        if followed and word in ARITHMETIC:
            a, b = self.pair()
            return Bin(word, a, b)
        t = self.types.get(word)
        if t is None:
            self.column -= 1
            raise self.fail(f"{word} is not bound")
        return Reg(word[1:], t) if word.startswith("$") else Var(word, t)

    def constant(self, text: str) -> Expr:
        number, _, kind = text.partition(":")
        t = parse_type(kind) if kind else i64
        if t.is_bool:
            return Const(number == "true", t)
        if not t.is_float and not re.fullmatch(r"-?\d{1,20}", number):
            self.column -= 1
            raise self.fail(f"expected an integer, found {number!r}", fix=f"write its type, as in {number}:f32")
        value = float(number) if t.is_float else int(number)
        return Const(math.nan if value != value else value, t)

    def parenthesised(self) -> Expr:
        if self.peek() == "load":
            self.next()
            e = self.load()
            self.expect(")")
            return e
        a = self.expr()
        sign = self.next()
        if sign not in _BY_SIGN:
            self.column -= 1
            raise self.fail(f"{sign!r} is no operator")
        e = Bin(_BY_SIGN[sign], a, self.expr())
        self.expect(")")
        return e

    def pair(self) -> tuple[Expr, Expr]:
        found = self.args()
        if len(found) != 2:
            raise self.fail("two operands are needed")
        return found[0], found[1]

    def load(self) -> Expr:
        t = self.type()
        base, index = self.expr(), self.index()
        return Load(t, base, index, self.mask())

    def address(self) -> Expr:
        kind = self.type()
        base, index = self.expr(), self.index()
        return Address(base, index, kind)

    def call(self) -> Expr:
        fn = self.name()
        return Call(fn, tuple(self.args()))

    def reduce(self) -> Expr:
        op = self.name()
        return Reduce(op, self.one())

    def fma(self) -> Expr:
        a, b, c = self.triple()
        return Fma(a, b, c)

    def select(self) -> Expr:
        a, b, c = self.triple()
        return Select(a, b, c)

    def triple(self) -> tuple[Expr, Expr, Expr]:
        found = self.args()
        if len(found) != 3:
            raise self.fail("three operands are needed")
        return found[0], found[1], found[2]

    def counted(self) -> tuple[Expr, int]:
        """( expression , integer )"""
        self.expect("(")
        e = self.expr()
        self.expect(",")
        count = self.integer()
        self.expect(")")
        return e, count

    def shuffle(self) -> Expr:
        self.expect("(")
        a = self.expr()
        self.expect(",")
        b = self.expr()
        indices: list[int] = []
        while self.take(","):
            indices.append(self.integer())
        self.expect(")")
        return Shuffle(a, b, tuple(indices))


_STATEMENTS: dict[str, Callable[[_Parser, int], Stmt]] = {
    "let": _Parser.let, "set": _Parser.set, "store": _Parser.store, "for": _Parser.loop, "if": _Parser.branch,
    "prefetch": _Parser.prefetch, "alloc": _Parser.alloc, "do": _Parser.instr,
}  # fmt: skip
_FORMS: dict[str, Callable[[_Parser], Expr]] = {
    "load": _Parser.load,
    "at": _Parser.address,
    "call": _Parser.call,
    "reduce": _Parser.reduce,
    "fma": _Parser.fma,
    "select": _Parser.select,
    "shuffle": _Parser.shuffle,
    "cast": lambda p: Cast(p.type(), p.one()),
    "bits": lambda p: Bitcast(p.type(), p.one()),
    "ramp": lambda p: Ramp(p.type()),
    "splat": lambda p: Broadcast(*p.counted()),
    "lane": lambda p: Lane(*p.counted()),
}

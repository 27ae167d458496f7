"""Views and permutations: joined, made static, moved behind what does not care, or dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.rewrite import Expr, Match, Operand, Rule, attribute, constants, one_of, rewrite, values
from sardonyx.rewrite.example import f32
from sardonyx.rewrite.op import Abs, Add, Exp, Expand, Flatten, Gelu, Mul, Relu, Reshape, Shape, Slice, Split, Transpose

__all__ = ["SINKS", "VIEWS"]

x, y, shape, inner_shape, axes = values("x y shape inner_shape axes?")
starts, ends = values("starts ends")
steps = values("steps?")[0]
c = constants("c")[0]
perm, inner_perm = attribute("perm"), attribute("inner_perm")
allowzero, inner_allowzero = attribute("allowzero"), attribute("inner_allowzero")


def order(operand: Operand, perm: Sequence[int] | None) -> tuple[int, ...] | None:
    """The order of the axes that Transpose gives `operand`; None where the rank is unknown."""
    if perm is not None:
        return tuple(p % len(perm) for p in perm)
    return None if operand.rank is None else tuple(reversed(range(operand.rank)))


# -- no change of shape -----------------------------------------------------------------------------------------------


@rewrite(forms=[Expand(x, shape), Reshape.any(x, shape)], shared=True)
def drop_view(m: Match) -> Expr:
    """Expand(x, s), Reshape(x, s) -> x where the result has the shape of x."""
    m.require(m[x].same_shape(m.operand(m.root.output)), "the shape changes")
    return x


drop_view.fires(Abs(Expand(x, shape)), x=f32["n", 3], shape=[1, 3])
drop_view.fires(Abs(Reshape(x, shape)), x=f32[4, "n"], shape=[0, -1])
drop_view.refuses(Abs(Reshape(x, shape)), x=f32[4, "n"], shape=[2, -1], because="the shape changes")


@rewrite(Slice(x, starts, ends, axes, steps), shared=True)
def drop_slice(m: Match) -> Expr:
    """Slice(x) -> x where it takes everything, forwards."""
    by = m.get(steps)
    m.require(
        by is None or (by.numbers is not None and set(by.numbers) <= {1}), "it does not take every element forwards"
    )
    m.require(m[x].same_shape(m.operand(m.root.output)), "it takes a part")
    return x


_ALL = np.array([np.iinfo(np.int64).max])
drop_slice.fires(Abs(Slice(x, starts, ends, axes)), x=f32["n", 4], starts=[0], ends=_ALL, axes=[1])
drop_slice.refuses(
    Abs(Slice(x, starts, ends, axes)), x=f32[5, 4], starts=[0], ends=[3], axes=[1], because="takes a part"
)
drop_slice.refuses(
    Abs(Slice(x, starts, ends, axes, steps)),
    x=f32[5, 4], starts=[-1], ends=[-9], axes=[1], steps=[-1], because="forwards",
)  # fmt: skip


@rewrite(Split.any(x)[0], shared=True)
def drop_split(m: Match) -> Expr:
    """Split(x) -> x where it gives one part."""
    m.require(len(m.root.outputs) == 1, "it gives several parts")
    return x


drop_split.fires(Abs(Split(x, axis=0, num_outputs=1)), x=f32[4, 3])
_HALVES = Split(x, axis=0, num_outputs=2)
drop_split.refuses(Abs(_HALVES[0]), Exp(_HALVES[1]), x=f32[4, 3], because="another output")

# -- reshapes -----------------------------------------------------------------------------------------------------------


def spelled(source: Sequence[Dim | None] | None, target: Sequence[Dim | None] | None) -> list[int] | None:
    """A constant shape input for a Reshape from `source` to `target`: at most one extent is left to be found out."""
    if source is None or target is None or any(isinstance(d, int) and d == 0 for d in (*source, *target)):
        return None
    result: list[int] = []
    copies = False
    for i, d in enumerate(target):
        if isinstance(d, int):
            result.append(d)
        elif d is not None and i < len(source) and source[i] == d:
            result.append(0)
            copies = True
        else:
            result.append(-1)
    # An extent copied may turn out to be 0, and then -1 could be anything.
    return result if result.count(-1) <= (0 if copies else 1) else None


@rewrite(forms=[Reshape(x, shape), Flatten.any(x)], shared=True)
def to_static_reshape(m: Match) -> Expr:
    """Reshape(x, computed), Flatten(x) -> Reshape(x, constant): nothing computes the shape."""
    new = spelled(m[x].shape, m.operand(m.root.output).shape)
    m.require(new is not None, "more than one extent is unknown")
    static = m[shape].array if shape in m and m.root.op_type == "Reshape" else None
    m.require(static is None or static.tolist() != new, "it is so already")
    return Reshape(x, np.array(new, np.int64))


to_static_reshape.fires(Reshape(x, Shape(y)), x=f32["n", 12], y=f32["n", 3, 4])
to_static_reshape.fires(Flatten(x), x=f32["n", 3, 4])
to_static_reshape.refuses(Flatten(x, axis=2), x=f32["n", "m", "k", "l"], because="more than one extent")


@rewrite(Reshape(Reshape.any(x, inner_shape), shape), shared=True)
def join_reshapes(m: Match) -> Expr:
    """Reshape(Reshape(x)) -> Reshape(x)"""
    out, wanted = m.operand(m.root.output), m[shape].ints
    new = spelled(m[x].shape, out.shape)
    if new is not None:
        return Reshape(x, np.array(new, np.int64))
    m.require(wanted is not None and 0 not in wanted, "the new shape keeps extents of the one in between")
    return Reshape(x, shape)


join_reshapes.fires(Reshape(Reshape(x, inner_shape), shape), x=f32["n", 4, 3], inner_shape=[-1, 3], shape=[-1, 2, 6])
join_reshapes.refuses(
    Reshape(Reshape(x, inner_shape), shape), x=f32["n", "m", "k", 6], inner_shape=[0, -1, 2, 3], shape=[0, 0, 6],
    because="keeps",
)  # fmt: skip

# -- transposes -----------------------------------------------------------------------------------------------------------


@rewrite(Transpose(x, perm=perm), shared=True)
def drop_transpose(m: Match) -> Expr:
    """Transpose(x) -> x where it leaves the axes in their order; a Reshape where only axes of extent 1 move."""
    found, extents = order(m[x], m[perm]), m[x].shape
    m.require(found is not None and extents is not None, "the rank is unknown")
    assert found is not None and extents is not None
    if found == tuple(range(len(found))):
        return x
    moved = [p for p in found if extents[p] != 1]
    m.require(moved == sorted(moved), "elements move")
    new = spelled(extents, [extents[p] for p in found])
    m.require(new is not None, "more than one extent is unknown")
    return Reshape(x, np.array(new, np.int64))


drop_transpose.fires(Abs(Transpose(x, perm=perm)), x=f32["n", 3, 4], perm=[0, 1, 2])
drop_transpose.fires(Transpose(x, perm=perm), x=f32["n", 1, 4], perm=[0, 2, 1])
drop_transpose.refuses(Abs(Transpose(x, perm=perm)), x=f32["n", 3, 4], perm=[0, 2, 1], because="elements move")


@rewrite(Transpose(Transpose(x, perm=inner_perm), perm=perm), shared=True)
def join_transposes(m: Match) -> Expr:
    """Transpose(Transpose(x)) -> Transpose(x)"""
    first = order(m[x], m[inner_perm])
    m.require(first is not None, "the rank is unknown")
    assert first is not None
    second = order(m[x], m[perm])
    assert second is not None
    joined = [first[p] for p in second]
    return x if joined == list(range(len(joined))) and m.root.output.uses else Transpose(x, perm=joined)


join_transposes.fires(
    Transpose(Transpose(x, perm=inner_perm), perm=perm), x=f32["n", 3, 4], inner_perm=[0, 2, 1], perm=[2, 0, 1]
)
join_transposes.fires(
    Abs(Transpose(Transpose(x, perm=inner_perm), perm=perm)), x=f32[2, 3], inner_perm=[1, 0], perm=[1, 0]
)
join_transposes.refuses(Transpose(Transpose(x)), x=f32.unknown, because="rank is unknown")


@rewrite(Reshape(Transpose(Reshape.any(x, inner_shape), perm=perm), shape))
def transpose_of_flattened(m: Match) -> Expr:
    """Reshape(Transpose(Reshape(x, [-1, r, c]), [0, 2, 1]), [.., c, r]) -> Transpose(x, [.., last two swapped])"""
    extents, out = m[x].shape, m.operand(m.root.output).shape
    m.require(tuple(m[perm] or ()) == (0, 2, 1), "it is no batch of matrices")
    m.require(extents is not None and out is not None and len(extents) == len(out), "the ranks differ")
    assert extents is not None and out is not None
    turned = m.root.inputs[0].producer if m.root.inputs[0] else None
    flat = turned.inputs[0] if turned else None
    middle = None if flat is None else m.operand(flat).shape
    m.require(middle is not None and middle[1:] == extents[-2:], "the matrices are not those of x")
    m.require(out == (*extents[:-2], extents[-1], extents[-2]), "the result is not x with its last axes swapped")
    return Transpose(x, perm=[*range(len(out) - 2), len(out) - 1, len(out) - 2])


transpose_of_flattened.fires(
    Reshape(Transpose(Reshape(x, inner_shape), perm=[0, 2, 1]), shape), x=f32["n", 2, 5, 3], inner_shape=[-1, 5, 3],
    shape=[-1, 2, 3, 5],
)  # fmt: skip
transpose_of_flattened.refuses(
    Reshape(Transpose(Reshape(x, inner_shape), perm=[0, 2, 1]), shape), x=f32[2, 2, 5, 3], inner_shape=[-1, 5, 3],
    shape=[2, 2, 5, 3], because="last axes swapped",
)  # fmt: skip

# -- transposes sink to where they meet, or fade into a product ----------------------------------------------------------

unary = one_of(
    "Relu", "Sigmoid", "Tanh", "Exp", "Abs", "Neg", "Sqrt", "Erf", "Log", "Reciprocal", "HardSigmoid", "HardSwish",
    "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Gelu", "Swish", "Mish", "Floor", "Ceil", "Cast",
)  # fmt: skip
binary = one_of("Add", "Sub", "Mul", "Div", "Max", "Min")
_UNARY = unary.any(Transpose(x, perm=perm))


@rewrite(_UNARY)
def sink_transpose(m: Match) -> Expr:
    """f(Transpose(x)) -> Transpose(f(x)) where another Transpose waits behind."""
    m.require(_leads_to_transpose(m.root.output), "no Transpose follows")
    f = one_of(m.node(_UNARY).op_type)
    return Transpose(f(x, **m.attrs(_UNARY)), perm=perm)


sink_transpose.fires(Transpose(Relu(Transpose(x, perm=[0, 2, 1])), perm=[0, 2, 1]), x=f32[2, 3, 4])
sink_transpose.refuses(Relu(Transpose(x, perm=[0, 2, 1])), x=f32[2, 3, 4], because="no Transpose follows")


def _leads_to_transpose(value: object, reach: int = 6) -> bool:
    """Whether a Transpose lies behind `value`, with at most `reach` elementwise operators in between."""
    users = getattr(value, "users", ())
    if len(users) != 1 or reach == 0:
        return bool(users) and all(u.op_type == "Transpose" for u in users)
    (user,) = users
    if user.op_type == "Transpose":
        return True
    return user.op_type in (*unary.names, *binary.names, "Clip") and _leads_to_transpose(user.outputs[0], reach - 1)


_LEFT, _RIGHT = binary.any(Transpose(x, perm=perm), c), binary.any(c, Transpose(x, perm=perm))


@rewrite(forms=[_LEFT, _RIGHT])
def sink_transpose_past_constant(m: Match) -> Expr:
    """f(Transpose(x), c) -> Transpose(f(x, c')) where another Transpose waits behind; c' is c with its axes put back."""
    m.require(_leads_to_transpose(m.root.output), "no Transpose follows")
    found, array = order(m[x], m[perm]), m.array(c)
    m.require(found is not None and m[x].rank == len(found), "the rank is unknown")
    assert found is not None
    m.require(array.ndim <= len(found), "the constant has more axes")
    moved = array if array.size == 1 else _back(array, found)
    f = one_of(m.root.op_type)
    swapped = _RIGHT in m
    return Transpose(f(moved, x) if swapped else f(x, moved), perm=perm)


def _back(
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], found: Sequence[int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """`array`, aligned to the transposed axes, aligned to those before."""
    full = array.reshape((1,) * (len(found) - array.ndim) + array.shape)
    return np.transpose(full, np.argsort(found))


sink_transpose_past_constant.fires(
    Transpose(Add(Transpose(x, perm=[0, 2, 1]), c), perm=[0, 2, 1]), x=f32["n", 3, 4], c=f32[3]
)
sink_transpose_past_constant.fires(
    Transpose(Mul(c, Transpose(x, perm=[0, 2, 1])), perm=[0, 2, 1]), x=f32["n", 3, 4], c=np.float32(2.5)
)
sink_transpose_past_constant.refuses(
    Transpose(Add(Transpose(x, perm=[1, 0]), c), perm=[0, 2, 1]), x=f32[3, 4], c=f32[2, 4, 3], because="more axes"
)

_BOTH = binary.any(Transpose(x, perm=perm), Transpose(y, perm=perm))


@rewrite(_BOTH)
def sink_two_transposes(m: Match) -> Expr:
    """f(Transpose(x), Transpose(y)) -> Transpose(f(x, y)) where both permute alike."""
    m.require(m[x].rank is not None and m[x].rank == m[y].rank, "the ranks differ")
    return Transpose(one_of(m.root.op_type)(x, y), perm=perm)


sink_two_transposes.fires(
    Add(Transpose(x, perm=[0, 2, 1]), Transpose(y, perm=[0, 2, 1])), x=f32["n", 3, 4], y=f32[1, 3, 4]
)
sink_two_transposes.refuses(Add(Transpose(x), Transpose(y)), x=f32[2, 3], y=f32[2, 3, 4], because="ranks differ")

_INNER = Reshape.any(x, shape)
_BETWEEN = unary.any(_INNER)


@rewrite(_BETWEEN)
def sink_reshape(m: Match) -> Expr:
    """f(Reshape(x)) -> Reshape(f(x)) where only Reshapes read it: f joins what computes x."""
    users = m.root.output.users
    m.require(len(users) > 0 and all(user.op_type == "Reshape" for user in users), "no Reshape follows")
    f = one_of(m.root.op_type)
    return Reshape(f(x, **m.attrs(_BETWEEN)), shape, **m.attrs(_INNER))


sink_reshape.fires(
    Reshape(Gelu(Reshape(x, inner_shape)), shape), x=f32["n", 12], inner_shape=[-1, 3, 4], shape=[-1, 12]
)
sink_reshape.refuses(Gelu(Reshape(x, shape)), x=f32["n", 12], shape=[-1, 3, 4], because="no Reshape follows")

VIEWS: list[Rule] = [
    drop_view,
    drop_slice,
    drop_split,
    join_reshapes,
    to_static_reshape,
    drop_transpose,
    join_transposes,
    transpose_of_flattened,
]
SINKS: list[Rule] = [sink_transpose, sink_transpose_past_constant, sink_two_transposes, sink_reshape]

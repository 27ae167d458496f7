"""What sessions that live at the same time have in common: constants in the form that kernels read.

Packed constants are most of a session's memory. Who packs the same numbers in the same way, while somebody still uses them,
gets the same array. Sources are the same if they are the same bytes of one file that has not changed; where nothing tells, the
packed arrays are compared, which saves memory and no time.

Those who use an array hold it and nobody else does: it goes with the last of them. Nobody writes to it. No lock is needed:
two who pack at the same moment may each keep an array of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

import numpy as np

from sardonyx.io.paths import let_go, place_of
from sardonyx.ir import Array

__all__ = ["one_of_equals", "shared"]

LEAST = 16 * 1024  # bytes: what is smaller is not worth looking for
_SAMPLES = 4096
_AT_A_TIME = 1 << 20

_by_source: WeakValueDictionary[Hashable, Array] = WeakValueDictionary()
_by_content: WeakValueDictionary[Hashable, Array] = WeakValueDictionary()


def shared(source: Array, recipe: tuple[Hashable, ...], make: Callable[[], Array]) -> Array:
    """What `make` gives, or what somebody has who made the same; it is read-only.

    Args:
        source: what it is made of.
        recipe: how, and for which kernel: of equal sources, equal recipes give equal arrays.
    """
    if source.nbytes < LEAST:
        return make()
    place = place_of(source)
    key = (recipe, place, source.shape, source.strides, source.dtype.name)
    if place is None:
        return one_of_equals(make())
    found = _by_source.get(key)
    if found is None:
        found = _by_source[key] = one_of_equals(make())
    let_go(source)
    return found


def one_of_equals(array: Array) -> Array:
    """The array, or an equal one that somebody has already. It must belong to the caller, who changes it no more."""
    if array.nbytes < LEAST or array.dtype.hasobject or not array.flags.c_contiguous:
        return array
    array.flags.writeable = False
    line = array.reshape(-1).view(np.uint8)
    key = (array.shape, array.dtype.name, line[:: line.size // _SAMPLES | 1].tobytes())
    found = _by_content.get(key)
    if found is not None and _same(line, found.reshape(-1).view(np.uint8)):
        return found
    _by_content[key] = array
    return array


def _same(a: Array, b: Array) -> bool:
    """Whether two lines of bytes are equal; little memory is used."""
    pieces = (slice(i, i + _AT_A_TIME) for i in range(0, a.size, _AT_A_TIME))
    return all(np.array_equal(a[piece], b[piece]) for piece in pieces)

"""Repeated numbers that the wire packs: an array over the file's own bytes until somebody edits them, then one that grows.

Either way a number takes what it takes in memory, not an object.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from sardonyx.proto.fields import Field

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["Packed"]

T = TypeVar("T", int, float)


class Packed(MutableSequence[T]):
    """The values of a packed field: a sequence; `np.asarray` gives the array where there is one, uncopied."""

    __slots__ = ("_check", "_dtype", "_owner", "_values")
    __hash__ = None  # pyright: ignore[reportAssignmentType]  # mutable, as lists are

    def __init__(self, field: Field, owner: Message | None = None) -> None:
        assert field.scalar is not None
        self._check: Callable[[Any], T] = field.scalar.check
        self._dtype = field.scalar.dtype
        self._owner = owner
        self._values: array[Any] | npt.NDArray[Any] = self._growing()

    def _growing(self, values: Iterable[Any] = ()) -> array[Any]:
        return array(np.dtype(self._dtype).char, values)

    def array(self) -> npt.NDArray[Any]:
        """The values as an array, read-only where it lies over the file, else a copy: a view would forbid to edit them."""
        return self._values if isinstance(self._values, np.ndarray) else np.array(self._values, self._dtype)

    def adopt(self, values: npt.NDArray[Any] | list[Any]) -> None:
        """Append values known to be of the field's type; a first array is kept, not copied."""
        if isinstance(values, np.ndarray):
            if not len(self._values):
                self._values = values
            else:
                self._edit(present=False).frombytes(np.ascontiguousarray(values, self._dtype).data.cast("B"))
        else:
            self._edit(present=False).extend(values)

    def _edit(self, *, present: bool = True) -> array[Any]:
        if isinstance(self._values, np.ndarray):
            values, self._values = self._values, self._growing()
            self._values.frombytes(np.ascontiguousarray(values, self._dtype).data.cast("B"))
        if present and self._owner is not None:
            self._owner.SetInParent()
        return self._values

    def _list(self) -> list[T]:
        return cast("list[T]", self._values.tolist())

    @property
    def stored(self) -> array[Any] | npt.NDArray[Any]:
        """The values as they lie; they must not be written to."""
        return self._values

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self.array().astype(dtype or self._dtype, copy=bool(copy))

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[T]:
        return iter(self._list())

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        got: Any = self._values[index]
        return got.tolist() if isinstance(index, slice) or isinstance(self._values, np.ndarray) else got

    @overload
    def __setitem__(self, index: int, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        many = isinstance(index, slice)
        checked: Any = self._growing([self._check(v) for v in value]) if many else self._check(value)
        self._edit()[index] = checked

    def __delitem__(self, index: int | slice) -> None:
        del self._edit()[index]

    def insert(self, index: int, value: T) -> None:
        """Put a value before the one at `index`."""
        self._edit().insert(index, self._check(value))

    def append(self, value: T) -> None:
        """Add a value at the end."""
        self._edit().append(self._check(value))

    def extend(self, values: Iterable[T]) -> None:
        """Add values at the end; an array of the field's own type is taken as it is."""
        if isinstance(values, np.ndarray) and values.dtype == self._dtype and values.ndim == 1 and not len(self):
            self._values = values.copy()
            self._values.flags.writeable = False
        else:
            items = values._list() if isinstance(values, Packed) else values
            self._edit().extend([self._check(value) for value in items])
        if self._owner is not None:
            self._owner.SetInParent()

    MergeFrom = extend

    def sort(self, *, key: Callable[[T], Any] | None = None, reverse: bool = False) -> None:
        """Order the values in place."""
        self._edit()[:] = self._growing(sorted(self._list(), key=cast("Any", key), reverse=reverse))

    def share(self, other: Packed[T]) -> None:
        """Append the values of a container of the same field; an array is shared, since nobody writes into one."""
        values = other._values
        self.adopt(values if isinstance(values, np.ndarray) else values.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packed):
            other = cast("Packed[Any]", other)._list()
        return self._list() == other

    def __repr__(self) -> str:
        return repr(self._list())

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self._list(),)

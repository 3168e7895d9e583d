"""Reading what Torch7 (Lua) wrote with `torch.save` in its binary form.

An object is a 32-bit tag and what belongs to it; tables and torch objects carry an index, by which later mentions
refer back to them, so a file can hold cycles. See https://github.com/torch/torch7/blob/master/File.lua (readObject),
lib/TH/THStorage and Tensor.lua for what storages and tensors write. Functions are stepped over, never run.

Nothing is believed: every declared size is checked against the bytes that are left before anything is made of it,
numbers stay views of the file's own bytes, and depth and number of objects are bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stylecam.errors import ModelFormatError

_NIL, _NUMBER, _STRING, _TABLE, _TORCH, _BOOLEAN, _FUNCTION = range(7)
_RECURSIVE_FUNCTIONS = (7, 8)

MOST_OBJECTS = 2_000_000
"""Beside Johnson's networks lies the history of their training: six losses for each of 40 000 iterations."""
DEEPEST = 100
"""Johnson's networks nest about 20 deep."""
MOST_DIMS = 8

_ELEMENTS = {
    "Byte": "u1", "Char": "i1", "Short": "<i2", "Int": "<i4", "Long": "<i8", "Half": "<f2", "Float": "<f4",
    "Double": "<f8", "Cuda": "<f4", "CudaByte": "u1", "CudaChar": "i1", "CudaShort": "<i2", "CudaInt": "<i4",
    "CudaLong": "<i8", "CudaHalf": "<f2", "CudaDouble": "<f8",
}  # fmt: skip

Key: TypeAlias = "str | float | bool"
Table: TypeAlias = "dict[Key, Value]"
Value: TypeAlias = "bool | float | str | Table | TorchObject | Tensor | Storage | Opaque | None"


@dataclass(eq=False, slots=True)
class TorchObject:
    """An instance of a Lua class such as `nn.Sequential`; `offset` is where it starts in the file."""

    kind: str
    offset: int
    fields: Table = field(default_factory=dict, repr=False)


@dataclass(eq=False, slots=True)
class Storage:
    """Numbers in a row: a view of the file's bytes."""

    numbers: npt.NDArray[Any] = field(repr=False)
    offset: int


@dataclass(eq=False, slots=True)
class Tensor:
    """A view of a storage's numbers, checked to lie within it; of no dimensions and size 0 when it is empty."""

    array: npt.NDArray[Any] = field(repr=False)
    offset: int


@dataclass(eq=False, slots=True)
class Opaque:
    """A Lua function: stepped over and never run."""

    offset: int


def looks_like(data: bytes) -> bool:
    """Whether `data` begins as a binary Torch7 file of a table or an object does."""
    return len(data) >= 8 and data[:4] in (b"\x03\0\0\0", b"\x04\0\0\0")


def read(data: bytes) -> Value:
    """The first object of a binary Torch7 file.

    Torch writes a C `long` as wide as the machine that saves has it, and nowhere says how wide; so 64 bits are tried
    first, as most files have, then 32; a wrong guess runs into nonsense, and 32 counts only if it uses up the file.

    Raises:
        ModelFormatError: damaged, truncated or hostile; the message holds the byte offset.
    """
    try:
        return _Reader(data, 8).object(0)
    except ModelFormatError as error:
        try:
            narrow = _Reader(data, 4)
            value = narrow.object(0)
        except ModelFormatError:
            raise error from None
        if not narrow.finished:
            raise error
        return value


class _Reader:
    """One pass over the bytes. `long` is the width of a C long in bytes, 4 or 8."""

    def __init__(self, data: bytes, long: int) -> None:
        self._data = data
        self._position = 0
        self._long = long
        self._known: dict[int, Value] = {}
        self._count = 0

    @property
    def finished(self) -> bool:
        """Whether no bytes are left."""
        return self._position == len(self._data)

    def object(self, depth: int) -> Value:
        """The next object, nested `depth` deep."""
        start = self._position
        self._count += 1
        if depth > DEEPEST:
            raise _wrong(f"objects are nested more than {DEEPEST} deep", start)
        if self._count > MOST_OBJECTS:
            raise _wrong(f"more than {MOST_OBJECTS} objects", start)
        tag = self._int()
        if tag == _NIL:
            return None
        if tag == _NUMBER:
            return float(struct.unpack("<d", self._bytes(8))[0])
        if tag == _STRING:
            return self._string()
        if tag == _BOOLEAN:
            return self._int() != 0
        if tag == _FUNCTION:
            return self._function(start, depth, None)
        if tag in (_TABLE, _TORCH, *_RECURSIVE_FUNCTIONS):
            return self._indexed(tag, start, depth)
        raise _wrong(f"there is no kind of object {tag}", start)

    def _indexed(self, tag: int, start: int, depth: int) -> Value:
        index = self._int()
        if index in self._known:
            return self._known[index]
        if tag == _TABLE:
            table: Table = {}
            self._known[index] = table
            self._pairs(table, depth)
            return table
        if tag == _TORCH:
            return self._torch(start, depth, index)
        return self._function(start, depth, index)

    def _pairs(self, table: Table, depth: int) -> None:
        start = self._position
        count = self._int()
        left = len(self._data) - self._position
        if not 0 <= count <= left // 8:  # a pair takes two tags at least
            raise _wrong(f"a table claims {count} entries and only {left} bytes are left", start)
        for _ in range(count):
            where = self._position
            key = self.object(depth + 1)
            if not isinstance(key, str | float | bool):
                raise _wrong("a table's key is neither text, number nor boolean", where)
            table[key] = self.object(depth + 1)

    def _torch(self, start: int, depth: int, index: int) -> Value:
        kind = self._string()
        if kind.startswith("V "):  # the version came first, as in all files of the last decade
            kind = self._string()
        package, _, name = kind.partition(".")
        if package == "torch" and name.endswith(("Tensor", "Storage")):
            element = _ELEMENTS.get(name.removesuffix("Tensor").removesuffix("Storage"))
            if element is None:
                raise _wrong(f"there are no numbers of kind {kind[:60]!r}", start)
            if name.endswith("Storage"):
                self._known[index] = found = self._storage(start, np.dtype(element))
                return found
            self._known[index] = None  # a storage that refers back to its own tensor finds nothing
            self._known[index] = tensor = self._tensor(start, depth, np.dtype(element))
            return tensor
        made = TorchObject(kind[:120], start)
        self._known[index] = made
        where = self._position
        fields = self.object(depth + 1)
        if not isinstance(fields, dict):
            raise _wrong(f"{made.kind} holds no table of fields", where)
        made.fields = fields
        return made

    def _storage(self, start: int, element: np.dtype[Any]) -> Storage:
        count = self._longs(1)[0]
        left = len(self._data) - self._position
        if not 0 <= count <= left // element.itemsize:
            raise _wrong(f"a storage claims {count} numbers and only {left} bytes are left", start)
        numbers = np.frombuffer(self._data, element, count, self._position)
        self._position += count * element.itemsize
        return Storage(numbers, start)

    def _tensor(self, start: int, depth: int, element: np.dtype[Any]) -> Tensor:
        dims = self._int()
        if not 0 <= dims <= MOST_DIMS:
            raise _wrong(f"a tensor claims {dims} dimensions", start)
        sizes, strides = self._longs(dims), self._longs(dims)
        first = self._longs(1)[0] - 1
        where = self._position
        storage = self.object(depth + 1)
        if storage is None or not dims:
            return Tensor(np.empty(0, element), start)
        if not isinstance(storage, Storage) or storage.numbers.dtype != element:
            raise _wrong("a tensor's storage holds no numbers of its kind", where)
        numbers = storage.numbers
        total = 1
        for size in sizes:  # one by one: a product of hostile sizes may itself be huge
            total = total * size if 0 < size <= len(numbers) else len(numbers) + 1
            if total > len(numbers):
                raise _wrong(f"a tensor of {_shown(sizes)} has a storage of {len(numbers)} numbers", start)
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if first < 0 or any(stride < 0 for stride in strides) or last >= len(numbers):
            raise _wrong(f"a tensor of {_shown(sizes)} reaches outside its storage of {len(numbers)} numbers", start)
        steps = [stride * element.itemsize for stride in strides]
        # A stride that leads nowhere (size 1) may be too large for numpy, and never matters.
        steps = [0 if size == 1 else step for size, step in zip(sizes, steps, strict=True)]
        return Tensor(np.lib.stride_tricks.as_strided(numbers[first:], sizes, steps, writeable=False), start)

    def _function(self, start: int, depth: int, index: int | None) -> Opaque:
        made = Opaque(start)
        self._bytes(self._int())
        if index is not None:
            self._known[index] = made
        self.object(depth + 1)  # what it closes over
        return made

    def _string(self) -> str:
        return self._bytes(self._int()).decode("utf-8", "replace")

    def _int(self) -> int:
        return int(struct.unpack("<i", self._bytes(4))[0])

    def _longs(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}{'q' if self._long == 8 else 'i'}", self._bytes(count * self._long))

    def _bytes(self, count: int) -> bytes:
        left = len(self._data) - self._position
        if not 0 <= count <= left:
            raise _wrong(f"{count} bytes are claimed and {left} are left", self._position)
        self._position += count
        return self._data[self._position - count : self._position]


def _wrong(what: str, offset: int) -> ModelFormatError:
    return ModelFormatError(f"not a Torch7 file, or a damaged one: {what}, at byte {offset}; get it again")


def _shown(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))

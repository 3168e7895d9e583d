"""Read files that Torch7 (Lua) wrote with `torch.save` in its binary form.

An object is a 32-bit tag and its content. Tables and torch objects carry an index by which later mentions refer to
them, so a file can hold cycles. See https://github.com/torch/torch7/blob/master/File.lua (readObject), and
lib/TH/THStorage and Tensor.lua for storages and tensors. Functions are never run; they are read as nil.

Files are not trusted: every declared size is checked against the bytes that are left before anything is allocated,
arrays stay views of the file's bytes, and depth and number of objects are limited.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stylecam.errors import ModelFormatError
from stylecam.utils.text import format_shape

_NIL, _NUMBER, _STRING, _TABLE, _TORCH, _BOOLEAN, _FUNCTION = range(7)
_RECURSIVE_FUNCTIONS = (7, 8)

MAX_OBJECTS = 2_000_000
"""Johnson's files also hold their training history: six losses for each of 40 000 iterations."""
MAX_DEPTH = 100
"""Johnson's networks nest about 20 deep."""
MAX_DIMS = 8

_ELEMENTS = {
    "Byte": "u1", "Char": "i1", "Short": "<i2", "Int": "<i4", "Long": "<i8", "Half": "<f2", "Float": "<f4",
    "Double": "<f8", "Cuda": "<f4", "CudaByte": "u1", "CudaChar": "i1", "CudaShort": "<i2", "CudaInt": "<i4",
    "CudaLong": "<i8", "CudaHalf": "<f2", "CudaDouble": "<f8",
}  # fmt: skip

Key: TypeAlias = "str | float | bool"
Table: TypeAlias = "dict[Key, Value]"
Value: TypeAlias = "bool | float | str | Table | TorchObject | TorchStorage | npt.NDArray[Any] | None"
"""A tensor is an array: a view of a storage, checked to lie within it; with one dimension when it is empty."""


@dataclass(eq=False, slots=True)
class TorchObject:
    """An instance of a Lua class such as `nn.Sequential`, which begins at byte `offset` of the file."""

    class_name: str
    offset: int
    fields: Table = field(default_factory=dict, repr=False)


@dataclass(eq=False, slots=True)
class TorchStorage:
    """A flat array: a view of the file's bytes."""

    values: npt.NDArray[Any] = field(repr=False)


def is_torch7(data: bytes) -> bool:
    """Return whether `data` begins like a binary Torch7 file that holds a table or an object."""
    return len(data) >= 8 and data[:4] in (b"\x03\0\0\0", b"\x04\0\0\0")


def read(data: bytes) -> Value:
    """Return the first object of a binary Torch7 file.

    Torch writes a C `long` with the width of the machine that saves and does not record that width. So 64 bits, which
    most files have, are tried first, then 32 bits, which count only if they use up the whole file.

    Raises:
        ModelFormatError: damaged, truncated or hostile; the message holds the byte offset.
    """
    try:
        return _Reader(data, 8).object(0)
    except ModelFormatError as error:
        try:
            reader = _Reader(data, 4)
            value = reader.object(0)
        except ModelFormatError:
            raise error from None
        if not reader.finished:
            raise error
        return value


class _Reader:
    """One pass over the bytes; a C long is `long_bytes` wide, 4 or 8."""

    def __init__(self, data: bytes, long_bytes: int) -> None:
        self._data = data
        self._position = 0
        self._long_bytes = long_bytes
        self._objects: dict[int, Value] = {}
        self._count = 0

    @property
    def finished(self) -> bool:
        """Whether all bytes are read."""
        return self._position == len(self._data)

    def object(self, depth: int) -> Value:
        """Read the next object, which is nested `depth` deep."""
        start = self._position
        self._count += 1
        if depth > MAX_DEPTH:
            raise _damaged(f"objects are nested more than {MAX_DEPTH} deep", start)
        if self._count > MAX_OBJECTS:
            raise _damaged(f"more than {MAX_OBJECTS} objects", start)
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
            self._skip_function(depth)
            return None
        if tag in (_TABLE, _TORCH, *_RECURSIVE_FUNCTIONS):
            return self._indexed(tag, start, depth)
        raise _damaged(f"there is no kind of object {tag}", start)

    def _indexed(self, tag: int, start: int, depth: int) -> Value:
        index = self._int()
        if index in self._objects:
            return self._objects[index]
        if tag == _TABLE:
            table: Table = {}
            self._objects[index] = table
            self._pairs(table, depth)
            return table
        if tag == _TORCH:
            return self._torch(start, depth, index)
        self._objects[index] = None
        self._skip_function(depth)
        return None

    def _pairs(self, table: Table, depth: int) -> None:
        start = self._position
        count = self._int()
        left = len(self._data) - self._position
        if not 0 <= count <= left // 8:  # a pair takes two tags at least
            raise _damaged(f"a table claims {count} entries and only {left} bytes are left", start)
        for _ in range(count):
            where = self._position
            key = self.object(depth + 1)
            if not isinstance(key, str | float | bool):
                raise _damaged("a table's key is neither text, number nor boolean", where)
            table[key] = self.object(depth + 1)

    def _torch(self, start: int, depth: int, index: int) -> Value:
        class_name = self._string()
        if class_name.startswith("V "):  # a version comes first, as in all files of the last decade
            class_name = self._string()
        package, _, name = class_name.partition(".")
        if package == "torch" and name.endswith(("Tensor", "Storage")):
            element = _ELEMENTS.get(name.removesuffix("Tensor").removesuffix("Storage"))
            if element is None:
                raise _damaged(f"there are no numbers of kind {class_name[:60]!r}", start)
            if name.endswith("Storage"):
                self._objects[index] = storage = self._storage(start, np.dtype(element))
                return storage
            self._objects[index] = None  # a storage that refers back to its own tensor finds nothing
            self._objects[index] = tensor = self._tensor(start, depth, np.dtype(element))
            return tensor
        instance = TorchObject(class_name[:120], start)
        self._objects[index] = instance
        where = self._position
        fields = self.object(depth + 1)
        if not isinstance(fields, dict):
            raise _damaged(f"{instance.class_name} holds no table of fields", where)
        instance.fields = fields
        return instance

    def _storage(self, start: int, element: np.dtype[Any]) -> TorchStorage:
        count = self._longs(1)[0]
        left = len(self._data) - self._position
        if not 0 <= count <= left // element.itemsize:
            raise _damaged(f"a storage claims {count} numbers and only {left} bytes are left", start)
        values = np.frombuffer(self._data, element, count, self._position)
        self._position += count * element.itemsize
        return TorchStorage(values)

    def _tensor(self, start: int, depth: int, element: np.dtype[Any]) -> npt.NDArray[Any]:
        dims = self._int()
        if not 0 <= dims <= MAX_DIMS:
            raise _damaged(f"a tensor claims {dims} dimensions", start)
        sizes, strides = self._longs(dims), self._longs(dims)
        first = self._longs(1)[0] - 1
        where = self._position
        storage = self.object(depth + 1)
        if storage is None or not dims:
            return np.empty(0, element)
        if not isinstance(storage, TorchStorage) or storage.values.dtype != element:
            raise _damaged("a tensor's storage holds no numbers of its kind", where)
        values = storage.values
        total = 1
        for size in sizes:  # one by one: a product of hostile sizes may itself be huge
            total = total * size if 0 < size <= len(values) else len(values) + 1
            if total > len(values):
                raise _damaged(f"a tensor of {format_shape(sizes)} has a storage of {len(values)} numbers", start)
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if first < 0 or any(stride < 0 for stride in strides) or last >= len(values):
            raise _damaged(
                f"a tensor of {format_shape(sizes)} reaches outside its storage of {len(values)} numbers", start
            )
        steps = [stride * element.itemsize for stride in strides]
        # The stride of a dimension of size 1 is never used and may be too large for NumPy.
        steps = [0 if size == 1 else step for size, step in zip(sizes, steps, strict=True)]
        return np.lib.stride_tricks.as_strided(values[first:], sizes, steps, writeable=False)

    def _skip_function(self, depth: int) -> None:
        self._bytes(self._int())
        self.object(depth + 1)  # the upvalues

    def _string(self) -> str:
        return self._bytes(self._int()).decode("utf-8", "replace")

    def _int(self) -> int:
        return int(struct.unpack("<i", self._bytes(4))[0])

    def _longs(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}{'q' if self._long_bytes == 8 else 'i'}", self._bytes(count * self._long_bytes))

    def _bytes(self, count: int) -> bytes:
        left = len(self._data) - self._position
        if not 0 <= count <= left:
            raise _damaged(f"{count} bytes are claimed and {left} are left", self._position)
        self._position += count
        return self._data[self._position - count : self._position]


def _damaged(what: str, offset: int) -> ModelFormatError:
    return ModelFormatError(f"not a Torch7 file, or a damaged one: {what}, at byte {offset}; download it again")

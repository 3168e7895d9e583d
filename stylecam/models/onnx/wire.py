"""Read and write protobuf messages field by field, without a schema.

This is the part of the wire format (https://protobuf.dev/programming-guides/encoding/) that is needed to look into an
ONNX file and to change single fields of it. The onnx package, which could do it too, is only an extra, and loading it
takes longer than everything else at the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not a protobuf message; `offset` is the byte at which that shows."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: the field number of the schema.
        wire: the wire type.
        value: an int for a varint, the payload's bytes for every other wire type.
        start: the file position of the field's first byte.
        end: the file position after its last byte.
    """

    number: int
    wire: int
    value: int | memoryview
    start: int
    end: int

    @property
    def data(self) -> memoryview:
        """The payload's bytes.

        Raises:
            WireError: the field holds a number where bytes were expected.
        """
        if not isinstance(self.value, memoryview):
            raise WireError(f"field {self.number} is a number where text or a message was expected", self.start)
        return self.value

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; undecodable bytes are replaced."""
        return bytes(self.data).decode("utf-8", "replace")

    @property
    def numbers(self) -> list[int]:
        """The values of a repeated integer field: one, or several where they are packed into bytes."""
        return [self.value] if isinstance(self.value, int) else _unpack_varints(self.value)

    def fields(self) -> Iterator[Field]:
        """Iterate over the fields of the message in this field; positions count from the start of the file."""
        return fields(self.data, self.end - len(self.data))


def fields(message: memoryview, offset: int = 0) -> Iterator[Field]:
    """Iterate over the fields of `message`, which begins at byte `offset` of its file.

    Raises:
        WireError: the message is truncated or is not protobuf.
    """
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position, offset)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise WireError("field number 0", offset + start)
        if wire == VARINT:
            value, position = _varint(message, position, offset)
            yield Field(number, wire, value, offset + start, offset + position)
            continue
        if wire == BYTES:
            length, position = _varint(message, position, offset)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise WireError(f"unknown wire type {wire}", offset + start)
        if length > len(message) - position:
            raise WireError(
                f"a field claims {length} bytes and only {len(message) - position} are left", offset + start
            )
        payload = message[position : position + length]
        position += length
        yield Field(number, wire, payload, offset + start, offset + position)


def encode(number: int, payload: bytes | memoryview) -> bytes:
    """Encode a length-delimited field."""
    return encode_header(number, len(payload)) + bytes(payload)


def encode_header(number: int, length: int) -> bytes:
    """Encode what stands before the `length` bytes of a length-delimited field."""
    return encode_varint(number << 3 | BYTES) + encode_varint(length)


def encode_number(number: int, value: int) -> bytes:
    """Encode a varint field."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def encode_varint(value: int) -> bytes:
    """Encode an unsigned varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _unpack_varints(payload: memoryview) -> list[int]:
    numbers, position = [], 0
    while position < len(payload):
        value, position = _varint(payload, position, 0)
        numbers.append(value)
    return numbers


def _varint(message: memoryview, position: int, offset: int) -> tuple[int, int]:
    """Return the varint at `position` and the position after it."""
    result = 0
    for count in range(10):
        if position + count >= len(message):
            raise WireError("the file ends inside a number", offset + position)
        byte = message[position + count]
        result |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return result, position + count + 1
    raise WireError("a number longer than 10 bytes", offset + position)

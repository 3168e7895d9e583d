"""Reading and rebuilding protobuf messages field by field, without a schema.

Just enough of the wire format (https://protobuf.dev/programming-guides/encoding/) to look into an ONNX file and to
change the few bytes that say how large its input is. A full ONNX library would be twenty times the size of this
program's own code and would be loaded only for this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not a protobuf message; `offset` is where it shows."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its number, wire type and value (an int, or the bytes of a length-delimited field)."""

    number: int
    wire: int
    value: int | memoryview
    start: int
    end: int

    @property
    def data(self) -> memoryview:
        """The bytes of a length-delimited field.

        Raises:
            WireError: the field holds a number where bytes were expected.
        """
        if not isinstance(self.value, memoryview):
            raise WireError(f"field {self.number} is a number where text or a message was expected", self.start)
        return self.value

    @property
    def text(self) -> str:
        """The bytes as UTF-8 text; undecodable bytes are replaced."""
        return bytes(self.data).decode("utf-8", "replace")


def fields(message: memoryview, offset: int = 0) -> Iterator[Field]:
    """Walk the fields of `message`; `offset` is added to every position in errors.

    Raises:
        WireError: truncated or not protobuf.
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
    """A length-delimited field."""
    return encode_varint(number << 3 | BYTES) + encode_varint(len(payload)) + bytes(payload)


def encode_number(number: int, value: int) -> bytes:
    """A varint field."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def encode_varint(value: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varints(payload: memoryview) -> list[int]:
    """The numbers of a packed repeated field.

    Raises:
        WireError: truncated.
    """
    numbers, position = [], 0
    while position < len(payload):
        value, position = _varint(payload, position, 0)
        numbers.append(value)
    return numbers


def _varint(message: memoryview, position: int, offset: int) -> tuple[int, int]:
    result = 0
    for count in range(10):
        if position + count >= len(message):
            raise WireError("the file ends inside a number", offset + position)
        byte = message[position + count]
        result |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return result, position + count + 1
    raise WireError("a number longer than 10 bytes", offset + position)

"""Tests of reading and writing protobuf messages field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.models.onnx.wire import WireError, encode, encode_number, encode_varint, fields

numbers = st.integers(1, 1 << 20)


@given(numbers, st.integers(0, (1 << 63) - 1))
def test_a_number_is_read_as_written(number: int, value: int) -> None:
    (field,) = fields(memoryview(encode_number(number, value)))
    assert (field.number, field.value) == (number, value)


@given(st.lists(st.tuples(numbers, st.binary(max_size=200)), max_size=10))
def test_a_message_is_read_as_written(parts: list[tuple[int, bytes]]) -> None:
    message = b"".join(encode(number, payload) for number, payload in parts)
    assert [(field.number, bytes(field.data)) for field in fields(memoryview(message))] == parts


@given(st.lists(st.tuples(numbers, st.binary(max_size=50)), max_size=10))
def test_fields_lie_end_to_end(parts: list[tuple[int, bytes]]) -> None:
    message = b"".join(encode(number, payload) for number, payload in parts)
    at = 0
    for field in fields(memoryview(message)):
        assert field.start == at
        at = field.end
    assert at == len(message)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    reached = [0]
    try:
        reached += [field.end for field in fields(memoryview(data))]
    except WireError as error:
        reached.append(error.offset)
    assert reached == sorted(reached)
    assert reached[-1] <= len(data)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\x00", "field number 0"),
        (b"\x0b", "unknown wire type 3"),
        (b"\x08", "ends inside a number"),
        (b"\x0a\x05ab", "claims 5 bytes and only 2 are left"),
        (b"\x08" + b"\xff" * 11, "longer than 10 bytes"),
    ],
)
def test_the_error_says_what_is_wrong(message: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        list(fields(memoryview(message)))


def test_offsets_in_errors_count_from_the_start_of_the_file() -> None:
    with pytest.raises(WireError) as caught:
        list(fields(memoryview(b"\x08\x01\x00"), 1000))
    assert caught.value.offset == 1002


def test_a_number_where_text_was_expected_is_an_error() -> None:
    (field,) = fields(memoryview(encode_number(1, 5)))
    with pytest.raises(WireError, match="field 1 is a number"):
        _ = field.text


def test_text_that_is_not_utf8_is_still_text() -> None:
    (field,) = fields(memoryview(encode(1, b"a\xff")))
    assert field.text == "a\N{REPLACEMENT CHARACTER}"


def test_small_numbers_take_one_byte() -> None:
    assert encode_varint(127) == b"\x7f"
    assert encode_varint(128) == b"\x80\x01"

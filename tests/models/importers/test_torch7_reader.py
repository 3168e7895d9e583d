"""Tests of the reader of Torch7 files, with valid, damaged and hostile files."""

from __future__ import annotations

import contextlib
import random
import struct
import tracemalloc

import numpy as np
import pytest

from stylecam.errors import ModelFormatError
from stylecam.models.importers import torch7, torch7_reader
from stylecam.models.importers.base import ImportOptions
from stylecam.models.importers.torch7_reader import TorchObject, TorchStorage
from tests.models.importers.mutation import mutate
from tests.models.importers.torch7_files import (
    LayerFactory,
    TorchModule,
    checkpoint,
    eccv16,
    encode_torch7,
    instance_norm,
    sequence,
)


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def longs(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def text(words: str) -> bytes:
    return ints(len(words)) + words.encode()


def torch_object(index: int, kind: str) -> bytes:
    return ints(4, index) + text("V 1") + text(kind)


@pytest.fixture(scope="module")
def small_network() -> bytes:
    """Return a whole network in few bytes, so that cuts reach every part of it."""
    return encode_torch7(checkpoint(instance_norm(LayerFactory(np.random.default_rng(1)), width=1, blocks=1)))


def test_plain_values_are_read_back() -> None:
    value = {"a": 1.5, "b": "text", "c": True, "d": None, 2: [1, 2], "é": {}}
    expected = {"a": 1.5, "b": "text", "c": True, "d": None, 2.0: {1.0: 1.0, 2.0: 2.0}, "é": {}}
    assert torch7_reader.read(encode_torch7(value)) == expected


@pytest.mark.parametrize("long", [8, 4])
@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i8", "u1"])
def test_tensors_of_any_type_and_integer_size_are_read_back(kind: str, long: int) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    read = torch7_reader.read(encode_torch7({"x": array, "again": array}, long))
    assert isinstance(read, dict)
    tensor = read["x"]
    assert isinstance(tensor, np.ndarray)
    assert read["again"] is tensor
    assert tensor.dtype == array.dtype
    np.testing.assert_array_equal(tensor, array)


def test_tensors_saved_on_a_gpu_are_read() -> None:
    array = np.arange(6, dtype=np.float32)
    tensor = torch7_reader.read(encode_torch7(array, prefix="Cuda"))
    assert isinstance(tensor, np.ndarray)
    np.testing.assert_array_equal(tensor, array)


def test_a_transposed_part_of_a_storage_is_read_by_its_strides() -> None:
    storage = torch_object(2, "torch.FloatStorage") + longs(6) + np.arange(6, dtype="<f4").tobytes()
    header = torch_object(1, "torch.FloatTensor") + ints(2) + longs(2, 2) + longs(1, 3) + longs(2)
    tensor = torch7_reader.read(header + storage)
    assert isinstance(tensor, np.ndarray)
    np.testing.assert_array_equal(tensor, [[1, 4], [2, 5]])


def test_an_empty_tensor_is_empty() -> None:
    tensor = torch7_reader.read(torch_object(1, "torch.FloatTensor") + ints(0) + longs(1) + ints(0))
    assert isinstance(tensor, np.ndarray)
    assert tensor.size == 0


def test_an_object_that_holds_itself_is_read_once() -> None:
    network = sequence()
    network.fields["parent"] = network
    read = torch7_reader.read(encode_torch7(network))
    assert isinstance(read, TorchObject)
    assert read.class_name == "nn.Sequential"
    assert read.fields["parent"] is read


@pytest.mark.parametrize("head", [ints(6), ints(7, 1), ints(8, 1)], ids=["old", "legacy", "recursive"])
def test_a_function_is_skipped(head: bytes) -> None:
    code = head + text("os.execute('touch /tmp/x')") + ints(0)
    read = torch7_reader.read(ints(3, 9, 2) + ints(2) + text("f") + code + ints(2) + text("x") + ints(5, 1))
    assert isinstance(read, dict)
    assert read["f"] is None
    assert read["x"] is True


def test_a_storage_by_itself_can_be_read() -> None:
    read = torch7_reader.read(torch_object(1, "torch.DoubleStorage") + longs(1) + struct.pack("<d", 2.5))
    assert isinstance(read, TorchStorage)
    assert read.values.tolist() == [2.5]


def tensor_of(sizes: tuple[int, ...], strides: tuple[int, ...], first: int = 1, stored: int = 4) -> bytes:
    header = torch_object(1, "torch.FloatTensor") + ints(len(sizes)) + longs(*sizes) + longs(*strides) + longs(first)
    return header + torch_object(2, "torch.FloatStorage") + longs(stored) + bytes(16)


HOSTILE = {
    "empty": b"",
    "wrong magic": b"GIF89a" + bytes(40),
    "text form": b"4\n1\n3\nV 1\n13\nnn.Sequential\n",
    "unknown tag": ints(9),
    "huge string": ints(2, 2**31 - 1),
    "negative string": ints(2, -5) + bytes(40),
    "huge table": ints(3, 1, 2**31 - 1) + bytes(40),
    "negative table": ints(3, 1, -1) + bytes(40),
    "key of nothing": ints(3, 1, 1, 0, 0) + bytes(40),
    "key that is a table": ints(3, 1, 1, 3, 1, 0) + bytes(40),
    "huge storage": torch_object(1, "torch.FloatStorage") + longs(2**60) + bytes(40),
    "negative storage": torch_object(1, "torch.FloatStorage") + longs(-1) + bytes(40),
    "huge sizes": tensor_of((2**40, 2**40), (1, 1)),
    "sizes whose product wraps": tensor_of((2**32, 2**32), (0, 0)),
    "more numbers than stored": tensor_of((2, 4), (0, 1)),
    "size nought": tensor_of((0, 2**60), (1, 1)),
    "negative size": tensor_of((-1,), (1,)),
    "negative stride": tensor_of((2, 2), (-1, 1), first=4),
    "huge stride": tensor_of((2, 2), (2**60, 1)),
    "begins before": tensor_of((2,), (1,), first=0),
    "begins behind": tensor_of((2,), (1,), first=2**60),
    "many dimensions": torch_object(1, "torch.FloatTensor") + ints(2**30),
    "numbers of no kind": torch_object(1, "torch.MoonTensor") + ints(0) + longs(1) + ints(0),
    "storage of another kind": torch_object(1, "torch.FloatTensor")
    + ints(1)
    + longs(1, 1, 1)
    + torch_object(2, "torch.DoubleStorage")
    + longs(1)
    + bytes(8),
    "its own storage": torch_object(1, "torch.FloatTensor") + ints(1) + longs(1, 1, 1) + ints(3, 2, 0),
    "object without fields": torch_object(1, "nn.ReLU") + ints(0),
    "deep": b"".join(ints(3, n, 1, 5, 1) for n in range(1, 5000)) + bytes(4),
    "huge function": ints(8, 1, 2**31 - 1),
    "pickle": b"\x80\x02cos\nsystem\nX\x04\0\0\0trueR.",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_with_the_byte_offset(data: bytes) -> None:
    with pytest.raises(ModelFormatError, match=r"at byte \d+"):
        torch7_reader.read(data)


def test_too_many_objects_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch7_reader, "MAX_OBJECTS", 1000)
    with pytest.raises(ModelFormatError, match="more than 1000 objects"):
        torch7_reader.read(ints(3, 1, 600) + ints(5, 1, 5, 1) * 600)


def test_a_long_training_history_is_accepted() -> None:
    """Johnson's train.lua keeps six losses for each of 40 000 iterations."""
    number = struct.Struct("<id")
    pairs = b"".join(number.pack(1, key) + number.pack(1, 0.5) for key in range(1, 240_001))
    history = torch7_reader.read(ints(3, 1, 240_000) + pairs)
    assert type(history) is dict


def test_a_file_cut_anywhere_is_refused(small_network: bytes) -> None:
    for end in [*range(400), *range(400, len(small_network), 97)]:
        with pytest.raises(ModelFormatError, match=r"at byte \d+"):
            torch7_reader.read(small_network[:end])


@pytest.mark.parametrize("family", [eccv16, instance_norm])
def test_files_of_both_families_are_read_as_they_were_written(family: object) -> None:
    make = LayerFactory(np.random.default_rng(1))
    network = (eccv16 if family is eccv16 else instance_norm)(make, width=1, blocks=1)
    read = torch7_reader.read(encode_torch7(network))

    def assert_same(original: object, read_back: object) -> None:
        if isinstance(original, TorchModule):
            assert isinstance(read_back, TorchObject)
            assert read_back.class_name == original.kind
            assert read_back.fields.keys() == original.fields.keys()
            for key in original.fields:
                assert_same(original.fields[key], read_back.fields[key])
        elif isinstance(original, np.ndarray):
            assert isinstance(read_back, np.ndarray)
            np.testing.assert_array_equal(read_back, original)
        elif isinstance(original, list):
            assert isinstance(read_back, dict)
            for number, item in enumerate(original, 1):
                assert_same(item, read_back[number])
        else:
            assert read_back == original

    assert_same(network, read)


@pytest.fixture(scope="module")
def structure() -> bytes:
    """Return a few layers: in a whole file most bytes are weights, where damage changes nothing."""
    return encode_torch7(sequence(*instance_norm(LayerFactory(np.random.default_rng(1)), 1, 1).fields["modules"][:4]))


def test_thousands_of_damaged_files_are_read_or_refused(structure: bytes) -> None:
    rng = random.Random(20181)
    refused = 0
    for _ in range(4000):
        try:
            torch7.convert(mutate(structure, rng), ImportOptions())
        except ModelFormatError:
            refused += 1
    assert refused > 2000


def test_a_damaged_file_needs_little_memory(structure: bytes) -> None:
    rng = random.Random(2018)
    tracemalloc.start()
    for _ in range(200):
        with contextlib.suppress(ModelFormatError):
            torch7_reader.read(mutate(structure, rng))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * len(structure) + 2**18

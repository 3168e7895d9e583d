"""Tests of reading `.npz` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecam.utils.npz import read_npz


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.npz"
    np.savez(path, one=np.arange(3), two=np.ones((2, 2)))
    return path


def test_all_arrays_are_read_or_those_that_are_named(file: Path) -> None:
    assert {name: values.shape for name, values in read_npz(file).items()} == {"one": (3,), "two": (2, 2)}
    assert list(read_npz(file, ["two"])) == ["two"]


def test_what_is_missing_or_cannot_be_read_is_said(file: Path) -> None:
    with pytest.raises(ValueError, match=r"damaged \.npz .*three"):
        read_npz(file, ["three"])
    with pytest.raises(FileNotFoundError):
        read_npz(file.with_name("b.npz"))


def test_a_pickle_is_not_unpacked(file: Path) -> None:
    np.savez(file, one=np.array([{}], object))
    with pytest.raises(ValueError, match=r"damaged \.npz .*pickle"):
        read_npz(file)
    np.save(file.with_suffix(".npy"), np.array([{}], object))
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        read_npz(file.with_suffix(".npy"))


def test_a_damaged_byte_is_found(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(b"NUMPY") + 140] ^= 1  # among the values, which zip checks by their sum
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"a damaged \.npz"):
        read_npz(file)

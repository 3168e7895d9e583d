"""Tests of the files of own styles: what is written is read again, and no damaged or hostile file is believed."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam.errors import ModelFormatError
from stylecam.models.own_style import MAX_FILE_BYTES, LearnedRows, OwnStyle, changing
from stylecam.utils.file_lock import is_locked

LEAN, RICH = "a" * 64, "b" * 64
VALUES = np.linspace(-4, 4, 2 * 96, dtype=np.float32).reshape(2, 96)
JPEG = b"\xff\xd8\xff\xe0 a picture"
STYLE = OwnStyle("harbor", "Harbor, evening", "Ann Ode", "CC BY 4.0", JPEG, {LEAN: LearnedRows(VALUES[:1], 5.0)})


def repacked(change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return the file of `STYLE` after `change` of its members."""
    with zipfile.ZipFile(io.BytesIO(STYLE.encode())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def described(**changes: Any) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        members["style.json"] = json.dumps({**json.loads(members["style.json"]), **changes}).encode()

    return repacked(change)


def with_rows(data: bytes) -> bytes:
    return repacked(lambda members: members.update({f"rows/{LEAN}.npy": data}))


def saved(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_a_style_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "harbor.style"
    STYLE.with_rows(RICH, LearnedRows(VALUES)).write(path)
    read = OwnStyle.read(path)
    assert (read.name, read.title, read.artist, read.licence) == ("harbor", "Harbor, evening", "Ann Ode", "CC BY 4.0")
    assert read.picture == JPEG
    assert {body: (rows.values.shape, rows.minutes) for body, rows in read.rows.items()} == {
        LEAN: ((1, 96), 5.0), RICH: ((2, 96), 0.0),
    }  # fmt: skip
    np.testing.assert_allclose(read.rows[RICH].values, VALUES, rtol=2**-11)
    assert read.rows[RICH].values.dtype == np.float32
    assert [entry.name for entry in tmp_path.iterdir()] == ["harbor.style"]


def test_who_changes_a_style_is_alone_with_it_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "harbor.style"
    with changing(path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    with changing(tmp_path / "missing" / "harbor.style"):  # what is done there says itself what is wrong
        pass
    assert list(tmp_path.iterdir()) == []


def test_equal_styles_are_equal_files() -> None:
    again = OwnStyle.parse(Path("harbor.style"), STYLE.encode())
    assert again.encode() == STYLE.encode()


HOSTILE = {
    "nothing": b"",
    "no archive": b"\x89PNG\r\n",
    "cut off": STYLE.encode()[:-200],
    "a bomb": repacked(lambda members: members.update({"picture.jpg": JPEG + bytes(2**24)}), zipfile.ZIP_DEFLATED),
    "no description": repacked(lambda members: members.pop("style.json")),
    "nested description": repacked(lambda members: members.update({"style.json": b"[" * 100_000})),
    "a list": repacked(lambda members: members.update({"style.json": b"[]"})),
    "a name that leads elsewhere": described(name="../harbor"),
    "no name": described(name=""),
    "a title that is no text": described(title=["Harbor"]),
    "a body that is no digest": described(minutes={"../../etc/passwd": 0}),
    "rows that are missing": described(minutes={RICH: 0}),
    "minutes that are no number": described(minutes={LEAN: float("nan")}),
    "a picture of another kind": repacked(lambda members: members.update({"picture.jpg": b"<svg/>"})),
    "rows of objects": with_rows(saved(np.array([[{}]], object))),
    "rows of float64": with_rows(saved(VALUES.astype(np.float64))),
    "rows without end": with_rows(saved(np.zeros((1, 8), np.float16)).replace(b"(1, 8)", b"(4, 65536)")),
    "rows of one dimension": with_rows(saved(np.zeros(8, np.float16))),
    "rows that are no numbers": with_rows(saved(np.full((1, 8), np.inf, np.float16))),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_damaged_or_hostile_file_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(ModelFormatError, match=r"^harbor\.style is not a style file, or a damaged one: ") as refused:
        OwnStyle.parse(Path("harbor.style"), data)
    assert "\n" not in str(refused.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(st.integers(0, len(STYLE.encode()) - 1), st.binary(min_size=1, max_size=8))
def test_a_file_with_changed_bytes_is_read_or_refused(place: int, changed: bytes) -> None:
    data = STYLE.encode()
    with contextlib.suppress(ModelFormatError):
        OwnStyle.parse(Path("harbor.style"), data[:place] + changed + data[place + len(changed) :])


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    large = tmp_path / "large.style"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    later = tmp_path / "later.style"
    later.write_bytes(described(format=2))
    for path, reason in {
        tmp_path / "missing.style": "there is no such file",
        tmp_path: "it is not a regular file",
        large: "is larger than 8 MB",
        later: "was written by a later stylecam; update stylecam",
    }.items():
        with pytest.raises(ModelFormatError, match=reason):
            OwnStyle.read(path)


def test_texts_cannot_control_a_terminal() -> None:
    style = OwnStyle.parse(Path("harbor.style"), described(title="\x1b[31mred", artist="A" * 1000, year=True))
    assert style.title == "\ufffd[31mred"
    assert (len(style.artist), style.year) == (200, None)

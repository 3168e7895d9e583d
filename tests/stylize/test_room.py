"""What the room shows, as users write it, and the check of what it refers to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.models.catalog import Catalog
from stylecam.stylize.room import Room, RoomKind, resolve_room
from tests.doubles import model


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("camera", Room()),
        ("blur", Room(RoomKind.BLUR, strength=0.6)),
        ("blur:0.25", Room(RoomKind.BLUR, strength=0.25)),
        (" Blur:40% ", Room(RoomKind.BLUR, strength=0.4)),
        ("color", Room(RoomKind.COLOR, color=(64, 177, 0))),
        ("color:#ff8000", Room(RoomKind.COLOR, color=(0, 128, 255))),
        ("color:FF8000", Room(RoomKind.COLOR, color=(0, 128, 255))),
        ("color:White", Room(RoomKind.COLOR, color=(255, 255, 255))),
        ("picture:/a/beach.jpg", Room(RoomKind.PICTURE, path=Path("/a/beach.jpg"))),
        ("picture:a:b.jpg", Room(RoomKind.PICTURE, path=Path.cwd() / "a:b.jpg")),
        ("style:starry_night", Room(RoomKind.STYLE, style="starry_night")),
        ("style:udnie:0.5,great_wave:0.5", Room(RoomKind.STYLE, style="udnie:0.5,great_wave:0.5")),
        ("none", Room(RoomKind.NONE)),
    ],
)
def test_a_room_is_read_from_text_and_written_as_text_that_reads_the_same(text: str, room: Room) -> None:
    assert Room.parse(text) == room
    assert Room.parse(str(room)) == room


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blurr", r"there is no room 'blurr'; did you mean blur\? write camera, blur:0\.6, "),
        ("", "there is no room ''; write camera"),
        ("blur:1.5", "the blur '1.5' is no strength from 0 to 1; write for example blur:0.6"),
        ("blur:nan", "is no strength from 0 to 1"),
        ("blur:", "is no strength from 0 to 1"),
        ("color:greenish", "'greenish' is not a color; write #RRGGBB, for example #00b140, or green, blue, "),
        ("color:#12345", "is not a color"),
        ("picture", "the room picture needs a file; write picture:FILE"),
        ("style: ", "the room style needs a name; write style:NAME"),
        ("camera:2", "the room camera takes nothing after it; write camera"),
    ],
)
def test_what_is_no_room_is_refused_in_one_line_that_says_what_is(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        Room.parse(text)
    assert "\n" not in str(refusal.value)


def test_the_rooms_that_are_there_to_hide_one_say_so() -> None:
    hiding = {text for text in ("camera", "blur", "color", "picture:a", "style:a", "none") if Room.parse(text).hides}
    assert hiding == {"blur", "color", "picture:a", "none"}


@pytest.fixture
def catalog() -> Catalog:
    return Catalog([model("bank", 2)])


def test_the_style_of_a_room_is_found_in_the_catalog(catalog: Catalog) -> None:
    name = catalog.cards[0].name
    assert resolve_room(Room.parse(f"style:{name}"), catalog) == catalog.parse(name)
    assert resolve_room(Room.parse("blur"), catalog) is None


def test_a_room_in_a_style_that_does_not_exist_is_refused(catalog: Catalog) -> None:
    with pytest.raises(StyleNotFoundError, match="no style is called 'nothing_like_it'"):
        resolve_room(Room.parse("style:nothing_like_it"), catalog)
    with pytest.raises(UsageError, match="style:none would be no painting"):
        resolve_room(Room.parse("style:none"), catalog)


def mp4(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (32, 32))
    writer.write(np.zeros((32, 32, 3), np.uint8))
    writer.release()


def png(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(("name", "write"), [("a.png", png), ("a.mp4", mp4)])
def test_a_room_may_show_a_picture_or_a_video(name: str, write: object, tmp_path: Path, catalog: Catalog) -> None:
    write(tmp_path / name)  # type: ignore[operator]
    assert resolve_room(Room(RoomKind.PICTURE, path=tmp_path / name), catalog) is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.png", None, "there is no file .*gone.png; check the path"),
        ("text.png", b"Good morning", "text.png is neither a picture nor a video"),
        ("list.mp4", b"#EXTM3U\nfile:///etc/passwd", "list.mp4 is neither a picture nor a video"),
        ("empty.jpg", b"", "empty.jpg is neither"),
    ],
)
def test_a_file_that_cannot_be_shown_in_the_room_is_refused(
    name: str, content: bytes | None, message: str, tmp_path: Path, catalog: Catalog
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        resolve_room(Room(RoomKind.PICTURE, path=tmp_path / name), catalog)

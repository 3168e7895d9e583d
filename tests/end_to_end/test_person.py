"""A real stylecam hides a real room: nobody sees its wall, whatever is switched, and however it ends.

The wall bears checks that nothing else resembles, and an astronaut walks up and down before it.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from stylecam.control.command import Command
from stylecam.media.frame import Image
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PORTRAIT, Watcher, act, ctl, decoded, free_port, get, run, stream, wait_for

pytestmark = pytest.mark.system

WIDTH, HEIGHT, CHECK = 320, 180, 10
"""Pixels of the clip and of one check of its wall."""
CLIP = 30
"""Pictures of the clip, which loops."""
VISIBLE = 0.15
"""The contrast of the wall, as a share of that in the clip, from which on it counts as seen."""
STAYING_HIDDEN = (
    "room:blur", "bypass:on", "bypass:off", "room:none", "strength:0", "strength:1", "paint:person", "select:none",
    "mirror:on", "room:color:#400000", "select:udnie", "size:256x144", "mirror:off", "framing:close", "framing:off",
    "rest:on", "rest:off",
)  # fmt: skip
"""Commands after each of which the room is still hidden."""


def checks() -> Image:
    """Return the wall: blue and green checks."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    blue = ((rows // CHECK + columns // CHECK) % 2).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([30 + 200 * blue, 230 - 200 * blue, 0 * blue]))


def wall_in(picture: Image) -> float:
    """Return how much of the wall can be seen where most of it can, from 0 to about 1."""
    blue, green, _ = cv2.split(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32))
    wall = checks().astype(np.float32)
    difference = blue - green
    difference -= cv2.blur(difference, (2 * CHECK, 2 * CHECK))
    slope = difference * np.sign(wall[..., 0] - wall[..., 1]) / 200
    return float(np.abs(cv2.blur(slope, (4 * CHECK, 4 * CHECK))).max())


def seen_in(pictures: list[Image]) -> dict[int, float]:
    """Return by number the pictures in which the wall can be seen, and how much of it."""
    found = {number: round(wall_in(picture), 2) for number, picture in enumerate(pictures)}
    return {number: contrast for number, contrast in found.items() if contrast > VISIBLE}


def read(file: str | Path) -> Image:
    """Return the pixels of a picture file, with its transparency if it has any."""
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return cast(Image, image)


def film(file: Path) -> list[Image]:
    """Return the pictures of a video."""
    video, pictures = cv2.VideoCapture(str(file)), []
    while (frame := video.read())[0]:
        pictures.append(cast(Image, frame[1]))
    return pictures


def press(port: int, text: str) -> dict[str, Any]:
    """Carry out a command, such as `room:blur`, and return what it has made."""
    command = Command.parse(text)
    status, answer = act(port, command.action, **command.arguments)
    assert status == 200, f"{text}: {answer}"
    return cast(dict[str, Any], answer.get("result", {}))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cut.png`, which `stylecam image` has cut out, and `clip.avi`: the same person before the wall."""
    folder = tmp_path_factory.mktemp("room")
    cut = run(folder, "image", str(PORTRAIT), "cut.png", "--style", "udnie", "--room", "none")
    assert cut.returncode == 0, cut.stderr
    whole = np.dstack([read(PORTRAIT), read(folder / "cut.png")[..., 3:]])
    person = cv2.resize(whole, (HEIGHT - CHECK, HEIGHT - CHECK), interpolation=cv2.INTER_AREA)
    alpha = person[..., 3:] / np.float32(255)
    clip = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (WIDTH, HEIGHT))
    for number in range(CLIP):
        picture, left = checks(), round(70 + 50 * np.sin(number * 2 * np.pi / CLIP))
        before = picture[CHECK:, left : left + len(person)]
        before[:] = person[..., :3] * alpha + before * (1 - alpha)
        clip.write(picture)
    clip.release()
    assert all(wall_in(picture) > 0.7 for picture in film(folder / "clip.avi"))
    return folder


def test_a_picture_without_its_room_is_transparent_and_black_there(room: Path) -> None:
    cut = read(room / "cut.png")
    assert cut.shape[2] == 4
    hidden = cut[..., 3] == 0
    assert 0.2 < hidden.mean() < 0.8
    assert cut[hidden].max() == 0
    assert cut[..., 3].max() == 255


def test_in_a_clip_the_room_is_what_was_asked_for(room: Path) -> None:
    pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
    beach = np.full((HEIGHT, WIDTH, 3), (40, 160, 220), np.uint8)
    cv2.imwrite(str(room / "beach.png"), beach)
    for target, words in (("hidden.mp4", ["--room", "picture:beach.png"]), ("shown.mp4", ["--paint", "person"])):
        done = run(room, "video", "clip.avi", target, "--style", "udnie", "--scale", "0.25", *words)
        assert done.returncode == 0, done.stderr
    hidden, shown = film(room / "hidden.mp4"), film(room / "shown.mp4")
    assert len(hidden) == len(shown) == CLIP
    assert seen_in(hidden) == {}
    assert len(seen_in(shown)) == CLIP
    assert all(np.abs(picture[:20, :20].mean((0, 1)) - beach[0, 0]).max() < 8 for picture in hidden)


def test_nobody_sees_a_hidden_room_from_the_first_picture_on(stylecam: Start, tmp_path: Path, room: Path) -> None:
    port = free_port()
    start = ("--camera", str(room / "clip.avi"), "--size", f"{WIDTH}x{HEIGHT}", "--output", f"web:{port}",
             "--style", "udnie", "--tier", "lean", "--engine", "opencv", "--no-hotkeys")  # fmt: skip
    first = stylecam(*start, "--room", "color:black", wait=False)
    watcher = Watcher(port)

    def watch(count: int) -> None:
        seen = len(watcher.pictures)
        wait_for("more pictures", lambda: len(watcher.pictures) >= seen + count)

    try:
        first.wait_until_published()
        press(port, "record:on")
        for command in STAYING_HIDDEN:
            press(port, command)
            watch(4)
        recorded = film(Path(press(port, "record:off")["file"]))
        first.kill()
        second = stylecam(*start, wait=False)
        second.wait_until_published()
        watch(10)
        watcher.stop()
        assert len(recorded) > 20
        assert seen_in(recorded) == {}
        assert len(watcher.pictures) > 50
        assert seen_in(watcher.pictures) == {}
        assert any(picture.max() > 100 for picture in watcher.pictures)  # somebody is seen all the same
        assert "stylecam ended while the room was hidden, and blurs it" in second.errors

        for hidden in ("blur", "color:green", "none"):
            press(port, "room:camera")
            press(port, "paint:person")
            wait_for("the wall", lambda: wall_in(decoded(get(port, "/snapshot.jpg"))) > 0.5)
            ctl(tmp_path, "room", hidden)
            assert seen_in([decoded(get(port, "/snapshot.jpg"))]) == {}
            assert seen_in([picture for _, picture in islice(stream(port), 12)]) == {}
            assert seen_in([read(press(port, "snapshot")["file"])]) == {}
        before = get(port, "/api/state")
        for words, says in (
            (("room", "picture:missing.png"), "there is no file"),
            (("room", "color:nope"), "'nope' is not a color"),
            (("room", "style:nope"), "no style is called 'nope'"),
            (("face", "2"), "must be a number from 0 to 1"),
            (("framing", "fast"), "must be off, gentle or close"),
        ):
            refused = run(tmp_path, "ctl", *words)
            assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), refused.stderr
            assert says in refused.stderr
        assert get(port, "/api/state") == before
    finally:
        watcher.stop()

"""A real stylecam is covered, dies and is started again: nobody sees a picture of the camera before the user agrees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PORTRAIT, Program, Watcher, ctl, decoded, free_port, get, stream, wait_for

pytestmark = pytest.mark.system

SWITCHES = {"panic": "panic", "rest": "resting", "freeze": "frozen"}
DARK = 70
"""Every cover is darker on average than this; the portrait is brighter."""


def is_live(picture: Image) -> bool:
    return float(np.mean(picture)) > DARK


def state(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ctl(home, "state", "--json"))
    return found


def killed(program: Program) -> None:
    program.kill()


def restarted_as_a_service_is(program: Program) -> None:
    program.terminate()
    assert program.finish() == 0


@pytest.mark.parametrize(
    ("action", "end"),
    [("panic", killed), ("rest", killed), ("freeze", killed), ("panic", restarted_as_a_service_is)],
    ids=["panic", "camera off", "freeze", "panic and SIGTERM"],
)
def test_no_live_picture_is_published_after_a_restart_until_the_user_uncovers(
    stylecam: Start, tmp_path: Path, action: str, end: Callable[[Program], None]
) -> None:
    port = free_port()
    run = ("--camera", str(PORTRAIT), "--style", "none", "--size", "320x240", "--output", f"web:{port}", "--no-hotkeys")
    first = stylecam(*run)
    ctl(tmp_path, action, "on")
    end(first)
    second = stylecam(*run, wait=False)
    watcher = Watcher(port)
    try:
        wait_for("the first pictures", lambda: len(watcher.pictures) > 3)
        told = wait_for("the notice", lambda: state(tmp_path) if state(tmp_path)["notice"] else None)
        assert told[SWITCHES[action]] is True
        assert f"`stylecam ctl {action} off`" in told["notice"]
        assert told["publishing"] == "covered"
        assert told["notice"] in second.errors  # the terminal says it too
        seen = len(watcher.pictures)
        wait_for("more pictures", lambda: len(watcher.pictures) > seen + 3)
        assert [float(np.mean(picture)) for picture in watcher.pictures if is_live(picture)] == []
        ctl(tmp_path, action, "off")
        wait_for("the live picture", lambda: is_live(watcher.pictures[-1]))
        wait_for("the end of the notice", lambda: state(tmp_path)["notice"] is None)
    finally:
        watcher.stop()


def test_a_panic_covers_snapshots_recordings_and_thumbnails_too(stylecam: Start, tmp_path: Path) -> None:
    port = free_port()
    stylecam(
        "--camera", str(PORTRAIT), "--style", "none", "--size", "320x240", "--output", f"web:{port}", "--no-hotkeys"
    )  # fmt: skip
    thumbnail = "/api/styles/udnie/thumbnail.jpg"
    assert is_live(decoded(get(port, "/snapshot.jpg")))
    assert decoded(get(port, thumbnail)).shape[1] == 256
    ctl(tmp_path, "panic", "on")
    assert not is_live(decoded(get(port, "/snapshot.jpg")))
    for name in ("udnie", "great_wave"):
        with pytest.raises(AssertionError, match="answered 204"):
            get(port, thumbnail.replace("udnie", name))
    saved = cv2.imread(ctl(tmp_path, "snapshot").strip())
    assert saved is not None
    assert not is_live(cast(Image, saved))
    ctl(tmp_path, "record", "on")
    pictures = stream(port)
    for _ in range(20):
        assert not is_live(next(pictures)[1])
    pictures.close()
    video = cv2.VideoCapture(ctl(tmp_path, "record", "off").strip())
    recorded = 0
    while (frame := video.read())[0]:
        recorded += 1
        assert not is_live(cast(Image, frame[1]))
    assert recorded > 5
    ctl(tmp_path, "panic", "off")
    wait_for("the live picture", lambda: is_live(decoded(get(port, "/snapshot.jpg"))))
    assert decoded(get(port, thumbnail)).shape[1] == 256


def test_with_the_camera_off_a_snapshot_is_the_card_that_says_so(stylecam: Start, tmp_path: Path) -> None:
    port = free_port()
    stylecam("--camera", str(PORTRAIT), "--style", "none", "--size", "320x240", "--output", f"web:{port}")
    ctl(tmp_path, "rest", "on")
    assert not is_live(decoded(get(port, "/snapshot.jpg")))
    ctl(tmp_path, "rest", "off")
    assert is_live(decoded(get(port, "/snapshot.jpg")))


def test_a_run_that_was_quit_during_a_panic_starts_uncovered(stylecam: Start, tmp_path: Path) -> None:
    run = ("--camera", "demo", "--style", "none", "--size", "128x96", "--output", "null", "--no-hotkeys")
    first = stylecam(*run)
    ctl(tmp_path, "panic", "on")
    ctl(tmp_path, "quit")
    assert first.finish() == 0
    second = stylecam(*run)
    assert second.stats()["panic"] is False
    assert "stylecam ended while" not in second.errors
    ctl(tmp_path, "panic", "on")
    second.interrupt()  # Ctrl-C
    assert second.finish() == 0
    assert list((tmp_path / "running" / "stylecam").glob("cover-*")) == []


def test_another_output_is_not_covered_by_it(stylecam: Start, tmp_path: Path) -> None:
    run = ("--camera", "demo", "--style", "none", "--size", "128x96", "--no-hotkeys", "--output")
    first = stylecam(*run, f"web:{free_port()}")
    ctl(tmp_path, "panic", "on")
    first.kill()
    other = stylecam(*run, "null")
    assert other.stats()["panic"] is False

"""Sources as they are: files made by ffmpeg, streams that come and go."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from stylecam.media.frame import Image
from tests.end_to_end.conftest import Need, Start
from tests.end_to_end.outside import (
    HOST,
    PATIENCE_S,
    STREAM,
    TOKEN,
    Program,
    difference,
    free_port,
    snapshot,
    stream,
    wait_for,
)

pytestmark = pytest.mark.system


@pytest.fixture
def make_clip(need: Need, tmp_path: Path) -> Callable[..., Path]:
    """Makes a video with ffmpeg from lavfi sources shown one after the other."""

    def make(*shown: str) -> Path:
        path = tmp_path / "clip.mp4"
        inputs = [word for source in shown for word in ("-f", "lavfi", "-i", source)]
        joined = "".join(f"[{n}:v]" for n in range(len(shown))) + f"concat=n={len(shown)}[all]"
        command = [need("ffmpeg"), "-nostdin", "-v", "error", *inputs, "-filter_complex", joined, "-map", "[all]"]
        subprocess.run([*command, "-pix_fmt", "yuv420p", str(path)], check=True, timeout=PATIENCE_S)
        return path

    return make


def colour(image: Image) -> str:
    """`red` or `blue`, whichever the picture is."""
    blue, _, red = image.reshape(-1, 3).mean(axis=0)
    return "red" if red > blue else "blue"


def test_a_video_file_plays_at_its_own_rate(stylecam: Start, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("testsrc=size=320x180:rate=10:duration=30")
    program = stylecam("--camera", str(clip), "--style", "none", "--size", "320x180", "--output", "null")
    begin = program.stats()
    end = program.wait_until("three seconds", lambda stats: stats["seconds"] > begin["seconds"] + 3)
    rate = (end["captured"] - begin["captured"]) / (end["seconds"] - begin["seconds"])
    assert 6 < rate < 12
    assert end["repeats"] > end["captured"]


def test_a_video_file_starts_again_at_its_end(stylecam: Start, make_clip: Callable[..., Path]) -> None:
    part = "color={}:size=320x180:rate=30:duration=0.7"
    clip = make_clip(part.format("red"), part.format("blue"))
    port = free_port()
    stylecam("--camera", str(clip), "--style", "none", "--size", "320x180", "--output", f"web:{port}")
    turns: list[str] = []
    began = time.monotonic()
    for arrived, image in stream(port):
        if turns[-1:] != [colour(image)]:
            turns.append(colour(image))
        if len(turns) == 5:
            break
        assert arrived < began + PATIENCE_S, f"no loop; seen so far: {turns}"
    assert set(turns) == {"red", "blue"}


def test_a_video_that_is_no_video_is_one_line(stylecam: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 5000)
    program = stylecam("--camera", str(broken), "--output", "null", wait=False)
    assert program.finish() == 2
    assert program.errors.splitlines() == [
        f"stylecam: {broken} holds no video that OpenCV's FFmpeg can read; try it in a player"
    ]


class Relay:
    """Two stylecams: one is the camera of the other, over the network of this machine."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._camera_port, self.port = free_port(), free_port()
        self.address = f"http://{HOST}:{self._camera_port}{STREAM}"
        self.camera = self.start_camera()
        self.program = start(
            "--camera", self.address, "--style", "none", "--size", "320x180", "--output", f"web:{self.port}"
        )  # fmt: skip

    def start_camera(self) -> Program:
        demo = ("--camera", "demo", "--style", "none", "--size", "320x180")
        self.camera = self._start(*demo, "--output", f"web:{self._camera_port}")
        return self.camera

    def moves(self) -> bool:
        pictures = [image for _, image in islice(stream(self.port), 8)]
        return difference(pictures[0], pictures[-1]) > 0.5


@pytest.fixture
def relay(stylecam: Start) -> Relay:
    return Relay(stylecam)


def test_a_network_stream_is_a_camera(relay: Relay) -> None:
    assert relay.moves()
    stats = relay.program.stats()
    assert stats["source"]["name"] == relay.address.replace(TOKEN, "***")
    assert stats["source_trouble"] is None


def test_a_lost_stream_leaves_the_last_picture_with_a_badge_and_comes_back(relay: Relay) -> None:
    relay.camera.kill()
    lost = relay.program.wait_until("the loss to be seen", lambda stats: stats["source_trouble"])
    assert lost["faults"]["source"] == 1
    assert relay.address.replace(TOKEN, "***") in lost["source_trouble"]

    first, second = snapshot(relay.port), snapshot(relay.port)
    assert difference(first, second) == 0, "the last picture stays"
    corner = first[150:176, 8:90]
    assert corner.min() < 60, "the badge has a dark plate"
    assert corner.max() > 180, "and light words"
    still_published = relay.program.stats()["published"]
    relay.program.wait_until("the rate to be held", lambda stats: stats["published"] > still_published + 30)

    relay.start_camera()
    relay.program.wait_until("the stream to be back", lambda stats: not stats["source_trouble"])
    wait_for("a moving picture", relay.moves)
    assert "the camera is back" in relay.program.errors


def test_a_stream_that_falls_silent_is_shown_as_stalled_and_goes_on_when_it_does(relay: Relay) -> None:
    relay.camera.process.send_signal(signal.SIGSTOP)
    before = snapshot(relay.port)
    try:
        wait_for(
            "a badge on the held picture",
            lambda: (difference(before, snapshot(relay.port)) > 0.3 and not relay.moves()) or None,
        )
    finally:
        relay.camera.process.send_signal(signal.SIGCONT)
    wait_for("a moving picture", relay.moves)

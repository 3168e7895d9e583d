"""Changing the camera of a run: no gap, no bare picture, and the old one stays where the new one fails."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.control.command_queue import CommandResult
from stylecam.errors import CameraBusyError, CameraNotFoundError, CommandRefusedError
from stylecam.live import camera_switch
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sources import factory
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource
from stylecam.media.sources.devices import Camera
from stylecam.media.testing import FailingSource, gray_image
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import SystemClock
from tests.doubles import until
from tests.live.fixtures import SIZE, running
from tests.models.networks import negative

LEVELS = {"dark.mp4": 30, "light.mp4": 100}
"""The clips and their grey levels. The network paints the negative, so everything above 128 is a painting."""
SWITCHES = 50
PATIENCE_S = 20


class TimedSink(Sink):
    """Notes for each frame its level, when it was captured, and when it was published."""

    name = "timed"

    def __init__(self, clock: SystemClock) -> None:
        super().__init__()
        self._clock = clock
        self.frames: list[tuple[int, float, float]] = []

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        self.frames.append(
            (int(frame.image[SIZE.height // 2, SIZE.width // 2, 1]), frame.captured_at, self._clock.now())
        )

    def _close(self) -> None:
        pass

    def gaps_ms(self, fresh: bool) -> list[float]:
        """The times between published frames, or between fresh ones, which are no repetitions."""
        times: list[float] = []
        newest = 0.0
        for _, captured_at, published_at in self.frames:
            if not fresh or captured_at > newest:
                times.append(published_at)
            newest = max(newest, captured_at)
        return [1000 * (after - before) for before, after in itertools.pairwise(times)]


class GatedSource(FailingSource):
    """A camera that opens when it is let."""

    def __init__(self, name: str, gate: threading.Event, refusals: Any = ()) -> None:
        super().__init__([gray_image(LEVELS["light.mp4"], SIZE)], SystemClock(), refusals)
        self.name, self.gate = name, gate
        self.began = threading.Event()

    def _open(self, size: Size, fps: float) -> None:
        self.began.set()
        assert self.gate.wait(PATIENCE_S)
        super()._open(size, fps)


class Run:
    """A session that shows a clip on a thread of its own."""

    def __init__(self, folder: Path) -> None:
        negative(folder / "negative.onnx")
        for name, level in LEVELS.items():
            clip = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*"mp4v"), 30, tuple(SIZE))
            for _ in range(12):
                clip.write(gray_image(level, SIZE))
            clip.release()
        self.folder, clock = folder, SystemClock()
        self.sink = TimedSink(clock)
        self.settings = Settings(
            camera=str(folder / "dark.mp4"), style="negative", size=SIZE, engine="opencv", hotkeys=False, server=False,
            terminal_keys=False, always_on=True,
        )  # fmt: skip
        self.session = Session(
            self.settings, Catalog.load([folder]), clock, sinks=[self.sink], reload=lambda: self.settings
        )

    def submit(self, text: str) -> Future[CommandResult]:
        return self.session.control.submit(text)

    @property
    def camera(self) -> str:
        return str(self.session.describe(self.session.control.state)["camera"])

    def allow(self, name: str) -> None:
        """Have the settings name a clip, as a changed configuration file does."""
        self.settings = replace(self.settings, camera=str(self.folder / name))
        self.submit("reload").result(PATIENCE_S)
        assert until(lambda: self.camera == name)

    def wait_for_frames(self, count: int = 4) -> None:
        enough = len(self.sink.frames) + count
        assert until(lambda: len(self.sink.frames) >= enough)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr(factory, "list_cameras", list)
    run = Run(tmp_path)
    with running(run.session):
        assert until(lambda: any(level > 128 for level, *_ in run.sink.frames))
        yield run


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Source]]:
    """Cameras of this computer, by name; a test adds them."""
    made: dict[str, Callable[[], Source]] = {}

    def make(text: str, _: Any) -> Source:
        if text not in made:
            raise CameraNotFoundError(f"no camera matches {text!r}")
        return made[text]()

    monkeypatch.setattr(camera_switch, "make_listed_source", make)
    return made


def test_fifty_switches_between_two_clips_show_no_bare_picture_and_no_gap(run: Run) -> None:
    run.allow("light.mp4")
    for number in range(SWITCHES):
        name = list(LEVELS)[number % 2]
        assert run.submit(f"camera:{name}").result(PATIENCE_S).extra == {"camera": name}
        run.wait_for_frames()
    painted = {255 - level for level in LEVELS.values()}
    levels = [level for level, captured_at, _ in run.sink.frames]
    first = next(at for at, level in enumerate(levels) if level > 128)
    assert min(levels[first:]) > 128, "a bare camera picture was published"
    assert painted <= {level + off for level in levels for off in range(-3, 4)}
    fresh, published = run.sink.gaps_ms(fresh=True), run.sink.gaps_ms(fresh=False)
    print(
        f"\n{SWITCHES} switches: longest time between two published pictures {max(published):.0f} ms, between two "
        f"fresh ones {max(fresh):.0f} ms (median {np.median(fresh):.0f} ms)"
    )


def test_the_old_camera_goes_on_while_the_new_one_opens(run: Run, cameras: dict[str, Callable[[], Source]]) -> None:
    gate = threading.Event()
    slow = GatedSource("slow", gate)
    cameras["slow"] = lambda: slow
    future = run.submit("camera:slow")
    assert slow.began.wait(PATIENCE_S)
    fresh = len(run.sink.gaps_ms(fresh=True))
    assert until(lambda: len(run.sink.gaps_ms(fresh=True)) > fresh + 5)
    assert (run.camera, future.done()) == ("dark.mp4", False)
    gate.set()
    future.result(PATIENCE_S)
    assert run.camera == "slow"


@pytest.mark.parametrize(
    "error", [CameraNotFoundError("it is not there any more"), CameraBusyError("it is in use by zoom")]
)
def test_a_camera_that_vanishes_while_it_is_switched_to_leaves_the_old_one_on(
    run: Run, cameras: dict[str, Callable[[], Source]], error: Exception
) -> None:
    gate = threading.Event()
    gate.set()
    gone = GatedSource("gone", gate, [error])
    cameras["gone"] = lambda: gone
    with pytest.raises(type(error), match=str(error)):
        run.submit("camera:gone").result(PATIENCE_S)
    assert run.camera == "dark.mp4"
    assert gone.closed == 1
    fresh = len(run.sink.gaps_ms(fresh=True))
    assert until(lambda: len(run.sink.gaps_ms(fresh=True)) > fresh + 3)


def test_of_two_who_switch_at_once_the_last_one_wins(run: Run, cameras: dict[str, Callable[[], Source]]) -> None:
    gate = threading.Event()
    sources = {name: GatedSource(name, gate) for name in ("one", "two", "three")}
    cameras.update({name: lambda source=source: source for name, source in sources.items()})  # type: ignore[misc]
    first = run.submit("camera:one")
    assert sources["one"].began.wait(PATIENCE_S)
    second, third = run.submit("camera:two"), run.submit("camera:three")
    assert until(lambda: run.session._require_parts().switches.camera._worker._calls.qsize() == 2)
    gate.set()
    assert third.result(PATIENCE_S).extra == {"camera": "three"}
    for earlier in (first, second):
        with pytest.raises(CommandRefusedError, match="another camera was chosen after this one"):
            earlier.result(PATIENCE_S)
    assert run.camera == "three"
    assert sources["one"].closed == 1
    assert sources["two"].opened == 0


@pytest.mark.parametrize("text", ["/etc/passwd", "light.mp4", "rtsp://192.0.2.7/live", "../light.mp4", "nothing"])
def test_files_and_addresses_that_the_settings_do_not_name_cannot_be_chosen(run: Run, text: str) -> None:
    with pytest.raises(CameraNotFoundError, match="no camera matches"):
        run.submit(f"camera:{text}").result(PATIENCE_S)
    assert run.camera == "dark.mp4"


def test_the_choices_are_the_cameras_the_users_own_file_and_the_demo(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Camera(0, "HD Webcam", "/dev/video0"),
        Camera(10, "stylecam", "/dev/video10", virtual=True),
        Camera(2, "Locked", "/dev/video2", problem="no permission"),
    ]
    monkeypatch.setattr(camera_switch, "list_cameras", lambda: found)
    choices = run.session._require_parts().switches.camera.choices()
    assert [(choice["which"], choice["current"], choice["problem"]) for choice in choices] == [
        ("/dev/video0", False, None), ("/dev/video2", False, "no permission"), ("dark.mp4", True, None),
        ("demo", False, None),
    ]  # fmt: skip


def test_without_a_name_the_next_one_is_taken_and_after_the_last_the_first(run: Run) -> None:
    for name in ("demo", "dark.mp4"):
        assert run.submit("camera").result(PATIENCE_S).extra == {"camera": name}


def test_a_switch_to_the_demo_and_the_end_of_the_run_leave_nothing_open(run: Run) -> None:
    assert run.submit("camera:demo").result(PATIENCE_S).extra == {"camera": "demo"}
    run.wait_for_frames()
    assert run.session.report().source["kind"] == "demo"


def test_a_clip_may_be_allowed_while_the_choices_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEVELS:
        (tmp_path / name).touch()
    clock, choice = SystemClock(), camera_switch._choice
    parts: Any = SimpleNamespace(clock=clock, source=DemoSource(clock))
    switcher = camera_switch.CameraSwitcher(parts, parts, str(tmp_path / "dark.mp4"), parts, lambda: None)

    def allowing(*values: Any) -> dict[str, Any]:
        switcher.allow(str(tmp_path / "light.mp4"))  # as a reload does, on the main thread
        return choice(*values)

    monkeypatch.setattr(camera_switch, "list_cameras", list)
    monkeypatch.setattr(camera_switch, "_choice", allowing)
    assert "dark.mp4" in [each["name"] for each in switcher.choices()]

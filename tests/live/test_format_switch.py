"""Changing the size and the rate of a run: no gap, no bare picture, and what cannot follow gets the picture scaled."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from stylecam.control.command_queue import CommandResult
from stylecam.errors import CommandRefusedError, EngineRunError, UsageError
from stylecam.live.publisher import SinkRunner
from stylecam.live.reload import Reloader
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.testing import ScriptedSource, gray_image
from stylecam.models.catalog import Catalog
from stylecam.stylize.frame_stylizer import FrameStylizer
from stylecam.utils.clock import SystemClock
from tests.doubles import until
from tests.live.fixtures import SIZE, running
from tests.models.networks import negative

LEVEL = 60
"""The grey level of the camera. The network paints the negative, so everything above 128 is a painting."""
LARGE, TALL = Size(256, 192), Size(96, 128)
SWITCHES = 20
PATIENCE_S = 30


class SizedSink(Sink):
    """Notes the size, the level and the time of each frame. Somebody reads it."""

    def __init__(self, name: str, any_size: bool, clock: SystemClock) -> None:
        super().__init__()
        self.name, self.any_size = name, any_size
        self._clock = clock
        self.frames: list[tuple[Size, int, float]] = []

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        self.frames.append((frame.size, int(frame.image[frame.size.height // 2, 8, 1]), self._clock.now()))

    def _close(self) -> None:
        pass

    @property
    def painted(self) -> list[tuple[Size, int, float]]:
        """The frames from the first painting on."""
        return list(itertools.dropwhile(lambda frame: frame[1] <= 128, self.frames))


class Camera(ScriptedSource):
    """A camera that notes what it is asked for."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__([gray_image(LEVEL, SIZE)], clock)
        self.asked: list[tuple[Size, float]] = []

    def serves(self, size: Size, fps: float) -> bool:
        return self.asked[-1] == (size, fps)

    def _open(self, size: Size, fps: float) -> None:
        super()._open(size, fps)
        self.asked.append((size, fps))


class Run:
    """A session on a thread of its own, with a page that takes any size and a device that is read at one."""

    def __init__(self, folder: Path) -> None:
        negative(folder / "negative.onnx")
        clock = SystemClock()
        self.page, self.device = SizedSink("page", True, clock), SizedSink("device", False, clock)
        self.camera = Camera(clock)
        self.settings = Settings(
            style="negative", size=SIZE, engine="opencv", hotkeys=False, server=False, terminal_keys=False,
            always_on=True,
        )  # fmt: skip
        self.session = Session(
            self.settings, Catalog.load([folder]), clock, source=self.camera, sinks=[self.page, self.device],
            reload=lambda: self.settings,
        )  # fmt: skip

    def submit(self, text: str) -> Future[CommandResult]:
        return self.session.control.submit(text)

    def wait_for(self, size: Size) -> None:
        count = len(self.page.frames)
        assert until(lambda: any(frame[0] == size for frame in self.page.frames[count:]))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    with running(run.session):
        assert until(lambda: bool(run.page.painted))
        yield run


def test_switches_of_the_size_show_no_bare_picture_and_reach_every_output(run: Run) -> None:
    sizes = itertools.cycle([LARGE, TALL, SIZE])
    for size in itertools.islice(sizes, SWITCHES):
        result = run.submit(f"size:{size}").result(PATIENCE_S)
        assert result.extra is not None
        assert result.extra["size"] == str(size)
        run.wait_for(size)
    for sink in (run.page, run.device):
        assert min(level for _, level, _ in sink.painted) > 128, "a bare camera picture or a card was published"
    assert {size for size, *_ in run.page.painted} == {SIZE, LARGE, TALL}
    assert {size for size, *_ in run.device.frames} == {SIZE}
    times = [at for *_, at in run.page.painted]
    gap_ms = max(1000 * (after - before) for before, after in itertools.pairwise(times))
    print(f"\n{SWITCHES} switches of the size: longest time between two published pictures {gap_ms:.0f} ms")


def test_what_keeps_its_size_is_named_in_one_line(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    line = "device stays at 128x96 while it is read, and gets the picture scaled"
    result = run.submit("size:256x192").result(PATIENCE_S)
    assert result.extra == {"size": "256x192", "fps": 30.0, "kept": [line]}
    assert caplog.messages.count(line) == 1
    assert run.session.report().size == LARGE


def test_the_rate_changes_and_the_camera_is_asked_for_it(run: Run) -> None:
    run.submit("fps:60").result(PATIENCE_S)
    assert until(lambda: run.camera.asked[-1] == (SIZE, 60.0))
    assert run.session.report().fps == 60
    count = len(run.page.frames)
    assert until(lambda: len(run.page.frames) > count + 30)
    assert min(level for _, level, _ in run.page.painted) > 128


def test_size_and_rate_of_the_configuration_are_taken_by_a_reload(run: Run) -> None:
    run.settings = replace(run.settings, size=LARGE, fps=20.0)
    run.submit("reload").result(PATIENCE_S)
    assert until(lambda: (run.session.report().size, run.session.report().fps) == (LARGE, 20.0))
    run.wait_for(LARGE)


@pytest.mark.parametrize("text", ["size:big", "size:7x7", "size:1281x720", "fps:0", "fps:fast", "fps:1000"])
def test_a_wrong_size_or_rate_is_refused_in_one_line_and_the_picture_goes_on(run: Run, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        run.submit(text).result(PATIENCE_S)
    assert "\n" not in str(refused.value)
    assert run.session.report().size == SIZE


def test_while_a_file_is_recorded_the_size_changes_and_the_rate_does_not(run: Run) -> None:
    recorder = SizedSink("file talk.mp4", False, SystemClock())
    recorder.kind = "file"
    recorder.open(SIZE, 30)
    run.session.pipeline.publisher.add(SinkRunner(recorder, SIZE, 30))
    with pytest.raises(CommandRefusedError, match=r"talk\.mp4 is recorded at 30 fps; end the recording first"):
        run.submit("fps:15").result(PATIENCE_S)
    run.submit("size:256x192").result(PATIENCE_S)
    run.wait_for(LARGE)
    assert {size for size, *_ in recorder.frames} == {SIZE}


def test_a_network_that_cannot_be_made_ready_leaves_everything_as_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise EngineRunError("there is no memory for 256x192")

    monkeypatch.setattr(FrameStylizer, "prepare", broken)
    with pytest.raises(EngineRunError, match="there is no memory"):
        run.submit("size:256x192").result(PATIENCE_S)
    count = len(run.page.frames)
    assert until(lambda: len(run.page.frames) > count + 5)
    assert {size for size, *_ in run.page.frames} == {SIZE}


def test_of_two_pages_that_choose_a_size_at_once_the_last_one_wins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, began, prepare = threading.Event(), threading.Event(), FrameStylizer.prepare

    def gated(stylizer: FrameStylizer, look: Any) -> None:
        began.set()
        assert gate.wait(PATIENCE_S)
        prepare(stylizer, look)

    monkeypatch.setattr(FrameStylizer, "prepare", gated)
    first = run.submit("size:256x192")
    assert began.wait(PATIENCE_S)
    switcher = run.session._require_parts().switches.formats
    second = run.submit("size:96x128")
    assert until(lambda: switcher._newest["size"].future is second)
    gate.set()
    with pytest.raises(CommandRefusedError, match="another size was chosen after this one"):
        first.result(PATIENCE_S)
    second.result(PATIENCE_S)
    run.wait_for(TALL)
    assert {size for size, *_ in run.page.frames} == {SIZE, TALL}


def test_a_frozen_picture_stays_and_a_panic_gets_its_card_at_the_new_size(run: Run) -> None:
    run.submit("freeze:on").result(PATIENCE_S)
    run.submit("size:256x192").result(PATIENCE_S)
    count = len(run.page.frames)
    assert until(lambda: len(run.page.frames) > count + 5)
    assert run.page.frames[-1][:2] == (SIZE, 255 - LEVEL)
    run.submit("panic:on").result(PATIENCE_S)
    run.wait_for(LARGE)
    run.submit("panic:off").result(PATIENCE_S)
    run.submit("freeze:off").result(PATIENCE_S)
    assert until(lambda: run.page.frames[-1][:2] == (LARGE, 255 - LEVEL))


def test_a_panic_picture_that_has_vanished_stays_as_it_was_read(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = tmp_path / "back.png"
    cv2.imwrite(str(picture), gray_image(222, SIZE))
    run.settings = replace(run.settings, panic_picture=picture)
    run.submit("reload").result(PATIENCE_S)
    picture.unlink()
    run.submit("size:256x192").result(PATIENCE_S)
    assert "the picture that was read before stays" in caplog.text
    run.submit("panic:on").result(PATIENCE_S)
    assert until(lambda: run.page.frames[-1][:2] == (LARGE, 222))


def test_a_panic_picture_that_is_read_during_a_switch_is_shown_after_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, read = tmp_path / "back.png", Reloader.panic_image
    cv2.imwrite(str(picture), gray_image(222, SIZE))
    gate, began = threading.Event(), threading.Event()

    def gated(reloader: Reloader, size: Size) -> Image:
        before = read(reloader, size)
        began.set()
        assert gate.wait(PATIENCE_S)
        return before

    monkeypatch.setattr(Reloader, "panic_image", gated)
    switch = run.submit("size:256x192")
    assert began.wait(PATIENCE_S)
    run.settings = replace(run.settings, panic_picture=picture)
    reload = run.submit("reload")
    reloader = run.session._require_parts().reloader
    assert until(lambda: reloader._settings.panic_picture == picture)
    gate.set()
    for command in (switch, reload, run.submit("panic:on")):
        command.result(PATIENCE_S)
    assert until(lambda: run.page.frames[-1][:2] == (LARGE, 222))


def test_the_choices_are_the_usual_sizes_and_those_of_now(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.camera, "describe", lambda: {"name": "camera", "kind": "camera", "size": [640, 480]})
    run.submit("fps:29").result(PATIENCE_S)
    choices = run.session._require_parts().switches.choices()
    assert {"128x96", "640x480", "1280x720", "1920x1080"} <= set(choices["sizes"])
    assert {29.0, 30.0, 60.0} <= set(choices["rates"])
    assert [output["which"] for output in choices["outputs"][:2]] == ["page", "device"]

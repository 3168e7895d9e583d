"""The running camera for programs."""

from __future__ import annotations

import threading
import urllib.request
from typing import Any

import pytest

from stylecam import Frame, Live
from stylecam.control.keyboard.terminal import TerminalKeys
from stylecam.errors import (
    CameraNotFoundError,
    CommandRefusedError,
    SessionNotOpenError,
    SinkUnavailableError,
    StyleNotFoundError,
    UsageError,
)
from stylecam.media.frame import Size
from stylecam.media.sinks.base import Sink
from stylecam.media.testing import CollectingSink

pytestmark = pytest.mark.usefixtures("own_settings")
SMALL: dict[str, Any] = {
    "camera": "demo",
    "size": (320, 180),
    "style": "great_wave",
    "engine": "opencv",
    "always_on": True,
}


class CountingSink(Sink):
    """Remembers the sizes it was given, and can wait for a frame."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[int, ...]] = set()
        self.enough, self.closed = threading.Event(), threading.Event()
        self._count = 0

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        self._count += 1
        self.shapes.add(frame.image.shape)
        if self._count >= 3:
            self.enough.set()

    def _close(self) -> None:
        self.closed.set()


def test_a_program_runs_the_camera_and_presses_keys() -> None:
    sink = CountingSink()
    with Live(sinks=[sink], **SMALL) as live:
        assert sink.enough.wait(60)
        assert live.frame().image.shape == (180, 320, 3)
        result = live.press("select:the_scream").result(timeout=60)
        assert result.state.look.label == live.state.look.label == "the_scream"
    assert sink.shapes == {(180, 320, 3)}
    assert not live.running
    assert live.report().pipeline.frames.published >= 3


def test_the_page_is_served_where_it_is_asked_for_and_its_link_is_known() -> None:
    with Live(sinks=[CountingSink()], server=True, **SMALL) as live:
        assert live.link is not None
        with urllib.request.urlopen(live.link) as page:
            assert page.status == 200
    with Live(sinks=[CountingSink()], **SMALL) as live:
        assert live.link is None


def test_a_wrong_command_names_the_nearest_and_a_refused_one_is_in_the_future() -> None:
    with Live(sinks=[CountingSink()], **SMALL) as live:
        with pytest.raises(UsageError, match="next"):
            live.press("nxt")
        with pytest.raises(CommandRefusedError):
            live.press("reload").result(timeout=60)


def test_quitting_ends_the_run() -> None:
    with Live(sinks=[CountingSink()], **SMALL) as live:
        live.press("quit")
        assert live.wait(60)
        with pytest.raises(SessionNotOpenError):
            live.press("next")


def test_before_the_block_there_is_no_camera() -> None:
    live = Live(sinks=[CountingSink()], **SMALL)
    for use in (live.frame, live.report, live.wait, lambda: live.press("next")):
        with pytest.raises(SessionNotOpenError):
            use()


def test_an_instance_runs_once() -> None:
    live = Live(sinks=[CountingSink()], **SMALL)
    with live:
        with pytest.raises(SessionNotOpenError, match="make a new"):
            live.__enter__()
        assert live.running
    with pytest.raises(SessionNotOpenError, match="make a new"):
        live.__enter__()


def test_a_run_that_ends_by_itself_closes_its_sinks_at_once() -> None:
    sink = CountingSink()
    with Live(sinks=[sink], seconds=0.3, **SMALL) as live:
        assert live.wait(60)
        assert sink.closed.is_set()
        assert not live.running
        assert live.report().seconds >= 0.3


def test_an_unexpected_error_ends_the_run_and_is_raised_by_the_block() -> None:
    class Faulty(CountingSink):
        def _write(self, frame: Frame) -> None:
            if frame.index >= 0:
                raise ZeroDivisionError("a mistake of ours")

    with pytest.raises(ZeroDivisionError), Live(sinks=[Faulty()], **SMALL) as live:  # noqa: PT012
        assert live.wait(60)
        with pytest.raises(SessionNotOpenError) as stopped:
            live.press("next")
        assert isinstance(stopped.value.__cause__, ZeroDivisionError)


def test_an_interrupt_in_the_block_closes_everything() -> None:
    sink = CountingSink()
    with pytest.raises(KeyboardInterrupt), Live(sinks=[sink], **SMALL) as live:
        raise KeyboardInterrupt
    assert sink.closed.is_set()
    assert not live.running


def test_the_terminal_of_the_program_stays_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(TerminalKeys, "start", lambda keys: started.append(keys))
    for more in ({}, {"terminal_keys": True}):
        with Live(sinks=[CountingSink()], **{**SMALL, **more}):
            pass
    assert len(started) == 1


def test_a_sink_that_cannot_be_opened_leaves_nothing_open() -> None:
    class Broken(CollectingSink):
        def _open(self, size: Size, fps: float) -> None:
            raise SinkUnavailableError("no such device")

    live = Live(sinks=[Broken()], **SMALL)
    with pytest.raises(SinkUnavailableError, match="no such device"):
        live.__enter__()
    assert not live.running
    with pytest.raises(SessionNotOpenError, match="make a new"):
        live.__enter__()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"stile": "great_wave"}, UsageError, "did you mean style"),
        ({"strength": 2.0}, UsageError, "--strength 2 is out of range"),
        ({"style": "great_waev"}, StyleNotFoundError, "great_wave"),
        ({"outputs": ["window"]}, UsageError, "main thread"),
    ],
)
def test_wrong_settings_are_errors_before_anything_is_opened(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Live(**settings)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 720}, r"size 720 is not \(width, height\)"),
        ({"size": "720"}, "size '720' is not WIDTHxHEIGHT"),
        ({"size": (320, 180, 3)}, r"is not \(width, height\)"),
        ({"paint": "nobody"}, "must be everything, person or room"),
        ({"room": "blurr"}, "did you mean blur"),
        ({"outputs": "null"}, r"write outputs=\['null'\]"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_with_an_example(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Live(**{**SMALL, **wrong})


def test_a_camera_may_be_an_index_which_is_looked_up() -> None:
    with pytest.raises(CameraNotFoundError, match="no camera matches '987'"), Live(**{**SMALL, "camera": 987}):
        pytest.fail("the camera must not open")

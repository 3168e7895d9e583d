"""Tests of the preview window with fakes of OpenCV's window functions."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks import window
from stylecam.media.sinks.window import WindowSink
from tests.doubles import frame

SIZE = Size(128, 96)


class FakeScreen:
    """Stands in for OpenCV's windows; the test sets the pressed key and whether the window is visible."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []
        self.visible = 1.0
        self.key = -1
        self.destroyed = 0

    def destroy(self) -> None:
        self.destroyed += 1


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> FakeScreen:
    screen = FakeScreen()
    monkeypatch.setattr(window, "_display_problem", lambda: None)
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, image: screen.shown.append(image))
    monkeypatch.setattr(cv2, "waitKeyEx", lambda _: screen.key)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: screen.visible)
    monkeypatch.setattr(cv2, "destroyAllWindows", screen.destroy)
    return screen


def half_white() -> Frame:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255
    return Frame(image, 0, 0.0)


@pytest.mark.parametrize(("mirrored", "left"), [(True, 0), (False, 255)])
def test_the_preview_is_mirrored_unless_the_picture_is_mirrored_already(
    screen: FakeScreen, mirrored: bool, left: int
) -> None:
    sink = WindowSink(mirrored)
    sink.open(SIZE, 30)
    sink.write(half_white())
    sink.show()
    assert screen.shown[0][0, 0, 0] == left


def test_the_newest_picture_is_shown_once(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    sink.write(frame(0))
    sink.write(frame(1))
    sink.show()
    sink.show()
    assert len(screen.shown) == 1


def test_a_key_pressed_in_the_window_is_passed_on(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    sink.write(frame())
    screen.key = ord("n")
    assert sink.show() == "n"


@pytest.mark.parametrize("code", [0xFF51, 0x25_00_00, 0xFFE1, 27, 13])
def test_special_keys_are_ignored(screen: FakeScreen, code: int) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    sink.write(frame())
    screen.key = code
    assert sink.show() is None


def test_without_a_key_press_none_is_returned(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    sink.write(frame())
    assert sink.show() is None


def test_before_the_first_picture_there_is_no_window(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    assert sink.show() is None
    assert screen.shown == []


def test_closing_the_window_is_noticed_and_ends_its_output(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    for _ in range(2):
        sink.write(frame())
        sink.show()
    screen.visible = 0.0
    sink.show()
    assert sink.closed_by_user
    with pytest.raises(SinkLostError, match="was closed"):
        sink.write(frame())


def test_the_window_is_destroyed_once(screen: FakeScreen) -> None:
    sink = WindowSink()
    sink.open(SIZE, 30)
    sink.write(frame())
    sink.show()
    sink.destroy()
    sink.destroy()
    assert screen.destroyed == 1


def test_without_a_display_it_is_refused_with_an_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_display_problem", lambda: "cannot connect to the X display")
    with pytest.raises(SinkUnavailableError, match="cannot connect to the X display; use --output web"):
        WindowSink().open(SIZE, 30)


def test_a_missing_display_is_detected_without_opening_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    problem = window._display_problem()
    assert problem is not None
    assert "display" in problem.lower() or "without windows" in problem

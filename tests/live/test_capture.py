"""Capturing: the newest frame, and coming back from losses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stylecam.errors import CameraBusyError, CameraNotFoundError, SourceError, SourceLostError
from stylecam.live.capture import BACKOFF_S, STALLED_S, Capture
from stylecam.live.viewers import LINGER_S
from stylecam.media.frame import Frame, Size
from stylecam.testing import FailingSource, ScriptEvent, gray_image
from stylecam.utils.clock import ManualClock
from stylecam.utils.latest import Latest
from tests.doubles import viewers, watchable_sink
from tests.live.fixtures import pipeline_context

LOST = SourceLostError("HD Webcam gives no more pictures; is it still plugged in?")
BUSY = CameraBusyError("HD Webcam is in use by zoom (process 42); close it there and try again", [("zoom", 42)])
GONE = CameraNotFoundError("HD Webcam is not there any more; plug it in again")


class SteppedCapture:
    """A capture with a scripted source, stepped by hand."""

    def __init__(
        self, events: Sequence[ScriptEvent], refusals: Sequence[SourceError] = (), *, live: bool = True
    ) -> None:
        self.clock = ManualClock()
        self.source = FailingSource(events, self.clock, refusals)
        self.source.live = live
        self.slot: Latest[Frame] = Latest()
        self.sink = watchable_sink()
        self.viewers = viewers(self.sink, now=self.clock.now())
        self.context = pipeline_context(self.clock, self.viewers)
        self.stats, self.stop = self.context.stats, self.context.stopping
        self.capture = Capture(self.source, self.slot, self.context)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.capture.step()

    def empty(self) -> None:
        """The last viewer has left, and stays away."""
        self.sink.taken = False
        self.clock.advance(LINGER_S)
        self.viewers.update(self.clock.now())

    def fill(self) -> None:
        self.sink.taken = True
        self.clock.advance(1)
        self.viewers.update(self.clock.now())

    @property
    def badge_text(self) -> str | None:
        return self.capture.badge_text(self.clock.now())


def test_frames_go_to_the_stylist_with_their_number_and_time() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step()
    frame = stage.slot.take()
    assert frame is not None
    assert (frame.index, frame.captured_at) == (0, stage.clock.now())


def test_a_frame_the_stylist_did_not_take_is_a_drop() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step(3)
    snapshot = stage.stats.snapshot(stage.clock.now())
    assert (snapshot.captured, snapshot.drops) == (3, 2)


def test_a_moment_without_a_picture_is_no_loss() -> None:
    stage = SteppedCapture([gray_image(), None, gray_image()])
    stage.step(3)
    assert stage.badge_text is None
    assert stage.stats.snapshot(0).captured == 2


def test_an_unplugged_camera_is_noticed_at_once() -> None:
    stage = SteppedCapture([gray_image(), LOST])
    stage.step(2)
    assert stage.badge_text == "camera lost"
    assert stage.capture.trouble == str(LOST)


def test_an_unplugged_camera_is_closed_and_counted_as_one_fault() -> None:
    stage = SteppedCapture([gray_image(), LOST], refusals=[GONE] * 10)
    stage.step(6)
    assert stage.source.closed == 1
    assert stage.stats.snapshot(0).faults.by_kind["source"] == 1


def test_a_camera_plugged_in_again_is_used_again() -> None:
    stage = SteppedCapture([gray_image(), LOST, gray_image()], refusals=[GONE] * 3)
    stage.step(7)
    assert stage.badge_text is None
    assert stage.capture.trouble is None
    assert stage.stats.snapshot(0).captured == 2


def test_attempts_to_open_it_back_off() -> None:
    stage = SteppedCapture([LOST], refusals=[GONE] * 20)
    stage.step()
    waits = []
    for _ in range(7):
        before = stage.clock.now()
        stage.step()
        waits.append(stage.clock.now() - before)
    assert waits == pytest.approx([*BACKOFF_S, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("away_s", [0.1, 1.0, 5.0, 60.0, 3600.0])
def test_it_is_back_within_two_seconds_of_its_return(away_s: float) -> None:
    stage = SteppedCapture([gray_image(), LOST, gray_image()], refusals=[GONE] * 10_000)
    stage.step(2)
    returned_at = stage.clock.now() + away_s
    while stage.capture.trouble:
        if stage.clock.now() >= returned_at - max(BACKOFF_S):
            # whatever attempt comes after its return must find it
            stage.source.refusals = [] if stage.clock.now() >= returned_at else stage.source.refusals[:1]
        stage.step()
    assert stage.clock.now() - returned_at < 2.0


def test_the_back_off_starts_anew_with_each_loss() -> None:
    stage = SteppedCapture([LOST, gray_image(), LOST], refusals=[GONE] * 4)
    stage.step(7)
    stage.source.refusals = []
    stage.step()
    before = stage.clock.now()
    stage.step()
    assert stage.clock.now() - before == pytest.approx(BACKOFF_S[0])


def test_a_camera_another_program_took_is_shown_as_busy_with_that_program() -> None:
    stage = SteppedCapture([LOST], refusals=[BUSY])
    stage.step(2)
    assert stage.badge_text == "camera busy"
    assert stage.capture.trouble == str(BUSY)


def test_a_busy_camera_that_is_then_unplugged_keeps_being_looked_for() -> None:
    stage = SteppedCapture([LOST, gray_image()], refusals=[BUSY, GONE])
    stage.step(5)
    assert stage.capture.trouble is None


def test_a_silent_camera_is_shown_as_stalled() -> None:
    stage = SteppedCapture([gray_image(), None])
    stage.step(2)
    stage.clock.advance(STALLED_S)
    assert stage.badge_text == "camera stalled"


def test_a_silent_camera_is_noticed_while_its_read_still_hangs() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step()
    assert stage.capture.badge_text(stage.clock.now() + STALLED_S + 0.1) == "camera stalled"


def test_a_camera_that_speaks_again_is_no_longer_stalled() -> None:
    stage = SteppedCapture([gray_image(), None, gray_image()])
    stage.step(2)
    stage.clock.advance(STALLED_S)
    stage.step()
    assert stage.badge_text is None


def test_a_camera_is_given_time_for_its_first_picture() -> None:
    stage = SteppedCapture([None])
    stage.step()
    assert stage.badge_text is None


def test_a_camera_that_never_delivers_is_shown_as_stalled() -> None:
    stage = SteppedCapture([None])
    stage.clock.advance(60)
    assert stage.badge_text == "camera stalled"


def test_a_file_that_waits_is_not_called_a_stalled_camera() -> None:
    stage = SteppedCapture([gray_image(), None], live=False)
    stage.step(2)
    stage.clock.advance(60)
    assert stage.badge_text is None


def test_a_reopened_camera_gets_time_for_its_first_picture() -> None:
    stage = SteppedCapture([gray_image(), LOST, None])
    stage.step(2)
    stage.clock.advance(60)
    stage.step()
    assert stage.badge_text is None


def test_stopping_ends_the_wait_between_attempts() -> None:
    stage = SteppedCapture([LOST])
    stage.step()
    stage.stop.set()
    before = stage.clock.now()
    stage.step()
    assert stage.clock.now() == before
    assert stage.source.opened == 0


def test_when_stopped_the_source_is_closed() -> None:
    stage = SteppedCapture([gray_image()])
    stage.stop.set()
    stage.capture.run()
    assert stage.source.closed == 1


def test_the_source_is_closed_also_when_reading_fails_in_an_unforeseen_way() -> None:
    stage = SteppedCapture([gray_image()])

    def broken() -> None:
        raise ZeroDivisionError

    stage.source._read = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        stage.capture.run()
    assert stage.source.closed == 1


def test_a_camera_is_closed_once_when_nobody_watches_and_not_read() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step(2)
    stage.empty()
    stage.step(100)
    assert stage.source.closed == 1
    assert stage.stats.snapshot(0).captured == 2


def test_a_camera_that_rests_is_neither_lost_nor_stalled() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step()
    stage.empty()
    stage.step(200)
    assert (stage.badge_text, stage.capture.trouble) == (None, None)


def test_a_viewer_brings_the_camera_back_at_once() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step()
    stage.empty()
    stage.step(200)
    stage.fill()
    before = stage.clock.now()
    stage.step(2)
    assert stage.source.opened == 1
    assert stage.stats.snapshot(0).captured == 2
    assert stage.clock.now() - before == pytest.approx(1 / 30)
    assert stage.badge_text is None


def test_a_camera_that_was_taken_meanwhile_is_shown_as_busy_and_waited_for() -> None:
    stage = SteppedCapture([gray_image()], refusals=[BUSY, BUSY])
    stage.empty()
    stage.step()
    stage.fill()
    stage.step()
    assert (stage.badge_text, stage.capture.trouble) == ("camera busy", str(BUSY))
    stage.step(2)
    assert stage.badge_text is None


def test_nobody_looks_for_a_lost_camera_while_nobody_watches() -> None:
    stage = SteppedCapture([LOST], refusals=[GONE] * 100)
    stage.step(2)
    attempts = stage.source.opened
    stage.empty()
    stage.step(100)
    assert stage.source.opened == attempts


def test_a_file_waits_where_it_is_for_the_next_viewer() -> None:
    stage = SteppedCapture([gray_image()], live=False)
    stage.step()
    stage.empty()
    stage.step(10)
    stage.fill()
    stage.step(2)
    assert (stage.source.closed, stage.source.opened) == (0, 0)
    assert stage.stats.snapshot(0).captured == 2


def test_a_camera_that_takes_its_time_to_start_again_has_not_stalled() -> None:
    stage = SteppedCapture([gray_image()])
    stage.step()
    stage.empty()
    stage.step()
    stage.fill()
    seen: list[str | None] = []

    def slow(size: Size, fps: float) -> None:
        stage.clock.advance(2 * STALLED_S)
        seen.append(stage.badge_text)

    stage.source._open = slow  # type: ignore[method-assign]
    stage.step()
    assert [*seen, stage.badge_text] == [None, None]

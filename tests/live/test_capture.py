"""Capturing: the newest frame, and coming back from losses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stylecam.errors import CameraBusyError, CameraNotFoundError, CommandRefusedError, SourceError, SourceLostError
from stylecam.live.capture import BACKOFF_S, STALLED_S, Capture
from stylecam.live.viewers import LINGER_S
from stylecam.media.frame import Frame, Size
from stylecam.media.testing import FailingSource, ScriptEvent, gray_image
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
        self.latest: Latest[Frame] = Latest()
        self.sink = watchable_sink()
        self.viewers = viewers(self.sink, now=self.clock.now())
        self.context = pipeline_context(self.clock, self.viewers)
        self.stats, self.stop = self.context.stats, self.context.stopping
        self.capture = Capture(self.source, self.latest, self.context)

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


def test_frames_go_to_the_style_thread_with_their_number_and_time() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    frame = stepped.latest.take()
    assert frame is not None
    assert (frame.index, frame.captured_at) == (0, stepped.clock.now())


def test_a_frame_that_was_replaced_before_it_was_taken_is_a_drop() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step(3)
    snapshot = stepped.stats.snapshot(stepped.clock.now())
    assert (snapshot.captured, snapshot.drops) == (3, 2)


def test_a_moment_without_a_frame_is_no_loss() -> None:
    stepped = SteppedCapture([gray_image(), None, gray_image()])
    stepped.step(3)
    assert stepped.badge_text is None
    assert stepped.stats.snapshot(0).captured == 2


def test_an_unplugged_camera_is_noticed_at_once() -> None:
    stepped = SteppedCapture([gray_image(), LOST])
    stepped.step(2)
    assert stepped.badge_text == "camera lost"
    assert stepped.capture.trouble == str(LOST)


def test_an_unplugged_camera_is_closed_and_counted_as_one_fault() -> None:
    stepped = SteppedCapture([gray_image(), LOST], refusals=[GONE] * 10)
    stepped.step(6)
    assert stepped.source.closed == 1
    assert stepped.stats.snapshot(0).faults.by_kind["source"] == 1


def test_a_camera_plugged_in_again_is_used_again() -> None:
    stepped = SteppedCapture([gray_image(), LOST, gray_image()], refusals=[GONE] * 3)
    stepped.step(7)
    assert stepped.badge_text is None
    assert stepped.capture.trouble is None
    assert stepped.stats.snapshot(0).captured == 2


def test_attempts_to_open_it_back_off() -> None:
    stepped = SteppedCapture([LOST], refusals=[GONE] * 20)
    stepped.step()
    waits = []
    for _ in range(7):
        before = stepped.clock.now()
        stepped.step()
        waits.append(stepped.clock.now() - before)
    assert waits == pytest.approx([*BACKOFF_S, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("away_s", [0.1, 1.0, 5.0, 60.0, 3600.0])
def test_it_is_back_within_two_seconds_of_its_return(away_s: float) -> None:
    stepped = SteppedCapture([gray_image(), LOST, gray_image()], refusals=[GONE] * 10_000)
    stepped.step(2)
    returned_at = stepped.clock.now() + away_s
    while stepped.capture.trouble:
        if stepped.clock.now() >= returned_at - max(BACKOFF_S):
            # whatever attempt comes after its return must find it
            stepped.source.refusals = [] if stepped.clock.now() >= returned_at else stepped.source.refusals[:1]
        stepped.step()
    assert stepped.clock.now() - returned_at < 2.0


def test_the_back_off_starts_anew_with_each_loss() -> None:
    stepped = SteppedCapture([LOST, gray_image(), LOST], refusals=[GONE] * 4)
    stepped.step(7)
    stepped.source.refusals = []
    stepped.step()
    before = stepped.clock.now()
    stepped.step()
    assert stepped.clock.now() - before == pytest.approx(BACKOFF_S[0])


def test_a_camera_another_program_took_is_shown_as_busy_with_that_program() -> None:
    stepped = SteppedCapture([LOST], refusals=[BUSY])
    stepped.step(2)
    assert stepped.badge_text == "camera busy"
    assert stepped.capture.trouble == str(BUSY)


def test_a_busy_camera_that_is_then_unplugged_keeps_being_looked_for() -> None:
    stepped = SteppedCapture([LOST, gray_image()], refusals=[BUSY, GONE])
    stepped.step(5)
    assert stepped.capture.trouble is None


def test_a_silent_camera_is_shown_as_stalled() -> None:
    stepped = SteppedCapture([gray_image(), None])
    stepped.step(2)
    stepped.clock.advance(STALLED_S)
    assert stepped.badge_text == "camera stalled"


def test_a_silent_camera_is_noticed_while_its_read_still_hangs() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    assert stepped.capture.badge_text(stepped.clock.now() + STALLED_S + 0.1) == "camera stalled"


def test_a_camera_that_delivers_again_is_no_longer_stalled() -> None:
    stepped = SteppedCapture([gray_image(), None, gray_image()])
    stepped.step(2)
    stepped.clock.advance(STALLED_S)
    stepped.step()
    assert stepped.badge_text is None


def test_a_camera_is_given_time_for_its_first_picture() -> None:
    stepped = SteppedCapture([None])
    stepped.step()
    assert stepped.badge_text is None


def test_a_camera_that_never_delivers_is_shown_as_stalled() -> None:
    stepped = SteppedCapture([None])
    stepped.clock.advance(60)
    assert stepped.badge_text == "camera stalled"


def test_a_file_that_waits_is_not_called_a_stalled_camera() -> None:
    stepped = SteppedCapture([gray_image(), None], live=False)
    stepped.step(2)
    stepped.clock.advance(60)
    assert stepped.badge_text is None


def test_a_reopened_camera_gets_time_for_its_first_picture() -> None:
    stepped = SteppedCapture([gray_image(), LOST, None])
    stepped.step(2)
    stepped.clock.advance(60)
    stepped.step()
    assert stepped.badge_text is None


def test_stopping_ends_the_wait_between_attempts() -> None:
    stepped = SteppedCapture([LOST])
    stepped.step()
    stepped.stop.set()
    before = stepped.clock.now()
    stepped.step()
    assert stepped.clock.now() == before
    assert stepped.source.opened == 0


def test_when_stopped_the_source_is_closed() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.stop.set()
    stepped.capture.run()
    assert stepped.source.closed == 1


def test_the_source_is_closed_also_when_reading_fails_in_an_unforeseen_way() -> None:
    stepped = SteppedCapture([gray_image()])

    def broken() -> None:
        raise ZeroDivisionError

    stepped.source._read = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        stepped.capture.run()
    assert stepped.source.closed == 1


def test_a_camera_is_closed_once_when_nobody_watches_and_not_read() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step(2)
    stepped.empty()
    stepped.step(100)
    assert stepped.source.closed == 1
    assert stepped.stats.snapshot(0).captured == 2


def test_a_camera_that_rests_is_neither_lost_nor_stalled() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    stepped.empty()
    stepped.step(200)
    assert (stepped.badge_text, stepped.capture.trouble) == (None, None)


def test_a_viewer_brings_the_camera_back_at_once() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    stepped.empty()
    stepped.step(200)
    stepped.fill()
    before = stepped.clock.now()
    stepped.step(2)
    assert stepped.source.opened == 1
    assert stepped.stats.snapshot(0).captured == 2
    assert stepped.clock.now() - before == pytest.approx(1 / 30)
    assert stepped.badge_text is None


def test_a_camera_that_was_taken_meanwhile_is_shown_as_busy_and_waited_for() -> None:
    stepped = SteppedCapture([gray_image()], refusals=[BUSY, BUSY])
    stepped.empty()
    stepped.step()
    stepped.fill()
    stepped.step()
    assert (stepped.badge_text, stepped.capture.trouble) == ("camera busy", str(BUSY))
    stepped.step(2)
    assert stepped.badge_text is None


def test_a_lost_camera_is_not_reopened_while_nobody_watches() -> None:
    stepped = SteppedCapture([LOST], refusals=[GONE] * 100)
    stepped.step(2)
    attempts = stepped.source.opened
    stepped.empty()
    stepped.step(100)
    assert stepped.source.opened == attempts


def test_a_file_waits_where_it_is_for_the_next_viewer() -> None:
    stepped = SteppedCapture([gray_image()], live=False)
    stepped.step()
    stepped.empty()
    stepped.step(10)
    stepped.fill()
    stepped.step(2)
    assert (stepped.source.closed, stepped.source.opened) == (0, 0)
    assert stepped.stats.snapshot(0).captured == 2


def test_a_camera_that_takes_its_time_to_start_again_has_not_stalled() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    stepped.empty()
    stepped.step()
    stepped.fill()
    seen: list[str | None] = []

    def slow(size: Size, fps: float) -> None:
        stepped.clock.advance(2 * STALLED_S)
        seen.append(stepped.badge_text)

    stepped.source._open = slow  # type: ignore[method-assign]
    stepped.step()
    assert [*seen, stepped.badge_text] == [None, None]


def test_another_source_is_read_from_the_next_step_on_and_frames_are_numbered_on() -> None:
    stepped = SteppedCapture([gray_image(1)])
    stepped.step(2)
    other = FailingSource([gray_image(2)], stepped.clock, [])
    handed = stepped.capture.replace_source(other, opened=True)
    stepped.step()
    frame = stepped.latest.take()
    assert frame is not None
    assert (frame.index, frame.image[0, 0, 0]) == (2, 2)
    assert handed.result(0) is stepped.source
    assert (stepped.capture.source, stepped.capture.replaced, other.opened) == (other, 1, 0)


def test_another_source_ends_the_loss_of_the_one_before() -> None:
    stepped = SteppedCapture([LOST], [GONE] * 99)
    stepped.step(3)
    assert stepped.badge_text == "camera lost"
    stepped.capture.replace_source(FailingSource([gray_image()], stepped.clock, []), opened=True)
    stepped.step()
    assert {stepped.badge_text, stepped.capture.trouble} == {None}


def test_a_camera_chosen_while_nobody_watches_stays_off_until_somebody_does() -> None:
    stepped = SteppedCapture([gray_image()])
    stepped.step()
    stepped.empty()
    stepped.step()
    other = FailingSource([gray_image()], stepped.clock, [])
    stepped.capture.replace_source(other, opened=True)  # opened when there still was a viewer
    stepped.step(3)
    assert (other.closed, other.opened) == (1, 0)
    stepped.fill()
    stepped.step(2)
    assert other.opened == 1
    assert stepped.stats.snapshot(0).captured == 2


def test_a_camera_that_does_not_open_for_the_viewer_who_has_just_come_leaves_the_old_one_on() -> None:
    stepped = SteppedCapture([gray_image()])
    handed = stepped.capture.replace_source(FailingSource([gray_image()], stepped.clock, [GONE]), opened=False)
    stepped.step(2)
    assert handed.exception(0) is GONE
    assert stepped.capture.source is stepped.source
    assert stepped.stats.snapshot(0).captured == 2


def test_of_two_sources_that_wait_the_last_one_is_read_and_at_the_end_none() -> None:
    stepped = SteppedCapture([gray_image()])
    sources = [FailingSource([gray_image()], stepped.clock, []) for _ in range(4)]
    first, second, third = (stepped.capture.replace_source(source, opened=True) for source in sources[:3])
    assert third.cancel()
    assert isinstance(first.exception(0), CommandRefusedError)
    assert isinstance(second.exception(0), CommandRefusedError)
    stepped.step()
    assert stepped.capture.source is stepped.source
    stepped.stop.set()
    assert isinstance(stepped.capture.replace_source(sources[3], opened=True).exception(0), CommandRefusedError)

"""Tests of the track that a feed makes of sound, and of the microphone's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from stylecam.media.sound import microphone as microphone_module
from stylecam.media.sound.microphone import LATE_S, Microphone, SoundFeed
from stylecam.media.sound.source import RATE, Samples, SoundSource
from stylecam.media.sound.timeline import PictureTimeline
from stylecam.utils.clock import ManualClock, SystemClock
from tests.doubles import until

PIECE = RATE // 50


def piece(level: int, count: int = PIECE) -> Samples:
    return np.full((count, 2), level, np.int16)


@pytest.fixture
def timeline() -> PictureTimeline:
    """The picture is shown from time 0 on, a tenth of a second after its capture."""
    made = PictureTimeline()
    made.published(0.0, 0, -0.1, covered=False)
    return made


@pytest.fixture
def feed(timeline: PictureTimeline) -> SoundFeed:
    made = SoundFeed(timeline)
    made.start(1.0)
    return made


def speak(feed: SoundFeed, start: float, seconds: float, level: int = 1000) -> None:
    for index in range(round(seconds * 50)):
        feed.put(start + index / 50, piece(level))


def test_sound_is_moved_by_the_delay_of_the_picture(feed: SoundFeed) -> None:
    speak(feed, 0.9, 0.5)
    feed.put(1.4, piece(9000))
    speak(feed, 1.42, 0.5)
    track = feed.take(2.0)[:, 0]
    assert np.flatnonzero(track == 9000)[0] == pytest.approx(0.5 * RATE, abs=1)  # 1.4 + 0.1 - 1.0


def test_a_track_is_unbroken_whatever_the_steps(feed: SoundFeed) -> None:
    for index in range(100):
        feed.put(0.9 + index / 50, piece(index))
    parts = [feed.take(at)[:, 0] for at in np.arange(1.0, 2.9, 0.033)]
    track = np.concatenate(parts).tolist()
    assert track == [index for index in range(track[-1] + 1) for _ in range(PIECE)]


def test_sound_that_is_due_later_waits(feed: SoundFeed) -> None:
    feed.put(0.9, piece(1))
    feed.put(1.5, piece(2))
    assert 2 not in feed.take(1.2)
    assert 2 in feed.take(1.7)


def test_a_cover_is_silent_and_the_track_goes_on(feed: SoundFeed, timeline: PictureTimeline) -> None:
    timeline.published(2.0, 1, 1.9, covered=True)
    timeline.published(3.0, 2, 2.9, covered=False)
    speak(feed, 0.9, 2.9)
    track = feed.take(3.5)[:, 0]
    assert np.all(track[: int(0.95 * RATE)] == 1000)
    assert not np.any(track[int(1.0 * RATE) : int(2.1 * RATE)])
    assert np.all(track[int(2.15 * RATE) :] == 1000)
    assert len(track) == pytest.approx(2.5 * RATE, abs=PIECE)


def test_without_sound_there_is_silence_a_little_later(feed: SoundFeed) -> None:
    track = np.concatenate([feed.take(1.0 + index / 30) for index in range(90)])
    assert not np.any(track)
    assert len(track) == pytest.approx((89 / 30 - LATE_S) * RATE, abs=2)


def test_sound_after_a_gap_is_at_its_time_again(feed: SoundFeed) -> None:
    speak(feed, 0.9, 0.2)
    first = feed.take(2.0)
    feed.put(2.4, piece(9000))
    second = feed.take(2.6)
    track = np.concatenate([first, second])[:, 0]
    assert np.flatnonzero(track == 9000)[0] == pytest.approx(1.5 * RATE, abs=2)


def test_small_differences_are_left_alone_and_large_ones_mended(feed: SoundFeed) -> None:
    speak(feed, 0.9, 0.2)
    feed.put(1.13, piece(5))  # 30 ms late: goes on without a gap
    track = feed.take(1.3)[:, 0]
    assert not np.any(track == 0)
    feed.put(1.25, piece(6))  # 130 ms late
    assert np.count_nonzero(feed.take(1.5)[:, 0] == 0) > 0.09 * RATE


def test_sound_of_before_the_beginning_is_left_out(feed: SoundFeed) -> None:
    speak(feed, 0.0, 1.5)
    assert len(feed.take(1.5)) == pytest.approx(0.5 * RATE, abs=PIECE + 0.04 * RATE)


def test_what_nobody_takes_is_dropped(feed: SoundFeed) -> None:
    speak(feed, 0.9, 20.0)
    assert len(feed._pieces) <= 50 * microphone_module.KEPT_S + 2


class FakeSource(SoundSource):
    """Gives a piece at each read; the test can make it fail, and hang until it is interrupted."""

    def __init__(self) -> None:
        super().__init__("fake")
        self.failing = threading.Event()
        self.hanging = threading.Event()
        self.released = threading.Event()
        self.failure: Exception = OSError("unplugged")
        self.opened = self.closed = 0
        self._pause = threading.Event()

    def check(self) -> None:
        pass

    def open(self) -> None:
        if self.failing.is_set():
            raise self.failure
        self.opened += 1

    def read(self) -> Samples:
        if self.hanging.is_set():
            assert self.released.wait(30)
        if self.failing.is_set() or self.released.is_set():
            raise self.failure
        self._pause.wait(0.001)
        return piece(1)

    def close(self) -> None:
        self.closed += 1

    def interrupt(self) -> None:
        self.released.set()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def microphone(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> Iterator[Microphone]:
    monkeypatch.setattr(microphone_module, "RETRY_S", 0.01)
    monkeypatch.setattr(microphone_module, "POLL_S", 0.005)
    made = Microphone(source, SystemClock())
    made.start()
    yield made
    made.close()
    assert not made._thread.is_alive()


def test_it_records_only_while_sound_is_wanted(source: FakeSource, microphone: Microphone) -> None:
    feed = microphone.add_feed()
    assert until(lambda: len(feed._pieces) > 3)
    feed.wanted = False
    assert until(lambda: source.closed == 1)
    assert source.opened == 1
    feed.wanted = True
    assert until(lambda: source.opened == 2)
    microphone.remove_feed(feed)
    assert until(lambda: source.closed == 2)


@pytest.mark.parametrize("failure", [OSError("unplugged"), ValueError("unplugged")], ids=["system", "PyAV"])
def test_a_lost_device_is_told_and_found_again(source: FakeSource, microphone: Microphone, failure: Exception) -> None:
    source.failure = failure
    microphone.add_feed()
    assert until(lambda: source.opened == 1)
    source.failing.set()
    assert until(lambda: microphone.trouble is not None)
    assert microphone.trouble == ("there is no sound (unplugged); the picture goes on, and stylecam goes on trying")
    source.failing.clear()
    assert until(lambda: microphone.trouble is None)


def test_closing_ends_a_read_that_hangs(source: FakeSource) -> None:
    source.hanging.set()
    microphone = Microphone(source, SystemClock())
    microphone.start()
    microphone.add_feed()
    assert until(lambda: source.opened == 1)
    microphone.close()
    assert until(lambda: not microphone._thread.is_alive())


def test_it_can_be_closed_before_it_starts(source: FakeSource, clock: ManualClock) -> None:
    microphone = Microphone(source, clock)
    microphone.close()
    microphone.close()

"""The microphone of a run: one thread records while a recording or stream needs sound, and hands it to all of them."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from stylecam.media.sound.source import CHANNELS, RATE, Samples, SoundSource
from stylecam.media.sound.timeline import ArrivalClock, PictureTimeline
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

KEPT_S = 3.0
"""So much sound waits for an encoder at most; older sound is dropped."""
LATE_S = 0.25
"""Sound that comes later than this is taken for lost, and silence takes its place."""
TOLERANCE_S = 0.04
"""The sound may be this far from the picture before it is moved, which can be heard."""
RETRY_S = 1.0
POLL_S = 0.1
CLOSE_TIMEOUT_S = 0.5


class SoundFeed:
    """The sound of one recording or stream, as an unbroken track that is in step with its pictures.

    The microphone's thread puts sound in, the encoder's thread takes it.

    Attributes:
        wanted: whether sound is needed now; otherwise the microphone may be off.
    """

    def __init__(self, timeline: PictureTimeline) -> None:
        self.wanted = True
        self._timeline = timeline
        self._lock = threading.Lock()
        self._pieces: deque[tuple[float, Samples]] = deque()
        self._began_at = 0.0
        self._position = 0

    def put(self, captured_at: float, samples: Samples) -> None:
        """Add sound whose first sample was recorded at `captured_at`."""
        with self._lock:
            self._pieces.append((captured_at, samples))
            while captured_at - self._pieces[0][0] > KEPT_S:
                self._pieces.popleft()

    def start(self, at: float) -> None:
        """Begin a track with a picture that is published at `at`."""
        self._began_at, self._position = at, 0

    def take(self, until: float) -> Samples:
        """Return the next part of the track, for the time until a picture is published at `until`.

        What must not be heard, what was lost and what has not come is silence.
        """
        delay_s = self._timeline.delay_s
        parts = [self._aligned(*piece, delay_s) for piece in self._due(until - delay_s)]
        missing = round((until - self._began_at - LATE_S) * RATE) - self._position
        if missing > 0:
            parts.append(self._silence(missing))
        return np.concatenate([np.zeros((0, CHANNELS), np.int16), *parts])

    def _due(self, captured_until: float) -> list[tuple[float, Samples]]:
        with self._lock:
            due = []
            while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) / RATE <= captured_until:
                due.append(self._pieces.popleft())
            return due

    def _aligned(self, captured_at: float, samples: Samples, delay_s: float) -> Samples:
        """Return `samples` so that they follow the track: after silence, or shortened, if they are out of step."""
        shown_at = captured_at + delay_s
        if not self._timeline.is_audible(captured_at, shown_at, len(samples) / RATE):
            samples = np.zeros_like(samples)
        ahead = round((shown_at - self._began_at) * RATE) - self._position
        if ahead > TOLERANCE_S * RATE:
            samples = np.concatenate([np.zeros((ahead, CHANNELS), np.int16), samples])
        elif ahead < -TOLERANCE_S * RATE:
            samples = samples[-ahead:]
        self._position += len(samples)
        return samples

    def _silence(self, count: int) -> Samples:
        self._position += count
        return np.zeros((count, CHANNELS), np.int16)


class Microphone:
    """Records from a source while a feed wants sound, and finds the device again when it was lost.

    Attributes:
        timeline: how late the picture is and when it is covered; the publisher reports to it.
        trouble: why there is silence now, or None.
    """

    def __init__(self, source: SoundSource, clock: Clock) -> None:
        """Prepare to record from `source`, which is not open."""
        self.timeline = PictureTimeline()
        self.trouble: str | None = None
        self._source, self._clock = source, clock
        self._feeds: tuple[SoundFeed, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stylecam-sound", daemon=True)

    def start(self) -> None:
        """Check the source and start the thread.

        Raises:
            SoundUnavailableError: the source cannot be opened.
        """
        self._source.check()
        self._thread.start()

    def close(self) -> None:
        """Stop recording and end the thread. It may be called twice, and before `start`."""
        self._stopping.set()
        self._source.interrupt()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def add_feed(self) -> SoundFeed:
        """Return a new feed, which gets sound from now on. Any thread may call it."""
        feed = SoundFeed(self.timeline)
        self._feeds = (*self._feeds, feed)
        return feed

    def remove_feed(self, feed: SoundFeed) -> None:
        """Give `feed` no more sound. Any thread may call it."""
        self._feeds = tuple(other for other in self._feeds if other is not feed)

    @property
    def _wanted(self) -> bool:
        return any(feed.wanted for feed in self._feeds) and not self._stopping.is_set()

    def _run(self) -> None:
        """Record while sound is wanted; the body of the thread."""
        while not self._stopping.is_set():
            if not self._wanted:
                self._stopping.wait(POLL_S)
                continue
            try:
                self._record()
            except Exception as error:  # noqa: BLE001 - not all that PyAV raises for a device is an OSError
                if self._stopping.is_set():
                    return
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                self.trouble = Message(
                    "there is no sound ({reason}); the picture goes on, and stylecam goes on trying", reason=reason
                )
                self._stopping.wait(RETRY_S)

    def _record(self) -> None:
        """Record until no sound is wanted; raises OSError, or what PyAV raises, when the device is lost."""
        self._source.open()
        try:
            clock = ArrivalClock()
            while self._wanted:
                samples = self._source.read()
                self.trouble = None
                start = clock.start_of(self._clock.now(), len(samples))
                for feed in self._feeds:
                    feed.put(start, samples)
        finally:
            self._source.close()

"""The AAC track of a recording or stream."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from stylecam.media.sound.microphone import SoundFeed
from stylecam.media.sound.source import RATE

BITRATE = 128_000


class AacTrack:
    """Encodes a feed into a track of a PyAV container. One thread uses it."""

    def __init__(self, av: Any, container: Any, feed: SoundFeed) -> None:
        """Add the track to `container`, whose header is not written yet."""
        self._av, self._feed = av, feed
        self._stream = container.add_stream("aac", rate=RATE)
        self._stream.bit_rate = BITRATE
        self._stream.layout = "stereo"
        self._position = 0

    def start(self, at: float) -> None:
        """Begin with a picture that is published at `at`, in clock seconds."""
        self._feed.start(at)

    def encode(self, until: float) -> Iterator[Any]:
        """Yield the packets for the time until a picture is published at `until`."""
        samples = self._feed.take(until)
        if len(samples):
            frame = self._av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "stereo")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._position
            self._position += len(samples)
            yield from self._stream.encode(frame)

    def finish(self) -> Iterator[Any]:
        """Yield the last packets."""
        yield from self._stream.encode(None)

"""Split a video file into segments, and read the frames of one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stylecam.media.frame import Image
from stylecam.media.video_file import opened_clip, pyav, upright

SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp")
)
"""The suffixes of files that count as clips in a folder."""
MIN_FRAMES = 48
"""A segment ends at the first key frame after this many frames, for decoding can begin only there."""
MAX_FRAMES = 192
"""A segment ends after this many frames whether there is a key frame or not."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a video.

    Attributes:
        start: the time of its first frame, in the units of the video stream; None for the beginning.
        end: the time of the first frame behind it; None for the end.
        frames: how many frames the file says that it has.
    """

    start: int | None
    end: int | None
    frames: int


def expected_frames(path: Path) -> int:
    """Return how many frames the video file `path` says that it has; 0 where it does not.

    Raises:
        SourceUnreadableError: it is missing, or no video that can be read.
        SinkUnavailableError: PyAV is not installed.
    """
    with opened_clip(path) as clip:
        return clip.expected or 0


def split_video(path: Path) -> tuple[Segment, ...]:
    """Split the video file `path`, without decoding it. Where frames have no times it is a single segment.

    Raises:
        SourceUnreadableError: it is missing, or no video that can be read.
    """
    packets: list[tuple[int | None, bool]] = []
    with opened_clip(path) as clip, contextlib.suppress(pyav().error.FFmpegError):  # as far as it can be read
        packets.extend((packet.pts, packet.is_keyframe) for packet in clip.container.demux(clip.video) if packet.size)
    frames = sorted((time, is_key) for time, is_key in packets if time is not None)
    if len(frames) < len(packets):
        return (Segment(None, None, len(packets)),)
    starts = [0]
    for number, (_, is_key) in enumerate(frames):
        length = number - starts[-1]
        if length >= MAX_FRAMES or (is_key and length >= MIN_FRAMES):
            starts.append(number)
    ends = [*starts[1:], len(frames)]
    return tuple(
        Segment(frames[start][0] if start else None, frames[end][0] if end < len(frames) else None, end - start)
        for start, end in zip(starts, ends, strict=True)
    )


def segment_frames(path: Path, segment: Segment) -> Iterator[Image]:
    """Yield the frames of `segment` of the video file `path` as they are shown: H×W×3 uint8 BGR.

    In a file with wrong times or without an index they may be others than those of the video read as a whole; compare.

    Raises:
        SourceUnreadableError: it is missing, or no video that can be read.
    """
    with opened_clip(path) as clip:
        if segment.start is not None:
            with contextlib.suppress(pyav().error.FFmpegError):  # then it is decoded from its beginning
                clip.container.seek(segment.start, stream=clip.video)
        for frame in clip.decoded(lambda _: None):
            if segment.start is not None and (frame.pts is None or frame.pts < segment.start):
                continue
            if segment.end is not None and frame.pts is not None and frame.pts >= segment.end:
                return
            yield upright(frame)

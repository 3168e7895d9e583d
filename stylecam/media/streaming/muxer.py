"""Encode pictures as H.264 and pack them into MPEG-TS or FLV, with PyAV (extra `video`)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from stylecam.errors import SinkUnavailableError
from stylecam.media.frame import Image, Size
from stylecam.media.sound.microphone import SoundFeed
from stylecam.media.sound.track import AacTrack
from stylecam.utils.optional import load

Container = Literal["mpegts", "flv"]
TIME_BASE = Fraction(1, 90_000)
"""The unit of all times, which is MPEG-TS's own."""
_LEAST_STEP = 90
"""Least difference of two times: a millisecond, which is FLV's unit."""
KEY_FRAME_S = 1.0
"""Longest time between two key frames, at each of which a receiver can start."""
BITS_PER_PIXEL = 0.2
"""The default rate. A painting has many edges that move, so it needs more than a camera picture."""
MIN_BITRATE, MAX_BITRATE, MAX_RTMP_BITRATE = 500_000, 20_000_000, 6_000_000
"""Bits per second; many RTMP servers refuse more than 6 million."""
_BUFFER_S = 0.3
"""The encoder may exceed its rate for this long, which lets a key frame be larger than others."""
_BT709, _LIMITED, _BILINEAR = 1, 1, 0x2
_MUXER_OPTIONS: dict[Container, dict[str, str]] = {
    # With the length of a frame in its header, receivers need not wait for the next frame to know that it is whole.
    "mpegts": {"flush_packets": "1", "max_delay": "0", "omit_video_pes_length": "0"},
    "flv": {"flush_packets": "1", "flvflags": "no_duration_filesize"},
}
_ENCODER_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "forced-idr": "1"}
"""`superfast` gains 0.9 dB at the same rate and takes twice the processor time, which the painting needs."""


def load_pyav(purpose: str) -> Any:
    """Import PyAV.

    Raises:
        SinkUnavailableError: it is not installed; the message has the command that installs it.
    """
    return load("av", purpose=purpose, extra="video", error=SinkUnavailableError)


def default_bitrate(size: Size, fps: float, container: Container) -> int:
    """Return the bits per second for a picture of `size`, `fps` times a second."""
    highest = MAX_RTMP_BITRATE if container == "flv" else MAX_BITRATE
    return round(min(highest, max(MIN_BITRATE, BITS_PER_PIXEL * size.width * size.height * fps)))


_FLV_VIDEO, _FLV_AROUND = 9, 15
"""The type of a tag with video; the bytes of a tag around its data: a header of 11, and 4 for the tag's size."""


class StreamMuxer:
    """Turns pictures with times into the bytes of one stream, picture by picture and without delay.

    One thread uses it. The encoder runs on the calling thread, because the network needs the other cores.
    """

    def __init__(
        self, container: Container, size: Size, fps: float, bitrate: int, sound: SoundFeed | None = None
    ) -> None:
        """Begin a stream, with an audio track where there is `sound`.

        Raises:
            SinkUnavailableError: PyAV is missing, or has no H.264 encoder.
        """
        self._av = load_pyav("streaming")
        self._output = _Output()
        self._container: Any = self._av.open(self._output, "w", format=container, options=_MUXER_OPTIONS[container])
        options = {"maxrate": str(bitrate), "bufsize": str(round(bitrate * _BUFFER_S)), "g": str(round(fps * 10))}
        try:
            video = self._container.add_stream(
                "libx264", rate=Fraction(fps).limit_denominator(1001), options=_ENCODER_OPTIONS | options
            )
        except self._av.codec.codec.UnknownCodecError as error:
            raise SinkUnavailableError("this PyAV has no H.264 encoder; install the one from PyPI") from error
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        context = self._video_context = video.codec_context
        context.bit_rate = bitrate
        context.thread_count = 1
        context.time_base = TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._video = video
        self._sound = None if sound is None else AacTrack(self._av, self._container, sound)
        self._container.start_encoding()
        self.header = self._output.take()
        self._began_at: float | None = None
        self._last = -_LEAST_STEP
        self._key_at = float("-inf")

    def encode(self, image: Image, at: float, *, key: bool = False) -> tuple[bytes, bool]:
        """Return the bytes for `image`, and whether they are a key frame, with which a receiver can start.

        Args:
            image: H×W×3 uint8 BGR, of the stream's size; it must stay unchanged during the call.
            at: when it is to be shown, in seconds on a clock that never goes back.
            key: whether it must be a key frame; otherwise it is one every `KEY_FRAME_S`.
        """
        if self._began_at is None:
            self._began_at = at
            if self._sound is not None:
                self._sound.start(at)
        picture = self._av.VideoFrame.from_numpy_buffer(image, format="bgr24").reformat(
            format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED, interpolation=_BILINEAR
        )
        self._last = max(self._last + _LEAST_STEP, round((at - self._began_at) / TIME_BASE))
        picture.pts, picture.time_base = self._last, TIME_BASE
        key = key or at - self._key_at >= KEY_FRAME_S
        if key:
            self._key_at = at
            picture.pict_type = self._av.video.frame.PictureType.I
        if self._sound is not None:
            self._container.mux(list(self._sound.encode(at)))
        self._container.mux(self._video.encode(picture))
        return self._output.take(), key

    def close(self) -> None:
        """Release the encoder. What it returns from then on is nothing."""
        self._container.close()


def has_picture(tags: bytes) -> bool:
    """Return whether one of these whole FLV tags is video (Adobe Flash Video File Format 10.1, section E.4.1)."""
    at = 0
    while at < len(tags):
        if tags[at] & 0x1F == _FLV_VIDEO:
            return True
        at += _FLV_AROUND + int.from_bytes(tags[at + 1 : at + 4], "big")
    return False


class _Output:
    """A file for PyAV that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

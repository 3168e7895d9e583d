"""Make sinks from the values of `--output`."""

from __future__ import annotations

from collections.abc import Sequence

from stylecam.errors import UsageError
from stylecam.media.sinks.base import NullSink, Sink
from stylecam.media.sound.microphone import Microphone
from stylecam.media.streaming.address import StreamAddress
from stylecam.utils.files import user_path

KINDS = (
    "virtual[:DEVICE], pipewire, web[:PORT], window, file:PATH.mp4, srt:PORT, srt://HOST:PORT, udp:HOST:PORT, "
    "rtmp://HOST/APP/KEY, null"
)
STREAMS = ("srt", "udp", "rtmp", "rtmps")


def make_sinks(
    outputs: Sequence[str],
    *,
    mirror_preview: bool = True,
    stream_kbit: int | None = None,
    microphone: Microphone | None = None,
) -> list[Sink]:
    """Make one sink for each of `outputs`, without opening it.

    Args:
        outputs: values of `--output`, each one of `KINDS`.
        mirror_preview: whether a preview window shows the picture mirrored.
        stream_kbit: kilobits per second of each stream; None for a default that follows from the size.
        microphone: gives recordings and streams their sound; None for none.

    Raises:
        UsageError: one is no output, or two of them name the same device or file, or both name the web page.
    """
    seen: dict[tuple[str, str], str] = {}
    sinks = []
    for text in outputs:
        kind, _, argument = text.strip().partition(":")
        stream = StreamAddress.parse(text) if kind in STREAMS else None
        identity = (kind, _identity(kind, argument)) if stream is None else (stream.protocol, _stream_identity(stream))
        shown = text if stream is None else stream.name
        if identity in seen:
            raise UsageError(f"--output {shown} and --output {seen[identity]} are the same; name each output once")
        seen[identity] = shown
        if stream is None:
            sinks.append(_make_sink(text, kind, argument, mirror_preview, microphone))
        else:
            from stylecam.media.sinks.stream import StreamSink

            sinks.append(StreamSink(stream, None if stream_kbit is None else 1000 * stream_kbit, microphone=microphone))
    return sinks


def _stream_identity(address: StreamAddress) -> str:
    """Return what distinguishes two streams of the same protocol."""
    return address.url or f"{address.host}:{address.port}/{address.stream_id}"


def _identity(kind: str, argument: str) -> str:
    """Return what distinguishes two outputs of the same kind."""
    if kind == "file" and argument:
        return str(user_path(argument).resolve())
    return "" if kind == "web" else argument  # there is only one page


def _make_sink(text: str, kind: str, argument: str, mirror_preview: bool, microphone: Microphone | None) -> Sink:
    from stylecam.media.sinks.pipewire import PipeWireSink
    from stylecam.media.sinks.recorder import RecorderSink
    from stylecam.media.sinks.virtual_camera import VirtualCameraSink
    from stylecam.media.sinks.window import WindowSink

    if kind == "virtual":
        return VirtualCameraSink(argument or None)
    if kind == "web":
        from stylecam.media.sinks.mjpeg import MjpegSink

        if argument and not (argument.isdecimal() and 1 <= int(argument) <= 65535):
            raise UsageError(f"--output {text}: {argument!r} is not a port; write web:8765, a number from 1 to 65535")
        return MjpegSink(int(argument) if argument else None)
    if kind == "file":
        if not argument:
            raise UsageError(f"--output {text}: name the file, for instance file:recording.mp4")
        return RecorderSink(user_path(argument), microphone)
    if kind == "pipewire" and not argument:
        return PipeWireSink()
    if kind in ("window", "null") and not argument:
        return WindowSink(mirror_preview) if kind == "window" else NullSink()
    raise UsageError(f"--output {text} is none of {KINDS}")

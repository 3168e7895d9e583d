"""The outputs of a live run: opened in their order, with the page in place of a virtual camera that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylecam.errors import SinkUnavailableError, UsageError
from stylecam.news import Say
from stylecam.settings import Settings
from stylecam.sinks.base import Sink
from stylecam.sinks.pipewire import is_possible as pipewire_is_possible
from stylecam.sinks.recorder import Recorder
from stylecam.sinks.virtual import VirtualCameraSink
from stylecam.sinks.web import WebSink


def open_outputs(sinks: Sequence[Sink], opened: list[Sink], page: WebSink | None, settings: Settings, say: Say) -> None:
    """Open all of `sinks` into `opened`, so that the caller can close those that were when one is refused.

    Without any, it is the virtual camera, or `page` if there is none, which is said.

    Raises:
        SinkUnavailableError: one cannot be opened.
        UsageError: one would overwrite the video that is read.
    """
    for sink in sinks or [_virtual_or(page, settings, say)]:
        if isinstance(sink, Recorder) and settings.camera and _same_file(sink.path, settings.camera):
            raise UsageError(f"--output file:{sink.path} is the video being read; choose another name")
        opened.append(sink)
        sink.open(settings.size, settings.fps)


def _virtual_or(page: WebSink | None, settings: Settings, say: Say) -> Sink:
    virtual = VirtualCameraSink()
    try:
        virtual.open(settings.size, settings.fps)
    except SinkUnavailableError as error:
        if page is None:
            raise
        more = (
            " --output pipewire needs no driver, for programs that ask PipeWire for cameras."
            if pipewire_is_possible()
            else ""
        )
        say(f"{error}. Until then the picture is on a web page.{more}")
        return page
    return virtual


def _same_file(path: Path, camera: str) -> bool:
    try:
        return path.samefile(camera)
    except (OSError, ValueError):
        return False

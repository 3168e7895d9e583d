"""Tests of making sinks from the values of --output."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import UsageError
from stylecam.media.sinks.base import NullSink
from stylecam.media.sinks.factory import make_sinks
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sinks.pipewire import PipeWireSink
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.media.sinks.stream import StreamSink
from stylecam.media.sinks.virtual_camera import VirtualCameraSink
from stylecam.media.sinks.window import WindowSink


def test_each_output_has_its_sink() -> None:
    kinds = [type(sink) for sink in make_sinks(["virtual", "pipewire", "web", "window", "file:a.mp4", "null"])]
    assert kinds == [VirtualCameraSink, PipeWireSink, MjpegSink, WindowSink, RecorderSink, NullSink]


def test_no_output_is_no_sink() -> None:
    assert make_sinks([]) == []


def test_a_device_port_and_file_are_passed_on() -> None:
    virtual, web, file = make_sinks(["virtual:/dev/video10", "web:9000", "file:talk.mp4"])
    assert isinstance(virtual, VirtualCameraSink)
    assert isinstance(web, MjpegSink)
    assert isinstance(file, RecorderSink)
    assert (virtual.device, web.port, file.path) == ("/dev/video10", 9000, Path("talk.mp4"))


@pytest.mark.parametrize(
    "outputs",
    [
        ["virtual", "virtual"],
        ["virtual:/dev/video10", "virtual:/dev/video10"],
        ["web:9000", "web:9000"],
        ["web:9000", "web:9001"],
        ["web", "web:9000"],
        ["window", "null", "window"],
        ["pipewire", "pipewire"],
        ["file:a.mp4", "file:./a.mp4"],
        ["file:a.mp4", "file:b/../a.mp4"],
    ],
    ids=",".join,
)
def test_the_same_output_twice_is_refused(outputs: list[str]) -> None:
    with pytest.raises(UsageError, match="name each output once"):
        make_sinks(outputs)


def test_different_devices_ports_and_files_can_be_combined() -> None:
    requested = ["virtual:/dev/video10", "virtual:/dev/video11", "web:9000", "file:a.mp4", "file:b.mp4"]
    assert len(make_sinks(requested)) == 5


@pytest.mark.parametrize(
    "text", ["", "virtul", "screen:1", "window:2", "pipewire:x", "null:x", ":8765", "http://127.0.0.1"]
)
def test_an_unknown_output_is_refused_with_the_valid_ones(text: str) -> None:
    with pytest.raises(UsageError, match="is none of virtual"):
        make_sinks([text])


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "80.5", "99999999999", "²", "8765/"])
def test_an_invalid_port_is_refused(port: str) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        make_sinks([f"web:{port}"])


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="name the file"):
        make_sinks(["file:"])


def test_making_sinks_opens_and_writes_nothing(tmp_path: Path) -> None:
    make_sinks([f"file:{tmp_path / 'a.mp4'}", "web:9000"])
    assert list(tmp_path.iterdir()) == []


def test_streams_have_their_sink_and_show_no_key() -> None:
    outputs = ["srt:9000", "srt://host:9000", "udp:127.0.0.1:5000", "rtmp://host/app/key", "rtmps://host/app/key"]
    sinks = make_sinks(outputs)
    assert [type(sink) for sink in sinks] == [StreamSink] * 5
    assert [sink.name for sink in sinks][2:4] == ["UDP 127.0.0.1:5000", "RTMP host/app/***"]


def test_the_same_stream_twice_is_refused_without_its_key() -> None:
    with pytest.raises(UsageError, match="name each output once") as refused:
        make_sinks(["rtmp://host/app/hunter22", "rtmp:rtmp://host/app/hunter22"])
    assert "hunter22" not in str(refused.value)

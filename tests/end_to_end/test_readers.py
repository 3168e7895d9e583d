"""Programs that read what stylecam publishes: ffmpeg and ffprobe on the stream."""

from __future__ import annotations

import subprocess
from itertools import islice

import pytest

from tests.end_to_end.conftest import Need, Start
from tests.end_to_end.outside import HOST, PATIENCE_S, STREAM, difference, free_port, probe, stream

pytestmark = pytest.mark.system


@pytest.fixture
def live(stylecam: Start) -> int:
    """The port of a stylecam that publishes the moving demo."""
    port = free_port()
    stylecam("--camera", "demo", "--style", "udnie", "--size", "640x360", "--output", f"web:{port}")
    return port


def test_ffprobe_sees_an_mjpeg_stream_of_the_published_size(live: int, need: Need) -> None:
    need("ffprobe")
    found = probe(f"http://{HOST}:{live}{STREAM}")
    assert found["codec_name"] == "mjpeg"
    assert (found["width"], found["height"]) == (640, 360)


def test_ffmpeg_decodes_a_moving_picture_without_complaint(live: int, need: Need) -> None:
    frames = 60
    command = [need("ffmpeg"), "-nostdin", "-v", "error", "-i", f"http://{HOST}:{live}{STREAM}"]
    command += ["-frames:v", str(frames), "-f", "framehash", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    seen = [line.split(",")[-1] for line in done.stdout.splitlines() if not line.startswith("#")]
    assert done.stderr == ""
    assert len(seen) == frames
    assert len(set(seen)) > frames / 2


def test_a_reader_gets_whole_pictures_at_about_the_published_rate(live: int) -> None:
    frames = list(islice(stream(live), 61))
    assert {image.shape for _, image in frames} == {(360, 640, 3)}
    assert difference(frames[0][1], frames[-1][1]) > 2
    assert 15 < 60 / (frames[-1][0] - frames[0][0]) < 35


def test_several_readers_share_one_camera(live: int) -> None:
    readers = [stream(live) for _ in range(4)]
    for _ in range(10):
        assert {next(reader)[1].shape for reader in readers} == {(360, 640, 3)}
    for reader in readers:
        reader.close()

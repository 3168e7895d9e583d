"""Players that are no browsers: mpv and GStreamer on the MJPEG stream."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.media.frame import Image
from tests.end_to_end.browser import Host
from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import (
    ALIKE,
    CHANGED,
    HOST,
    PATIENCE_S,
    STREAM,
    decoded,
    difference,
    environment,
    settled,
    wait_for,
)

pytestmark = pytest.mark.system


class Mpv:
    """An mpv without a window, controlled through its socket (JSON IPC)."""

    def __init__(self, program: str, address: str, folder: Path) -> None:
        self._socket = folder / "mpv.sock"
        self._folder = folder
        command = [program, "--no-config", "--vo=null", "--ao=null", "--profile=low-latency", "--idle=no"]
        self._process = subprocess.Popen(
            [*command, f"--input-ipc-server={self._socket}", "--screenshot-format=png", address],
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def command(self, *words: object) -> dict[str, Any]:
        """Send a command; return the answer, of which `error` is `success` if it was carried out."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(self._socket))
            connection.sendall(json.dumps({"command": words, "request_id": 1}).encode() + b"\n")
            with connection.makefile() as lines:
                return next(answer for line in lines if (answer := json.loads(line)).get("request_id") == 1)

    def playing(self) -> bool:
        """Return whether pictures have been shown."""
        try:
            return self.command("get_property", "video-params").get("error") == "success"
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def picture(self) -> Image:
        """Return the picture that mpv shows."""
        path = self._folder / "shown.png"
        answer = self.command("screenshot-to-file", str(path), "video")
        assert answer["error"] == "success", answer
        return decoded(path.read_bytes())


def test_mpv_shows_what_is_published_and_follows_a_change(still: Host, need: Need, tmp_path: Path) -> None:
    still.begin_anew()
    before = settled(still.port)
    mpv = Mpv(need("mpv"), f"http://{HOST}:{still.port}{STREAM}", tmp_path)
    try:
        wait_for("mpv's picture", mpv.playing)
        wait_for("the published picture", lambda: difference(before, mpv.picture()) < ALIKE)
        still.do("panic", on=True)
        wait_for("the cover", lambda: difference(before, mpv.picture()) > CHANGED)
        still.do("panic", on=False)
        wait_for("the picture again", lambda: difference(before, mpv.picture()) < ALIKE)
    finally:
        mpv.kill()


def test_gstreamer_decodes_the_stream(still: Host, need: Need, tmp_path: Path) -> None:
    """With the elements that its users put together: souphttpsrc, multipartdemux, jpegdec."""
    still.begin_anew()
    before = settled(still.port)
    frames = 15
    command = [
        need("gst-launch-1.0"), "-q",
        "souphttpsrc", f"location=http://{HOST}:{still.port}{STREAM}", "is-live=true", "!", "multipartdemux", "!",
        "jpegdec", "!", "videoconvert", "!", "video/x-raw,format=BGR", "!",
        "identity", f"eos-after={frames}", "!", "filesink", f"location={tmp_path / 'frames'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    pictures = np.fromfile(tmp_path / "frames", np.uint8).reshape(-1, 360, 640, 3)
    assert len(pictures) == frames - 1
    assert difference(before, pictures[-1]) < 2 * ALIKE  # it enlarges the colors otherwise

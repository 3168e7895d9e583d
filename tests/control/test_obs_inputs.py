"""Tests of what to set in OBS, and of asking it what it has."""

from __future__ import annotations

import socket
import threading

import pytest

from stylecam.control.obs import ObsAddress
from stylecam.control.obs_inputs import input_kinds, media_source_fields, obs_settings
from stylecam.errors import ObsUnavailableError
from tests.control.running_server import free_port

pytest.importorskip("simpleobsws", reason='following OBS needs one more package: pip install "stylecam[obs]"')
from tests.control.fake_obs import HOST, FakeObs

URL = "http://127.0.0.1:8765/stream.mjpg?token=abc"


def test_obs_is_told_that_pictures_may_come_sooner_than_it_would_guess() -> None:
    settings = obs_settings(media_source_fields(URL))
    assert settings["input"] == URL
    assert "framerate=60" in settings["ffmpeg_options"].split()
    assert settings["buffering_mb"] == 0
    assert settings["is_local_file"] is False


def test_the_fields_are_written_as_the_dialog_shows_them() -> None:
    texts = {field.label: field.text for field in media_source_fields(URL)}
    assert texts["Local File"] == "off"
    assert texts["Reconnect Delay"] == "1 s"
    assert texts["Network Buffering"] == "0 MB"


def test_an_obs_tells_its_kinds_of_inputs() -> None:
    obs = FakeObs(free_port(), "secret").start()
    try:
        assert input_kinds(ObsAddress(HOST, obs.port, "secret")) == {"ffmpeg_source", "browser_source"}
        with pytest.raises(ObsUnavailableError, match="does not answer"):
            input_kinds(ObsAddress(HOST, obs.port, "guessed"))
    finally:
        obs.stop()


def test_an_obs_that_is_not_there_is_reported() -> None:
    with pytest.raises(ObsUnavailableError, match=r"OBS at ws://127.0.0.1:\d+ does not answer; is it running\?"):
        input_kinds(ObsAddress(HOST, free_port()))


def test_another_program_at_the_port_is_reported() -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ObsUnavailableError):
            input_kinds(ObsAddress(HOST, server.getsockname()[1]))
        thread.join(20)

"""Tests of the Unix socket, through which the user's own programs reach the server whatever happens at its port."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from stylecam.control.command import Command
from stylecam.control.http import client, instances, local_socket
from stylecam.control.http.address import HOST
from stylecam.control.http.client import Client
from stylecam.control.http.instances import Instance, registered, running_instances
from stylecam.errors import NotRunningError
from stylecam.models.catalog import Catalog
from stylecam.utils.runtime_folder import make_runtime_folder
from tests.control.running_server import PATIENCE_S, RunningServerWithPresets
from tests.doubles import until

pytestmark = [
    pytest.mark.usefixtures("own_settings"),
    pytest.mark.skipif(not local_socket.is_available(), reason="there are no Unix sockets"),
]


@pytest.fixture
def server(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    path = instances.socket_path(make_runtime_folder())
    with RunningServerWithPresets(catalog, path).discoverable() as running:
        yield running


def test_a_command_needs_neither_port_nor_token(server: RunningServerWithPresets) -> None:
    with Client(replace(server.instance, host="", port=0, token="")) as running:
        assert running.send(Command.parse("panic:on"))["state"]["panic"]
        assert running.state()["panic"]


def test_the_users_own_programs_may_show_any_picture_in_the_room(
    server: RunningServerWithPresets, tmp_path: Path
) -> None:
    Pillow.new("RGB", (4, 4)).save(tmp_path / "beach.png")
    with Client(server.instance) as running:
        state = running.send(Command.parse(f"room:picture:{tmp_path / 'beach.png'}"))["state"]
    assert state["room"] == f"picture:{tmp_path / 'beach.png'}"


def test_only_the_user_can_open_it(server: RunningServerWithPresets) -> None:
    assert Path(server.instance.socket).stat().st_mode & 0o777 == 0o600
    assert Path(server.instance.socket).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_who_gets_as_far_as_the_socket_is_turned_away(catalog: Catalog) -> None:
    code = (
        "import os, socket, sys; os.setuid(int(sys.argv[2]));"
        "connected = socket.socket(socket.AF_UNIX); connected.connect(sys.argv[1]);"
        "connected.sendall(b'GET /api/state HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'); print(connected.recv(12))"
    )

    def ask(user: int) -> str:
        command = [sys.executable, "-c", code, str(path), str(user)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.stdout + done.stderr

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # the check of the other end is all that is left
        path = Path(folder) / "s.sock"
        with RunningServerWithPresets(catalog, path):
            path.chmod(0o777)
            assert "200" in ask(os.getuid())
            refused = ask(12345)
    assert "200" not in refused
    assert "b''" in refused or "ConnectionReset" in refused or "BrokenPipe" in refused, refused


def test_what_a_killed_process_has_left_there_is_replaced(catalog: Catalog) -> None:
    path = instances.socket_path(make_runtime_folder())
    with socket.socket(socket.AF_UNIX) as dead, local_socket.address(path) as address:
        dead.bind(address)
    with RunningServerWithPresets(catalog, path) as server, Client(server.instance) as running:
        assert running.state()["version"] == 0
    assert not path.exists()


def test_a_path_that_is_too_long_for_a_socket_works_too(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    with RunningServerWithPresets(catalog, folder / "s.sock") as server:
        if sys.platform != "linux":
            assert server.server.socket_path is None
            return
        with Client(server.instance) as running:
            assert running.state()["version"] == 0


def test_where_the_socket_cannot_be_made_the_port_serves(catalog: Catalog, tmp_path: Path) -> None:
    with RunningServerWithPresets(catalog, tmp_path / "missing" / "s.sock") as server:
        assert server.instance.socket == ""
        with Client(server.instance) as running:
            assert running.state()["version"] == 0


def test_watching_goes_through_it(server: RunningServerWithPresets) -> None:
    received: list[dict[str, Any]] = []

    def run() -> None:
        with contextlib.suppress(NotRunningError):
            client.watch(replace(server.instance, port=0, token=""), received.append)

    watcher = threading.Thread(target=run, daemon=True)
    watcher.start()
    assert until(lambda: bool(received))
    with Client(server.instance) as running:
        running.send(Command.parse("panic:on"))
    assert until(lambda: received[-1]["state"]["panic"])


def test_an_instance_whose_file_could_not_be_written_is_found_by_its_socket(catalog: Catalog) -> None:
    path = instances.socket_path(make_runtime_folder())
    with RunningServerWithPresets(catalog, path):
        assert running_instances() == [Instance(os.getpid(), 0.0, socket=str(path))]
        with Client(client.find_instance()) as running:
            assert running.send(Command.parse("panic:on"))["state"]["panic"]


def test_the_file_of_an_instance_goes_before_its_socket(server: RunningServerWithPresets) -> None:
    assert running_instances() == [server.instance]


def test_the_socket_of_a_killed_process_is_removed() -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    left = make_runtime_folder() / f"instance-{finished.pid}.sock"
    with socket.socket(socket.AF_UNIX) as dead, local_socket.address(left) as address:
        dead.bind(address)
    assert running_instances() == []
    assert not left.exists()


def test_a_socket_that_nobody_listens_to_is_reported() -> None:
    gone = Instance(os.getpid(), 0.0, host=HOST, socket=str(make_runtime_folder() / "gone.sock"))
    with pytest.raises(NotRunningError, match=r"does not answer at .*gone\.sock"):
        Client(gone).state()
    with pytest.raises(NotRunningError, match=r"does not answer at .*gone\.sock"):
        client.watch(gone, lambda _: None)


def test_the_files_of_the_registration_lie_side_by_side(server: RunningServerWithPresets) -> None:
    with registered(server.instance) as path:
        assert path.with_suffix(".sock") == Path(server.instance.socket)

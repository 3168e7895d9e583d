"""Looking at the machine the tests run on: what is missing, refused or endless is told apart."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from stylecam.errors import ProbeError
from stylecam.system.probe import MAX_READ_BYTES, HostProbe, _search_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs programs and files of POSIX")


@pytest.fixture
def host() -> HostProbe:
    return HostProbe(os.environ)


def test_a_file_is_read_and_a_missing_one_is_none(host: HostProbe, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text \xff")
    assert host.read_text(str(tmp_path / "a")) == "text \ufffd"
    assert host.read_text(str(tmp_path / "b")) is None
    assert host.read_text(str(tmp_path / "a" / "below")) is None


def test_an_endless_file_is_read_to_a_limit(host: HostProbe, tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2 * MAX_READ_BYTES)
    assert len(host.read_text(str(tmp_path / "a")) or "") == MAX_READ_BYTES


def test_a_pipe_a_device_and_a_folder_are_no_files_and_hold_nobody_up(host: HostProbe, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ProbeError, match="not a regular file"):
            host.read_text(str(path))
    with pytest.raises(ProbeError):
        host.read_text(str(tmp_path))


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_unchecked_with_the_reason(host: HostProbe, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "a").chmod(0)
    with pytest.raises(ProbeError, match="Permission denied"):
        host.read_text(str(tmp_path / "a"))


def test_a_folder_is_listed_and_a_missing_one_is_none(host: HostProbe, tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert host.list_directory(str(tmp_path)) == ("a", "b")
    assert host.list_directory(str(tmp_path / "c")) is None
    assert host.list_directory(str(tmp_path / "a")) is None


def test_a_node_tells_its_mode_and_whether_it_can_be_used(host: HostProbe, tmp_path: Path) -> None:
    (tmp_path / "a").touch(0o600)
    node = host.node(str(tmp_path / "a"))
    assert node is not None
    assert (node.mode, node.accessible) == (0o600, True)
    assert node.owner == host.user.name
    assert host.node(str(tmp_path / "b")) is None


def test_a_program_speaks_the_c_locale(tmp_path: Path) -> None:
    host = HostProbe({**os.environ, "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"})
    done = host.run("sh", "-c", "echo $LC_ALL $LANGUAGE; echo oops >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "C C\n", "oops\n")


def test_a_missing_program_is_unchecked(host: HostProbe) -> None:
    with pytest.raises(ProbeError, match="no-such-program is not installed"):
        host.run("no-such-program")
    assert host.find_program("no-such-program") is None


def test_a_program_that_does_not_end_is_given_up_with_its_children(
    host: HostProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.system.probe.COMMAND_TIMEOUT_S", 0.2)
    with pytest.raises(ProbeError, match="did not answer"):
        host.run("sh", "-c", "sleep 1000 & sleep 1000")


def test_a_program_that_cannot_be_run_is_unchecked(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(ProbeError, match="cannot be run"):
        HostProbe({"PATH": str(tmp_path)}).run("broken")


def test_administrators_programs_are_found_though_debian_leaves_them_out_of_the_path() -> None:
    assert "/usr/sbin" in _search_path({"PATH": "/usr/bin"}).split(os.pathsep)


def test_free_room_is_that_of_the_nearest_folder_that_is_there(host: HostProbe, tmp_path: Path) -> None:
    assert host.free_bytes(str(tmp_path / "not" / "yet")) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has os-release")
def test_the_distribution_is_named_or_the_reason_is(host: HostProbe, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ID" in host.os_release()
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: b"\xff".decode())
    with pytest.raises(ProbeError, match="os-release cannot be read"):
        host.os_release()

"""Looking at the machine the tests run on: what is missing, refused or endless is told apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stylecam.errors import ProbeError
from stylecam.system.probe import LARGEST_READ, Machine, ThisMachine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs programs and files of POSIX")


@pytest.fixture
def machine() -> Machine:
    return ThisMachine(os.environ)


def test_a_file_is_read_and_a_missing_one_is_none(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text \xff")
    assert machine.read(str(tmp_path / "a")) == "text \ufffd"
    assert machine.read(str(tmp_path / "b")) is None
    assert machine.read(str(tmp_path / "a" / "below")) is None


def test_an_endless_file_is_read_to_a_limit(machine: Machine, tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2 * LARGEST_READ)
    assert len(machine.read(str(tmp_path / "a")) or "") == LARGEST_READ


def test_a_pipe_a_device_and_a_folder_are_no_files_and_hold_nobody_up(machine: Machine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ProbeError, match="no plain file"):
            machine.read(str(path))
    with pytest.raises(ProbeError):
        machine.read(str(tmp_path))


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_unchecked_with_the_reason(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "a").chmod(0)
    with pytest.raises(ProbeError, match="Permission denied"):
        machine.read(str(tmp_path / "a"))


def test_a_folder_is_listed_and_a_missing_one_is_none(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert machine.names(str(tmp_path)) == ("a", "b")
    assert machine.names(str(tmp_path / "c")) is None
    assert machine.names(str(tmp_path / "a")) is None


def test_a_node_tells_its_mode_and_whether_it_can_be_used(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "a").touch(0o600)
    node = machine.node(str(tmp_path / "a"))
    assert node is not None
    assert (node.mode, node.usable) == (0o600, True)
    assert node.owner == machine.user.name
    assert machine.node(str(tmp_path / "b")) is None


def test_a_program_speaks_the_c_locale(tmp_path: Path) -> None:
    machine = ThisMachine({**os.environ, "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"})
    ran = machine.run("sh", "-c", "echo $LC_ALL $LANGUAGE; echo oops >&2; exit 3")
    assert (ran.status, ran.out, ran.err) == (3, "C C\n", "oops\n")


def test_a_missing_program_is_unchecked(machine: Machine) -> None:
    with pytest.raises(ProbeError, match="no-such-program is not installed"):
        machine.run("no-such-program")
    assert machine.program("no-such-program") is None


def test_a_program_that_does_not_end_is_given_up_with_its_children(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.system.probe.PATIENCE_S", 0.2)
    with pytest.raises(ProbeError, match="did not answer"):
        machine.run("sh", "-c", "sleep 1000 & sleep 1000")


def test_a_program_that_cannot_be_run_is_unchecked(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(ProbeError, match="cannot be run"):
        ThisMachine({"PATH": str(tmp_path)}).run("broken")


def test_administrators_programs_are_found_though_debian_leaves_them_out_of_the_path() -> None:
    assert "/usr/sbin" in ThisMachine({"PATH": "/usr/bin"})._path.split(os.pathsep)


def test_free_room_is_that_of_the_nearest_folder_that_is_there(machine: Machine, tmp_path: Path) -> None:
    assert machine.free(str(tmp_path / "not" / "yet")) > 0

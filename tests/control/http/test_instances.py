"""Tests of registering and finding running instances."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from stylecam.control.http.instances import (
    Instance,
    check_outputs_free,
    current_instance,
    registered,
    running_instances,
)
from stylecam.errors import AlreadyRunningError
from stylecam.utils import file_lock, runtime_folder
from stylecam.utils.runtime_folder import make_runtime_folder

pytestmark = pytest.mark.usefixtures("own_settings")


def test_a_registered_instance_is_found_until_it_ends() -> None:
    instance = current_instance(["web:8765"], ["web http://127.0.0.1:8765/"], "127.0.0.1", 8765, "secret")
    with registered(instance) as path:
        assert running_instances() == [instance]
        assert path.exists()
    assert running_instances() == []
    assert list(make_runtime_folder().iterdir()) == []


def test_the_registration_is_removed_when_the_run_fails() -> None:
    with pytest.raises(ZeroDivisionError), registered(current_instance([], [])):
        raise ZeroDivisionError
    assert running_instances() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_user_can_read_the_registration() -> None:
    with registered(current_instance([], [])) as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def leave_behind(instance: Instance) -> Path:
    """Write the file of an instance that nobody keeps locked, as a killed process leaves it."""
    path = make_runtime_folder() / f"instance-{instance.pid}.json"
    path.write_text(json.dumps(asdict(instance)))
    return path


def test_the_registration_of_a_killed_process_is_ignored_and_removed() -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    path = leave_behind(replace(current_instance([], []), pid=finished.pid))
    assert running_instances() == []
    assert not path.exists()


def test_another_program_with_the_number_of_a_killed_one_is_not_taken_for_it() -> None:
    path = leave_behind(current_instance([], []))
    assert running_instances() == []
    assert path.exists()  # it may be about to lock it


def test_a_step_of_the_wall_clock_hides_no_running_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = current_instance([], [])
    with registered(instance) as path:
        for step_s in (3600.0, -3600.0, 0.0):
            stepped, created = time.time() + step_s, psutil.Process().create_time() + step_s
            monkeypatch.setattr(time, "time", lambda now=stepped: now)
            monkeypatch.setattr(psutil.Process, "create_time", lambda _, then=created: then)
            assert running_instances() == [instance]
            assert path.exists()


def test_another_process_sees_a_running_instance_and_leaves_its_file() -> None:
    code = (
        "import sys; from pathlib import Path; from stylecam.utils import runtime_folder;"
        "runtime_folder._candidates = lambda: [Path(sys.argv[1])];"
        "from stylecam.control.http.instances import running_instances;"
        "print([instance.pid for instance in running_instances()])"
    )
    with registered(current_instance([], [])) as path:
        for _ in range(2):
            seen = subprocess.run([sys.executable, "-c", code, str(path.parent)], capture_output=True, check=True)
            assert json.loads(seen.stdout) == [os.getpid()]
        assert path.exists()


def test_on_a_file_system_without_locks_the_process_number_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_lock, "_lock", refuse)
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    instance = current_instance([], [])
    with registered(instance):
        dead = leave_behind(replace(instance, pid=finished.pid))
        assert running_instances() == [instance]
        assert not dead.exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"pid": "x", "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 1, "started": 0, "wanted": 5, "outputs": []}', '{"pid": 1, "started": 0, "wanted": [1], "outputs": []}',
     '{"pid": 1e99, "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 99999999999999999999, "started": 0, "wanted": [], "outputs": []}'],
)  # fmt: skip
def test_a_damaged_registration_is_ignored(text: str) -> None:
    (make_runtime_folder() / "instance-1.json").write_text(text)
    assert running_instances() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_folder_that_others_can_write_is_not_trusted() -> None:
    instance = current_instance([], [])
    with registered(instance) as path:
        path.parent.chmod(0o777)
        assert running_instances() == []
        with pytest.raises(PermissionError), registered(instance):
            pass


def test_the_newest_instance_comes_first() -> None:
    pids = [os.getpid() + number for number in range(3)]
    with (
        registered(Instance(pids[0], 10.0)),
        registered(Instance(pids[1], 30.0)),
        registered(Instance(pids[2], 20.0)),
    ):
        assert [found.pid for found in running_instances()] == [pids[1], pids[2], pids[0]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([], []),
        ([], ["virtual"]),
        (["virtual"], ["null", "virtual"]),
        (["virtual:/dev/video9"], ["virtual:/dev/video9"]),
        (["virtual"], ["virtual:/dev/video10"]),
        (["web:9000"], ["web:9000"]),
        (["file:talk.mp4"], ["file:./talk.mp4"]),
    ],
)
def test_a_second_instance_on_the_same_output_is_refused(first: list[str], second: list[str]) -> None:
    instance = current_instance(first, ["virtual camera /dev/video10"])
    with registered(instance), pytest.raises(AlreadyRunningError) as caught:
        check_outputs_free(second)
    assert f"process {os.getpid()}" in str(caught.value)
    assert "/dev/video10" in str(caught.value)
    assert "stylecam ctl link" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([], ["web"]),
        (["web"], ["web"]),
        (["null"], ["null"]),
        (["window"], ["window"]),
        (["web:9000"], ["web:9001"]),
        (["virtual:/dev/video9"], ["virtual:/dev/video8"]),
        (["virtual:/dev/video9"], []),
        (["file:a.mp4"], ["file:b.mp4"]),
    ],
)
def test_a_second_instance_on_another_output_is_allowed(first: list[str], second: list[str]) -> None:
    with registered(current_instance(first, ["virtual camera /dev/video9", *first])):
        check_outputs_free(second)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert Instance(1, 0, host="::1", port=5).url == "http://[::1]:5/"


def test_without_a_runtime_folder_no_instance_is_found() -> None:
    for folder in runtime_folder.runtime_folders():
        folder.rmdir()
    assert runtime_folder.runtime_folders() == []
    assert running_instances() == []

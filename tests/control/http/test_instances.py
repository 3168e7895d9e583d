"""Tests of registering and finding running instances."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stylecam.control.http import instances
from stylecam.control.http.instances import (
    Instance,
    check_outputs_free,
    current_instance,
    registered,
    running_instances,
)
from stylecam.errors import AlreadyRunningError

pytestmark = pytest.mark.usefixtures("own_settings")


def test_a_registered_instance_is_found_until_it_ends() -> None:
    instance = current_instance(["web:8765"], ["web http://127.0.0.1:8765/"], "127.0.0.1", 8765, "secret")
    with registered(instance) as path:
        assert running_instances() == [instance]
        assert path.exists()
    assert running_instances() == []
    assert list(instances.runtime_folder().iterdir()) == []


def test_the_registration_is_removed_when_the_run_fails() -> None:
    with pytest.raises(ZeroDivisionError), registered(current_instance([], [])):
        raise ZeroDivisionError
    assert running_instances() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_user_can_read_the_registration() -> None:
    with registered(current_instance([], [])) as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_registration_of_a_dead_process_is_ignored_and_removed() -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    with registered(replace(current_instance([], []), pid=finished.pid)) as path:
        assert running_instances() == []
        assert not path.exists()


def test_a_reused_process_id_is_another_process() -> None:
    with registered(replace(current_instance([], []), started=current_instance([], []).started - 100)):
        assert running_instances() == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"pid": "x", "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 1, "started": 0, "wanted": 5, "outputs": []}', '{"pid": 1, "started": 0, "wanted": [1], "outputs": []}',
     '{"pid": 1e99, "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 99999999999999999999, "started": 0, "wanted": [], "outputs": []}'],
)  # fmt: skip
def test_a_damaged_registration_is_ignored(text: str) -> None:
    instances.runtime_folder().mkdir(mode=0o700)
    (instances.runtime_folder() / "instance-1.json").write_text(text)
    assert running_instances() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_folder_that_others_can_write_is_not_trusted() -> None:
    instance = current_instance([], [])
    instances.runtime_folder().mkdir()
    instances.runtime_folder().chmod(0o777)
    (instances.runtime_folder() / "instance-1.json").write_text(
        json.dumps({"pid": os.getpid(), "started": instance.started})
    )
    assert running_instances() == []
    with pytest.raises(PermissionError), registered(instance):
        pass


def test_the_newest_instance_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instance, "is_alive", True)
    with registered(Instance(1, 10.0)), registered(Instance(2, 30.0)), registered(Instance(3, 20.0)):
        assert [found.pid for found in running_instances()] == [2, 3, 1]


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
    assert "stylecam ctl next" in str(caught.value)


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


def test_without_a_runtime_folder_no_instance_is_found(tmp_path: Path) -> None:
    assert not instances.runtime_folder().exists()
    assert running_instances() == []

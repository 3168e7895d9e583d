"""Running stylecams find each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stylecam.control.http import instances as instance
from stylecam.control.http.instances import Instance, check_free, published, running, this_process
from stylecam.errors import AlreadyRunningError

pytestmark = pytest.mark.usefixtures("own_settings")


def test_one_that_is_published_is_found_and_afterwards_not() -> None:
    mine = this_process(["web:8765"], ["web http://127.0.0.1:8765/"], "127.0.0.1", 8765, "secret")
    with published(mine) as path:
        assert running() == [mine]
        assert path.exists()
    assert running() == []
    assert list(instance.folder().iterdir()) == []


def test_it_is_taken_away_also_when_the_run_fails() -> None:
    with pytest.raises(ZeroDivisionError), published(this_process([], [])):
        raise ZeroDivisionError
    assert running() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_user_can_read_it() -> None:
    with published(this_process([], [])) as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_dead_process_left_behind_counts_for_nothing_and_is_taken_away() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with published(replace(this_process([], []), pid=ended.pid)) as path:
        assert running() == []
        assert not path.exists()


def test_a_process_number_used_again_is_another_process() -> None:
    with published(replace(this_process([], []), started=this_process([], []).started - 100)):
        assert running() == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"pid": "x", "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 1, "started": 0, "wanted": 5, "outputs": []}', '{"pid": 1, "started": 0, "wanted": [1], "outputs": []}',
     '{"pid": 1e99, "started": 0, "wanted": [], "outputs": []}',
     '{"pid": 99999999999999999999, "started": 0, "wanted": [], "outputs": []}'],
)  # fmt: skip
def test_a_damaged_file_counts_for_nothing(text: str) -> None:
    instance.folder().mkdir(mode=0o700)
    (instance.folder() / "instance-1.json").write_text(text)
    assert running() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_folder_that_others_can_write_is_not_trusted() -> None:
    mine = this_process([], [])
    instance.folder().mkdir()
    instance.folder().chmod(0o777)
    (instance.folder() / "instance-1.json").write_text(json.dumps({"pid": os.getpid(), "started": mine.started}))
    assert running() == []
    with pytest.raises(PermissionError), published(mine):
        pass


def test_the_newest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instance, "alive", True)
    with published(Instance(1, 10.0)), published(Instance(2, 30.0)), published(Instance(3, 20.0)):
        assert [found.pid for found in running()] == [2, 3, 1]


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
def test_a_second_one_on_the_same_output_is_told_of_the_first(first: list[str], second: list[str]) -> None:
    mine = this_process(first, ["virtual camera /dev/video10"])
    with published(mine), pytest.raises(AlreadyRunningError) as caught:
        check_free(second)
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
def test_a_second_one_elsewhere_may_run(first: list[str], second: list[str]) -> None:
    with published(this_process(first, ["virtual camera /dev/video9", *first])):
        check_free(second)


def test_an_address_of_version_six_is_written_in_brackets() -> None:
    assert Instance(1, 0, host="::1", port=5).url == "http://[::1]:5/"


def test_nothing_is_found_where_nothing_ran(tmp_path: Path) -> None:
    assert not instance.folder().exists()
    assert running() == []

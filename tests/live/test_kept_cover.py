"""Tests of the file that keeps panic, camera off and freeze over the end of a process."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stylecam.control.state import LiveState
from stylecam.live import kept_cover
from stylecam.live.kept_cover import COVERS, KeptCover
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.media.testing import CollectingSink
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look
from stylecam.stylize.room import Paint, Room, RoomKind

OFF = LiveState()
SWITCHES = list(COVERS)


def state(*switches: str) -> LiveState:
    look = Look(room=Room(RoomKind.BLUR)) if "room" in switches else Look()
    return LiveState(look, panic="panic" in switches, resting="resting" in switches, frozen="frozen" in switches)


def killed(folder: Path, *switches: str, outputs: tuple[str, ...] = ("web:9000",)) -> None:
    """Let another process keep these switches and die without a word."""
    code = (
        "import os, sys; from pathlib import Path; from stylecam.live.kept_cover import KeptCover;"
        "from tests.live.test_kept_cover import state;"
        "folder, outputs, switches = sys.argv[1:];"
        "cover = KeptCover(Path(folder), [text for text in outputs.split() if text]); cover.open();"
        "cover.keep(state(*switches.split())); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(folder), " ".join(outputs), " ".join(switches)]
    assert subprocess.run(command, check=False).returncode == -9


def restored(folder: Path, outputs: tuple[str, ...] = ("web:9000",)) -> LiveState:
    return KeptCover(folder, outputs).restore(OFF)


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_cover_survives_the_death_of_its_process(tmp_path: Path, switch: str) -> None:
    killed(tmp_path, switch)
    assert restored(tmp_path) == state(switch)


def test_several_switches_survive_together(tmp_path: Path) -> None:
    killed(tmp_path, "panic", "frozen")
    assert restored(tmp_path) == state("panic", "frozen")


def test_a_process_that_died_uncovered_leaves_nothing(tmp_path: Path) -> None:
    killed(tmp_path)
    assert restored(tmp_path) == OFF
    assert list(tmp_path.iterdir()) == []


def test_no_picture_is_written(tmp_path: Path) -> None:
    killed(tmp_path, "frozen")
    (left,) = tmp_path.iterdir()
    assert left.stat().st_size < 1000
    assert set(json.loads(left.read_bytes())) == {"outputs", *SWITCHES}
    assert left.stat().st_mode & 0o077 == 0


def test_a_cover_holds_through_several_deaths_until_it_is_ended(tmp_path: Path) -> None:
    killed(tmp_path, "panic")
    for _ in range(2):
        cover = KeptCover(tmp_path, ["web:9000"])
        assert cover.restore(OFF).panic
        cover.open()
        cover.close()  # as after SIGTERM
    cover = KeptCover(tmp_path, ["web:9000"])
    cover.open()
    cover.keep(OFF)
    assert restored(tmp_path) == OFF
    cover.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_the_user_ends_is_not_covered_next_time(tmp_path: Path) -> None:
    killed(tmp_path, "panic")
    cover = KeptCover(tmp_path, ["web:9000"])
    cover.open()
    cover.keep(state("panic", "frozen"))
    cover.close(by_user=True)
    cover.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_still_lives_keeps_its_cover_to_itself(tmp_path: Path) -> None:
    cover = KeptCover(tmp_path, ["web:9000"])
    cover.open()
    cover.keep(state("panic"))
    assert restored(tmp_path) == OFF
    assert len(list(tmp_path.iterdir())) == 1
    cover.close()
    assert restored(tmp_path) == state("panic")


def test_of_two_that_died_with_the_same_outputs_both_start_covered(tmp_path: Path) -> None:
    killed(tmp_path, "panic")
    first = KeptCover(tmp_path, ["web:9000"])
    first.open()
    assert first.restore(OFF).panic
    assert restored(tmp_path).panic
    first.close()


def test_a_file_of_an_ended_process_with_our_number_is_taken_over(tmp_path: Path) -> None:
    killed(tmp_path, "panic")
    (left,) = tmp_path.iterdir()
    ours = left.rename(tmp_path / f"cover-{os.getpid()}.json")
    cover = KeptCover(tmp_path, ["web:9000"])
    assert cover.restore(OFF).panic
    cover.open()
    cover.keep(OFF)
    cover.keep(state("frozen"))
    assert json.loads(ours.read_bytes())["frozen"]
    cover.close()
    assert restored(tmp_path) == state("frozen")


def test_a_hidden_room_is_hidden_again_whoever_was_painted(tmp_path: Path) -> None:
    killed(tmp_path, "room")
    cover = KeptCover(tmp_path, ["web:9000"])
    restored = cover.restore(LiveState(Look(paint=Paint.ROOM)))
    assert restored.look.hides_room
    notice = cover.notice(restored)
    assert notice is not None
    assert "the room was hidden, and blurs it; press w, or run `stylecam ctl room camera`, to show it" in notice


def test_a_room_that_the_settings_hide_needs_no_notice(tmp_path: Path) -> None:
    killed(tmp_path, "room")
    cover = KeptCover(tmp_path, ["web:9000"])
    own = LiveState(Look(room=Room.parse("color:green")))
    assert cover.restore(own) == own
    assert cover.notice(own) is None


def test_a_session_keeps_from_its_start_what_its_settings_hide(tmp_path: Path) -> None:
    settings = Settings(
        camera="demo", style="none", size=Size(128, 96), room=Room.parse("color:green"), hotkeys=False, server=False
    )
    with Session(settings, Catalog([]), sinks=[CollectingSink()], runtime_folder=tmp_path):
        (kept,) = tmp_path.glob("cover-*.json")
        assert json.loads(kept.read_bytes())["room"] is True


def test_a_file_of_a_stylecam_that_knew_no_rooms_is_read(tmp_path: Path) -> None:
    (tmp_path / "cover-1.json").write_text('{"outputs": ["web"], "panic": false, "resting": true, "frozen": false}')
    assert restored(tmp_path) == state("resting")


@pytest.mark.parametrize(
    ("left", "outputs", "same"),
    [
        ((), (), True),
        ((), ("virtual",), True),
        (("virtual:/dev/video9",), (), True),
        (("virtual:/dev/video9",), ("virtual:/dev/video8",), False),
        (("virtual:/dev/video9",), ("virtual:/dev/video9", "null"), True),
        (("web",), ("web:9000",), True),
        (("web:9000",), ("web:9001",), False),
        (("web",), ("virtual",), False),
        (("window",), ("window",), True),
        (("pipewire", "web"), ("null", "web"), True),
        (("file:a.mp4",), ("file:b.mp4",), False),
    ],
)
def test_a_cover_is_taken_over_by_who_publishes_to_the_same_output(
    tmp_path: Path, left: tuple[str, ...], outputs: tuple[str, ...], same: bool
) -> None:
    killed(tmp_path, "panic", outputs=left)
    assert restored(tmp_path, outputs).panic is same
    assert restored(tmp_path, left).panic


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff" * 20, b'{"outputs": 5}', b'{"outputs": []}'])
def test_a_damaged_file_counts_as_a_panic(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "cover-1.json").write_bytes(damage)
    cover = KeptCover(tmp_path, ["web:9000"])
    assert cover.restore(OFF) == state("panic")
    cover.open()
    cover.keep(OFF)
    assert restored(tmp_path) == OFF
    cover.close()


def test_the_notice_lasts_until_the_user_ends_the_cover(tmp_path: Path) -> None:
    killed(tmp_path, "panic")
    cover = KeptCover(tmp_path, ["web:9000"])
    notice = cover.notice(state("panic"))
    assert notice is not None
    assert "stylecam ended while it showed the panic picture" in notice
    assert "`stylecam ctl panic off`" in notice
    cover.open()
    cover.keep(OFF)
    assert cover.notice(OFF) is None
    cover.keep(state("panic"))
    assert cover.notice(state("panic")) is None  # this one is of now
    cover.close(by_user=True)


def test_every_notice_names_a_command_that_exists() -> None:
    from stylecam.control.actions import ACTIONS
    from stylecam.control.command import Command

    for command, key in COVERS.values():
        assert ACTIONS[Command.parse(command.replace(" ", ":")).action].key == key


def test_the_switches_are_written_where_no_room_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cover = KeptCover(tmp_path, ["web:9000"])
    cover.open()
    (path,) = tmp_path.iterdir()
    size = path.stat().st_size
    for switches in (SWITCHES, [], ["resting"], SWITCHES, ["frozen"]):
        cover.keep(state(*switches))
        assert path.stat().st_size <= size
    assert json.loads(path.read_bytes())["frozen"]
    cover.close(by_user=True)


def test_a_full_disk_is_a_problem_that_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def create(path: Path, size: int) -> Any:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, size)

    real = kept_cover._create
    monkeypatch.setattr(kept_cover, "_create", create)
    cover = KeptCover(tmp_path, ["web:9000"])
    cover.open()
    assert "would not survive" in str(cover.problem)
    assert list(tmp_path.iterdir()) == []
    full = False
    cover.keep(state("panic"))
    assert cover.problem is None
    cover.close()
    assert restored(tmp_path).panic


def test_without_a_folder_nothing_is_kept() -> None:
    cover = KeptCover(None, ["web:9000"])
    cover.open()
    cover.keep(state("panic"))
    assert cover.restore(OFF) == OFF
    assert cover.problem is None
    cover.close()

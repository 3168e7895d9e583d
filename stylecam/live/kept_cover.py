"""Keep panic, camera off, freeze and a hidden room in a file, so that a stylecam that dies starts again with them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from stylecam.control.state import LiveState
from stylecam.stylize.room import Paint, Room, RoomKind
from stylecam.utils import file_lock
from stylecam.utils.message import Message

_RESTORED = {
    "panic": Message("stylecam ended while it showed the panic picture, and still does"),
    "resting": Message("stylecam ended while the camera was off, and leaves it off"),
    "frozen": Message("stylecam ended while its picture was frozen, and shows a card, as no picture is kept on disk"),
    "room": Message("stylecam ended while the room was hidden, and blurs it"),
}
COVERS = {
    "panic": ("panic off", "x"),
    "resting": ("rest off", "o"),
    "frozen": ("freeze off", "f"),
    "room": ("room camera", "w"),
}
"""What hides the picture or the room: the switches of `LiveState`, and `room`; with the command and key that end it."""
SLACK_BYTES = 64
"""The file is made a little longer than its content, so that a later one fits without room on the disk."""


@dataclass(frozen=True, slots=True)
class _LeftCover:
    """The file of a stylecam that has ended without being quit."""

    path: Path
    outputs: tuple[str, ...]
    switches: frozenset[str]


class KeptCover:
    """The file of this run, and the covers that earlier runs have left behind.

    A run takes over the cover of every ended run that published to one of its own outputs: to whoever watches there it
    is the same stylecam, whatever else was asked for this time. What was left is deleted when the user uncovers the
    picture or quits. A run that still lives keeps its file locked, and its cover to itself.

    `keep` is called by the thread that applies commands, everything else by the main thread.

    Attributes:
        problem: why the file cannot be written, in one line, or None.
    """

    def __init__(self, folder: Path | None, outputs: Sequence[str]) -> None:
        """Look for what earlier runs have left.

        Args:
            folder: the private runtime folder; None to keep nothing.
            outputs: those that the user asked for; empty for the default.
        """
        self._path = None if folder is None else folder / f"cover-{os.getpid()}.json"
        self._outputs = tuple(outputs) or ("virtual",)
        found = () if folder is None else _left_covers(folder)
        mine = [left for left in found if _overlap(left.outputs, self._outputs)]
        self._restored = frozenset[str]().union(*(left.switches for left in mine))
        self._left = [left for left in mine if left.path != self._path]  # that of an ended process of the same number
        self._switches = self._restored
        self._file: IO[bytes] | None = None
        self.problem: str | None = None

    def restore(self, state: LiveState) -> LiveState:
        """Return `state` with the switches on that were on when an earlier run ended."""
        on = _covers(state)
        if "room" in self._restored - on:
            state = state.with_look(paint=Paint.EVERYTHING, room=Room(RoomKind.BLUR), room_mix=None, pair=None)
        self._restored -= on
        on |= self._restored
        return replace(state, panic="panic" in on, resting="resting" in on, frozen="frozen" in on)

    def notice(self, state: LiveState) -> str | None:
        """Return, in one line, which restored switch still hides the picture and how to end that; None if none does."""
        for name, (command, key) in COVERS.items():
            if name in self._restored & _covers(state):
                return Message(
                    "{restored}; press {key}, or run `stylecam ctl {command}`, to show it again"
                    if name == "room"
                    else "{restored}; press {key}, or run `stylecam ctl {command}`, to show yourself again",
                    restored=_RESTORED[name], key=key, command=command,
                )  # fmt: skip
        return None

    def open(self) -> None:
        """Write the file, with room for what may come."""
        self._write()

    def keep(self, state: LiveState) -> None:
        """Write the switches of `state` if one has changed. Takes some microseconds and raises nothing."""
        switches = _covers(state)
        if switches == self._switches:
            return
        self._switches = switches
        self._restored &= switches
        self._write()
        if not switches:
            self._forget_left()

    def close(self, *, by_user: bool = False) -> None:
        """Release the file, and delete it unless the picture is covered; `by_user` when the user has ended the run."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None and (by_user or not self._switches):
            self._forget_left()
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write(self) -> None:
        if self._path is None:
            return
        record = {"outputs": self._outputs, **{name: name in self._switches for name in COVERS}}
        data = json.dumps(record).encode()
        try:
            if self._file is None:
                self._file = _create(self._path, len(data) + SLACK_BYTES)
            self._file.seek(0)
            self._file.write(data.ljust(len(data) + SLACK_BYTES))
            self._file.truncate()
        except OSError as error:
            reason = error.strerror or error
            self.problem = Message(
                "panic, freeze, camera off and a hidden room would not survive a crash: {path}: {reason}",
                path=self._path,
                reason=reason,
            )
        else:
            self.problem = None

    def _forget_left(self) -> None:
        for left in self._left:
            with contextlib.suppress(OSError):
                left.path.unlink()
        self._left = []


def _covers(state: LiveState) -> frozenset[str]:
    """Return what hides the picture or the room in `state`: keys of `COVERS`."""
    on = {"panic": state.panic, "resting": state.resting, "frozen": state.frozen, "room": state.look.hides_room}
    return frozenset(name for name in COVERS if on[name])


def _create(path: Path, size: int) -> IO[bytes]:
    """Create a locked file of `size` bytes; what an ended process has left there is replaced.

    Raises:
        OSError: there is no room, or the folder has gone.
    """
    with contextlib.ExitStack() as failing:
        failing.callback(path.unlink, missing_ok=True)
        path.unlink(missing_ok=True)
        file = open(path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        failing.callback(file.close)
        with contextlib.suppress(OSError):  # a file system without locks: the process number has to do
            file_lock.lock(file.fileno())
        if file.write(b" " * size) != size:
            raise OSError("the disk is full")
        failing.pop_all()
    return file


def _left_covers(folder: Path) -> Iterator[_LeftCover]:
    """Yield what ended runs have left, and delete the files of those that hid nothing."""
    for path in sorted(folder.glob("cover-*.json")):
        if _is_in_use(path):
            continue
        left = _read(path)
        if left.switches:
            yield left
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _is_in_use(path: Path) -> bool:
    try:
        return file_lock.is_locked(path)
    except FileNotFoundError:
        return True  # it has just been deleted
    except OSError:  # a file system without locks
        number = path.stem.rpartition("-")[2]
        return number.isdecimal() and file_lock.process_exists(int(number))


def _read(path: Path) -> _LeftCover:
    """Read a file; one that is damaged counts as a panic on every output, as nobody knows what it hid."""
    try:
        values = json.loads(path.read_bytes())
        outputs = tuple(str(text) for text in values["outputs"])
        values = {"room": False, **values}  # an older stylecam knew no rooms
        return _LeftCover(path, outputs, frozenset(name for name in COVERS if values[name]))
    except (OSError, ValueError, TypeError, KeyError):
        return _LeftCover(path, (), frozenset(["panic"]))


def _overlap(left: Sequence[str], outputs: Sequence[str]) -> bool:
    """Return True if one of the outputs may be the same place. `virtual` may be any virtual camera; none, anything."""
    return not left or any(_may_be_same(one, other) for one in left for other in outputs)


def _may_be_same(one: str, other: str) -> bool:
    kind, _, place = one.strip().partition(":")
    other_kind, _, other_place = other.strip().partition(":")
    return kind == other_kind and (not place or not other_place or place == other_place)

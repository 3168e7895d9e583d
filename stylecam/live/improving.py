"""Improve own styles beside the live picture, one at a time, in a process of its own that yields to all others.

The process writes the style's file itself, and the live run takes over what has changed there. It ends when this one
does, however that ends, because its standard input is then closed; what it had learned is kept.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stylecam.errors import TrainingUnavailableError, UsageError
from stylecam.models.own_style import find_own_style
from stylecam.utils import sandbox
from stylecam.utils.file_lock import process_exists
from stylecam.utils.files import write_json
from stylecam.utils.message import Message, unpacked
from stylecam.utils.optional import require
from stylecam.utils.process import ChildProcess
from stylecam.utils.resources import usable_cores

LEAST_MINUTES, MOST_MINUTES = 0.1, 600.0
_WORKER = "stylecam.training.improve_worker:main"
_END_S = 3.0
"""How long the process has to write what it has learned when this one ends."""
_log = logging.getLogger(__name__)


class _Process(Protocol):
    """What is used of `ChildProcess`."""

    @property
    def input(self) -> Any: ...
    @property
    def running(self) -> bool: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Improvement:
    """How far the training of one style is.

    Attributes:
        name: the style.
        minutes: how long it is trained.
        share: how much of that is over, 0..1.
        seconds_left: the rest, or None before the first step.
        gain: by which share the style is nearer to its picture, 0..1.
        ended: whether it has ended.
        failed: whether it could not go on.
        message: what it is doing, how it has ended, or why.
    """

    name: str
    minutes: float
    share: float = 0.0
    seconds_left: float | None = None
    gain: float = 0.0
    ended: bool = False
    failed: bool = False
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for the page."""
        return {
            "name": self.name, "minutes": self.minutes, "share": self.share, "seconds_left": self.seconds_left,
            "gain": self.gain, "ended": self.ended, "failed": self.failed, "message": self.message,
        }  # fmt: skip


class Improvements:
    """Improves styles one at a time; those that are asked for meanwhile wait. Any thread may call the methods.

    Args:
        folder: where the files of own styles are.
        state: a folder for what outlives this process: what was being improved.
        start_process: starts a program, as `ChildProcess` does.
        check: raises TrainingUnavailableError where PyTorch is missing.
    """

    def __init__(
        self,
        folder: Path,
        state: Path,
        *,
        start_process: Callable[[Sequence[str], Callable[[str], None]], _Process] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._folder, self._state = folder, state
        self._start_process = start_process or _child
        self._check = check or check_installed
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._present = self._left_over()
        self._waiting: list[Improvement] = []
        self._stopping = self._closing = False
        self._idle = threading.Event()
        self._idle.set()

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """What is being improved, or was last, as `Improvement.as_dict`, and the names that are `waiting`."""
        with self._lock:
            if self._present is None:
                return None
            return {**self._present.as_dict(), "waiting": [one.name for one in self._waiting]}

    def start(self, name: str, minutes: float) -> None:
        """Improve the own style `name`, as soon as those before it are done. One that is under way goes on as it is.

        Raises:
            TrainingUnavailableError: PyTorch is missing; the message says how to install it and how large it is.
            StyleNotFoundError: there is no such own style.
            UsageError: the minutes are out of range.
        """
        self._check()
        name = find_own_style(self._folder, name).stem
        check_minutes(minutes)
        with self._lock:
            if self._is_under_way(name):
                return
            self._waiting.append(Improvement(name, minutes))
            self._begin_next()

    def stop(self, name: str) -> None:
        """End the training of `name`, or let it not begin; what it has learned is written within a second or two."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one.name != name]
            if self._process is not None and self._present is not None and self._present.name == name:
                self._end_process()

    def close(self) -> None:
        """End all, with what was learned written, as far as that takes less than `_END_S`; forget what is waiting."""
        with self._lock:
            self._waiting, self._closing = [], True
            process = self._process
            if process is not None:
                self._remember()
                self._end_process()
        if process is not None and not self._idle.wait(_END_S):
            process.close()

    def _is_under_way(self, name: str) -> bool:
        present = () if self._process is None or self._present is None else (self._present,)
        return name in [one.name for one in (*present, *self._waiting)]

    def _begin_next(self) -> None:
        """Start the next process if none runs; holding the lock."""
        if self._process is not None or not self._waiting:
            return
        chosen = self._waiting.pop(0)
        command = sandbox.python_command(
            _WORKER,
            str(self._folder / f"{chosen.name}.style"),
            str(chosen.minutes),
            str(max(1, usable_cores() // 2)),
        )
        self._present = replace(chosen, message=Message("getting ready"))
        self._stopping = False
        try:
            process = self._start_process(command, self._read)
        except OSError as error:
            self._present = replace(self._present, ended=True, failed=True, message=str(error))
            self._begin_next()
            return
        self._process = process
        self._idle.clear()
        self._remember()

    def _read(self, line: str) -> None:
        """Take in a line of the process; "" means that it has ended. On the process's reading thread."""
        with self._lock:
            present = self._present
            assert present is not None
            if line:
                with contextlib.suppress(ValueError, TypeError, AttributeError):  # what PyTorch itself may print
                    self._present = after = _after(present, json.loads(line))
                    if int(20 * after.share) != int(20 * present.share):
                        self._remember()
                return
            if not present.ended:
                stopped = (
                    Message("stopped; what was learned is kept")
                    if self._stopping
                    else Message("the system ended it, perhaps for want of memory; what was learned is kept")
                )
                self._present = replace(present, ended=True, failed=not self._stopping, message=stopped)
            if self._present is not None and self._present.failed:
                _log.warning("%s", Message("improving {name}: {why}", name=present.name, why=self._present.message))
            if not self._closing:
                with contextlib.suppress(OSError):
                    self._memory.unlink(missing_ok=True)
        # On another thread, because the reading thread cannot wait for its own end.
        threading.Thread(target=self._clean_up, name="stylecam-improving", daemon=True).start()

    def _clean_up(self) -> None:
        assert self._process is not None
        self._process.close()
        with self._lock:
            self._process = None
            self._idle.set()
            self._begin_next()

    def _end_process(self) -> None:
        """Ask the process to end; holding the lock."""
        assert self._process is not None
        self._stopping = True
        with contextlib.suppress(OSError):
            self._process.input.close()

    @property
    def _memory(self) -> Path:
        return self._state / "improving.json"

    def _remember(self) -> None:
        """Keep what is being improved for the next run, which says so; holding the lock."""
        if self._present is not None and not self._present.ended:
            with contextlib.suppress(OSError):
                self._state.mkdir(parents=True, exist_ok=True)
                write_json(self._memory, {"name": self._present.name, "share": self._present.share, "pid": os.getpid()})

    def _left_over(self) -> Improvement | None:
        """Return what was being improved when stylecam ended the last time."""
        try:
            stored = json.loads(self._memory.read_text("utf-8"))
            name, share, pid = str(stored["name"]), float(stored["share"]), int(stored["pid"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
        if pid != os.getpid() and process_exists(pid):  # another stylecam, which goes on
            return None
        with contextlib.suppress(OSError):
            self._memory.unlink()
        message = Message(
            "stylecam ended when {share}% of it was done; what was learned is kept", share=round(100 * share)
        )
        return Improvement(name, 0.0, share, ended=True, message=message)


def check_installed() -> None:
    """Raise TrainingUnavailableError where PyTorch is missing; the message says how to install it."""
    require("torch", "onnx", purpose="improving a style", extra="train", error=TrainingUnavailableError)


def check_minutes(minutes: float) -> None:
    """Raise UsageError where the minutes of a training are out of range."""
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise UsageError(
            Message("a style can be improved for {least:g} to {most:g} minutes", least=LEAST_MINUTES, most=MOST_MINUTES)
        )


def _child(command: Sequence[str], on_line: Callable[[str], None]) -> ChildProcess:
    return ChildProcess(command, on_line, with_input=True)


def _after(before: Improvement, event: Mapping[str, Any]) -> Improvement:
    """Return the improvement after one line of the process, see `stylecam.training.improve_worker`."""
    if "error" in event:
        return replace(before, ended=True, failed=True, seconds_left=None, message=unpacked(event["error"]))
    if "done" in event:
        if not event["done"]:
            message = Message("stopped; what was learned is kept")
        elif before.gain > 0:
            message = Message("{gain}% nearer to the picture", gain=round(100 * before.gain))
        else:
            message = Message("it could not be made better, and is as it was")
        return replace(before, ended=True, seconds_left=None, message=message)
    if "share" in event:
        return replace(before, share=float(event["share"]), seconds_left=event["seconds_left"], message="")
    return replace(before, gain=float(event["gain"])) if "gain" in event else before

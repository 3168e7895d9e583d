"""Carry out the deferred commands of a run: snapshots, recordings and reloads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import cv2

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.errors import CommandRefusedError, SinkError, StylecamError
from stylecam.live.config.keeper import ConfigKeeper
from stylecam.live.context import PipelineContext
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.media.frame import Frame
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.utils.files import create_unique_file, write_bytes
from stylecam.utils.message import Message
from stylecam.utils.worker import Worker

logger = logging.getLogger(__name__)

_OFF = Message("the camera is off; switch it on first")
_NOBODY_WATCHES = Message(
    "there is no picture yet: the camera is on only while somebody watches; open the page, try again"
)

SAVE_TIMEOUT_S = 5.0
"""How long the end of a run waits for files that are being written."""


class MediaSaver:
    """Carries out the commands that need more than a change of state.

    Snapshots and recordings are written on a thread of its own, one after the other; a reload runs on the main thread.
    An error ends the command, never the run.
    """

    def __init__(
        self,
        control: CommandQueue,
        publisher: Publisher,
        context: PipelineContext,
        pictures: Path,
        videos: Path,
        changed: Callable[[], None],
    ) -> None:
        """Take commands from `control` and frames from `publisher`.

        Snapshots are kept in `pictures` and recordings in `videos`, folders that are made when needed. `changed` is
        called from any thread when `recording` has changed.
        """
        self._control = control
        self._publisher, self._context = publisher, context
        self._pictures, self._videos = pictures, videos
        self._changed = changed
        self._worker = Worker("stylecam-media")
        self._unfinished: list[PendingCommand] = []
        self._closed = False
        self._runner: SinkRunner | None = None
        self._lost: str | None = None
        """Why the last recording failed, until a command about recordings has reported it."""

    @property
    def recording(self) -> Path | None:
        """The file that is being recorded, or None."""
        runner = self._runner
        return None if runner is None or runner.given_up else _recorder(runner).path

    def handle_commands(
        self,
        reload: Callable[[], None],
        handlers: Mapping[str, Callable[[PendingCommand], None]],
        keeper: ConfigKeeper,
    ) -> None:
        """Take all waiting commands: call `reload` or `keeper`, hand on those in `handlers`, and write files later.

        Only the main thread calls it.
        """
        for pending in self._control.take_deferred():
            if pending.command.action == "reload":
                self._carry_out(pending, reload)
            elif pending.command.action in keeper.actions:
                self._carry_out(pending, partial(keeper.carry_out, pending.command))
            elif (handler := handlers.get(pending.command.action)) is not None:
                handler(pending)
            elif pending.command.action == "snapshot":
                shown = self._publisher.visible_frame()
                self._carry_out_later(pending, partial(self._save_snapshot, pending, shown))
            else:
                self._carry_out_later(pending, partial(self._record, pending))

    def maintain(self) -> None:
        """Drop a recording that has failed; called a few times a second."""
        runner = self._runner
        if runner is not None and runner.given_up:
            self._worker.submit(partial(self._guarded_let_go, runner))

    def close(self) -> None:
        """Finish what is being written, within `SAVE_TIMEOUT_S`; may be called twice.

        What is not finished by then, because a disk does not answer, is refused and logged. A recording is closed by
        the publisher, with all sinks.
        """
        if self._closed or self._worker.close(SAVE_TIMEOUT_S):
            self._closed = True
            return
        self._closed = True
        for pending in list(self._unfinished):
            action = pending.command.action
            folder = self._pictures if action == "snapshot" else self._videos
            message = Message(
                "{action} was not finished within {seconds:g} s: the disk of {folder} does not answer",
                action=action, seconds=SAVE_TIMEOUT_S, folder=folder,
            )  # fmt: skip
            logger.warning("%s", message)
            pending.refuse(CommandRefusedError(message))

    def _carry_out_later(self, pending: PendingCommand, work: Callable[[], dict[str, str] | None]) -> None:
        self._unfinished.append(pending)
        self._worker.submit(partial(self._carry_out, pending, work))

    def _carry_out(self, pending: PendingCommand, work: Callable[[], dict[str, str] | None]) -> None:
        """Do `work` and end the command with its result or its error."""
        try:
            result = work()
        except StylecamError as error:
            pending.refuse(error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            pending.refuse(CommandRefusedError(f"{where}{error.strerror or error}"))
        except Exception as error:  # a mistake of ours must not end the call
            message = Message(
                "{action} failed with an unexpected {kind}: {error}",
                action=pending.command.action, kind=type(error).__name__, error=error,
            )  # fmt: skip
            self._context.stats.count_fault("command", message)
            logger.error("%s", message, exc_info=True)
            pending.refuse(error)
        else:
            self._report_file(pending.command, result)
            pending.finish(self._control.state, result)
        finally:
            if pending in self._unfinished:
                self._unfinished.remove(pending)

    def _report_file(self, command: Command, result: dict[str, str] | None) -> None:
        """Log which file was saved, or is being written. The page reports its own commands by itself."""
        if result is None:
            return
        if command.action == "snapshot":
            logger.info(Message("snapshot saved: {file}", file=result["file"]), extra={"only_on_terminal": True})
        elif self._runner is not None:  # that a recording is saved is reported by itself, as it may end with the run
            file = result["file"]
            begun = Message("recording to: {file}", file=file)
            if self._context.microphone is None:
                begun = Message("recording to: {file}, without sound (--audio adds it)", file=file)
            logger.info(begun, extra={"only_on_terminal": True})

    def _save_snapshot(self, pending: PendingCommand, shown: Frame) -> dict[str, str]:
        if shown.index < 0:
            raise CommandRefusedError(_OFF if self._control.state.resting else _NOBODY_WATCHES)
        data = cv2.imencode(".png", shown.image)[1].tobytes()
        path = _new_file(self._pictures, pending, ".png")
        try:
            write_bytes(path, data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return {"file": str(path)}

    def _record(self, pending: PendingCommand) -> dict[str, str] | None:
        """Begin or end a recording, or leave it as it is; refused if it is on and another name is requested."""
        if self._runner is not None and self._runner.given_up:
            self._guarded_let_go(self._runner)
        runner, lost, self._lost = self._runner, self._lost, None
        switch_on = bool(pending.command.arguments.get("on", runner is None))
        if runner is None and switch_on:
            return self._begin_recording(pending)
        if runner is None:
            if lost is not None:
                raise CommandRefusedError(lost)
            return None
        if not switch_on:
            return self._end_recording(runner)
        path = _recorder(runner).path
        if "name" in pending.command.arguments:
            raise CommandRefusedError(Message("already recording to {path}; end that first", path=path))
        return {"file": str(path)}

    def _begin_recording(self, pending: PendingCommand) -> dict[str, str]:
        self._videos.mkdir(parents=True, exist_ok=True)
        recorder = RecorderSink(self._videos / f"{_stem(pending)}.mp4", self._context.microphone)
        runner = SinkRunner(recorder, self._context.size, self._context.fps)
        try:
            runner.open()
        except SinkError as error:
            raise CommandRefusedError(str(error)) from error
        if not self._publisher.add(runner):
            recorder.discard()
            raise CommandRefusedError(Message("stylecam is stopping"))
        self._context.viewers.add(runner.sink)
        self._runner = runner
        self._changed()
        return {"file": str(recorder.path)}

    def _end_recording(self, runner: SinkRunner) -> dict[str, str]:
        recorder = _recorder(runner)
        try:
            self._let_go(runner)
        except SinkError as error:
            raise CommandRefusedError(str(error)) from error
        if not recorder.finished:
            raise CommandRefusedError(recorder.failure or Message("no frame was recorded, so there is no file"))
        return {"file": str(recorder.path)}

    def _let_go(self, runner: SinkRunner) -> None:
        if self._runner is not runner:
            return
        self._runner = None
        self._context.viewers.remove(runner.sink)
        if self._publisher.remove(runner):
            runner.sink.close()
        self._changed()

    def _guarded_let_go(self, runner: SinkRunner) -> None:
        """Drop a recording that has failed. Closing it may fail too, and no command reports that."""
        if self._runner is runner:
            self._lost = runner.trouble
        try:
            self._let_go(runner)
        except Exception as error:  # counted and logged; it must not end the call
            message = Message("{name} could not be closed: {error}", name=runner.sink.name, error=error)
            self._context.stats.count_fault("sink", message)
            logger.error("%s", message, exc_info=not isinstance(error, StylecamError))


def _new_file(folder: Path, pending: PendingCommand, suffix: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return create_unique_file(folder, _stem(pending), suffix)


def _stem(pending: PendingCommand) -> str:
    """Return the name of a command's file, without its suffix."""
    name = str(pending.command.arguments.get("name", "stylecam"))
    return f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"


def _recorder(runner: SinkRunner) -> RecorderSink:
    assert isinstance(runner.sink, RecorderSink)
    return runner.sink

"""What orders want beside a change of state: pictures kept, recordings made, the configuration read again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import cv2

from stylecam.control.commands import CommandQueue, PendingCommand
from stylecam.errors import CommandRefusedError, SinkError, StylecamError
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.utils.files import create_unique_file, write_bytes

_LOG = logging.getLogger(__name__)


class MediaSaver:
    """Carries out the errands of one run. Files are written on a thread of its own, one after the other."""

    def __init__(
        self,
        control: CommandQueue,
        publisher: Publisher,
        viewers: Viewers,
        size: Size,
        fps: float,
        *,
        pictures: Path,
        videos: Path,
        reload: Callable[[], None] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`pictures` and `videos` are the folders for new files, made when there is one.

        `reload` reads the configuration again, or raises a StylecamError; `changed` is called when `recording` is
        another, from any thread.
        """
        self._control = control
        self._publisher, self._viewers = publisher, viewers
        self._size, self._fps = size, fps
        self._pictures, self._videos = pictures, videos
        self._reload, self._changed = reload, changed
        self._worker = ThreadPoolExecutor(1, "stylecam-errands")
        self._working: list[Future[None]] = []
        self._runner: SinkRunner | None = None

    @property
    def recording(self) -> Path | None:
        """The file being recorded to, or None."""
        runner = self._runner
        if runner is None or runner.given_up or not isinstance(runner.sink, RecorderSink):
            return None
        return runner.sink.path

    def handle_commands(self) -> None:
        """Take up all errands that wait; by the thread that runs the program. Files are written after it returns."""
        for errand in self._control.take_deferred():
            if errand.command.action == "reload":
                self._try(errand, self._read_again)
            elif errand.command.action == "snapshot":
                self._hand_over(self._try, errand, self._keep, self._publisher.shown)
            else:
                self._hand_over(self._try, errand, self._record)

    def maintain(self) -> None:
        """Now and then: let go of a recording that has stopped by itself; raise what nobody expected."""
        if self._runner is not None and self._runner.given_up:
            self._hand_over(self._let_go, self._runner)
        for done in [work for work in self._working if work.done()]:
            self._working.remove(done)
            done.result()

    def close(self) -> None:
        """Finish what is being written. A recording is finished by the publisher, with all its outputs."""
        self._worker.shutdown()

    def _hand_over(self, work: Callable[..., None], *given: object) -> None:
        self._working.append(self._worker.submit(work, *given))

    def _try(self, errand: PendingCommand, work: Callable[..., dict[str, str] | None], *given: object) -> None:
        try:
            result = work(errand, *given)
        except StylecamError as error:
            errand.refuse(error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            errand.refuse(CommandRefusedError(f"{where}{error.strerror or error}"))
        except Exception as error:  # noqa: BLE001 - a mistake in one command must not end the call
            _LOG.exception("the command %s failed", errand.command)
            errand.refuse(error)
        else:
            errand.finish(self._control.state, result)

    def _read_again(self, _: PendingCommand) -> None:
        if self._reload is None:
            raise CommandRefusedError("there is no configuration to read again")
        self._reload()

    def _keep(self, errand: PendingCommand, shown: Frame) -> dict[str, str]:
        if shown.index < 0:
            raise CommandRefusedError("there is no picture yet")
        data = cv2.imencode(".png", shown.image)[1].tobytes()
        path = self._new(self._pictures, errand, ".png")
        try:
            write_bytes(path, data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return {"file": str(path)}

    def _record(self, errand: PendingCommand) -> dict[str, str] | None:
        """Begin or end; what is so already stays so, as with every switch, unless a file of another name is wanted."""
        path = self.recording
        wanted = bool(errand.command.arguments.get("on", path is None))
        if path is None:
            return self._start(errand) if wanted else None
        if not wanted:
            return self._stop(path)
        if "name" in errand.command.arguments:
            raise CommandRefusedError(f"already recording to {path}; end that first")
        return {"file": str(path)}

    def _start(self, errand: PendingCommand) -> dict[str, str]:
        path = self._new(self._videos, errand, ".mp4")
        path.unlink()  # the recorder makes its own, which gets this name when it is whole
        runner = SinkRunner(RecorderSink(path), self._size, self._fps)
        try:
            runner.open()
        except SinkError as error:
            raise CommandRefusedError(str(error)) from error
        self._publisher.add(runner)
        self._viewers.add(runner.sink)
        self._runner = runner
        self._changed()
        return {"file": str(path)}

    def _stop(self, path: Path) -> dict[str, str]:
        try:
            if self._runner is not None:
                self._let_go(self._runner)
        except SinkError as error:
            raise CommandRefusedError(str(error)) from error
        if not path.exists():
            raise CommandRefusedError("there was nothing to record")
        return {"file": str(path)}

    def _let_go(self, runner: SinkRunner) -> None:
        if self._runner is not runner:
            return
        self._runner = None
        self._viewers.remove(runner.sink)
        if self._publisher.remove(runner):
            runner.sink.close()
        self._changed()

    def _new(self, folder: Path, errand: PendingCommand, suffix: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        name = str(errand.command.arguments.get("name", "stylecam"))
        return create_unique_file(folder, f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}", suffix)

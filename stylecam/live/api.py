"""The running camera for programs: `stylecam.Live` runs a session on a thread of its own."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import fields
from types import TracebackType
from typing import Any

from stylecam.control.command_queue import CommandResult
from stylecam.control.state import LiveState
from stylecam.errors import SessionNotOpenError, UsageError
from stylecam.live.report import SessionReport
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sources.base import Source
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import LookSettings
from stylecam.utils import paths
from stylecam.utils.options import options_of

NOT_RUNNING = "the camera is not running; use it inside `with stylecam.Live(...) as live:`"


class Live:
    """A camera that is captured, stylized and published while a `with` block runs.

    Capturing, stylizing and publishing happen on threads of their own, so the block is free to do something else.
    Leaving it stops everything within about a second. An instance runs once. What a user should know is logged to the
    loggers under `stylecam`.

    Example:
        with stylecam.Live(camera="demo", style="great_wave", outputs=["virtual"]) as live:
            live.press("next").result(timeout=5)
            live.wait(60)
    """

    def __init__(self, *, source: Source | None = None, sinks: Sequence[Sink] | None = None, **settings: Any) -> None:
        """Check the settings; nothing is opened yet.

        Args:
            source: read instead of the camera that the settings name; not open.
            sinks: written to instead of the outputs that the settings name; not open.
            **settings: the options of `stylecam run` as fields of `stylecam.live.settings.Settings`: `camera`, `style`,
                `size` (width, height), `fps`, `outputs`, `strength`, `steadiness` and so on. Global hotkeys, keys
                typed in the terminal and the web page are off unless `hotkeys`, `terminal_keys` or `server` is True.

        Raises:
            UsageError: a setting does not exist or is out of range, or a preview window is asked for, which only the
                main thread of a program can show.
            StyleNotFoundError: there is no style of this name.
        """
        self._session = Session(_settings(settings), Catalog.installed(), source=source, sinks=sinks)
        self._executor = ThreadPoolExecutor(1, "stylecam-session")
        self._started = threading.Event()
        self._run: Future[SessionReport] | None = None

    def __enter__(self) -> Live:
        """Open everything and return once frames flow.

        Raises:
            StylecamError: something asked for cannot be had; nothing stays open.
            SessionNotOpenError: it ran before.
        """
        if self._run is not None:
            raise SessionNotOpenError("this camera ran already; make a new stylecam.Live")
        try:
            self._session.open()
            self._run = self._executor.submit(self._run_session)
            self._run.add_done_callback(lambda _: self._started.set())
            self._started.wait()
            if self._run.done():
                self._run.result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and close everything.

        Raises:
            Exception: what ended the run unexpectedly, unless the block itself raised.
        """
        self._stop()
        if error is None and self._run is not None:
            self._run.result()

    @property
    def state(self) -> LiveState:
        """Return what is in force: the look, and whether it is frozen, off or in panic."""
        return self._session.control.state

    @property
    def running(self) -> bool:
        """Return whether frames are being published."""
        return self._run is not None and not self._run.done()

    @property
    def link(self) -> str | None:
        """Return the address of the page with its token, or None if `server` is not True.

        Raises:
            SessionNotOpenError: the camera was never opened.
        """
        server = self._session.server
        return None if server is None else server.link

    def press(self, command: str) -> Future[CommandResult]:
        """Submit a command as the keys do: `next`, `select:3`, `preset:calm`, `panic`. Any thread may call it.

        Returns:
            A future with the state after the command, or with the error that says why it was refused.

        Raises:
            UsageError: there is no such command; the message names the nearest.
            SessionNotOpenError: the camera is not running.
        """
        self._require_running()
        return self._session.control.submit(command)

    def frame(self) -> Frame:
        """Return the frame published last, or a card before the first one. Any thread may call it; never write into it.

        Raises:
            SessionNotOpenError: the camera is not running.
        """
        self._require_running()
        return self._session.pipeline.publisher.visible_frame()

    def report(self) -> SessionReport:
        """Return all figures of this moment, or the final ones afterwards. Any thread may call it.

        Raises:
            SessionNotOpenError: the camera was never opened.
        """
        if self._run is not None and self._run.done() and self._run.exception() is None:
            return self._run.result()
        return self._session.report()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended, at most `timeout` seconds; return whether it has ended.

        It ends when somebody quits, when its time is over, when every output has failed, or by an unexpected error,
        which leaving the block then raises.

        Raises:
            SessionNotOpenError: the camera was never opened.
        """
        if self._run is None:
            raise SessionNotOpenError(NOT_RUNNING)
        return bool(wait([self._run], timeout).done)

    def _run_session(self) -> SessionReport:
        try:
            return self._session.run(started=self._started.set)
        finally:
            self._session.close()

    def _stop(self) -> None:
        self._session.interrupt()
        self._executor.shutdown()
        self._session.close()

    def _require_running(self) -> None:
        if not self.running:
            cause = None if self._run is None else self._run.exception()
            raise SessionNotOpenError(NOT_RUNNING) from cause


def _settings(values: dict[str, Any]) -> Settings:
    names = [field.name for field in fields(Settings)]
    for name in values:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(names)}"
            raise UsageError(f"Live has no setting {name!r}; {hint}")
    outputs = values.get("outputs", ())
    if isinstance(outputs, str):
        raise UsageError(f"outputs must be a list of texts; write outputs=[{outputs!r}]")
    merged = {
        "hotkeys": False,
        "terminal_keys": False,
        "server": False,
        "pictures": paths.user_pictures(),
        "videos": paths.user_videos(),
        **values,
        "outputs": tuple(outputs),
    }
    if "size" in merged:
        merged["size"] = _size(merged["size"])
    for each in options_of(LookSettings):
        if isinstance(merged.get(each.attribute), str):
            merged[each.attribute] = each.read(merged[each.attribute])
    if isinstance(merged.get("camera"), int):  # the index of a camera
        merged["camera"] = str(merged["camera"])
    if "window" in merged["outputs"]:
        raise UsageError("Live cannot show the output 'window', which needs the main thread; show live.frame() instead")
    return Settings(**merged)


def _size(value: object) -> Size:
    if isinstance(value, str):
        return Size.parse(value)
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(side, int) for side in value):
        return Size(*value)
    raise UsageError(f"size {value!r} is not (width, height); write for instance size=(1280, 720) or size='720p'")

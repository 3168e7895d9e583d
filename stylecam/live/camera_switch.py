"""Change the camera of a run: the new one is opened while the old one goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import Any

from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.errors import CommandRefusedError, SourceError, StylecamError
from stylecam.live.capture import Capture
from stylecam.live.context import PipelineContext
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource
from stylecam.media.sources.devices import list_cameras
from stylecam.media.sources.factory import make_listed_source, make_source
from stylecam.utils.message import Message
from stylecam.utils.worker import Worker

logger = logging.getLogger(__name__)

HANDOVER_S = 5.0
"""How long the capture thread may take to let go of the old camera, whose driver may hang."""
CLOSE_S = 1.0
"""How long the end of a run waits for a camera that is being opened."""


class CameraSwitcher:
    """Carries out the command `camera`, one after the other, on a thread of its own; of several, the last one wins.

    Whoever controls stylecam may choose the cameras of this computer, the demo, and what the user's own settings have
    named. Other files and addresses are refused: a page must not make stylecam open any file.
    """

    def __init__(
        self,
        capture: Capture,
        context: PipelineContext,
        chosen: str | None,
        control: CommandQueue,
        changed: Callable[[], None],
    ) -> None:
        """Switch the source of `capture`.

        Args:
            capture: reads the source.
            context: what the pipeline's threads share.
            chosen: the camera of the settings.
            control: has the state that ends a command.
            changed: called from any thread when the camera has changed.
        """
        self._capture, self._context = capture, context
        self._control, self._changed = control, changed
        self._named: dict[str, tuple[str, str]] = {}
        """What the settings have named, by the name it has for people: as it is written there, and what it is."""
        self._newest: PendingCommand | None = None
        self._closed = False
        self._worker = Worker("stylecam-camera")
        self.allow(chosen)

    def allow(self, chosen: str | None) -> None:
        """Let a file or an address that the user's settings name be chosen, by its name or as it is written."""
        if chosen is None:
            return
        try:
            source = make_source(chosen, self._context.clock)
        except SourceError:
            return  # a camera that is not there, or a file that is not
        if source.kind not in ("camera", "demo"):
            self._named = {**self._named, source.name: (chosen, source.kind)}  # others may be reading it

    def choices(self) -> list[dict[str, Any]]:
        """Return what may be chosen, for the API: `which` to send, `name`, `kind`, `current` and `problem` of each.

        Takes some milliseconds, as it asks the system.
        """
        current = self._capture.source
        found = [
            _choice(
                camera.path or str(camera.index), camera.name, "camera", str(camera) == current.name, camera.problem
            )
            for camera in list_cameras()
            if not camera.virtual or str(camera) == current.name
        ]
        found += [_choice(name, name, kind, name == current.name) for name, (_, kind) in self._named.items()]
        found.append(_choice(DemoSource.name, DemoSource.name, "demo", current.kind == "demo"))
        if not any(choice["current"] for choice in found):
            found.insert(0, _choice(current.name, current.name, current.kind, True))
        return found

    def request(self, pending: PendingCommand) -> None:
        """Carry out a command later. Only the main thread calls it."""
        self._newest = pending
        self._worker.submit(partial(self._carry_out, pending))

    def close(self) -> None:
        """Refuse what is not finished; a camera that is being opened is closed again. May be called twice."""
        self._closed = True
        self._worker.close(CLOSE_S)

    def _carry_out(self, pending: PendingCommand) -> None:
        try:
            source = self._switch(pending)
        except StylecamError as error:
            pending.refuse(error)
        except Exception as error:  # a mistake of ours, or of a driver's, must not end the call
            logger.error(Message("the camera could not be changed: {error}", error=error), exc_info=True)
            pending.refuse(error)
        else:
            logger.info(Message("the camera is now {name}", name=source.name))
            self._changed()
            pending.finish(self._control.state, {"camera": source.name})

    def _switch(self, pending: PendingCommand) -> Source:
        self._check_newest(pending)
        source = self._make(str(pending.command.arguments.get("which") or self._next()))
        current = self._capture.source
        if source.kind == "camera" and source.name == current.name:
            return current
        asleep = source.live and not self._context.viewers.watching
        try:
            if not asleep:  # a camera that nobody watches stays off, and so does its light
                source.open(self._context.size, self._context.fps)
            self._check_newest(pending)
            old = self._hand_over(source, opened=not asleep)
        except BaseException:
            source.close()
            raise
        old.close()
        return source

    def _next(self) -> str:
        """Return the choice after the present camera."""
        usable = [choice for choice in self.choices() if choice["problem"] is None]
        at = next((number for number, choice in enumerate(usable) if choice["current"]), -1)
        if usable[(at + 1) % len(usable)]["current"]:
            raise CommandRefusedError(Message("there is no other camera; plug one in"))
        return str(usable[(at + 1) % len(usable)]["which"])

    def _make(self, text: str) -> Source:
        for name, (chosen, _) in self._named.items():
            if text in (name, chosen):
                return make_source(chosen, self._context.clock)
        return make_listed_source(text, self._context.clock)

    def _hand_over(self, source: Source, *, opened: bool) -> Source:
        handed: Future[Source] = self._capture.replace_source(source, opened=opened)
        try:
            return handed.result(HANDOVER_S)
        except FutureTimeoutError:
            if handed.cancel():
                raise CommandRefusedError(
                    Message(
                        "{name} does not answer and cannot be let go; unplug it, or start again",
                        name=self._capture.source.name,
                    )
                ) from None
            return handed.result()

    def _check_newest(self, pending: PendingCommand) -> None:
        if self._closed:
            raise CommandRefusedError(Message("stylecam is stopping"))
        if pending is not self._newest:
            raise CommandRefusedError(Message("another camera was chosen after this one"))


def _choice(which: str, name: str, kind: str, current: bool, problem: str | None = None) -> dict[str, Any]:
    return {"which": which, "name": name, "kind": kind, "current": current, "problem": problem}

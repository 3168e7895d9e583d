"""Queue commands from any thread and apply them to the live state between two frames."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylecam.control.action_context import ActionContext
from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, StylecamError
from stylecam.stylize.look import Look, Preset
from stylecam.stylize.room import Room
from stylecam.utils.message import Message

if TYPE_CHECKING:
    from stylecam.models.catalog import Catalog
    from stylecam.models.own_style import OwnStyle

_LOG = logging.getLogger(__name__)

StateListener = Callable[[LiveState], None]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command did.

    Attributes:
        state: the live state after it.
        extra: what it produced besides the state, such as `{"file": "/home/me/Pictures/talk.png"}`, or None.
    """

    state: LiveState
    extra: dict[str, Any] | None = None


class PendingCommand:
    """A submitted command and the future that its submitter holds.

    The thread that takes it from the queue must call `finish` or `refuse`. Only the first call counts.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self.future: Future[CommandResult] = Future()
        self.future.set_running_or_notify_cancel()  # a waiter that gives up must not cancel the command

    def finish(self, state: LiveState, extra: dict[str, Any] | None = None) -> None:
        """Complete the future with the state after the command."""
        if not self.future.done():
            self.future.set_result(CommandResult(state, extra))

    def refuse(self, error: Exception) -> None:
        """Complete the future with `error`: the command was not carried out and will not be."""
        if not self.future.done():
            self.future.set_exception(error)

    def carry_out(self, work: Callable[[], dict[str, Any] | None], control: CommandQueue) -> None:
        """Do `work`, which returns what the command produces, and complete the future with that or with its error.

        `control` has the state after it. An unexpected error is logged too.
        """
        try:
            extra = work()
        except StylecamError as error:
            self.refuse(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the thread
            _LOG.exception("the command %s failed", self.command)
            self.refuse(error)
        else:
            self.finish(control.state, extra)


class CommandQueue:
    """Owns the live state and changes it by one command at a time.

    `submit` and `subscribe` may be called from any thread. `apply` is called by the styling thread and by the
    publishing thread between their frames. Whichever comes first applies the command, so a command does not wait for
    the other thread while that one is busy.

    Attributes:
        presets: the named looks; may be replaced at any time, as the next three may.
        scenes: OBS scene to style or preset.
        favorites: the names of the styles that the page lists first.
        own_look: the look that a scene starts from: that of the start, or what a reload has set since.
        quitting: set as soon as somebody submits `quit`.
        attention: set when a deferred command is waiting or somebody submitted `quit`.
        wake: called after each submission, to bring a thread that waits for frames to `apply`.
    """

    def __init__(
        self,
        catalog: Catalog,
        state: LiveState,
        presets: Mapping[str, Preset] | None = None,
        scenes: Mapping[str, str] | None = None,
        favorites: tuple[str, ...] = (),
    ) -> None:
        self.favorites = favorites
        self.presets: Mapping[str, Preset] = presets or {}
        self.scenes: Mapping[str, str] = scenes or {}
        self.own_look = state.look
        self.quitting = threading.Event()
        self.attention = threading.Event()
        self.wake: Callable[[], None] = lambda: None
        self._catalog = catalog
        self._state = state
        self._pending: queue.SimpleQueue[PendingCommand] = queue.SimpleQueue()
        self._deferred: queue.SimpleQueue[PendingCommand] = queue.SimpleQueue()
        self._listeners: tuple[StateListener, ...] = ()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def state(self) -> LiveState:
        """The state after the last `apply`."""
        return self._state

    @property
    def room_pictures(self) -> tuple[Path, ...]:
        """The pictures for the room that the user's own settings name, and the one that is shown."""
        named = [Room.parse(str(preset["room"])).path for preset in self.presets.values() if "room" in preset]
        rooms = (self.own_look.room.path, *named, self._state.look.room.path)
        return tuple(dict.fromkeys(path for path in rooms if path is not None))

    def submit(self, command: Command | str) -> Future[CommandResult]:
        """Enqueue `command` and return at once; text is read by `Command.parse`.

        `quit` takes effect immediately, without waiting for the next frame.

        Returns:
            A future with the state after the command. Its exception is the refusal: `UsageError` or
            `StyleNotFoundError` for wrong arguments, `CommandRefusedError` for what cannot be done now, or whatever
            unexpected error was raised. It cannot be cancelled.

        Raises:
            UsageError: `command` is text that no command has.
        """
        pending = PendingCommand(Command.parse(command) if isinstance(command, str) else command)
        if self._closed:
            pending.refuse(CommandRefusedError(Message("stylecam is stopping")))
            return pending.future
        if pending.command.action == "quit":
            self.quitting.set()
            self.attention.set()
            pending.finish(self._state)
        self._pending.put(pending)
        self.wake()
        return pending.future

    def apply(self) -> LiveState:
        """Apply the commands that are waiting and return the state after them. A refused one changes nothing."""
        if self._pending.empty():
            return self._state
        with self._lock:
            self._apply_pending()
            return self._state

    @contextlib.contextmanager
    def hold(self) -> Iterator[LiveState]:
        """Apply the waiting commands and yield the state, which no command changes inside the `with` block.

        So what is published in the block is published before the future of any command that forbids it has ended.
        """
        with self._lock:
            self._apply_pending()
            yield self._state

    def restyle(self, look: Look) -> None:
        """Change the look that the session starts with, before any command is applied."""
        with self._lock:
            self.own_look = look
            self._state = replace(self._state, look=look)
            for listener in self._listeners:
                listener(self._state)

    def change_styles(self, styles: Sequence[OwnStyle]) -> None:
        """Give the catalog other own styles between two frames, and let the looks follow; any thread may call it.

        What is painted in a style whose rows have changed is painted with the new ones. In place of a style that was
        removed comes the most similar one of its network, never the plain camera.
        """
        with self._lock:
            before = self._catalog.content
            self._catalog.own_styles = tuple(styles)
            self.own_look = self.own_look.followed(self._catalog, before)
            look = self._state.look.followed(self._catalog, before)
            self._state = replace(self._state, look=look, version=self._state.version + 1)
            for listener in self._listeners:
                listener(self._state)

    def take_deferred(self) -> Iterator[PendingCommand]:
        """Take the waiting commands whose action is deferred. The caller must finish or refuse each of them."""
        self.attention.clear()
        while True:
            try:
                yield self._deferred.get_nowait()
            except queue.Empty:
                return

    def subscribe(self, listener: StateListener) -> Callable[[], None]:
        """Call `listener(state)` after each change, in order, on the thread that runs `apply`; it must not block.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def close(self) -> None:
        """Refuse all commands that are waiting and all that are submitted from now on."""
        self._closed = True
        for waiting in (self._pending, self._deferred):
            while not waiting.empty():
                waiting.get().refuse(CommandRefusedError(Message("stylecam is stopping")))

    def _apply_pending(self) -> None:
        for _ in range(self._pending.qsize()):  # commands that arrive meanwhile wait for the next frame
            self._apply(self._pending.get())

    def _context(self) -> ActionContext:
        return ActionContext(self._catalog, self.presets, self.scenes, self.own_look)

    def _apply(self, pending: PendingCommand) -> None:
        command = pending.command
        action = ACTIONS[command.action]
        try:
            changed = action.apply(self._state, command.arguments, self._context())
        except StylecamError as error:
            pending.refuse(error)
            return
        except Exception as error:  # noqa: BLE001 - a mistake in an action must not end a frame thread
            _LOG.exception("the command %s failed", command)
            pending.refuse(error)
            return
        commands = self._state.commands + (not command.by_timer)
        self._state = replace(changed, version=self._state.version + 1, commands=commands)
        for listener in self._listeners:
            listener(self._state)
        if action.deferred:
            self._deferred.put(pending)
            self.attention.set()
        else:
            pending.finish(self._state)


class AutoCycle:
    """Decides when the next style is due: one period after the last change of style, whoever made it.

    The period starts anew while the plain camera, a frozen frame, the panic picture or no picture is shown.
    """

    def __init__(self) -> None:
        self._shown: tuple[str, float | None] | None = None
        self._shown_since = 0.0

    def due(self, state: LiveState, now: float) -> Command | None:
        """Return the command to submit at `now` (s), or None; call it a few times a second."""
        shown = (state.look.label, state.cycle_s)
        paused = state.bypass or state.frozen or state.resting or state.panic
        if state.cycle_s is None or paused or shown != self._shown:
            self._shown, self._shown_since = shown, now
            return None
        if now - self._shown_since < state.cycle_s:
            return None
        self._shown_since = now
        return Command("next", by_timer=True)

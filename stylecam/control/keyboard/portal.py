"""Global hotkeys through the desktop's portal, which GNOME 48, KDE and Hyprland have on Wayland."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import DEBOUNCE_S, Bindings
from stylecam.control.keyboard.portal_session import (
    APP_ID,
    InterruptedWaitError,
    NoMenuEntryError,
    PortalSession,
    SessionEndedError,
    Shortcut,
    session_bus,
    xdg_trigger,
)
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""The pauses before a session that has ended is opened again; they double each time."""
CALM_S = 120.0
"""A session that held for so long makes the next pause the first one again."""


class PortalHotkeys:
    """Lets the desktop bind the hotkeys, and submits their commands when it says that they were pressed.

    `submit` and `show_keys` are called on the thread of this object, and must not block.

    Attributes:
        alive: whether the hotkeys are bound.
        trouble: why they are not bound for the time being, or None.
    """

    def __init__(
        self,
        bindings: Bindings,
        submit: Callable[[Command], None],
        clock: Clock,
        show_keys: Callable[[Mapping[str, str]], None] = lambda keys: None,
        connect: Callable[[], Any] = session_bus,
    ) -> None:
        """Prepare to bind; nothing is opened before `start`.

        Args:
            bindings: the hotkeys; their combinations are what the desktop is asked for.
            submit: receives the commands.
            clock: tells the time of presses and pauses.
            show_keys: receives command to key, in the desktop's words, once these are bound.
            connect: opens jeepney's connection to the session bus.
        """
        self._bindings, self._submit, self._clock = bindings, submit, clock
        self._show_keys, self._connect = show_keys, connect
        self._stop, self._changed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.alive = False
        self.trouble: str | None = None

    def check(self) -> None:
        """Open a session and close it again; the user is asked nothing.

        Raises:
            HotkeysUnavailableError: the desktop has no portal for global shortcuts, or it may refuse them.
        """
        session = self._open()
        session.close()
        if session.lacks_menu_entry:
            raise NoMenuEntryError

    def start(self) -> None:
        """Open a session, and let a thread of its own ask the desktop to bind the hotkeys.

        A portal that does not answer yet, as it may while the desktop starts, is tried again by that thread.

        Raises:
            HotkeysUnavailableError: the desktop has no portal for global shortcuts, or it refuses.
        """
        session = None
        try:
            session = self._open()
        except SessionEndedError as error:
            self.trouble = Message("global hotkeys are off: {error}", error=error)
        self._thread = threading.Thread(target=self._run, args=(session,), name="stylecam-portal", daemon=True)
        self._thread.start()

    def rebind(self, bindings: Bindings) -> None:
        """Ask the desktop for other hotkeys, in a new session. May be called from any thread."""
        if bindings != self._bindings:
            self._bindings = bindings
            self._changed.set()

    def stop(self) -> None:
        """End the session, which unbinds the hotkeys."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _open(self) -> PortalSession:
        return PortalSession(self._connect(), self._clock, self._interrupted)

    def _interrupted(self) -> bool:
        return self._stop.is_set() or self._changed.is_set()

    def _run(self, session: PortalSession | None) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            self._changed.clear()
            began, again = self._clock.now(), True
            try:
                session = session or self._open()
                self._serve(session)
            except InterruptedWaitError:
                continue
            except HotkeysUnavailableError as error:
                again = session is None or isinstance(error, SessionEndedError)
                if again:
                    self.trouble = Message("global hotkeys are off: {error}", error=error)
                else:  # nobody is asked twice
                    self.trouble = None
                    logger.warning(Message("global hotkeys are off: {error}", error=error))
            finally:
                self.alive = False
                if session is not None:
                    session.close()
                session = None
            pause = FIRST_PAUSE_S if self._clock.now() - began > CALM_S else pause
            self._pause(pause if again else None)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _pause(self, seconds: float | None) -> None:
        """Wait for a stop or other bindings, at most `seconds`."""
        began = self._clock.now()
        while not self._interrupted() and (seconds is None or self._clock.now() - began < seconds):
            self._clock.wait_until(self._clock.now() + 0.2, self._stop)

    def _serve(self, session: PortalSession) -> None:
        """Bind the hotkeys, and submit commands until the session ends."""
        commands = {str(command): command for command in self._bindings.values()}
        keys = session.bind(
            Shortcut(str(command), _description(command), xdg_trigger(combination))
            for combination, command in self._bindings.items()
        )
        self.alive, self.trouble = True, None
        logger.info(Message("the desktop has bound the global hotkeys"), extra={"is_detail": True})
        if keys and not any(keys.values()):
            unknown = Message(
                "the desktop says no keys for the hotkeys; choose them in its settings (Hyprland: {line})",
                line=f"bind = CTRL ALT, N, global, {APP_ID}:next",
            )
            logger.warning(unknown, extra={"is_detail": True})
        self._show_keys({name: key for name, key in keys.items() if key and name in commands})
        pressed_at: dict[str, float] = {}
        while True:
            name = session.wait_for_press()
            if name is None or name not in commands:
                continue
            now = self._clock.now()
            if now - pressed_at.get(name, float("-inf")) >= DEBOUNCE_S:
                pressed_at[name] = now
                self._submit(commands[name])


def _description(command: Command) -> str:
    _, _, arguments = str(command).partition(":")
    if command.action == "select":
        return f"style {arguments}"
    return ACTIONS[command.action].help + (f": {arguments}" if arguments else "")

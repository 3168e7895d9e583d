"""Listen to the keys of a live run: global hotkeys through the desktop's portal or pynput, and the terminal's keys."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import MODIFIERS, Bindings, KeyMatcher, keys_table
from stylecam.control.keyboard.portal import PortalHotkeys
from stylecam.control.keyboard.terminal import TerminalKeys
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

START_S = 2.0
"""How long to wait until the listener's thread listens."""

_SHORTCUT = Message(
    "let a keyboard shortcut of your desktop run `stylecam ctl next` instead (`stylecam doctor` says how); "
    "keys in this terminal work"
)

_MODIFIER_NAMES = {
    name: name if name.endswith("_r") else f"{name.removesuffix('_l')}_l"
    for modifier in MODIFIERS
    for name in (modifier, f"{modifier}_l", f"{modifier}_r")
}
"""pynput's names of the modifiers to `ctrl_l`, `ctrl_r` and so on. `alt_gr` keeps its name: it produces characters."""


class GlobalHotkeys:
    """Listens to the keyboard of the whole desktop and submits the commands of bound combinations.

    `submit` is called on the listener's thread and must not block.
    """

    def __init__(self, bindings: Bindings, submit: Callable[[Command], None], clock: Clock) -> None:
        self._matcher = KeyMatcher(bindings)
        self._submit = submit
        self._clock = clock
        self._listener: Any = None

    def start(self) -> None:
        """Start listening.

        Raises:
            HotkeysUnavailableError: there is no display or no permission; the message says what to do instead.
        """
        try:
            # Imported here because importing pynput connects to the display.
            keyboard = importlib.import_module("pynput.keyboard")
            logging.getLogger("pynput").addHandler(logging.NullHandler())  # otherwise its tracebacks are printed
            self._listener = keyboard.Listener(on_press=self._pressed, on_release=self._released)
            self._listener.daemon = True
            self._start_listener()
        except Exception as error:
            self._listener = None
            # pynput passes on what Xlib raised as text only
            raise HotkeysUnavailableError(_reason(error), "X connection" in str(error)) from error

    @property
    def trouble(self) -> str | None:
        """What has gone wrong since the start, or None."""
        return None if self.alive else "global hotkeys have stopped: the display went away"

    @property
    def alive(self) -> bool:
        """False once the listener's thread has ended, for example because the X server went away."""
        return self._listener is not None and bool(self._listener.is_alive())

    def _start_listener(self) -> None:
        """Start the thread and wait until it listens.

        pynput's own `wait` is not used: it never returns if the thread dies first.
        """
        listener, print_traceback = self._listener, threading.excepthook
        threading.excepthook = lambda args: None if args.thread is listener else print_traceback(args)
        listener.start()
        deadline = self._clock.now() + START_S
        while not getattr(listener, "_ready", True):
            if not listener.is_alive() or self._clock.now() > deadline:
                # `listener.stop()` would also wait for the thread to be ready. The thread is a daemon.
                raise RuntimeError(
                    Message("the keyboard cannot be listened to (an X server without the RECORD extension?)")
                )
            self._clock.wait_until(self._clock.now() + 0.02)

    def warning(self) -> str | None:
        """Return what will not work although listening has started, or None."""
        if on_wayland():
            return Message(
                "on Wayland, global hotkeys work only while an X11 window has the keyboard; {shortcut}",
                shortcut=_SHORTCUT,
            )
        if sys.platform == "darwin" and not getattr(self._listener, "IS_TRUSTED", True):
            return Message(
                "macOS withholds the keyboard: allow your terminal under System Settings > Privacy & Security > "
                "Input Monitoring and Accessibility, then start again"
            )
        return None

    def rebind(self, bindings: Bindings) -> None:
        """Replace the bindings from the next key on. May be called from any thread."""
        self._matcher = KeyMatcher(bindings)

    def stop(self) -> None:
        """Stop listening."""
        listener, self._listener = self._listener, None
        if listener is not None and listener.is_alive():
            try:
                listener.stop()
            except Exception:  # noqa: BLE001 - its display has just gone away; the class depends on pynput's backend
                return

    def _pressed(self, key: Any, *_: Any) -> None:
        command = self._matcher.press(key_name(key), self._clock.now())
        if command is not None:
            self._submit(command)

    def _released(self, key: Any, *_: Any) -> None:
        self._matcher.release(key_name(key), self._clock.now())


def key_name(key: Any) -> str:
    """Return the name of a pynput key without the effect of modifiers: `n` for ctrl+n and N, `1` for the keypad's 1."""
    name = getattr(key, "name", None)
    if name is not None:
        return _MODIFIER_NAMES.get(name, str(name))
    code = getattr(key, "vk", None)
    character = getattr(key, "char", None)
    if character and character.isprintable():
        return str(character).lower()
    if character and 1 <= ord(character) <= 26:  # Windows and macOS report ctrl+letter as a control character
        return chr(ord(character) + 96)
    if code is None:
        return ""
    if sys.platform == "linux" and 0xFFB0 <= code <= 0xFFB9:  # keypad digits as X keysyms
        return chr(code - 0xFFB0 + 48)
    if sys.platform == "win32" and 96 <= code <= 105:  # keypad digits as Windows key codes
        return chr(code - 96 + 48)
    return chr(code).lower() if 48 <= code <= 57 or 65 <= code <= 90 else f"<{code}>"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if on_wayland() and not os.environ.get("DISPLAY"):
        return Message("on Wayland, programs may not listen to the keyboard; {shortcut}", shortcut=_SHORTCUT)
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return Message("there is no X display (DISPLAY is not set); keys in this terminal work")
    if isinstance(error, ModuleNotFoundError):
        # On Linux its dependency evdev would need a compiler, and X11 does not need it.
        words = "pip install --no-deps pynput" if sys.platform == "linux" else "pip install pynput"
        return Message(
            "{name} is not installed; run: {command}; keys in this terminal work", name=error.name, command=words
        )
    return Message("{text}; keys in this terminal work", text=text[:160] or type(error).__name__)


def _with_reason(warning: str, refused: Exception | None) -> str:
    """Return `warning` with why the desktop's portal does not help, if it was asked."""
    return warning if refused is None else Message("{warning} ({reason})", warning=warning, reason=refused)


def on_wayland() -> bool:
    """Whether the desktop speaks Wayland. If DISPLAY is set as well, it also runs programs of X11 (XWayland)."""
    variables = os.environ
    return sys.platform == "linux" and bool(
        variables.get("WAYLAND_DISPLAY") or variables.get("XDG_SESSION_TYPE") == "wayland"
    )


class Keyboard:
    """The keys of a live run: the plain keys of its terminal, and the global hotkeys where there are any.

    Attributes:
        names: command to combination, as text; updated in place.
        link: the link of the page, which is shown with the keys; None where there is no page.
        reads_terminal: True once plain keys are read from the terminal.
    """

    def __init__(
        self,
        bindings: Bindings,
        hotkeys_enabled: bool,
        submit: Callable[[Command], None],
        clock: Clock,
        *,
        terminal_enabled: bool = True,
    ) -> None:
        """Prepare to listen; nothing is opened before `start`.

        Args:
            bindings: the global hotkeys.
            hotkeys_enabled: whether to listen to the global hotkeys.
            submit: receives the commands, on the threads that listen; it must not block.
            clock: tells when keys are pressed.
            terminal_enabled: whether to read single keys from the terminal.
        """
        self._bindings = bindings
        self._hotkeys_enabled, self._terminal_enabled = hotkeys_enabled, terminal_enabled
        self._submit, self._clock = submit, clock
        self.reads_terminal = False
        self._terminal = TerminalKeys(submit, self.show_keys)
        self._global: GlobalHotkeys | PortalHotkeys | None = None
        self.names: dict[str, str] = {}
        self.link: str | None = None
        self._update_names()

    @property
    def hotkeys(self) -> Bindings:
        """The global hotkeys that are listened to; empty if there are none."""
        return self._bindings if self._global is not None and self._global.alive else {}

    @property
    def trouble(self) -> str | None:
        """What has gone wrong since the start, or None."""
        return None if self._global is None else self._global.trouble

    def start(self) -> None:
        """Start listening; log a warning if global hotkeys do not work here, or not all of them."""
        if self._terminal_enabled:
            self.reads_terminal = self._terminal.start()
        if not self._hotkeys_enabled or not self._bindings:
            return
        refused: HotkeysUnavailableError | None = None
        if on_wayland():
            portal = PortalHotkeys(self._bindings, self._submit, self._clock, self.names.update)
            try:
                portal.start()
            except HotkeysUnavailableError as error:
                refused = error
            else:
                self._global = portal
                return
        listener = GlobalHotkeys(self._bindings, self._submit, self._clock)
        try:
            listener.start()
        except HotkeysUnavailableError as error:
            off = Message("global hotkeys are off: {error}", error=error)
            logger.warning(_with_reason(off, refused), extra={"is_detail": True})
            return
        self._global = listener
        if (warning := listener.warning()) is not None:
            logger.warning(_with_reason(warning, refused), extra={"is_detail": True})

    def show_keys(self) -> None:
        """Log what each key does, and the link of the page; any thread may call it."""
        logger.info("%s", keys_table(self.hotkeys), extra={"only_on_terminal": True})
        if self.link is not None:
            words = Message("Page: {link} (whoever has this link can watch and control)", link=self.link)
            logger.info(words, extra={"only_on_terminal": True, "is_link": True})

    def stop(self) -> None:
        """Stop listening and restore the terminal's settings."""
        if self._global is not None:
            self._global.stop()
        self._terminal.stop()

    def rebind(self, bindings: Bindings) -> None:
        """Replace the global hotkeys from the next key on."""
        self._bindings = bindings
        self._update_names()
        if self._global is not None:
            self._global.rebind(bindings)

    def _update_names(self) -> None:
        self.names.clear()
        if self._hotkeys_enabled:
            self.names.update({str(command): str(combination) for combination, command in self._bindings.items()})

"""Global hotkeys through pynput. The callbacks only enqueue."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from stylecam.control.actions import Command
from stylecam.control.keyboard.bindings import MODIFIERS, Bindings, KeyMatcher
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import Clock

START_S = 2.0

_MODIFIER_NAMES = {
    name: name if name.endswith("_r") else f"{name.removesuffix('_l')}_l"
    for modifier in MODIFIERS
    for name in (modifier, f"{modifier}_l", f"{modifier}_r")
}
"""pynput's names of modifiers to `ctrl_l`, `ctrl_r`, …; `alt_gr` keeps its own, as it makes characters."""


class GlobalHotkeys:
    """Listens to the whole desktop's keyboard and submits the orders of bound combinations."""

    def __init__(self, bindings: Bindings, submit: Callable[[Command], None], clock: Clock) -> None:
        self._matcher = KeyMatcher(bindings)
        self._submit = submit
        self._clock = clock
        self._listener: Any = None

    def start(self) -> None:
        """Start listening.

        Raises:
            HotkeysUnavailableError: no display or no permission; the message is one line with the way out.
        """
        try:
            # Importing pynput connects to the display, so it cannot stand at the top of the file.
            keyboard = importlib.import_module("pynput.keyboard")
            logging.getLogger("pynput").addHandler(logging.NullHandler())  # or it prints its tracebacks
            self._listener = keyboard.Listener(on_press=self._pressed, on_release=self._released)
            self._listener.daemon = True
            self._start_listener()
        except Exception as error:
            self._listener = None
            # pynput passes on what Xlib raised as text only
            raise HotkeysUnavailableError(_reason(error), "X connection" in str(error)) from error

    @property
    def alive(self) -> bool:
        """False once the listener has died, as when its X server went away."""
        return self._listener is not None and bool(self._listener.is_alive())

    def _start_listener(self) -> None:
        """Start the thread and wait until it listens. pynput's own `wait` never returns if its thread dies first."""
        listener, print_traceback = self._listener, threading.excepthook
        threading.excepthook = lambda args: None if args.thread is listener else print_traceback(args)
        listener.start()
        deadline = self._clock.now() + START_S
        while not getattr(listener, "_ready", True):
            if not listener.is_alive() or self._clock.now() > deadline:
                # Not `listener.stop()`: it too waits for the thread to be ready. The thread is a daemon.
                raise RuntimeError("the keyboard cannot be listened to (an X server without the RECORD extension?)")
            self._clock.wait_until(self._clock.now() + 0.02)

    def warning(self) -> str | None:
        """What will not work although listening started, or None."""
        if sys.platform == "linux" and os.environ.get("XDG_SESSION_TYPE") == "wayland":
            return (
                "on Wayland, global hotkeys reach stylecam only from X11 windows; bind `stylecam ctl next` to a key of "
                "your desktop instead; keys in this terminal always work"
            )
        if sys.platform == "darwin" and not getattr(self._listener, "IS_TRUSTED", True):
            return (
                "macOS withholds the keyboard: allow your terminal under System Settings > Privacy & Security > "
                "Input Monitoring and Accessibility, then start again"
            )
        return None

    def rebind(self, bindings: Bindings) -> None:
        """Listen to `bindings` instead, from the next key on; from any thread."""
        self._matcher = KeyMatcher(bindings)

    def stop(self) -> None:
        """Stop listening."""
        listener, self._listener = self._listener, None
        if listener is not None and listener.is_alive():
            try:
                listener.stop()
            except Exception:  # noqa: BLE001 - its display has just gone away, in whatever words of its backend
                return

    def _pressed(self, key: Any, *_: Any) -> None:
        order = self._matcher.press(key_name(key), self._clock.now())
        if order is not None:
            self._submit(order)

    def _released(self, key: Any, *_: Any) -> None:
        self._matcher.release(key_name(key), self._clock.now())


def key_name(key: Any) -> str:
    """One name for a pynput key, whatever modifiers did to it: `n` for ctrl+n and for N, `1` for the keypad's 1."""
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
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return "there is no X display (DISPLAY is not set); keys in this terminal work"
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed; run: pip install pynput"
    return f"{text[:160] or type(error).__name__}; keys in this terminal work"

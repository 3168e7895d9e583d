"""The keys of a live run: plain ones in its terminal, and global hotkeys."""

from __future__ import annotations

from collections.abc import Callable

from stylecam.control.actions import Command
from stylecam.control.keyboard.bindings import Bindings
from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys
from stylecam.control.keyboard.terminal import TerminalKeys
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import Clock
from stylecam.utils.text import Say


class Keyboard:
    """Listens from `start` to `stop`.

    Attributes:
        names: orders to the combinations that stand for them; brought up to date in place.
    """

    def __init__(
        self, bindings: Bindings, wanted: bool, press: Callable[[Command], None], clock: Clock, say: Say
    ) -> None:
        """`wanted` false leaves global hotkeys out; `press` takes the orders, on other threads."""
        self._bindings = bindings
        self._wanted = wanted
        self._press, self._clock, self._say = press, clock, say
        self._terminal = TerminalKeys(press)
        self._global: GlobalHotkeys | None = None
        self.names: dict[str, str] = {}
        self._name()

    @property
    def hotkeys(self) -> Bindings:
        """The global hotkeys that are listened to; empty where there are none."""
        return self._bindings if self._global is not None else {}

    @property
    def trouble(self) -> str | None:
        """What has gone wrong since the start, or None."""
        if self._global is None or self._global.alive:
            return None
        return "global hotkeys have stopped: the display went away"

    def start(self) -> None:
        """Listen; where global hotkeys cannot be had, or not all of them, that is said."""
        self._terminal.start()
        if not self._wanted or not self._bindings:
            return
        listener = GlobalHotkeys(self._bindings, self._press, self._clock)
        try:
            listener.start()
        except HotkeysUnavailableError as error:
            self._say(f"global hotkeys are off: {error}")
            return
        self._global = listener
        if (warning := listener.warning()) is not None:
            self._say(warning)

    def stop(self) -> None:
        """Listen no more, and give the terminal back."""
        if self._global is not None:
            self._global.stop()
        self._terminal.stop()

    def rebind(self, bindings: Bindings) -> None:
        """Listen to `bindings` from the next key on."""
        self._bindings = bindings
        self._name()
        if self._global is not None:
            self._global.rebind(bindings)

    def _name(self) -> None:
        self.names.clear()
        if self._wanted:
            self.names.update({str(order): str(combo) for combo, order in self._bindings.items()})

"""One session of the desktop's portal for global shortcuts, over D-Bus.

The interfaces are `org.freedesktop.portal.GlobalShortcuts` and, to say which application asks,
`org.freedesktop.host.portal.Registry` (https://flatpak.github.io/xdg-desktop-portal/docs/). The desktop chooses the
keys: it may ask the user first, and remembers the answer for the application.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stylecam.control.keyboard.bindings import KeyCombination
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

APP_ID = "app.stylecam.Stylecam"
"""The name of the menu entry, without `.desktop`, by which desktops know stylecam."""
PORTAL, _PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REGISTRY = "org.freedesktop.host.portal.Registry"
_REQUEST, _SESSION = "org.freedesktop.portal.Request", "org.freedesktop.portal.Session"
_BUS, _BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

_LACKING = tuple(f"{_BUS}.Error.{kind}:" for kind in ("InvalidArgs", "UnknownInterface", "UnknownProperty"))
"""The errors of a portal that does not know an interface."""

REPLY_S = 2.0
"""How long to wait for a reply that needs no user."""
TICK_S = 0.2
"""How long to wait for a message before looking whether to stop."""

_MODIFIERS = {"ctrl": "CTRL", "alt": "ALT", "shift": "SHIFT", "cmd": "LOGO"}
_KEYSYMS = {
    "page_up": "Page_Up", "page_down": "Page_Down", "enter": "Return", "esc": "Escape", "backspace": "BackSpace",
    "print_screen": "Print", "space": "space", "media_next": "XF86AudioNext", "media_previous": "XF86AudioPrev",
    "media_play_pause": "XF86AudioPlay",
    "!": "exclam", '"': "quotedbl", "#": "numbersign", "$": "dollar", "%": "percent", "&": "ampersand",
    "'": "apostrophe", "(": "parenleft", ")": "parenright", "*": "asterisk", "+": "plus", ",": "comma", "-": "minus",
    ".": "period", "/": "slash", ":": "colon", ";": "semicolon", "<": "less", "=": "equal", ">": "greater",
    "?": "question", "@": "at", "[": "bracketleft", "\\": "backslash", "]": "bracketright", "^": "asciicircum",
    "_": "underscore", "`": "grave", "{": "braceleft", "|": "bar", "}": "braceright", "~": "asciitilde",
}  # fmt: skip
"""Keys whose keysym is not their name with a capital letter."""


class SessionEndedError(HotkeysUnavailableError):
    """The session has ended and may be opened again: the portal is slow or went away, or the desktop has closed it."""


class NoMenuEntryError(HotkeysUnavailableError):
    """The desktop binds hotkeys only for a program with a menu entry."""

    def __init__(self) -> None:
        super().__init__(
            Message("the desktop finds no menu entry of stylecam; run: stylecam doctor --fix"), lacks_menu_entry=True
        )


class InterruptedWaitError(Exception):
    """Waiting was ended because `interrupted` has returned True."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What the desktop is asked to bind.

    Attributes:
        name: the identifier, under which the desktop remembers its key.
        description: what it does, for the user.
        trigger: the preferred key, see `xdg_trigger`.
    """

    name: str
    description: str
    trigger: str


def xdg_trigger(combination: KeyCombination) -> str:
    """Return the combination as the XDG shortcuts specification writes it, for example `CTRL+ALT+Page_Up`.

    https://specifications.freedesktop.org/shortcuts-spec/latest/
    """
    key = combination.key
    if len(key) > 1:
        keysym = _KEYSYMS.get(key, key.capitalize())
    else:
        keysym = key if key.isascii() and key.isalnum() else _KEYSYMS.get(key, f"U{ord(key):04X}")
    return "+".join([*(name for held, name in _MODIFIERS.items() if held in combination.modifiers), keysym])


def session_bus() -> Any:
    """Connect to the D-Bus of the user's session and return jeepney's connection.

    Raises:
        HotkeysUnavailableError: there is none, or jeepney is not installed.
    """
    try:
        blocking = importlib.import_module("jeepney.io.blocking")
    except ImportError as error:
        raise HotkeysUnavailableError(Message("jeepney is not installed; run: pip install jeepney")) from error
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (f"unix:path={runtime}/bus" if runtime else "")
    try:
        return blocking.open_dbus_connection(address)
    except Exception as error:  # jeepney raises whatever parsing the address or the handshake ends with
        raise HotkeysUnavailableError(Message("there is no D-Bus session")) from error


class PortalSession:
    """A connection to the bus with one session of the portal. It belongs to one thread at a time.

    Attributes:
        lacks_menu_entry: whether the portal finds no menu entry of stylecam; some desktops bind nothing then.
    """

    def __init__(self, bus: Any, clock: Clock, interrupted: Callable[[], bool]) -> None:
        """Open a session on the connection `bus`, which is closed if that fails; the desktop asks the user nothing.

        Args:
            bus: jeepney's connection; the session closes it.
            clock: tells how long the portal takes.
            interrupted: ends every wait by returning True.

        Raises:
            HotkeysUnavailableError: the portal is missing, or has no global shortcuts.
            SessionEndedError: the portal does not answer.
            InterruptedWaitError: `interrupted` has returned True.
        """
        self._bus, self._clock, self._interrupted = bus, clock, interrupted
        self._jeepney = importlib.import_module("jeepney")
        self._responses: dict[str, tuple[Any, ...]] = {}
        self._activated: list[str] = []
        self._requests = 0
        self._handle = ""
        self.lacks_menu_entry = False
        try:
            with _reading():
                self._open()
        except BaseException:
            self.close()
            raise

    def bind(self, shortcuts: Iterable[Shortcut]) -> dict[str, str]:
        """Ask the desktop to bind `shortcuts`, and wait until the user has answered. Possible once a session.

        Returns:
            The name of each bound shortcut, and its key as the desktop describes it; empty where it does not say.

        Raises:
            HotkeysUnavailableError: the user has declined, or the desktop has refused.
            SessionEndedError: the session has ended.
            InterruptedWaitError: `interrupted` has returned True.
        """
        asked = [
            (one.name, {"description": ("s", one.description), "preferred_trigger": ("s", one.trigger)})
            for one in shortcuts
        ]
        with _reading():
            code, results = self._request("BindShortcuts", "oa(sa{sv})sa{sv}", (self._handle, asked, ""))
        if code == 1:
            raise HotkeysUnavailableError(
                Message("you declined them in the desktop's dialog; start stylecam again to be asked")
            )
        if code != 0:
            raise (
                NoMenuEntryError
                if self.lacks_menu_entry
                else HotkeysUnavailableError(Message("the desktop refused them"))
            )
        with _reading():
            _, bound = results.get("shortcuts", ("a(sa{sv})", []))
            return {str(name): str(facts.get("trigger_description", ("s", ""))[1]) for name, facts in bound}

    def wait_for_press(self) -> str | None:
        """Return the name of the next shortcut that was pressed, or None if there was none for `TICK_S`.

        Raises:
            SessionEndedError: the session has ended.
            InterruptedWaitError: `interrupted` has returned True.
        """
        if not self._activated:
            self._receive()
        return self._activated.pop(0) if self._activated else None

    def close(self) -> None:
        """Close the connection, which ends the session; may be called twice."""
        self._bus.close()

    def _open(self) -> None:
        for interface in (_SHORTCUTS, _REQUEST, _SESSION):
            self._add_match(sender=PORTAL, interface=interface)
        self._add_match(sender=_BUS, interface=_BUS, member="NameOwnerChanged", arg0=PORTAL)
        # The registration has to be the first call. Older portals have none, and know a program by its systemd unit.
        refusal = self._error_of(_REGISTRY, "Register", "sa{sv}", (APP_ID, {}))
        self.lacks_menu_entry = "App info not found" in refusal
        missing = self._error_of("org.freedesktop.DBus.Properties", "Get", "ss", (_SHORTCUTS, "version"))
        if missing:
            lacks = missing.startswith(_LACKING)
            no_portal = Message("the desktop has no portal")
            lacking = Message("the desktop has no portal for global shortcuts")
            raise HotkeysUnavailableError(lacking if lacks else no_portal)
        token = {"session_handle_token": ("s", "stylecam")}
        try:
            code, results = self._request("CreateSession", "a{sv}", (), token)
        except HotkeysUnavailableError as error:
            if self.lacks_menu_entry or "app id" in str(error):
                raise NoMenuEntryError from error
            raise
        if code != 0 or "session_handle" not in results:
            raise HotkeysUnavailableError(Message("the desktop's portal refused a session"))
        self._handle = str(results["session_handle"][1])  # declared as a string, not as an object path

    def _add_match(self, arg0: str = "", **conditions: str) -> None:
        rule = self._jeepney.MatchRule(type="signal", **conditions)
        if arg0:
            rule.add_arg_condition(0, arg0)
        self._call(_BUS, _BUS_PATH, _BUS, "AddMatch", "s", (rule.serialise(),))

    def _error_of(self, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> str:
        """Call the portal, and return name and text of the error it answered with, or an empty text."""
        try:
            self._call(PORTAL, _PATH, interface, member, signature, body)
        except _CallError as error:
            return f"{error.name}: {error}"
        return ""

    def _request(
        self, member: str, signature: str, body: tuple[Any, ...], options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Call a method that answers by a signal, and return the signal's code and results."""
        self._requests += 1
        token = {"handle_token": ("s", f"stylecam{self._requests}")}
        (handle,) = self._call(PORTAL, _PATH, _SHORTCUTS, member, signature, (*body, {**(options or {}), **token}))
        deadline = None if member == "BindShortcuts" else self._clock.now() + REPLY_S  # that one may ask the user
        while handle not in self._responses:
            self._receive(deadline)
        code, results = self._responses.pop(handle)
        return int(code), dict(results)

    def _call(
        self, name: str, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Call a method and return the reply's values; signals that come before the reply are handled."""
        address = self._jeepney.DBusAddress(path, name, interface)
        serial = next(self._bus.outgoing_serial)
        try:
            self._bus.send(self._jeepney.new_method_call(address, member, signature, body), serial=serial)
        except OSError as error:
            raise SessionEndedError(Message("the D-Bus session has ended")) from error
        deadline = self._clock.now() + REPLY_S
        while True:
            message = self._receive(deadline)
            if message is None or message.header.fields.get(self._jeepney.HeaderFields.reply_serial) != serial:
                continue
            if message.header.message_type == self._jeepney.MessageType.error:
                error_name = message.header.fields.get(self._jeepney.HeaderFields.error_name, "")
                raise _CallError(str(error_name), " ".join(map(str, message.body)))
            return tuple(message.body)

    def _receive(self, deadline: float | None = None) -> Any:
        """Wait up to `TICK_S` for a message; handle a signal, and return any other message, or None."""
        if self._interrupted():
            raise InterruptedWaitError
        try:
            message = self._bus.receive(timeout=TICK_S)
        except TimeoutError:
            if deadline is not None and self._clock.now() > deadline:
                raise SessionEndedError(Message("the desktop's portal does not answer")) from None
            return None
        except (OSError, ValueError) as error:  # jeepney raises ValueError for bytes that are no message
            raise SessionEndedError(Message("the D-Bus session has ended")) from error
        if message.header.message_type != self._jeepney.MessageType.signal:
            return message
        fields, names = message.header.fields, self._jeepney.HeaderFields
        member = str(fields.get(names.member))
        try:
            self._handle_signal(str(fields.get(names.path)), member, tuple(message.body))
        except IndexError:
            logger.warning(
                Message("the desktop's portal sent a malformed signal, {member}; it is ignored", member=member)
            )
        return None

    def _handle_signal(self, path: str, member: str, body: tuple[Any, ...]) -> None:
        if member == "Response":
            self._responses[path] = body
        elif member == "Activated" and body[0] == self._handle:
            self._activated.append(str(body[1]))
        elif member == "Closed" and path == self._handle:
            raise SessionEndedError(Message("the desktop has ended them"))
        elif member == "NameOwnerChanged" and body[1]:
            raise SessionEndedError(Message("the desktop's portal went away"))


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Let a malformed answer of the portal end the block with a HotkeysUnavailableError."""
    try:
        yield
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise HotkeysUnavailableError(Message("the desktop's portal sent a malformed answer")) from error


class _CallError(HotkeysUnavailableError):
    """The portal answered a call with an error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"the desktop's portal answers: {text[:120] or name}")
        self.name = name

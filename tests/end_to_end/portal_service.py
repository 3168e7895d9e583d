"""A portal for global shortcuts on a real D-Bus, as tests need it: it obeys, declines, dies and closes sessions.

It speaks `org.freedesktop.portal.GlobalShortcuts` and `org.freedesktop.host.portal.Registry`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

jeepney: Any = pytest.importorskip("jeepney")
blocking: Any = pytest.importorskip("jeepney.io.blocking")
bus_messages: Any = pytest.importorskip("jeepney.bus_messages")

PORTAL, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
REGISTRY = "org.freedesktop.host.portal.Registry"
Call = tuple[str, tuple[Any, ...]]


class BusProgram:
    """A program with a name on the bus; a thread of its own answers calls until it ends."""

    def __init__(self, address: str, name: str) -> None:
        self._stop = threading.Event()
        self._bus = blocking.open_dbus_connection(address)
        self._bus.send_and_get_reply(bus_messages.message_bus.RequestName(name))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def answer(self, call: Any, member: str) -> None:
        """Answer `call` of the method `member`."""
        raise NotImplementedError

    def end(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._bus.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                message = self._bus.receive(timeout=0.05)
                if message.header.message_type == jeepney.MessageType.method_call:
                    self.answer(message, message.header.fields[jeepney.HeaderFields.member])


@dataclass
class Portal(BusProgram):
    """The portal on the bus at `address`; its fields may be changed while it runs.

    Attributes:
        shortcuts: whether it has global shortcuts.
        registry: whether it can register host applications.
        known_app: whether it finds the menu entry of the application.
        strict: whether it refuses a session without one.
        answers: whether it answers at all.
        response: the code that `BindShortcuts` ends with: 0, 1 declined, 2 otherwise; None for no end.
        trigger: what it says of every key.
        malformed: the method whose answer has values of wrong types.
        calls: the calls so far, by their names, with their arguments.
    """

    address: str
    shortcuts: bool = True
    registry: bool = True
    known_app: bool = True
    strict: bool = True
    answers: bool = True
    response: int | None = 0
    trigger: str = "Ctrl+Alt+N"
    malformed: str | None = None
    calls: list[Call] = field(default_factory=list)
    sessions: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.address, PORTAL)

    def arguments(self, member: str) -> list[tuple[Any, ...]]:
        return [body for name, body in self.calls if name == member]

    def press(self, name: str) -> None:
        """Say that the shortcut `name` of the newest session was pressed."""
        owner, session = self.sessions[-1]
        self._signal(PATH, SHORTCUTS, "Activated", "osta{sv}", (session, name, 1, {}), owner)

    def send_malformed(self) -> None:
        """Send each signal of the newest session without its values."""
        owner, session = self.sessions[-1]
        self._signal(PATH, SHORTCUTS, "Activated", None, (), owner)
        self._signal(PATH, SHORTCUTS, "Activated", "o", (session,), owner)

    def end_session(self) -> None:
        owner, session = self.sessions[-1]
        self._signal(session, "org.freedesktop.portal.Session", "Closed", "a{sv}", ({},), owner)

    def answer(self, call: Any, member: str) -> None:
        if not self.answers:
            return
        fields, names = call.header.fields, jeepney.HeaderFields
        interface, sender = fields.get(names.interface), fields[names.sender]
        self.calls.append((member, call.body))
        if (interface == REGISTRY and not self.registry) or (interface == SHORTCUTS and not self.shortcuts):
            self._refuse(call, "org.freedesktop.DBus.Error.UnknownInterface", f"no interface {interface}")
        elif member == "Register":
            if self.known_app:
                self._bus.send(jeepney.new_method_return(call))
            else:
                self._refuse(call, "org.freedesktop.portal.Error.Failed", "App info not found for 'x'")
        elif member == "Get":
            if self.shortcuts:
                self._bus.send(jeepney.new_method_return(call, "v", (("u", 1),)))
            else:
                self._refuse(call, "org.freedesktop.DBus.Error.InvalidArgs", "No such interface")
        elif member == "CreateSession" and self.strict and not self.known_app:
            self._refuse(call, "org.freedesktop.portal.Error.NotAllowed", "An app id is required")
        elif member in ("CreateSession", "BindShortcuts"):
            options = call.body[-1]
            owner = sender[1:].replace(".", "_")
            request = f"{PATH}/request/{owner}/{options['handle_token'][1]}"
            self._bus.send(jeepney.new_method_return(call, "o", (request,)))
            code, results = self._create(sender, owner, options) if member == "CreateSession" else self._bind(call.body)
            if code is not None:
                sent: tuple[str, Any] = ("as", ([],)) if member == self.malformed else ("ua{sv}", (code, results))
                self._signal(request, "org.freedesktop.portal.Request", "Response", *sent, sender)

    def _create(self, sender: str, owner: str, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        session = f"{PATH}/session/{owner}/{options['session_handle_token'][1]}"
        self.sessions.append((sender, session))
        return 0, {"session_handle": ("s", session)}

    def _bind(self, body: tuple[Any, ...]) -> tuple[int | None, dict[str, Any]]:
        bound = [(name, {**facts, "trigger_description": ("s", self.trigger)}) for name, facts in body[1]]
        return self.response, {"shortcuts": ("a(sa{sv})", bound)} if self.response == 0 else {}

    def _signal(self, path: str, interface: str, member: str, signature: str | None, body: Any, to: str) -> None:
        emitter = jeepney.DBusAddress(path, interface=interface)
        signal = jeepney.new_signal(emitter, member, signature, body)
        signal.header.fields[jeepney.HeaderFields.destination] = to
        self._bus.send(signal)

    def _refuse(self, call: Any, name: str, text: str) -> None:
        self._bus.send(jeepney.new_error(call, name, "s", (text,)))


@contextlib.contextmanager
def portal(address: str, **behaviour: Any) -> Iterator[Portal]:
    """Run a portal on the bus at `address`."""
    running = Portal(address, **behaviour)
    try:
        yield running
    finally:
        running.end()

"""The program behind xdg-desktop-portal that binds the keys on a desktop (`org.freedesktop.impl.portal`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.end_to_end.portal_service import PATH, BusProgram, jeepney

NAME = "org.freedesktop.impl.portal.desktop.stylecam"
SHORTCUTS = "org.freedesktop.impl.portal.GlobalShortcuts"


class Backend(BusProgram):
    """Binds every shortcut that it is asked for.

    Attributes:
        bound: the shortcuts of the newest session, name to description and preferred trigger.
        app_id: the application that the portal has named.
    """

    def __init__(self, address: str, folder: Path) -> None:
        """Take a name on the bus at `address`, and write the file into `folder` by which the portal finds it."""
        self.bound: dict[str, tuple[str, str]] = {}
        self.app_id: str | None = None
        self._session = ""
        (folder / "stylecam.portal").write_text(f"[portal]\nDBusName={NAME}\nInterfaces={SHORTCUTS}\nUseIn=stylecam\n")
        super().__init__(address, NAME)

    def press(self, name: str) -> None:
        emitter = jeepney.DBusAddress(PATH, interface=SHORTCUTS)
        self._bus.send(jeepney.new_signal(emitter, "Activated", "osta{sv}", (self._session, name, 1, {})))

    def end_session(self) -> None:
        emitter = jeepney.DBusAddress(self._session, interface="org.freedesktop.impl.portal.Session")
        self._bus.send(jeepney.new_signal(emitter, "Closed"))

    def answer(self, call: Any, member: str) -> None:
        self._bus.send(self._answer(call, member))

    def _answer(self, call: Any, member: str) -> Any:
        if member == "GetAll":
            return jeepney.new_method_return(call, "a{sv}", ({"version": ("u", 1)},))
        if member == "CreateSession":
            _, self._session, self.app_id, _ = call.body
            return jeepney.new_method_return(call, "ua{sv}", (0, {}))
        if member == "BindShortcuts":
            asked = dict(call.body[2])
            self.bound = {n: (f["description"][1], f["preferred_trigger"][1]) for n, f in asked.items()}
            bound = [(name, {"trigger_description": ("s", key)}) for name, (_, key) in self.bound.items()]
            return jeepney.new_method_return(call, "ua{sv}", (0, {"shortcuts": ("a(sa{sv})", bound)}))
        return jeepney.new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", (member,))

"""Checks global hotkeys: the kind of desktop, and whether stylecam may read the keyboard."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from stylecam.control.keyboard.portal_session import APP_ID
from stylecam.errors import HotkeysUnavailableError
from stylecam.system.doctor.diagnostics import Diagnostics
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.system.setup.menu_entry import menu_entry_steps
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message

TOPIC = Topic("Keys")
_TERMINAL = Message("keys in stylecam's own terminal always work")
_MACOS_PAGE = "x-apple.systempreferences:com.apple.preference.security?Privacy_ListenEvent"
_SHORTCUTS = {
    "gnome": (
        Message(
            "in Settings, Keyboard, View and Customize Shortcuts, Custom Shortcuts, + add a shortcut with this command"
        ),
        "{command}",
    ),
    "kde": (
        Message(
            "in System Settings, Shortcuts, Add New, Command or Script (or Add Command) add a shortcut with this "
            "command"
        ),
        "{command}",
    ),
    "sway": (
        Message("write this line into ~/.config/sway/config and reload Sway"),
        "bindsym Ctrl+Alt+n exec {command}",
    ),
    "hyprland": (Message("write this line into ~/.config/hypr/hyprland.conf"), "bind = CTRL ALT, N, exec, {command}"),
}
"""Desktop, as in XDG_CURRENT_DESKTOP in small letters, to where its shortcuts are set and the line to copy there."""
_OTHER_SHORTCUTS = (Message("in the settings of your desktop bind this command to a key"), "{command}")


def check(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield the kind of desktop, then whether global hotkeys work."""
    if host.platform != "linux":
        yield from _hotkeys(host, diagnostics)
        return
    environment = host.environment
    display, wayland = environment.get("DISPLAY"), environment.get("WAYLAND_DISPLAY")
    if wayland or environment.get("XDG_SESSION_TYPE") == "wayland":
        yield from _wayland(host, diagnostics, bool(display))
    elif display:
        yield TOPIC.ok("desktop", Message("X11 ({name})", name=environment.get("XDG_CURRENT_DESKTOP") or display))
        yield from _hotkeys(host, diagnostics)
    else:
        found = Message("none in this session (DISPLAY is not set), so no hotkeys and no preview window")
        if "SSH_CONNECTION" in environment:
            found = Message(
                "none in this session (DISPLAY is not set, as over ssh), so no hotkeys and no preview window"
            )
        yield TOPIC.warning(
            "desktop",
            found,
            Message("start stylecam on the desktop; {terminal}", terminal=_TERMINAL),
        )


def _wayland(host: HostProbe, diagnostics: Diagnostics, has_x11: bool) -> Iterator[Finding]:
    name = _desktop(host) or Message("desktop unknown")
    # A desktop's PATH often lacks the folder of a virtual environment.
    program = host.find_program("stylecam")
    start = (program,) if program else (diagnostics.python, "-m", "stylecam")
    parts = name.lower().split(":")
    try:
        diagnostics.check_portal()
    except HotkeysUnavailableError as error:
        if error.lacks_menu_entry:
            yield TOPIC.ok("desktop", Message("Wayland ({name})", name=name))
            found = Message("the desktop finds no menu entry of stylecam, and may bind no hotkeys without one")
            yield TOPIC.fault("hotkeys", found, "write one:", *menu_entry_steps(host, APP_ID, start))
            return
        partly = Message("global hotkeys work only while an X11 window has the keyboard")
        hotkeys = partly if has_x11 else Message("global hotkeys do not work")
        words, line = next((_SHORTCUTS[part] for part in parts if part in _SHORTCUTS), _OTHER_SHORTCUTS)
        yield TOPIC.warning(
            "desktop",
            Message("Wayland ({name}): {hotkeys}", name=name, hotkeys=hotkeys),
            Message("{terminal}; for a key that works everywhere, {words}:", terminal=_TERMINAL, words=words),
            lines=(line.format(command=shlex.join((*start, "ctl", "next"))),),
        )
        yield TOPIC.ok("portal", str(error))
        return
    yield TOPIC.ok("desktop", Message("Wayland ({name})", name=name))
    if "hyprland" in parts:
        words = Message(
            "write a line like this into ~/.config/hypr/hyprland.conf; `hyprctl globalshortcuts` lists the names:"
        )
        line = f"bind = CTRL ALT, N, global, {APP_ID}:next"
        yield TOPIC.warning(
            "hotkeys", "the desktop's portal offers them, and leaves the keys to you", words, lines=(line,)
        )
    else:
        yield TOPIC.ok("hotkeys", "the desktop's portal binds global hotkeys; it may ask you once")


def _desktop(host: HostProbe) -> str:
    """Return the desktop's name, or several with colons in between; empty if it is unknown."""
    environment = host.environment
    if name := environment.get("XDG_CURRENT_DESKTOP"):
        return name
    # These two are often started from a text console, without a name.
    if "SWAYSOCK" in environment:
        return "sway"
    return "Hyprland" if "HYPRLAND_INSTANCE_SIGNATURE" in environment else ""


def _hotkeys(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    try:
        warning = diagnostics.listen()
    except HotkeysUnavailableError as error:
        if error.display_unreachable:
            found = Message(
                "no X server answers this user at DISPLAY={display}", display=host.environment.get("DISPLAY")
            )
            yield TOPIC.fault(
                "hotkeys", found, Message("start stylecam in a terminal of the desktop; {terminal}", terminal=_TERMINAL)
            )
        else:
            yield TOPIC.fault("hotkeys", "global hotkeys are not available", str(error))
        return
    if warning is None:
        yield TOPIC.ok("hotkeys", "global hotkeys are available")
    elif host.platform == "darwin":
        page = SetupStep("open that page", ("open", _MACOS_PAGE))
        words = Message(
            "allow your terminal under System Settings > Privacy & Security > Input Monitoring and Accessibility, then "
            "start again:"
        )
        yield TOPIC.fault("hotkeys", "macOS does not let this terminal read the keyboard", words, page)
    else:
        yield TOPIC.warning("hotkeys", warning, _TERMINAL)

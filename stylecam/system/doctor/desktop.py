"""Hotkeys: what kind of desktop this is, and whether it lets stylecam hear the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

from stylecam.errors import HotkeysUnavailableError, ProbeError
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.trials import Trials
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step

TOPIC = Topic("Keys")
_TERMINAL = "keys in stylecam's own terminal work always"
_MACOS_PAGE = "x-apple.systempreferences:com.apple.preference.security?Privacy_ListenEvent"


def check(machine: Machine, trials: Trials) -> Iterator[Finding]:
    """The desktop, then the keyboard itself."""
    if machine.platform != "linux":
        yield from _hotkeys(machine, trials)
        return
    given = machine.environment
    display, wayland = given.get("DISPLAY"), given.get("WAYLAND_DISPLAY")
    if wayland or given.get("XDG_SESSION_TYPE") == "wayland":
        yield from _wayland(machine, bool(display))
    elif display:
        yield TOPIC.ok("desktop", f"X11 ({given.get('XDG_CURRENT_DESKTOP') or 'display ' + display})")
        yield from _hotkeys(machine, trials)
    else:
        remote = ", as over ssh" if "SSH_CONNECTION" in given else ""
        yield TOPIC.warning(
            "desktop",
            f"none in this session (DISPLAY is not set{remote}): no hotkeys and no preview window",
            f"start stylecam on the desktop; {_TERMINAL}",
        )


def _wayland(machine: Machine, bridged: bool) -> Iterator[Finding]:
    name = machine.environment.get("XDG_CURRENT_DESKTOP") or "desktop unknown"
    heard = "hotkeys are heard in X11 windows only" if bridged else "hotkeys cannot be heard"
    yield TOPIC.warning(
        "desktop", f"Wayland ({name}): {heard}", f"{_TERMINAL}; or choose an X11 session when you log in"
    )
    yield from TOPIC.careful("portal", _portal(machine))


def _portal(machine: Machine) -> Iterator[Finding]:
    """Whether the desktop has a portal for shortcuts."""
    portal = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop")
    done = machine.run("busctl", "--user", "introspect", *portal, "org.freedesktop.portal.GlobalShortcuts")
    if done.status != 0 and "Unknown interface" not in done.err:
        raise ProbeError((done.err.strip().splitlines() or ["busctl gave no answer"])[-1][:120])
    says = "offers global shortcuts" if "CreateSession" in done.out else "offers no global shortcuts"
    yield TOPIC.ok("portal", f"the desktop {says}; this version of stylecam does not use them")


def _hotkeys(machine: Machine, trials: Trials) -> Iterator[Finding]:
    try:
        warning = trials.listen()
    except HotkeysUnavailableError as error:
        if "X connection" in str(error):
            found = f"no X server answers at DISPLAY={machine.environment.get('DISPLAY')}, or not to this user"
            yield TOPIC.fault("hotkeys", found, f"start stylecam in a terminal of the desktop; {_TERMINAL}")
            return
        yield TOPIC.fault(
            "hotkeys", "the keyboard cannot be heard", str(error).removeprefix("global hotkeys are off: ")
        )
        return
    if warning is None:
        yield TOPIC.ok("hotkeys", "the keyboard can be heard")
    elif machine.platform == "darwin":
        page = Step("open that page", ("open", _MACOS_PAGE))
        words = (
            "allow your terminal under System Settings > Privacy & Security > Input Monitoring and Accessibility, then "
            "start again:"
        )
        yield TOPIC.fault("hotkeys", "macOS withholds the keyboard", words, page)
    else:
        yield TOPIC.warning("hotkeys", warning, _TERMINAL)

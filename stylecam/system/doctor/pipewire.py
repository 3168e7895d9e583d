"""Checks whether `--output pipewire`, a camera that needs no driver, would work."""

from __future__ import annotations

from collections.abc import Iterator

from stylecam.system.distribution import detect_distribution
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep

TOPIC = Topic("Virtual camera")
_PROGRAMS = ("gst-launch-1.0", "pw-dump")
_INSTALL = {
    "debian": "apt-get install -y gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",
    "fedora": "dnf install -y pipewire-gstreamer pipewire-utils gstreamer1 gstreamer1-plugins-base",
    "arch": "pacman -S --needed --noconfirm gst-plugin-pipewire gst-plugins-base pipewire",
}


def check(host: HostProbe) -> Iterator[Finding]:
    """Yield whether PipeWire can be used; nothing if it is not installed, as it is optional."""
    folder = host.environment.get("XDG_RUNTIME_DIR")
    running = folder is not None and host.node(f"{folder}/pipewire-0") is not None
    missing = [program for program in _PROGRAMS if host.find_program(program) is None]
    if missing and not running:
        return
    if missing:
        yield TOPIC.ok("PipeWire", f"running; --output pipewire also needs {' and '.join(missing)}, not installed")
    elif not running:
        start = SetupStep("start PipeWire", ("systemctl", "--user", "start", "pipewire", "wireplumber"))
        found = "not running in this session, so --output pipewire does not work"
        yield TOPIC.warning("PipeWire", found, "if you want to use it:", start)
    elif host.run("gst-inspect-1.0", "--exists", "pipewiresink").returncode != 0:
        command = _INSTALL.get(detect_distribution(host).family)
        steps = [SetupStep("install GStreamer's plugin", tuple(command.split()), True)] if command else []
        words = "install it, for --output pipewire:" if steps else "install it with your package manager"
        yield TOPIC.warning("PipeWire", "running, but GStreamer's plugin for it is missing", words, *steps)
    else:
        yield TOPIC.ok("PipeWire", "--output pipewire can be used, in programs that ask PipeWire for cameras")

"""PipeWire's camera, which needs no driver: whether `--output pipewire` would work."""

from __future__ import annotations

from collections.abc import Iterator

from stylecam.system.distribution import distribution
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step

TOPIC = Topic("Virtual camera")
_PROGRAMS = ("gst-launch-1.0", "pw-dump")
_INSTALL: dict[str, list[str]] = {
    "debian": (
        [
            "apt-get",
            "install",
            "-y",
            "gstreamer1.0-pipewire",
            "gstreamer1.0-tools",
            "gstreamer1.0-plugins-base",
            "pipewire-bin",
        ]
    ),
    "fedora": ["dnf", "install", "-y", "pipewire-gstreamer", "pipewire-utils", "gstreamer1", "gstreamer1-plugins-base"],
    "arch": ["pacman", "-S", "--needed", "--noconfirm", "gst-plugin-pipewire", "gst-plugins-base", "pipewire"],
}


def check(machine: Machine) -> Iterator[Finding]:
    """Nothing where PipeWire is not at home: it is a second way, and nobody has to go it."""
    folder = machine.environment.get("XDG_RUNTIME_DIR")
    runs = folder is not None and machine.node(f"{folder}/pipewire-0") is not None
    missing = [program for program in _PROGRAMS if machine.program(program) is None]
    if missing and not runs:
        return
    if missing:
        yield TOPIC.ok("PipeWire", f"runs; for --output pipewire, {' and '.join(missing)} would have to be installed")
    elif not runs:
        start = Step("start PipeWire", ("systemctl", "--user", "start", "pipewire", "wireplumber"))
        found = "does not run in this session, so --output pipewire does not work"
        yield TOPIC.warning("PipeWire", found, "only if you want it:", start)
    elif machine.run("gst-inspect-1.0", "--exists", "pipewiresink").status != 0:
        command = _INSTALL.get(distribution(machine).family)
        steps = [Step("install GStreamer's plugin", tuple(command), True)] if command else []
        words = "install it, for --output pipewire:" if steps else "install it with your package manager"
        yield TOPIC.warning("PipeWire", "runs, and GStreamer's plugin for it is missing", words, *steps)
    else:
        yield TOPIC.ok("PipeWire", "--output pipewire can be used, for programs that ask PipeWire for cameras")

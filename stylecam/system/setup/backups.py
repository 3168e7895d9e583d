"""Keeps the user's own files where `stylecam setup` writes its own, and puts them back."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message

HEADER = "# written by stylecam setup; stylecam setup --remove takes it away"
"""The first line of each file that setup writes."""
_MARK = ".backup-"
"""Before the number of a backup. No program reads files with such an end."""


def back_up_step(host: HostProbe, path: str) -> list[SetupStep]:
    """Return the step that keeps the file at `path` under a name of its own; none if there is no file.

    Raises:
        ProbeError: its folder cannot be read.
    """
    if host.node(path) is None:
        return []
    numbers = _numbers(host, path)
    kept = f"{path}{_MARK}{max(numbers, default=0) + 1}"
    return [
        SetupStep(
            Message("keep the {name} that is there, as a backup", name=PurePosixPath(path).name),
            ("mv", path, kept),
            True,
        )
    ]


def put_away_steps(host: HostProbe, path: str, changed: bool) -> list[SetupStep]:
    """Return the steps that keep the file at `path`, if the user has `changed` it, and put the user's newest file back.

    Raises:
        ProbeError: its folder cannot be read.
    """
    steps = back_up_step(host, path) if changed else []
    for number in sorted(_numbers(host, path), reverse=True):
        kept = f"{path}{_MARK}{number}"
        if not (host.read_text(kept) or "").startswith(HEADER):  # otherwise it is one that the user has changed
            steps.append(SetupStep("put back the file that was there before", ("mv", kept, path), True))
            break
    return steps


def _numbers(host: HostProbe, path: str) -> list[int]:
    """Return the numbers of the backups of `path`."""
    place = PurePosixPath(path)
    pattern = re.compile(rf"{re.escape(place.name + _MARK)}(\d{{1,9}})")
    found = (pattern.fullmatch(entry) for entry in host.list_directory(str(place.parent)) or ())
    return [int(match[1]) for match in found if match]

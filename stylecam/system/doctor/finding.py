"""Findings of `stylecam doctor`, each with its level and its fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stylecam.errors import ProbeError
from stylecam.system.setup.steps import SetupStep, shell_line
from stylecam.utils.message import Message


class Level(Enum):
    """Severity of a finding. UNCHECKED means that nobody could look, so nothing is known."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, in words, and as commands where commands do it.

    Attributes:
        steps: commands that `stylecam doctor --fix` runs.
        lines: texts that the user copies elsewhere, such as into a configuration file; nobody runs them.
    """

    words: str
    steps: tuple[SetupStep, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of the doctor.

    Attributes:
        topic: the area; findings of one topic are printed together.
        subject: the thing that was looked at.
        found: its state, in words.
    """

    level: Level
    topic: str
    subject: str
    found: str
    fix: Fix | None = None

    def as_dict(self, elevation: str | None) -> dict[str, Any]:
        """Return the finding for JSON; for `elevation` see `stylecam.system.setup.steps`."""
        fix = self.fix and {
            "words": self.fix.words,
            "commands": [{"command": shell_line(step, elevation), "root": step.root} for step in self.fix.steps],
            "lines": list(self.fix.lines),
        }
        return {
            "level": self.level.value,
            "topic": self.topic,
            "subject": self.subject,
            "found": self.found,
            "fix": fix,
        }


@dataclass(frozen=True, slots=True)
class Topic:
    """Creates the findings of one topic."""

    name: str

    def ok(self, subject: str, found: str) -> Finding:
        """Return a finding for something that works."""
        return Finding(Level.OK, self.name, subject, found)

    def warning(self, subject: str, found: str, words: str, *steps: SetupStep, lines: tuple[str, ...] = ()) -> Finding:
        """Return a finding for something that works and could work better; for `lines` see `Fix`."""
        return Finding(Level.WARNING, self.name, subject, found, Fix(words, steps, lines))

    def fault(self, subject: str, found: str, words: str, *steps: SetupStep) -> Finding:
        """Return a finding for something that does not work."""
        return Finding(Level.FAULT, self.name, subject, found, Fix(words, steps))

    def unchecked(self, subject: str, reason: object) -> Finding:
        """Return a finding for something that could not be looked at."""
        return Finding(Level.UNCHECKED, self.name, subject, Message("not checked: {reason}", reason=reason))

    def guarded(self, subject: str, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield `findings`. If something cannot be looked at on the way, yield that as unchecked and stop."""
        try:
            yield from findings
        except ProbeError as error:
            yield self.unchecked(subject, error)


def most_urgent(findings: Sequence[Finding]) -> Finding | None:
    """Return the first fault, else the first warning, else None."""
    ranked = [finding for level in (Level.FAULT, Level.WARNING) for finding in findings if finding.level is level]
    return ranked[0] if ranked else None

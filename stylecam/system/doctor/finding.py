"""What the doctor says: findings, each with its level and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stylecam.errors import ProbeError
from stylecam.system.setup.steps import Step, shown


class Level(Enum):
    """How bad it is. UNCHECKED says nothing about the matter, only that nobody has looked."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Fix:
    """The way out: in words, and as commands where commands do it."""

    words: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        topic: the part of the program it is about; findings of one topic are shown together.
        subject: the thing looked at.
        found: what is the matter with it.
    """

    level: Level
    topic: str
    subject: str
    found: str
    fix: Fix | None = None

    def as_dict(self, how: str | None) -> dict[str, Any]:
        """For JSON; `how` is how this user becomes root."""
        fix = self.fix and {
            "words": self.fix.words,
            "commands": [{"command": shown(step, how), "root": step.root} for step in self.fix.steps],
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
    """Makes the findings of one topic."""

    name: str

    def ok(self, subject: str, found: str) -> Finding:
        """All is well with it."""
        return Finding(Level.OK, self.name, subject, found)

    def warning(self, subject: str, found: str, words: str, *steps: Step) -> Finding:
        """It works, and could work better."""
        return Finding(Level.WARNING, self.name, subject, found, Fix(words, steps))

    def fault(self, subject: str, found: str, words: str, *steps: Step) -> Finding:
        """It does not work."""
        return Finding(Level.FAULT, self.name, subject, found, Fix(words, steps))

    def unchecked(self, subject: str, why: object) -> Finding:
        """Nobody has looked, and why."""
        return Finding(Level.UNCHECKED, self.name, subject, f"not checked: {why}")

    def careful(self, subject: str, findings: Iterable[Finding]) -> Iterator[Finding]:
        """`findings`, and where looking fails on the way, that."""
        try:
            yield from findings
        except ProbeError as error:
            yield self.unchecked(subject, error)

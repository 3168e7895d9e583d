"""Findings as lines of text: for a terminal, and for a bug report without anything personal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stylecam.system.doctor.checkup import first
from stylecam.system.doctor.finding import Finding, Level
from stylecam.system.probe import User
from stylecam.system.setup.steps import brief
from stylecam.utils.text import printable

SIGNS = {Level.OK: "✓", Level.WARNING: "!", Level.FAULT: "✗", Level.UNCHECKED: "?"}
PLAIN_SIGNS = {Level.OK: "ok", Level.WARNING: "!", Level.FAULT: "X", Level.UNCHECKED: "?"}
"""For terminals that have no ✓."""
SUBJECT_WIDTH = 16
_WORDS = {
    Level.FAULT: ("fault", "faults"),
    Level.WARNING: ("warning", "warnings"),
    Level.OK: ("in order", "in order"),
    Level.UNCHECKED: ("not checked", "not checked"),
}
_SHORTEST_NAME = 3
"""A shorter user name is also a syllable of other words."""
_COMMON_NAMES = ("root", "user", "video", "localhost", "nobody")
_PRIVATE = (
    (r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b", "ADDRESS"),
    # of a URL, or of a home's network; others look like versions
    (r"(?:(?<=[/@])|(?<![\d.])(?=10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.))(?:\d{1,3}\.){3}\d{1,3}", "ADDRESS"),
    (r"(?<!\w)(?=[A-F0-9]*\d)(?=[A-F0-9]*[A-F])[A-F0-9]{8,}(?!\w)", "SERIAL"),
    (r"(?i)\bserial\b(?: number)?[ :=#_-]*[\w-]{4,}", "serial SERIAL"),
    (r"\S+(?:'|’)s (?=\S)", "somebody's "),  # Anna's iPhone
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its level where it begins a finding, and its text without colour."""

    level: Level | None
    text: str


def lines(findings: Sequence[Finding], how: str | None, width: int = 100, plain: bool = False) -> Iterator[Line]:
    """Findings by topic, each with the way out below it, then a summary.

    Commands are not broken, however long they are, so that they can be copied.
    """
    signs = PLAIN_SIGNS if plain else SIGNS
    sign_width = max(map(len, signs.values()))
    indent = " " * (sign_width + SUBJECT_WIDTH + 3)
    arrow = "-> " if plain else "→ "
    for topic in dict.fromkeys(finding.topic for finding in findings):
        yield Line(None, topic)
        for finding in (finding for finding in findings if finding.topic == topic):
            subject, found = printable(finding.subject, 40), printable(finding.found, 1000)
            if len(subject) > SUBJECT_WIDTH:
                subject, found = "", f"{subject}: {found}"
            head = f" {signs[finding.level]:<{sign_width}} {subject:<{SUBJECT_WIDTH}} "
            yield from _wrapped(finding.level, found, width, head, indent)
            if finding.fix is None:
                continue
            yield from _wrapped(
                None, printable(finding.fix.words, 1000), width, indent + arrow, indent + " " * len(arrow)
            )
            for step in finding.fix.steps:
                yield Line(None, f"{indent}{' ' * len(arrow)}{printable(brief(step, how), 2000)}")
        yield Line(None, "")
    yield from _summary(findings, width)


def text(findings: Sequence[Finding], how: str | None, user: User) -> str:
    """Everything for a bug report."""
    body = "\n".join(line.text.rstrip() for line in lines(findings, how, 120))
    return anonymous(f"stylecam doctor\n\n{body}\n", user)


def anonymous(text: str, user: User) -> str:
    """`text` without the names of user, home folder and computer, addresses and serial numbers."""
    replaced = [(user.home, "~")] if len(user.home) > 1 else []
    replaced += [(name, "HIDDEN") for name in user.personal] + [(user.name, "USER")]
    for name, instead in sorted(replaced, key=lambda pair: -len(pair[0])):
        if len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON_NAMES:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text, flags=re.IGNORECASE)
    for pattern, instead in _PRIVATE:
        text = re.sub(pattern, instead, text)
    return text


def _wrapped(level: Level | None, words: str, width: int, begin: str, indent: str) -> Iterator[Line]:
    folded = textwrap.wrap(
        words, max(width, 60), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False
    )
    for number, line in enumerate(folded or [begin]):
        yield Line(level if number == 0 else None, line)


def _summary(findings: Sequence[Finding], width: int) -> Iterator[Line]:
    counted = []
    for level, (one, several) in _WORDS.items():
        count = sum(finding.level is level for finding in findings)
        if count:
            counted.append(f"{count} {one if count == 1 else several}")
    yield Line(None, ", ".join(counted) + ".")
    urgent = first(findings)
    if urgent is None or urgent.fix is None:
        return
    words = urgent.fix.words.rstrip(":").removesuffix(", which does this")
    told = f"First: {urgent.topic.lower()}, {urgent.subject} – {words}."
    yield from _wrapped(None, printable(told, 1000), width, "", "  ")
    if urgent.fix.steps:
        yield Line(None, "  stylecam doctor --fix shows these commands, asks, and runs them.")

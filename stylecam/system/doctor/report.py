"""Formats findings as lines of text, for a terminal or for a bug report without personal data."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from stylecam.system.doctor.finding import Finding, Level, most_urgent
from stylecam.system.probe import User
from stylecam.system.setup.steps import summary_line
from stylecam.utils.languages import ENGLISH, Language
from stylecam.utils.message import Message
from stylecam.utils.text import printable

SIGNS = {Level.OK: "✓", Level.WARNING: "!", Level.FAULT: "✗", Level.UNCHECKED: "?"}
PLAIN_SIGNS = {Level.OK: "ok", Level.WARNING: "!", Level.FAULT: "X", Level.UNCHECKED: "?"}
"""Signs for terminals that cannot print ✓."""
SUBJECT_WIDTH = 16
_SUMMARY_WORDS = {
    Level.FAULT: (Message("{count} fault"), Message("{count} faults")),
    Level.WARNING: (Message("{count} warning"), Message("{count} warnings")),
    Level.OK: (Message("{count} in order"), Message("{count} in order")),
    Level.UNCHECKED: (Message("{count} not checked"), Message("{count} not checked")),
}
_FILLER = "\ue000"
_MIN_NAME_LENGTH = 3
"""A shorter user name is also part of other words."""
_COMMON_NAMES = ("root", "user", "video", "localhost", "nobody")
_PERSONAL_PATTERNS = (
    (r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b", "ADDRESS"),
    # addresses in URLs and of home networks; any other looks like a version number
    (r"(?:(?<=[/@])|(?<![\d.])(?=10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.))(?:\d{1,3}\.){3}\d{1,3}", "ADDRESS"),
    (r"(?<!\w)(?=[A-F0-9]*\d)(?=[A-F0-9]*[A-F])[A-F0-9]{8,}(?!\w)", "SERIAL"),
    (r"(?i)\bserial\b(?: number)?[ :=#_-]*[\w-]{4,}", "serial SERIAL"),
    (r"\S+(?:'|’)s (?=\S)", "somebody's "),  # for instance "Anna's iPhone"
)


def lines(
    findings: Sequence[Finding],
    elevation: str | None,
    width: int = 100,
    plain: bool = False,
    language: Language = ENGLISH,
) -> Iterator[str]:
    """Yield the findings by topic, each with its fix below it, then a summary.

    Commands and lines to copy are never wrapped. `plain` replaces signs such as ✓ by letters.
    """
    say = language.say
    signs = PLAIN_SIGNS if plain else SIGNS
    sign_width = max(map(len, signs.values()))
    indent = " " * (sign_width + SUBJECT_WIDTH + 3)
    arrow = "-> " if plain else "→ "
    for topic in dict.fromkeys(finding.topic for finding in findings):
        yield say(topic)
        for finding in (finding for finding in findings if finding.topic == topic):
            subject, found = printable(say(finding.subject), 40), printable(say(finding.found), 1000)
            space = SUBJECT_WIDTH - len(_spaced(subject))
            if space < 0:
                subject, found, space = "", f"{subject}: {found}", SUBJECT_WIDTH
            head = f" {signs[finding.level]:<{sign_width}} {subject}{' ' * space} "
            yield from _wrap(found, width, head, indent)
            if finding.fix is None:
                continue
            yield from _wrap(printable(say(finding.fix.words), 1000), width, indent + arrow, indent + " " * len(arrow))
            for line in (*finding.fix.lines, *(say(summary_line(step, elevation)) for step in finding.fix.steps)):
                yield f"{indent}{' ' * len(arrow)}{printable(line, 2000)}"
        yield ""
    yield from _summary(findings, width, language)


def text(findings: Sequence[Finding], elevation: str | None, user: User) -> str:
    """Return all findings in English as text for a bug report, without personal data."""
    body = "\n".join(line.rstrip() for line in lines(findings, elevation, 120))
    return anonymous(f"stylecam doctor\n\n{body}\n", user)


def anonymous(text: str, user: User) -> str:
    """Return `text` without the names of user, home folder and computer, without addresses and serial numbers."""
    replacements = [(user.home, "~")] if len(user.home) > 1 else []
    replacements += [(name, "HIDDEN") for name in user.personal] + [(user.name, "USER")]
    for name, substitute in sorted(replacements, key=lambda pair: -len(pair[0])):
        if len(name) >= _MIN_NAME_LENGTH and name.lower() not in _COMMON_NAMES:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", substitute, text, flags=re.IGNORECASE)
    for pattern, substitute in _PERSONAL_PATTERNS:
        text = re.sub(pattern, substitute, text)
    return text


def _wrap(words: str, width: int, first_indent: str, indent: str) -> list[str]:
    wrapper = textwrap.TextWrapper(max(width, 60), _spaced(first_indent), indent, break_on_hyphens=False)
    return [line.replace(_FILLER, "") for line in wrapper.wrap(_spaced(words))] or [first_indent]


def _spaced(words: str) -> str:
    """Return `words` with a filler after each letter that takes two columns, so that its length is its width."""
    return "".join(f"{c}{_FILLER}" if unicodedata.east_asian_width(c) in "WF" else c for c in words)


def _summary(findings: Sequence[Finding], width: int, language: Language) -> Iterator[str]:
    counts = []
    for level, (one, several) in _SUMMARY_WORDS.items():
        count = sum(finding.level is level for finding in findings)
        if count:
            counts.append(language.say(Message(one if count == 1 else several, count=count)))
    yield ", ".join(counts) + "."
    urgent = most_urgent(findings)
    if urgent is None or urgent.fix is None:
        return
    say = language.say
    words = say(urgent.fix.words).rstrip(":：")
    first = Message(
        "First: {topic}, {subject} – {words}.", topic=say(urgent.topic), subject=say(urgent.subject), words=words
    )
    yield from _wrap(printable(say(first), 1000), width, "", "  ")
    if urgent.fix.steps:
        yield f"  {say('stylecam doctor --fix shows these commands, asks, and runs them.')}"

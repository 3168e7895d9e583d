"""Findings as text: aligned, copied as they stand, and without anything personal in a bug report."""

from __future__ import annotations

import pytest

from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.report import anonymous, lines, text
from stylecam.system.probe import User
from stylecam.system.setup.steps import SetupStep, write_file_step

TOPIC = Topic("Cameras")
ANNA = User("anna", False, home="/home/anna", personal=("annas-laptop", "Anna Berg"))
LONG = SetupStep("long", ("program", *["--an-option-that-is-long"] * 8), True)
FINDINGS = [
    TOPIC.ok("rate", "30 pictures a second"),
    TOPIC.fault("in use", "by zoom " * 20, "close it there:", LONG),
    TOPIC.unchecked("a subject that is far too long for its column", "no time"),
]


def shown(findings: list[Finding], plain: bool = False) -> list[str]:
    return list(lines(findings, "sudo", 80, plain))


def test_each_finding_begins_with_its_sign_and_subject() -> None:
    text = shown(FINDINGS)
    assert text[0] == "Cameras"
    assert text[1] == " ✓ rate             30 pictures a second"
    assert text[2].startswith(" ✗ in use           by zoom")


def test_lines_fit_the_terminal_but_commands_are_not_broken() -> None:
    text = shown(FINDINGS)
    (command,) = [line for line in text if "--an-option" in line]
    assert command.strip() == "sudo program" + " --an-option-that-is-long" * 8
    assert all(len(line) <= 80 for line in text if line != command)


def test_lines_to_copy_are_not_broken_and_not_offered_as_commands() -> None:
    line = "bindsym Ctrl+Alt+n exec " + "/a/long/path" * 8
    text = shown([TOPIC.warning("desktop", "Wayland", "write this line:", lines=(line,))])
    assert line in [printed.strip() for printed in text]
    assert "doctor --fix" not in "\n".join(text)


def test_the_end_counts_and_says_what_to_do_first() -> None:
    text = "\n".join(shown(FINDINGS))
    assert "1 fault, 1 in order, 1 not checked." in text
    assert "First: Cameras, in use – close it there." in text
    assert "stylecam doctor --fix" in text


def test_a_file_is_named_and_not_spelled_out() -> None:
    text = shown(
        [TOPIC.fault("driver", "missing", "do this:", write_file_step("options", "/etc/a.conf", "options a b=c\n"))]
    )
    assert "(and the file /etc/a.conf)" in [line.strip() for line in text]


def test_a_terminal_without_signs_gets_letters() -> None:
    assert all(line.isascii() or "–" in line for line in shown(FINDINGS, plain=True))


def test_nothing_found_steers_the_terminal() -> None:
    assert "\x1b" not in "".join(shown([TOPIC.fault("a\x1b[2J", "b\x1b[2J", "c\x1b[2J", SetupStep("", ("d\x1b",)))]))


@pytest.mark.parametrize(
    ("original", "kept"),
    [
        ("/home/anna/Videos is full", "~/Videos is full"),
        ("sudo usermod -aG video anna", "sudo usermod -aG video USER"),
        ("annas-laptop, ANNA", "HIDDEN, USER"),
        ("/media/anna/stick, by Anna Berg", "/media/USER/stick, by HIDDEN"),
        ("Johanna and annabel", "Johanna and annabel"),
        ("camera 9F3A21C07B at 192.168.0.17", "camera SERIAL at ADDRESS"),
        ("00:1a:2B:3c:4d:5e", "ADDRESS"),
        ("serial number: X-1234", "serial SERIAL"),
        ("Berta's iPhone Camera", "somebody's iPhone Camera"),
        ("Berta’s iPhone Camera", "somebody's iPhone Camera"),
        ("OpenCV 4.14.0.94, kernel 6.1.0-18-amd64", "OpenCV 4.14.0.94, kernel 6.1.0-18-amd64"),
        ("rtsp://me@203.0.113.7/live", "rtsp://me@ADDRESS/live"),
    ],
)
def test_what_is_personal_is_left_out(original: str, kept: str) -> None:
    assert anonymous(original, ANNA) == kept


@pytest.mark.parametrize("name", ["root", "a", "user", ""])
def test_a_name_that_is_a_word_is_no_secret(name: str) -> None:
    original = "a user runs video as root"
    assert anonymous(original, User(name, False)) == original


def test_a_report_holds_every_finding_and_no_name() -> None:
    findings = [
        *FINDINGS,
        TOPIC.fault("disk", "/home/anna/Videos", "sudo chown anna", SetupStep("", ("chown", "anna"))),
    ]
    report = text(findings, "sudo", ANNA)
    assert "anna" not in report.lower()
    assert all(finding.subject[:10] in report for finding in findings)

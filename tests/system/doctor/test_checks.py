"""All checks side by side: none takes another with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from stylecam.system.doctor.checks import run_checks
from stylecam.system.doctor.diagnostics import Diagnostics
from stylecam.system.doctor.finding import Finding, Level, Topic
from stylecam.system.probe import HostProbe
from stylecam.utils.clock import SystemClock
from tests.system.fake_host import healthy

GOOD, BAD = Topic("good"), Topic("bad")


def good(_: HostProbe, __: Diagnostics) -> Iterator[Finding]:
    yield GOOD.ok("thing", "fine")


def test_a_check_that_breaks_is_said_and_the_others_go_on() -> None:
    def broken(_: HostProbe, __: Diagnostics) -> Iterator[Finding]:
        yield BAD.ok("first", "fine")
        raise ZeroDivisionError("by zero")

    findings = run_checks(*healthy(), SystemClock(), [(BAD, broken), (GOOD, good)])
    assert [(f.topic, f.level) for f in findings] == [
        ("bad", Level.OK), ("bad", Level.UNCHECKED), ("good", Level.OK),
    ]  # fmt: skip
    assert findings[1].found == "not checked: unexpected ZeroDivisionError: by zero"


def test_a_check_that_hangs_is_left_behind_with_what_it_had_found() -> None:
    release = threading.Event()

    def hanging(_: HostProbe, __: Diagnostics) -> Iterator[Finding]:
        yield BAD.ok("first", "fine")
        release.wait(60)
        yield BAD.fault("second", "too late", "nothing")

    findings = run_checks(*healthy(), SystemClock(), [(BAD, hanging), (GOOD, good)], limit_s=0.3)
    release.set()
    assert [f.subject for f in findings] == ["first", "the rest", "thing"]
    assert findings[1].found == "not checked: it took longer than 0.3 s"

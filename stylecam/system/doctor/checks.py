"""Runs all checks of the doctor side by side, within a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stylecam.system.doctor import cameras, engines, files, hotkeys, virtual_camera
from stylecam.system.doctor.diagnostics import Diagnostics
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

Check = Callable[[HostProbe, Diagnostics], Iterator[Finding]]

TIME_LIMIT_S = 4.5
"""A check that has not ended by then is reported as unchecked."""
ENGINE_DELAY_S = 2.8
"""The engines start this much later than the cameras: a running network would slow the camera that is measured."""
CHECKS: tuple[tuple[Topic, Check], ...] = (
    (virtual_camera.TOPIC, virtual_camera.check),
    (cameras.TOPIC, cameras.check),
    (hotkeys.TOPIC, hotkeys.check),
    (engines.TOPIC, engines.check),
    (files.TOPIC, files.check),
)


@dataclass
class _CheckThread:
    """One check that runs in a thread of its own, and its findings so far."""

    topic: Topic
    check: Check
    findings: list[Finding] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, host: HostProbe, diagnostics: Diagnostics, stop: threading.Event) -> None:
        try:
            for finding in self.check(host, diagnostics):
                if stop.is_set():
                    return
                self.findings.append(finding)
        except Exception as error:  # noqa: BLE001 - one broken check must not end the others; it is reported instead
            self.findings.append(
                self.topic.unchecked(
                    "the rest", Message("unexpected {kind}: {error}", kind=type(error).__name__, error=error)
                )
            )
        finally:
            self.ended.set()


def run_checks(
    host: HostProbe,
    diagnostics: Diagnostics,
    clock: Clock,
    checks: Sequence[tuple[Topic, Check]] = CHECKS,
    limit_s: float = TIME_LIMIT_S,
) -> list[Finding]:
    """Run `checks` and return their findings in order. A check that fails or hangs does not affect the others."""
    started_at, stop = clock.now(), threading.Event()
    threads = [_CheckThread(topic, check) for topic, check in checks]
    cameras_ended = next((thread.ended for thread in threads if thread.topic is cameras.TOPIC), None)

    def start(thread: _CheckThread) -> None:
        if thread.topic is engines.TOPIC and cameras_ended is not None:
            clock.wait_until(started_at + ENGINE_DELAY_S, cameras_ended)
        thread.run(host, diagnostics, stop)

    for thread in threads:
        # the command line knows this prefix, and does not wait for such threads when it ends
        name = f"stylecam-doctor-{thread.topic.name}"
        threading.Thread(target=start, args=(thread,), name=name, daemon=True).start()
    for thread in threads:
        clock.wait_until(started_at + limit_s, thread.ended)
    late = [thread for thread in threads if not thread.ended.is_set()]
    stop.set()
    findings: list[Finding] = []
    for thread in threads:
        findings += list(thread.findings)
        if thread in late:
            findings.append(
                thread.topic.unchecked("the rest", Message("it took longer than {seconds:g} s", seconds=limit_s))
            )
    return findings

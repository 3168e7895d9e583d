"""All checks, side by side and within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stylecam.system.doctor import cameras, desktop, driver, engines, files
from stylecam.system.doctor.finding import Finding, Level, Topic
from stylecam.system.doctor.trials import Trials
from stylecam.system.probe import Machine
from stylecam.utils.clock import Clock

Check = Callable[[Machine, Trials], Iterator[Finding]]

LIMIT_S = 4.5
"""Nobody waits longer; what has not ended by then is said to be unchecked."""
HEAD_START_S = 2.8
"""For the cameras before networks run: those would take the processor from them, and a slow rate would be our own."""
CHECKS: tuple[tuple[Topic, Check], ...] = (
    (driver.TOPIC, driver.check),
    (cameras.TOPIC, cameras.check),
    (desktop.TOPIC, desktop.check),
    (engines.TOPIC, engines.check),
    (files.TOPIC, files.check),
)


@dataclass
class _Lane:
    """One check in a thread of its own, and what it has found so far."""

    topic: Topic
    check: Check
    found: list[Finding] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, machine: Machine, trials: Trials, stop: threading.Event) -> None:
        try:
            for finding in self.check(machine, trials):
                if stop.is_set():
                    return
                self.found.append(finding)
        except Exception as error:  # noqa: BLE001 - the doctor must not die of what it looks at; it is said instead
            self.found.append(self.topic.unchecked("the rest", f"unexpected {type(error).__name__}: {error}"))
        finally:
            self.ended.set()


def examine(
    machine: Machine,
    trials: Trials,
    clock: Clock,
    checks: Sequence[tuple[Topic, Check]] = CHECKS,
    limit_s: float = LIMIT_S,
) -> list[Finding]:
    """Run `checks` and return what they found, in their order; one that fails or hangs takes no other with it."""
    began, stop = clock.now(), threading.Event()
    lanes = [_Lane(topic, check) for topic, check in checks]
    watching = next((lane.ended for lane in lanes if lane.topic is cameras.TOPIC), None)

    def start(lane: _Lane) -> None:
        if lane.topic is engines.TOPIC and watching is not None:
            clock.wait_until(began + HEAD_START_S, watching)
        lane.run(machine, trials, stop)

    for lane in lanes:
        # the name is known to the command line, which does not wait for such threads when it ends
        threading.Thread(target=start, args=(lane,), name=f"stylecam-doctor-{lane.topic.name}", daemon=True).start()
    for lane in lanes:
        clock.wait_until(began + limit_s, lane.ended)
    late = [lane for lane in lanes if not lane.ended.is_set()]
    stop.set()
    found: list[Finding] = []
    for lane in lanes:
        found += list(lane.found)
        if lane in late:
            found.append(lane.topic.unchecked("the rest", f"it took longer than {limit_s:g} s"))
    return found


def first(findings: Sequence[Finding]) -> Finding | None:
    """What to put right first; None where all is well."""
    for level in (Level.FAULT, Level.WARNING):
        for finding in findings:
            if finding.level is level:
                return finding
    return None

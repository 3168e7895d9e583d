"""Improve a style in a process of its own, for a running stylecam: `stylecam.live.improving` starts it.

It prints lines of JSON, see `JsonReport`, and ends early, with what it has learned written, when its standard input is
closed: by the one who started it, or because that one has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylecam.errors import StylecamError
from stylecam.training.events import Event, FileSaved, RowsChecked, StepEvent
from stylecam.utils import paths
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.message import packed
from stylecam.utils.resources import limit_threads, yield_to_other_programs

STEP_EVERY_S = 0.5
"""Steps are reported not more often than this."""


class JsonReport:
    """Writes a line of JSON for each event; call it with each.

    The keys: `share` of the time that is over (0..1), `seconds_left` and `steps` of a step; `gain`, by which share the
    style loss has fallen; `style` and `samples`, the file that was written.
    """

    def __init__(self, write: Callable[[str], object], clock: Clock | None = None) -> None:
        self._write, self._clock = write, clock or SystemClock()
        self._due_at = -1.0

    def __call__(self, event: Event) -> None:
        """Report one event."""
        if isinstance(event, StepEvent):
            now = self._clock.now()
            if now < self._due_at and event.done < 1:
                return
            self._due_at = now + STEP_EVERY_S
            left_s = None if event.left_s is None else round(event.left_s, 1)
            self._line(share=round(event.done, 4), seconds_left=left_s, steps=event.number)
        elif isinstance(event, RowsChecked):
            self._line(gain=round(event.gain, 4), steps=event.steps)
        elif isinstance(event, FileSaved):
            self._line(**{"samples" if event.kind == "sheet" else event.kind: str(event.path)})

    def _line(self, **values: Any) -> None:
        self._write(json.dumps(values) + "\n")


def main(file: str, minutes: str, threads: str) -> None:
    """Run the process; `threads` is the number that PyTorch uses."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that what libraries print is not taken for an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which then ends this one
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(sys.stdin.fileno(), stop), daemon=True).start()
    yield_to_other_programs()  # before PyTorch starts its threads
    try:
        _improve(Path(file), float(minutes), int(threads), JsonReport(answers.write), stop)
        answers.write(json.dumps({"done": not stop.is_set()}) + "\n")
    except StylecamError as error:
        answers.write(json.dumps({"error": packed(str(error))}) + "\n")


def _improve(file: Path, minutes: float, threads: int, report: JsonReport, stop: threading.Event) -> None:
    import torch

    from stylecam.training.improve import Improver, improving_alone

    torch.set_num_threads(threads)
    limit_threads(1)
    with improving_alone(paths.improving_file()):
        Improver(file, minutes, listener=report, stop=stop).run()


def _wait_for_end(descriptor: int, stop: threading.Event) -> None:
    while os.read(descriptor, 1):  # `sys.stdin` would be locked meanwhile, and Python would abort at its end
        pass
    stop.set()

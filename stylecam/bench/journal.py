"""What is seen of a run, line by line: written as it happens, so that a run cut short loses nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

SAMPLE, EVENT, SAID, REFUSED, FINAL = "sample", "event", "said", "refused", "final"

Entry = dict[str, Any]


class Journal:
    """Writes entries to a file, each at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, kind: str, **values: Any) -> None:
        """Add one entry."""
        self._file.write(json.dumps({"kind": kind, **values}) + "\n")
        self._file.flush()


class Follower:
    """Reads the entries of a journal as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def skip(self) -> None:
        """Take no account of what is in the file already, whatever that is."""
        with contextlib.suppress(FileNotFoundError):
            self._at = self._path.stat().st_size

    def news(self) -> Iterator[Entry]:
        """All whole entries since the last look; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            yield json.loads(line)


@dataclass(slots=True)
class Outcome:
    """All that is known of a run.

    Attributes:
        samples: see `sample`, in order of time.
        events: those of the script that happened, each with its time `t`.
        report: the final statistics, as `Live.report` gives them; None where the run was cut short.
        pixels: what was read from the pixels, where that was asked for.
        crash: how its process ended, if not as it should.
    """

    samples: list[Entry] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    report: Entry | None = None
    pixels: Entry | None = None
    refused: str | None = None
    crash: str | None = None

    def add(self, entry: Entry) -> None:
        """Take in one entry of the journal."""
        kind = entry["kind"]
        if kind == SAMPLE:
            self.samples.append(entry)
        elif kind == EVENT:
            self.events.append(entry)
        elif kind == SAID:
            self.said.append(entry["text"])
        elif kind == REFUSED:
            self.refused = entry["text"]
        elif kind == FINAL:
            self.report, self.pixels = entry["report"], entry["pixels"]

    @property
    def seconds(self) -> float:
        """How long it was observed."""
        return float(self.samples[-1]["t"] - self.samples[0]["t"]) if self.samples else 0.0


def sample(report: Mapping[str, Any], t: float, busy_s: float, machine_busy_s: float) -> Entry:
    """What is kept of a moment's statistics: at `t` seconds of the run.

    `busy_s` is the processor time the run has used until then, `machine_busy_s` that of all programs.
    """
    recent, governor = report["recent"], report["governor"]
    return {
        "t": round(t, 3),
        "busy_s": round(busy_s, 3),
        "machine_busy_s": round(machine_busy_s, 3),
        "rss_mb": report["rss_mb"],
        **{name: report[name] for name in ("published", "styled", "repeats", "drops", "reused", "spared")},
        "published_fps": recent["published_fps"],
        "styled_fps": recent["styled_fps"],
        "latency_ms": recent["latency_ms"],
        "longest_gap_ms": report["gap_ms"]["max"],
        "rung": report["rung"],
        "detail": report["detail"],
        "style": report["style"],
        "reason": None if governor is None else governor["reason"],
        "faults": report["faults"]["total"],
        "trouble": report["source_trouble"],
    }

"""Keep what was measured of the engines in a file, each measurement with all that it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylecam.engines.names import LIBRARY_NAMES, title
from stylecam.media.frame import Size
from stylecam.utils.hint_file import HintFile, Key


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """What was measured of one engine.

    Attributes:
        milliseconds: the time of one picture; None if it did not run.
        trouble: why it is not to be used; None if it may be.
    """

    engine: str
    device: str
    milliseconds: float | None = None
    trouble: str | None = None

    @property
    def title(self) -> str:
        """The name that people read."""
        return title(self.engine, self.device)


@dataclass(frozen=True, slots=True)
class TimingFile:
    """The measurements in the file `path`, the newest first."""

    path: Path

    def find(self, key: Key, *, busy: bool) -> tuple[Size, list[EngineTiming]] | None:
        """Return the size and the timings measured for `key`; None if there are none, or none that can be read.

        What was measured on a busy computer is only found while it is `busy`, so that it is measured again later.
        """
        for entry in HintFile(self.path).find(key):
            try:
                if busy or not entry["busy"]:
                    return Size(*map(int, entry["size"])), [_parse(values) for values in entry["measured"]]
            except (KeyError, TypeError, ValueError):
                continue
        return None

    def keep(self, key: Key, size: Size, measured: Sequence[EngineTiming], *, busy: bool) -> None:
        """Write a measurement in place of an older one for `key`. Where that fails, it is measured again next time."""
        finding = {"busy": busy, "size": list(size), "measured": [asdict(one) for one in measured]}
        HintFile(self.path).keep(key, finding)


def _parse(values: dict[str, Any]) -> EngineTiming:
    """Read a timing of the file; raises KeyError, TypeError or ValueError."""
    one = EngineTiming(str(values["engine"]), str(values["device"]), values["milliseconds"], values["trouble"])
    if one.engine not in LIBRARY_NAMES or not isinstance(one.trouble, str | None):
        raise ValueError(one)
    if one.trouble is None and not (isinstance(one.milliseconds, float) and 0 < one.milliseconds < 1e6):
        raise ValueError(one)
    return one

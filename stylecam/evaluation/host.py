"""Describe the machine that is measured, and the versions of the packages that compute."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from stylecam.utils.clock import Clock
from stylecam.utils.resources import load_average, processor_name, usable_cores
from stylecam.utils.version import __version__

_PACKAGES = ("opencv-python", "opencv-python-headless", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")
"""Flags in `/proc/cpuinfo` that decide how fast networks run."""


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The machine, its system and its packages.

    Attributes:
        cores: how many hardware threads this process may use.
        features: its vector instructions; empty where unknown.
        load: the load average of the last minute, before the measurement; 0 where unknown.
    """

    processor: str
    cores: int
    features: tuple[str, ...]
    memory_gb: float
    system: str
    python: str
    stylecam: str
    packages: dict[str, str]
    load: float

    @classmethod
    def collect(cls) -> HostInfo:
        """Describe the machine as it is now."""
        return cls(
            processor_name(),
            usable_cores(),
            _features(),
            round(psutil.virtual_memory().total / 2**30, 1),
            f"{platform.system()} {platform.release()}",
            platform.python_version(),
            __version__,
            {name: number for name in _PACKAGES if (number := package_version(name)) is not None},
            round(load_average(), 2),
        )

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        features = f" ({' '.join(self.features)})" if self.features else ""
        return (
            f"{self.processor}{features}, {self.cores} core{'s' if self.cores != 1 else ''}, {self.memory_gb:g} GB, "
            f"{self.system}, load {self.load:g}\nstylecam {self.stylecam}, Python {self.python}, {packages}"
        )


def machine_busy_s() -> float:
    """Return the seconds of processor time that all programs have used; only differences have a meaning."""
    times = psutil.cpu_times()._asdict()
    counted_twice = times.get("guest", 0.0) + times.get("guest_nice", 0.0)  # in user and nice already
    return float(sum(times.values()) - times.get("idle", 0.0) - times.get("iowait", 0.0) - counted_twice)


class BackgroundLoad:
    """Measures how many cores other programs keep busy from its creation on, which makes other figures less certain."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = self._now()

    def cores(self) -> float:
        """Return the average number of cores until now."""
        (now, machine, own), (then, machine_then, own_then) = self._now(), self._start
        return max(0.0, (machine - machine_then) - (own - own_then)) / max(1e-3, now - then)

    def _now(self) -> tuple[float, float, float]:
        return self._clock.now(), machine_busy_s(), self._clock.process_time()


def _features() -> tuple[str, ...]:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:  # no Linux
        return ()
    flags = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "").split()
    return tuple(word for word in _FEATURES if word in flags)


def package_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None

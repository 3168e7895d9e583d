"""How steady is `stylecam run` on this machine? Runs the real program in scenarios and prints one table.

    python -m benchmarks.live                      # everything, about 7 minutes
    python -m benchmarks.live --only demo hog      # some of it
    python -m benchmarks.live --seconds 20 --json

Scenarios: `demo` (the default style), `fixed` (the same, always at half the output's size), `hog` (another program
eats one core in the middle third), `switch` (a key press changes the style every two seconds), `memory` (three
minutes; the resident memory's flatness).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

SCENARIOS: dict[str, list[str]] = {
    "demo": [],
    "fixed": ["--scale", "0.5"],
    "hog": [],
    "switch": [],
    "memory": [],
}
MEMORY_S = 180.0
SWITCH_EVERY_S = 2.0


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = {}
    for name in given.only:
        seconds = MEMORY_S if name == "memory" else given.seconds
        print(f"{name}: {seconds:.0f} s ...", file=sys.stderr)
        results[name] = measure(name, seconds, given.size)
    report = {"machine": machine(), "size": given.size, "results": results}
    print(json.dumps(report, indent=2) if given.json else table(report))


def machine() -> dict[str, Any]:
    """What this was measured on."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": psutil.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def measure(name: str, seconds: float, size: str) -> dict[str, Any]:
    """Run one scenario; the final statistics, with what only this benchmark saw added."""
    with tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats.json"
        command = [sys.executable, "-m", "stylecam", "run", "--camera", "demo", "--output", "null", "--no-hotkeys"]
        command += ["--size", size, "--seconds", str(seconds), "--stats", str(stats), *SCENARIOS[name]]
        keyboard, terminal = pty.openpty()
        process = subprocess.Popen(command, stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        helper = threading.Thread(target=_hog, args=(seconds,)) if name == "hog" else None
        if helper is not None:
            helper.start()
        seen: list[dict[str, Any]] = []
        pressed_at = time.monotonic()
        while process.poll() is None:
            time.sleep(0.5)
            if name == "switch" and time.monotonic() - pressed_at > SWITCH_EVERY_S:
                os.write(keyboard, b"n")
                pressed_at = time.monotonic()
            if stats.exists():
                seen.append(json.loads(stats.read_text()))
        if helper is not None:
            helper.join()
        os.close(keyboard)
        os.close(terminal)
        final: dict[str, Any] = json.loads(stats.read_text())
    final["rungs_seen"] = sorted({tuple(s["rung"]) for s in seen if s["rung"]})
    final["slowest_publishing"] = min((s["recent"]["published_fps"] for s in seen if s["seconds"] > 8), default=None)
    if name == "memory":
        second = [s["rss_mb"] for s in seen if 60 < s["seconds"] <= 120]
        last = [s["rss_mb"] for s in seen if s["seconds"] > 120]
        final["rss_growth"] = round(statistics.mean(last) / statistics.mean(second) - 1, 4)
    return final


_EATER = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {0})
while True:
    pass
"""


def _hog(seconds: float) -> None:
    """Keep one core busy in the middle third of `seconds`."""
    time.sleep(seconds / 3)
    eater = subprocess.Popen([sys.executable, "-c", _EATER])
    time.sleep(seconds / 3)
    eater.kill()
    eater.wait()


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [", ".join(f"{key} {value}" for key, value in report["machine"].items()), f"output {report['size']} at 30"]
    head = ("scenario", "published", "lowest 5 s", "painted", "latency p50/p95/p99", "gap p99/max", "repeats", "drops")
    rows = [(*head, "rungs", "cores", "MB", "start")]
    for name, s in report["results"].items():
        latency, gap = s["latency_ms"], s["gap_ms"]
        rows.append(
            (
                name,
                f"{s['published_fps']:.2f}",
                f"{s['slowest_publishing'] or 0:.2f}",
                f"{s['styled_fps']:.2f}",
                f"{latency['p50']:.0f}/{latency['p95']:.0f}/{latency['p99']:.0f} ms",
                f"{gap['p99']:.0f}/{gap['max']:.0f} ms",
                str(s["repeats"]),
                str(s["drops"]),
                "–".join(f"{w}x{h}" for w, h in (s["rungs_seen"][0], s["rungs_seen"][-1])) if s["rungs_seen"] else "",
                f"{s['cpu_cores']:.2f}",
                f"{s['rss_mb']:.0f}" + (f" ({s['rss_growth']:+.1%})" if "rss_growth" in s else ""),
                f"{s['start_s']:.1f} s",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

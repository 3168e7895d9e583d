"""Measure networks, a live run and training on graphics cards, and print one table; `benchmarks/gpu.sh` installs all.

    python -m benchmarks.gpu                 # about 10 minutes, with every card that an engine finds
    python -m benchmarks.gpu --seconds 10    # for each measurement

Every measurement is a process of its own, so a driver that crashes costs one row. A device counts as used only where
the engine says so after the run; of NVIDIA's cards the table also tells how busy they were. A processor that OpenCL
takes for a device, as PoCL makes it, is no card. Without a card the processor is measured. Goals on a card: 300
pictures a second of the rich network at 1920×1080, 120 of the whole path.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylecam.engines.base import ExtraInputs
from stylecam.engines.factory import installed
from stylecam.engines.names import AUTO, DEVICES_OF
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model

ROOT = Path(__file__).parents[1]
NETWORKS = (("lean", "640x360"), ("lean", "1280x720"), ("rich", "640x360"), ("rich", "1280x720"), ("rich", "1920x1080"))
LIVE_SIZE, LIVE_FPS = "1920x1080", 120
TENSORRT = "TensorrtExecutionProvider"
STEPS = {True: (10, 110), False: (2, 4)}
"""Steps of the two trainings, on a card or not; their difference in time is that of the steps alone."""
PATIENCE_S = 900.0


@dataclass(frozen=True)
class Outcome:
    """What a process printed, the last line of its errors, and the most that NVIDIA's cards were busy meanwhile (%)."""

    printed: str
    trouble: str | None
    busy: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table; `trouble` is why there is no figure, and `on_card` whether a graphics card has worked."""

    what: str
    device: str
    figure: str = ""
    busy: int | None = None
    trouble: str | None = None
    on_card: bool = False


Run = Callable[[list[str]], Outcome]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--tensorrt", action="store_true", help=argparse.SUPPRESS)  # the process of that row
    options = parser.parse_args()
    if options.tensorrt:
        print(tensorrt_ms(options.seconds))
        return
    rows = []
    for row in measure(run, options.seconds):
        print(_line(row), file=sys.stderr)
        rows.append(row)
    print(table(rows, machine(run)))


def measure(run: Run, seconds: float) -> Iterator[Row]:
    """Yield the rows, those of the cards before those of the processor."""
    pairs = [(engine, device) for engine in installed() for device in DEVICES_OF[engine] if device != AUTO]
    cards = [pair for pair in pairs if not pair[1].startswith("cpu")]
    working = []
    for pair in cards:
        rows = list(networks(run, pair, NETWORKS, seconds))
        working += [pair] * any(row.on_card for row in rows)
        yield from rows
    yield tensorrt(run, seconds)
    for pair in pairs:
        if pair not in cards:
            yield from networks(run, pair, NETWORKS[-1:] if working else NETWORKS[::2], seconds)
    for pair in working or [("opencv", "cpu")]:
        yield live(run, pair, seconds)
    yield training(run, on_card=bool(working))


def networks(run: Run, pair: tuple[str, str], cases: tuple[tuple[str, str], ...], seconds: float) -> Iterator[Row]:
    """Yield how fast one engine paints pictures that are in memory; a single row where it cannot be used."""
    device, is_card = ":".join(pair), not pair[1].startswith("cpu")
    if pair[1] == "opencl" and (processor := opencl_processor(run)):
        device, is_card = f"{device} on the processor {processor}", False
    for tier, size in cases:
        words = ["bench", "--what", "engines", "--engine", ":".join(pair), "--tier", tier, "--size", size]
        outcome = run([*words, "--json", "--seconds", str(seconds)])
        found = _json(outcome).get("engines", {}).get("rows", [])
        mine = next((row for row in found if not row["baseline"]), None)
        what = f"network {tier} {size}"
        if mine is None:
            yield Row("network", device, trouble=outcome.trouble or "it printed nothing")
            return
        if mine["problem"] or mine["device"] != pair[1]:
            yield Row(what, device, trouble=mine["problem"] or f"NOT USED: it ran on {mine['device']}")
            return
        took = mine["paint_ms"]["p50"]
        figure = f"{took:.2f} ms, {1000 / took:.0f} a second"
        yield Row(what, f"{device}, {mine['version']}", figure, outcome.busy, on_card=is_card)


def opencl_processor(run: Run) -> str:
    """Return the name of the processor that OpenCV takes for its OpenCL device; empty where that is a card, or none."""
    ask = "import cv2; device = cv2.ocl.Device_getDefault(); print(device.name() if device.type() == 2 else '')"
    return run(["-c", ask]).printed.strip()


def live(run: Run, pair: tuple[str, str], seconds: float) -> Row:
    """Return what a whole run at 1920×1080 paints a second."""
    device, what = ":".join(pair), f"live rich {LIVE_SIZE} at {LIVE_FPS}"
    words = ["bench", "--what", "live", "--engine", device, "--tier", "rich", "--size", LIVE_SIZE, "--json"]
    outcome = run([*words, "--fps", str(LIVE_FPS), "--seconds", str(max(5.0, 3 * seconds))])
    found = _json(outcome).get("live", [])
    if not found:
        return Row(what, device, trouble=outcome.trouble or "it printed nothing")
    if found[0]["device"] != pair[1]:
        return Row(what, device, trouble=f"NOT USED: it ran on {found[0]['device']}")
    size = "×".join(str(side) for side in found[0]["rung"] or ())
    latency = found[0]["latency_ms"]["p95"]
    figure = f"painted {found[0]['styled_fps']:.1f} a second at {size}, p95 {latency:.0f} ms"
    return Row(what, device, figure, outcome.busy)


def training(run: Run, *, on_card: bool) -> Row:
    """Return how long a step of `stylecam train` takes."""
    what, took = "train, one step", []
    painting, photos = ROOT / "docs" / "own.jpg", ROOT / "models" / "photos"
    with tempfile.TemporaryDirectory() as folder:
        for steps in STEPS[on_card]:
            words = ["train", f"p={painting}", "--photos", str(photos), "--from", "gallery", "--no-install"]
            outcome = run([*words, "--steps", str(steps), "-o", str(Path(folder) / f"{steps}.onnx")])
            if outcome.trouble is not None:
                return Row(what, "PyTorch", trouble=outcome.trouble)
            took.append(outcome.seconds)
    first, second = STEPS[on_card]
    device = run(["-c", "import torch; print(torch.__version__, 'cuda' if torch.cuda.is_available() else 'no CUDA')"])
    return Row(
        what, f"PyTorch {device.printed.strip()}", f"{(took[1] - took[0]) / (second - first):.3f} s", outcome.busy
    )


def tensorrt(run: Run, seconds: float) -> Row:
    """Return how fast TensorRT runs the rich network; stylecam itself does not offer it."""
    outcome = run(["-m", "benchmarks.gpu", "--tensorrt", "--seconds", str(seconds)])
    what, device = "network rich 1920x1080, floats", "onnxruntime:tensorrt"
    if outcome.trouble is not None:
        return Row(what, device, trouble=outcome.trouble)
    took = float(outcome.printed)
    return Row(what, device, f"{took:.2f} ms, {1000 / took:.0f} a second", outcome.busy, on_card=True)


def tensorrt_ms(seconds: float) -> float:
    """Return the milliseconds that the rich network takes at 1920×1080, with its copies to the card and back."""
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        importlib.import_module("tensorrt")  # loads the libraries that ONNX Runtime looks for
    except ImportError as error:
        sys.exit(f"{error.name} is not installed")
    if TENSORRT not in onnxruntime.get_available_providers():
        sys.exit(f"ONNX Runtime {onnxruntime.__version__} was built without TensorRT")
    onnxruntime.preload_dlls()
    model, (width, height) = Model.read(shipped_models() / "gallery-rich.onnx"), (1920, 1088)  # sides of its alignment
    providers = [TENSORRT, "CUDAExecutionProvider", "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.with_input_size(width, height), providers=providers)
    if session.get_providers()[0] != TENSORRT:
        sys.exit("NOT USED: ONNX Runtime left TensorRT")
    inputs = dict(ExtraInputs(model, width, height).changed(model.rows(model.one_hot(), height), (0, 0)))
    inputs["image"] = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    for _ in range(3):
        session.run([model.output], inputs)
    took: list[float] = []
    ends_at = time.perf_counter() + seconds
    while time.perf_counter() < ends_at or not took:
        began = time.perf_counter()
        session.run([model.output], inputs)
        took.append(time.perf_counter() - began)
    return float(np.median(took)) * 1000


def run(words: list[str]) -> Outcome:
    """Run `stylecam WORDS`, or Python for words that begin with a flag, and watch NVIDIA's cards meanwhile."""
    command = [sys.executable, *([] if words[0].startswith("-") else ["-m", "stylecam"]), *words]
    busy: list[int] = []
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(busy, ended), daemon=True)
    watch.start()
    began = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return Outcome("", f"it took more than {PATIENCE_S:.0f} s")
    finally:
        ended.set()
        watch.join()
    seconds = time.perf_counter() - began
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    trouble = None if done.returncode == 0 else (lines or [f"it ended with status {done.returncode}"])[-1]
    return Outcome(done.stdout, trouble, max(busy, default=None), seconds)


def _watch(busy: list[int], ended: threading.Event) -> None:
    while (said := nvidia("utilization.gpu")) and not ended.wait(0.5):
        busy += [int(line) for line in said if line.isdigit()]


def nvidia(field: str) -> list[str]:
    """Return what nvidia-smi says of each card; nothing without it."""
    words = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10).stdout.strip().splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


def machine(run: Run) -> str:
    """Return what was measured on, in one line."""
    cards = nvidia("name,driver_version") or ["no card of NVIDIA"]
    words = ["bench", "--what", "engines", "--engine", "opencv:cpu", "--size", "64x64", "--seconds", "0.5", "--json"]
    about = _json(run(words)).get("machine", {})
    packages = ", ".join(f"{name} {version}" for name, version in about.get("packages", {}).items())
    processor = f"{about.get('processor', platform.processor())}, {about.get('cores', '?')} cores"
    return f"{'; '.join(cards)}; {processor}; {platform.platform()}; Python {platform.python_version()}; {packages}"


def table(rows: list[Row], machine: str) -> str:
    """Return the table in Markdown, with the devices that are not there below it."""
    lines = [machine, ""]
    if not any(row.on_card for row in rows):
        lines += ["No graphics card was found that an engine can use; these are figures of the processor.", ""]
    lines += ["| what | device | measured | card busy |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row.what} | {row.device} | {row.figure} | {'–' if row.busy is None else f'{row.busy} %'} |"
        for row in rows
        if row.trouble is None
    ]
    lines += ["", *(f"- {row.device}, {row.what}: {row.trouble}" for row in rows if row.trouble is not None)]
    return "\n".join(lines)


def _line(row: Row) -> str:
    return f"{row.what}, {row.device}: {row.figure or row.trouble}"


def _json(outcome: Outcome) -> dict[str, Any]:
    try:
        found = json.loads(outcome.printed)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    main()

"""The table of `benchmarks/gpu.sh`: what a card paints, a device that was not used, and a computer without a card."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import Outcome, measure, table

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"


def outcomes(*devices: str, claims: str | None = None, processor: str = "") -> Any:
    """Pretend that engines run on `devices` alone, say that it was `claims`, and OpenCL's device is `processor`."""

    def run(words: list[str]) -> Outcome:
        if words[0] == "train":
            return Outcome("", None, seconds=float(words[words.index("--steps") + 1]) / 2)
        if words[0] == "-c" and "cv2.ocl" in words[1]:
            return Outcome(f"{processor}\n", None)
        if words[0] != "bench":
            return Outcome("", "tensorrt is not installed") if words[0] == "-m" else Outcome("2.13.0 no CUDA", None)
        device = words[words.index("--engine") + 1].partition(":")[2]
        if device not in devices:
            return Outcome("", f"there is no {device} here")
        device = claims or device
        row = {"baseline": False, "problem": None, "device": device, "version": "OpenCV 9", "paint_ms": {"p50": 2.5}}
        live = {"device": device, "rung": [1920, 1080], "styled_fps": 119.0, "latency_ms": {"p95": 20.0}}
        return Outcome(json.dumps({"engines": {"rows": [row]}, "live": [live]}), None, busy=70)

    return run


def printed(run: Any) -> str:
    return table(list(measure(run, 1.0)), "a machine")


@pytest.mark.parametrize("device", ["cuda", "opencl"])
def test_the_table_tells_what_a_card_paints(device: str) -> None:
    shown = printed(outcomes("cpu", device))
    assert f"| network rich 1920x1080 | opencv:{device}, OpenCV 9 | 2.50 ms, 400 a second | 70 % |" in shown
    assert "| painted 119.0 a second at 1920×1080, p95 20 ms | 70 % |" in shown
    assert "- opencv:cuda-fp16, network: there is no cuda-fp16 here" in shown
    assert "No graphics card" not in shown


def test_a_card_that_was_left_for_the_processor_is_no_card() -> None:
    shown = printed(outcomes("cpu", "cuda", claims="cpu"))
    assert "- opencv:cuda, network lean 640x360: NOT USED: it ran on cpu" in shown
    assert "No graphics card was found" in shown


def test_a_processor_that_plays_a_card_is_no_card() -> None:
    shown = printed(outcomes("cpu", "opencl", processor="pthread-EPYC"))
    assert "No graphics card was found" in shown
    assert "| opencv:opencl on the processor pthread-EPYC, OpenCV 9 | 2.50 ms" in shown
    assert "| live rich 1920x1080 at 120 | opencv:cpu |" in shown


def test_without_a_card_the_table_says_so_and_shows_the_processor() -> None:
    shown = printed(outcomes("cpu"))
    assert "No graphics card was found that an engine can use; these are figures of the processor." in shown
    assert "| network rich 1920x1080 | opencv:cpu, OpenCV 9 | 2.50 ms" in shown
    assert "| live rich 1920x1080 at 120 | opencv:cpu |" in shown
    assert "| train, one step | PyTorch 2.13.0 no CUDA | 0.500 s | – |" in shown


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_script_measures_with_the_environment_that_is_there_and_the_given_opencv(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(SCRIPT, tmp_path / "benchmarks")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PYTHONPATH $*"\n')
    python.chmod(0o755)
    (python.parent / "stylecam").touch()
    words = ["sh", str(tmp_path / "benchmarks" / "gpu.sh"), "--seconds", "1"]
    environment = {**os.environ, "OPENCV": "/cv2-cuda", "PYTHONPATH": ""}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "/cv2-cuda -m benchmarks.gpu --seconds 1\n"

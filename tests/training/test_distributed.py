"""Tests of several processes that train one bank, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylecam.errors import TrainingDataError, TrainingFailedError
from stylecam.training.checkpoint import Checkpoint
from stylecam.training.distributed import ProcessGroup
from stylecam.training.trainer import Trainer
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).parents[2]
WORKER = """
import os, sys, threading
from pathlib import Path
import torch
from stylecam.errors import TrainingError
from stylecam.training.events import StepEvent
from stylecam.training.trainer import Trainer
from tests.training import fixtures
torch.set_num_threads(1)
folder, task, stop = Path(sys.argv[1]), sys.argv[2], threading.Event()
def listen(event):
    if task == "fail" and isinstance(event, StepEvent):
        raise SystemExit(3)
    if task == "stop" and isinstance(event, StepEvent) and event.number == 2:
        stop.set()
out = folder / ("straight.onnx" if task == "straight" else "stopped.onnx")
if task == "unequal" and os.environ["RANK"] == "1":
    out = folder / "straight.onnx"
if task in ("resume", "unequal"):
    trainer = Trainer.resume(out)
else:
    config = fixtures.training_config(folder, "x", "y", steps=4, save_every=9)
    trainer = Trainer.begin(config, out, listener=listen, stop=stop)
try:
    trainer.run()
except TrainingError as error:
    print("rank says", error, flush=True)
    raise SystemExit(2)
weights = sum(p.detach().double().sum() for p in trainer._learner.net.parameters())
print("rank", "leads" if trainer.leads else "follows", trainer.step, float(weights))
"""


def run_workers(folder: Path, task: str, status: int = 0) -> list[str]:
    """Run two processes on the CPU (gloo) and return the last line of each."""
    script = folder / "worker.py"
    script.write_text(WORKER)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    finished = subprocess.run(
        [*launcher, str(folder), task],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert finished.returncode == status, finished.stderr
    return sorted(line for line in finished.stdout.splitlines() if line.startswith("rank "))


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun on Windows has no gloo over TCP in all builds")
def test_two_processes_train_one_network_and_resume_bit_for_bit(tmp_path: Path) -> None:
    fixtures.training_config(tmp_path, "x", "y")  # makes the files before both processes need them
    ends = {task: run_workers(tmp_path, task) for task in ("straight", "stop")}
    assert "different steps, [2, 4]; give all of them one checkpoint" in run_workers(tmp_path, "unequal", 1)[0]
    ends["resume"] = run_workers(tmp_path, "resume")
    for task, steps in (("straight", "4"), ("stop", "2"), ("resume", "4")):
        follows, leads = (line.split() for line in ends[task])
        assert (follows[1], leads[1]) == ("follows", "leads")
        assert follows[2:] == leads[2:]  # the same steps, the same weights
        assert leads[2] == steps
    straight, resumed = (Checkpoint.load(tmp_path / f"{name}.checkpoint") for name in ("straight", "stopped"))
    assert all(torch.equal(value, resumed.network[name]) for name, value in straight.network.items())
    assert straight.progress["chances"] == resumed.progress["chances"]
    assert straight.progress["chances"][0] != straight.progress["chances"][1]
    with pytest.raises(TrainingDataError, match="saved by 2 processes and there are 1"):
        Trainer.resume(tmp_path / "stopped.onnx")


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun on Windows has no gloo over TCP in all builds")
def test_when_one_process_ends_the_others_report_it(tmp_path: Path) -> None:
    fixtures.training_config(tmp_path, "x", "y")
    assert run_workers(tmp_path, "fail", 1) == ["rank says another of the 2 processes ended; its own message tells why"]


def test_unreachable_processes_are_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    message = r"the other 3 processes cannot be reached .*torchrun"
    with pytest.raises(TrainingFailedError, match=message), ProcessGroup(1, 4, 1).connected(torch.device("cpu")):
        pass


def test_a_single_process_leads_and_gathers_its_own_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    group = ProcessGroup.from_environment()
    assert group.leads
    assert group.gather(3) == [3]
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert ProcessGroup.from_environment() == ProcessGroup(2, 4, 1)
    assert not ProcessGroup.from_environment().leads

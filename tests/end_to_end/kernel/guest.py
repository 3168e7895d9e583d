"""Builds the guest once into the user's cache folder, and boots it under QEMU for one job at a time."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from onnx import helper, numpy_helper

from tests.end_to_end.kernel.cases import FAILING, INVERTING, TINY, UNKNOWN
from tests.models.networks import network, write_network

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOLDER = platformdirs.user_cache_path("stylecam-tests", appauthor=False) / "kernel"
QEMU = "qemu-system-x86_64"
BUILD_TIMEOUT_S = 1800.0
_PACKAGES = ("tests", "tests/end_to_end", "tests/end_to_end/kernel")
_GUEST_MODULES = (
    *(f"{package}/__init__.py" for package in _PACKAGES),
    "tests/end_to_end/kernel/harness.py",
    "tests/end_to_end/kernel/cases.py",
)
"""Files of this checkout that are copied into the guest, beside the wheel."""


class GuestError(Exception):
    """The guest could not be built or did not run; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one case with one driver version."""

    case: str
    version: str
    passed: bool
    seconds: float
    saw: str


def built() -> bool:
    """Return True if the image is in the cache and was built by the current scripts."""
    return _stamp_file().is_file() and _stamp_file().read_text() == _stamp() and shutil.which(QEMU) is not None


def obstacle() -> str | None:
    """Return why there can be no image on this machine; None if there is one or it can be built."""
    if built():
        return None
    if platform.machine() != "x86_64" or not sys.platform.startswith("linux"):
        return "the guest is built on x86_64 Linux only"
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm":
        return "the guest is built on Debian bookworm only, with its kernel headers"
    if os.getuid() != 0:
        return f"there is no guest in {FOLDER} yet, and only root can build it"
    return None


def build() -> None:
    """Build the image; raises GuestError with the end of the log."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _stamp_file().unlink(missing_ok=True)
    log = FOLDER / "build.log"
    with log.open("wb") as output:
        command = ["bash", str(HERE / "build.sh"), str(FOLDER)]
        try:
            done = subprocess.run(command, stdout=output, stderr=output, timeout=BUILD_TIMEOUT_S, check=False)
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = -1
    if status != 0:
        raise GuestError(f"the guest could not be built; the end of {log}:\n{_end(log)}")
    _stamp_file().write_text(_stamp())


def play(cases: list[str], seconds: float) -> Iterator[Result]:
    """Boot the guest, install this checkout's wheel in it, run `cases` (none: all), and yield results as they come.

    Raises GuestError if the guest gives no result, or has not ended after `seconds`.
    """
    with tempfile.TemporaryDirectory(prefix="stylecam-guest-") as name:
        share = Path(name)
        _wheel(share)
        for module in _GUEST_MODULES:
            (share / module).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / module, share / module)
        _write_networks(share)
        install = "pip install -q --no-deps --no-index --no-compile --root-user-action=ignore /host/*.whl"
        (share / "job").write_text(f"{install} && exec python -m tests.end_to_end.kernel.cases {shlex.join(cases)}\n")
        results = share / "results.jsonl"
        with (share / "qemu").open("wb") as errors:
            guest = subprocess.Popen(_qemu(share), stdout=subprocess.DEVNULL, stderr=errors)
        reported, end = 0, time.monotonic() + seconds
        try:
            while True:
                ended = guest.poll() is not None
                lines = results.read_text().split("\n")[:-1] if results.exists() else []
                for line in lines[reported:]:
                    yield Result(**json.loads(line))
                reported = len(lines)
                if ended:
                    break
                if time.monotonic() > end:
                    raise GuestError(f"the guest was stopped after {seconds:g} s; its output:\n{_logs(share)}")
                time.sleep(0.2)
        finally:
            guest.kill()
            guest.wait()
        if not (share / "status").exists() or not reported:
            raise GuestError(f"the guest ended without a result; its output:\n{_logs(share)}")


def _write_networks(folder: Path) -> None:
    """Write the networks of the cases: one that passes its input on, one that inverts it, and two that cannot run."""
    network(folder / TINY)
    one = numpy_helper.from_array(np.float32(1), "one")
    write_network(folder / INVERTING, [helper.make_node("Sub", ["one", "image"], ["styled"])], [one])
    half = {"kernel_shape": [2, 2], "strides": [2, 2]}
    write_network(folder / FAILING, [helper.make_node("MaxPool", ["image"], ["styled"], **half)])
    write_network(folder / UNKNOWN, [helper.make_node("NoSuchOperator", ["image"], ["styled"])])


def _wheel(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GuestError(f"stylecam's wheel could not be built:\n{done.stderr[-1000:]}")


def _qemu(share: Path) -> list[str]:
    """Software emulation. `-cpu max` is the fastest, and no program fails there for a masked feature."""
    command = f"""
        {QEMU} -machine pc -accel tcg -cpu max -smp 2 -m 2048
        -nodefaults -no-user-config -display none -no-reboot -nic none -serial file:{share}/console
        -kernel {FOLDER}/vmlinuz -initrd {FOLDER}/initrd.img
        -drive file={FOLDER}/root.img,format=raw,if=none,id=root,snapshot=on,cache=unsafe
        -device virtio-blk-pci,drive=root -device virtio-rng-pci
        -fsdev local,id=share,path={share},security_model=none,multidevs=remap
        -device virtio-9p-pci,fsdev=share,mount_tag=share"""
    kernel = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr no_timer_check nowatchdog"
    return [*command.split(), "-append", kernel]


def _stamp() -> str:
    recipe = b"".join((HERE / name).read_bytes() for name in ("build.sh", "guest-init"))
    return hashlib.sha256(recipe).hexdigest()


def _stamp_file() -> Path:
    return FOLDER / "stamp"


def _logs(share: Path) -> str:
    return "\n".join(f"-- {name}:\n{_end(share / name)}" for name in ("output", "console", "qemu"))


def _end(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-1500:] if log.exists() else "(nothing)"

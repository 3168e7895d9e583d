"""A real PulseAudio of the test's own, whose microphone gets what the test writes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.end_to_end.outside import PATIENCE_S, wait_for

RATE = 48_000
BLOCK = RATE // 100
MICROPHONE = "test_microphone"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class SoundServer:
    """PulseAudio with a source that reads a pipe. `environment` is what its clients need."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder, self._program = folder, program
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {"PULSE_SERVER": f"unix:{folder / 'native'}", "PULSE_COOKIE": str(folder / "cookie")}
        self.pipe = folder / "microphone"

    def start(self) -> None:
        form = f"format=s16le rate={RATE} channels=1"
        modules = [
            f"module-native-protocol-unix socket={self._folder / 'native'} auth-anonymous=1",
            f"module-pipe-source source_name={MICROPHONE} file={self.pipe} {form}",
        ]
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm", "--use-pid-file=no"]
        loads = [word for module in modules for word in ("-L", module)]
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            [self._program, *options, *loads],
            env={**os.environ, "HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)},
            **QUIET,
        )
        wait_for("PulseAudio", lambda: MICROPHONE in self.sources())

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(PATIENCE_S)

    def sources(self) -> str:
        command = ["pactl", "list", "short", "sources"]
        env = {**os.environ, **self.environment}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout


class Clicks:
    """Writes sound into the microphone in real time: quiet, but for clicks at the times in `at` (seconds of the clock).

    A click is a tone of 20 ms. Quiet is a soft tone where `hum` is set, so that silence can be told from it.
    """

    def __init__(self, pipe: Path, *, hum: float = 0.0) -> None:
        self.at: list[float] = []
        self._hum = hum
        self._pipe = pipe
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def _write(self) -> None:
        steps = np.arange(BLOCK) / RATE
        with self._pipe.open("wb", buffering=0) as pipe:
            began, count = time.perf_counter(), 0
            while not self._stopping.is_set():
                now = began + count * BLOCK / RATE
                self._stopping.wait(max(0.0, now + BLOCK / RATE - time.perf_counter()))
                block = self._block(now, steps)
                try:
                    pipe.write(block.tobytes())
                except BrokenPipeError:
                    return
                count += 1

    def _block(self, now: float, steps: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
        times = now + steps
        loud = np.zeros(BLOCK, bool)
        for click in self.at[-4:]:
            loud |= (times >= click) & (times < click + 0.02)
        tone = np.sin(2 * np.pi * 1000 * steps)
        return (np.where(loud, 25000, self._hum * 25000) * tone).astype(np.int16)

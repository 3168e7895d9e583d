"""Where sound comes from: the contract, PulseAudio or PipeWire through `parec`, and other devices through PyAV."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecam.errors import SoundUnavailableError
from stylecam.utils.message import Message
from stylecam.utils.optional import load

Samples = npt.NDArray[np.int16]
"""Sound: N×2 int16, left and right, `RATE` times a second."""
RATE, CHANNELS = 48_000, 2
DEFAULT = "default"
ALSA = "alsa:"
_LATENCY_MS = 20
"""What the sound server may hold back; less costs more processor time."""
_READ_BYTES = RATE * CHANNELS * 2 // 25
_ANSWER_TIMEOUT_S = 3.0
_INSTALL = {
    "apt-get": "run: sudo apt install pulseaudio-utils",
    "dnf": "run: sudo dnf install pulseaudio-utils",
    "pacman": "run: sudo pacman -S libpulse",
}


class SoundSource(ABC):
    """A device that records sound. One thread opens, reads and closes it."""

    def __init__(self, device: str) -> None:
        self.device = device

    @abstractmethod
    def check(self) -> None:
        """Check that it can be opened.

        Raises:
            SoundUnavailableError: there is no such device, no sound server, or a program is missing.
        """

    @abstractmethod
    def open(self) -> None:
        """Start to record.

        Raises:
            OSError: that is not possible now.
        """

    @abstractmethod
    def read(self) -> Samples:
        """Wait for sound and return what has come.

        Raises:
            OSError: the device has gone, or was interrupted.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop recording."""

    def interrupt(self) -> None:  # noqa: B027 - a device that gives sound all the time needs none
        """End a `read` that waits. Any thread may call it."""


class PulseSource(SoundSource):
    """A source of PulseAudio, or of PipeWire, which speaks the same protocol. `parec` records it."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._process: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """See `SoundSource.check`."""
        missing = [program for program in ("parec", "pactl") if shutil.which(program) is None]
        if missing:
            hint = next(
                (text for program, text in _INSTALL.items() if shutil.which(program)),
                Message("install PulseAudio's tools"),
            )
            raise SoundUnavailableError(
                Message("--audio needs {missing}, not found here; {hint}", missing=" and ".join(missing), hint=hint)
            )
        names = self.names()
        if self.device != DEFAULT and self.device not in names:
            raise SoundUnavailableError(
                Message(
                    "there is no sound device {device!r}; there are {names}",
                    device=self.device,
                    names=", ".join([DEFAULT, *names]),
                )
            )
        if not names:
            raise SoundUnavailableError(Message("the sound server has no device that records; plug in a microphone"))

    @staticmethod
    def names() -> list[str]:
        """Return the names of all sources.

        Raises:
            SoundUnavailableError: no sound server answers.
        """
        try:
            listed = subprocess.run(
                ["pactl", "list", "short", "sources"],
                capture_output=True,
                text=True,
                timeout=_ANSWER_TIMEOUT_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SoundUnavailableError(
                Message(
                    "no sound server answers; start PulseAudio or PipeWire (systemctl --user start pipewire-pulse), "
                    "or use "
                    "--audio alsa:hw:0"
                )
            ) from error
        return [line.split("\t")[1] for line in listed.stdout.splitlines() if line.count("\t") >= 2]

    def open(self) -> None:
        """See `SoundSource.open`."""
        form = ["--raw", "--format=s16le", f"--rate={RATE}", f"--channels={CHANNELS}", f"--latency-msec={_LATENCY_MS}"]
        named = [] if self.device == DEFAULT else [f"--device={self.device}"]
        self._process = subprocess.Popen(
            ["parec", *form, "--client-name=stylecam", *named],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C in the terminal is ours
        )

    def read(self) -> Samples:
        """See `SoundSource.read`."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        data = os.read(process.stdout.fileno(), _READ_BYTES)
        while len(data) % (2 * CHANNELS):
            more = os.read(process.stdout.fileno(), 2 * CHANNELS - len(data) % (2 * CHANNELS))
            if not more:
                break
            data += more
        if not data or len(data) % (2 * CHANNELS):
            raise OSError(Message("the sound server has ended the recording"))
        return np.frombuffer(data, np.int16).reshape(-1, CHANNELS)

    def interrupt(self) -> None:
        """See `SoundSource.interrupt`."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """See `SoundSource.close`."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


class DeviceSource(SoundSource):
    """A device that FFmpeg reads: ALSA on Linux, AVFoundation on macOS, DirectShow on Windows."""

    def __init__(self, device: str, kind: str) -> None:
        """Name a device of FFmpeg's format `kind`: alsa, avfoundation or dshow."""
        super().__init__(device)
        self._kind = kind
        self._container: Any = None
        self._frames: Iterator[Samples] = iter(())

    def check(self) -> None:
        """See `SoundSource.check`."""
        try:
            self.open()
        except OSError as error:
            raise SoundUnavailableError(
                Message(
                    "the sound device {device!r} cannot be opened: {reason}; choose another --audio",
                    device=self.device,
                    reason=error.strerror or error,
                )
            ) from error
        self.close()

    def open(self) -> None:
        """See `SoundSource.open`."""
        av = load("av", purpose="--audio", extra="video", error=SoundUnavailableError)
        self._container = av.open(self.device, format=self._kind, timeout=5.0)
        self._frames = self._converted(av, self._container)

    def read(self) -> Samples:
        """See `SoundSource.read`."""
        try:
            return next(self._frames)
        except StopIteration:
            raise OSError(Message("the device has ended")) from None

    def close(self) -> None:
        """See `SoundSource.close`."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    @staticmethod
    def _converted(av: Any, container: Any) -> Iterator[Samples]:
        convert = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
        for frame in container.decode(audio=0):
            frame.pts = None
            for converted in convert.resample(frame):
                yield converted.to_ndarray().reshape(-1, CHANNELS)


def make_sound_source(device: str) -> SoundSource:
    """Return the source for a value of `--audio`, without opening it."""
    if sys.platform == "darwin":
        return DeviceSource(f":{device}", "avfoundation")
    if sys.platform == "win32":
        return DeviceSource(f"audio={device}", "dshow")
    return DeviceSource(device.removeprefix(ALSA), "alsa") if device.startswith(ALSA) else PulseSource(device)

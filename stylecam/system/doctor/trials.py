"""What the doctor really tries: a camera, a network, the keyboard. In the tests, records answer instead."""

from __future__ import annotations

import importlib
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from stylecam.engines.names import PACKAGES
from stylecam.errors import EngineRunError, ProbeError, SourceError
from stylecam.media import v4l2
from stylecam.media.sources.devices import Camera, list_cameras
from stylecam.utils.clock import Clock

MEASURED_S = 1.5
PICTURE = (640, 360)
"""What a network is tried on: fine enough for a call."""
OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a camera gave.

    Attributes:
        fps: pictures a second.
        brightness: the mean of the last picture, 0 to 255.
        exposure_ms: how long each was exposed, where the camera tells.
        may_slow: whether the camera may lower its rate in low light; None where it does not tell.
    """

    fps: float
    width: int
    height: int
    fourcc: str
    brightness: float
    exposure_ms: float | None = None
    may_slow: bool | None = None


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """A network that ran: on what it really did, and how long one picture took."""

    engine: str
    device: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class OpenCV:
    """The OpenCV that is installed.

    Attributes:
        windows: what it draws windows with (`QT5`, `GTK3`), or `NONE`.
        features: the processor's, as OpenCV names them.
        devices: those it runs networks on.
    """

    version: str
    windows: str
    features: tuple[str, ...]
    threads: int
    devices: tuple[str, ...]


class Trials(ABC):
    """Things to try on a machine; each may take a second."""

    @abstractmethod
    def cameras(self) -> list[Camera]:
        """All cameras. Raises ProbeError."""

    @abstractmethod
    def holders(self, path: str) -> list[tuple[int, str]]:
        """Other programs that have a device open: process id and name."""

    @abstractmethod
    def measure(self, camera: Camera) -> Measured:
        """Read a camera for a while. Raises SourceError or ProbeError."""

    @abstractmethod
    def opencv(self) -> OpenCV:
        """Load OpenCV. Raises ImportError where it cannot be loaded."""

    @abstractmethod
    def devices(self, engine: str) -> tuple[str, ...]:
        """What an engine that is an extra finds to run networks on. Raises EngineUnavailableError."""

    @abstractmethod
    def network(self, device: str, engine: str = "opencv") -> NetworkRun:
        """Run a shipped network. Raises StylecamError."""

    @abstractmethod
    def listen(self) -> str | None:
        """Listen to the keyboard for a moment; what will not work nevertheless. Raises HotkeysUnavailableError."""

    @abstractmethod
    def versions(self) -> Mapping[str, str | None]:
        """Installed packages by name; None for what is missing."""

    @abstractmethod
    def styles(self) -> tuple[int, list[str]]:
        """How many styles there are, and what is wrong with files that are none."""

    @abstractmethod
    def settings(self) -> str | None:
        """What is wrong with the configuration file or the variables; None where nothing is."""

    @property
    @abstractmethod
    def python(self) -> str:
        """The Python that runs this, as a command."""

    @property
    @abstractmethod
    def folders(self) -> Mapping[str, str]:
        """Where stylecam keeps things, by what they are for."""


class RealTrials(Trials):
    """Tried on the machine this runs on."""

    def __init__(self, clock: Clock, settings: Callable[[], str | None]) -> None:
        """`settings` reads the configuration as `stylecam run` would, and says what is wrong with it."""
        self._clock = clock
        self._settings = settings

    def cameras(self) -> list[Camera]:
        """See `Trials.cameras`."""
        try:
            return list_cameras()
        except (ImportError, OSError, RuntimeError) as error:
            raise ProbeError(f"the cameras cannot be listed: {error}") from error

    def holders(self, path: str) -> list[tuple[int, str]]:
        """See `Trials.holders`."""
        return v4l2.holders(path) if sys.platform == "linux" and path else []

    def measure(self, camera: Camera) -> Measured:
        """See `Trials.measure`."""
        try:
            from stylecam.media.frame import Size
            from stylecam.media.sources.camera import CameraSource
        except ImportError as error:
            raise ProbeError(f"OpenCV cannot be loaded: {error}") from error
        source = CameraSource(camera, self._clock)
        try:
            source.open(Size(1280, 720), 30)
            first = last = source.read()
            count = 0
            end = self._clock.now() + MEASURED_S
            while self._clock.now() < end:
                frame = source.read()
                if frame is not None:
                    first, last, count = first or frame, frame, count + 1
            told = source.describe()
        finally:
            source.close()
        if first is None or last is None or last is first:
            raise SourceError(f"{camera} gave no picture in {MEASURED_S:g} s")
        on_linux = sys.platform == "linux"
        exposure = v4l2.read_control(camera.path, v4l2.EXPOSURE_TIME) if on_linux else None
        may_slow = v4l2.read_control(camera.path, v4l2.EXPOSURE_MAY_SLOW) if on_linux else None
        return Measured(
            fps=count / (last.captured_at - first.captured_at),
            width=last.image.shape[1],
            height=last.image.shape[0],
            fourcc=str(told.get("format", "")),
            brightness=float(last.image[::8, ::8].mean()),
            exposure_ms=None if exposure is None else exposure / 10,
            may_slow=None if may_slow is None else bool(may_slow),
        )

    def opencv(self) -> OpenCV:
        """See `Trials.opencv`."""
        import cv2

        from stylecam.engines.opencv import available_devices

        drawn = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
        features = tuple(word.lstrip("*") for word in cv2.getCPUFeaturesLine().split() if not word.endswith("?"))
        return OpenCV(
            cv2.__version__, drawn[1] if drawn else "", features, cv2.getNumThreads(), tuple(available_devices())
        )

    def devices(self, engine: str) -> tuple[str, ...]:
        """See `Trials.devices`."""
        from stylecam.engines import onnxruntime, openvino

        return openvino.available_devices() if engine == "openvino" else onnxruntime.available_devices()

    def network(self, device: str, engine: str = "opencv") -> NetworkRun:
        """See `Trials.network`."""
        import numpy as np

        from stylecam.engines.factory import make_engine
        from stylecam.models.catalog import shipped_models
        from stylecam.models.model import Model

        paths = sorted(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size)
        if not paths:
            raise ProbeError("no shipped network is there to try")
        model = Model.read(paths[0])
        runner = make_engine(engine, device)
        session = runner.session(model, *PICTURE)
        image = np.random.default_rng(0).integers(0, 256, (PICTURE[1], PICTURE[0], 3), np.uint8)
        weights = model.one_hot()
        took = []
        for _ in range(4):  # the first one allocates
            began = self._clock.now()
            session.paint(image, weights)
            took.append(self._clock.now() - began)
        if runner.trouble is not None:
            raise EngineRunError(runner.trouble)
        return NetworkRun(runner.version, runner.device, min(took[1:]) * 1000)

    def listen(self) -> str | None:
        """See `Trials.listen`."""
        from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys

        hotkeys = GlobalHotkeys({}, lambda _: None, self._clock)
        hotkeys.start()
        try:
            return hotkeys.warning()
        finally:
            hotkeys.stop()

    def versions(self) -> dict[str, str | None]:
        """See `Trials.versions`."""
        engines = (package for packages in PACKAGES.values() for package in packages)
        wanted = (*OPENCV_PACKAGES, *engines, "numpy", "pyvirtualcam", "pynput", "aiohttp", "av", "onnx")
        return {name: _version(name) for name in wanted}

    def styles(self) -> tuple[int, list[str]]:
        """See `Trials.styles`."""
        from stylecam.models.catalog import Catalog, shipped_models
        from stylecam.utils import paths

        catalog = Catalog.load([shipped_models(), paths.user_styles()])
        return len(catalog.all_cards), catalog.problems

    def settings(self) -> str | None:
        """See `Trials.settings`."""
        return self._settings()

    @property
    def python(self) -> str:
        """See `Trials.python`."""
        return sys.executable or "python3"

    @property
    def folders(self) -> dict[str, str]:
        """See `Trials.folders`."""
        from stylecam.utils import paths

        return {
            "your settings": str(paths.config_file().parent),
            "your styles": str(paths.user_styles()),
            "recordings": str(Path.cwd()),
        }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    module: Any = {"opencv-python": "cv2"}.get(name)  # built by hand, or from the distribution
    if module is None:
        return None
    try:
        return str(importlib.import_module(module).__version__)
    except (ImportError, AttributeError):
        return None

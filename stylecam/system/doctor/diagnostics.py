"""Tries out what the doctor reports on: a camera, a network, the keyboard, the installed packages."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from stylecam.engines.names import PACKAGES
from stylecam.errors import EngineRunError, ProbeError, SourceError
from stylecam.media import v4l2
from stylecam.media.sources.devices import Camera, list_cameras
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

MEASURE_S = 1.5
"""How long a camera is read."""
TEST_SIZE = (640, 360)
"""Width and height that a network is timed at."""
OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


@dataclass(frozen=True, slots=True)
class CameraMeasurement:
    """What a camera delivered.

    Attributes:
        fps: frames a second.
        brightness: mean level of the last frame, 0 to 255.
        exposure_ms: exposure time of a frame; None if the camera does not tell.
        may_slow: True if the camera may lower its rate in low light; None if it does not tell.
    """

    fps: float
    width: int
    height: int
    fourcc: str
    brightness: float
    exposure_ms: float | None = None
    may_slow: bool | None = None


@dataclass(frozen=True, slots=True)
class NetworkTiming:
    """One run of a network: the engine, the device it really ran on, and the time of one picture."""

    engine: str
    device: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class OpenCVBuild:
    """The installed OpenCV.

    Attributes:
        windows: its window toolkit (`QT5`, `GTK3`), or `NONE`.
        features: features of the processor, in OpenCV's names.
        devices: devices it can run networks on.
    """

    version: str
    windows: str
    features: tuple[str, ...]
    threads: int
    devices: tuple[str, ...]


class Diagnostics:
    """Runs the trials on this computer. Each may take a second. Tests use a subclass that answers from records."""

    def __init__(self, clock: Clock, settings: Callable[[], str | None]) -> None:
        """`settings` reads the configuration as `stylecam run` does, and returns what is wrong with it or None."""
        self._clock = clock
        self._settings = settings

    def cameras(self) -> list[Camera]:
        """Return all cameras.

        Raises:
            ProbeError: they cannot be listed.
        """
        try:
            return list_cameras()
        except (ImportError, OSError, RuntimeError) as error:
            raise ProbeError(Message("the cameras cannot be listed: {error}", error=error)) from error

    def holders(self, path: str) -> list[tuple[int, str]]:
        """Return process id and name of other programs that have a device open."""
        return v4l2.holders(path) if sys.platform == "linux" and path else []

    def measure(self, camera: Camera) -> CameraMeasurement:
        """Read a camera for `MEASURE_S`.

        Raises:
            SourceError: the camera cannot be opened or delivers nothing.
            ProbeError: OpenCV cannot be loaded.
        """
        try:
            from stylecam.media.frame import Size
            from stylecam.media.sources.camera import CameraSource
        except ImportError as error:
            raise ProbeError(Message("OpenCV cannot be loaded: {error}", error=error)) from error
        source = CameraSource(camera, self._clock)
        try:
            source.open(Size(1280, 720), 30)
            first = last = source.read()
            count = 0
            end = self._clock.now() + MEASURE_S
            while self._clock.now() < end:
                frame = source.read()
                if frame is not None:
                    first, last, count = first or frame, frame, count + 1
            description = source.describe()
        finally:
            source.close()
        if first is None or last is None or last is first:
            raise SourceError(Message("{camera} gave no picture in {seconds:g} s", camera=camera, seconds=MEASURE_S))
        on_linux = sys.platform == "linux"
        exposure = v4l2.read_control(camera.path, v4l2.EXPOSURE_TIME) if on_linux else None
        may_slow = v4l2.read_control(camera.path, v4l2.EXPOSURE_MAY_SLOW) if on_linux else None
        return CameraMeasurement(
            fps=count / (last.captured_at - first.captured_at),
            width=last.image.shape[1],
            height=last.image.shape[0],
            fourcc=str(description.get("format", "")),
            brightness=float(last.image[::8, ::8].mean()),
            exposure_ms=None if exposure is None else exposure / 10,
            may_slow=None if may_slow is None else bool(may_slow),
        )

    def opencv(self) -> OpenCVBuild:
        """Load OpenCV and describe it.

        Raises:
            ImportError: it cannot be loaded.
        """
        import cv2

        from stylecam.engines.opencv import available_devices

        toolkit = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
        features = tuple(word.lstrip("*") for word in cv2.getCPUFeaturesLine().split() if not word.endswith("?"))
        return OpenCVBuild(
            cv2.__version__, toolkit[1] if toolkit else "", features, cv2.getNumThreads(), tuple(available_devices())
        )

    def devices(self, engine: str) -> tuple[str, ...]:
        """Return the devices that an optional engine can run networks on.

        Raises:
            EngineUnavailableError: the engine is missing or cannot be loaded.
        """
        from stylecam.engines import onnxruntime, openvino

        return openvino.available_devices() if engine == "openvino" else onnxruntime.available_devices()

    def network(self, device: str, engine: str = "opencv") -> NetworkTiming:
        """Run the smallest shipped network on a device and time it.

        Raises:
            StylecamError: it cannot be run there.
        """
        import numpy as np

        from stylecam.engines.factory import make_engine
        from stylecam.models.catalog import shipped_models
        from stylecam.models.model import Model

        paths = sorted(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size)
        if not paths:
            raise ProbeError("no shipped network is there to try")
        model = Model.read(paths[0])
        runner = make_engine(engine, device)
        session = runner.session(model, *TEST_SIZE)
        image = np.random.default_rng(0).integers(0, 256, (TEST_SIZE[1], TEST_SIZE[0], 3), np.uint8)
        weights = model.rows(model.one_hot(), min(TEST_SIZE))
        times_s = []
        for _ in range(4):  # the first run allocates memory
            started_at = self._clock.now()
            session.stylize(image, weights)
            times_s.append(self._clock.now() - started_at)
        if runner.trouble is not None:
            raise EngineRunError(runner.trouble)
        return NetworkTiming(runner.version, runner.device, min(times_s[1:]) * 1000)

    def listen(self) -> str | None:
        """Listen to the keyboard for a moment, and return what will not work nevertheless, or None.

        Raises:
            HotkeysUnavailableError: listening is not possible.
        """
        from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys

        hotkeys = GlobalHotkeys({}, lambda _: None, self._clock)
        hotkeys.start()
        try:
            return hotkeys.warning()
        finally:
            hotkeys.stop()

    def check_portal(self) -> None:
        """Ask the desktop's portal for global shortcuts; the user is asked nothing.

        Raises:
            HotkeysUnavailableError: there is none, or it refuses.
        """
        from stylecam.control.keyboard.portal import PortalHotkeys

        PortalHotkeys({}, lambda _: None, self._clock).check()

    def versions(self) -> dict[str, str | None]:
        """Return the versions of all packages of interest; None for a missing one."""
        engines = (package for packages in PACKAGES.values() for package in packages)
        names = (*OPENCV_PACKAGES, *engines, "numpy", "pyvirtualcam", "pynput", "aiohttp", "av", "onnx")
        return {name: _version(name) for name in names}

    def styles(self) -> tuple[int, list[str]]:
        """Return the number of styles, and what is wrong with files that hold none."""
        from stylecam.models.catalog import Catalog

        catalog = Catalog.installed()
        return len(catalog.all_cards), catalog.problems

    def settings(self) -> str | None:
        """Return what is wrong with the configuration file or the environment variables, or None."""
        return self._settings()

    @property
    def python(self) -> str:
        """The Python that runs this program, as a command."""
        return sys.executable or "python3"

    def pip_step(self, purpose: str, *words: str) -> SetupStep:
        """Return the step that runs pip with `words` for this Python, such as `install numpy`."""
        return SetupStep(purpose, (self.python, "-m", "pip", *words))

    @property
    def folders(self) -> dict[str, str]:
        """The folders stylecam writes to, by purpose."""
        from stylecam.utils import paths

        return {
            Message("your settings"): str(paths.config_file().parent),
            Message("your styles"): str(paths.user_styles()),
            Message("recordings"): str(paths.user_videos()),
        }


def _version(name: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    with contextlib.suppress(ImportError, AttributeError):
        if name == "opencv-python":  # one that was built by hand or by the distribution has no such package
            return str(importlib.import_module("cv2").__version__)
    return None

"""OpenVINO: its devices, and what happens when its GPU fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines import openvino as room
from stylecam.engines.openvino import OpenVINOEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.testing import gray_image
from tests.engines.libraries import need
from tests.engines.test_opencv import only, portrait, small

SIZE = Size(64, 48)


@pytest.fixture(autouse=True)
def _installed() -> None:
    need("openvino")


class Core:
    """A core that finds other devices than there are; its GPU is really the processor, and fails when it is told to."""

    def __init__(self, real: Any, names: tuple[str, ...], abilities: tuple[str, ...]) -> None:
        self._real, self.available_devices, self._abilities = real, names, abilities
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.broken = ""
        self.fails_after: int | None = None

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._abilities

    def read_model(self, data: bytes) -> Any:
        return self._real.read_model(data)

    def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
        self.asked.append((device, options))
        if device == "GPU" and self.broken:
            raise RuntimeError(f"Exception from src/core.cpp:1:\n{self.broken}\n")
        made = self._real.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return _Compiled(made, self) if device == "GPU" else made


class _Compiled:
    def __init__(self, real: Any, core: Core) -> None:
        self._real, self._core = real, core

    def create_infer_request(self) -> Any:
        return _Request(self._real.create_infer_request(), self._core)


class _Request:
    def __init__(self, real: Any, core: Core) -> None:
        self._real, self._core = real, core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def infer(self) -> None:
        if self._core.fails_after is not None:
            self._core.fails_after -= 1
            if self._core.fails_after < 0:
                raise RuntimeError("clFlush, error code: -14")
        self._real.infer()


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    def build(names: tuple[str, ...] = ("CPU", "GPU.0"), abilities: tuple[str, ...] = ("FP32", "BF16")) -> Core:
        import openvino

        core = Core(openvino.Core(), names, abilities)
        monkeypatch.setattr(openvino, "Core", lambda: core)
        return core

    return build


def test_auto_is_the_processor_in_full_precision() -> None:
    engine = OpenVINOEngine()
    assert engine.device == "cpu"
    assert engine.version.startswith("OpenVINO 20")
    assert "-" not in engine.version


def test_the_processor_is_among_the_devices() -> None:
    assert room.available_devices()[0] == "cpu"


@pytest.mark.parametrize(
    ("names", "abilities", "found"),
    [
        (("CPU",), ("FP32", "INT8"), ("cpu",)),
        (("CPU",), ("FP32", "BF16"), ("cpu", "cpu-bf16")),
        (("CPU", "GPU"), ("FP32",), ("cpu", "gpu")),
        (("CPU", "GPU.0", "GPU.1", "NPU"), ("FP32", "BF16"), ("cpu", "cpu-bf16", "gpu")),
        (("GPU",), (), ("gpu",)),
    ],
)
def test_devices_are_those_it_finds(
    names: tuple[str, ...], abilities: tuple[str, ...], found: tuple[str, ...], pretend: Any
) -> None:
    pretend(names, abilities)
    assert room.available_devices() == found


@pytest.mark.parametrize(("device", "told"), [("gpu", "no Intel GPU"), ("cpu-bf16", "only on processors that have it")])
def test_a_device_that_is_not_there_is_refused_with_what_to_do(device: str, told: str, pretend: Any) -> None:
    pretend(("CPU",), ("FP32",))
    with pytest.raises(EngineUnavailableError) as caught:
        OpenVINOEngine(device)
    assert told in str(caught.value)
    assert str(caught.value).endswith("use --device cpu")


def test_a_device_of_no_such_name_is_refused_with_the_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cpu-bf16, gpu"):
        OpenVINOEngine("cuda")


def test_a_core_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def refuse() -> None:
        raise RuntimeError("no plugins.xml")

    monkeypatch.setattr(openvino, "Core", refuse)
    with pytest.raises(EngineUnavailableError, match=r"OpenVINO cannot be started: no plugins\.xml"):
        OpenVINOEngine()


@pytest.mark.parametrize(("device", "precision"), [("cpu", "f32"), ("cpu-bf16", "bf16")])
def test_precision_and_threads_are_as_asked_for(device: str, precision: str, bank: Model, pretend: Any) -> None:
    core = pretend()
    OpenVINOEngine(device, threads=1).session(bank, *SIZE).stylize(gray_image(100, SIZE), only(bank))
    where, options = core.asked[-1]
    assert where == "CPU"
    assert options["INFERENCE_PRECISION_HINT"] == precision
    assert options["INFERENCE_NUM_THREADS"] == 1
    assert options["PERFORMANCE_HINT"] == "LATENCY"


def test_a_gpu_that_does_not_start_gives_way_to_the_processor_and_it_says_so(bank: Model, pretend: Any) -> None:
    core = pretend()
    core.broken = "CL_OUT_OF_HOST_MEMORY"
    engine = OpenVINOEngine("gpu")
    engine.session(bank, *SIZE).stylize(gray_image(100, SIZE), only(bank))
    assert engine.device == "cpu"
    assert "cannot use gpu (CL_OUT_OF_HOST_MEMORY); going on with the processor" in str(engine.trouble)
    assert [where for where, _ in core.asked] == ["GPU", "CPU"]


@pytest.mark.parametrize("runs", [0, 2], ids=["at its first run", "later"])
def test_a_gpu_that_fails_gives_way_to_the_processor_without_losing_a_picture(
    runs: int, bank: Model, pretend: Any
) -> None:
    core = pretend()
    core.fails_after = runs
    engine = OpenVINOEngine("gpu")
    session, other = engine.session(bank, *SIZE), engine.session(bank, 128, 96)
    wanted = OpenVINOEngine("cpu").session(bank, *SIZE).stylize(gray_image(100, SIZE), only(bank))
    for _ in range(runs + 2):
        assert np.array_equal(session.stylize(gray_image(100, SIZE), only(bank)), wanted)
    assert engine.device == "cpu"
    trouble = engine.trouble
    assert "clFlush, error code: -14" in str(trouble)
    other.stylize(gray_image(100, Size(128, 96)), only(bank))
    assert engine.trouble is trouble


def test_a_network_it_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"cannot load small\.onnx: .*NoSuchLayer"):
        OpenVINOEngine("cpu").session(small(tmp_path, op="NoSuchLayer"), 64, 64)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    session = OpenVINOEngine("cpu").session(small(tmp_path), 64, 64)
    with pytest.raises(EngineRunError, match=r"cannot run small\.onnx"):
        session.run(portrait(32, 64), (1.0,))


def test_ctrl_c_is_survived_after_engines_have_come_and_gone() -> None:
    """Cores that went in the order in which they came left the thread no stack for its signals: SIGSEGV."""
    code = (
        "import signal; from stylecam.engines.openvino import OpenVINOEngine\n"
        "first, second = OpenVINOEngine('cpu'), OpenVINOEngine('cpu')\n"
        "del first; del second\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('heard')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "heard\n"), ended.stderr

"""Tests of the OpenVINO engine: its devices, and the fallback to the CPU when its GPU fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines import openvino as engine_module
from stylecam.engines.openvino import OpenVINOEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.media.frame import Size
from stylecam.media.testing import gray_image
from stylecam.models.model import Model
from tests.engines.fixtures import one_node_model, photo_tensor, require_library

SIZE = Size(64, 48)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_library("openvino")


class FakeCore:
    """An OpenVINO core with made-up devices; its GPU really is the CPU and fails on request."""

    def __init__(self, real: Any, names: tuple[str, ...], capabilities: tuple[str, ...]) -> None:
        self._real, self.available_devices, self._capabilities = real, names, capabilities
        self.compiled: list[tuple[str, dict[str, Any]]] = []
        self.compile_error = ""
        self.fails_after: int | None = None

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities

    def read_model(self, data: bytes) -> Any:
        return self._real.read_model(data)

    def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
        self.compiled.append((device, options))
        if device == "GPU" and self.compile_error:
            raise RuntimeError(f"Exception from src/core.cpp:1:\n{self.compile_error}\n")
        compiled_model = self._real.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return _Compiled(compiled_model, self) if device == "GPU" else compiled_model


class _Compiled:
    def __init__(self, real: Any, core: FakeCore) -> None:
        self._real, self._core = real, core

    def create_infer_request(self) -> Any:
        return _Request(self._real.create_infer_request(), self._core)


class _Request:
    def __init__(self, real: Any, core: FakeCore) -> None:
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
def fake_core(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes OpenVINO use a `FakeCore` and returns it."""

    def build(names: tuple[str, ...] = ("CPU", "GPU.0"), capabilities: tuple[str, ...] = ("FP32", "BF16")) -> FakeCore:
        import openvino

        core = FakeCore(openvino.Core(), names, capabilities)
        monkeypatch.setattr(openvino, "Core", lambda: core)
        return core

    return build


def test_auto_is_the_cpu_at_full_precision() -> None:
    engine = OpenVINOEngine()
    assert engine.device == "cpu"
    assert engine.version.startswith("OpenVINO 20")
    assert "-" not in engine.version


def test_the_cpu_is_the_first_device() -> None:
    assert engine_module.available_devices()[0] == "cpu"


@pytest.mark.parametrize(
    ("names", "capabilities", "found"),
    [
        (("CPU",), ("FP32", "INT8"), ("cpu",)),
        (("CPU",), ("FP32", "BF16"), ("cpu", "cpu-bf16")),
        (("CPU", "GPU"), ("FP32",), ("cpu", "gpu")),
        (("CPU", "GPU.0", "GPU.1", "NPU"), ("FP32", "BF16"), ("cpu", "cpu-bf16", "gpu")),
        (("GPU",), (), ("gpu",)),
    ],
)
def test_the_available_devices_follow_from_what_openvino_reports(
    names: tuple[str, ...], capabilities: tuple[str, ...], found: tuple[str, ...], fake_core: Any
) -> None:
    fake_core(names, capabilities)
    assert engine_module.available_devices() == found


@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "no Intel GPU"), ("cpu-bf16", "only on processors that have it")]
)
def test_a_missing_device_is_refused_with_what_to_do(device: str, message: str, fake_core: Any) -> None:
    fake_core(("CPU",), ("FP32",))
    with pytest.raises(EngineUnavailableError) as caught:
        OpenVINOEngine(device)
    assert message in str(caught.value)
    assert str(caught.value).endswith("use --device cpu")


def test_an_unknown_device_is_refused_with_the_valid_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cpu-bf16, gpu"):
        OpenVINOEngine("cuda")


def test_a_core_that_cannot_be_started_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def refuse() -> None:
        raise RuntimeError("no plugins.xml")

    monkeypatch.setattr(openvino, "Core", refuse)
    with pytest.raises(EngineUnavailableError, match=r"OpenVINO cannot be started: no plugins\.xml"):
        OpenVINOEngine()


@pytest.mark.parametrize(("device", "precision"), [("cpu", "f32"), ("cpu-bf16", "bf16")])
def test_precision_and_threads_are_as_requested(device: str, precision: str, bank: Model, fake_core: Any) -> None:
    core = fake_core()
    OpenVINOEngine(device, threads=1).session(bank, *SIZE).stylize(gray_image(100, SIZE), bank.one_hot())
    where, options = core.compiled[-1]
    assert where == "CPU"
    assert options["INFERENCE_PRECISION_HINT"] == precision
    assert options["INFERENCE_NUM_THREADS"] == 1
    assert options["PERFORMANCE_HINT"] == "LATENCY"


def test_a_gpu_that_does_not_start_is_replaced_by_the_cpu_and_reported(bank: Model, fake_core: Any) -> None:
    core = fake_core()
    core.compile_error = "CL_OUT_OF_HOST_MEMORY"
    engine = OpenVINOEngine("gpu")
    engine.session(bank, *SIZE).stylize(gray_image(100, SIZE), bank.one_hot())
    assert engine.device == "cpu"
    assert "cannot use gpu (CL_OUT_OF_HOST_MEMORY); going on with the processor" in str(engine.trouble)
    assert [where for where, _ in core.compiled] == ["GPU", "CPU"]


@pytest.mark.parametrize("runs", [0, 2], ids=["first run", "later run"])
def test_a_gpu_that_fails_is_replaced_by_the_cpu_without_losing_a_picture(
    runs: int, bank: Model, fake_core: Any
) -> None:
    core = fake_core()
    core.fails_after = runs
    engine = OpenVINOEngine("gpu")
    session, other = engine.session(bank, *SIZE), engine.session(bank, 128, 96)
    expected = OpenVINOEngine("cpu").session(bank, *SIZE).stylize(gray_image(100, SIZE), bank.one_hot())
    for _ in range(runs + 2):
        assert np.array_equal(session.stylize(gray_image(100, SIZE), bank.one_hot()), expected)
    assert engine.device == "cpu"
    trouble = engine.trouble
    assert "clFlush, error code: -14" in str(trouble)
    other.stylize(gray_image(100, Size(128, 96)), bank.one_hot())
    assert engine.trouble is trouble


def test_a_network_that_it_cannot_load_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"cannot load small\.onnx: .*NoSuchLayer"):
        OpenVINOEngine("cpu").session(one_node_model(tmp_path, op="NoSuchLayer"), 64, 64)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    session = OpenVINOEngine("cpu").session(one_node_model(tmp_path), 64, 64)
    with pytest.raises(EngineRunError, match=r"cannot run small\.onnx"):
        session.run(photo_tensor(32, 64), (1.0,))


def test_ctrl_c_does_not_crash_after_engines_were_deleted() -> None:
    """Cores deleted in the order of their creation used to free the thread's signal stack, which ended in SIGSEGV."""
    code = (
        "import signal; from stylecam.engines.openvino import OpenVINOEngine\n"
        "first, second = OpenVINOEngine('cpu'), OpenVINOEngine('cpu')\n"
        "del first; del second\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background ignores it
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stdout) == (0, "interrupted\n"), finished.stderr

"""Tests of the ONNX Runtime engine: its devices, and the fallback to the CPU when one fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines import onnxruntime as engine_module
from stylecam.engines.onnxruntime import OnnxRuntimeEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.media.frame import Size
from stylecam.media.testing import gray_image
from stylecam.models.model import Model
from tests.engines.fixtures import one_node_model, photo_tensor, require_library

SIZE = Size(64, 48)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_library("onnxruntime")


class FakeCudaLibrary:
    """ONNX Runtime as if it were built for CUDA; its CUDA sessions really run on the CPU."""

    def __init__(self, library: Any, *, finds_gpu: bool = True, fails_after: int | None = None) -> None:
        self._library, self._finds_gpu, self._runs_left = library, finds_gpu, fails_after
        self.opened: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        print("cuDNN is missing")

    def InferenceSession(self, data: bytes, options: Any, providers: list[Any], **others: Any) -> Any:  # noqa: N802
        self.opened.append([name for name, _ in providers])
        real = self._library.InferenceSession(data, options, providers=["CPUExecutionProvider"], **others)
        return _CudaSession(real, self) if len(providers) > 1 else real

    def count_run(self) -> None:
        if self._runs_left is not None:
            self._runs_left -= 1
            if self._runs_left < 0:
                raise self._library.capi.onnxruntime_pybind11_state.Fail("CUDA failure 719: unspecified launch failure")


class _CudaSession:
    """A CPU session that reports the CUDA provider and fails when the library says so."""

    def __init__(self, session: Any, library: FakeCudaLibrary) -> None:
        self._session, self._library = session, library

    def get_providers(self) -> list[str]:
        names = self._library.get_available_providers()
        return names if self._library._finds_gpu else names[1:]

    def io_binding(self) -> Any:
        return _CudaBinding(self._session.io_binding())

    def run_with_iobinding(self, binding: Any) -> None:
        self._library.count_run()
        self._session.run_with_iobinding(binding.real)


class _CudaBinding:
    """An I/O binding that keeps the CUDA tensors in CPU memory."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def bind_output(self, name: str, device: str, number: int) -> None:
        assert (device, number) == ("cuda", 0)
        self.real.bind_output(name, "cpu", 0)

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.real.bind_ortvalue_input(name, value)

    def copy_outputs_to_cpu(self) -> Any:
        return self.real.copy_outputs_to_cpu()


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes the engine use a `FakeCudaLibrary` and returns it."""

    def build(**options: Any) -> FakeCudaLibrary:
        import onnxruntime

        library = FakeCudaLibrary(onnxruntime, **options)
        monkeypatch.setattr(engine_module, "load_library", lambda *_: library)

        def on_cpu(_: OnnxRuntimeEngine, values: Any) -> Any:
            return onnxruntime.OrtValue.ortvalue_from_numpy(values.copy(), "cpu", 0)

        monkeypatch.setattr(OnnxRuntimeEngine, "on_device", on_cpu)
        return library

    return build


def test_auto_is_the_first_available_device() -> None:
    engine = OnnxRuntimeEngine()
    assert engine.device == engine_module.available_devices()[0]
    assert engine.version.startswith("ONNX Runtime ")


@pytest.mark.parametrize("device", ["cuda", "directml", "coreml"])
def test_a_device_that_the_library_was_not_built_for_is_refused_with_what_to_install(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "available_devices", lambda: ("cpu",))
    with pytest.raises(EngineUnavailableError) as caught:
        OnnxRuntimeEngine(device)
    assert "was built without it" in str(caught.value)
    assert "pip install" in str(caught.value)


def test_an_unknown_device_is_refused_with_the_valid_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda, directml, coreml"):
        OnnxRuntimeEngine("opencl")


def test_a_gpu_is_used_and_gets_only_changed_inputs(bank: Model, fake_cuda: Any, capsys: Any) -> None:
    library = fake_cuda()
    engine = OnnxRuntimeEngine()
    session = engine.session(bank, *SIZE)
    plain = OnnxRuntimeEngine("cpu").session(bank, *SIZE)
    rng = np.random.default_rng(1)
    for weights, origin in ((bank.one_hot(), (0, 0)), (bank.one_hot(1), (8, 16)), (bank.one_hot(1), (8, 16))):
        image = rng.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)
        assert (
            np.abs(session.stylize(image, weights, origin).astype(int) - plain.stylize(image, weights, origin)).max()
            <= 1
        )
    assert (engine.device, engine.trouble) == ("cuda", None)
    assert library.opened[0] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert capsys.readouterr().out == ""


def test_a_gpu_that_is_not_found_is_replaced_by_the_cpu_and_reported(bank: Model, fake_cuda: Any) -> None:
    fake_cuda(finds_gpu=False)
    engine = OnnxRuntimeEngine("cuda")
    engine.session(bank, *SIZE).stylize(gray_image(100, SIZE), bank.one_hot())
    assert engine.device == "cpu"
    assert "cannot use cuda (it finds no such device" in str(engine.trouble)
    assert str(engine.trouble).endswith("going on with the processor")


@pytest.mark.parametrize("runs", [0, 2], ids=["first run", "later run"])
def test_a_gpu_that_fails_is_replaced_by_the_cpu_without_losing_a_picture(
    runs: int, bank: Model, fake_cuda: Any
) -> None:
    library = fake_cuda(fails_after=runs)
    engine = OnnxRuntimeEngine()
    session, other = engine.session(bank, *SIZE), engine.session(bank, 128, 96)
    expected = OnnxRuntimeEngine("cpu").session(bank, *SIZE).stylize(gray_image(100, SIZE), bank.one_hot())
    for _ in range(runs + 2):
        assert np.abs(session.stylize(gray_image(100, SIZE), bank.one_hot()).astype(int) - expected).max() <= 1
    assert engine.device == "cpu"
    assert "unspecified launch failure" in str(engine.trouble)
    trouble = engine.trouble
    other.stylize(gray_image(100, Size(128, 96)), bank.one_hot())
    assert engine.trouble is trouble
    assert library.opened[-1] == ["CPUExecutionProvider"]


def test_a_network_that_it_cannot_load_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"cannot load small\.onnx: .*NoSuchLayer"):
        OnnxRuntimeEngine("cpu").session(one_node_model(tmp_path, op="NoSuchLayer"), 64, 64)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    session = OnnxRuntimeEngine("cpu").session(one_node_model(tmp_path), 64, 64)
    with pytest.raises(EngineRunError, match=r"cannot run small\.onnx"):
        session.run(photo_tensor(32, 64), (1.0,))

"""ONNX Runtime: what really runs, and what happens when its device fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines import onnxruntime as room
from stylecam.engines.onnxruntime import OnnxRuntimeEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.testing import gray_image
from tests.engines.libraries import need
from tests.engines.test_opencv import only, portrait, small

SIZE = Size(64, 48)


@pytest.fixture(autouse=True)
def _installed() -> None:
    need("onnxruntime")


class Pretended:
    """The library, as if it were built for CUDA; sessions on it are really the processor's."""

    def __init__(self, library: Any, *, finds_card: bool = True, fails_after: int | None = None) -> None:
        self._library, self._finds_card, self._left = library, finds_card, fails_after
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
        return _OnCard(real, self) if len(providers) > 1 else real

    def tick(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise self._library.capi.onnxruntime_pybind11_state.Fail("CUDA failure 719: unspecified launch failure")


class _OnCard:
    def __init__(self, session: Any, library: Pretended) -> None:
        self._session, self._library = session, library

    def get_providers(self) -> list[str]:
        names = self._library.get_available_providers()
        return names if self._library._finds_card else names[1:]

    def io_binding(self) -> Any:
        return _Binding(self._session.io_binding())

    def run_with_iobinding(self, binding: Any) -> None:
        self._library.tick()
        self._session.run_with_iobinding(binding.real)


class _Binding:
    """A binding whose card is the processor's memory."""

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
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    def build(**how: Any) -> Pretended:
        import onnxruntime

        library = Pretended(onnxruntime, **how)
        monkeypatch.setattr(room, "load", lambda *_: library)

        def on_cpu(_: OnnxRuntimeEngine, values: Any) -> Any:
            return onnxruntime.OrtValue.ortvalue_from_numpy(values.copy(), "cpu", 0)

        monkeypatch.setattr(OnnxRuntimeEngine, "on_device", on_cpu)
        return library

    return build


def test_auto_is_the_processor_where_the_library_was_built_for_nothing_else() -> None:
    engine = OnnxRuntimeEngine()
    assert engine.device == room.available_devices()[0]
    assert engine.version.startswith("ONNX Runtime ")


@pytest.mark.parametrize("device", ["cuda", "directml", "coreml"])
def test_a_device_it_was_not_built_for_is_refused_with_what_to_install(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available_devices", lambda: ("cpu",))
    with pytest.raises(EngineUnavailableError) as caught:
        OnnxRuntimeEngine(device)
    assert "was built without it" in str(caught.value)
    assert "pip install" in str(caught.value)


def test_a_device_of_no_such_name_is_refused_with_the_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda, directml, coreml"):
        OnnxRuntimeEngine("opencl")


def test_a_card_is_used_and_only_what_is_new_goes_there(bank: Model, pretend: Any, capsys: Any) -> None:
    library = pretend()
    engine = OnnxRuntimeEngine()
    session = engine.session(bank, *SIZE)
    plain = OnnxRuntimeEngine("cpu").session(bank, *SIZE)
    rng = np.random.default_rng(1)
    for weights, origin in ((only(bank), (0, 0)), (only(bank, 1), (8, 16)), (only(bank, 1), (8, 16))):
        image = rng.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)
        assert (
            np.abs(session.stylize(image, weights, origin).astype(int) - plain.stylize(image, weights, origin)).max()
            <= 1
        )
    assert (engine.device, engine.trouble) == ("cuda", None)
    assert library.opened[0] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert capsys.readouterr().out == ""


def test_a_card_that_is_not_found_gives_way_to_the_processor_and_it_says_so(bank: Model, pretend: Any) -> None:
    pretend(finds_card=False)
    engine = OnnxRuntimeEngine("cuda")
    engine.session(bank, *SIZE).stylize(gray_image(100, SIZE), only(bank))
    assert engine.device == "cpu"
    assert "cannot use cuda (it finds no such device" in str(engine.trouble)
    assert str(engine.trouble).endswith("going on with the processor")


@pytest.mark.parametrize("runs", [0, 2], ids=["at its first run", "later"])
def test_a_card_that_fails_gives_way_to_the_processor_without_losing_a_picture(
    runs: int, bank: Model, pretend: Any
) -> None:
    library = pretend(fails_after=runs)
    engine = OnnxRuntimeEngine()
    session, other = engine.session(bank, *SIZE), engine.session(bank, 128, 96)
    wanted = OnnxRuntimeEngine("cpu").session(bank, *SIZE).stylize(gray_image(100, SIZE), only(bank))
    for _ in range(runs + 2):
        assert np.abs(session.stylize(gray_image(100, SIZE), only(bank)).astype(int) - wanted).max() <= 1
    assert engine.device == "cpu"
    assert "unspecified launch failure" in str(engine.trouble)
    trouble = engine.trouble
    other.stylize(gray_image(100, Size(128, 96)), only(bank))
    assert engine.trouble is trouble
    assert library.opened[-1] == ["CPUExecutionProvider"]


def test_a_network_it_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"cannot load small\.onnx: .*NoSuchLayer"):
        OnnxRuntimeEngine("cpu").session(small(tmp_path, op="NoSuchLayer"), 64, 64)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    session = OnnxRuntimeEngine("cpu").session(small(tmp_path), 64, 64)
    with pytest.raises(EngineRunError, match=r"cannot run small\.onnx"):
        session.run(portrait(32, 64), (1.0,))

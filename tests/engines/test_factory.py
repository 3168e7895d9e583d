"""Tests of making engines by name and of listing the candidates."""

from __future__ import annotations

import pytest

from stylecam.engines import factory, onnxruntime, opencv, openvino
from stylecam.engines.names import AUTO, DEVICES, DEVICES_OF, ENGINES, LIBRARY_NAMES, PACKAGES, check_names
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.utils import optional
from tests.engines.fixtures import require_library


@pytest.fixture
def only_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that only OpenCV is installed, for the CPU."""
    monkeypatch.setattr(optional, "is_installed", lambda _: False)
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu",))


def test_opencv_is_always_installed() -> None:
    assert factory.installed()[0] == "opencv"


@pytest.mark.usefixtures("only_opencv")
def test_without_extras_opencv_is_the_only_candidate() -> None:
    assert factory.installed() == ("opencv",)
    assert factory.candidates(("opencv",)) == [("opencv", "cpu")]


@pytest.mark.usefixtures("only_opencv")
@pytest.mark.parametrize("name", ENGINES[1:])
def test_an_engine_that_is_not_installed_is_refused_with_its_install_command(name: str) -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        factory.make_engine(name)
    assert f'pip install "stylecam[{name}]"' in str(caught.value)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_made_by_its_name(name: str) -> None:
    if name != "opencv":
        require_library(name)
    engine = factory.make_engine(name, "cpu", 1)
    assert engine.name == name
    assert engine.device == "cpu"
    assert engine.version.startswith(LIBRARY_NAMES[name])
    assert engine.trouble is None


def test_auto_is_not_an_engine() -> None:
    with pytest.raises(UsageError, match="auto is not an engine"):
        factory.make_engine(AUTO)


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        ("abacus", AUTO, "there is no engine 'abacus'; choose auto, opencv, onnxruntime, openvino"),
        (AUTO, "tpu", "there is no device 'tpu'"),
        ("openvino", "cuda", "the engine openvino has no device 'cuda'; choose auto, cpu, cpu-bf16, gpu"),
    ],
)
def test_an_unknown_name_is_refused_with_the_valid_ones(engine: str, device: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_names(engine, device)
    assert message in str(caught.value)


def test_every_engine_has_a_library_name_a_package_and_devices() -> None:
    assert LIBRARY_NAMES.keys() == DEVICES_OF.keys() == {"opencv", *PACKAGES}
    assert {AUTO, "cpu"} <= set(DEVICES)
    for engine in (opencv.OpenCVEngine, onnxruntime.OnnxRuntimeEngine, openvino.OpenVINOEngine):
        assert engine.name in ENGINES


def test_the_cpu_is_the_first_candidate_and_half_precision_of_gpus_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cuda", "cuda-fp16", "cpu", "opencl"))
    monkeypatch.setattr(onnxruntime, "available_devices", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(openvino, "available_devices", lambda: ("cpu", "cpu-bf16", "gpu"))
    assert factory.candidates(ENGINES) == [
        ("opencv", "cpu"), ("opencv", "cuda"),
        ("onnxruntime", "cpu"), ("onnxruntime", "cuda"),
        ("openvino", "cpu"), ("openvino", "cpu-bf16"), ("openvino", "gpu"),
    ]  # fmt: skip
    assert factory.candidates(ENGINES, "cuda") == [("opencv", "cuda"), ("onnxruntime", "cuda")]


def test_a_broken_library_is_a_candidate_so_that_its_error_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> tuple[str, ...]:
        raise EngineUnavailableError("broken")

    monkeypatch.setattr(openvino, "available_devices", broken)
    assert factory.candidates(("openvino",)) == [("openvino", "cpu")]


def test_a_device_of_an_engine_that_is_not_installed_is_refused_with_what_to_install() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        factory.candidates(("opencv",), "cpu-bf16")
    assert 'pip install "stylecam[openvino]"' in str(caught.value)

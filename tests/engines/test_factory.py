"""Engines by name, and which there are to choose from."""

from __future__ import annotations

import pytest

from stylecam.engines import factory as select
from stylecam.engines import onnxruntime, opencv, openvino
from stylecam.engines.names import AUTO, DEVICES, DEVICES_OF, ENGINES, LIBRARY_NAMES, PACKAGES, check_names
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.utils import optional
from tests.engines.libraries import need


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only OpenCV is installed."""
    monkeypatch.setattr(optional, "is_installed", lambda _: False)
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu",))


def test_opencv_is_always_installed() -> None:
    assert select.installed()[0] == "opencv"


@pytest.mark.usefixtures("bare")
def test_without_extras_there_is_one_candidate() -> None:
    assert select.installed() == ("opencv",)
    assert select.candidates(("opencv",)) == [("opencv", "cpu")]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ENGINES[1:])
def test_an_engine_that_is_not_installed_is_refused_with_the_line_that_installs_it(name: str) -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        select.make_engine(name)
    assert f'pip install "stylecam[{name}]"' in str(caught.value)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_has_the_name_it_is_asked_for_by(name: str) -> None:
    if name != "opencv":
        need(name)
    engine = select.make_engine(name, "cpu", 1)
    assert engine.name == name
    assert engine.device == "cpu"
    assert engine.version.startswith(LIBRARY_NAMES[name])
    assert engine.trouble is None


def test_auto_is_not_an_engine() -> None:
    with pytest.raises(UsageError, match="auto is not an engine"):
        select.make_engine(AUTO)


@pytest.mark.parametrize(
    ("engine", "device", "told"),
    [
        ("abacus", AUTO, "there is no engine 'abacus'; choose auto, opencv, onnxruntime, openvino"),
        (AUTO, "tpu", "there is no device 'tpu'"),
        ("openvino", "cuda", "the engine openvino has no device 'cuda'; choose auto, cpu, cpu-bf16, gpu"),
    ],
)
def test_a_name_that_is_none_is_refused_with_those_that_are(engine: str, device: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_names(engine, device)
    assert told in str(caught.value)


def test_every_engine_is_described() -> None:
    assert LIBRARY_NAMES.keys() == DEVICES_OF.keys() == {"opencv", *PACKAGES}
    assert {AUTO, "cpu"} <= set(DEVICES)
    for engine in (opencv.OpenCVEngine, onnxruntime.OnnxRuntimeEngine, openvino.OpenVINOEngine):
        assert engine.name in ENGINES


def test_the_processor_is_tried_first_and_half_precision_of_cards_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cuda", "cuda-fp16", "cpu", "opencl"))
    monkeypatch.setattr(onnxruntime, "available_devices", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(openvino, "available_devices", lambda: ("cpu", "cpu-bf16", "gpu"))
    assert select.candidates(ENGINES) == [
        ("opencv", "cpu"), ("opencv", "cuda"),
        ("onnxruntime", "cpu"), ("onnxruntime", "cuda"),
        ("openvino", "cpu"), ("openvino", "cpu-bf16"), ("openvino", "gpu"),
    ]  # fmt: skip
    assert select.candidates(ENGINES, "cuda") == [("opencv", "cuda"), ("onnxruntime", "cuda")]


def test_a_broken_library_stands_among_the_candidates_so_that_its_reason_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> tuple[str, ...]:
        raise EngineUnavailableError("broken")

    monkeypatch.setattr(openvino, "available_devices", broken)
    assert select.candidates(("openvino",)) == [("openvino", "cpu")]


def test_a_device_that_only_an_engine_has_which_is_missing_is_refused_with_what_to_install() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        select.candidates(("opencv",), "cpu-bf16")
    assert 'pip install "stylecam[openvino]"' in str(caught.value)

"""Numbers that are none, and numbers that are nearly nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from stylecam.engines.base import Engine
from stylecam.errors import EngineRunError
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.testing import gray_image
from tests.engines.libraries import engine_on
from tests.engines.test_opencv import only, portrait
from tests.engines.test_same_picture import portrait as picture
from tests.models.networks import written

SIZE = Size(64, 48)


@pytest.fixture(
    params=[("opencv", "cpu"), ("onnxruntime", "cpu"), ("openvino", "cpu"), ("openvino", "cpu-bf16")], ids=str
)
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_on(*request.param)


def spoiled(bank: Model, folder: Path, name: str, values: float) -> Model:
    """`bank` with another constant in place of one of its own."""
    made = onnx.load_from_string(bank.data)
    constant = next(constant for constant in made.graph.initializer if constant.name == name)
    other = np.full(tuple(constant.dims), values, np.float32)
    constant.CopyFrom(numpy_helper.from_array(other, name))
    path = folder / "spoiled.onnx"
    path.write_bytes(made.SerializeToString())
    return Model.read(path)


@pytest.mark.parametrize("name", ["h4.c.weight", "out.bias"])
def test_a_bank_with_numbers_that_are_none_is_refused_when_loaded(
    name: str, engine: Engine, bank: Model, tmp_path: Path
) -> None:
    model = spoiled(bank, tmp_path, name, float("nan"))
    with pytest.raises(EngineRunError, match=rf"spoiled\.onnx is damaged: {name} holds NaN"):
        engine.session(model, *SIZE)


def test_a_network_whose_answer_holds_numbers_that_are_none_is_an_error_and_no_picture(
    engine: Engine, tmp_path: Path
) -> None:
    nodes = [
        helper.make_node("Sub", ["image", "two"], ["negative"]),
        helper.make_node("Sqrt", ["negative"], ["styled"]),
    ]
    constants = [numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "two")]
    session = engine.session(Model.read(written(tmp_path / "nan.onnx", nodes, constants)), *SIZE)
    with pytest.raises(EngineRunError, match="the result holds NaN"):
        session.stylize(picture(*SIZE), (1.0,))


@pytest.mark.parametrize("level", [0, 1])
def test_a_picture_of_one_colour_that_is_meant_is_painted(
    level: int, engine: Engine, bank: Model, tmp_path: Path
) -> None:
    model = spoiled(bank, tmp_path, "out.weight", 0.0)
    made = spoiled(model, tmp_path, "out.bias", 100.0 * (2 * level - 1))
    session = engine.session(made, *SIZE)
    for _ in range(3):
        assert np.array_equal(session.stylize(picture(*SIZE), only(made)), gray_image(255 * level, SIZE))


def test_weights_that_are_nearly_nothing_change_nothing(engine: Engine, bank: Model) -> None:
    session = engine.session(bank, *SIZE)
    weights = (1.0, 1e-42, *(0.0,) * (bank.style_count - 2))
    plain = session.stylize(picture(*SIZE), only(bank))
    assert np.array_equal(session.stylize(picture(*SIZE), weights), plain)


def test_a_picture_of_numbers_that_are_nearly_nothing_is_painted(engine: Engine, bank: Model) -> None:
    session = engine.session(bank, *SIZE)
    black = session.run(np.zeros_like(portrait(*SIZE)), only(bank)).copy()
    nearly = session.run(np.full_like(portrait(*SIZE), 1e-40), only(bank))
    assert np.abs(nearly - black).max() < 1e-4


def test_a_bank_run_by_onnx_runtime_with_weights_that_are_none_is_an_error(bank: Model) -> None:
    session = engine_on("onnxruntime", "cpu").session(bank, *SIZE)
    with pytest.raises(EngineRunError, match="the result holds NaN"):
        session.stylize(picture(*SIZE), (float("nan"), *(0.0,) * (bank.style_count - 1)))
    assert session.stylize(picture(*SIZE), only(bank)).std() > 1


def test_painting_leaves_alone_how_the_calling_thread_computes(engine: Engine, bank: Model) -> None:
    engine.session(bank, *SIZE).stylize(picture(*SIZE), only(bank))
    assert (np.full(64, 1e-40, np.float32) * np.float32(1)).all()

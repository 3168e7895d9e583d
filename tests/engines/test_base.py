"""Tests of what every engine guarantees: the same picture as OpenCV, an error instead of NaN, results of its own."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from stylecam.engines.base import Engine, Mask, StyleInput
from stylecam.engines.likeness import MAX_DIFFERENCE, MIN_PSNR_DB, block_difference, psnr
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image
from stylecam.media.transforms import to_tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.models.rewrite.uint8_io import fold_conversions
from stylecam.models.style_mix import StyleMix
from stylecam.stylize import tiles
from stylecam.stylize.image import Stylist
from tests.engines.fixtures import engine_on, photo, photo_tensor
from tests.models.networks import write_network

SIZES = [(336, 200), (976, 560)]
"""A small and a large rung, including the live padding, as the stylizer requests them."""


REDUCED_LEVELS = 4
"""Levels of 255 that any value of a small picture may differ by at reduced precision."""
MAX_SPOT = 8.0
"""Levels of 255 that the mean of a block may be off in any style at reduced precision.

The autotuner chooses it only where no style is off by more than `MAX_BLOCK_DIFFERENCE`."""


@pytest.fixture(
    scope="module",
    params=[
        ("onnxruntime", "cpu", MAX_DIFFERENCE),
        ("openvino", "cpu", MAX_DIFFERENCE),
        ("openvino", "cpu-bf16", REDUCED_LEVELS),
    ],
    ids=str,
)
def engine_and_levels(request: pytest.FixtureRequest) -> tuple[Engine, int]:
    name, device, levels = request.param
    return engine_on(name, device), levels


def fault(one: Image, other: Image, levels: int) -> str | None:
    """Return how the pictures differ: by more than `levels`, or at reduced precision so that an eye could tell."""
    if levels >= REDUCED_LEVELS:
        return None if psnr(one, other) >= MIN_PSNR_DB and block_difference(one, other) <= MAX_SPOT else "visibly"
    largest = int(cv2.absdiff(one, other).max())
    return None if largest <= levels else f"by {largest} levels"


@functools.cache
def painted_by_opencv(path: Path, size: tuple[int, int]) -> dict[int, Image]:
    """Return what OpenCV paints: every style of the network at the small size, every fourth at the large one."""
    model, image = Model.read(path), photo(*size)
    session = engine_on("opencv", "cpu").session(model, *size)
    step = 1 if size == SIZES[0] else 4
    return {index: session.stylize(image, rows_of(model, index, size)) for index in range(0, model.style_count, step)}


def rows_of(model: Model, index: int, size: tuple[int, int]) -> StyleInput:
    return model.rows(model.one_hot(index), min(size))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("path", sorted(shipped_models().glob("*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_style_looks_the_same(
    path: Path, size: tuple[int, int], engine_and_levels: tuple[Engine, int]
) -> None:
    engine, levels = engine_and_levels
    model, image = Model.read(path), photo(*size)
    session = engine.session(model, *size)
    faults = {
        index: fault(session.stylize(image, rows_of(model, index, size)), reference, levels)
        for index, reference in painted_by_opencv(path, size).items()
    }
    assert not any(faults.values()), faults


def test_a_tile_of_a_larger_picture_looks_the_same(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image = photo(128, 96)
    session, reference = engine.session(bank, 128, 96), engine_on("opencv", "cpu").session(bank, 128, 96)
    for origin in ((0, 0), (16, 40), (0, 0)):
        styled = session.stylize(image, bank.one_hot(0), origin)
        assert cv2.absdiff(styled, reference.stylize(image, bank.one_hot(0), origin)).max() <= levels


def test_a_blend_looks_the_same(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image, weights = photo(128, 96), (0.5, 0.3, 0.2, *(0.0,) * (bank.style_count - 3))
    styled = engine.session(bank, 128, 96).stylize(image, weights)
    reference = engine_on("opencv", "cpu").session(bank, 128, 96).stylize(image, weights)
    assert cv2.absdiff(styled, reference).max() <= levels


@pytest.mark.parametrize("path", sorted(shipped_models().glob("*.onnx")), ids=lambda path: path.stem)
def test_two_styles_at_once_look_the_same(path: Path, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    model, size = two_styles(row_form(Model.read(path))), SIZES[0]
    image, mask = photo(*size), np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(mask, (size[0] // 2, size[1] // 2), size[1] // 3, 255, -1)
    soft = cast("Mask", cv2.blur(mask, (15, 15)))
    weights = model.rows(model.base.one_hot(0) + model.base.one_hot(2), min(size))
    session, reference = engine.session(model, *size), engine_on("opencv", "cpu").session(model, *size)
    for part in (soft, None, np.zeros_like(mask), 255 - soft):
        styled = session.stylize(image, weights, mask=part)
        assert fault(styled, reference.stylize(image, weights, mask=part), levels) is None


def test_a_mask_of_another_size_is_refused_and_the_next_picture_is_painted(
    bank: Model, engine_and_levels: tuple[Engine, int]
) -> None:
    pair = two_styles(row_form(bank))
    session, weights = engine_and_levels[0].session(pair, 128, 96), pair.rows(pair.one_hot(), 96)
    painted = session.stylize(photo(128, 96), weights)
    with pytest.raises(EngineRunError, match=r"^the mask has shape 96×120 and type uint8; this picture needs 96×128"):
        session.stylize(photo(128, 96), weights, mask=np.zeros((96, 120), np.uint8))
    assert np.array_equal(session.stylize(photo(128, 96), weights), painted)


def test_the_whole_network_gives_the_same_numbers(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image = to_tensor(photo(128, 96))
    styled = engine.session(bank, 128, 96).run(image, bank.one_hot(1))
    reference = engine_on("opencv", "cpu").session(bank, 128, 96).run(image, bank.one_hot(1))
    assert np.abs(styled - reference).max() * 255 <= levels


def test_the_result_belongs_to_the_caller(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    session = engine_and_levels[0].session(bank, 128, 96)
    image = photo(128, 96)
    first = session.stylize(image, bank.one_hot(0))
    first_copy, image_copy = first.copy(), image.copy()
    second = session.stylize(image, bank.one_hot(1))
    assert np.array_equal(first, first_copy)
    assert np.array_equal(image, image_copy)
    assert not np.array_equal(first, second)


def test_a_view_into_a_larger_image_is_styled_like_its_copy(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    session = engine_and_levels[0].session(bank, 128, 96)
    part = photo(256, 192)[10:106, 20:148]
    assert np.array_equal(session.stylize(part, bank.one_hot(0)), session.stylize(part.copy(), bank.one_hot(0)))


def foreign_model(folder: Path) -> Model:
    """Return a network of the fast-neural-style form: strided, instance norm, upsampling, no style input."""
    rng = np.random.default_rng(5)
    shapes = {"in": (8, 3, 9, 9), "down": (12, 8, 3, 3), "up": (3, 12, 9, 9)}
    weights = {name: rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    weights |= {"one": np.ones(12), "none": np.zeros(12)}
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"))
    nodes = [
        helper.make_node("Conv", ["image", "in"], ["a"], kernel_shape=[9, 9], pads=[4] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "down"], ["c"], kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("InstanceNormalization", ["c", "one", "none"], ["d"]),
        helper.make_node("Resize", ["d", "", "twice"], ["e"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
        helper.make_node("Conv", ["e", "up"], ["f"], kernel_shape=[9, 9], pads=[4] * 4),
        helper.make_node("Sigmoid", ["f"], ["styled"]),
    ]  # fmt: skip
    return Model.read(write_network(folder / "foreign_model.onnx", nodes, constants))


def test_a_foreign_network_looks_the_same(engine_and_levels: tuple[Engine, int], tmp_path: Path) -> None:
    engine, levels = engine_and_levels
    model, image = foreign_model(tmp_path), photo(128, 96)
    assert fold_conversions(model) is None
    styled = engine.session(model, 128, 96).stylize(image, (1.0,))
    reference = engine_on("opencv", "cpu").session(model, 128, 96).stylize(image, (1.0,))
    assert fault(styled, reference, levels) is None
    assert styled.std() > 10


def test_a_large_picture_in_tiles_looks_the_same(
    bank: Model, engine_and_levels: tuple[Engine, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles run rewritten networks: one that measures the instance norms, and one with frozen norms."""
    engine, levels = engine_and_levels
    monkeypatch.setattr(tiles, "MAX_UNTILED_PIXELS", 200_000)
    monkeypatch.setattr(tiles, "TILE_SIDE", 384)
    image, mix = photo(640, 480), StyleMix(bank, bank.one_hot(0), "first")
    styled = Stylist(mix, engine=engine)(image)
    assert fault(styled, Stylist(mix, engine=engine_on("opencv", "cpu"))(image), levels + 1) is None


SIZE = Size(64, 48)


@pytest.fixture(
    params=[("opencv", "cpu"), ("onnxruntime", "cpu"), ("openvino", "cpu"), ("openvino", "cpu-bf16")], ids=str
)
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_on(*request.param)


def with_constant(bank: Model, folder: Path, name: str, values: float) -> Model:
    """Return `bank` with all values of the constant `name` replaced by `values`."""
    made = onnx.load_from_string(bank.data)
    constant = next(constant for constant in made.graph.initializer if constant.name == name)
    other = np.full(tuple(constant.dims), values, np.float32)
    constant.CopyFrom(numpy_helper.from_array(other, name))
    path = folder / "with_constant.onnx"
    path.write_bytes(made.SerializeToString())
    return Model.read(path)


@pytest.mark.parametrize("name", ["h4.c.weight", "out.bias"])
def test_a_bank_with_nan_weights_is_refused_when_loaded(name: str, engine: Engine, bank: Model, tmp_path: Path) -> None:
    model = with_constant(bank, tmp_path, name, float("nan"))
    with pytest.raises(EngineRunError, match=rf"with_constant\.onnx is damaged: {name} holds NaN"):
        engine.session(model, *SIZE)


def test_a_network_whose_result_holds_nan_raises_an_error(engine: Engine, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sub", ["image", "two"], ["negative"]),
        helper.make_node("Sqrt", ["negative"], ["styled"]),
    ]
    constants = [numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "two")]
    session = engine.session(Model.read(write_network(tmp_path / "nan.onnx", nodes, constants)), *SIZE)
    with pytest.raises(EngineRunError, match="the result holds NaN"):
        session.stylize(photo(*SIZE), (1.0,))


@pytest.mark.parametrize("kind", ["Sqrt", "Reciprocal"])
def test_a_network_whose_result_has_one_spot_of_nan_or_infinity_raises_an_error(
    kind: str, engine: Engine, tmp_path: Path
) -> None:
    """One pixel of the photo is black, and only there the network's function has no finite value."""
    constants = [numpy_helper.from_array(np.full((1, 3, 1, 1), 0.01, np.float32), "shift")]
    nodes = [
        helper.make_node("Sub", ["image", "shift"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["dark"]),
        helper.make_node(kind, ["shifted" if kind == "Sqrt" else "dark"], ["styled"]),
    ]
    session = engine.session(Model.read(write_network(tmp_path / "spot.onnx", nodes, constants)), *SIZE)
    bright = gray_image(200, SIZE)
    assert session.stylize(bright, (1.0,)).shape == bright.shape
    bright[17, 21] = 0
    with pytest.raises(EngineRunError, match="the result holds NaN or infinite"):
        session.stylize(bright, (1.0,))


@pytest.mark.parametrize("level", [0, 1])
def test_a_network_that_fills_the_picture_with_one_color_is_accepted(
    level: int, engine: Engine, bank: Model, tmp_path: Path
) -> None:
    model = with_constant(bank, tmp_path, "out.weight", 0.0)
    made = with_constant(model, tmp_path, "out.bias", 100.0 * (2 * level - 1))
    session = engine.session(made, *SIZE)
    for _ in range(3):
        assert np.array_equal(session.stylize(photo(*SIZE), made.one_hot()), gray_image(255 * level, SIZE))


def test_subnormal_style_weights_change_nothing(engine: Engine, bank: Model) -> None:
    session = engine.session(bank, *SIZE)
    weights = (1.0, 1e-42, *(0.0,) * (bank.style_count - 2))
    plain = session.stylize(photo(*SIZE), bank.one_hot())
    assert np.array_equal(session.stylize(photo(*SIZE), weights), plain)


def test_a_picture_of_subnormal_values_is_styled_like_black(engine: Engine, bank: Model) -> None:
    session = engine.session(bank, *SIZE)
    black = session.run(np.zeros_like(photo_tensor(*SIZE)), bank.one_hot()).copy()
    nearly = session.run(np.full_like(photo_tensor(*SIZE), 1e-40), bank.one_hot())
    assert np.abs(nearly - black).max() < 1e-4


def test_nan_style_weights_raise_an_error_in_onnx_runtime(bank: Model) -> None:
    session = engine_on("onnxruntime", "cpu").session(bank, *SIZE)
    with pytest.raises(EngineRunError, match="the result holds NaN"):
        session.stylize(photo(*SIZE), (float("nan"), *(0.0,) * (bank.style_count - 1)))
    assert session.stylize(photo(*SIZE), bank.one_hot()).std() > 1


def test_a_run_leaves_the_float_mode_of_the_calling_thread_unchanged(engine: Engine, bank: Model) -> None:
    engine.session(bank, *SIZE).stylize(photo(*SIZE), bank.one_hot())
    assert (np.full(64, 1e-40, np.float32) * np.float32(1)).all()

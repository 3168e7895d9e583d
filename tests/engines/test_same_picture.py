"""One picture, whatever runs the network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper, numpy_helper

from stylecam.engines import opencv
from stylecam.engines.autotune import MAX_DIFFERENCE, MAX_DIFFERENCE_REDUCED, max_difference
from stylecam.engines.base import Engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit, to_tensor
from stylecam.models.catalog import StyleMix, shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.uint8_io import fold_conversions
from stylecam.stylize import image as painter
from stylecam.stylize.image import Stylist
from tests.engines.libraries import engine_on
from tests.models.networks import written

SIZES = [(336, 200), (976, 560)]
"""Coarse, and finer than half of a call's picture; with the live rim, as the stylist asks for them."""


FARTHEST = 14
"""Levels of 255 that no number may be off by, at any precision."""
OUTLIER_SHARE = 8e-4
"""At reduced precision, which is chosen by itself only where far fewer are, this share of a style's numbers may be
further off than its levels allow."""


@pytest.fixture(
    scope="module",
    params=[
        ("onnxruntime", "cpu", MAX_DIFFERENCE),
        ("openvino", "cpu", MAX_DIFFERENCE),
        ("openvino", "cpu-bf16", MAX_DIFFERENCE_REDUCED),
    ],
    ids=str,
)
def engine_and_levels(request: pytest.FixtureRequest) -> tuple[Engine, int]:
    name, device, levels = request.param
    return engine_on(name, device), levels


def portrait(width: int, height: int) -> Image:
    picture = cv2.imread(str(Path(opencv.__file__).parents[1] / "assets" / "astronaut.jpg"))
    return fit(picture, Size(width, height))  # type: ignore[arg-type]


def only(model: Model, index: int) -> tuple[float, ...]:
    return model.one_hot(index)


def distance(one: Image, other: Image, levels: int) -> int:
    """In levels of 255; at reduced precision, but for `OUTLIER_SHARE`, which are not far off."""
    farthest = int(cv2.absdiff(one, other).max())
    return max_difference(one, other, OUTLIER_SHARE) if levels > MAX_DIFFERENCE and farthest <= FARTHEST else farthest


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("path", sorted(shipped_models().glob("*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_style_looks_the_same(
    path: Path, size: tuple[int, int], engine_and_levels: tuple[Engine, int]
) -> None:
    engine, levels = engine_and_levels
    model, image = Model.read(path), portrait(*size)
    mine, reference = engine.session(model, *size), engine_on("opencv", "cpu").session(model, *size)
    max_difference = {
        index: distance(mine.stylize(image, weights), reference.stylize(image, weights), levels)
        for index, weights in enumerate(only(model, index) for index in range(model.style_count))
    }
    assert max(max_difference.values()) <= levels, max_difference


def test_a_tile_of_a_larger_picture_looks_the_same(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image = portrait(128, 96)
    mine, reference = engine.session(bank, 128, 96), engine_on("opencv", "cpu").session(bank, 128, 96)
    for origin in ((0, 0), (16, 40), (0, 0)):
        painted = mine.stylize(image, only(bank, 0), origin)
        assert cv2.absdiff(painted, reference.stylize(image, only(bank, 0), origin)).max() <= levels


def test_a_blend_looks_the_same(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image, weights = portrait(128, 96), (0.5, 0.3, 0.2, *(0.0,) * (bank.style_count - 3))
    painted = engine.session(bank, 128, 96).stylize(image, weights)
    reference = engine_on("opencv", "cpu").session(bank, 128, 96).stylize(image, weights)
    assert cv2.absdiff(painted, reference).max() <= levels


def test_the_whole_network_gives_the_same_numbers(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    engine, levels = engine_and_levels
    image = to_tensor(portrait(128, 96))
    styled = engine.session(bank, 128, 96).run(image, only(bank, 1))
    reference = engine_on("opencv", "cpu").session(bank, 128, 96).run(image, only(bank, 1))
    assert np.abs(styled - reference).max() * 255 <= levels


def test_what_is_painted_belongs_to_the_caller(bank: Model, engine_and_levels: tuple[Engine, int]) -> None:
    session = engine_and_levels[0].session(bank, 128, 96)
    image = portrait(128, 96)
    first = session.stylize(image, only(bank, 0))
    kept, seen = first.copy(), image.copy()
    second = session.stylize(image, only(bank, 1))
    assert np.array_equal(first, kept)
    assert np.array_equal(image, seen)
    assert not np.array_equal(first, second)


def test_a_picture_that_is_part_of_another_is_painted_as_its_copy(
    bank: Model, engine_and_levels: tuple[Engine, int]
) -> None:
    session = engine_and_levels[0].session(bank, 128, 96)
    part = portrait(256, 192)[10:106, 20:148]
    assert np.array_equal(session.stylize(part, only(bank, 0)), session.stylize(part.copy(), only(bank, 0)))


def strangers(folder: Path) -> Model:
    """A network of another form, as those that went round before: strided, normalised, enlarged, without a style."""
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
    return Model.read(written(folder / "strangers.onnx", nodes, constants))


def test_a_strangers_network_looks_the_same(engine_and_levels: tuple[Engine, int], tmp_path: Path) -> None:
    engine, levels = engine_and_levels
    model, image = strangers(tmp_path), portrait(128, 96)
    assert fold_conversions(model) is None
    painted = engine.session(model, 128, 96).stylize(image, (1.0,))
    assert (
        distance(painted, engine_on("opencv", "cpu").session(model, 128, 96).stylize(image, (1.0,)), levels) <= levels
    )
    assert painted.std() > 10


def test_a_large_picture_in_tiles_looks_the_same(
    bank: Model, engine_and_levels: tuple[Engine, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its networks are made for it: one that measures norms, and one whose norms are fixed."""
    engine, levels = engine_and_levels
    monkeypatch.setattr(painter, "MAX_UNTILED_PIXELS", 200_000)
    monkeypatch.setattr(painter, "TILE_SIDE", 384)
    image, mix = portrait(640, 480), StyleMix(bank, only(bank, 0), "first")
    painted = Stylist(mix, engine=engine)(image)
    assert distance(painted, Stylist(mix, engine=engine_on("opencv", "cpu"))(image), levels + 1) <= levels + 1

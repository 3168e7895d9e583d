"""Tests that a network of two styles paints each where its mask says, and is made of our own banks only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, helper

from stylecam.engines.base import InferenceSession, Mask
from stylecam.engines.likeness import MAX_DIFFERENCE
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineRunError, ModelFormatError, UsageError
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.onnx import proto
from stylecam.models.onnx.proto import FloatArray
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.two_styles import two_styles
from tests.engines.fixtures import photo
from tests.models.networks import bank_with_rows, network

SIZE = WIDTH, HEIGHT = 128, 96
PERSON, ROOM = 0, 5
"""The styles of the tests."""


@pytest.fixture(params=sorted(shipped_models().glob("*.onnx")), ids=lambda path: path.stem)
def single(request: pytest.FixtureRequest) -> Model:
    return row_form(Model.read(request.param))


def rows(model: Model, *styles: int) -> FloatArray:
    """Return the input `style` of one style, or of the person's and the room's."""
    return model.rows([weight for style in styles for weight in model.one_hot(style)[: model.style_count]], HEIGHT)


def alone(model: Model, style: int) -> Image:
    """Return the photo in one style, by the bank itself."""
    return OpenCVEngine("cpu").session(model, *SIZE).stylize(photo(*SIZE), rows(model, style))


def half_mask() -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, : WIDTH // 2] = 255
    return mask


def difference(one: Image, other: Image) -> int:
    return int(cv2.absdiff(one, other).max())


def test_a_mask_of_ones_or_zeros_gives_the_single_painting(single: Model) -> None:
    pair = two_styles(single)
    session, weights = OpenCVEngine("cpu").session(pair, *SIZE), rows(pair, PERSON, ROOM)
    for level, style in ((255, PERSON), (0, ROOM)):
        painted = session.stylize(photo(*SIZE), weights, mask=np.full((HEIGHT, WIDTH), level, np.uint8))
        assert difference(painted, alone(single, style)) <= MAX_DIFFERENCE


def test_without_a_mask_the_person_is_everywhere(single: Model) -> None:
    pair = two_styles(single)
    session, weights = OpenCVEngine("cpu").session(pair, *SIZE), rows(pair, PERSON, ROOM)
    for mask in (None, half_mask(), None):
        painted = session.stylize(photo(*SIZE), weights, mask=mask)
    assert difference(painted, alone(single, PERSON)) <= MAX_DIFFERENCE


def test_equal_styles_on_both_sides_give_the_single_painting(single: Model) -> None:
    pair = two_styles(single)
    session = OpenCVEngine("cpu").session(pair, *SIZE)
    painted = session.stylize(photo(*SIZE), rows(pair, PERSON, PERSON), mask=half_mask())
    assert difference(painted, alone(single, PERSON)) <= MAX_DIFFERENCE


def test_each_half_is_painted_in_its_own_style(single: Model) -> None:
    pair = two_styles(single)
    session = OpenCVEngine("cpu").session(pair, *SIZE)
    painted = session.stylize(photo(*SIZE), rows(pair, PERSON, ROOM), mask=half_mask())
    for style, other, part in ((PERSON, ROOM, np.s_[:, : WIDTH // 3]), (ROOM, PERSON, np.s_[:, -WIDTH // 3 :])):
        own, foreign = (cv2.absdiff(painted, alone(single, which))[part].mean() for which in (style, other))
        assert own < foreign / 2


def test_packed_pixels_and_the_whole_network_paint_the_same(single: Model) -> None:
    pair = two_styles(single)
    session, weights = OpenCVEngine("cpu").session(pair, *SIZE), rows(pair, PERSON, ROOM)
    short_way = session.stylize(photo(*SIZE), weights, mask=half_mask())
    long_way = InferenceSession.stylize(session, photo(*SIZE), weights, mask=half_mask())
    assert difference(short_way, long_way) <= 1


def test_a_picture_that_is_enlarged_to_suit_the_network_takes_its_mask_along(single: Model) -> None:
    pair = two_styles(single)
    session, weights = OpenCVEngine("cpu").session(pair, 120, 88), rows(pair, PERSON, ROOM)
    mask = np.zeros((88, 120), np.uint8)
    painted = session.stylize(photo(120, 88), weights, mask=mask)
    assert painted.shape == (88, 120, 3)
    assert session.run(to_tensor(photo(120, 88)), weights, mask=mask).shape == (1, 3, 88, 120)


@pytest.mark.parametrize(
    "mask",
    [np.zeros((HEIGHT, WIDTH - 8), np.uint8), np.full((HEIGHT, WIDTH), np.nan, np.float32), np.zeros(3, np.uint8)],
    ids=["of another size", "of NaN", "flat"],
)
def test_what_is_no_mask_of_the_picture_is_refused(mask: Mask, bank: Model) -> None:
    pair = two_styles(row_form(bank))
    session = OpenCVEngine("cpu").session(pair, *SIZE)
    with pytest.raises(EngineRunError, match=r"the mask has shape .* this picture needs 96×128, uint8"):
        session.stylize(photo(*SIZE), rows(pair, 0, 0), mask=mask)


def test_it_has_a_key_of_its_own_and_knows_its_bank(bank: Model) -> None:
    bank = row_form(bank)
    pair = two_styles(bank)
    assert pair.key != bank.key
    assert pair.key.startswith(bank.key)
    assert pair.base is bank
    assert (pair.takes_mask, bank.takes_mask) == (True, False)


def test_its_style_is_the_room_s_and_the_difference_to_the_person_s(single: Model) -> None:
    pair = two_styles(single)
    person, room = (single.rows(single.one_hot(style), 360, 1.2) for style in (PERSON, ROOM))
    both = pair.rows(single.one_hot(PERSON) + single.one_hot(ROOM), 360, 1.2)
    assert np.array_equal(both, [*room, *(person - room)])
    assert pair.one_hot(ROOM) == single.one_hot(ROOM) * 2


def styled_at_the_end(made: ModelProto) -> None:
    made.graph.node.insert(0, helper.make_node("Relu", ["style"], ["unused"]))


def of_another_norm(made: ModelProto) -> None:
    next(node for node in made.graph.node if node.op_type == "InstanceNormalization").op_type = "Relu"


def with_a_plain_norm(made: ModelProto) -> None:
    norm = next(node for node in made.graph.node if node.op_type == "InstanceNormalization")
    made.graph.node.insert(0, helper.make_node("InstanceNormalization", ["image", *norm.input[1:]], ["unused"]))


def with_an_unknown_operator(made: ModelProto) -> None:
    next(node for node in made.graph.node if node.op_type == "Pad").op_type = "Crop"


@pytest.mark.parametrize(
    "change",
    [styled_at_the_end, of_another_norm, with_a_plain_norm, with_an_unknown_operator],
    ids=lambda change: change.__name__,
)
def test_a_bank_of_another_form_is_refused(change: Callable[[ModelProto], None], bank: Model, tmp_path: Path) -> None:
    made = onnx.load_from_string(bank.data)
    change(made)
    path = tmp_path / "other.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.raises(UsageError, match=r"other\.onnx cannot paint two styles in one picture"):
        two_styles(row_form(Model.read(path)))


def test_other_networks_are_refused(bank: Model, tmp_path: Path) -> None:
    foreign = Model.read(network(tmp_path / "plain.onnx"))
    without_norms = row_form(Model.read(bank_with_rows(tmp_path / "rows.onnx", {"one": 1.0, "two": 2.0})))
    for model in (foreign, without_norms, bank, two_styles(row_form(bank))):
        with pytest.raises(UsageError, match="cannot paint two styles"):
            two_styles(model)


@given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
@settings(max_examples=40)
def test_a_damaged_bank_is_refused_or_rewritten(where: float, value: int, bank: Model) -> None:
    nodes = [part for part in proto.graph_fields(bank.data) if part.number == proto.GRAPH_NODE]
    node = nodes[int(where * len(nodes))]
    data = bytearray(bank.data)
    data[node.start + int(where * len(nodes) % 1 * (node.end - node.start))] = value
    with suppress(ModelFormatError, UsageError):
        two_styles(row_form(Model.parse(bank.path, bytes(data))))

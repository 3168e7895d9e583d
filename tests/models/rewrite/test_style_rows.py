"""Tests of taking styles out of banks and of putting banks with one body together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from stylecam.engines.factory import make_engine
from stylecam.models.card import read_cards
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.style_rows import StyleRows, bank_of_rows
from tests.models.networks import IMAGE_INPUT, bank_of, bank_with_rows, network, write_network


def rows(model: Model) -> StyleRows:
    found = StyleRows.read(model)
    assert found is not None
    return found


@pytest.fixture
def gallery() -> StyleRows:
    return rows(Model.read(shipped_models() / "gallery.onnx"))


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_a_style_paints_the_same_in_whatever_bank_it_is(engine: str, gallery: StyleRows) -> None:
    pytest.importorskip("cv2" if engine == "opencv" else engine)
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    runner = make_engine(engine, "cpu")
    expected = runner.session(gallery.model, 96, 64).stylize(image, gallery.model.one_hot(3))
    alone = bank_of_rows(Path("alone.onnx"), [(gallery, 3)])
    pair = bank_of_rows(Path("pair.onnx"), [(gallery, 5), (gallery, 3)])
    for bank in (alone, pair):
        painted = runner.session(bank, 96, 64).stylize(image, bank.one_hot(bank.style_count - 1))
        assert np.array_equal(painted, expected)


def test_a_style_keeps_its_card_and_licence(tmp_path: Path) -> None:
    one = rows(Model.read(bank_with_rows(tmp_path / "one.onnx", {"wave": 1, "kiss": 2}, licence="CC0-1.0")))
    two = rows(Model.read(bank_with_rows(tmp_path / "two.onnx", {"own": 3}, licence="MIT")))
    assert one.body == two.body
    cards = read_cards(bank_of_rows(tmp_path / "both.onnx", [(two, 0), (one, 1)]))
    assert [(card.full_name, card.title, card.licence) for card in cards] == [
        ("both/own", "Own", "MIT"), ("both/kiss", "Kiss", "CC0-1.0"),
    ]  # fmt: skip


def test_a_style_of_two_sizes_of_strokes_keeps_both(tmp_path: Path) -> None:
    bank = rows(Model.read(bank_with_rows(tmp_path / "a.onnx", {"wave": 1, "kiss": 2, "own": 3}, sizes=(1, 10))))
    chosen = bank_of_rows(tmp_path / "b.onnx", [(bank, 2), (bank, 0)])
    assert (chosen.style_count, chosen.row_count, chosen.stroke_scales) == (2, 4, bank.model.stroke_scales)
    assert rows(chosen).rows["norm.g"].flatten().tolist() == [3, 30, 1, 10]
    assert rows(chosen).body == bank.body


def test_what_belongs_to_the_body_tells_banks_apart(tmp_path: Path) -> None:
    path = bank_with_rows(tmp_path / "a.onnx", {"wave": 1})
    model = Model.read(path)
    rich = Model.parse(path, model.with_metadata({**model.metadata, "tier": "rich"}))
    assert rows(model).body != rows(rich).body


def _mixed_otherwise(path: Path) -> Path:
    matrix = numpy_helper.from_array(np.ones((2, 1), np.float32), "norm.g")
    nodes = [
        helper.make_node("Softmax", ["style"], ["sharp"]),
        helper.make_node("MatMul", ["sharp", "norm.g"], ["mixed"]),
        helper.make_node("Mul", ["image", "mixed"], ["styled"]),
    ]
    metadata = {"styles": json.dumps([{"name": "a"}, {"name": "b"}])}
    return write_network(path, nodes, [matrix], {**IMAGE_INPUT, "style": (1, 2)}, metadata=metadata)


@pytest.mark.parametrize(
    "make", [network, lambda path: bank_of(path, ["a", "b"]), _mixed_otherwise], ids=["one style", "unused", "softmax"]
)
def test_a_network_whose_styles_are_no_rows_has_none(make: object, tmp_path: Path) -> None:
    assert callable(make)
    assert StyleRows.read(Model.read(make(tmp_path / "it.onnx"))) is None


def test_a_row_vector_has_the_rows_in_the_order_of_the_graph(gallery: StyleRows) -> None:
    order = [node.input[1] for node in onnx.load_from_string(gallery.model.data).graph.node if "style" in node.input]
    assert list(gallery.names) == order
    vectors = gallery.vectors
    assert vectors.shape == (gallery.model.style_count, 1, 1088)
    first, second = (gallery.rows[name] for name in order[:2])
    assert np.array_equal(vectors[3, 0, : first.shape[-1] + second.shape[-1]], [*first[3, 0], *second[3, 0]])
    split = gallery.split(vectors)
    assert list(split) == order
    assert all(np.array_equal(split[name], gallery.rows[name]) for name in order)
    with pytest.raises(ValueError, match="have 1088 values, not 1087"):
        gallery.split(vectors[..., 1:])


def test_a_bank_that_is_damaged_inside_has_no_rows_that_can_be_read(tmp_path: Path) -> None:
    model = Model.read(bank_with_rows(tmp_path / "wave.onnx", {"wave": 1, "kiss": 2}))
    assert StyleRows.read(replace(model, data=model.data[:-40])) is None


def test_a_product_without_a_result_is_no_row(tmp_path: Path) -> None:
    path = bank_with_rows(tmp_path / "wave.onnx", {"wave": 1, "kiss": 2})
    graph = onnx.load(str(path))
    del graph.graph.node[0].output[:]
    assert StyleRows.read(Model.parse(path, graph.SerializeToString())) is None

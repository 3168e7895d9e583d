"""Tests of style cards and their metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stylecam.errors import ModelFormatError
from stylecam.models.card import CardMetrics, metadata_with, read_cards
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from tests.models.networks import IMAGE_INPUT, network

BANK = {**IMAGE_INPUT, "style": (1, 2)}


def model(folder: Path, styles: object, count: int = 2, **metadata: str) -> Model:
    listed = styles if isinstance(styles, str) else json.dumps(styles)
    return Model.read(
        network(folder / "bank.onnx", {**IMAGE_INPUT, "style": (1, count)}, metadata={"styles": listed, **metadata})
    )


def test_every_shipped_style_says_whose_painting_it_is(catalog: Catalog) -> None:
    for card in catalog.all_cards:
        assert card.title
        assert card.artist != "unknown"
        assert card.licence != "unknown"
        assert card.source
        assert card.year or re.search(r"\d", card.title)  # some are dated only roughly


def test_a_card_holds_what_the_metadata_says(tmp_path: Path) -> None:
    entries = [
        {"name": "The Wave", "title": "The Great Wave", "artist": "Hokusai", "year": 1831, "licence": "CC0"},
        {"name": "b"},
    ]
    first, second = read_cards(model(tmp_path, entries, licence="MIT"))
    assert (first.name, first.title, first.artist, first.year, first.licence) == (
        "the_wave", "The Great Wave", "Hokusai", 1831, "CC0",
    )  # fmt: skip
    assert (second.title, second.artist, second.year, second.licence, second.index) == ("b", "unknown", None, "MIT", 1)


def test_a_model_that_says_nothing_is_named_after_its_file(tmp_path: Path) -> None:
    (card,) = read_cards(Model.read(network(tmp_path / "My Style (2).onnx")))
    assert card.name == "my_style_2"


def test_the_styles_of_a_bank_that_says_nothing_are_numbered(tmp_path: Path) -> None:
    cards = read_cards(Model.read(network(tmp_path / "bank.onnx", BANK)))
    assert [card.full_name for card in cards] == ["bank/bank_1", "bank/bank_2"]


@pytest.mark.parametrize(
    "styles",
    [
        "not json", "{", 5, None, "null", {"a": 1}, ["a", "b"], [{"title": "x"}, {"title": "y"}],
        [{"name": "a"}], [{"name": "a"}, {"name": "a"}], [{"name": "a"}] * 3, "[" * 100_000,
    ],
    ids=lambda styles: str(styles)[:20],
)  # fmt: skip
def test_metadata_that_contradicts_the_network_is_refused(tmp_path: Path, styles: object) -> None:
    with pytest.raises(ModelFormatError, match=r"bank\.onnx"):
        read_cards(model(tmp_path, styles))


def test_a_year_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    first, _ = read_cards(model(tmp_path, [{"name": "a", "year": "about 1900"}, {"name": "b"}]))
    assert first.year is None


def test_a_card_holds_what_was_measured(tmp_path: Path) -> None:
    figures = {"content": 1.0, "flicker": 0.5, "ms": 25, "machine": "a laptop", "unheard_of": 3}
    first, second = read_cards(model(tmp_path, [{"name": "a", "measured": figures}, {"name": "b"}]))
    assert first.measured == CardMetrics(content=1.0, flicker=0.5, ms=25, machine="a laptop")
    assert second.measured is None


@pytest.mark.parametrize(
    "figure", ["fast", None, True, -1, float("nan"), float("inf"), [1], {"a": 1}, 10**400], ids=lambda v: repr(v)[:9]
)
def test_an_invalid_metric_is_left_out(tmp_path: Path, figure: object) -> None:
    entry = {"name": "a", "measured": {"ms": figure, "flicker": 0.5}}
    first, _ = read_cards(model(tmp_path, [entry, {"name": "b"}]))
    assert first.measured == CardMetrics(flicker=0.5)


@pytest.mark.parametrize("measured", [None, 5, "fast", [], {}, {"ms": "x"}], ids=repr)
def test_metrics_of_another_form_are_ignored(tmp_path: Path, measured: object) -> None:
    first, _ = read_cards(model(tmp_path, [{"name": "a", "measured": measured}, {"name": "b"}]))
    assert first.measured is None


def test_metrics_are_written_to_the_cards_and_nothing_else_changes(tmp_path: Path) -> None:
    before = model(tmp_path, [{"name": "a", "year": 1900, "measured": {"ms": 9}}, {"name": "b"}], licence="CC0")
    before.path.write_bytes(before.with_metadata(metadata_with(before, {1: CardMetrics(flicker=0.5)})))
    after = Model.read(before.path)
    first, second = read_cards(after)
    assert (first.year, first.measured, second.measured) == (1900, CardMetrics(ms=9), CardMetrics(flicker=0.5))
    assert after.metadata.keys() == before.metadata.keys()
    assert after.with_metadata({}) == before.with_metadata({})


def test_a_model_without_cards_gets_cards_for_its_metrics(tmp_path: Path) -> None:
    before = Model.read(network(tmp_path / "bank.onnx", BANK))
    before.path.write_bytes(before.with_metadata(metadata_with(before, {0: CardMetrics(ms=1)})))
    cards = read_cards(Model.read(before.path))
    assert [(card.name, card.measured) for card in cards] == [("bank_1", CardMetrics(ms=1)), ("bank_2", None)]


def test_terminal_control_characters_are_removed_from_a_card(tmp_path: Path) -> None:
    card, _ = read_cards(
        model(tmp_path, [{"name": "a", "title": "\x1b[2Jgone\ud800", "artist": "x" * 999}, {"name": "b"}])
    )
    assert card.title == "\ufffd[2Jgone\ufffd"
    assert len(card.artist) == 200


def test_terminal_control_characters_are_removed_from_a_generated_card(tmp_path: Path) -> None:
    path = network(tmp_path / "plain\x1b[2J.onnx", metadata={"licence": "\x1b]0;mine\x07"})
    (card,) = read_cards(Model.read(path))
    assert (card.title, card.licence) == ("plain\ufffd[2J", "\ufffd]0;mine\ufffd")


def test_terminal_control_characters_are_removed_from_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x\x1b[2J.onnx").write_bytes(b"")
    (problem,) = Catalog.load([tmp_path]).problems
    assert problem.isprintable()

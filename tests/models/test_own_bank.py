"""Tests of own styles in a catalog: they stand beside the shipped ones, and change no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecam.errors import StyleNotFoundError
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.models.rewrite.row_input import row_form
from tests.models.networks import bank_with_rows

OLD_BODY = "0" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bank_with_rows(tmp_path / "gallery.onnx", {"wave": 1, "kiss": 2}, licence="CC0-1.0")
    return tmp_path


def own(folder: Path, name: str = "harbor", value: float = 5.0, minutes: float = 0.0) -> OwnStyle:
    body = row_form(Model.read(folder / "gallery.onnx")).body
    rows = LearnedRows(np.full((1, 1), value, np.float32), minutes)
    return OwnStyle(name, "Harbor", "Ann Ode", "CC BY 4.0", b"\xff\xd8\xff", {body: rows})


def value_of(catalog: Catalog, text: str) -> list[float]:
    mix = catalog.parse(text)
    assert mix is not None
    return [float(value) for value in mix.values]


def test_an_own_style_is_a_style_of_each_bank_that_it_was_learned_for(folder: Path) -> None:
    own(folder, minutes=5.0).write(folder / "harbor.style")
    catalog = Catalog.load([folder])
    card = next(card for card in catalog.cards if card.name == "harbor")
    assert (card.full_name, card.title, card.artist, card.licence) == (
        "gallery/harbor", "Harbor", "Ann Ode", "CC BY 4.0",
    )  # fmt: skip
    assert (card.own, card.minutes, card.redrafted) == (True, 5.0, False)
    assert not any(card.own for card in catalog.cards if card.name != "harbor")
    assert value_of(catalog, "harbor") == [5]
    assert value_of(catalog, "wave:0.5,harbor:0.5") == [3]
    assert catalog.problems == []


def test_own_styles_come_last_so_that_all_others_keep_their_keys(folder: Path) -> None:
    bank_with_rows(folder / "zoo.onnx", {"sea": 3, "sky": 4, "sun": 5}, body=9.0, licence="CC0-1.0")
    before = [card.name for card in Catalog.load([folder]).cards]
    own(folder).write(folder / "harbor.style")
    assert [card.name for card in Catalog.load([folder]).cards] == [*before, "harbor"]


def test_another_style_changes_no_network(folder: Path) -> None:
    catalog = Catalog.load([folder])
    before = catalog.mix_of(catalog.cards[0])
    catalog.own_styles = (own(folder),)
    after = catalog.mix_of(catalog.cards[0])
    assert after.model.key == before.model.key
    assert after.model.data is before.model.data
    assert np.array_equal(after.values, before.values)
    assert value_of(catalog, "harbor") == [5]
    stale = next(card for card in catalog.cards if card.name == "harbor")
    catalog.own_styles = ()
    with pytest.raises(StyleNotFoundError, match="harbor was removed"):
        catalog.mix_of(stale)
    with pytest.raises(StyleNotFoundError, match="no style is called 'harbor'"):
        catalog.parse("harbor")


def test_a_style_trained_for_a_network_that_is_gone_says_that_it_is_a_draft_again(folder: Path) -> None:
    style = own(folder)
    trained = style.with_rows(OLD_BODY, LearnedRows(np.zeros((1, 1), np.float32), 5.0))
    catalog = Catalog.load([folder])
    for each, redrafted in ((style, False), (trained, True)):
        catalog.own_styles = (each,)
        assert catalog.cards[-1].redrafted is redrafted


def test_what_has_no_place_is_said_and_the_rest_is_there(folder: Path) -> None:
    own(folder, "wave").write(folder / "wave.style")
    misfit = own(folder).with_rows(
        row_form(Model.read(folder / "gallery.onnx")).body, LearnedRows(np.zeros((2, 1), np.float32))
    )
    misfit.write(folder / "misfit.style")
    (folder / "damaged.style").write_bytes(b"PK")
    own(folder).write(folder / "My Harbor.style")
    own(folder).write(folder / "copy.style")
    catalog = Catalog.load([folder])
    assert [card.name for card in catalog.cards] == ["wave", "kiss", "copy"]
    assert len(catalog.problems) == 4
    for text in (
        "rename wave.style NAME",
        "its rows do not fit gallery",
        "damaged.style is not a style file",
        "My Har",
    ):
        assert any(text in problem for problem in catalog.problems)

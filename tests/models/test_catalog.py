"""All styles at hand, found by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam.errors import ModelFormatError, StyleError, StyleNotFoundError, UsageError
from stylecam.models.catalog import Catalogue, Mix, shipped_models
from stylecam.models.model import Model
from tests.models.networks import WANTED, network

NAMES = [card.name for card in Catalogue.load([shipped_models()]).cards]


@pytest.fixture
def two(tmp_path: Path) -> Catalogue:
    """The shipped styles and, in the same folder, a small network with one of the same name and one of its own."""
    for path in shipped_models().glob("*.onnx"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    named = json.dumps([{"name": "great_wave"}, {"name": "own"}])
    network(tmp_path / "small.onnx", {**WANTED, "style": (1, 2)}, metadata={"styles": named})
    return Catalogue.load([tmp_path])


def parsed(catalogue: Catalogue, text: str) -> Mix:
    mix = catalogue.parse(text)
    assert mix is not None
    return mix


def test_the_shipped_networks_are_all_in_order(catalogue: Catalogue) -> None:
    assert catalogue.problems == []
    assert len(catalogue.cards) >= 16


@pytest.mark.parametrize("name", NAMES)
def test_every_style_is_found_by_its_name(catalogue: Catalogue, name: str) -> None:
    mix = parsed(catalogue, name)
    assert mix.label == name
    assert sorted(mix.weights) == [0.0] * (mix.model.styles - 1) + [1.0]


@pytest.mark.parametrize("text", ["Great Wave", " great_wave ", "GREAT-WAVE", "great-wave"])
def test_a_name_is_found_however_it_is_written(catalogue: Catalogue, text: str) -> None:
    assert parsed(catalogue, text).label == "great_wave"


def test_none_means_the_plain_camera(catalogue: Catalogue) -> None:
    assert catalogue.parse("none") is None
    assert catalogue.parse(" None ") is None


def test_where_two_networks_hold_a_style_the_smaller_one_answers(two: Catalogue) -> None:
    assert parsed(two, "great_wave").model.path.stem == "small"
    assert parsed(two, "the_scream").model.path.stem == "gallery"


def test_a_full_name_finds_the_other_network(two: Catalogue) -> None:
    assert "gallery/great_wave" in {card.full_name for card in two.all_cards}
    for card in two.all_cards:
        assert parsed(two, card.full_name).model.path.stem == card.bank


def test_every_label_finds_its_style_again(catalogue: Catalogue) -> None:
    for card in catalogue.all_cards:
        mix = catalogue.mix_of(card)
        assert catalogue.parse(mix.label) == mix


@pytest.mark.parametrize(
    ("text", "nearest"), [("grate_wave", "great_wave"), ("scream", "the_scream"), ("starynight", "starry_night")]
)
def test_an_unknown_style_suggests_the_nearest(catalogue: Catalogue, text: str, nearest: str) -> None:
    with pytest.raises(StyleNotFoundError, match=f"did you mean .*{nearest}") as caught:
        catalogue.parse(text)
    assert nearest in caught.value.nearest


def test_a_name_like_nothing_lists_them_all(catalogue: Catalogue) -> None:
    with pytest.raises(StyleNotFoundError) as caught:
        catalogue.parse("xqzj")
    assert all(name in str(caught.value) for name in NAMES)


def test_a_blend_is_shared_out_by_its_weights(catalogue: Catalogue) -> None:
    mix = parsed(catalogue, "great_wave:3,the_scream:1")
    assert sorted(mix.weights)[-2:] == [0.25, 0.75]
    assert mix.label == "great_wave:0.75,the_scream:0.25"


def test_a_blend_without_weights_is_shared_out_equally(catalogue: Catalogue) -> None:
    assert sorted(parsed(catalogue, "great_wave,the_scream").weights)[-2:] == [0.5, 0.5]


def test_a_style_named_twice_in_a_blend_counts_twice(catalogue: Catalogue) -> None:
    assert max(parsed(catalogue, "great_wave:1,the_scream:1,great_wave:2").weights) == 0.75


@pytest.mark.parametrize(("other", "bank"), [("composition_vii", "gallery"), ("own", "small")])
def test_a_blend_takes_the_one_network_that_holds_all_its_styles(two: Catalogue, other: str, bank: str) -> None:
    assert parsed(two, f"great_wave:1,{other}:1").model.path.stem == bank


def test_styles_of_different_networks_cannot_be_blended_and_it_says_where_they_are(two: Catalogue) -> None:
    with pytest.raises(UsageError, match="only styles of one network can") as caught:
        two.parse("udnie:1,own:1")
    assert "udnie in gallery; own in small" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["great_wave:x", "great_wave:-1,udnie:2", "great_wave:nan", "great_wave:inf", ":1", "great_wave:1,"]
)
def test_a_blend_that_is_none_is_refused_with_an_example(catalogue: Catalogue, text: str) -> None:
    with pytest.raises(UsageError, match=r"write a:0\.6,b:0\.4"):
        catalogue.parse(text)


def test_a_blend_of_nothing_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UsageError, match="sum to nothing"):
        catalogue.parse("great_wave:0,udnie:0")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["starry_night", "great_wave", "the_scream"]),
        st.floats(0, 1e308, allow_subnormal=False),
        min_size=1,
    )
)
def test_the_weights_of_any_blend_sum_to_one(catalogue: Catalogue, parts: dict[str, float]) -> None:
    try:
        mix = parsed(catalogue, ",".join(f"{name}:{weight!r}" for name, weight in parts.items()))
    except UsageError:
        return
    assert sum(mix.weights) == pytest.approx(1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_style_or_an_error_of_ours(catalogue: Catalogue, text: str) -> None:
    complaint = "none"
    try:
        catalogue.parse(text)
    except (StyleError, UsageError) as error:
        complaint = str(error)
    assert complaint


def test_an_onnx_file_is_a_style_too(catalogue: Catalogue, tmp_path: Path) -> None:
    assert parsed(catalogue, str(network(tmp_path / "mine.onnx"))).label == "mine"


def test_a_file_given_by_path_can_then_be_found_by_name(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.parse(str(network(tmp_path / "mine.onnx")))
    assert parsed(catalogue, "mine").model.path == tmp_path / "mine.onnx"


def test_a_shipped_file_given_by_its_path_is_no_conflict(catalogue: Catalogue) -> None:
    path = sorted(shipped_models().glob("*.onnx"))[0]
    assert parsed(catalogue, str(path)).model.path == path


def test_another_network_under_a_known_name_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    path = network(tmp_path / catalogue.models[0].path.name)
    with pytest.raises(ModelFormatError, match="rename the file"):
        catalogue.parse(str(path))


def test_a_users_network_named_like_a_shipped_one_does_not_stop_the_program(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """It is named among the problems, as any other file that cannot be used, and the rest goes on."""
    network(tmp_path / catalogue.models[0].path.name)
    loaded = Catalogue.load([shipped_models(), tmp_path])
    assert loaded.all_cards == catalogue.all_cards
    assert len(loaded.problems) == 1


def test_a_users_own_styles_are_listed_with_the_shipped_ones(tmp_path: Path) -> None:
    network(tmp_path / "mine.onnx")
    assert "mine" in {card.name for card in Catalogue.load([shipped_models(), tmp_path]).cards}


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert Catalogue.load([tmp_path / "missing"]).cards == ()


def test_a_style_is_one_model_however_often_its_name_is_asked(catalogue: Catalogue) -> None:
    assert parsed(catalogue, "great_wave").model is parsed(catalogue, "great_wave").model


def test_the_same_network_added_twice_is_there_once(tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "mine.onnx", WANTED))
    catalogue = Catalogue([model])
    catalogue.add(model)
    assert len(catalogue.all_cards) == 1

"""Tests of the catalog and of reading styles as users write them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from stylecam.errors import ModelFormatError, StyleError, StyleNotFoundError, UsageError
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from tests.models.networks import IMAGE_INPUT, bank_of, bank_with_rows, network, write_network

NAMES = [card.name for card in Catalog.load([shipped_models()]).cards]


@pytest.fixture
def two(tmp_path: Path) -> Catalog:
    """The shipped styles and, in the same folder, a small network with one of the same name and one of its own."""
    for path in shipped_models().glob("*.onnx"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    named = json.dumps([{"name": "great_wave"}, {"name": "own"}])
    network(tmp_path / "small.onnx", {**IMAGE_INPUT, "style": (1, 2)}, metadata={"styles": named})
    return Catalog.load([tmp_path])


@pytest.fixture
def tiers(tmp_path: Path) -> Catalog:
    """A lean and a rich bank, each with styles of its own and two that both have."""
    return Catalog(
        [
            Model.read(bank_of(tmp_path / "small.onnx", ["wave", "vampire", "kiss"])),
            Model.read(bank_of(tmp_path / "large.onnx", ["kiss", "wave", "candy"], "rich")),
        ]
    )


def parsed(catalog: Catalog, text: str) -> StyleMix:
    mix = catalog.parse(text)
    assert mix is not None
    return mix


def test_the_shipped_networks_are_all_in_order(catalog: Catalog) -> None:
    assert catalog.problems == []
    assert len(catalog.cards) >= 16


@pytest.mark.parametrize("name", NAMES)
def test_every_style_is_found_by_its_name(catalog: Catalog, name: str) -> None:
    mix = parsed(catalog, name)
    assert mix.label == name
    assert sorted(mix.weights) == [0.0] * (mix.model.style_count - 1) + [1.0]


@pytest.mark.parametrize("text", ["Great Wave", " great_wave ", "GREAT-WAVE", "great-wave"])
def test_a_name_is_found_however_it_is_written(catalog: Catalog, text: str) -> None:
    assert parsed(catalog, text).label == "great_wave"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The Starry Night", "starry_night"),
        ("the starry night", "starry_night"),
        ("Great Wave off Kanagawa", "great_wave"),
        ("PORTRAIT OF ADÉLE BLOCH-BAUER I", "adele_bloch_bauer"),
        ("street, berlin", "street_berlin"),
        ("Udnie (Young American Girl, The Dance)", "udnie"),
        ("water lilies", "water_lilies"),
    ],
)
def test_a_title_is_found_in_any_case_and_without_its_accents(catalog: Catalog, text: str, name: str) -> None:
    assert parsed(catalog, text).label == name


def test_styles_of_a_blend_may_be_named_by_their_titles_and_percentages(catalog: Catalog) -> None:
    mix = parsed(catalog, "the great wave off kanagawa:60%,The Scream:40%")
    assert mix.weights == parsed(catalog, "great_wave:0.6,the_scream:0.4").weights


def test_titles_in_other_alphabets_are_told_apart(tmp_path: Path) -> None:
    entries = [{"name": "one", "title": "별이 빛나는 밤"}, {"name": "two", "title": "Девочка с персиками"}]
    network(tmp_path / "own.onnx", {**IMAGE_INPUT, "style": (1, 2)}, metadata={"styles": json.dumps(entries)})
    own = Catalog.load([tmp_path])
    assert [parsed(own, text).label for text in ("별이 빛나는 밤", "ДЕВОЧКА С ПЕРСИКАМИ")] == ["one", "two"]


def test_a_name_wins_over_a_title(tmp_path: Path) -> None:
    entries = [{"name": "one", "title": "Two"}, {"name": "two", "title": "One"}]
    network(tmp_path / "own.onnx", {**IMAGE_INPUT, "style": (1, 2)}, metadata={"styles": json.dumps(entries)})
    assert parsed(Catalog.load([tmp_path]), "Two").label == "two"


def test_none_means_the_plain_camera(catalog: Catalog) -> None:
    assert catalog.parse("none") is None
    assert catalog.parse(" None ") is None


def test_where_two_networks_hold_a_style_the_smaller_one_answers(two: Catalog) -> None:
    assert parsed(two, "great_wave").model.path.stem == "small"
    assert parsed(two, "the_scream").model.path.stem == "gallery"


def test_a_full_name_finds_the_other_network(two: Catalog) -> None:
    assert "gallery/great_wave" in {card.full_name for card in two.all_cards}
    for card in two.all_cards:
        assert parsed(two, card.full_name).model.path.stem == card.bank


def test_every_label_finds_its_style_again(catalog: Catalog) -> None:
    for card in catalog.all_cards:
        mix = catalog.mix_of(card)
        assert catalog.parse(mix.label) == mix


@pytest.mark.parametrize(
    ("text", "nearest"), [("grate_wave", "great_wave"), ("screem", "the_scream"), ("starynight", "starry_night")]
)
def test_an_unknown_style_suggests_the_nearest(catalog: Catalog, text: str, nearest: str) -> None:
    with pytest.raises(StyleNotFoundError, match=f"did you mean .*{nearest}") as caught:
        catalog.parse(text)
    assert nearest in caught.value.nearest


def test_a_name_without_similar_ones_lists_all_styles(catalog: Catalog) -> None:
    with pytest.raises(StyleNotFoundError) as caught:
        catalog.parse("xqzj")
    assert all(name in str(caught.value) for name in NAMES)


def test_a_blend_is_shared_out_by_its_weights(catalog: Catalog) -> None:
    mix = parsed(catalog, "great_wave:3,the_scream:1")
    assert sorted(mix.weights)[-2:] == [0.25, 0.75]
    assert mix.label == "great_wave:0.75,the_scream:0.25"
    assert mix.shares == {"great_wave": 0.75, "the_scream": 0.25}
    assert parsed(catalog, "great_wave").shares == {"great_wave": 1.0}


def test_a_blend_without_weights_is_shared_out_equally(catalog: Catalog) -> None:
    assert sorted(parsed(catalog, "great_wave,the_scream").weights)[-2:] == [0.5, 0.5]


def test_a_style_named_twice_in_a_blend_counts_twice(catalog: Catalog) -> None:
    assert max(parsed(catalog, "great_wave:1,the_scream:1,great_wave:2").weights) == 0.75


@pytest.mark.parametrize(("other", "bank"), [("composition_vii", "gallery"), ("own", "small")])
def test_a_blend_takes_the_one_network_that_holds_all_its_styles(two: Catalog, other: str, bank: str) -> None:
    assert parsed(two, f"great_wave:1,{other}:1").model.path.stem == bank


def test_styles_that_were_added_to_one_network_apart_can_be_blended(tmp_path: Path) -> None:
    paths = [
        bank_with_rows(tmp_path / "gallery.onnx", {"wave": 1, "kiss": 2}),
        bank_with_rows(tmp_path / "harvest.onnx", {"harvest": 3}),
        bank_with_rows(tmp_path / "wheat.onnx", {"wheat": 4}),
        bank_with_rows(tmp_path / "other.onnx", {"other": 5}, body=2),
    ]
    catalog = Catalog(map(Model.read, paths))
    mix = parsed(catalog, "harvest:3,wheat:1")
    assert (mix.values.tolist(), mix.label) == ([0.75 * 3 + 0.25 * 4], "harvest:0.75,wheat:0.25")
    keys = {parsed(catalog, text).model.key for text in ("wheat,kiss", "wave,kiss", "wave", "wheat")}
    assert keys == {mix.model.key}  # so that no other network is loaded
    with pytest.raises(UsageError, match="harvest in harvest; other in other"):
        catalog.parse("harvest,other")
    catalog.add(Model.read(bank_with_rows(tmp_path / "late.onnx", {"late": 6})))
    assert parsed(catalog, "late,wave").values.tolist() == [3.5]


def test_styles_of_different_networks_cannot_be_blended_and_it_says_where_they_are(two: Catalog) -> None:
    with pytest.raises(UsageError, match="only styles of one network can, or added to it") as caught:
        two.parse("udnie:1,own:1")
    assert re.search(r"udnie in .*gallery.*; own in small", str(caught.value))


@pytest.mark.parametrize(
    "text", ["great_wave:x", "great_wave:-1,udnie:2", "great_wave:nan", "great_wave:inf", ":1", "great_wave:1,"]
)
def test_a_malformed_blend_is_refused_with_an_example(catalog: Catalog, text: str) -> None:
    with pytest.raises(UsageError, match=r"write a:0\.6,b:0\.4"):
        catalog.parse(text)


def test_a_blend_of_nothing_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="sum to nothing"):
        catalog.parse("great_wave:0,udnie:0")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["starry_night", "great_wave", "the_scream"]),
        st.floats(0, 1e308, allow_subnormal=False),
        min_size=1,
    )
)
def test_the_weights_of_any_blend_sum_to_one(catalog: Catalog, parts: dict[str, float]) -> None:
    try:
        mix = parsed(catalog, ",".join(f"{name}:{weight!r}" for name, weight in parts.items()))
    except UsageError:
        return
    assert sum(mix.weights) == pytest.approx(1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_style_or_a_stylecam_error(catalog: Catalog, text: str) -> None:
    complaint = "none"
    try:
        catalog.parse(text)
    except (StyleError, UsageError) as error:
        complaint = str(error)
    assert complaint


@pytest.mark.parametrize("text", ["{}", " {} ", "great_wave:1,{}", "{}:0.5,{}:0.5"])
def test_no_file_is_looked_at_and_none_can_be_told_from_a_missing_one(
    catalog: Catalog, text: str, tmp_path: Path
) -> None:
    network(tmp_path / "kept.onnx")
    messages = []
    for name in ("kept", "gone"):
        with pytest.raises((UsageError, StyleNotFoundError)) as caught:
            catalog.parse(text.format(*[tmp_path / f"{name}.onnx"] * 2))
        messages.append(str(caught.value).replace(name, ""))
    assert messages[0] == messages[1]


def test_an_onnx_file_is_a_style_too(catalog: Catalog, tmp_path: Path) -> None:
    assert catalog.mix_of_model(Model.read(network(tmp_path / "mine.onnx"))).label == "mine"


def test_reading_a_style_from_a_file_does_not_change_the_catalog(catalog: Catalog, tmp_path: Path) -> None:
    before = catalog.all_cards, catalog.models
    mix = catalog.mix_of_model(Model.read(network(tmp_path / "mine.onnx")))
    assert mix.model.path == tmp_path / "mine.onnx"
    assert (catalog.all_cards, catalog.models) == before
    with pytest.raises(StyleNotFoundError):
        catalog.parse("mine")


def test_a_file_that_is_added_can_be_found_by_name(catalog: Catalog, tmp_path: Path) -> None:
    mix = catalog.mix_of_model(Model.read(network(tmp_path / "mine.onnx")))
    catalog.add(mix.model)
    assert parsed(catalog, "mine") == mix


def test_a_file_with_a_style_name_that_is_taken_gets_its_full_name(catalog: Catalog, tmp_path: Path) -> None:
    named = json.dumps([{"name": "great_wave"}])
    mix = catalog.mix_of_model(Model.read(network(tmp_path / "mine.onnx", metadata={"styles": named})))
    assert mix.label == "mine/great_wave"


def test_a_shipped_file_given_by_its_path_is_no_conflict(catalog: Catalog) -> None:
    path = sorted(shipped_models().glob("*.onnx"))[0]
    assert catalog.mix_of_model(Model.read(path)).model.path == path


def test_another_network_under_a_known_name_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    path = network(tmp_path / catalog.models[0].path.name)
    with pytest.raises(ModelFormatError, match="rename the file"):
        catalog.mix_of_model(Model.read(path))


def test_a_users_network_named_like_a_shipped_one_does_not_stop_the_program(catalog: Catalog, tmp_path: Path) -> None:
    """It is named among the problems, as any other file that cannot be used, and the rest goes on."""
    network(tmp_path / catalog.models[0].path.name)
    loaded = Catalog.load([shipped_models(), tmp_path])
    assert loaded.all_cards == catalog.all_cards
    assert len(loaded.problems) == 1


def test_a_users_own_styles_are_listed_with_the_shipped_ones(tmp_path: Path) -> None:
    network(tmp_path / "mine.onnx")
    assert "mine" in {card.name for card in Catalog.load([shipped_models(), tmp_path]).cards}


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert Catalog.load([tmp_path / "missing"]).cards == ()


def test_a_style_is_one_model_however_often_its_name_is_asked(catalog: Catalog) -> None:
    assert parsed(catalog, "great_wave").model is parsed(catalog, "great_wave").model


def test_the_same_network_added_twice_is_there_once(tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "mine.onnx", IMAGE_INPUT))
    catalog = Catalog([model])
    catalog.add(model)
    assert len(catalog.all_cards) == 1


def banks(catalog: Catalog) -> dict[str, str]:
    return {card.name: card.bank for card in catalog.cards}


def test_a_short_name_means_the_network_of_the_preferred_tier_and_the_order_stays(tiers: Catalog) -> None:
    lean = {"wave": "small", "vampire": "small", "kiss": "small", "candy": "large"}
    assert banks(tiers) == lean
    tiers.prefer("rich")
    assert banks(tiers) == {"wave": "large", "vampire": "small", "kiss": "large", "candy": "large"}
    assert list(banks(tiers)) == list(lean)
    tiers.prefer("lean")
    assert banks(tiers) == lean


@pytest.mark.parametrize("tier", ["rich", "lean"])
def test_styles_of_either_tier_are_found_and_labelled_so_that_they_are_found_again(tier: str, tiers: Catalog) -> None:
    tiers.prefer(tier)
    assert parsed(tiers, "wave").model.tier == tier
    assert parsed(tiers, "vampire").model.tier == "lean"
    assert parsed(tiers, "candy").model.tier == "rich"
    for card in tiers.all_cards:
        assert parsed(tiers, card.full_name).model.path.stem == card.bank
        assert tiers.parse(tiers.mix_of(card).label) == tiers.mix_of(card)


@pytest.mark.parametrize(
    ("tier", "blend", "bank"),
    [
        ("lean", "wave,kiss", "small"),
        ("rich", "wave,kiss", "large"),
        ("rich", "wave,vampire", "small"),
        ("lean", "wave,candy", "large"),
        ("rich", "small/wave,kiss", "small"),
    ],
)
def test_a_blend_takes_the_network_of_the_preferred_tier_that_holds_all_its_styles(
    tier: str, blend: str, bank: str, tiers: Catalog
) -> None:
    tiers.prefer(tier)
    assert parsed(tiers, blend).model.path.stem == bank


def test_without_a_choice_the_rich_networks_are_preferred_where_there_are_any(tiers: Catalog, catalog: Catalog) -> None:
    tiers.prefer("auto")
    assert tiers.tier == "rich"
    only_lean = Catalog([tiers.models[0]])
    only_lean.prefer("auto")
    assert only_lean.tier == "lean"
    Catalog().prefer("auto")


def test_networks_that_no_short_name_means_are_not_cycled_through(tiers: Catalog, tmp_path: Path) -> None:
    tiers.prefer("rich")
    assert [model.path.stem for model in tiers.cycled_models] == ["large", "small"]
    tiers.add(Model.read(bank_of(tmp_path / "all.onnx", ["vampire", "wave"], "rich")))
    assert [model.path.stem for model in tiers.cycled_models] == ["large", "all"]


@pytest.mark.parametrize(
    ("tier", "message"),
    [("rich", "no rich network is installed.*the installed ones are lean"), ("medium", "choose auto, rich or lean")],
)
def test_a_tier_of_which_there_is_no_network_is_refused_in_one_line(tier: str, message: str, tiers: Catalog) -> None:
    lean = Catalog([tiers.models[0]])
    with pytest.raises(UsageError, match=message) as caught:
        lean.prefer(tier)
    assert "\n" not in str(caught.value)
    assert lean.tier == "lean"


def bank_with_norm(path: Path, names: Sequence[str], tier: str = "lean", body: float = 1.0) -> Model:
    """Write a bank of one instance norm, in the form that can paint two styles at once; return it."""
    channels = np.ones((len(names), 3))
    weights = {"n.g": channels, "n.b": channels, "ones": np.ones(3), "zeros": np.zeros(3) + body}
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, -1, 1, 1]), "per_channel"))
    nodes = [helper.make_node("InstanceNormalization", ["image", "ones", "zeros"], ["n"])]
    for op, rows, value, result in (("Mul", "n.g", "n", "scaled"), ("Add", "n.b", "scaled", "styled")):
        nodes.append(helper.make_node("MatMul", ["style", rows], [f"{rows}.mixed"]))
        nodes.append(helper.make_node("Reshape", [f"{rows}.mixed", "per_channel"], [f"{rows}.shaped"]))
        nodes.append(helper.make_node(op, [value, f"{rows}.shaped"], [result]))
    metadata = {"styles": json.dumps([{"name": name} for name in names]), "tier": tier}
    inputs = {**IMAGE_INPUT, "style": (1, len(names))}
    return Model.read(write_network(path, nodes, constants, inputs, metadata=metadata))


@pytest.fixture
def norm_banks(tmp_path: Path) -> Catalog:
    """Two lean banks of one body, and a rich one that has a style of the first too."""
    return Catalog(
        [
            bank_with_norm(tmp_path / "ours.onnx", ["wave", "kiss"]),
            bank_with_norm(tmp_path / "mine.onnx", ["cat"]),
            bank_with_norm(tmp_path / "bold.onnx", ["wave", "candy"], "rich", body=2),
        ]
    )


def test_two_styles_of_one_bank_make_a_pair(norm_banks: Catalog) -> None:
    wave, blend = parsed(norm_banks, "wave"), parsed(norm_banks, "wave:0.5,kiss:0.5")
    pair = norm_banks.pair(wave, blend)
    assert pair.model.base.key == wave.model.key
    assert pair.values.tolist() == [*wave.values, *blend.values]
    assert (pair.label, pair.shares) == ("wave", {"wave": 1})


def test_a_blend_may_be_painted_on_the_person(norm_banks: Catalog) -> None:
    blend, kiss = parsed(norm_banks, "wave:0.5,kiss:0.5"), parsed(norm_banks, "kiss")
    pair = norm_banks.pair(blend, kiss)
    assert pair.values.tolist() == [*blend.values, *kiss.values]
    assert pair.shares == {"wave": 0.5, "kiss": 0.5}


def test_styles_of_two_files_of_one_body_make_a_pair(norm_banks: Catalog) -> None:
    kiss, cat, blend = (parsed(norm_banks, text) for text in ("kiss", "cat", "wave:0.5,cat:0.5"))
    assert norm_banks.pair(kiss, cat).values.tolist() == [*kiss.values, *cat.values]
    assert norm_banks.pair(blend, kiss).values.tolist() == [*blend.values, *kiss.values]


def test_a_pair_of_two_tiers_is_painted_by_the_network_that_has_both(norm_banks: Catalog) -> None:
    norm_banks.prefer("rich")
    assert parsed(norm_banks, "wave").model.tier == "rich"
    for person, room in (("kiss", "wave"), ("wave", "kiss")):
        pair = norm_banks.pair(parsed(norm_banks, person), parsed(norm_banks, room))
        assert pair.model.base.key == norm_banks.models[0].key


def test_a_pair_of_the_same_bank_has_one_network(norm_banks: Catalog) -> None:
    wave, kiss = parsed(norm_banks, "wave"), parsed(norm_banks, "kiss")
    pairs = [norm_banks.pair(wave, kiss), norm_banks.pair(kiss, wave)]
    assert pairs[0].model.key == pairs[1].model.key
    assert pairs[0].model.data is pairs[1].model.data


def test_styles_that_share_no_network_are_no_pair(norm_banks: Catalog) -> None:
    with pytest.raises(
        UsageError, match=r"^kiss and candy cannot .* of one network, .* choose two of ours or two of bold$"
    ):
        norm_banks.pair(parsed(norm_banks, "kiss"), parsed(norm_banks, "candy"))


def test_a_style_file_pairs_with_itself_only(norm_banks: Catalog, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    other = norm_banks.mix_of_model(bank_with_norm(tmp_path / "else" / "file.onnx", ["ice", "wave"], body=3))
    assert norm_banks.pair(other, other).values.tolist() == [*other.values, *other.values]
    with pytest.raises(UsageError, match="both must be of one network"):
        norm_banks.pair(other, parsed(norm_banks, "wave"))


def test_every_two_shipped_styles_of_a_tier_make_a_pair(catalog: Catalog) -> None:
    for tier in ("lean", "rich"):
        catalog.prefer(tier)
        first, *others = [card for card in catalog.cards if card.tier == tier]
        for other in others:
            pair = catalog.pair(catalog.mix_of(first), catalog.mix_of(other))
            assert (pair.model.tier, sum(pair.weights)) == (tier, 2)

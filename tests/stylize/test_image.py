"""Tests of Stylist: size, colours, tiles without seams, and sequences of images."""

from __future__ import annotations

import doctest
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stylecam
from stylecam.engines.names import REDUCED_PRECISION
from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.models.brush import StrokeScales
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize import image, tiles
from stylecam.stylize.image import Stylist
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from stylecam.stylize.room import Paint, Room
from stylecam.stylize.tiles import WHOLE_PADDING, Span, spans
from tests import doubles

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture(scope="module")
def photo() -> Image:
    """Return a picture of soft shapes with noise, 600×440 pixels."""
    random = np.random.default_rng(3)
    soft = cv2.resize(random.integers(0, 256, (11, 15, 3), np.uint8), (600, 440), interpolation=cv2.INTER_CUBIC)
    grainy: Image = np.clip(soft + random.normal(0, 8, soft.shape), 0, 255).astype(np.uint8)
    return grainy


@pytest.fixture(scope="session")
def mix(bank: Model) -> StyleMix:
    return StyleMix(bank, bank.one_hot(), "first")


def use_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limits so that the photo needs twelve tiles."""
    monkeypatch.setattr(tiles, "MAX_UNTILED_PIXELS", 200_000)
    monkeypatch.setattr(tiles, "TILE_SIDE", 384)


def test_the_examples_in_the_docstring_work() -> None:
    assert doctest.testmod(image).failed == 0
    assert doctest.testmod(image).attempted > 3


def test_stylist_is_a_public_name_of_the_package() -> None:
    assert stylecam.Stylist is Stylist
    assert "Stylist" in dir(stylecam)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (97, 64), (256, 256)], ids=str)
def test_the_result_has_the_size_of_the_picture(size: tuple[int, int], mix: StyleMix) -> None:
    picture = np.full((*size, 3), 90, np.uint8)
    result = Stylist(mix, engine="opencv")(picture)
    assert result.shape == picture.shape
    assert result.flags.c_contiguous
    assert (picture == 90).all()


def test_half_the_padding_makes_the_same_picture_to_the_eye(
    photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch
) -> None:
    stylist = Stylist(mix, engine="opencv")
    usual = stylist(photo)
    monkeypatch.setattr(tiles, "WHOLE_PADDING", tiles.PADDING)
    wider = stylist(photo)
    assert cv2.PSNR(usual, wider) > 35
    inner = (slice(48, -48), slice(48, -48))
    assert cv2.PSNR(usual[inner], wider[inner]) > 38


def test_tiles_with_frozen_norms_match_the_untiled_result(
    photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "WHOLE_PADDING", tiles.PADDING)
    stylist = Stylist(mix, engine="opencv")
    whole = stylist(photo)
    statistics = stylist._measure(photo, mix.values)
    use_small_tiles(monkeypatch)
    in_tiles = stylist._in_tiles(stylist._norms.frozen_model(statistics), photo, lambda _: None)
    assert cv2.absdiff(whole, in_tiles).max() <= 2
    unfrozen = stylist._in_tiles(mix.model, photo, lambda _: None)
    assert cv2.absdiff(whole, unfrozen).max() > 30


def test_no_seam_shows_where_tiles_meet(photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_tiles(monkeypatch)
    progress: list[float] = []
    stylist = Stylist(mix, engine="opencv")
    result = stylist(photo, progress.append).astype(np.float32)
    assert len(progress) == 13
    assert progress == sorted(progress)
    steps = np.abs(np.diff(result, axis=1)).mean((0, 2))
    columns = spans(stylist._padded_size(photo).width, tiles.TILE_SIDE, tiles.TILE_MARGIN)
    for at in (span.last - tiles.PADDING - 1 for span in columns[:-1]):
        alike = np.delete(
            steps[at % 8 :: 8], at // 8
        )  # these networks work in blocks of 8: compare columns of the same phase
        assert steps[at] <= max(alike.max(), alike.mean() + 3 * alike.std())


def test_measured_statistics_match_the_untiled_result_better_than_a_reduced_copy(
    photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Stylist(mix, engine="opencv")(photo)
    use_small_tiles(monkeypatch)
    difference = cv2.absdiff(whole, Stylist(mix, engine="opencv")(photo)).mean()
    copy = tiles.reduced(photo, tiles.share_taken_whole(Size(600, 440)))
    monkeypatch.setattr(tiles, "samples", lambda _: [copy])
    reduced = cv2.absdiff(whole, Stylist(mix, engine="opencv")(photo)).mean()  # with the statistics of a reduced copy
    assert difference < 0.8 * reduced


@pytest.mark.parametrize("size", [(440, 600), (2000, 300), (4, 60_000)], ids=str)
def test_statistics_are_measured_on_samples_of_the_whole_picture(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_tiles(monkeypatch)
    picture = np.zeros((*size, 3), np.uint8)
    picture[:, size[1] // 2 :] = 200
    samples = list(tiles.samples(picture))
    for sample in samples:
        assert (sample.shape[0] + 128) * (sample.shape[1] + 128) < 1.02 * tiles.MAX_UNTILED_PIXELS
    assert abs(np.mean([sample.mean() for sample in samples]) - 100) < 2


def test_a_network_that_cannot_be_tiled_stylizes_a_reduced_copy(
    photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_tiles(monkeypatch)
    assert not Stylist(mix, engine="opencv").cannot_tile
    stylist = Stylist(mix, engine="opencv")
    monkeypatch.setattr(stylist._norms, "can_freeze", False)
    assert stylist.cannot_tile
    assert stylist.reduction_note(Size(64, 48)) is None
    assert "looks at whole pictures" in str(stylist.reduction_note(Size(photo.shape[1], photo.shape[0])))
    assert stylist(photo).shape == photo.shape
    ((_, width, height),) = stylist._sessions._sessions
    assert width * height <= 210_000


def test_strength_blends_picture_and_result(photo: Image, mix: StyleMix) -> None:
    full, half, none = (Stylist(mix, engine="opencv", strength=strength)(photo) for strength in (1, 0.5, 0))
    np.testing.assert_array_equal(none, photo)
    assert np.abs(half - (full / 2 + photo / 2)).max() <= 1


def test_with_preserved_colors_a_grey_picture_stays_grey(photo: Image, mix: StyleMix) -> None:
    grey = np.ascontiguousarray(np.repeat(photo[:, :, :1], 3, 2))
    result = Stylist(mix, engine="opencv", preserve_color=True)(grey).astype(int)
    assert (result.max(2) - result.min(2)).max() <= 2
    assert cv2.absdiff(result.astype(np.uint8), grey).mean() > 3


def test_a_smaller_scale_runs_a_smaller_network_and_keeps_the_size(photo: Image, mix: StyleMix) -> None:
    engine = doubles.TintEngine()
    model = mix.model
    stylist = Stylist(mix, scale=0.5, engine=engine)
    assert stylist(photo).shape == photo.shape
    stylist(photo)
    assert engine.loaded == [(model.key, 368, 288)]  # 300×220 with 32 pixels of padding, once for both


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "alpha", "float", "empty"],
)
def test_an_array_of_another_form_is_refused_with_its_shape(picture: Image, mix: StyleMix) -> None:
    with pytest.raises(UsageError, match="height × width × 3"):
        Stylist(mix, engine="opencv")(picture)


def test_without_a_style_the_person_stays_as_they_are_and_no_network_paints(
    photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = np.zeros(photo.shape[:2], np.uint8)
    person[:, :300] = 255
    monkeypatch.setattr("stylecam.stylize.matte.Matte.find", lambda *_: person)
    monkeypatch.setattr(Stylist, "_whole", None)
    green = Stylist("none", room="color:#00ff00", engine="opencv")
    styled = green(photo)
    np.testing.assert_array_equal(styled[:, :300], photo[:, :300])
    assert (styled[:, 300:] == (0, 255, 0)).all()
    assert green.label == "none"


def test_without_a_style_the_room_may_still_have_one() -> None:
    look = Stylist("none", room="style:udnie", engine="opencv")._look
    assert (look.label, look.paint, look.room) == ("udnie", Paint.ROOM, Room())


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(StyleNotFoundError):
        Stylist("no_such_style")
    for paint in ("everything", "person"):
        with pytest.raises(UsageError, match="name a style"):
            Stylist("none", paint=paint)
    with pytest.raises(UsageError, match="strength"):
        Stylist("starry_night", strength=1.5)
    with pytest.raises(UsageError, match="scale"):
        Stylist("starry_night", scale=0)
    with pytest.raises(UsageError, match="steadiness"):
        Stylist("starry_night", steadiness=-0.1)


def test_none_instead_of_a_picture_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match=r"cv2\.imread"):
        Stylist("starry_night")(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["opencv", "auto"])
def test_an_engine_may_be_named(engine: str, catalog: Catalog) -> None:
    stylist = Stylist(catalog.mix_of(catalog.cards[0]), engine=engine)
    assert stylist.engine.device not in REDUCED_PRECISION
    assert stylist(np.full((48, 64, 3), 128, np.uint8)).shape == (48, 64, 3)


def test_an_unknown_engine_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="there is no engine 'abacus'; choose auto, opencv"):
        Stylist(catalog.mix_of(catalog.cards[0]), engine="abacus")


@given(st.integers(1, 2000), st.integers(5, 40), st.integers(0, 2))
def test_tile_spans_cover_the_axis_once_with_margins(length: int, tile: int, margin: int) -> None:
    length, tile, margin = 8 * length, 8 * tile, 8 * margin
    tile_spans = spans(length, tile, margin)
    assert [span.first for span in tile_spans] == [0, *(span.last for span in tile_spans[:-1])]
    assert tile_spans[-1].last == length
    for span in tile_spans:
        assert 0 <= span.start <= span.first < span.last <= span.end <= length
        assert span.start % 8 == 0
        assert span.end - span.start == min(tile, length)
        assert span.first - span.start >= margin or span.start == 0
        assert span.end - span.last >= margin or span.end == length


@pytest.mark.parametrize("length", [8, 1280])
def test_a_short_axis_is_one_tile(length: int) -> None:
    assert spans(length, 1280, 128) == (Span(0, length, 0, length),)


@pytest.fixture
def frames(photo: Image) -> list[Image]:
    """Return four frames of the photo with different noise."""
    noise = np.random.default_rng(5)
    return [np.clip(photo + noise.normal(0, 4, photo.shape), 0, 255).astype(np.uint8) for _ in range(4)]


def test_a_sequence_is_filtered_like_live_frames(frames: list[Image], mix: StyleMix) -> None:
    steady, plain = Stylist(mix, engine="opencv", steadiness=0.8), Stylist(mix, engine="opencv")
    temporal_filter = TemporalFilter()
    for frame in frames:
        expected = temporal_filter.apply(plain(frame), frame, 0.8)
        np.testing.assert_array_equal(steady(frame), expected)


def test_without_steadiness_every_image_is_independent(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv")
    first = stylist(frames[0])
    stylist(frames[1])
    np.testing.assert_array_equal(stylist(frames[0]), first)


def test_a_reset_begins_a_new_sequence(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv", steadiness=0.8)
    first = stylist(frames[0])
    assert not np.array_equal(stylist(frames[1]), Stylist(mix, engine="opencv")(frames[1]))
    stylist.reset()
    np.testing.assert_array_equal(stylist(frames[0]), first)


def test_changing_a_result_does_not_change_later_ones(frames: list[Image], mix: StyleMix) -> None:
    first, second = (Stylist(mix, engine="opencv", steadiness=0.8) for _ in range(2))
    for frame in frames:
        expected, styled = first(frame), second(frame)
        np.testing.assert_array_equal(styled, expected)
        styled[:] = 0


def test_another_style_begins_a_new_sequence(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv", steadiness=0.8)
    stylist(frames[0])
    np.testing.assert_array_equal(stylist.with_style(mix)(frames[1]), Stylist(mix, engine="opencv")(frames[1]))


PAIRED = replace(doubles.model("paired", 2), stroke_scales=StrokeScales(340, 860))


@pytest.mark.parametrize(("height", "brush"), [(300, 1.0), (300, 0.5), (460, 1.0), (1200, 1.0), (1200, 2.0)])
def test_strokes_are_a_share_of_the_short_side(height: int, brush: float) -> None:
    engine = doubles.TintEngine()
    picture = np.full((height, height + 200, 3), 90, np.uint8)
    result = Stylist(StyleMix(PAIRED, (1.0, 0.0), "first"), engine=engine, brush=brush)(picture)
    assert result.shape == picture.shape
    (_, _, loaded_height) = engine.loaded[-1]
    painted_height = min(height, round(460 / brush))
    assert 0 <= loaded_height - 2 * WHOLE_PADDING - painted_height < 8
    broad = engine.runs[-1][1][1]
    assert broad == pytest.approx(StrokeScales(340, 860).broad_share(painted_height, brush))


def test_a_network_of_one_style_paints_larger_strokes_in_a_smaller_copy() -> None:
    engine = doubles.TintEngine()
    stylist = Stylist(StyleMix(doubles.model(), (1.0,), "alone"), engine=engine, brush=2.0)
    assert stylist(np.full((320, 400, 3), 90, np.uint8)).shape == (320, 400, 3)
    assert engine.loaded[-1][2] - 2 * WHOLE_PADDING == 160


@pytest.mark.parametrize("brush", [0.4, 2.1, float("nan")])
def test_a_brush_out_of_range_is_refused(brush: float) -> None:
    with pytest.raises(UsageError, match="brush"):
        Stylist("starry_night", brush=brush)

"""Styling one image at a time: size, colours, tiles without seams, sequences."""

from __future__ import annotations

import doctest

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stylecam
from stylecam.engines.names import REDUCED_PRECISION
from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.models.catalog import Catalog, StyleMix
from stylecam.models.model import Model
from stylecam.stylize import image as painter_module
from stylecam.stylize.image import Span, Stylist, spans
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from tests import doubles

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture(scope="module")
def photo() -> Image:
    """Soft shapes with grain, 600×440."""
    random = np.random.default_rng(3)
    soft = cv2.resize(random.integers(0, 256, (11, 15, 3), np.uint8), (600, 440), interpolation=cv2.INTER_CUBIC)
    grainy: Image = np.clip(soft + random.normal(0, 8, soft.shape), 0, 255).astype(np.uint8)
    return grainy


@pytest.fixture(scope="session")
def mix(bank: Model) -> StyleMix:
    return StyleMix(bank, bank.one_hot(), "first")


def tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small enough limits for a small picture to need twelve tiles."""
    monkeypatch.setattr(painter_module, "MAX_UNTILED_PIXELS", 200_000)
    monkeypatch.setattr(painter_module, "TILE_SIDE", 384)


def test_the_examples_in_the_docstring_are_true() -> None:
    assert doctest.testmod(painter_module).failed == 0
    assert doctest.testmod(painter_module).attempted > 3


def test_the_package_offers_it() -> None:
    assert stylecam.Stylist is Stylist
    assert "Stylist" in dir(stylecam)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (97, 64), (256, 256)], ids=str)
def test_the_painting_has_the_size_of_the_picture(size: tuple[int, int], mix: StyleMix) -> None:
    picture = np.full((*size, 3), 90, np.uint8)
    painting = Stylist(mix, engine="opencv")(picture)
    assert painting.shape == picture.shape
    assert painting.flags.c_contiguous
    assert (picture == 90).all()


def test_tiles_fit_together_as_if_painted_at_once(photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Stylist(mix, engine="opencv")
    whole = painter(photo)
    statistics = painter._measure(photo)
    tiled(monkeypatch)
    in_tiles = painter._in_tiles(painter._norms.frozen_model(statistics), photo, lambda _: None)
    assert cv2.absdiff(whole, in_tiles).max() <= 2
    unfrozen = painter._in_tiles(mix.model, photo, lambda _: None)
    assert cv2.absdiff(whole, unfrozen).max() > 30


def test_no_seam_shows_where_tiles_meet(photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled(monkeypatch)
    seen: list[float] = []
    painting = Stylist(mix, engine="opencv")(photo, seen.append).astype(np.float32)
    assert len(seen) == 13
    assert seen == sorted(seen)
    steps = np.abs(np.diff(painting, axis=1)).mean((0, 2))
    columns = spans(painter_module._padded(photo).width, painter_module.TILE_SIDE, painter_module.TILE_MARGIN)
    for at in (span.last - painter_module.PADDING - 1 for span in columns[:-1]):
        alike = np.delete(steps[at % 8 :: 8], at // 8)  # these networks paint in blocks of 8: compare like with like
        assert steps[at] <= max(alike.max(), alike.mean() + 3 * alike.std())


def test_a_large_picture_looks_like_a_small_one(photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Stylist(mix, engine="opencv")(photo)
    tiled(monkeypatch)
    off = cv2.absdiff(whole, Stylist(mix, engine="opencv")(photo)).mean()
    copy = painter_module._reduced(photo, painter_module._share(Size(600, 440)))
    monkeypatch.setattr(painter_module, "_samples", lambda _: [copy])
    reduced = cv2.absdiff(whole, Stylist(mix, engine="opencv")(photo)).mean()  # with the statistics of a reduced copy
    assert off < 0.8 * reduced


@pytest.mark.parametrize("size", [(440, 600), (2000, 300), (4, 60_000)], ids=str)
def test_statistics_are_measured_where_all_of_a_picture_is(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled(monkeypatch)
    picture = np.zeros((*size, 3), np.uint8)
    picture[:, size[1] // 2 :] = 200
    samples = list(painter_module._samples(picture))
    for sample in samples:
        assert (sample.shape[0] + 128) * (sample.shape[1] + 128) < 1.02 * painter_module.MAX_UNTILED_PIXELS
    assert abs(np.mean([sample.mean() for sample in samples]) - 100) < 2


def test_a_network_that_cannot_be_tiled_paints_a_reduced_copy(
    photo: Image, mix: StyleMix, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled(monkeypatch)
    assert not Stylist(mix, engine="opencv").cannot_tile
    painter = Stylist(mix, engine="opencv")
    monkeypatch.setattr(painter._norms, "can_freeze", False)
    assert painter.cannot_tile
    assert painter.reduction_note(Size(64, 48)) is None
    assert "looks at whole pictures" in str(painter.reduction_note(Size(photo.shape[1], photo.shape[0])))
    assert painter(photo).shape == photo.shape
    ((_, width, height),) = painter._sessions._sessions
    assert width * height <= 210_000


def test_strength_lies_between_picture_and_painting(photo: Image, mix: StyleMix) -> None:
    full, half, none = (Stylist(mix, engine="opencv", strength=strength)(photo) for strength in (1, 0.5, 0))
    np.testing.assert_array_equal(none, photo)
    assert np.abs(half - (full / 2 + photo / 2)).max() <= 1


def test_a_grey_picture_keeps_its_colours_which_are_none(photo: Image, mix: StyleMix) -> None:
    grey = np.ascontiguousarray(np.repeat(photo[:, :, :1], 3, 2))
    painting = Stylist(mix, engine="opencv", preserve_color=True)(grey).astype(int)
    assert (painting.max(2) - painting.min(2)).max() <= 2
    assert cv2.absdiff(painting.astype(np.uint8), grey).mean() > 3


def test_painting_smaller_takes_a_smaller_network_and_gives_the_same_size(photo: Image, mix: StyleMix) -> None:
    engine = doubles.TintEngine()
    model = mix.model
    painter = Stylist(mix, scale=0.5, engine=engine)
    assert painter(photo).shape == photo.shape
    painter(photo)
    assert engine.loaded == [(model.key, 432, 352)]  # 300×220 with a rim of 64, once for both


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "alpha", "float", "empty"],
)
def test_an_array_of_another_form_is_refused_with_its_shape(picture: Image, mix: StyleMix) -> None:
    with pytest.raises(UsageError, match="height × width × 3"):
        Stylist(mix, engine="opencv")(picture)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(StyleNotFoundError):
        Stylist("no_such_style")
    with pytest.raises(UsageError, match="name a style"):
        Stylist("none")
    with pytest.raises(UsageError, match="strength"):
        Stylist("starry_night", strength=1.5)
    with pytest.raises(UsageError, match="scale"):
        Stylist("starry_night", scale=0)
    with pytest.raises(UsageError, match="steadiness"):
        Stylist("starry_night", steadiness=-0.1)


def test_a_picture_that_was_not_read_is_said_to_be_none() -> None:
    with pytest.raises(UsageError, match=r"cv2\.imread"):
        Stylist("starry_night")(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["opencv", "auto"])
def test_an_engine_may_be_named(engine: str, catalog: Catalog) -> None:
    painter = Stylist(catalog.mix_of(catalog.cards[0]), engine=engine)
    assert painter.engine.device not in REDUCED_PRECISION
    assert painter(np.full((48, 64, 3), 128, np.uint8)).shape == (48, 64, 3)


def test_an_engine_of_no_such_name_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="there is no engine 'abacus'; choose auto, opencv"):
        Stylist(catalog.mix_of(catalog.cards[0]), engine="abacus")


@given(st.integers(1, 2000), st.integers(5, 40), st.integers(0, 2))
def test_what_is_kept_covers_the_axis_once_far_from_every_cut(length: int, tile: int, margin: int) -> None:
    length, tile, margin = 8 * length, 8 * tile, 8 * margin
    made = spans(length, tile, margin)
    assert [span.first for span in made] == [0, *(span.last for span in made[:-1])]
    assert made[-1].last == length
    for span in made:
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
    """A still picture as a noisy camera sees it."""
    noise = np.random.default_rng(5)
    return [np.clip(photo + noise.normal(0, 4, photo.shape), 0, 255).astype(np.uint8) for _ in range(4)]


def test_frames_in_order_are_steadied_as_the_live_path_does(frames: list[Image], mix: StyleMix) -> None:
    steady, plain = Stylist(mix, engine="opencv", steadiness=0.8), Stylist(mix, engine="opencv")
    temporal_filter = TemporalFilter()
    for frame in frames:
        expected = temporal_filter.apply(plain(frame), frame, 0.8)
        np.testing.assert_array_equal(steady(frame), expected)


def test_without_steadiness_every_image_stands_for_itself(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv")
    first = stylist(frames[0])
    stylist(frames[1])
    np.testing.assert_array_equal(stylist(frames[0]), first)


def test_after_a_reset_another_sequence_begins(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv", steadiness=0.8)
    first = stylist(frames[0])
    assert not np.array_equal(stylist(frames[1]), Stylist(mix, engine="opencv")(frames[1]))
    stylist.reset()
    np.testing.assert_array_equal(stylist(frames[0]), first)


def test_writing_into_a_steadied_image_changes_no_later_one(frames: list[Image], mix: StyleMix) -> None:
    careful, careless = (Stylist(mix, engine="opencv", steadiness=0.8) for _ in range(2))
    for frame in frames:
        expected, styled = careful(frame), careless(frame)
        np.testing.assert_array_equal(styled, expected)
        styled[:] = 0


def test_another_style_begins_a_sequence_of_its_own(frames: list[Image], mix: StyleMix) -> None:
    stylist = Stylist(mix, engine="opencv", steadiness=0.8)
    stylist(frames[0])
    np.testing.assert_array_equal(stylist.with_style(mix)(frames[1]), Stylist(mix, engine="opencv")(frames[1]))

"""Tests of enlarging a styled picture with the edges of the camera picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import stylecam
from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image
from stylecam.media.transforms import fit, resize
from stylecam.models.catalog import Catalog
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler

OUTPUT = Size(320, 192)
SMALL = Size(160, 96)


def noisy(image: Image, seed: int = 1, sigma: float = 3.0) -> Image:
    """Return `image` with the noise of a camera sensor."""
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def step(dark: int, light: int, size: Size = OUTPUT, at: int = 157) -> Image:
    """Return a dark and a light half, with the edge off the grid of the small picture."""
    image = gray_image(dark, size)
    image[:, at:] = light
    return image


def enlarged(styled: Image, view: Image, size: Size = OUTPUT) -> Image:
    """Return `styled` enlarged with the edges of `view`."""
    return GuidedUpsampler(size).enlarge(styled, resize(view, Size(styled.shape[1], styled.shape[0])), view)


def bicubic(image: Image, size: Size = OUTPUT) -> Image:
    """Return `image` enlarged without the camera picture."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def steepest(image: Image) -> int:
    """Return the largest step between neighbours of the middle row, away from the border."""
    row = image[image.shape[0] // 2, 8:-8, 0].astype(int)
    return int(np.abs(np.diff(row)).max())


def steepness(image: Image) -> npt.NDArray[np.float32]:
    """Return the squared gradient of the luminance."""
    light = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    across, along = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    return np.asarray(across**2 + along**2, np.float32)


def strokes(size: Size = SMALL) -> Image:
    """Return soft random strokes, unrelated to any camera picture."""
    rough = np.random.default_rng(5).normal(0, 1, (size.height, size.width, 3))
    smooth = cv2.GaussianBlur(rough, (0, 0), 2)
    return np.asarray(np.clip(smooth / smooth.std() * 50 + 128, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("small", "size"),
    [
        ((160, 96), (320, 192)),
        ((64, 64), (66, 70)),
        ((64, 64), (257, 191)),
        ((72, 136), (144, 300)),
        ((96, 64), (65, 192)),
        ((320, 192), (320, 192)),
        ((320, 192), (300, 150)),
        ((1, 1), (64, 64)),
    ],
    ids=str,
)
def test_every_size_is_enlarged_to_the_output_size(small: tuple[int, int], size: tuple[int, int]) -> None:
    view = noisy(step(40, 200, Size(*size), size[0] // 2))
    result = enlarged(strokes(Size(*small)), view, Size(*size))
    assert result.shape == (size[1], size[0], 3)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous


def test_the_styled_picture_may_change_its_size() -> None:
    upsampler, view = GuidedUpsampler(OUTPUT), noisy(step(40, 200))
    for small in (SMALL, Size(240, 144), SMALL):
        styled = strokes(small)
        result = upsampler.enlarge(styled, resize(view, small), view)
        assert np.array_equal(result, enlarged(styled, view))


def test_each_result_belongs_to_its_caller() -> None:
    upsampler, view = GuidedUpsampler(OUTPUT), noisy(step(40, 200))
    first = upsampler.enlarge(strokes(), resize(view, SMALL), view)
    before = first.copy()
    upsampler.enlarge(gray_image(10, SMALL), resize(view, SMALL), view)
    assert np.array_equal(first, before)


def test_a_styled_picture_of_full_size_is_copied() -> None:
    styled = strokes(OUTPUT)
    result = enlarged(styled, step(40, 200))
    assert np.array_equal(result, styled)
    assert not np.shares_memory(result, styled)


def test_the_inputs_are_not_changed() -> None:
    styled, view = strokes(), noisy(step(40, 200))
    camera = resize(view, SMALL)
    before = styled.copy(), camera.copy(), view.copy()
    GuidedUpsampler(OUTPUT).enlarge(styled, camera, view)
    for array, copy in zip((styled, camera, view), before, strict=True):
        assert np.array_equal(array, copy)


def test_the_styled_picture_may_be_a_view_into_a_larger_one() -> None:
    whole, view = np.pad(strokes(), ((8, 8), (8, 8), (0, 0))), noisy(step(40, 200))
    assert np.array_equal(enlarged(whole[8:-8, 8:-8], view), enlarged(strokes(), view))


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_plain_styled_picture_stays_plain(level: int) -> None:
    assert (enlarged(gray_image(level, SMALL), noisy(step(40, 200))) == level).all()


def test_an_edge_of_the_camera_sharpens_the_styled_edge() -> None:
    view = step(40, 200)
    styled = resize(step(60, 160), SMALL)
    assert steepest(enlarged(styled, view)) > 2.5 * steepest(bicubic(styled))


def test_an_inverted_edge_is_sharpened_too() -> None:
    view = step(40, 200)
    styled = resize(step(160, 60), SMALL)
    assert steepest(enlarged(styled, view)) > 2.5 * steepest(bicubic(styled))


def test_an_edge_lies_where_the_camera_has_it() -> None:
    view = step(40, 200, at=157)
    row = enlarged(resize(step(60, 160, at=157), SMALL), view)[96, :, 0]
    assert row[155] < 75
    assert row[158] > 145


def test_an_edge_has_no_halo() -> None:
    result = enlarged(resize(step(60, 160), SMALL), noisy(step(40, 200)))
    assert result.min() >= 60
    assert result.max() <= 160


def test_every_channel_stays_within_the_nearby_styled_values() -> None:
    styled = strokes()
    view = noisy(resize(strokes(Size(80, 48)), OUTPUT), sigma=12)
    result = enlarged(styled, view)
    side = np.ones((9, 9), np.uint8)
    lowest, highest = (np.asarray(change(styled, side)) for change in (cv2.erode, cv2.dilate))
    low, high = (cv2.resize(bound, OUTPUT, interpolation=cv2.INTER_NEAREST) for bound in (lowest, highest))
    assert (result >= low).all()
    assert (result <= high).all()


def test_an_edge_of_the_camera_does_not_show_in_unrelated_strokes() -> None:
    styled, view = strokes(), step(100, 130)
    added = enlarged(styled, view).astype(int) - bicubic(styled)
    beside = np.abs(added[:, 153:161]).mean()
    elsewhere = np.abs(added[:, 20:140]).mean()
    assert beside < elsewhere + 3


def test_a_styled_edge_without_a_camera_edge_is_unchanged() -> None:
    styled = resize(step(60, 160), SMALL)
    plain, noise = enlarged(styled, gray_image(128, OUTPUT)), enlarged(styled, noisy(gray_image(128, OUTPUT)))
    assert np.abs(noise.astype(int) - plain).mean() < 0.05


@pytest.mark.parametrize("level", [40, 128, 220])
def test_camera_noise_does_not_get_into_the_result(level: int) -> None:
    styled = strokes()
    first, second = (enlarged(styled, noisy(gray_image(level, OUTPUT), seed)) for seed in (1, 2))
    assert cv2.absdiff(first, second).mean() < 0.05


@pytest.mark.parametrize("contrast", [2, 5, 8])
def test_camera_noise_does_not_get_into_soft_shading(contrast: int) -> None:
    def waves(strength: int) -> Image:
        row = 128 + strength * np.sin(np.arange(OUTPUT.width) * 2 * np.pi / 24)
        return np.asarray(np.rint(np.broadcast_to(row[None, :, None], (OUTPUT.height, OUTPUT.width, 3))), np.uint8)

    styled = resize(waves(70), SMALL)
    first, second = (enlarged(styled, noisy(waves(contrast), seed)) for seed in (1, 2))
    assert cv2.absdiff(first, second).mean() < 0.05


def test_a_noisy_portrait_is_nearly_as_sharp_as_at_full_size_and_less_noisy(catalog: Catalog) -> None:
    mix = catalog.mix_of(catalog.cards[0])
    portrait = cv2.imread(str(Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"))
    whole, rung = Size(640, 352), Size(320, 176)
    clean = fit(np.asarray(portrait, np.uint8), whole)
    views = [noisy(clean, seed) for seed in (1, 2)]
    full, small = (
        [session.stylize(resize(view, size), mix.values) for view in views]
        for size in (whole, rung)
        for session in [OpenCVEngine("cpu").session(mix.model, *size)]
    )
    enlarged_pictures = [enlarged(styled, view, whole) for styled, view in zip(small, views, strict=True)]
    at_edges = steepness(clean) > 80**2

    def sharpness(image: Image) -> float:
        return float(steepness(image)[at_edges].mean() / steepness(full[0])[at_edges].mean())

    assert sharpness(bicubic(small[0], whole)) < 0.6
    assert 0.8 < sharpness(enlarged_pictures[0]) < 1.3
    assert cv2.absdiff(*enlarged_pictures).mean() < cv2.absdiff(*full).mean()


@pytest.mark.parametrize(
    ("camera", "view"),
    [((96, 159, 3), (192, 320, 3)), ((96, 160, 3), (191, 320, 3)), ((96, 160), (192, 320, 3)), ((), ())],
    ids=str,
)
def test_pictures_that_do_not_belong_together_are_refused(camera: tuple[int, ...], view: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        GuidedUpsampler(OUTPUT).enlarge(strokes(), np.zeros(camera, np.uint8), np.zeros(view, np.uint8))

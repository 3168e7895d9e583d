"""Tests that the losses match the formulas of the papers."""

from __future__ import annotations

import pytest
import torch

from stylecam.training import losses


def maps(seed: int, batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, 4, 16 >> i, 16 >> i, generator=generator) for i in range(4)]


def test_the_gram_matrix_is_the_mean_product_of_channels() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert torch.allclose(losses.gram(features), torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4)


def test_the_gram_matrix_does_not_depend_on_positions() -> None:
    features = maps(0)[0]
    assert torch.allclose(losses.gram(features), losses.gram(features.flip(3).roll(3, 2)), atol=1e-6)


def test_the_content_loss_is_zero_for_the_photograph_and_one_per_layer_for_zeros() -> None:
    expected = maps(0)
    assert losses.content_loss(expected, expected, 0.1).tolist() == [0, 0]
    zeros = [torch.zeros_like(m) for m in expected]
    assert losses.content_loss(zeros, expected, 0.25).tolist() == pytest.approx([1.25, 1.25])


def test_the_style_loss_is_zero_for_the_painting_and_one_per_layer_for_zeros() -> None:
    found = maps(0)
    targets = [losses.gram(m) for m in found]
    assert losses.style_loss(found, targets).tolist() == [0, 0]
    zeros = [torch.zeros_like(m) for m in found]
    assert losses.style_loss(zeros, targets).tolist() == pytest.approx([4, 4])


def test_in_the_balanced_style_loss_too_little_contrast_costs_as_much_as_too_much() -> None:
    found = maps(0)
    targets = [losses.gram(m) for m in found]
    pale, garish = (
        [m * factor for m in found] for factor in (0.5, 2.0)
    )  # Gram matrices of a quarter and of four times
    expected = pytest.approx([4 * 0.75**2 / 0.25] * 2)
    assert losses.style_loss(pale, targets, balanced=True).tolist() == expected
    assert losses.style_loss(garish, targets, balanced=True).tolist() == expected
    assert losses.style_loss(found, targets, balanced=True).tolist() == [0, 0]


def test_losses_do_not_depend_on_the_scale_of_the_features() -> None:
    found, expected = maps(0), maps(1)
    scaled = losses.content_loss([3 * m for m in found], [3 * m for m in expected], 0.1)
    assert torch.allclose(scaled, losses.content_loss(found, expected, 0.1))


def test_a_plain_picture_has_no_variation_loss() -> None:
    assert losses.variation_loss(torch.full((1, 3, 8, 8), 0.5)) == 0
    assert losses.variation_loss(torch.rand(1, 3, 8, 8)) > 0


@pytest.mark.parametrize("period", [2, 4])
def test_a_weave_costs_and_single_marks_hardly_do(period: int) -> None:
    plain, marks = torch.full((1, 3, 64, 64), 0.5), torch.rand(1, 3, 64, 64)
    woven = plain.clone()
    woven[:, :, ::period, ::period] += 0.1
    assert losses.weave_loss(plain) == 0
    assert losses.weave_loss(woven) > 2e-4
    assert losses.weave_loss(0.5 + 0.05 * (marks - 0.5)) < losses.weave_loss(woven) / 10


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -5), (-8, 8), (7, 1)])
def test_a_result_that_moves_with_the_picture_has_no_stability_loss(down: int, right: int) -> None:
    scene = torch.rand(1, 3, 48, 48)
    still = scene[:, :, 8:40, 8:40]
    moved = scene[:, :, 8 + down : 40 + down, 8 + right : 40 + right]
    assert losses.stability_loss(still, moved, down, right) == 0
    assert losses.stability_loss(still, moved, down + 1, right) > 0


def test_the_gradient_of_the_gram_matrix_is_that_of_its_formula() -> None:
    features = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    layouts = (features, features.contiguous(memory_format=torch.channels_last))
    weights = torch.rand(2, 3, 3)
    flat = features.flatten(2)
    (expected,) = torch.autograd.grad((flat @ flat.transpose(1, 2) / 60 * weights).sum(), features)
    for layout in layouts:
        (found,) = torch.autograd.grad((losses.gram(layout) * weights).sum(), features)
        assert torch.allclose(found, expected, atol=1e-6)


def test_the_gradient_of_the_relative_error_is_that_of_its_formula() -> None:
    found = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    expected, weights = torch.rand(2, 3, 4, 5, dtype=torch.float64), torch.tensor([1.0, 3.0])
    plain = (found - expected).pow(2).mean((1, 2, 3)) / expected.pow(2).mean((1, 2, 3))
    ours = losses.relative_error(found, expected)
    assert torch.allclose(ours.double(), plain)
    slopes = [torch.autograd.grad((value * weights).sum(), found)[0] for value in (ours, plain)]
    assert torch.allclose(*slopes, atol=1e-6)


def test_half_precision_changes_the_losses_by_less_than_a_percent() -> None:
    found, expected = torch.rand(2, 8, 24, 24), torch.rand(2, 8, 24, 24)
    for loss in (losses.relative_error, lambda a, b: losses.gram(a - 0.5 * b).mean((1, 2))):
        assert torch.allclose(loss(found.bfloat16(), expected.bfloat16()), loss(found, expected), rtol=0.01)


def test_the_stability_loss_is_relative_to_the_contrast_of_the_painting() -> None:
    generator = torch.Generator().manual_seed(0)
    bold, change = torch.rand(1, 3, 64, 64, generator=generator), torch.rand(1, 3, 64, 64, generator=generator)
    loud = losses.stability_loss(bold, bold + 0.1 * change, 0, 0).item()
    calm = losses.stability_loss(0.5 * bold, 0.5 * bold + 0.05 * change, 0, 0).item()
    assert calm == pytest.approx(loud, rel=0.03)  # half the contrast and half the change
    assert losses.stability_loss(bold, bold, 0, 0) == 0


def test_normalized_content_ignores_palette_and_contrast_and_sees_shapes() -> None:
    features = maps(0)[0]
    assert losses.normalized_error(3 * features + 2, features).tolist() == pytest.approx([0, 0], abs=1e-4)
    assert losses.normalized_error(features.flip(3), features).min() > 0.5


def test_the_style_of_regions_is_that_of_the_whole_where_all_are_alike() -> None:
    tile = torch.rand(2, 4, 8, 8)
    features = [tile.repeat(1, 1, 2, 2)]
    targets = [losses.gram(torch.rand(2, 4, 8, 8))]
    assert torch.allclose(
        losses.region_style_loss(features, targets, 2), losses.style_loss(features, targets), rtol=1e-4
    )


def test_an_empty_region_costs_style_though_the_whole_has_it() -> None:
    busy, empty = torch.rand(1, 4, 8, 8), torch.zeros(1, 4, 8, 8)
    features = [torch.cat([2**0.5 * busy, empty], 3)]
    targets = [losses.gram(busy)]
    assert losses.style_loss(features, targets).item() == pytest.approx(0, abs=1e-5)
    assert losses.region_style_loss(features, targets, 2).item() > 0.4


def test_warm_colors_in_another_palette_cost_nothing_and_skin_colder_than_the_wall_does() -> None:
    skin, wall = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.5, 0.6, 0.7])
    photo = torch.cat([each[:, None, None].expand(3, 64, 32) for each in (skin, wall)], 2)[None]
    bluer = 0.5 * photo + torch.tensor([0.0, 0.1, 0.4])[:, None, None]
    assert losses.warmth_loss(bluer, photo) < 0.01
    assert losses.warmth_loss(photo.flip(3), photo) > 1
    gray = torch.full((1, 3, 64, 64), 0.5)
    assert losses.warmth_loss(gray, gray + 0.1) == pytest.approx(0, abs=1e-9)


def test_the_tone_of_another_palette_costs_nothing_and_light_that_moved_does() -> None:
    photo = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    harsher = (0.5 + 1.5 * (photo - 0.5) - 0.05) * torch.tensor([1.0, 0.9, 0.7])[:, None, None]
    assert losses.tone_loss(harsher, photo) < 0.01
    assert losses.tone_loss(photo.flip(3), photo) > 1
    plain = torch.full((1, 3, 64, 64), 0.5)
    assert losses.tone_loss(plain, plain + 0.1) == pytest.approx(0, abs=1e-9)

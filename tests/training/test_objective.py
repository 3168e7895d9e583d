"""Tests of what a painting is asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stylecam.media.transforms import to_tensor
from stylecam.training.dataset import FaceBox
from stylecam.training.objective import Objective, Targets
from stylecam.training.style_image import StyleImage
from stylecam.training.vgg import VggFeatures, load_vgg
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def vgg(tmp_path: Path) -> VggFeatures:
    return load_vgg(fixtures.small_vgg(tmp_path / "vgg.npz"))


def objective(folder: Path, vgg: VggFeatures, **changes: object) -> Objective:
    paintings = [
        StyleImage(str(seed), fixtures.random_picture(folder / f"{seed}.png", seed)).read(128) for seed in (5, 6)
    ]
    return Objective(vgg, Targets.of(vgg, paintings), torch.tensor([1.0, 3.0]), fixtures.hyperparameters(**changes))


def blots(seed: int) -> torch.Tensor:
    small = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, scale_factor=8, mode="bicubic").clamp(0, 1)


WHICH = torch.tensor([0, 1])


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def test_the_photograph_itself_costs_style_and_no_content(tmp_path: Path, vgg: VggFeatures) -> None:
    photo = blots(1)
    parts = objective(tmp_path, vgg).measure(photo, photo, WHICH, [None, None], rng())
    assert parts["content"].item() == pytest.approx(0, abs=1e-6)
    assert parts["faces"] == 0
    assert parts["style"] > 0.05


def test_warm_and_cool_areas_count_only_where_asked_for(tmp_path: Path, vgg: VggFeatures) -> None:
    photo, cooler = blots(1), blots(1).flip(1)
    assert "warmth" not in objective(tmp_path, vgg).measure(cooler, photo, WHICH, [None, None], rng())
    asked = objective(tmp_path, vgg, warmth=0.5)
    costs = [asked.measure(styled, photo, WHICH, [None, None], rng())["warmth"] for styled in (photo, cooler)]
    assert costs[0] == 0
    assert costs[1] > 0.2


def test_another_palette_costs_little_content_and_other_shapes_much(tmp_path: Path, vgg: VggFeatures) -> None:
    photo, asked = blots(1), objective(tmp_path, vgg)
    faint = asked.measure(0.25 + 0.5 * photo, photo, WHICH, [None, None], rng())["content"]
    other = asked.measure(blots(2), photo, WHICH, [None, None], rng())["content"]
    assert faint < 0.3 * other


def test_each_picture_is_compared_with_its_own_painting_at_its_weight(tmp_path: Path, vgg: VggFeatures) -> None:
    photo, asked = blots(1)[:1], objective(tmp_path, vgg)
    alone = [asked.measure(photo, photo, torch.tensor([n]), [None], rng())["style"].item() for n in (0, 1)]
    both = asked.measure(photo.repeat(2, 1, 1, 1), photo.repeat(2, 1, 1, 1), WHICH, [None, None], rng())["style"]
    assert both.item() == pytest.approx(sum(alone) / 2, rel=1e-4)
    assert alone[0] != pytest.approx(alone[1], rel=0.1)


def test_a_change_within_a_face_costs_more_than_elsewhere(tmp_path: Path, vgg: VggFeatures) -> None:
    photo, asked = blots(1), objective(tmp_path, vgg)
    faces = [FaceBox(24, 24, 30), None]
    inside, outside = photo.clone(), photo.clone()
    inside[:, :, 16:32, 16:32] = 0.5
    outside[:, :, 72:88, 72:88] = 0.5
    assert asked.measure(outside, photo, WHICH, faces, rng())["faces"] == 0
    assert asked.measure(inside, photo, WHICH, faces, rng())["faces"] > 0.01


@pytest.mark.parametrize("face", [FaceBox(-5, 200, 500), FaceBox(0, 0, 1), FaceBox(48, 48, 96)], ids=str)
def test_a_face_at_the_border_or_of_any_size_is_compared(face: FaceBox, tmp_path: Path, vgg: VggFeatures) -> None:
    parts = objective(tmp_path, vgg).measure(blots(1), blots(2), WHICH, [face, face], rng())
    assert torch.isfinite(parts["faces"])
    assert parts["faces"] > 0


def test_a_weight_of_zero_leaves_faces_out(tmp_path: Path, vgg: VggFeatures) -> None:
    asked = objective(tmp_path, vgg, faces=0.0)
    assert "faces" not in asked.measure(blots(1), blots(2), WHICH, [FaceBox(48, 48, 40)] * 2, rng())


def test_the_gradient_reaches_every_part_of_the_picture(tmp_path: Path, vgg: VggFeatures) -> None:
    styled = blots(1).requires_grad_(True)
    parts = objective(tmp_path, vgg).measure(styled, blots(2), WHICH, [None, FaceBox(40, 40, 40)], rng())
    (gradient,) = torch.autograd.grad(sum(parts.values(), torch.zeros(())), styled)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().amax(1) > 0).float().mean() > 0.95


def test_softer_edges_than_the_photographs_cost_content(tmp_path: Path, vgg: VggFeatures) -> None:
    photo, asked = blots(1), objective(tmp_path, vgg)
    soft = torch.nn.functional.avg_pool2d(photo, 3, 1, 1)
    sharp = asked.measure(photo, photo, WHICH, [None, None], rng())["content"]
    assert asked.measure(soft, photo, WHICH, [None, None], rng())["content"] > sharp + 0.01


def test_marks_with_sharper_edges_than_those_of_the_reduced_painting_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, vgg: VggFeatures
) -> None:
    monkeypatch.setattr("stylecam.training.objective._FINE_STYLE", 1000.0)  # nothing else counts beside it
    squares = np.asarray(np.kron(np.eye(4), np.ones((4, 4))), np.float32)
    tile = cv2.GaussianBlur(squares, (0, 0), 1.0)
    soft = np.repeat(40 + 150 * np.tile(tile, (8, 8))[..., None], 3, axis=2)  # every part of it has the same style
    sharp = soft + 0.5 * (soft - cv2.GaussianBlur(soft, (0, 0), 1.1))
    asked = Objective(vgg, Targets.of(vgg, [soft.astype(np.uint8)]), torch.ones(1), fixtures.hyperparameters())
    styles = [
        asked.measure(picture, picture, torch.tensor([0]), [None], rng())["style"].item()
        for picture in (torch.from_numpy(to_tensor(pixels.clip(0, 255).astype(np.uint8))) for pixels in (soft, sharp))
    ]
    assert styles[1] < styles[0]

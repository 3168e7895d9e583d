"""Tests of optimizing one image: sizes, initial pictures, colours, previews and failures."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageCms

from stylecam.errors import TrainingDataError, TrainingFailedError, UsageError
from stylecam.media.image_file import ImageFile
from stylecam.training import color as colors
from stylecam.training import losses, optimize_image
from stylecam.training.events import Event, FileSaved, FileSkipped, StepEvent
from stylecam.training.hyperparameters import GatysHyperparameters
from stylecam.training.optimize_image import ImageOptimizer, OptimizeConfig
from stylecam.training.style_image import StyleImage
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ONE_STEP = GatysHyperparameters(1)
STRONG = GatysHyperparameters(15, content=0.1, style=20.0)
"""Enough iterations and style that a start from noise ends far from the start."""


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def optimize_config(folder: Path, **changes: Any) -> OptimizeConfig:
    values: dict[str, Any] = {
        "photo": fixtures.random_picture(folder / "photo.png", 1, 96, 64),
        "paintings": (StyleImage("a", fixtures.random_picture(folder / "a.png", 2)),),
        "output": folder / "out.png",
        "hyperparameters": GatysHyperparameters(4),
        "max_size": 72,
        "scale": 64,
        "vgg": fixtures.small_vgg(folder / "vgg.npz"),
        "device": "cpu",
        "bfloat16": False,
        **changes,
    }
    return OptimizeConfig(**values)


def run(config: OptimizeConfig) -> np.ndarray:
    ImageOptimizer(config).run()
    image = cv2.imread(str(config.output))
    assert image is not None
    return np.asarray(image, np.float64)


@pytest.mark.parametrize(
    ("longest", "size"), [(72, (48, 72)), (0, (64, 96)), (4000, (64, 96))], ids=["smaller", "full", "never larger"]
)
def test_the_picture_keeps_its_shape(tmp_path: Path, longest: int, size: tuple[int, int]) -> None:
    assert run(optimize_config(tmp_path, max_size=longest)).shape[:2] == size


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".WEBP", ".tiff"])
def test_the_format_follows_from_the_suffix(tmp_path: Path, suffix: str) -> None:
    assert run(
        optimize_config(tmp_path, output=tmp_path / f"out{suffix}", hyperparameters=GatysHyperparameters(1))
    ).shape == (
        48,
        72,
        3,
    )


def test_orientation_is_applied_and_author_and_color_profile_are_kept(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x8298] = 6, "The author"
    picture = Pillow.open(fixtures.random_picture(tmp_path / "plain.png", 1, 96, 64))
    picture.save(tmp_path / "turned.webp", exif=exif, icc_profile=PROFILE)
    config = optimize_config(
        tmp_path, photo=tmp_path / "turned.webp", output=tmp_path / "out.jpg", hyperparameters=GatysHyperparameters(1)
    )
    assert run(config).shape == (72, 48, 3)
    with Pillow.open(config.output) as out:
        assert out.getexif()[0x8298] == "The author"
        assert out.info["icc_profile"] == PROFILE


def test_an_output_that_is_a_link_to_an_input_is_refused(tmp_path: Path) -> None:
    config = optimize_config(tmp_path)
    (tmp_path / "PHOTO.png").hardlink_to(config.photo)  # as on a case-insensitive disk
    with pytest.raises(UsageError, match="overwrite"):
        optimize_config(tmp_path, output=tmp_path / "PHOTO.png")


def test_every_iteration_preview_and_picture_is_reported(tmp_path: Path) -> None:
    events: list[Event] = []
    ImageOptimizer(optimize_config(tmp_path, preview_every=2), listener=events.append).run()
    assert [e.kind if isinstance(e, FileSaved) else getattr(e, "number", e) for e in events] == [
        1,
        2,
        "preview",
        3,
        4,
        "preview",
        "picture",
    ]
    steps = [e for e in events if isinstance(e, StepEvent)]
    assert steps[-1].losses["total"] < steps[0].losses["total"]
    assert steps[-1].left_s == 0
    last = [e.path for e in events if isinstance(e, FileSaved)]
    assert last[0].name == "out.preview.png"
    preview, picture = (np.asarray(cv2.imread(str(path))) for path in last[1:])
    assert np.array_equal(preview, picture)


def test_with_preserved_colors_the_chroma_is_the_photographs_and_the_luminance_changes(tmp_path: Path) -> None:
    config = optimize_config(tmp_path, preserve_color=True, max_size=0, hyperparameters=STRONG, init="noise")
    after, before = run(config), np.asarray(cv2.imread(str(config.photo)), np.float64)
    shares = np.array([0.114, 0.587, 0.299])
    chroma = [picture - (picture @ shares)[:, :, None] for picture in (after, before)]
    assert np.abs(chroma[0] - chroma[1]).max() <= 1  # each channel is rounded once, and luminance with them
    assert np.abs((after - before) @ shares).mean() > 2
    plain = run(optimize_config(tmp_path, max_size=0, hyperparameters=STRONG, init="noise"))
    assert np.abs((plain - plain @ shares[:, None]) - chroma[1]).max() > 10


def test_a_grey_painting_gets_the_luminance_of_the_photograph() -> None:
    photo, painting = torch.rand(1, 3, 16, 16) * 0.2 + 0.6, torch.rand(1, 3, 16, 16)
    lit = colors.match_luminance(colors.gray_image(painting), colors.gray_image(photo))
    assert lit.mean().item() == pytest.approx(colors.gray_image(photo).mean().item(), abs=0.01)
    assert lit.std().item() == pytest.approx(colors.gray_image(photo).std().item(), abs=0.01)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.5, 4.0])
def test_transferred_colors_stay_between_0_and_1(value: float) -> None:
    photo = torch.rand(1, 3, 16, 16)
    shown = colors.transfer_color(torch.full_like(photo, value), photo)
    assert -1e-6 <= shown.min() <= shown.max() <= 1 + 1e-6


def test_the_initial_picture_is_the_requested_one(tmp_path: Path) -> None:
    own = fixtures.random_picture(tmp_path / "own.png", 9, 200, 70)
    ends = [
        run(optimize_config(tmp_path, init=init, seed=seed, hyperparameters=GatysHyperparameters(1)))
        for init, seed in (("photo", 0), ("noise", 0), ("noise", 1), ("painting", 0), (str(own), 0), ("noise", 0))
    ]
    assert all((ends[i] != ends[j]).any() for i in range(5) for j in range(i))
    assert np.array_equal(ends[1], ends[5])


def test_a_painting_with_a_tiny_weight_hardly_changes_the_result(tmp_path: Path) -> None:
    a, b = (fixtures.random_picture(tmp_path / f"{name}.png", seed) for seed, name in ((2, "a"), (5, "b")))
    pairs = (
        (StyleImage("a", a),),
        (StyleImage("a", a), StyleImage("b", b, 1e-6)),
        (StyleImage("a", a), StyleImage("b", b)),
    )
    alone, hardly, both = (
        run(optimize_config(tmp_path, paintings=pair, hyperparameters=STRONG, init="noise")) for pair in pairs
    )
    assert np.abs(alone - hardly).mean() < 1 < np.abs(alone - both).mean()


def test_after_a_nan_loss_the_last_valid_picture_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Event] = []
    style_loss = losses.style_loss
    monkeypatch.setattr(losses, "style_loss", lambda f, t: style_loss(f, t) * (float("nan") if len(steps) > 1 else 1))
    config = optimize_config(tmp_path, hyperparameters=GatysHyperparameters(9))
    with pytest.raises(TrainingFailedError, match=r"no longer a number .* after 2 good iterations is .*out\.png"):
        ImageOptimizer(config, listener=steps.append).run()
    image = cv2.imread(str(config.output))
    assert image is not None
    assert image.std() > 1


def test_a_failure_before_the_first_iteration_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "content_loss", lambda *_: torch.full((1,), float("nan")))
    with pytest.raises(TrainingFailedError, match="nothing was painted yet"):
        ImageOptimizer(optimize_config(tmp_path)).run()
    assert not (tmp_path / "out.png").exists()


def test_a_full_disk_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(painted: ImageFile, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ImageFile, "write", full)
    with pytest.raises(TrainingFailedError, match=r"out\.png cannot be written: No space"):
        ImageOptimizer(optimize_config(tmp_path)).run()


def test_a_preview_that_cannot_be_written_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "out.preview.png").mkdir()  # fails like a file that is open in a viewer on Windows
    events: list[Event] = []
    config = optimize_config(tmp_path, preview_every=2)
    ImageOptimizer(config, listener=events.append).run()
    assert [event.path for event in events if isinstance(event, FileSkipped)] == [config.preview] * 2
    assert cv2.imread(str(config.output)) is not None


def test_a_preview_that_would_overwrite_the_photo_is_refused(tmp_path: Path) -> None:
    photo = fixtures.random_picture(tmp_path / "out.preview.png", 1, 96, 64)
    optimize_config(tmp_path, photo=photo)
    with pytest.raises(UsageError, match="overwrite"):
        optimize_config(tmp_path, photo=photo, preview_every=2)


def test_a_painting_too_large_for_memory_names_its_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(optimize_image, "grams_of", full)
    with pytest.raises(TrainingFailedError, match="--style-scale"):
        ImageOptimizer(optimize_config(tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"max_size": 63}, {"max_size": -1}, {"scale": 8}, {"seed": -1}, {"preview_every": -1}], ids=str
)
def test_invalid_numbers_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        optimize_config(tmp_path, **wrong)


def test_a_picture_that_would_become_too_narrow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="short side"):
        ImageOptimizer(
            optimize_config(tmp_path, photo=fixtures.random_picture(tmp_path / "narrow.png", 1, 400, 40), max_size=128)
        )

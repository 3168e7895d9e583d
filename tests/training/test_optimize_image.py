"""From files to a file: sizes, starts, colours, previews, and what is kept when something goes wrong."""

from __future__ import annotations

import errno
from collections.abc import Iterator
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
from stylecam.training import losses
from stylecam.training import optimize_image as commission
from stylecam.training.events import Event, FileSaved, FileSkipped, StepEvent
from stylecam.training.hyperparameters import GatysHyperparameters
from stylecam.training.optimize_image import ImageOptimizer, OptimizeConfig
from stylecam.training.style_image import StyleImage
from tests.training import fixtures

ONE_STEP = GatysHyperparameters(1)
FAR = GatysHyperparameters(15, content=0.1, style=20.0)
"""With noise to begin with: it ends somewhere else than it began."""


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ordered(folder: Path, **changes: Any) -> OptimizeConfig:
    values: dict[str, Any] = {
        "photo": fixtures.picture(folder / "photo.png", 1, 96, 64),
        "paintings": (StyleImage("a", fixtures.picture(folder / "a.png", 2)),),
        "output": folder / "out.png",
        "hyperparameters": GatysHyperparameters(4),
        "max_size": 72,
        "scale": 64,
        "vgg": fixtures.vgg(folder / "vgg.npz"),
        "device": "cpu",
        "bfloat16": False,
        **changes,
    }
    return OptimizeConfig(**values)


def painted(order: OptimizeConfig) -> np.ndarray:
    ImageOptimizer(order).run()
    image = cv2.imread(str(order.output))
    assert image is not None
    return np.asarray(image, np.float64)


@pytest.mark.parametrize(
    ("longest", "size"), [(72, (48, 72)), (0, (64, 96)), (4000, (64, 96))], ids=["smaller", "full", "never larger"]
)
def test_the_picture_keeps_its_shape(tmp_path: Path, longest: int, size: tuple[int, int]) -> None:
    assert painted(ordered(tmp_path, max_size=longest)).shape[:2] == size


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".WEBP", ".tiff"])
def test_it_is_written_as_its_name_says(tmp_path: Path, suffix: str) -> None:
    assert painted(
        ordered(tmp_path, output=tmp_path / f"out{suffix}", hyperparameters=GatysHyperparameters(1))
    ).shape == (
        48,
        72,
        3,
    )


def test_it_is_painted_the_right_way_up_and_keeps_whose_it_is(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x8298] = 6, "The author"
    picture = Pillow.open(fixtures.picture(tmp_path / "plain.png", 1, 96, 64))
    picture.save(tmp_path / "turned.webp", exif=exif, icc_profile=PROFILE)
    order = ordered(
        tmp_path, photo=tmp_path / "turned.webp", output=tmp_path / "out.jpg", hyperparameters=GatysHyperparameters(1)
    )
    assert painted(order).shape == (72, 48, 3)
    with Pillow.open(order.output) as out:
        assert out.getexif()[0x8298] == "The author"
        assert out.info["icc_profile"] == PROFILE


def test_no_other_name_of_a_picture_it_is_made_from_is_written_over(tmp_path: Path) -> None:
    order = ordered(tmp_path)
    (tmp_path / "PHOTO.png").hardlink_to(order.photo)  # a disk that sees no capitals has one file of two names too
    with pytest.raises(UsageError, match="overwrite"):
        ordered(tmp_path, output=tmp_path / "PHOTO.png")


def test_it_tells_of_every_iteration_preview_and_picture(tmp_path: Path) -> None:
    events: list[Event] = []
    ImageOptimizer(ordered(tmp_path, preview_every=2), listener=events.append).run()
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


def test_preserving_colours_keeps_the_photographs_chroma_and_changes_its_light(tmp_path: Path) -> None:
    order = ordered(tmp_path, preserve_color=True, max_size=0, hyperparameters=FAR, init="noise")
    after, before = painted(order), np.asarray(cv2.imread(str(order.photo)), np.float64)
    shares = np.array([0.114, 0.587, 0.299])
    chroma = [picture - (picture @ shares)[:, :, None] for picture in (after, before)]
    assert np.abs(chroma[0] - chroma[1]).max() <= 1  # each channel is rounded once, and luminance with them
    assert np.abs((after - before) @ shares).mean() > 2
    plain = painted(ordered(tmp_path, max_size=0, hyperparameters=FAR, init="noise"))
    assert np.abs((plain - plain @ shares[:, None]) - chroma[1]).max() > 10


def test_a_grey_painting_takes_the_light_of_the_photograph() -> None:
    photo, painting = torch.rand(1, 3, 16, 16) * 0.2 + 0.6, torch.rand(1, 3, 16, 16)
    lit = colors.match_luminance(colors.gray_image(painting), colors.gray_image(photo))
    assert lit.mean().item() == pytest.approx(colors.gray_image(photo).mean().item(), abs=0.01)
    assert lit.std().item() == pytest.approx(colors.gray_image(photo).std().item(), abs=0.01)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.5, 4.0])
def test_colours_given_back_stay_where_a_screen_can_show_them(value: float) -> None:
    photo = torch.rand(1, 3, 16, 16)
    shown = colors.transfer_color(torch.full_like(photo, value), photo)
    assert -1e-6 <= shown.min() <= shown.max() <= 1 + 1e-6


def test_the_start_is_the_one_asked_for(tmp_path: Path) -> None:
    own = fixtures.picture(tmp_path / "own.png", 9, 200, 70)
    ends = [
        painted(ordered(tmp_path, init=init, seed=seed, hyperparameters=GatysHyperparameters(1)))
        for init, seed in (("photo", 0), ("noise", 0), ("noise", 1), ("painting", 0), (str(own), 0), ("noise", 0))
    ]
    assert all((ends[i] != ends[j]).any() for i in range(5) for j in range(i))
    assert np.array_equal(ends[1], ends[5])


def test_two_paintings_of_which_one_hardly_counts_are_the_other(tmp_path: Path) -> None:
    a, b = (fixtures.picture(tmp_path / f"{name}.png", seed) for seed, name in ((2, "a"), (5, "b")))
    pairs = (
        (StyleImage("a", a),),
        (StyleImage("a", a), StyleImage("b", b, 1e-6)),
        (StyleImage("a", a), StyleImage("b", b)),
    )
    alone, hardly, both = (
        painted(ordered(tmp_path, paintings=pair, hyperparameters=FAR, init="noise")) for pair in pairs
    )
    assert np.abs(alone - hardly).mean() < 1 < np.abs(alone - both).mean()


def test_after_a_loss_that_is_no_number_the_last_good_picture_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Event] = []
    style_loss = losses.style_loss
    monkeypatch.setattr(losses, "style_loss", lambda f, t: style_loss(f, t) * (float("nan") if len(steps) > 1 else 1))
    order = ordered(tmp_path, hyperparameters=GatysHyperparameters(9))
    with pytest.raises(TrainingFailedError, match=r"no longer a number .* after 2 good iterations is .*out\.png"):
        ImageOptimizer(order, listener=steps.append).run()
    image = cv2.imread(str(order.output))
    assert image is not None
    assert image.std() > 1


def test_a_failure_before_the_first_iteration_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "content_loss", lambda *_: torch.full((1,), float("nan")))
    with pytest.raises(TrainingFailedError, match="nothing was painted yet"):
        ImageOptimizer(ordered(tmp_path)).run()
    assert not (tmp_path / "out.png").exists()


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(painted: ImageFile, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ImageFile, "write", full)
    with pytest.raises(TrainingFailedError, match=r"out\.png cannot be written: No space"):
        ImageOptimizer(ordered(tmp_path)).run()


def test_a_preview_that_cannot_be_written_does_not_end_the_painting(tmp_path: Path) -> None:
    (tmp_path / "out.preview.png").mkdir()  # as good as a viewer on Windows that holds the file open
    events: list[Event] = []
    order = ordered(tmp_path, preview_every=2)
    ImageOptimizer(order, listener=events.append).run()
    assert [event.path for event in events if isinstance(event, FileSkipped)] == [order.preview] * 2
    assert cv2.imread(str(order.output)) is not None


def test_no_preview_takes_the_place_of_the_photo(tmp_path: Path) -> None:
    photo = fixtures.picture(tmp_path / "out.preview.png", 1, 96, 64)
    ordered(tmp_path, photo=photo)
    with pytest.raises(UsageError, match="overwrite"):
        ordered(tmp_path, photo=photo, preview_every=2)


def test_a_painting_too_large_for_memory_names_its_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(commission, "grams_of", full)
    with pytest.raises(TrainingFailedError, match="--style-scale"):
        ImageOptimizer(ordered(tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"max_size": 63}, {"max_size": -1}, {"scale": 8}, {"seed": -1}, {"preview_every": -1}], ids=str
)
def test_numbers_that_cannot_be_meant_are_errors(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        ordered(tmp_path, **wrong)


def test_a_narrow_picture_is_refused_before_it_shrinks_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="short side"):
        ImageOptimizer(ordered(tmp_path, photo=fixtures.picture(tmp_path / "narrow.png", 1, 400, 40), max_size=128))

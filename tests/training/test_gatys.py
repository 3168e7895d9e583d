"""Tests of optimizing the pixels of a picture by Gatys' method."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from stylecam.errors import TrainingFailedError, UsageError
from stylecam.training import losses
from stylecam.training.gatys import Iteration, mix_grams, optimize_pixels
from stylecam.training.hyperparameters import OPTIMIZERS, GatysHyperparameters
from stylecam.training.vgg import VggFeatures, grams_of, load_vgg
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> VggFeatures:
    return load_vgg(fixtures.small_vgg(tmp_path_factory.mktemp("vgg") / "vgg.npz"))


def blots(seed: int, count: int = 1) -> Tensor:
    small = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, (40, 48), mode="bicubic").clamp(0, 1)


def iterations_of(
    vgg: VggFeatures, photo: Tensor, targets: list[Tensor], hyperparameters: GatysHyperparameters
) -> list[Iteration]:
    iterations: list[Iteration] = []
    optimize_pixels(vgg, photo, targets, hyperparameters, listener=iterations.append)
    return iterations


def hyperparameters(iterations: int = 12, optimizer: str = "lbfgs", **changes: float) -> GatysHyperparameters:
    return GatysHyperparameters(iterations, optimizer, **changes)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_objective_falls_far_below_that_of_the_photograph(vgg: VggFeatures, optimizer: str) -> None:
    iterations = iterations_of(vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(optimizer=optimizer))
    totals = [one.total.item() for one in iterations]
    assert [one.number for one in iterations] == list(range(13))
    assert all(after <= before for before, after in pairwise(totals))
    assert totals[-1] < 0.7 * totals[0]
    assert iterations[0].content.item() == 0  # it starts with the photograph


def test_lbfgs_goes_further_than_adam_with_as_many_iterations(vgg: VggFeatures) -> None:
    ends = {
        kind: iterations_of(vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(30, kind))[-1].total.item()
        for kind in OPTIMIZERS
    }
    assert ends["lbfgs"] < 0.9 * ends["adam"]


def test_lbfgs_keeps_improving_when_its_first_step_is_too_long(vgg: VggFeatures) -> None:
    iterations = iterations_of(vgg, blots(2), grams_of(vgg, blots(3)), hyperparameters(60))
    assert iterations[-1].total < iterations[30].total < iterations[15].total


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_reported_losses_are_those_of_the_reported_picture(vgg: VggFeatures, optimizer: str) -> None:
    photo, targets, weights = blots(0), grams_of(vgg, blots(1)), hyperparameters(optimizer=optimizer)
    last = iterations_of(vgg, photo, targets, weights)[-1]
    found = vgg(last.picture)
    content = losses.content_loss(found, vgg(photo), weights.fine)
    style = weights.style * losses.style_loss(found, targets)
    variation = weights.variation * losses.variation_loss(last.picture)
    assert torch.allclose(last.content, content, rtol=1e-4)
    assert torch.allclose(last.style, style, rtol=1e-4)
    assert torch.allclose(last.total, content + style + variation, rtol=1e-4)
    assert 0 <= last.picture.min() <= last.picture.max() <= 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_pictures_of_a_batch_do_not_influence_each_other(vgg: VggFeatures, optimizer: str) -> None:
    photos, targets = blots(0, 2), grams_of(vgg, blots(5, 2))
    weights = hyperparameters(4, optimizer)
    both = optimize_pixels(vgg, photos, targets, weights)
    alone = [optimize_pixels(vgg, photos[i : i + 1], [t[i : i + 1] for t in targets], weights) for i in range(2)]
    assert torch.allclose(both, torch.cat(alone), atol=2e-2)
    assert (both[0] - both[1]).abs().mean() > 0.02


def test_a_mix_of_two_paintings_lies_between_them(vgg: VggFeatures) -> None:
    one, other = grams_of(vgg, blots(1)), grams_of(vgg, blots(4))
    ends = [
        optimize_pixels(vgg, blots(0), mix_grams([one, other], [w, 1 - w]), hyperparameters(25))
        for w in (0.999, 0.5, 0.001)
    ]
    to_one = [losses.style_loss(vgg(end), one).item() for end in ends]
    to_other = [losses.style_loss(vgg(end), other).item() for end in ends]
    assert to_one[0] < to_one[1] < to_one[2]
    assert to_other[0] > to_other[1] > to_other[2]


def test_a_mix_of_one_painting_is_that_painting_whatever_its_weight(vgg: VggFeatures) -> None:
    alone = grams_of(vgg, blots(1))
    for mixed, own in zip(mix_grams([alone], [3.0]), alone, strict=True):
        assert torch.allclose(mixed, own)


def test_it_starts_with_the_given_picture_and_saturated_pixels_can_change(vgg: VggFeatures) -> None:
    start = blots(7) * 3 - 1
    iterations: list[Iteration] = []
    optimize_pixels(
        vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(20), start=start, listener=iterations.append
    )
    assert torch.equal(iterations[0].picture, start.clamp(0, 1))
    stuck = (iterations[-1].picture == iterations[0].picture).float().mean()
    assert stuck < 0.5 * ((start < 0) | (start > 1)).float().mean()


def test_after_a_stop_the_last_picture_is_returned(vgg: VggFeatures) -> None:
    iterations: list[Iteration] = []
    stop = threading.Event()

    def listen(iteration: Iteration) -> None:
        iterations.append(iteration)
        if iteration.number == 2:
            stop.set()

    end = optimize_pixels(vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(), listener=listen, stop=stop)
    assert iterations[-1].number == 2
    assert torch.equal(end, iterations[-1].picture)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_nan_loss_ends_it_and_the_last_reported_picture_is_valid(
    vgg: VggFeatures, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    iterations: list[Iteration] = []
    style_loss = losses.style_loss
    monkeypatch.setattr(
        losses, "style_loss", lambda f, t: style_loss(f, t) * (float("nan") if len(iterations) > 3 else 1.0)
    )
    with pytest.raises(TrainingFailedError, match="no longer a number at iteration 4"):
        optimize_pixels(
            vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(9, optimizer), listener=iterations.append
        )
    assert iterations[-1].number == 3
    assert torch.isfinite(iterations[-1].picture).all()
    assert torch.isfinite(iterations[-1].total).all()


def test_one_bad_step_of_lbfgs_is_undone_and_it_continues(vgg: VggFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    iterations: list[Iteration] = []
    bad = iter([True])
    style_loss = losses.style_loss

    def fail_once(found: list[Tensor], targets: list[Tensor]) -> Tensor:
        return style_loss(found, targets) * (float("inf") if len(iterations) == 6 and next(bad, False) else 1.0)

    monkeypatch.setattr(losses, "style_loss", fail_once)
    optimize_pixels(vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(16), listener=iterations.append)
    assert next(bad, None) is None
    assert iterations[-1].total < iterations[6].total < iterations[0].total


def test_out_of_memory_names_the_option_to_lower(vgg: VggFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out_of_memory(*_: object) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(losses, "style_loss", run_out_of_memory)
    with pytest.raises(TrainingFailedError, match=r"lower --max-size .*48×40"):
        optimize_pixels(vgg, blots(0), [torch.zeros(1, 1, 1)] * 4, hyperparameters())


def test_the_same_start_ends_the_same(vgg: VggFeatures) -> None:
    ends = [optimize_pixels(vgg, blots(0), grams_of(vgg, blots(1)), hyperparameters(5)) for _ in range(2)]
    assert torch.equal(*ends)


@pytest.mark.parametrize(
    "wrong", [{"iterations": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"style": -1.0}, {"optimizer": "sgd"}], ids=str
)
def test_invalid_hyperparameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        GatysHyperparameters(**wrong)  # type: ignore[arg-type]

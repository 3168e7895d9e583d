"""Tests of the evaluation, on networks whose figures are known beforehand."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper

from stylecam.cli.tables import quality_tables
from stylecam.errors import EngineRunError, ModelFormatError, StyleNotFoundError, TrainingDataError, TrainingFailedError
from stylecam.evaluation.quality import evaluator as evaluation_module
from stylecam.evaluation.quality import gatys_baseline as gatys_baseline_module
from stylecam.evaluation.quality.config import EvaluationConfig
from stylecam.evaluation.quality.evaluator import Evaluator, write_cards
from stylecam.evaluation.quality.gatys_baseline import GatysBaseline, iterations_to_reach
from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLoss, PerceptualLosses
from stylecam.evaluation.quality.report import QualityReport
from stylecam.media.frame import Size
from stylecam.models.card import read_cards
from stylecam.models.model import Model
from stylecam.training.bank import Bank, write_bank
from stylecam.training.dataset import read_picture
from stylecam.training.network import LeanNetwork
from stylecam.training.style_image import StyleImage
from stylecam.training.style_metadata import StyleMetadata
from stylecam.training.vgg import load_vgg
from tests.models.networks import network, write_network
from tests.training import fixtures

WEIGHTS = ObjectiveWeights(0.5, 2.0, 64)


def bank(path: Path, *names: str, **metadata: str) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        entries = json.dumps([{"name": name} for name in names])
        write_bank(path, Bank(LeanNetwork(len(names), 16, 1), {"styles": entries, **metadata}))
    return path


def constant(path: Path) -> Path:
    nodes = [
        helper.make_node("Mul", ["image", "zero"], ["black"]),
        helper.make_node("Add", ["black", "half"], ["styled"]),
    ]
    weights = [numpy_helper.from_array(np.float32(value), name) for name, value in (("zero", 0), ("half", 0.5))]
    return write_network(path, nodes, weights)


class OneFace:
    """Answers like `cv2.FaceDetectorYN` that there is one face, unless the picture is even."""

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802 (OpenCV's name)
        pass

    def detect(self, image: Any) -> tuple[int, Any]:
        return (1, np.full((1, 15), 40, np.float32)) if image.std() > 1 else (1, None)


def evaluation_config(folder: Path, *banks: Path, **changes: Any) -> EvaluationConfig:
    """Make everything that an evaluation of `banks` needs in `folder`, with a random painting for each style."""
    paintings, photos, vgg = folder / "paintings", folder / "photos", folder / "vgg.npz"
    if not photos.is_dir():
        paintings.mkdir()
        for seed, path in enumerate(banks):
            for card in read_cards(Model.read(path)):
                fixtures.random_picture(paintings / f"{card.name}.png", 50 + seed)
        fixtures.photo_folder(photos)
        fixtures.small_vgg(vgg)
    values: dict[str, Any] = {
        "photos": (photos,), "paintings": (paintings,), "vgg": vgg, "count": 2, "iterations": (1, 3), "device": "cpu",
        "gatys_photos": 0, **changes,
    }  # fmt: skip
    return EvaluationConfig(banks, **values)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure cost and flicker at small sizes, so that the tests are quick."""
    monkeypatch.setattr("stylecam.evaluation.quality.temporal.SIZE", Size(160, 96))
    monkeypatch.setattr("stylecam.utils.resources.load_average", lambda: 0.0)
    monkeypatch.setattr("stylecam.evaluation.quality.speed.SIZES", (Size(64, 48), Size(128, 96)))


def run(folder: Path, *banks: Path, **changes: Any) -> QualityReport:
    return Evaluator(evaluation_config(folder, *banks, **changes)).run()


def test_a_network_that_changes_nothing_keeps_all_content_and_all_flicker(tmp_path: Path) -> None:
    (figures,) = run(tmp_path, network(tmp_path / "plain.onnx"), gatys_photos=2).styles
    assert figures.crop is not None
    assert figures.crop.content == pytest.approx(0, abs=1e-9)
    assert figures.crop.style > 0
    assert figures.flickers == pytest.approx([1.0, 1.0], abs=1e-3)
    assert figures.baselines[0].content[0] == pytest.approx(0, abs=1e-9)  # Gatys begins where this network stays
    assert figures.baselines[0].style[0].mean() == pytest.approx(figures.crop.style, rel=1e-5)


def test_a_network_that_paints_one_grey_keeps_nothing_and_is_steady(tmp_path: Path) -> None:
    (figures,) = run(tmp_path, constant(tmp_path / "grey.onnx")).styles
    assert figures.crop is not None
    assert figures.crop.content > 0.05
    assert figures.flickers == pytest.approx([0, 0], abs=1e-6)


def test_the_losses_of_the_painting_itself_are_zero(tmp_path: Path) -> None:
    painting = StyleImage("a", fixtures.random_picture(tmp_path / "a.png"))
    losses = PerceptualLosses(load_vgg(fixtures.small_vgg(tmp_path / "v.npz")), torch.device("cpu"))
    image = painting.read(64)
    found = losses.measure(image.astype(np.float32), losses.features(image), losses.targets(painting, 64), 0.5)
    assert (found.content, found.style) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("objective", "expected"), [(9.0, 0.0), (8.0, 0.0), (6.0, 1.0), (7.0, 0.5), (2.5, 2.75), (2.0, 3.0), (1.9, None)]
)
def test_equivalent_iterations_are_interpolated_between_iterations(objective: float, expected: float | None) -> None:
    assert iterations_to_reach([8.0, 6.0, 4.0, 2.0], objective) == expected


def test_equivalent_iterations_are_of_the_means_and_of_each_photograph() -> None:
    baseline = GatysBaseline("adam", np.zeros((3, 2)), np.array([[4.0, 8.0], [2.0, 4.0], [1.0, 2.0]]))
    found = baseline.equivalent_to([PerceptualLoss(0, 2.0), PerceptualLoss(4.0, 4.0)], WEIGHTS)
    assert found.each == (1.0, 0.5)
    assert found.mean == pytest.approx((12 - 8) / (12 - 6))
    assert str(baseline.equivalent_to([PerceptualLoss(0, 0), PerceptualLoss(0, 0)], WEIGHTS)) == ">2"
    assert baseline.as_dict((1, 2, 5), WEIGHTS)["points"][1] == {
        "iterations": 2, "content": 0, "style": 1.5, "objective": 3.0,
    }  # fmt: skip


def test_weights_are_the_banks_own_unless_given(tmp_path: Path) -> None:
    recipe = json.dumps({"fine": 0.0, "style": 1.8, "content": 2, "scale": 999999, "of_a_later_version": 1})
    model = Model.read(bank(tmp_path / "a.onnx", "a", recipe=recipe))
    assert ObjectiveWeights.of(model, StyleMetadata(), None, None, None) == ObjectiveWeights(0.0, 0.9, 288)
    assert ObjectiveWeights.of(model, StyleMetadata(0.1, 0.5, 384), None, None, None) == ObjectiveWeights(0.1, 0.5, 384)
    assert ObjectiveWeights.of(model, StyleMetadata(0.1, 0.5, 384), 0.0, 4.5, 288) == ObjectiveWeights(0.0, 4.5, 288)


@pytest.mark.parametrize("recipe", ["", "see the notes", "[1]", '{"fine": "much"}', '{"style": -1}', "[" * 9999])
def test_a_recipe_that_is_not_json_leaves_the_default_weights(recipe: str, tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "a.onnx", metadata={"recipe": recipe}))
    assert ObjectiveWeights.of(model, StyleMetadata(), None, None, None) == ObjectiveWeights(0.22, 2.6, 288)


def test_multiply_adds_that_cannot_be_counted_are_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Model, size: Size) -> float:
        raise ModelFormatError("its graph cannot be followed")

    monkeypatch.setattr("stylecam.evaluation.quality.evaluator.gmac", fail)
    report = run(tmp_path, bank(tmp_path / "b.onnx", "one"), gatys_photos=0, baseline=True)
    assert report.notes.count("its graph cannot be followed") == 1
    (costs,) = {(one.gmac, one.times_less) for one in report.styles[0].costs.values()}
    assert costs == (None, None)
    assert [table.row_count for table, _ in quality_tables(report)] == [1, 1, 1]


def test_the_report_is_complete_as_json(tmp_path: Path) -> None:
    report = run(tmp_path, bank(tmp_path / "b.onnx", "one", "two"), gatys_photos=1, baseline=True)
    values = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert values["machine"]["engine"] == f"OpenCV {cv2.__version__}"
    assert set(values["machine"]["packages"]) == {"torch", "onnx", "numpy"}
    assert len(values["photos"]) == 2
    first, second = values["styles"]
    assert (first["style"], second["style"]) == ("one", "two")
    crops = first["crops"]
    assert crops["objective"] == pytest.approx(crops["content"] + first["weights"]["style"] * crops["style"])
    assert (crops["photos"], len(first["frames"]["each"])) == (2, 2)
    iterations = {way["optimizer"]: [point["iterations"] for point in way["points"]] for way in first["gatys"]}
    assert iterations == {"adam": [1, 3], "lbfgs": [1, 3]}
    cost = first["cost"]["128x96"]
    assert cost["times_less"] == pytest.approx(values["baseline"]["128x96"]["gmac"] / cost["gmac"])


def test_a_network_that_changes_nothing_leaves_a_wall_plain_and_every_face_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faces.onnx").write_bytes(b"")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: OneFace())
    plain, grey = network(tmp_path / "plain.onnx"), constant(tmp_path / "grey.onnx")
    report = run(tmp_path, plain, grey, face_model=tmp_path / "faces.onnx")
    first, second = report.styles
    assert first.wall is not None
    assert first.wall.painting is not None
    assert first.wall.contrast < 1
    assert first.wall.boldness == pytest.approx(first.wall.contrast / first.wall.painting)
    assert first.shimmers
    assert second.shimmers == [0.0] * len(first.shimmers)
    assert (first.faces_found, second.faces_found) == (1.0, 0.0)
    assert len(first.large_forms) == len(report.photos)
    assert json.loads(json.dumps(report.as_dict()))["styles"][1]["faces"] == {"found": 0.0, "shown": 2}


def test_large_forms_of_the_painting_itself_are_its_own(tmp_path: Path) -> None:
    painting = StyleImage("a", fixtures.random_picture(tmp_path / "a.png"))
    losses = PerceptualLosses(load_vgg(fixtures.small_vgg(tmp_path / "v.npz")), torch.device("cpu"))
    image = painting.read(128).astype(np.float32)
    assert losses.large_forms(image, painting) < 0.05
    assert losses.large_forms(np.full_like(image, 128), painting) > 0.2


def test_losses_are_measured_on_the_engines_results_at_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    measure = PerceptualLosses.measure

    def record_shape(self: PerceptualLosses, styled: Any, *others: Any) -> PerceptualLoss:
        seen.append(styled.shape)
        return measure(self, styled, *others)

    monkeypatch.setattr(PerceptualLosses, "measure", record_shape)
    run(tmp_path, bank(tmp_path / "b.onnx", "one"))
    assert seen == [(256, 256, 3), (96, 120, 3)] * 2


def test_banks_that_share_painting_and_weights_share_the_gatys_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizers = []

    def run_gatys_baseline(*arguments: Any, **options: Any) -> GatysBaseline:
        optimizers.append(arguments[4])
        return gatys_baseline_module.run_gatys_baseline(*arguments, **options)

    monkeypatch.setattr(evaluation_module, "run_gatys_baseline", run_gatys_baseline)
    (tmp_path / "other").mkdir()
    banks = [bank(tmp_path / "b.onnx", "one"), bank(tmp_path / "other" / "b.onnx", "one", licence="other")]
    report = run(tmp_path, *banks, gatys_photos=1)
    assert optimizers == ["adam", "lbfgs"]
    assert len({figures.label for figures in report.styles}) == 2


def test_banks_with_different_weights_are_noted(tmp_path: Path) -> None:
    banks = [bank(tmp_path / "a.onnx", "one"), bank(tmp_path / "b.onnx", "one", recipe='{"style": 4.5}')]
    assert any("--style-weight" in note for note in run(tmp_path, *banks).notes)
    assert run(tmp_path, *banks, style_weight=3.0).notes == []


def test_a_style_without_a_painting_gets_steadiness_and_cost_only(tmp_path: Path) -> None:
    path = bank(tmp_path / "b.onnx", "one", "two")
    config = evaluation_config(tmp_path, path)
    (tmp_path / "paintings" / "two.png").unlink()
    report = Evaluator(config).run()
    first, second = report.styles
    assert len(first.crops) == 2
    assert (second.crops, second.crop, second.equivalent_iterations("adam")) == ([], None, None)
    assert second.flickers
    assert second.costs
    assert any(note.startswith("two") for note in report.notes)


def test_a_busy_machine_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.resources.load_average", lambda: 4.2)
    assert any("load 4.2" in note for note in run(tmp_path, network(tmp_path / "plain.onnx")).notes)


def test_fewer_photographs_than_requested_are_noted(tmp_path: Path) -> None:
    report = run(tmp_path, network(tmp_path / "plain.onnx"), count=9)
    assert len(report.photos) == 3
    assert any("only 3" in note for note in report.notes)


def test_on_clips_the_warped_error_is_measured(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 180))
    picture = read_picture(fixtures.random_picture(tmp_path / "p.png"))
    assert picture is not None
    large = cv2.resize(picture, (480, 270))
    for number in range(22):
        writer.write(np.ascontiguousarray(large[:180, 4 * number : 4 * number + 320]))
    writer.release()
    report = run(tmp_path, network(tmp_path / "plain.onnx"), constant(tmp_path / "grey.onnx"), clips=(tmp_path,))
    plain, grey = (figures.warped_error for figures in report.styles)
    assert plain is not None
    assert grey is not None
    assert plain.styled == pytest.approx(plain.camera, rel=1e-3)
    assert 0 < plain.camera < 2
    assert grey.styled == 0
    assert [path.name for path in report.clips] == ["c.avi"]


def test_only_the_requested_styles_are_evaluated(tmp_path: Path) -> None:
    report = run(tmp_path, bank(tmp_path / "b.onnx", "one", "two"), styles=("b/two",))
    assert [figures.card.name for figures in report.styles] == ["two"]


def test_an_unknown_style_is_named(tmp_path: Path) -> None:
    with pytest.raises(StyleNotFoundError, match="three"):
        run(tmp_path, bank(tmp_path / "b.onnx", "one", "two"), styles=("three",))


def test_without_any_painting_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="--paintings DIR"):
        run(tmp_path, bank(tmp_path / "b.onnx", "one"), paintings=())


def test_after_a_stop_it_reports_what_is_done(tmp_path: Path) -> None:
    stop = threading.Event()
    reported = []

    def progress(done: float, what: str) -> None:
        reported.append(done)
        if what.endswith("flicker"):
            stop.set()

    report = Evaluator(
        evaluation_config(tmp_path, bank(tmp_path / "b.onnx", "one", "two")), progress=progress, stop=stop
    ).run()
    assert report.stopped
    assert report.styles[0].flickers
    assert not report.styles[0].crops
    assert reported == sorted(reported)
    assert json.dumps(report.as_dict())


def test_a_stop_within_gatys_method_keeps_the_losses_so_far(tmp_path: Path) -> None:
    stop = threading.Event()

    def progress(done: float, what: str) -> None:
        if what.endswith("adam 2"):
            stop.set()

    config = evaluation_config(tmp_path, bank(tmp_path / "b.onnx", "one"), gatys_photos=1, iterations=(1, 50))
    report = Evaluator(config, progress=progress, stop=stop).run()
    (baseline,) = report.styles[0].baselines
    assert (len(baseline.content), baseline.after(50)) == (3, None)


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    reported: list[float] = []
    config = evaluation_config(tmp_path, bank(tmp_path / "b.onnx", "one"), gatys_photos=1, baseline=True)
    Evaluator(config, progress=lambda done, what: reported.append(done)).run()
    assert reported[-1] == pytest.approx(1.0)
    assert reported[-2] < 1


def test_figures_are_written_into_the_card_and_no_weight_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.evaluation.quality.report.SIZE", Size(64, 48))
    path = bank(tmp_path / "b.onnx", "one", "two", licence="CC0-1.0")
    before = Model.read(path)
    report = run(tmp_path, path, styles=("two",), gatys_photos=1)
    assert list(write_cards(report)) == [path]
    after = Model.read(path)
    assert after.with_metadata({}) == before.with_metadata({})
    assert after.metadata["licence"] == "CC0-1.0"
    first, second = read_cards(after)
    assert first.measured is None
    assert second.measured is not None
    figures = report.styles[0]
    assert figures.crop is not None
    assert second.measured.content == pytest.approx(figures.crop.content, rel=1e-3)
    assert second.measured.ms == pytest.approx(figures.costs[Size(64, 48)].ms, rel=1e-3)
    assert second.measured.worth is not None
    assert second.measured.machine == str(report.environment)


def test_results_so_far_are_kept_when_gatys_method_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise TrainingFailedError("the memory does not suffice; lower --gatys-photos")

    monkeypatch.setattr("stylecam.evaluation.quality.evaluator.run_gatys_baseline", exhausted)
    report = run(tmp_path, network(tmp_path / "plain.onnx"), gatys_photos=1)
    assert report.stopped
    assert report.styles[0].crop is not None
    assert "lower --gatys-photos" in json.dumps(report.as_dict())


def test_a_network_that_cannot_be_run_at_all_is_an_error(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", [helper.make_node("NoSuchLayer", ["image"], ["styled"])])
    with pytest.raises(EngineRunError, match=r"a\.onnx"):
        run(tmp_path, path)

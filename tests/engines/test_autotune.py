"""The fastest engine is found, remembered, and never a broken one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylecam.engines import autotune as tuning
from stylecam.engines import factory as select
from stylecam.engines.autotune import MEASURE_SIZE, SMALL_MEASURE_SIZE, Autotuner
from stylecam.engines.base import Engine
from stylecam.errors import EngineUnavailableError
from stylecam.media.frame import Image
from stylecam.models.model import Model
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine, model

PLAIN = model()
BF16 = ("openvino", "cpu-bf16")


class Shelf:
    """Engines by name and device, of which each takes the milliseconds it is given, or fails."""

    def __init__(self, clock: ManualClock, **milliseconds: float) -> None:
        self.clock = clock
        self.costs: dict[tuple[str, str], float] = {(name, "cpu"): cost for name, cost in milliseconds.items()}
        self.missing: dict[tuple[str, str], str] = {}
        self.levels: dict[tuple[str, str], float] = {}
        self.troubles: dict[tuple[str, str], str] = {}
        self.unloadable: set[tuple[str, str]] = set()
        self.made: list[tuple[str, str]] = []
        self.engines: list[TintEngine] = []

    def make(self, name: str, device: str, threads: int | None) -> Engine:
        self.made.append((name, device))
        if (name, device) in self.missing:
            raise EngineUnavailableError(self.missing[name, device])
        engine = TintEngine(self.clock, lambda megapixels: self.costs[name, device] * megapixels / SIZE_MP)
        engine.name, engine.device = name, device
        engine.levels[PLAIN.key] = (self.levels.get((name, device), 0.2),)
        engine.trouble = self.troubles.get((name, device))
        engine.unloadable = {PLAIN.key} if (name, device) in self.unloadable else set()
        self.engines.append(engine)
        return engine

    @property
    def ran(self) -> int:
        return sum(len(engine.runs) for engine in self.engines)


SIZE_MP = MEASURE_SIZE.width * MEASURE_SIZE.height / 1e6


@pytest.fixture
def shelf(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf(clock, opencv=12.0, onnxruntime=7.0, openvino=6.0)
    monkeypatch.setattr(tuning, "candidates", lambda names, _: [c for c in made.costs if c[0] in names])
    return made


@pytest.fixture
def tuner(shelf: Shelf, clock: ManualClock, tmp_path: Path) -> Autotuner:
    return Autotuner(tmp_path / "cache" / "engines.json", clock, shelf.make, ("opencv", "onnxruntime", "openvino"))


def test_the_fastest_is_chosen_and_it_says_why(tuner: Autotuner) -> None:
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert choice.reason == "6.0 ms at 640×360 (ONNX Runtime 7.0, OpenCV 12.0)"


def test_half_precision_is_chosen_for_a_call_but_not_for_a_picture(tuner: Autotuner, shelf: Shelf) -> None:
    shelf.costs[BF16] = 3.9
    choice = tuner.choose(PLAIN)
    assert (choice.engine.name, choice.engine.device) == BF16
    assert choice.reason == "3.9 ms at 640×360 (OpenVINO 6.0, ONNX Runtime 7.0, OpenCV 12.0)"
    assert tuner.choose(PLAIN, exact=True).engine.device == "cpu"


def test_the_answer_is_remembered(tuner: Autotuner, shelf: Shelf) -> None:
    first = tuner.choose(PLAIN)
    ran = shelf.ran
    again = tuner.choose(PLAIN)
    assert shelf.ran == ran
    assert again.engine.name == first.engine.name
    assert again.reason == first.reason


def test_asked_to_it_measures_again(tuner: Autotuner, shelf: Shelf) -> None:
    tuner.choose(PLAIN)
    shelf.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert tuner.choose(PLAIN, retune=True).engine.name == "opencv"
    assert tuner.choose(PLAIN).engine.name == "opencv"


@pytest.mark.parametrize(
    "changed",
    [
        lambda patch: patch.setattr(tuning, "processor_name", lambda: "another processor"),
        lambda patch: patch.setattr(tuning, "usable_cores", lambda: 64),
        lambda patch: patch.setattr(tuning, "_versions", lambda _: ["onnxruntime 99"]),
        lambda patch: patch.setattr(tuning, "__version__", "99"),
        lambda patch: patch.setattr("cv2.__version__", "99"),
    ],
    ids=["processor", "cores", "libraries", "stylecam", "OpenCV"],
)
def test_the_answer_of_another_machine_is_not_believed(
    changed: Callable[[pytest.MonkeyPatch], None], tuner: Autotuner, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner.choose(PLAIN)
    shelf.costs["opencv", "cpu"] = 2.0
    changed(monkeypatch)
    assert tuner.choose(PLAIN).engine.name == "opencv"


def test_each_network_and_number_of_threads_has_its_own_answer(tuner: Autotuner, shelf: Shelf) -> None:
    tuner.choose(PLAIN)
    shelf.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(model("other")).engine.name == "opencv"
    assert tuner.choose(PLAIN, threads=1).engine.name == "opencv"
    assert tuner.choose(PLAIN).engine.name == "openvino"


def emptied(told: Any) -> Any:
    return []


def of_another_form(told: Any) -> Any:
    return {"answers": told}


def with_a_missing_part(told: Any) -> Any:
    del told[0]["measured"][0]["milliseconds"]
    return told


def with_an_unknown_engine(told: Any) -> Any:
    told[0]["measured"][0]["engine"] = "abacus"
    return told


def with_a_time_that_is_none(told: Any) -> Any:
    told[0]["measured"][0]["milliseconds"] = "fast"
    return told


def with_nothing_measured(told: Any) -> Any:
    return [{**entry, "measured": []} for entry in told]


def with_a_size_that_is_none(told: Any) -> Any:
    return [{**entry, "size": [640]} for entry in told]


@pytest.mark.parametrize(
    "damage",
    [
        emptied,
        of_another_form,
        with_a_missing_part,
        with_an_unknown_engine,
        with_a_time_that_is_none,
        with_nothing_measured,
        with_a_size_that_is_none,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_file_that_makes_no_sense_is_measured_anew(
    damage: Callable[[Any], Any], tuner: Autotuner, shelf: Shelf
) -> None:
    tuner.choose(PLAIN)
    tuner.path.write_text(json.dumps(damage(json.loads(tuner.path.read_text()))))
    shelf.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(PLAIN).engine.name == "opencv"
    ran = shelf.ran
    assert tuner.choose(PLAIN).engine.name == "opencv"
    assert shelf.ran == ran


@pytest.mark.parametrize("data", [b"", b"\xff\x00\x80", b'[{"for": ', b"7", b'["x"]'], ids=repr)
def test_a_damaged_file_is_measured_anew(data: bytes, tuner: Autotuner) -> None:
    tuner.choose(PLAIN)
    tuner.path.write_bytes(data)
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert json.loads(tuner.path.read_text())


def test_a_place_that_cannot_be_written_only_costs_the_time(shelf: Shelf, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    tuner = Autotuner(tmp_path / "file" / "engines.json", clock, shelf.make, ("opencv", "openvino"))
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert tuner.choose(PLAIN).engine.name == "openvino"


def test_only_so_many_answers_are_kept_and_the_newest_first(tuner: Autotuner) -> None:
    for number in range(tuning.MAX_ENTRIES + 3):
        tuner.choose(model(f"network {number}"))
    told = json.loads(tuner.path.read_text())
    assert len(told) == tuning.MAX_ENTRIES
    assert told[0]["for"]["network"] == f"network {tuning.MAX_ENTRIES + 2}"


def test_a_broken_engine_is_passed_over_with_its_reason(tuner: Autotuner, shelf: Shelf) -> None:
    shelf.missing["openvino", "cpu"] = "OpenVINO is installed and cannot be loaded"
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "onnxruntime"
    assert choice.reason is not None
    assert choice.reason.endswith("(OpenCV 12.0, without OpenVINO: OpenVINO is installed and cannot be loaded)")


def test_an_engine_that_cannot_load_the_network_is_passed_over(tuner: Autotuner, shelf: Shelf) -> None:
    shelf.unloadable.add(("openvino", "cpu"))
    assert tuner.choose(PLAIN).engine.name == "onnxruntime"


def test_a_device_that_gave_way_to_the_processor_is_passed_over(tuner: Autotuner, shelf: Shelf) -> None:
    shelf.costs["onnxruntime", "cuda"] = 1.0
    shelf.troubles["onnxruntime", "cuda"] = "it finds no such device"
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert "without ONNX Runtime cuda: it finds no such device" in str(choice.reason)


@pytest.mark.parametrize(
    ("device", "levels", "used"), [("cpu", 2, True), ("cpu", 3, False), ("cpu-bf16", 4, True), ("cpu-bf16", 5, False)]
)
def test_an_engine_that_paints_something_else_is_passed_over(
    device: str, levels: int, used: bool, tuner: Autotuner, shelf: Shelf
) -> None:
    shelf.costs["openvino", device] = 1.0
    shelf.levels["openvino", device] = 0.2 + levels / 255
    choice = tuner.choose(PLAIN)
    assert ((choice.engine.name, choice.engine.device) == ("openvino", device)) is used
    assert (f"its picture differs by {levels} of 255 levels" in str(choice.reason)) is not used


def test_where_none_can_be_used_all_reasons_are_told(tuner: Autotuner, shelf: Shelf) -> None:
    for name, device in shelf.costs:
        shelf.missing[name, device] = f"{name} is broken"
    with pytest.raises(EngineUnavailableError, match=r"opencv is broken.*onnxruntime is broken.*openvino is broken"):
        tuner.choose(PLAIN)


def test_an_answer_that_no_longer_holds_is_measured_anew(tuner: Autotuner, shelf: Shelf) -> None:
    tuner.choose(PLAIN)
    shelf.missing["openvino", "cpu"] = "gone"
    assert tuner.choose(PLAIN).engine.name == "onnxruntime"


def test_with_one_engine_nothing_is_measured(shelf: Shelf, clock: ManualClock, tmp_path: Path) -> None:
    choice = Autotuner(tmp_path / "engines.json", clock, shelf.make, ("opencv",)).choose(PLAIN)
    assert choice.engine.name == "opencv"
    assert choice.reason is None
    assert shelf.ran == 0
    assert list(tmp_path.iterdir()) == []


def test_it_takes_about_a_second(tuner: Autotuner, shelf: Shelf, clock: ManualClock) -> None:
    shelf.costs[BF16] = 4.0
    began = clock.now()
    tuner.choose(PLAIN)
    assert clock.now() - began < 1.0


def test_a_heavy_network_is_measured_on_a_small_picture(tuner: Autotuner, shelf: Shelf, clock: ManualClock) -> None:
    shelf.costs = {name: cost * 60 for name, cost in shelf.costs.items()}
    began = clock.now()
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert f"at {SMALL_MEASURE_SIZE.width}×{SMALL_MEASURE_SIZE.height}" in str(choice.reason)
    assert clock.now() - began < 3.0


def test_a_busy_moment_does_not_decide(tuner: Autotuner, shelf: Shelf, clock: ManualClock) -> None:
    """The second turn finds the fastest, which something else held up in the first."""
    runs = {"openvino": 0}

    def make(name: str, device: str, threads: int | None) -> Engine:
        engine = shelf.make(name, device, threads)
        if name == "openvino" and isinstance(engine, TintEngine):
            engine.on_run = lambda: held_up()
        return engine

    def held_up() -> None:
        runs["openvino"] += 1
        if runs["openvino"] < 4:
            clock.advance(0.05)

    assert Autotuner(tuner.path, clock, make, tuner.names).choose(PLAIN).engine.name == "openvino"


def test_the_installed_engines_are_really_measured(bank: Model, tmp_path: Path) -> None:
    from stylecam.utils.clock import SystemClock

    tuner = Autotuner(tmp_path / "engines.json", SystemClock())
    choice = tuner.choose(bank)
    assert choice.engine.name in tuner.names
    assert (choice.reason is None) == (len(select.candidates(tuner.names)) == 1)
    weights = bank.one_hot()
    painted: Image = choice.engine.session(bank, 64, 48).stylize(
        tuning._picture(SMALL_MEASURE_SIZE)[:48, :64].copy(), weights
    )
    assert painted.shape == (48, 64, 3)


def test_pictures_are_as_far_apart_as_all_but_a_few_of_their_numbers() -> None:
    import numpy as np

    one = np.full((1000, 1000, 3), 100, np.uint8)
    other = one.copy()
    other[0, :10] = 109  # 30 of 3,000,000
    assert tuning.max_difference(one, other) == 0
    other[0, 10] = 105
    assert tuning.max_difference(one, other) == 5
    assert tuning.max_difference(one, one + np.uint8(3)) == 3

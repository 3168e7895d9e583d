"""Tests of choosing the fastest working engine and of caching the choice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecam.engines import autotune, factory
from stylecam.engines.autotune import MEASURE_SIZE, SMALL_MEASURE_SIZE, Autotuner
from stylecam.engines.base import Engine
from stylecam.errors import EngineRunError, EngineUnavailableError
from stylecam.media.frame import Image
from stylecam.models.model import Model
from stylecam.utils import hint_file
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine, model

PLAIN = model()
BF16 = ("openvino", "cpu-bf16")


class FakeEngines:
    """Makes engines by name and device that take the given milliseconds per run, or fail."""

    def __init__(self, clock: ManualClock, **milliseconds: float) -> None:
        self.clock = clock
        self.costs: dict[tuple[str, str], float] = {(name, "cpu"): cost for name, cost in milliseconds.items()}
        self.missing: dict[tuple[str, str], str] = {}
        self.levels: dict[tuple[str, str], float] = {}
        self.fallback_reasons: dict[tuple[str, str], str] = {}
        self.unloadable: set[tuple[str, str]] = set()
        self.requested: list[tuple[str, str]] = []
        self.created: list[TintEngine] = []

    def make(self, name: str, device: str, threads: int | None) -> Engine:
        self.requested.append((name, device))
        if (name, device) in self.missing:
            raise EngineUnavailableError(self.missing[name, device])
        engine = TintEngine(self.clock, lambda megapixels: self.costs[name, device] * megapixels / SIZE_MP)
        engine.name, engine.device = name, device
        engine.levels[PLAIN.key] = (self.levels.get((name, device), 0.2),)
        engine.trouble = self.fallback_reasons.get((name, device))
        engine.unloadable = {PLAIN.key} if (name, device) in self.unloadable else set()
        self.created.append(engine)
        return engine

    @property
    def run_count(self) -> int:
        return sum(len(engine.runs) for engine in self.created)


SIZE_MP = MEASURE_SIZE.width * MEASURE_SIZE.height / 1e6


@pytest.fixture
def engines(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> FakeEngines:
    fakes = FakeEngines(clock, opencv=12.0, onnxruntime=7.0, openvino=6.0)
    monkeypatch.setattr(autotune, "candidates", lambda names, _: [c for c in fakes.costs if c[0] in names])
    return fakes


def idle() -> bool:
    return False


@pytest.fixture
def tuner(engines: FakeEngines, clock: ManualClock, tmp_path: Path) -> Autotuner:
    return Autotuner(
        tmp_path / "cache" / "engines.json", clock, engines.make, ("opencv", "onnxruntime", "openvino"), idle
    )


def test_the_fastest_engine_is_chosen_and_the_reason_lists_all_times(tuner: Autotuner) -> None:
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert choice.reason == "6.0 ms at 640×360 (ONNX Runtime 7.0, OpenCV 12.0)"


def test_reduced_precision_is_chosen_unless_exact_results_are_required(tuner: Autotuner, engines: FakeEngines) -> None:
    engines.costs[BF16] = 3.9
    choice = tuner.choose(PLAIN)
    assert (choice.engine.name, choice.engine.device) == BF16
    assert choice.reason == "3.9 ms at 640×360 (OpenVINO 6.0, ONNX Runtime 7.0, OpenCV 12.0)"
    assert tuner.choose(PLAIN, exact=True).engine.device == "cpu"


def test_the_choice_is_cached(tuner: Autotuner, engines: FakeEngines) -> None:
    first = tuner.choose(PLAIN)
    runs_before = engines.run_count
    cached = tuner.choose(PLAIN)
    assert engines.run_count == runs_before
    assert cached.engine.name == first.engine.name
    assert cached.reason == first.reason


def test_what_was_measured_is_recalled_for_this_network_only_and_nothing_is_measured_for_it(
    tuner: Autotuner, engines: FakeEngines
) -> None:
    assert tuner.recall(PLAIN) is None
    assert engines.run_count == 0
    chosen = tuner.choose(PLAIN)
    runs_before = engines.run_count
    recalled = tuner.recall(PLAIN)
    assert recalled is not None
    assert (recalled.engine.name, recalled.reason) == (chosen.engine.name, chosen.reason)
    assert tuner.recall(model("another")) is None
    assert engines.run_count == runs_before


def test_what_was_measured_on_a_busy_computer_is_measured_again_once_it_is_idle(
    tuner: Autotuner, engines: FakeEngines
) -> None:
    busy = replace(tuner, busy=lambda: True)
    engine = engines.make("opencv", "cpu", None)

    def found(by: Autotuner) -> tuple[str, int]:
        return by.choose(PLAIN).engine.name, round(by.speed(PLAIN, engine) * SIZE_MP)

    assert found(busy) == ("openvino", 12)
    engines.costs["opencv", "cpu"] = 2.0
    assert found(busy) == ("openvino", 12)
    assert found(tuner) == ("opencv", 2)
    engines.costs["opencv", "cpu"] = 99.0
    assert found(tuner) == found(busy) == ("opencv", 2)


def test_retuning_measures_again(tuner: Autotuner, engines: FakeEngines) -> None:
    tuner.choose(PLAIN)
    engines.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert tuner.choose(PLAIN, retune=True).engine.name == "opencv"
    assert tuner.choose(PLAIN).engine.name == "opencv"


@pytest.mark.parametrize(
    "changed",
    [
        lambda patch: patch.setattr(autotune, "processor_name", lambda: "another processor"),
        lambda patch: patch.setattr(autotune, "usable_cores", lambda: 64),
        lambda patch: patch.setattr(autotune, "_versions", lambda _: ["onnxruntime 99"]),
        lambda patch: patch.setattr(autotune, "__version__", "99"),
        lambda patch: patch.setattr("cv2.__version__", "99"),
    ],
    ids=["processor", "cores", "libraries", "stylecam", "OpenCV"],
)
def test_a_choice_made_in_another_environment_is_not_used(
    changed: Callable[[pytest.MonkeyPatch], None],
    tuner: Autotuner,
    engines: FakeEngines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tuner.choose(PLAIN)
    engines.costs["opencv", "cpu"] = 2.0
    changed(monkeypatch)
    assert tuner.choose(PLAIN).engine.name == "opencv"


def test_each_network_and_number_of_threads_has_its_own_choice(tuner: Autotuner, engines: FakeEngines) -> None:
    tuner.choose(PLAIN)
    engines.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(model("other")).engine.name == "opencv"
    assert tuner.choose(PLAIN, threads=1).engine.name == "opencv"
    assert tuner.choose(PLAIN).engine.name == "openvino"


def empty(entries: Any) -> Any:
    return []


def not_a_list(entries: Any) -> Any:
    return {"entries": entries}


def without_a_time(entries: Any) -> Any:
    del entries[0]["measured"][0]["milliseconds"]
    return entries


def with_an_unknown_engine(entries: Any) -> Any:
    entries[0]["measured"][0]["engine"] = "abacus"
    return entries


def with_a_time_as_text(entries: Any) -> Any:
    entries[0]["measured"][0]["milliseconds"] = "fast"
    return entries


def without_timings(entries: Any) -> Any:
    return [{**entry, "measured": []} for entry in entries]


def with_half_a_size(entries: Any) -> Any:
    return [{**entry, "size": [640]} for entry in entries]


@pytest.mark.parametrize(
    "damage",
    [
        empty,
        not_a_list,
        without_a_time,
        with_an_unknown_engine,
        with_a_time_as_text,
        without_timings,
        with_half_a_size,
    ],
    ids=lambda damage: damage.__name__,
)
def test_with_an_invalid_cache_the_engines_are_measured_again(
    damage: Callable[[Any], Any], tuner: Autotuner, engines: FakeEngines
) -> None:
    tuner.choose(PLAIN)
    tuner.path.write_text(json.dumps(damage(json.loads(tuner.path.read_text()))))
    engines.costs["opencv", "cpu"] = 2.0
    assert tuner.choose(PLAIN).engine.name == "opencv"
    runs_before = engines.run_count
    assert tuner.choose(PLAIN).engine.name == "opencv"
    assert engines.run_count == runs_before


@pytest.mark.parametrize("data", [b"", b"\xff\x00\x80", b'[{"for": ', b"7", b'["x"]'], ids=repr)
def test_with_a_damaged_cache_file_the_engines_are_measured_again(data: bytes, tuner: Autotuner) -> None:
    tuner.choose(PLAIN)
    tuner.path.write_bytes(data)
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert json.loads(tuner.path.read_text())


def test_a_cache_that_cannot_be_written_is_no_error(engines: FakeEngines, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    tuner = Autotuner(tmp_path / "file" / "engines.json", clock, engines.make, ("opencv", "openvino"), idle)
    assert tuner.choose(PLAIN).engine.name == "openvino"
    assert tuner.choose(PLAIN).engine.name == "openvino"


def test_the_cache_is_limited_and_lists_the_newest_first(tuner: Autotuner) -> None:
    for number in range(hint_file.MAX_ENTRIES + 3):
        tuner.choose(model(f"network {number}"))
    entries = json.loads(tuner.path.read_text())
    assert len(entries) == hint_file.MAX_ENTRIES
    assert entries[0]["for"]["network"] == f"network {hint_file.MAX_ENTRIES + 2}"


def test_a_broken_engine_is_skipped_and_the_reason_is_given(tuner: Autotuner, engines: FakeEngines) -> None:
    engines.missing["openvino", "cpu"] = "OpenVINO is installed and cannot be loaded"
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "onnxruntime"
    assert choice.reason is not None
    assert choice.reason.endswith("(OpenCV 12.0, without OpenVINO: OpenVINO is installed and cannot be loaded)")


def test_an_engine_that_cannot_load_the_network_is_skipped(tuner: Autotuner, engines: FakeEngines) -> None:
    engines.unloadable.add(("openvino", "cpu"))
    assert tuner.choose(PLAIN).engine.name == "onnxruntime"


def test_a_device_that_fell_back_to_the_cpu_is_skipped(tuner: Autotuner, engines: FakeEngines) -> None:
    engines.costs["onnxruntime", "cuda"] = 1.0
    engines.fallback_reasons["onnxruntime", "cuda"] = "it finds no such device"
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert "without ONNX Runtime cuda: it finds no such device" in str(choice.reason)


@pytest.mark.parametrize(
    ("device", "levels", "fault"),
    [
        ("cpu", 2, None),
        ("cpu", 3, "its picture differs by 3 of 255 levels, and may by 2"),
        ("cpu-bf16", 2, None),
        ("cpu-bf16", 3, "its picture has 39 dB against full precision, and needs 40"),
    ],
)
def test_an_engine_whose_picture_differs_too_much_is_skipped(
    device: str, levels: int, fault: str | None, tuner: Autotuner, engines: FakeEngines
) -> None:
    engines.costs["openvino", device] = 1.0
    engines.levels["openvino", device] = 0.2 + levels / 255
    choice = tuner.choose(PLAIN)
    assert ((choice.engine.name, choice.engine.device) == ("openvino", device)) is (fault is None)
    assert fault is None or fault in str(choice.reason)


@pytest.mark.parametrize(("style", "used"), [(None, True), (0, False), (2, False), (31, False), (32, True)])
def test_at_reduced_precision_every_style_is_compared_up_to_a_number(
    style: int | None, used: bool, tuner: Autotuner, engines: FakeEngines
) -> None:
    """Only the style of this number, of 40, comes out otherwise in bfloat16."""
    bank = model("many", 40)
    engines.costs[BF16] = 1.0

    def make(name: str, device: str, threads: int | None) -> Engine:
        engine = engines.make(name, device, threads)
        assert isinstance(engine, TintEngine)
        is_other = device == "cpu-bf16"
        engine.levels[bank.key] = tuple(0.5 if is_other and number == style else 0.2 for number in range(40))
        return engine

    choice = Autotuner(tuner.path, tuner.clock, make, tuner.names, idle).choose(bank)
    assert (choice.engine.device == "cpu-bf16") is used
    name = "" if style == 0 else f" in many_{style + 1}" if style else ""
    assert used or f"without OpenVINO bf16: its picture{name} has 10 dB against full precision" in str(choice.reason)


def test_if_no_engine_works_all_reasons_are_given(tuner: Autotuner, engines: FakeEngines) -> None:
    for name, device in engines.costs:
        engines.missing[name, device] = f"{name} is broken"
    with pytest.raises(EngineUnavailableError, match=r"opencv is broken.*onnxruntime is broken.*openvino is broken"):
        tuner.choose(PLAIN)


def test_if_the_cached_engine_is_missing_the_engines_are_measured_again(tuner: Autotuner, engines: FakeEngines) -> None:
    tuner.choose(PLAIN)
    engines.missing["openvino", "cpu"] = "gone"
    assert tuner.choose(PLAIN).engine.name == "onnxruntime"


def test_with_one_engine_nothing_is_measured(engines: FakeEngines, clock: ManualClock, tmp_path: Path) -> None:
    choice = Autotuner(tmp_path / "engines.json", clock, engines.make, ("opencv",)).choose(PLAIN)
    assert choice.engine.name == "opencv"
    assert choice.reason is None
    assert engines.run_count == 0
    assert list(tmp_path.iterdir()) == []


def test_measuring_takes_less_than_a_second(tuner: Autotuner, engines: FakeEngines, clock: ManualClock) -> None:
    engines.costs[BF16] = 4.0
    started_at = clock.now()
    tuner.choose(PLAIN)
    assert clock.now() - started_at < 1.0


def test_a_heavy_network_is_measured_on_a_small_picture(
    tuner: Autotuner, engines: FakeEngines, clock: ManualClock
) -> None:
    engines.costs = {name: cost * 60 for name, cost in engines.costs.items()}
    started_at = clock.now()
    choice = tuner.choose(PLAIN)
    assert choice.engine.name == "openvino"
    assert f"at {SMALL_MEASURE_SIZE.width}×{SMALL_MEASURE_SIZE.height}" in str(choice.reason)
    assert clock.now() - started_at < 3.0


@pytest.mark.parametrize(("factor", "measured"), [(1.0, "640×360"), (20.0, "256×144")], ids=["idle", "busy"])
def test_reduced_precision_is_judged_at_the_same_size_however_busy_the_computer_is(
    factor: float, measured: str, tuner: Autotuner, engines: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def spotted(painted: Image, reference: Image) -> str | None:
        judged.append(painted.shape[1])
        return "has a spot" if painted.shape[1] == MEASURE_SIZE.width else None

    monkeypatch.setattr(autotune, "visible_fault", spotted)
    engines.costs = {each: factor * cost for each, cost in (engines.costs | {BF16: 1.0}).items()}
    choice = tuner.choose(PLAIN)
    assert (choice.engine.name, choice.engine.device) == ("openvino", "cpu")
    assert f"ms at {measured} " in str(choice.reason)
    assert "without OpenVINO bf16: its picture has a spot" in str(choice.reason)
    assert judged[-1] == MEASURE_SIZE.width


def test_a_choice_tells_how_fast_the_engine_is(tuner: Autotuner) -> None:
    for _ in range(2):  # measured, and cached
        assert tuner.choose(PLAIN).ms_per_megapixel == pytest.approx(6.0 / SIZE_MP)


def test_the_speed_of_one_engine_is_measured_and_cached(tuner: Autotuner, engines: FakeEngines) -> None:
    engine = engines.make("onnxruntime", "cpu", None)
    assert tuner.speed(PLAIN, engine) == pytest.approx(7.0 / SIZE_MP)
    engines.costs["onnxruntime", "cpu"] = 9.0
    runs_before = engines.run_count
    assert tuner.speed(PLAIN, engine) == pytest.approx(7.0 / SIZE_MP)
    assert engines.run_count == runs_before
    assert tuner.speed(PLAIN, engine, threads=1) == pytest.approx(9.0 / SIZE_MP)
    assert tuner.speed(PLAIN, engine, retune=True) == pytest.approx(9.0 / SIZE_MP)
    assert tuner.speed(PLAIN, engines.make("opencv", "cpu", None)) == pytest.approx(12.0 / SIZE_MP)
    assert tuner.choose(PLAIN).engine.name == "openvino"


def test_the_speed_of_a_slow_engine_is_measured_on_a_small_picture(
    tuner: Autotuner, engines: FakeEngines, clock: ManualClock
) -> None:
    engines.costs["opencv", "cpu"] = 700.0
    started_at = clock.now()
    assert tuner.speed(PLAIN, engines.make("opencv", "cpu", None)) == pytest.approx(700.0 / SIZE_MP, rel=0.01)
    assert clock.now() - started_at < 3.0


def test_the_speed_of_an_engine_that_cannot_load_the_network_is_an_error(
    tuner: Autotuner, engines: FakeEngines
) -> None:
    engines.unloadable.add(("opencv", "cpu"))
    with pytest.raises(EngineRunError, match="cannot be loaded"):
        tuner.speed(PLAIN, engines.make("opencv", "cpu", None))


def test_a_short_delay_does_not_change_the_choice(tuner: Autotuner, engines: FakeEngines, clock: ManualClock) -> None:
    """The second round of runs finds the fastest engine, which was delayed in the first round."""
    runs = {"openvino": 0}

    def make(name: str, device: str, threads: int | None) -> Engine:
        engine = engines.make(name, device, threads)
        if name == "openvino" and isinstance(engine, TintEngine):
            engine.on_run = lambda: delay_first_runs()
        return engine

    def delay_first_runs() -> None:
        runs["openvino"] += 1
        if runs["openvino"] < 4:
            clock.advance(0.05)

    assert Autotuner(tuner.path, clock, make, tuner.names, idle).choose(PLAIN).engine.name == "openvino"


def test_the_installed_engines_are_measured(bank: Model, tmp_path: Path) -> None:
    from stylecam.utils.clock import SystemClock

    tuner = Autotuner(tmp_path / "engines.json", SystemClock())
    choice = tuner.choose(bank)
    assert choice.engine.name in tuner.names
    assert (choice.reason is None) == (len(factory.candidates(tuner.names)) == 1)
    weights = bank.one_hot()
    styled: Image = choice.engine.session(bank, 64, 48).stylize(
        autotune.sample_picture(SMALL_MEASURE_SIZE)[:48, :64].copy(), weights
    )
    assert styled.shape == (48, 64, 3)

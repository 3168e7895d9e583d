"""Which engine runs each network of a live run: never another than the one asked for, and always one that works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.engines.autotune import Autotuner, EngineChoice
from stylecam.engines.base import Engine
from stylecam.errors import EngineError, EngineRunError, EngineUnavailableError
from stylecam.live import engine_choice
from stylecam.live.engine_choice import EngineChooser
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import ManualClock
from stylecam.utils.resources import allowed_threads, limit_threads, usable_cores
from tests.doubles import ManualSessionPool, TintEngine, frame, model

SIZE = Size(128, 72)
LEAN, RICH, OWN = model("lean"), replace(model("rich"), tier="rich"), model("own")
EXACT, BF16 = "openvino cpu", "openvino cpu-bf16"


class Computer:
    """A computer with fake engines: what the autotuner would choose for each network, and what fails.

    Attributes:
        fastest: the engine and device of each network, by its key.
        known: the networks that were measured before.
        failing: the engines, with their devices, that can run nothing.
        measured: the networks that were measured in this run, each with whether it was asked to measure again.
    """

    def __init__(self) -> None:
        self.fastest: dict[str, str] = {}
        self.known: set[str] = set()
        self.failing: set[str] = set()
        self.measured: list[tuple[str, bool]] = []

    def make(self, name: str, device: str = "auto", threads: int | None = None) -> Engine:
        """Stands for `make_engine`."""
        engine = TintEngine()
        engine.name, engine.version, engine.device = name, name.title(), "cpu" if device == "auto" else device
        if f"{name} {engine.device}" in self.failing:
            engine.unloadable |= {each.key for each in (LEAN, RICH, OWN)}
        return engine

    def choose(
        self, tuner: Autotuner, model: Model, _: str, threads: int | None, *, exact: bool = False, retune: bool = False
    ) -> EngineChoice:
        """Stands for `Autotuner.choose`."""
        if not exact:
            self.measured.append((model.key, retune))
        return self._choice(tuner, model, threads, EXACT if exact else self.fastest[model.key])

    def recall(self, tuner: Autotuner, model: Model, _: str, threads: int | None) -> EngineChoice | None:
        """Stands for `Autotuner.recall`."""
        return self._choice(tuner, model, threads, self.fastest[model.key]) if model.key in self.known else None

    def _choice(self, tuner: Autotuner, model: Model, threads: int | None, engine: str) -> EngineChoice:
        name, device = engine.split()
        return EngineChoice(tuner.make(name, device, threads), f"{model.key} by {engine}", 21.7)


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    found = Computer()
    found.fastest = {"lean": EXACT, "rich": BF16, "own": BF16}
    monkeypatch.setattr(engine_choice, "make_engine", found.make)
    monkeypatch.setattr(Autotuner, "choose", lambda *a, **k: found.choose(*a, **k))
    monkeypatch.setattr(Autotuner, "recall", lambda *a, **k: found.recall(*a, **k))
    return found


class Run:
    """A run with the networks of the gallery and one of the user's own, which starts with `first`."""

    def __init__(self, first: Model | None = LEAN, **settings: Any) -> None:
        self.engines = EngineChooser(Settings(**settings), ManualClock())
        self.look = look(first)

    def load(self) -> FrameStylizer:
        self.pool, stylizer = self.engines.load(self.look, [LEAN, RICH, OWN], self._start)
        return stylizer

    def _start(self, engine_of: Callable[[Model], Engine]) -> tuple[SessionPool, FrameStylizer]:
        pool = ManualSessionPool(TintEngine(), PADDING)
        pool.engine_of = engine_of
        return pool, FrameStylizer(pool, SIZE, 30.0, ManualClock(), lambda *_: None)

    def names(self) -> list[str]:
        return [f"{engine.name} {engine.device}" for engine in map(self.engines.engine_of, (LEAN, RICH, OWN))]


def look(network: Model | None) -> Look:
    return Look(None if network is None else StyleMix(network, network.one_hot(), network.key))


def test_each_tier_has_its_own_engine_whichever_network_comes_first(computer: Computer) -> None:
    for first in (LEAN, RICH):
        run = Run(first)
        run.load()
        assert run.names()[:2] == [EXACT, BF16]
        assert [run.engines.status(each).reason for each in (LEAN, RICH)] == [f"lean by {EXACT}", f"rich by {BF16}"]
        assert run.engines.status(RICH).device == "cpu-bf16"


def test_a_network_that_was_never_measured_runs_in_full_precision(computer: Computer) -> None:
    computer.fastest["lean"] = BF16
    run = Run()
    run.load()
    assert run.names() == [BF16, BF16, EXACT]
    assert [run.engines.status(each).device for each in (OWN, None)] == ["cpu", "cpu"]
    assert run.engines.status(OWN).reason is None
    assert [key for key, _ in computer.measured] == ["lean", "rich"], "measuring all would hold up the start"


def test_two_styles_at_once_run_with_the_engine_of_their_bank(computer: Computer) -> None:
    pair = replace(RICH, key="rich.two", bank=RICH)
    for first in (LEAN, pair):
        run = Run(first)
        run.load()
        assert run.engines.engine_of(pair) is run.engines.engine_of(RICH)
        assert run.engines.status(pair).reason == f"rich by {BF16}"
    assert "rich.two" not in [key for key, _ in computer.measured]


def test_what_was_measured_before_counts(computer: Computer) -> None:
    computer.known.add("own")
    run = Run()
    run.load()
    assert run.names() == [EXACT, BF16, BF16]


def test_the_device_that_was_asked_for_runs_all_networks(computer: Computer) -> None:
    computer.fastest["lean"] = BF16
    run = Run(device="cpu-bf16")
    run.load()
    assert run.names() == [BF16, BF16, BF16]


def test_a_network_is_measured_once_in_a_run_also_with_retune(computer: Computer) -> None:
    run = Run(RICH, retune=True)
    engine, ms_per_megapixel = run.engines.speed(RICH)
    run.load()
    assert (engine, ms_per_megapixel) == (run.engines.engine_of(RICH), 21.7)
    assert computer.measured == [("rich", True), ("lean", True)]


def test_an_engine_that_was_asked_for_runs_all_networks_and_only_its_speed_is_measured(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Autotuner, "speed", lambda _, __, engine, ___, *, retune: 50.0 if retune else 160.0)
    run = Run(engine="onnxruntime", retune=True)
    engine, ms_per_megapixel = run.engines.speed(RICH)
    run.load()
    assert (engine.name, ms_per_megapixel) == ("onnxruntime", 50.0)
    assert run.names() == ["onnxruntime cpu"] * 3
    assert run.engines.status(RICH).reason is None
    assert computer.measured == []


def test_the_speed_of_the_only_engine_is_measured(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Autotuner, "choose", lambda tuner, *_, **__: EngineChoice(tuner.make("opencv", "cpu", None)))
    monkeypatch.setattr(Autotuner, "speed", lambda *_, **__: 160.0)
    engine, ms_per_megapixel = Run().engines.speed(RICH)
    assert (engine.name, ms_per_megapixel) == ("opencv", 160.0)


def test_without_any_network_opencv_does(computer: Computer) -> None:
    engines = EngineChooser(Settings(), ManualClock())
    pool = ManualSessionPool(TintEngine(), PADDING)
    engines.load(Look(), [], lambda _: (pool, FrameStylizer(pool, SIZE, 30.0, ManualClock(), lambda *_: None)))
    assert (engines.status(None).name, engines.status(None).reason) == ("opencv", None)


def test_an_engine_that_is_not_installed_is_refused_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Engine:
        raise EngineUnavailableError("OpenVINO is not installed")

    monkeypatch.setattr(engine_choice, "make_engine", missing)
    with pytest.raises(EngineUnavailableError):
        EngineChooser(Settings(engine="openvino"), ManualClock())


@pytest.mark.parametrize(
    ("settings", "fastest", "failed"),
    [
        ({}, EXACT, EXACT),
        ({}, "opencv cuda", "opencv cuda"),
        ({"device": "cuda"}, "onnxruntime cuda", "onnxruntime cuda"),
    ],
    ids=["the fastest", "its card", "the fastest on a device"],
)
def test_what_nobody_asked_for_and_fails_gives_way_to_opencv(
    settings: dict[str, Any], fastest: str, failed: str, computer: Computer, caplog: pytest.LogCaptureFixture
) -> None:
    computer.fastest |= {"lean": fastest}
    computer.failing.add(failed)
    run = Run(**settings)
    run.load()
    assert run.names() == ["opencv cpu"] * 3
    name, device = failed.split()
    assert caplog.messages == [
        f"{name.title()} on {device} does not work (lean cannot be loaded); going on with OpenCV"
    ]


@pytest.mark.parametrize(
    ("settings", "fastest", "failed"),
    [
        ({"engine": "openvino"}, EXACT, EXACT),
        ({"engine": "opencv", "device": "cuda"}, EXACT, "opencv cuda"),
        ({}, "opencv cpu", "opencv cpu"),
    ],
    ids=["an engine", "a device", "the last resort"],
)
def test_what_was_asked_for_or_is_the_last_resort_is_not_replaced(
    settings: dict[str, Any], fastest: str, failed: str, computer: Computer
) -> None:
    computer.fastest |= {"lean": fastest}
    computer.failing.add(failed)
    with pytest.raises(EngineError, match="cannot be loaded"):
        Run(**settings).load()


def test_an_engine_that_fails_when_it_is_tried_for_the_other_tier_holds_up_nothing(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(tuner: Autotuner, network: Model, *arguments: Any, **options: Any) -> EngineChoice:
        if network is RICH:
            raise EngineRunError("it fell apart")
        return computer.choose(tuner, network, *arguments, **options)

    monkeypatch.setattr(Autotuner, "choose", choose)
    run = Run()
    run.load()
    assert run.names() == [EXACT, EXACT, EXACT]


def test_without_an_engine_of_full_precision_the_run_starts_all_the_same(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(tuner: Autotuner, network: Model, *arguments: Any, **options: Any) -> EngineChoice:
        if options.get("exact"):
            raise EngineUnavailableError("no engine can be used here")
        return computer.choose(tuner, network, *arguments, **options)

    computer.fastest["lean"] = BF16
    monkeypatch.setattr(Autotuner, "choose", choose)
    run = Run()
    run.load()
    assert run.names() == [BF16, BF16, BF16]


def test_networks_have_a_spare_engine_unless_one_was_asked_for(computer: Computer) -> None:
    for requested, spare in (("auto", "opencv"), ("openvino", None)):
        run = Run(engine=requested)
        run.load()
        assert getattr(run.pool.fallback, "name", None) == spare


def test_a_morph_from_one_tier_to_the_other_runs_each_network_with_its_engine(computer: Computer) -> None:
    run = Run()
    stylizer = run.load()
    lean, rich = run.engines.engine_of(LEAN), run.engines.engine_of(RICH)
    assert isinstance(lean, TintEngine)
    assert isinstance(rich, TintEngine)
    assert lean is not rich
    pool = run.pool
    assert isinstance(pool, ManualSessionPool)
    for number in range(20):
        image = np.full((SIZE.height, SIZE.width, 3), 10 * number, np.uint8)
        assert stylizer.stylize(frame(number, number / 30, image), look(LEAN if number < 3 else RICH)) is not None
        pool.build_requested()
    assert {key for key, _ in lean.runs} == {"lean"}
    assert {key for key, _ in rich.runs} == {"rich"}
    assert stylizer.result.trouble is None


def test_a_device_that_failed_is_named_once_however_many_networks_it_runs(computer: Computer) -> None:
    computer.fastest["lean"] = BF16
    run = Run()
    run.load()
    assert run.engines.troubles() == []
    run.engines.engine_of(RICH).trouble = "the card is gone"
    assert run.engines.troubles() == ["the card is gone"]


@pytest.mark.parametrize(("fastest", "threads"), [(EXACT, 1), ("opencv cpu", 3)])
def test_opencv_has_threads_of_its_own_only_where_it_runs_a_network(
    computer: Computer, fastest: str, threads: int
) -> None:
    computer.fastest["own"] = fastest
    computer.known.add("own")
    before = allowed_threads()
    limit_threads(3)
    try:
        run = Run(threads=2)
        run.load()
        run.engines.spare_threads()
        assert cv2.getNumThreads() == threads
        assert allowed_threads() == (min(usable_cores(), 2) if threads == 1 else 3)
        run.engines.restore_threads()
        assert cv2.getNumThreads() == allowed_threads() == min(usable_cores(), 2)
    finally:
        limit_threads(before)

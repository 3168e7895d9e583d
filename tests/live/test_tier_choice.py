"""Tests of choosing the tier of a run: rich where it holds the rate, told in one line, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stylecam.control.command_queue import CommandQueue
from stylecam.engines.base import Engine
from stylecam.errors import EngineRunError, UsageError
from stylecam.live.settings import Settings
from stylecam.live.startup import initial_state
from stylecam.live.tier_choice import TierChoice, settle_tier
from stylecam.media.frame import Size
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.governor import HEADROOM, Governor, ladder
from tests.doubles import TintEngine
from tests.models.networks import bank_of

MEGAPIXELS = 480 * 272 / 1e6


@pytest.fixture
def tiers(tmp_path: Path) -> Catalog:
    """A lean and a rich bank, each with styles of its own and two that both have."""
    return Catalog(
        [
            Model.read(bank_of(tmp_path / "small.onnx", ["wave", "vampire", "kiss"])),
            Model.read(bank_of(tmp_path / "large.onnx", ["kiss", "wave", "candy"], "rich")),
        ]
    )


class Run:
    """A run that settles its tier, on an engine that takes `milliseconds` for a rich picture of 480×272."""

    def __init__(self, catalog: Catalog, milliseconds: float | Exception = 13.0, **settings: Any) -> None:
        self.settings, self.catalog = Settings(**settings), catalog
        self.control = CommandQueue(catalog, initial_state(self.settings, catalog))
        self.measured: list[str] = []
        self._milliseconds = milliseconds

    def _speed(self, model: Model) -> tuple[Engine, float]:
        self.measured.append(model.path.stem)
        if isinstance(self._milliseconds, Exception):
            raise self._milliseconds
        engine = TintEngine()
        engine.name, engine.device = "openvino", "cpu-bf16"
        return engine, self._milliseconds / MEGAPIXELS

    def settle(self) -> TierChoice:
        return settle_tier(self.settings, self.catalog, self.control, self._speed)

    @property
    def bank(self) -> str:
        mix = self.control.state.look.mix
        return "none" if mix is None else mix.model.path.stem

    def press(self, command: str) -> str:
        self.control.submit(command)
        self.control.apply()
        return self.bank


@pytest.mark.parametrize(
    ("milliseconds", "tier", "reason"),
    [
        (13.0, "rich", "rich, which takes 13.0 of 22.7 ms at 480×272 (OpenVINO bf16)"),
        (22.6, "rich", "rich, which takes 22.6 of 22.7 ms at 480×272 (OpenVINO bf16)"),
        (22.7, "lean", "lean, because rich would take 22.7 of 22.7 ms at 480×272 (OpenVINO bf16)"),
        (36.0, "lean", "lean, because rich would take 36.0 of 22.7 ms at 480×272 (OpenVINO bf16)"),
        (EngineRunError("it fell apart"), "lean", "lean, because large cannot be run: it fell apart"),
    ],
    ids=["fast", "just", "just not", "slow", "broken"],
)
def test_rich_is_chosen_where_it_holds_the_rate_and_the_reason_is_one_line(
    milliseconds: float | Exception, tier: str, reason: str, tiers: Catalog
) -> None:
    run = Run(tiers, milliseconds)
    assert run.settle() == TierChoice(tier, reason)
    assert run.bank == {"rich": "large", "lean": "small"}[tier]
    assert run.control.own_look == run.control.state.look
    assert run.measured == ["large"]


@pytest.mark.parametrize(
    ("settings", "tier"),
    [
        ({"fps": 15.0}, "rich"),
        ({"fps": 60.0}, "lean"),
        ({"cpu": 40.0}, "lean"),
        ({"cpu": 100.0}, "rich"),
        ({"size": Size(320, 180)}, "rich"),
        ({"size": Size(1920, 1080)}, "lean"),
    ],
    ids=str,
)
def test_rate_share_of_the_processor_and_a_small_output_decide_too(
    settings: dict[str, Any], tier: str, tiers: Catalog
) -> None:
    """At 30 frames a second, 80 % and 1280×720 the 25 ms would be too many."""
    assert Run(tiers, 25.0, **settings).settle().tier == tier


def test_the_budget_is_that_of_the_governor(tiers: Catalog) -> None:
    budget_ms = Governor(ladder(Size(640, 360)), 25.0).budget_ms
    assert budget_ms == pytest.approx(40 * HEADROOM)
    assert f"of {budget_ms:.1f} ms" in str(Run(tiers, fps=25.0, cpu=100.0).settle().reason)


@pytest.mark.parametrize(("tier", "bank"), [("rich", "large"), ("lean", "small")])
def test_a_tier_that_was_asked_for_is_not_measured(tier: str, bank: str, tiers: Catalog) -> None:
    run = Run(tiers, tier=tier)
    assert run.settle() == TierChoice(tier)
    assert (run.bank, run.measured) == (bank, [])


def test_a_tier_that_is_not_installed_is_refused_before_anything_is_opened(tiers: Catalog) -> None:
    with pytest.raises(UsageError, match="no rich network is installed"):
        Run(Catalog([tiers.models[0]]), tier="rich")


@pytest.mark.parametrize(("kept", "tier"), [(0, "lean"), (1, "rich")])
def test_with_networks_of_one_tier_there_is_nothing_to_choose(kept: int, tier: str, tiers: Catalog) -> None:
    run = Run(Catalog([tiers.models[kept]]))
    assert run.settle() == TierChoice(tier)
    assert run.measured == []


def test_without_any_network_the_run_goes_on() -> None:
    assert Run(Catalog()).settle() == TierChoice("lean")


@pytest.mark.parametrize(
    ("style", "slow", "fast"),
    [
        ("vampire", "small", "small"),
        ("candy", "large", "large"),
        ("wave,kiss", "small", "large"),
        ("wave,vampire", "small", "small"),
        ("small/wave", "small", "small"),
        ("large/wave", "large", "large"),
        ("none", "none", "none"),
    ],
)
def test_a_style_of_one_tier_and_a_full_name_keep_their_network(
    style: str, slow: str, fast: str, tiers: Catalog
) -> None:
    for milliseconds, bank in ((99.0, slow), (9.0, fast)):
        run = Run(tiers, milliseconds, style=style)
        run.settle()
        assert run.bank == bank


def test_the_rich_network_of_the_style_is_the_one_that_is_measured(tiers: Catalog, tmp_path: Path) -> None:
    tiers.add(Model.read(bank_of(tmp_path / "huge.onnx", ["vampire"], "rich")))
    for style, bank in (("wave", "large"), ("vampire", "huge"), ("none", "large")):
        run = Run(tiers, style=style)
        run.settle()
        assert run.measured == [bank]
        tiers.prefer("lean")


def test_styles_chosen_later_come_from_the_tier_too(tiers: Catalog) -> None:
    run = Run(tiers, style="vampire")
    run.settle()
    assert [run.press(f"select:{name}") for name in ("wave", "vampire", "candy", "wave,kiss")] == [
        "large", "small", "large", "large",
    ]  # fmt: skip
    assert [run.press("select:1"), run.press("next"), run.press("next")] == ["large", "small", "large"]
    assert run.press("select:small/kiss") == "small"


def test_a_style_from_a_file_stays_what_it_is(tiers: Catalog, tmp_path: Path) -> None:
    path = tiers.models[0].path
    run = Run(tiers, style=str(path))
    path.unlink()
    assert run.settle().tier == "rich"
    assert run.bank == "small"

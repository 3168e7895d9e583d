"""Choose the tier of a run once: rich where the rich network, with its own engine, holds the frame rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stylecam.control.command_queue import CommandQueue
from stylecam.engines.base import Engine
from stylecam.engines.names import title
from stylecam.errors import EngineError
from stylecam.live.settings import Settings
from stylecam.live.startup import initial_mix
from stylecam.media.frame import Size
from stylecam.models.card import read_cards
from stylecam.models.catalog import Catalog, is_style_file
from stylecam.models.model import Model
from stylecam.models.tier import AUTO, LEAN, RICH
from stylecam.stylize.governor import HEADROOM
from stylecam.stylize.look import Look
from stylecam.stylize.room import resolve_room
from stylecam.utils.message import Message

LEAST_SIZE = Size(480, 272)
"""The rich network must hold the rate at this size, or at the output's if that is smaller.

Its strokes have the same size on the screen at every rung, so there it paints no worse than the lean network does at
512×288; below, its broad forms begin to cover faces.
"""

Speed = Callable[[Model], tuple[Engine, float]]
"""Returns the engine of a network and the milliseconds that a megapixel takes with it; raises EngineError."""


@dataclass(frozen=True, slots=True)
class TierChoice:
    """The tier that short names of styles mean, and in one line why; None if there was no choice."""

    tier: str
    reason: str | None = None


def settle_tier(settings: Settings, catalog: Catalog, control: CommandQueue, speed: Speed) -> TierChoice:
    """Choose the tier, let `catalog` prefer it, and change the first style to its network.

    It is called before the first frame, so that no painting is replaced.
    """
    if settings.tier != AUTO:  # the catalog prefers it since the settings were checked
        return TierChoice(settings.tier)
    choice = choose_tier(settings, catalog, control.state.look, speed)
    if choice.tier != catalog.tier:
        catalog.prefer(choice.tier)
        look = control.state.look
        by_file = settings.style is not None and is_style_file(settings.style)
        mix = look.mix if by_file else initial_mix(settings, catalog)
        control.restyle(replace(look, mix=mix, room_mix=resolve_room(look.room, catalog)).paired(catalog))
    return choice


def choose_tier(settings: Settings, catalog: Catalog, look: Look, speed: Speed) -> TierChoice:
    """Compare the time of the rich network that `look`, or else any style, would use with the budget of a frame.

    The budget is that of the governor: the share of the frame period that it plans with, and of that the share of the
    processor time that the user allows.
    """
    rich = _rich_network(catalog, look)
    if rich is None or all(model.tier == RICH for model in catalog.models):
        return TierChoice(LEAN if rich is None else RICH)
    size = min(settings.size, LEAST_SIZE, key=lambda one: one.width * one.height)
    budget_ms = 1000 / settings.fps * HEADROOM * settings.cpu / 100
    try:
        engine, ms_per_megapixel = speed(rich)
    except EngineError as error:
        return TierChoice(
            LEAN, Message("lean, because {name} cannot be run: {error}", name=rich.path.stem, error=error)
        )
    milliseconds = ms_per_megapixel * size.width * size.height / 1e6
    takes = Message(
        "{ms:.1f} of {budget_ms:.1f} ms at {width}×{height} ({engine})",
        ms=milliseconds,
        budget_ms=budget_ms,
        width=size.width,
        height=size.height,
        engine=title(engine.name, engine.device),
    )
    if milliseconds <= budget_ms:
        return TierChoice(RICH, Message("rich, which takes {takes}", takes=takes))
    return TierChoice(LEAN, Message("lean, because rich would take {takes}", takes=takes))


def _rich_network(catalog: Catalog, look: Look) -> Model | None:
    """Return the first rich network that holds the styles of `look`, or else the first one; None without any."""
    rich = [model for model in catalog.models if model.tier == RICH]
    fitting = [model for model in rich if set(look.weights) <= {card.name for card in read_cards(model)}]
    return next(iter([*fitting, *rich]), None)

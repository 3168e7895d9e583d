"""What a live run begins with, from what the user asked for: the first state and the source."""

from __future__ import annotations

from stylecam.clock import Clock
from stylecam.control.state import LiveState
from stylecam.errors import CameraNotFoundError
from stylecam.news import Say
from stylecam.settings import Settings
from stylecam.sources.base import Source
from stylecam.sources.demo import DemoSource
from stylecam.sources.select import make_source
from stylecam.styles.catalogue import Catalogue


def first_state(settings: Settings, catalogue: Catalogue) -> LiveState:
    """The state before the first order; without a style asked for, the first one there is.

    Raises:
        StyleNotFoundError: no style of the name asked for.
        UsageError: a blend that is none.
        ModelFormatError: the file asked for is no style.
    """
    if settings.style is not None:
        mix = catalogue.parse(settings.style)
    else:
        mix = catalogue.mix_of(catalogue.cards[0]) if catalogue.cards else None
    return LiveState(
        mix,
        strength=settings.strength,
        steadiness=settings.steadiness,
        mirror=settings.mirror,
        scale=settings.scale,
    )


def open_source(settings: Settings, clock: Clock, say: Say, own: Source | None = None) -> Source:
    """`own`, or what the settings name, opened; where no camera was asked for and there is none, the demo.

    Raises:
        SourceError: the one asked for cannot be had.
    """
    try:
        source = own or make_source(settings.camera, clock)
    except CameraNotFoundError as error:
        if settings.camera is not None or not settings.demo:
            raise
        say(f"{error}; showing the built-in demo. Choose one with --camera (stylecam cameras lists them).")
        source = DemoSource(clock)
    source.open(settings.size, settings.fps)
    return source

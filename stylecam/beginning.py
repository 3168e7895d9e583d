"""What a live run begins with, from what the user asked for: the first state, source, threads and engine."""

from __future__ import annotations

import cv2

from stylecam.clock import Clock
from stylecam.control.state import LiveState
from stylecam.engines.base import Engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.engines.tuning import Tuner, answers_path
from stylecam.errors import CameraNotFoundError
from stylecam.news import Say
from stylecam.processor import usable_cores
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


def limit_threads(settings: Settings, say: Say) -> int | None:
    """Hold OpenCV to the threads asked for; their number, None for all.

    No more than there are cores: more would only wait for each other.
    """
    asked, cores = settings.threads, usable_cores()
    if asked is None:
        return None
    if asked > cores:
        say(f"--threads {asked}: stylecam may run on {cores} cores; using {cores} threads")
    cv2.setNumThreads(min(asked, cores))
    return min(asked, cores)


def fastest_engine(
    settings: Settings, catalogue: Catalogue, state: LiveState, limit: int | None, clock: Clock
) -> tuple[Engine, str | None]:
    """The engine that `auto` stands for, for the first style's network or, without one, any; and why it is that one.

    `limit` is how many threads it may use.
    """
    models = catalogue.models if state.mix is None else [state.mix.model]
    if not models:
        return OpenCVEngine(), None
    choice = Tuner(answers_path(), clock).choose(models[0], settings.device, limit, again=settings.retune)
    return choice.engine, choice.reason


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

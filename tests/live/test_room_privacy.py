"""Whatever fails, nobody sees a room that the look hides.

The wall of these tests bears a pattern that no painting, card, colour, blur or person resembles. A published picture is
searched for it everywhere, also on the person, but for the person's edges, whose whereabouts the test knows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.engines.base import Engine, InferenceSession, Mask, StyleInput
from stylecam.errors import EngineRunError
from stylecam.live.context import PipelineContext
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.pipeline import Pipeline
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.overlays import panic_cover
from stylecam.media.testing import CollectingSink, ScriptedSource
from stylecam.media.transforms import Tensor
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.mask import PersonMasker
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.relay import Relay
from stylecam.stylize.room import Room
from stylecam.stylize.session_chooser import SessionChooser
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, model
from tests.stylize.test_relay import ManualServer

SIZE, OTHER_SIZE = Size(256, 144), Size(320, 240)
"""Of the output and most camera pictures, and of the pictures of another camera."""
FPS = 30.0
SKIN = (60, 120, 250)
"""BGR of the person, by which the network of these tests finds them."""
VISIBLE = 0.12
"""The contrast of the pattern, as a share of that in the camera's picture, from which on it counts as seen."""
EDGE = 14
"""Pixels on both sides of the person's edges that are not searched: masks end softly."""
HEAD = 30
"""The row of a picture of `SIZE` in which the person begins."""

Fault = Callable[[Tensor], Tensor]


def wall(size: Size) -> Image:
    """Return the wall: blue and green checks, without any red."""
    rows, columns = np.mgrid[: size.height, : size.width]
    checks = ((rows * SIZE.height // size.height // 6 + columns * SIZE.width // size.width // 6) % 2).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([30 + 200 * checks, 230 - 200 * checks, 0 * checks]))


@dataclass
class Scenery:
    """A room in which somebody walks up and down, leaves and comes back."""

    number: int = 0
    size: Size = SIZE
    seen: list[tuple[int, int] | None] = field(default_factory=list)

    def picture(self) -> Image:
        """Return the next camera picture."""
        self.number += 1
        image = wall(self.size)
        place = self.place(self.number)
        if place is not None:
            factor = self.size.width / SIZE.width
            left, right = (round(edge * factor) for edge in place)
            cv2.rectangle(image, (left, round(HEAD * factor)), (right, self.size.height), SKIN, -1)
        return image

    @staticmethod
    def place(number: int) -> tuple[int, int] | None:
        """Return the columns of the person in picture `number` of `SIZE`; None while nobody is there."""
        if number % 200 > 160:
            return None
        left = round(70 + 50 * np.sin(number / 25))
        return left, left + 70


WALLS = [(np.sign(checks[..., 0] - checks[..., 1]), mirror) for checks, mirror in (
    (FrameView(wall(size), SIZE, mirror).at(SIZE).astype(np.float32), mirror)
    for size in (SIZE, OTHER_SIZE) for mirror in (False, True)
)]  # fmt: skip
"""Where the wall is rather blue (1) or green (-1) in a published picture of each camera, and if that is mirrored."""


def pattern_contrast(published: Image, places: list[tuple[int, int] | None]) -> float:
    """Return how much of the wall's pattern can be seen in `published`, away from the person's edges of late."""
    picture = published.astype(np.float32)
    difference = picture[..., 0] - picture[..., 1]
    difference -= cv2.blur(difference, (24, 24))
    searched = np.ones((SIZE.height, SIZE.width), bool)
    for place in places:
        if place is not None:
            for edge in place:
                searched[:, max(0, edge - EDGE) : edge + EDGE] = False
            searched[HEAD - EDGE : HEAD + EDGE, place[0] : place[1]] = False
    found = 0.0
    for signs, mirror in WALLS:
        # Cells of some checks, as one alone could have its colours by chance.
        cells = cv2.blur(difference * signs / 200, (24, 24))[searched[:, ::-1] if mirror else searched]
        found = max(found, float(np.abs(cells).max()) if cells.size else 0.0)
    return found


class MaskSession(InferenceSession):
    """Finds what has the colour of the person, or does what the engine's fault says."""

    def __init__(self, engine: MaskEngine) -> None:
        self._engine = engine

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        found = ((image[:, :1] > 0.5) & (image[:, 2:] < 0.5)).astype(np.float32)
        return found if self._engine.fault is None else self._engine.fault(found)


class MaskEngine(Engine):
    """Runs the network that finds the person, which fails on request."""

    name, device, version = "mask", "cpu", "1"

    def __init__(self) -> None:
        self.fault: Fault | None = None

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        return MaskSession(self)


class HiddenRoom:
    """A pipeline on a manual clock whose look hides the room; each step checks what is published.

    Its painting lets the camera's picture show through. With `there`, a server paints that is late.

    Attributes:
        leaks: by the number of the frame, how much of the wall was seen while it had to be hidden.
    """

    def __init__(self, room: str = "color:black", style: str = "a", *, there: bool = False) -> None:
        self.clock = ManualClock()
        models = [model("a"), model("b")]
        engine, self.server = TintEngine(self.clock, lambda _: 1.0), ManualServer(self.clock)
        engine.glass = self.server.glass = 0.7
        self.server.delay_s = lambda _: 0.07  # two frames
        self.pool, self.server_pool = ManualSessionPool(engine, PADDING), ManualSessionPool(self.server, PADDING)
        self.masks = MaskEngine()
        self.sink = CollectingSink(keep=3)
        catalog = Catalog(models)
        look = Look(catalog.parse(style), room=Room.parse(room))
        self.control = CommandQueue(catalog, LiveState(look))
        viewers = Viewers([self.sink], lambda: self.control.state, self.clock.now(), always_on=True)
        context = PipelineContext(SIZE, FPS, self.clock, Stats(), viewers, CpuBudget(1.0, 1))
        report = context.stats.count_fault
        relay: Relay[Any] = Relay(
            self.server, self.server_pool, lambda pool: SessionChooser(pool, SIZE, FPS, report), self.clock
        )
        stylizer = FrameStylizer(
            self.pool, SIZE, FPS, self.clock, report, models,
            masker=PersonMasker(self.masks), relay=relay if there else None,
        )  # fmt: skip
        self.server.link.returned()
        stylizer.prepare(look)
        self.room = Scenery()
        self.source = ScriptedSource([], self.clock, fps=60)
        self.source.open(SIZE, FPS)
        self.sink.open(SIZE, FPS)
        self.pipeline = Pipeline(self.source, [self.sink], stylizer, self.control, context, panic_cover(SIZE))
        take = self.pipeline._captured.take

        def take_at_once(seconds: float) -> Frame | None:  # nobody else brings a frame
            return take(0.0)

        self.pipeline._captured.take = take_at_once  # type: ignore[method-assign, assignment]
        self.leaks: dict[int, float] = {}
        self.published = self.hidden = 0

    def step(self, count: int = 1) -> None:
        """Take `count` frames through the work of all threads."""
        for _ in range(count):
            self.source._events, self.source._at = [self.room.picture()], 0
            self.pipeline.capture.step()
            self.pipeline.style_step()
            self.pool.build_requested()
            self.server_pool.build_requested()
            self.publish()

    def publish(self) -> None:
        """Let the publisher make a step, and look for the wall in what it has published."""
        before = self.sink.frames
        self.pipeline.publisher.step()
        if self.sink.frames is before:
            return
        self.published += 1
        if self.control.state.visible_look.hides_room:
            self.hidden += 1
            places = [Scenery.place(self.room.number - back) for back in range(4)]
            contrast = pattern_contrast(self.sink.frames[-1].image, places)
            if contrast > VISIBLE:
                self.leaks[self.published] = contrast

    def press(self, *commands: str) -> None:
        for command in commands:
            self.control.submit(Command.parse(command))

    @property
    def shows_person(self) -> bool:
        """Whether the person, painted or not, is to be told from what hides the room in the last picture."""
        image = self.sink.frames[-1].image
        place = Scenery.place(self.room.number)
        assert place is not None
        middle = image[100, sum(place) // 2].astype(int)
        return bool(np.abs(middle - image[100, 250]).max() > 8)


def raising(error: Exception) -> Fault:
    def fail(_: Tensor) -> Tensor:
        raise error

    return fail


def constant(value: float) -> Fault:
    return lambda found: np.full_like(found, value)


def spot(value: float) -> Fault:
    def spoil(found: Tensor) -> Tensor:
        found[0, 0, 5:9, 5:9] = value
        return found

    return spoil


FAULTS: dict[str, Fault] = {
    "does not run": raising(EngineRunError("the network does not run")),
    "no memory": raising(MemoryError()),
    "error of the library": raising(cv2.error("out of resources")),
    "all NaN": constant(float("nan")),
    "a spot of NaN": spot(float("nan")),
    "a spot of infinity": spot(float("inf")),
    "zeros": constant(0.0),
    "ones": constant(1.0),
    "halves": constant(0.5),
    "beyond one": constant(7.0),
    "the room is the person": lambda found: np.asarray(1 - found, np.float32),
    "half as wide": lambda found: np.ascontiguousarray(found[..., ::2]),
    "without its first axis": lambda found: found[0],
}


# What the measure of these tests can tell apart


def test_the_measure_finds_the_wall_in_the_camera_picture() -> None:
    for size in (SIZE, OTHER_SIZE):
        for mirror in (False, True):
            picture = FrameView(Scenery(number=30, size=size).picture(), SIZE, mirror).at(SIZE)
            assert pattern_contrast(picture, [Scenery.place(31)]) > 0.7


@pytest.mark.parametrize("color", [(0, 0, 0), (0, 255, 0), (255, 0, 0), (51, 51, 51)])
def test_the_measure_finds_no_wall_in_a_plain_picture(color: tuple[int, int, int]) -> None:
    assert pattern_contrast(np.full((SIZE.height, SIZE.width, 3), color, np.uint8), [None]) < 0.5 * VISIBLE


# Rooms


@pytest.mark.parametrize("style", ["a", "none"])
@pytest.mark.parametrize("room", ["color:#004000", "blur:0", "blur:1", "none", "picture:gone.png"])
def test_a_hidden_room_is_hidden_and_the_person_is_seen(room: str, style: str) -> None:
    hidden = HiddenRoom(room, style)
    hidden.step(30)
    assert hidden.leaks == {}
    assert hidden.shows_person
    assert hidden.hidden >= 25


def test_the_first_picture_already_hides_the_room() -> None:
    hidden = HiddenRoom()
    hidden.step(1)
    assert (hidden.hidden, hidden.leaks) == (1, {})


def test_who_leaves_the_picture_leaves_nothing_behind() -> None:
    hidden = HiddenRoom(style="none")
    hidden.step(199)
    assert Scenery.place(hidden.room.number) is None
    assert hidden.leaks == {}
    assert int(hidden.sink.frames[-1].image.max()) == 0


def test_a_bypass_shows_the_person_and_not_the_room() -> None:
    hidden = HiddenRoom()
    hidden.step(20)
    hidden.press("bypass")
    hidden.step(20)
    assert hidden.leaks == {}
    assert hidden.shows_person


@pytest.mark.parametrize("command", ["room:color:black", "room:blur", "room:none"])
def test_a_room_that_is_hidden_while_it_is_shown_is_gone_at_once(command: str) -> None:
    hidden = HiddenRoom("camera")
    hidden.press("paint:person")
    hidden.step(20)
    assert pattern_contrast(hidden.sink.frames[-1].image, [Scenery.place(hidden.room.number)]) > 0.5
    hidden.press(command)
    hidden.step(20)
    assert hidden.hidden >= 19
    assert hidden.leaks == {}


def test_a_change_of_style_shows_nothing_of_where_nobody_was_before() -> None:
    hidden = HiddenRoom()
    for before in ("room:color:black", "room:camera"):
        hidden.press(before, "select:a")
        hidden.step(20)
        hidden.room.number += 40  # the person is now where the wall was
        hidden.press("room:none", "select:b")
        hidden.step(12)
        assert hidden.leaks == {}
        assert hidden.shows_person


def test_a_late_answer_of_a_server_is_cut_out_where_the_person_was_in_its_own_frame() -> None:
    hidden = HiddenRoom(there=True)
    hidden.step(20)
    for command in ("strength:1", "room:camera", "room:none"):
        hidden.room.number += 20
        hidden.press(command)
        hidden.step(10)
    assert len(hidden.server.calls) > 40
    assert hidden.leaks == {}
    assert hidden.shows_person


# Faults


@pytest.mark.parametrize("style", ["a", "none"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_network_that_fails_covers_everything_and_then_finds_the_person_again(fault: Fault, style: str) -> None:
    hidden = HiddenRoom(style=style)
    hidden.step(20)
    hidden.masks.fault = fault
    hidden.step(20)
    hidden.masks.fault = None
    hidden.step(20)
    assert hidden.leaks == {}
    assert hidden.shows_person


def test_a_network_that_answers_late_shows_nothing_of_where_somebody_was() -> None:
    hidden = HiddenRoom(style="none")

    def late(found: Tensor) -> Tensor:
        hidden.clock.advance(0.4)
        return found

    hidden.masks.fault = late
    hidden.step(60)
    assert hidden.leaks == {}


def random_run(seed: int, frames: int, *, there: bool = False) -> HiddenRoom:
    """Run `frames` frames with random faults, cameras and commands, and with `there` answers of a server."""
    chance = random.Random(seed)
    hidden = HiddenRoom(chance.choice(["color:black", "blur:0", "none"]), chance.choice(["a", "none"]), there=there)
    hidden.server.delay_s = lambda _: chance.uniform(0.001, 0.11)

    def late(found: Tensor) -> Tensor:
        hidden.clock.advance(chance.uniform(0, 0.6))
        return found

    commands = [
        "room:color:black", "room:blur:0", "room:blur", "room:none", "room:camera", "paint:person", "paint:room",
        "paint:everything", "select:a", "select:b", "select:none", "bypass", "freeze", "panic", "rest", "mirror",
        "strength:0", "strength:1", "strength:0.5", "next", "steadiness:0", "steadiness:1",
    ]  # fmt: skip
    while hidden.published < frames:
        event = chance.random()
        if event < 0.2:
            hidden.masks.fault = chance.choice([*FAULTS.values(), late])
        elif event < 0.45:
            hidden.masks.fault = None
        elif event < 0.5:
            hidden.room.size = chance.choice([SIZE, OTHER_SIZE])
            hidden.pipeline.capture.replaced += 1  # as a switch of cameras does
        elif event < 0.9:
            hidden.press(*chance.sample(commands, chance.choice([1, 1, 2])))
        if chance.random() < 0.3:
            hidden.publish()  # between a command and the next frame
        hidden.step(chance.randint(1, 8))
    return hidden


@pytest.mark.parametrize(("seed", "there"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_nothing_shows_the_room_through_random_faults_and_commands(seed: int, there: bool) -> None:
    hidden = random_run(seed, 250, there=there)
    assert hidden.hidden > 50
    assert hidden.leaks == {}
    assert (len(hidden.server.calls) > 20) is there

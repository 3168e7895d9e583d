"""You in every style, painted small by a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np
import psutil
import pytest

from stylecam.control.http.thumbnails import CACHE_S, RETRY_S, Thumbnail, Thumbnails, downscale
from stylecam.errors import EngineRunError, StyleNotFoundError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.transforms import resize
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.image import Stylist
from stylecam.utils.clock import ManualClock
from tests.end_to_end.outside import PORTRAIT, decoded, difference


class Camera:
    """Holds the newest picture, as the pipeline does."""

    def __init__(self) -> None:
        portrait = cv2.imread(str(PORTRAIT))
        assert portrait is not None
        self.frame: Frame | None = Frame(resize(cast(Image, portrait), Size(640, 360)), 7, 0.0)

    def __call__(self) -> Frame | None:
        return self.frame

    def move(self) -> None:
        assert self.frame is not None
        self.frame = Frame(np.ascontiguousarray(self.frame.image[:, ::-1]), self.frame.index + 1, 0.0)


@pytest.fixture
def camera() -> Camera:
    return Camera()


Body = Callable[[Thumbnails], Coroutine[Any, Any, None]]


class Use(Protocol):
    def __call__(self, body: Body, **options: float) -> None: ...


@pytest.fixture
def use(catalog: Catalog, camera: Camera, clock: ManualClock) -> Use:
    """Runs a test's own coroutine with thumbnails, and closes them."""

    def run(body: Body, **options: float) -> None:
        async def whole() -> None:
            thumbnails = Thumbnails(catalog, camera, clock, **options)
            try:
                await body(thumbnails)
            finally:
                await thumbnails.close()

        asyncio.run(whole())

    return run


def shown(thumbnail: Thumbnail | None) -> Image:
    assert thumbnail is not None
    return decoded(thumbnail.jpeg)


def test_a_style_shows_the_camera_picture_in_that_style(use: Use, camera: Camera, catalog: Catalog) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        scream, wave = shown(await thumbnails.get("the_scream")), shown(await thumbnails.get("great_wave"))
        assert scream.shape == (144, 256, 3)
        assert difference(scream, wave) > 20
        assert camera.frame is not None
        mix = catalog.mix_of(next(card for card in catalog.cards if card.name == "the_scream"))
        painted = Stylist(mix, engine="opencv")
        assert difference(scream, painted(downscale(camera.frame.image))) < 12  # but for the rim and JPEG, the same

    use(body)


def test_there_is_nothing_to_show_before_the_first_camera_picture(use: Use, camera: Camera) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        frame, camera.frame = camera.frame, None
        assert await thumbnails.get("udnie") is None
        assert thumbnails.pid is None
        camera.frame = frame
        assert await thumbnails.get("udnie") is not None

    use(body)


def test_a_fresh_painting_is_not_painted_again_and_an_old_one_only_for_a_new_picture(
    use: Use, camera: Camera, clock: ManualClock
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        first = await thumbnails.get("udnie")
        camera.move()
        assert await thumbnails.get("udnie") is first
        clock.advance(CACHE_S)
        second = await thumbnails.get("udnie")
        assert first is not None
        assert second is not None
        assert second.tag != first.tag
        clock.advance(CACHE_S)
        assert await thumbnails.get("udnie") is second

    use(body)


def test_a_camera_at_rest_leaves_what_was_painted(use: Use, camera: Camera, clock: ManualClock) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        first = await thumbnails.get("udnie")
        camera.frame = None
        clock.advance(CACHE_S)
        assert await thumbnails.get("udnie") is first

    use(body)


def test_many_may_ask_at_once_and_one_process_paints(use: Use) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        names = ["udnie", "the_scream", "udnie", "great_wave", "udnie"]
        found = await asyncio.gather(*map(thumbnails.get, names))
        assert found[0] is found[2] is found[4]
        assert len({thumbnail.tag for thumbnail in found if thumbnail is not None}) == 3
        assert len(psutil.Process().children()) == 1

    use(body)


def test_the_process_gives_way_to_everything_else(use: Use) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        assert thumbnails.pid is not None
        painter = psutil.Process(thumbnails.pid)
        assert painter.nice() == (psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else 19)
        if sys.platform == "linux":  # one session with us, or niceness means nothing between us
            assert os.getsid(thumbnails.pid) == os.getsid(0)

    use(body)


def test_the_process_goes_when_nobody_looks_any_more_and_another_comes(use: Use, clock: ManualClock) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        painter = psutil.Process(thumbnails.pid)
        await gone(painter)
        assert [thumbnails.pid] == [None]
        assert await thumbnails.get("great_wave") is not None

    use(body, idle_s=0.2)


def test_who_asks_in_the_moment_in_which_it_goes_is_painted_by_another(use: Use) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        thumbnails._end_when_idle()
        assert await thumbnails.get("great_wave") is not None

    use(body)


def test_a_killed_process_costs_one_painting(use: Use, clock: ManualClock) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        assert thumbnails.pid is not None
        painter = psutil.Process(thumbnails.pid)
        painter.kill()
        await gone(painter)
        try:
            found = await thumbnails.get("the_scream")
        except EngineRunError as error:
            assert "the_scream could not be painted small" in str(error)  # noqa: PT017 - whether it is noticed in time
            clock.advance(RETRY_S)
            found = await thumbnails.get("the_scream")
        assert found is not None

    use(body)


def test_a_network_that_cannot_be_painted_is_said_and_left_alone(
    use: Use, catalog: Catalog, bank: Model, tmp_path: Path, clock: ManualClock
) -> None:
    gone_bad = tmp_path / "other.onnx"
    gone_bad.write_bytes(b"no network any more")
    catalog.add(replace(bank, path=gone_bad, key="other", metadata={}))

    async def body(thumbnails: Thumbnails) -> None:
        for _ in range(2):
            with pytest.raises(EngineRunError, match=r"other\.onnx"):
                await thumbnails.get("other_1")
        assert await thumbnails.get("udnie") is not None
        gone_bad.write_bytes(bank.data)
        clock.advance(RETRY_S)
        assert await thumbnails.get("other_1") is not None

    use(body)


@pytest.mark.parametrize("name", ["nobody", "none", "../udnie", "/etc/passwd.onnx", "great_wave:0.5,udnie:0.5", ""])
def test_only_names_of_styles_are_painted(use: Use, name: str) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        with pytest.raises(StyleNotFoundError):
            await thumbnails.get(name)

    use(body)


async def gone(process: psutil.Process) -> None:
    for _ in range(1000):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the process stays")

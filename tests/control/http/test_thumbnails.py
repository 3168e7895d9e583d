"""Tests of thumbnails, which a process of its own makes from the camera picture."""

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

from stylecam.control.http.thumbnail_worker import NICENESS, ThumbnailWorker
from stylecam.control.http.thumbnails import CACHE_S, RETRY_S, Thumbnail, Thumbnails, downscale
from stylecam.errors import EngineRunError, StyleNotFoundError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.transforms import resize
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.stylize.image import Stylist
from stylecam.utils.clock import ManualClock
from tests.end_to_end.outside import PORTRAIT, decoded, difference
from tests.engines.fixtures import photo


class FakeCamera:
    """Returns the newest camera frame, as the pipeline does."""

    def __init__(self) -> None:
        self.covered = False
        portrait = cv2.imread(str(PORTRAIT))
        assert portrait is not None
        self.frame: Frame | None = Frame(resize(cast(Image, portrait), Size(640, 360)), 7, 0.0)

    def __call__(self) -> Frame | None:
        return self.frame

    def move(self) -> None:
        assert self.frame is not None
        self.frame = Frame(np.ascontiguousarray(self.frame.image[:, ::-1]), self.frame.index + 1, 0.0)


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


Body = Callable[[Thumbnails], Coroutine[Any, Any, None]]


class RunWithThumbnails(Protocol):
    def __call__(self, body: Body, **options: Any) -> None: ...


@pytest.fixture
def run_with_thumbnails(catalog: Catalog, camera: FakeCamera, clock: ManualClock) -> RunWithThumbnails:
    """Return a function that runs a coroutine with thumbnails and closes them."""

    def run(body: Body, **options: Any) -> None:
        async def run_and_close() -> None:
            thumbnails = Thumbnails(catalog, camera, clock, covered=lambda: camera.covered, **options)
            try:
                await body(thumbnails)
            finally:
                await thumbnails.close()

        asyncio.run(run_and_close())

    return run


def decoded_image(thumbnail: Thumbnail | None) -> Image:
    assert thumbnail is not None
    return decoded(thumbnail.jpeg)


def test_a_style_shows_the_camera_picture_in_that_style(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera, catalog: Catalog
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        scream, wave = (
            decoded_image(await thumbnails.get("the_scream")),
            decoded_image(await thumbnails.get("great_wave")),
        )
        assert scream.shape == (144, 256, 3)
        assert difference(scream, wave) > 20
        assert camera.frame is not None
        mix = catalog.mix_of(next(card for card in catalog.cards if card.name == "the_scream"))
        stylist = Stylist(mix, engine="opencv")
        painted = resize(stylist(downscale(camera.frame.image)), Size(256, 144))
        assert difference(scream, painted) < 12  # the same but for padding and JPEG

    run_with_thumbnails(body)


@pytest.mark.parametrize("bank", sorted(shipped_models().glob("*.onnx")), ids=lambda path: path.stem)
def test_a_thumbnail_of_either_tier_shows_its_style(bank: Path) -> None:
    model, image = Model.read(bank), photo(384, 216)
    first, second = (
        decoded(ThumbnailWorker().render(str(bank), row_form(model).values(model.one_hot(index)).tolist(), image))
        for index in (0, 1)
    )
    assert first.shape == (144, 256, 3)
    assert difference(first, second) > 10


def test_without_a_camera_picture_there_is_no_thumbnail(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        frame, camera.frame = camera.frame, None
        assert await thumbnails.get("udnie") is None
        assert thumbnails.pid is None
        camera.frame = frame
        assert await thumbnails.get("udnie") is not None

    run_with_thumbnails(body)


def test_a_thumbnail_is_made_again_only_when_it_is_old_and_the_picture_is_new(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera, clock: ManualClock
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

    run_with_thumbnails(body)


def test_while_the_camera_is_off_the_last_thumbnail_is_kept(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera, clock: ManualClock
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        first = await thumbnails.get("udnie")
        camera.frame = None
        clock.advance(CACHE_S)
        assert await thumbnails.get("udnie") is first

    run_with_thumbnails(body)


def test_while_the_picture_is_covered_there_is_no_thumbnail_not_even_an_old_one(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        first = await thumbnails.get("udnie")
        camera.covered = True
        for name in ("udnie", "the_scream"):
            assert await thumbnails.get(name) is None
        camera.covered, camera.frame = False, None
        assert await thumbnails.get("udnie") is None
        assert first is not None

    run_with_thumbnails(body)


def test_a_thumbnail_that_is_being_made_when_the_picture_is_covered_is_not_delivered(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        request = asyncio.create_task(thumbnails.get("udnie"))
        while thumbnails.pid is None:
            await asyncio.sleep(0)
        camera.covered = True
        assert await request is None
        camera.covered, camera.frame = False, None
        assert await thumbnails.get("udnie") is None

    run_with_thumbnails(body)


def test_concurrent_requests_use_one_process(run_with_thumbnails: RunWithThumbnails) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        names = ["udnie", "the_scream", "udnie", "great_wave", "udnie"]
        found = await asyncio.gather(*map(thumbnails.get, names))
        assert found[0] is found[2] is found[4]
        assert len({thumbnail.tag for thumbnail in found if thumbnail is not None}) == 3
        assert len(psutil.Process().children()) == 1

    run_with_thumbnails(body)


def test_the_process_has_the_lowest_priority(run_with_thumbnails: RunWithThumbnails) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        assert thumbnails.pid is not None
        process = psutil.Process(thumbnails.pid)
        assert process.nice() == (psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else NICENESS)
        if sys.platform == "linux":  # niceness counts only within one session
            assert os.getsid(thumbnails.pid) == os.getsid(0)

    run_with_thumbnails(body)


def test_the_idle_process_ends_and_another_is_started_on_request(
    run_with_thumbnails: RunWithThumbnails, clock: ManualClock
) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        process = psutil.Process(thumbnails.pid)
        await wait_for_end(process)
        assert [thumbnails.pid] == [None]
        assert await thumbnails.get("great_wave") is not None

    run_with_thumbnails(body, idle_s=0.2)


def test_a_request_while_the_process_ends_starts_another(run_with_thumbnails: RunWithThumbnails) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        thumbnails._end_when_idle()
        assert await thumbnails.get("great_wave") is not None

    run_with_thumbnails(body)


def test_after_a_killed_process_thumbnails_are_made_again(run_with_thumbnails: RunWithThumbnails) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        await thumbnails.get("udnie")
        assert thumbnails.pid is not None
        process = psutil.Process(thumbnails.pid)
        process.kill()
        await wait_for_end(process)
        assert await thumbnails.get("the_scream") is not None

    run_with_thumbnails(body)


def test_a_broken_network_raises_and_is_retried_later(
    run_with_thumbnails: RunWithThumbnails, catalog: Catalog, bank: Model, tmp_path: Path, clock: ManualClock
) -> None:
    broken = tmp_path / "other.onnx"
    broken.write_bytes(b"no network any more")
    catalog.add(replace(bank, path=broken, key="other", metadata={}))

    async def body(thumbnails: Thumbnails) -> None:
        for _ in range(2):
            with pytest.raises(EngineRunError, match=r"other\.onnx"):
                await thumbnails.get("other_1")
        assert await thumbnails.get("udnie") is not None
        broken.write_bytes(bank.data)
        clock.advance(RETRY_S)
        assert await thumbnails.get("other_1") is not None

    run_with_thumbnails(body)


@pytest.mark.parametrize("name", ["nobody", "none", "../udnie", "/etc/passwd.onnx", "great_wave:0.5,udnie:0.5", ""])
def test_only_style_names_are_accepted(run_with_thumbnails: RunWithThumbnails, name: str) -> None:
    async def body(thumbnails: Thumbnails) -> None:
        with pytest.raises(StyleNotFoundError):
            await thumbnails.get(name)

    run_with_thumbnails(body)


async def wait_for_end(process: psutil.Process) -> None:
    for _ in range(1000):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the process stays")


def test_while_the_room_is_hidden_another_picture_is_painted(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera
) -> None:
    stand_in: Frame | None = None
    green = Frame(np.full((360, 640, 3), (0, 200, 0), np.uint8), -1, 0.0)

    async def body(thumbnails: Thumbnails) -> None:
        nonlocal stand_in
        before = decoded_image(await thumbnails.get("udnie"))
        stand_in = green
        hidden = decoded_image(await thumbnails.get("udnie"))
        stand_in = None
        assert difference(before, decoded_image(await thumbnails.get("udnie"))) == 0
        assert difference(before, hidden) > 20

    run_with_thumbnails(body, stand_in=lambda: stand_in)


def test_one_that_was_painted_while_the_room_was_being_hidden_is_not_sent(
    run_with_thumbnails: RunWithThumbnails, camera: FakeCamera
) -> None:
    asked: list[None] = []

    def stand_in() -> Frame | None:
        asked.append(None)
        return None if len(asked) == 1 else camera.frame

    async def body(thumbnails: Thumbnails) -> None:
        assert await thumbnails.get("udnie") is None

    run_with_thumbnails(body, stand_in=stand_in)

"""Stylize the newest camera picture, small, in each style for the gallery, when the page requests it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from stylecam.errors import EngineRunError, StyleNotFoundError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.transforms import resize
from stylecam.models.catalog import Catalog
from stylecam.models.style_mix import StyleMix
from stylecam.utils import sandbox
from stylecam.utils.clock import Clock

WIDTH = 384
CACHE_S = 5.0
"""A thumbnail is reused for this long."""
IDLE_S = 15.0
"""The worker process ends after this long without a request."""
TIMEOUT_S = 20.0
"""How long one thumbnail may take; the worker has the lowest priority, so it can be slow on a busy computer."""
RETRY_S = 60.0
"""A style that failed is not retried for this long."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small styled picture: its JPEG, and a tag that changes with its content."""

    jpeg: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class _CachedThumbnail:
    mix: StyleMix
    thumbnail: Thumbnail | None
    problem: str
    frame: int
    good_until: float


class Thumbnails:
    """Styles the newest camera picture on request, one at a time, in a process of its own.

    Everything here runs on one event loop.
    """

    def __init__(
        self,
        catalog: Catalog,
        newest_frame: Callable[[], Frame | None],
        clock: Clock,
        idle_s: float = IDLE_S,
        covered: Callable[[], bool] = lambda: False,
        stand_in: Callable[[], Frame | None] = lambda: None,
    ) -> None:
        """Prepare to make thumbnails; the process is started by the first request.

        Args:
            catalog: the styles.
            newest_frame: returns the camera picture, or None.
            clock: tells how old a thumbnail is.
            idle_s: the process ends after this many seconds without use.
            covered: returns True while the picture is covered, and there is no thumbnail.
            stand_in: returns a picture to paint in place of the camera's while the room is hidden; None otherwise.
        """
        self._catalog = catalog
        self._newest_frame = newest_frame
        self._clock = clock
        self._idle_s = idle_s
        self._covered, self._stand_in = covered, stand_in
        self._cache: dict[tuple[str, bool], _CachedThumbnail] = {}
        """By the style's name, and whether the stand-in is shown."""
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int | None:
        """The number of the worker process, or None."""
        return None if self._process is None else self._process.pid

    async def get(self, name: str) -> Thumbnail | None:
        """Return the camera picture, or its stand-in, in the style `name`; None while there is none, or it is covered.

        Raises:
            StyleNotFoundError: there is no such style.
            EngineRunError: the style cannot be rendered; the message says why.
        """
        card = next((card for card in self._catalog.cards if card.name == name), None)
        if card is None:
            raise StyleNotFoundError(f"no style is called {name[:60]!r}")
        async with self._turn:
            stand_in = self._stand_in()
            key = (name, stand_in is not None)
            mix, cached = self._catalog.mix_of(card), self._cache.get(key)
            if cached is not None and cached.mix != mix:  # it has learned more
                cached = None
            if not self._covered() and (cached is None or self._clock.now() >= cached.good_until):
                cached = await self._render(key, mix, cached, stand_in or self._newest_frame())
            if self._covered():  # maybe meanwhile
                self.forget()
                return None
            if self._stand_in() is not stand_in:  # the room was hidden or shown meanwhile
                return None
        if cached is not None and cached.problem:
            raise EngineRunError(cached.problem)
        return None if cached is None else cached.thumbnail

    def forget(self) -> None:
        """Drop all thumbnails: they show what the camera saw before the picture was covered."""
        self._cache.clear()

    async def close(self, _: object = None) -> None:
        """End the process; the next request starts another."""
        process = self._kill_process()
        if process is not None:
            await process.wait()

    def _kill_process(self) -> asyncio.subprocess.Process | None:
        """Kill the process and return it, so that its end can be awaited."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return process

    async def _render(
        self, key: tuple[str, bool], mix: StyleMix, cached: _CachedThumbnail | None, frame: Frame | None
    ) -> _CachedThumbnail | None:
        if frame is None or (cached is not None and cached.frame == frame.index and cached.thumbnail is not None):
            return cached
        thumbnail, problem, wait = None, "", CACHE_S
        try:
            jpeg = await self._request(mix, downscale(frame.image))
            thumbnail = Thumbnail(jpeg, hashlib.sha256(jpeg).hexdigest()[:16])
        except EngineRunError as error:
            problem, wait = str(error), RETRY_S
        self._cache[key] = _CachedThumbnail(mix, thumbnail, problem, frame.index, self._clock.now() + wait)
        return self._cache[key]

    async def _request(self, mix: StyleMix, image: Image) -> bytes:
        size = [image.shape[1], image.shape[0]]
        header = {"path": str(mix.model.path.resolve()), "values": mix.values.tolist(), "size": size}
        request = json.dumps(header).encode() + b"\n" + image.tobytes()
        reused = self._process is not None
        try:
            return await asyncio.wait_for(self._answer(request), TIMEOUT_S)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:  # TimeoutError: Python 3.10
            await self.close()
            if reused and not isinstance(error, asyncio.TimeoutError):  # it was killed since its last answer
                return await self._request(mix, image)
            raise EngineRunError(f"{mix.label} has no thumbnail: {error or 'it took too long'}") from error
        except asyncio.CancelledError:
            await self.close()  # otherwise its answer would be taken for that of the next request
            raise

    async def _answer(self, request: bytes) -> bytes:
        process = await self._start_process()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        await process.stdin.drain()
        answer = json.loads(await process.stdout.readuntil())
        if "error" in answer:
            raise EngineRunError(answer["error"])
        return await process.stdout.readexactly(answer["bytes"])

    async def _start_process(self) -> asyncio.subprocess.Process:
        """Return the process, starting it if necessary, and postpone its end."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *sandbox.python_command("stylecam.control.http.thumbnail_worker:main"),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self._end_when_idle)
        return self._process

    def _end_when_idle(self) -> None:
        """End the process after `idle_s` seconds without a request."""
        if self._turn.locked():  # it is rendering
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self._end_when_idle)
            return
        process = self._kill_process()  # at once: a request may arrive in the next iteration of the loop
        if process is not None:
            self._ending = asyncio.get_running_loop().create_task(process.wait())


def downscale(image: Image) -> Image:
    """Return `image` (H×W×3 uint8 BGR) at about `WIDTH` pixels wide, both sides multiples of 8."""
    height, width = image.shape[:2]
    return resize(image, Size(WIDTH, max(8, round(WIDTH * height / width / 8) * 8)))

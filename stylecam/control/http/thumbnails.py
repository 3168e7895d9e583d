"""You in every style: small pictures for the gallery, painted only while somebody looks at them."""

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
from stylecam.models.catalog import Catalog, StyleMix
from stylecam.utils import sandbox
from stylecam.utils.clock import Clock

WIDTH = 256
CACHE_S = 5.0
"""A picture is not painted again within this time, however many ask."""
IDLE_S = 15.0
"""After so long without anybody asking, the process that paints is let go."""
TIMEOUT_S = 20.0
"""How long a painting may take; at the lowest priority on a busy machine that is not a moment."""
RETRY_S = 60.0
"""A style that could not be painted is left alone for so long."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small painting: the JPEG, and a tag that is another when the picture is."""

    jpeg: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class _Known:
    thumbnail: Thumbnail | None
    problem: str
    frame: int
    good_until: float


class Thumbnails:
    """Paints the newest camera picture in a style when it is asked for, one at a time, in a process of its own.

    Everything here belongs to one event loop.
    """

    def __init__(
        self, catalog: Catalog, look: Callable[[], Frame | None], clock: Clock, idle_s: float = IDLE_S
    ) -> None:
        """`look` gives the newest camera picture, or None while there is none; the process ends `idle_s` after use."""
        self._catalog = catalog
        self._look = look
        self._clock = clock
        self._idle_s = idle_s
        self._known: dict[str, _Known] = {}
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._farewell: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int | None:
        """The process that paints, while there is one."""
        return None if self._process is None else self._process.pid

    async def get(self, name: str) -> Thumbnail | None:
        """You in the style `name`; None while there is no camera picture.

        Raises:
            StyleNotFoundError: there is no such style.
            EngineRunError: this one cannot be painted; says why.
        """
        card = next((card for card in self._catalog.cards if card.name == name), None)
        if card is None:
            raise StyleNotFoundError(f"no style is called {name[:60]!r}")
        async with self._turn:
            known = self._known.get(name)
            if known is None or self._clock.now() >= known.good_until:
                known = await self._renewed(name, self._catalog.mix_of(card), known)
        if known is not None and known.problem:
            raise EngineRunError(known.problem)
        return None if known is None else known.thumbnail

    async def close(self, _: object = None) -> None:
        """Let the process go; the next painting starts another."""
        process = self._parted()
        if process is not None:
            await process.wait()

    def _parted(self) -> asyncio.subprocess.Process | None:
        """The process, which was told to end, and which nobody will ask any more."""
        if self._leaving is not None:
            self._leaving.cancel()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return process

    async def _renewed(self, name: str, mix: StyleMix, known: _Known | None) -> _Known | None:
        frame = self._look()
        if frame is None or (known is not None and known.frame == frame.index and known.thumbnail is not None):
            return known
        thumbnail, problem, wait = None, "", CACHE_S
        try:
            jpeg = await self._painted(mix, downscale(frame.image))
            thumbnail = Thumbnail(jpeg, hashlib.sha256(jpeg).hexdigest()[:16])
        except EngineRunError as error:
            problem, wait = str(error), RETRY_S
        self._known[name] = _Known(thumbnail, problem, frame.index, self._clock.now() + wait)
        return self._known[name]

    async def _painted(self, mix: StyleMix, image: Image) -> bytes:
        size = [image.shape[1], image.shape[0]]
        order = {"path": str(mix.model.path.resolve()), "weights": mix.weights, "size": size}
        try:
            return await asyncio.wait_for(self._answer(json.dumps(order).encode() + b"\n" + image.tobytes()), TIMEOUT_S)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:  # TimeoutError: Python 3.10
            await self.close()
            raise EngineRunError(f"{mix.label} could not be painted small: {error or 'it took too long'}") from error
        except asyncio.CancelledError:
            await self.close()  # its answer would be taken for the next one's
            raise

    async def _answer(self, order: bytes) -> bytes:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order)
        await process.stdin.drain()
        answer = json.loads(await process.stdout.readuntil())
        if "error" in answer:
            raise EngineRunError(answer["error"])
        return await process.stdout.readexactly(answer["bytes"])

    async def _running(self) -> asyncio.subprocess.Process:
        """The process, started if need be, which from now on may stay for a while."""
        if self._leaving is not None:
            self._leaving.cancel()
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *sandbox.python_command("stylecam.control.http.thumbnail_worker:main"),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        self._leaving = asyncio.get_running_loop().call_later(self._idle_s, self._let_go)
        return self._process

    def _let_go(self) -> None:
        """Nobody has looked for a while."""
        if self._turn.locked():  # it is at work
            self._leaving = asyncio.get_running_loop().call_later(self._idle_s, self._let_go)
            return
        process = self._parted()  # at once: in the next turn of the loop somebody may want it again
        if process is not None:
            self._farewell = asyncio.get_running_loop().create_task(process.wait())


def downscale(image: Image) -> Image:
    """`image` (H×W×3 uint8 BGR) about `WIDTH` wide, sides multiples of 8, as networks want them."""
    height, width = image.shape[:2]
    return resize(image, Size(WIDTH, max(8, round(WIDTH * height / width / 8) * 8)))

"""The painter: a still picture in, a painting of the same size out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product
from typing import cast

import cv2
import numpy as np

from stylecam.engines.autotune import Autotuner, cache_path
from stylecam.engines.base import Engine, InferenceSession
from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO
from stylecam.errors import UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize, to_tensor
from stylecam.models.catalog import Catalog, StyleMix, shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.freeze_norms import InstanceNorms, NormStatistics
from stylecam.stylize.postprocess.color import blend, with_colors_of
from stylecam.stylize.tiling import Span, spans
from stylecam.utils.clock import SystemClock

PADDING = 64
"""The least reflected picture around a network's input: the frame networks paint at their border is cropped away.

Wider than the live rim, for a still picture is looked at for longer. A multiple of 8."""
MAX_UNTILED_PIXELS = 2_600_000
"""About how many pixels a network is given at once, a full-HD picture with its rim; larger ones go in tiles."""
TILE_SIDE, TILE_MARGIN = 1280, 128
"""Side of a tile, and how much of it is only there for its neighbour's sake: wider than what style networks see."""
SAMPLE_GRID = 3
"""A large picture's statistics are measured on collages of so many windows times as many."""
ROWS_AT_ONCE = 512
"""Rows finished at a time, so that a large picture needs no second copy."""

Progress = Callable[[float], None]


class Stylist:
    """Paints pictures in one style; `stylecam.Stylist` is this class.

    >>> import numpy as np
    >>> import stylecam
    >>> paint = stylecam.Stylist("starry_night", strength=0.8)
    >>> picture = np.full((90, 160, 3), 128, np.uint8)  # as cv2.imread gives it: height × width × 3, uint8, BGR
    >>> painting = paint(picture)
    >>> painting.shape, painting.dtype
    ((90, 160, 3), dtype('uint8'))

    A painter is used by one thread at a time; it keeps its networks loaded, so painting many pictures of one size with
    one painter is faster than making one for each.

    A picture of more than about two megapixels is painted in tiles by a network whose instance norms are fixed to the
    statistics of the whole picture (estimated from windows spread over all of it), so that no seams show and memory
    stays bounded. A network that looks at the whole picture in another way is given a reduced copy and its painting
    enlarged; `cannot_tile` and `limit` say so.
    """

    def __init__(
        self,
        style: str | StyleMix,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        scale: float = 1.0,
        device: str = AUTO,
        engine: Engine | str = "opencv",
    ) -> None:
        """Choose what to paint with.

        Args:
            style: `starry_night`, `bank/name`, a blend `great_wave:0.6,the_scream:0.4` or the path of an `.onnx` file.
            strength: 0 (the picture) to 1 (the painting).
            preserve_color: keep the picture's own colours.
            scale: 0.1 to 1: paint a picture reduced so much, for larger strokes in less time; the result has full size.
            device: `auto`, `cpu`, or another that the engine has (see `stylecam.engines.names.DEVICES_OF`).
            engine: runs the network on `device`: `opencv`, `onnxruntime`, `openvino`, or `auto` for the fastest of full
                precision (see `stylecam.engines.autotune`); or an engine itself.

        Raises:
            StyleNotFoundError: no style of this name; carries the nearest.
            ModelFormatError: the file named is no style network.
            UsageError: a number out of range, a blend that is none, or the style `none`.
            EngineUnavailableError: the engine is not installed, or the device not there.
        """
        for name, value, low in (("strength", strength, 0.0), ("scale", scale, 0.1)):
            if not low <= value <= 1:
                raise UsageError(f"{name} {value:g} is out of range; it goes from {low:g} to 1")
        mix = style if isinstance(style, StyleMix) else _load(style)
        if mix is None:
            raise UsageError("the style 'none' paints nothing; name a style")
        self.mix = mix
        self._strength, self._preserve_color, self._scale = strength, preserve_color, scale
        self._engine = engine if isinstance(engine, Engine) else _engine(engine, device, mix.model)
        self._sessions: dict[str, tuple[Size, InferenceSession]] = {}

    @property
    def engine(self) -> Engine:
        """What runs the networks."""
        return self._engine

    def with_style(self, mix: StyleMix) -> Stylist:
        """A painter with another style, which shares this one's engine and loaded networks; one thread for both."""
        other = copy.copy(self)
        other.mix = mix
        if mix.model.key != self.mix.model.key:
            other.__dict__.pop("_norms", None)
        return other

    def release(self) -> None:
        """Let go of the networks that are loaded, here and in painters that share them; the next picture loads anew."""
        self._sessions.clear()

    @cached_property
    def _norms(self) -> InstanceNorms:
        return InstanceNorms(self.mix.model)

    @property
    def cannot_tile(self) -> bool:
        """Large pictures are painted from a copy of `MAX_UNTILED_PIXELS` pixels, for this network allows no tiles."""
        return not self._norms.can_freeze

    def reduction_note(self, size: Size) -> str | None:
        """What a picture of `size` loses by such a copy, to be read after its name; None where it loses nothing."""
        share = _share(_scaled(size, self._scale))
        if share == 1 or not self.cannot_tile:
            return None
        return (
            f"was painted from a copy {share:.0%} as wide and enlarged, for {self.mix.label} looks at whole pictures "
            f"in a way that allows no tiles"
        )

    def __call__(self, image: Image, progress: Progress | None = None) -> Image:
        """Paint `image`, H×W×3 uint8 BGR; the result is a new array of the same shape. `image` is not changed.

        `progress(share)` is called as the work goes on, with 0..1.

        Raises:
            UsageError: an array of another form.
            EngineRunError: the network cannot be loaded or failed.
        """
        if not isinstance(image, np.ndarray):
            raise UsageError(f"the picture is {type(image).__name__}, not an array; did cv2.imread find the file?")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"the picture has shape {'×'.join(map(str, image.shape))} and type {image.dtype}; "
                "give height × width × 3, uint8, in BGR order"
            )
        size = Size(image.shape[1], image.shape[0])
        told = progress or (lambda _: None)
        painted = resize(self._paint(_reduced(image, self._scale), told), size)
        self._finish(image, painted)
        told(1.0)
        return painted

    def _paint(self, image: Image, told: Progress) -> Image:
        size = Size(image.shape[1], image.shape[0])
        share = _share(size)
        if share == 1:
            return self._whole(self.mix.model, image)
        if not self._norms.can_freeze:
            return resize(self._whole(self.mix.model, _reduced(image, share)), size)
        model = self.mix.model
        if self._norms.count:
            model = self._norms.frozen_model(self._sampled(image))
        return self._in_tiles(model, image, told)

    def _sampled(self, image: Image) -> NormStatistics:
        """The statistics of a picture larger than a network takes at once."""
        means, variances = np.split(np.array([self._measure(sample) for sample in _samples(image)]), 2, axis=1)
        return np.concatenate([means.mean(0), variances.mean(0) + means.var(0)])

    def _measure(self, image: Image) -> NormStatistics:
        session = self._session(self._norms.measuring_model(), _padded(image))
        figures = session.run(to_tensor(_window(image, *_everything(image))), self.mix.weights)
        return np.array(figures, np.float32).reshape(-1)

    def _whole(self, model: Model, image: Image) -> Image:
        size = _padded(image)
        painted = self._session(model, size).stylize(_window(image, *_everything(image)), self.mix.weights)
        height, width = image.shape[:2]
        return np.ascontiguousarray(painted[PADDING : PADDING + height, PADDING : PADDING + width])

    def _in_tiles(self, model: Model, image: Image, told: Progress) -> Image:
        """`image` by a network whose statistics are fixed; where tiles meet they agree, so a plain cut is enough."""
        size, (height, width) = _padded(image), image.shape[:2]
        rows, columns = spans(size.height, TILE_SIDE, TILE_MARGIN), spans(size.width, TILE_SIDE, TILE_MARGIN)
        session = self._engine.session(model, columns[0].end, rows[0].end)
        painted = np.empty_like(image, order="C")
        done = 0
        for row in rows:
            top, bottom = max(row.first - PADDING, 0), min(row.last - PADDING, height)
            for column in columns:
                left, right = max(column.first - PADDING, 0), min(column.last - PADDING, width)
                tile = session.stylize(_window(image, row, column), self.mix.weights, (row.start, column.start))
                y, x = row.start - PADDING, column.start - PADDING
                painted[top:bottom, left:right] = tile[top - y : bottom - y, left - x : right - x]
                done += 1
                told(done / (len(rows) * len(columns)))
        return painted

    def _session(self, model: Model, size: Size) -> InferenceSession:
        """One for each network, for the size it was last asked for: a large one takes hundreds of megabytes."""
        known = self._sessions.pop(model.key, None)
        if known is None or known[0] != size:
            known = None  # the old one goes before the new one comes
            known = (size, self._engine.session(model, *size))
        self._sessions[model.key] = known
        return known[1]

    def _finish(self, original: Image, painted: Image) -> None:
        """Colours and strength, in place."""
        for top in range(0, painted.shape[0], ROWS_AT_ONCE):
            below, above = original[top : top + ROWS_AT_ONCE], painted[top : top + ROWS_AT_ONCE]
            if self._preserve_color:
                above[:] = with_colors_of(below, above)
            if self._strength < 1:
                above[:] = blend(below, above, self._strength)


def _load(style: str) -> StyleMix | None:
    from stylecam.utils import paths

    return Catalog.load([shipped_models(), paths.user_styles()]).parse(style)


def _engine(name: str, device: str, model: Model) -> Engine:
    if name == AUTO:
        return Autotuner(cache_path(), SystemClock()).choose(model, device, exact=True).engine
    return make_engine(name, device)


def _scaled(size: Size, scale: float) -> Size:
    return Size(*(max(1, round(side * scale)) for side in size))


def _reduced(image: Image, scale: float) -> Image:
    """`image` with its sides multiplied by `scale` 0..1; itself for 1."""
    return resize(image, _scaled(Size(image.shape[1], image.shape[0]), scale))


def _share(size: Size) -> float:
    """By how much the sides of a picture of `size` shrink until a network takes it at once; 1 if it does."""
    share = 1.0
    while (size.width * share + 2 * PADDING) * (size.height * share + 2 * PADDING) > MAX_UNTILED_PIXELS:
        share *= 0.98
    return share


def _samples(image: Image) -> Iterator[Image]:
    """Collages of windows of `image`, together the size a network takes at once, from four places of each ninth.

    Not reduced copies: their finer detail has larger variances, by which a large picture would come out calmer than a
    small one. Only where windows would be slivers there is nothing better.
    """
    size = Size(image.shape[1], image.shape[0])
    share = _share(size)
    width, height = (int(side * share) // SAMPLE_GRID for side in size)
    if min(width, height) < PADDING:
        yield _reduced(image, share)
        return
    for y, x in product((0, 1), repeat=2):
        rows = [
            np.hstack([image[top : top + height, left : left + width] for left in _places(size.width, width, x)])
            for top in _places(size.height, height, y)
        ]
        yield np.vstack(rows)


def _places(length: int, window: int, end: int) -> list[int]:
    """Where windows start: at the beginning (`end` 0) or the end (1) of each equal part of `length`."""
    part = length / SAMPLE_GRID
    return [int(number * part + end * (part - window)) for number in range(SAMPLE_GRID)]


def _padded(image: Image) -> Size:
    """The size of `image` with its rim, both sides multiples of 8."""
    height, width = image.shape[:2]
    return Size(*(-(-(side + 2 * PADDING) // 8) * 8 for side in (width, height)))


def _everything(image: Image) -> tuple[Span, Span]:
    size = _padded(image)
    return Span(0, size.height, 0, size.height), Span(0, size.width, 0, size.width)


def _window(image: Image, row: Span, column: Span) -> Image:
    """The picture in a window; `row` and `column` count from the rim's corner. What lies outside is reflected."""
    height, width = image.shape[:2]
    top, bottom = row.start - PADDING, row.end - PADDING
    left, right = column.start - PADDING, column.end - PADDING
    inside = image[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    edges = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    return cast(Image, cv2.copyMakeBorder(inside, *edges, cv2.BORDER_REFLECT_101))

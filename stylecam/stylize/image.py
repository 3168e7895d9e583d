"""Stylize one image at a time: small ones whole, large ones in tiles that show no seams."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from stylecam.engines.autotune import Autotuner, cache_path
from stylecam.engines.base import Engine, InferenceSession, SessionCache, StyleInput
from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO
from stylecam.errors import UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize, to_tensor
from stylecam.models.model import Model
from stylecam.models.rewrite.freeze_norms import InstanceNorms, NormStatistics
from stylecam.models.style_mix import StyleMix
from stylecam.stylize import tiles
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.chain import blend, with_colors_of
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from stylecam.stylize.room import Paint, Room, RoomKind
from stylecam.stylize.still_compositor import StillCompositor, StyledImage
from stylecam.stylize.still_faces import StillFaces
from stylecam.stylize.still_look import check_scale, painted_style, still_look
from stylecam.utils.clock import SystemClock

MAX_GUIDED_PIXELS = 16_000_000
"""A larger image is enlarged without the edges of its original, whose search takes some thirty bytes a pixel."""
ROWS_AT_ONCE = 512
"""Rows whose colours and strength are finished at a time, so that a large picture needs no second copy."""

Progress = Callable[[float], None]


class Stylist:
    """Stylize images in one style.

    >>> import numpy as np
    >>> import stylecam
    >>> stylist = stylecam.Stylist("starry_night", strength=0.8)
    >>> image = np.full((90, 160, 3), 128, np.uint8)  # as cv2.imread gives it: height × width × 3, uint8, BGR
    >>> styled = stylist(image)
    >>> styled.shape, styled.dtype
    ((90, 160, 3), dtype('uint8'))

    Frames of a sequence flicker less with some steadiness. Give them in their order, and call `reset` before another
    sequence begins:

    >>> stylist = stylecam.Stylist("starry_night", steadiness=0.8)
    >>> frames = [stylist(frame) for frame in (image, image, image)]
    >>> stylist.reset()

    An instance is used by one thread at a time. It keeps its networks loaded, so one instance for many images of one
    size is faster than one for each.

    An image of more than about two megapixels is styled in tiles by a network whose instance norms are fixed to the
    statistics of the whole image, which are estimated from windows spread over all of it. So no seams show, and memory
    stays bounded. A network that looks at the whole image in another way is given a reduced copy, and its result is
    enlarged; `cannot_tile` and `reduction_note` tell.

    Person and room can be treated differently, as in the live picture:

    >>> stylist = stylecam.Stylist("starry_night", room="color:#00b140")  # the person, painted, before green

    Attributes:
        mix: the style or blend; with the style `none`, that of the room, or one that is not used.
    """

    def __init__(
        self,
        style: str | StyleMix,
        *,
        strength: float = 1.0,
        steadiness: float = 0.0,
        preserve_color: bool = False,
        brush: float = 1.0,
        paint: str = Paint.EVERYTHING,
        room: str | Room = RoomKind.CAMERA,
        face: float = 0.0,
        scale: float = 1.0,
        device: str = AUTO,
        engine: Engine | str = AUTO,
        tier: str = AUTO,
    ) -> None:
        """Choose the style and what runs its network.

        Args:
            style: `starry_night`, `bank/name`, a blend `great_wave:0.6,the_scream:0.4` or the path of an `.onnx` file.
                `none` leaves the person as they are, before what `room` shows.
            strength: 0 (the image as it is) to 1 (the styled image).
            steadiness: 0 to 1: how strongly what does not move is kept from flickering in a sequence of frames. With 0
                every image stands for itself.
            preserve_color: keep the image's own colours.
            brush: 0.5 to 2: a factor of the size of strokes, which is a share of the short side of the image. A bank of
                one size of strokes paints them in that size (see `Model.stroke_scales`).
            paint: `everything`, `person` or `room`: who is painted.
            room: what the room shows where the style does not paint it: `camera`, `blur:0.6`, `color:#00b140`,
                `picture:FILE`, `style:NAME` or `none` (see `stylecam.stylize.room.Room`).
            face: 0 to 1: how clear eyes and mouths stay.
            scale: 0.1 to 1: paint a copy reduced so much, in less time; the result has full size. Strokes get larger
                where a network knows a single size of them.
            device: `auto`, `cpu`, or another that the engine has (see `stylecam.engines.names.DEVICES_OF`).
            engine: `opencv`, `onnxruntime`, `openvino`, or an `Engine`. `auto` is the fastest installed one of full
                precision; the first time it is measured, which takes about a second, and then remembered.
            tier: of a style that is there in two tiers, which one to use: `rich`, `lean`, or `auto` for rich.

        Raises:
            StyleNotFoundError: there is no style of this name; the error carries the nearest ones.
            ModelFormatError: the file is not a style network.
            UsageError: a number is out of range, the blend or the room is malformed, the style is `none` and the
                room neither hidden nor painted, or no network of the tier is installed.
            EngineUnavailableError: the engine is not installed, or the device is not there.
        """
        look = still_look(
            style, strength=strength, steadiness=steadiness, preserve_color=preserve_color, brush=brush, paint=paint,
            room=room, face=face, tier=tier,
        )  # fmt: skip
        check_scale(scale)
        assert look.mix is not None
        self._start(look, scale, engine if isinstance(engine, Engine) else still_engine(engine, device, look.mix.model))

    @classmethod
    def of_look(cls, look: Look, scale: float, engine: Engine) -> Stylist:
        """Make a stylist for a look that `still_look` has made, and a scale that `check_scale` allows."""
        made = cls.__new__(cls)
        made._start(look, scale, engine)
        return made

    def _start(self, look: Look, scale: float, engine: Engine) -> None:
        assert look.mix is not None
        self.mix = look.mix
        self._look, self._scale, self._temporal_filter = look, scale, TemporalFilter()
        self._engine = engine
        self._sessions = SessionCache(self._engine, sizes_per_model=1)
        self._compositor = StillCompositor(self._engine, look)
        self._faces = StillFaces(self._engine, steady=look.steadiness > 0)
        self._room_stylist: Stylist | None = None

    @property
    def label(self) -> str:
        """The style as users write it; `none` if nothing is painted."""
        return painted_style(self._look)

    @property
    def engine(self) -> Engine:
        """The engine that runs the networks."""
        return self._engine

    def with_style(self, mix: StyleMix) -> Stylist:
        """Return a stylist for another style that shares this one's engine and loaded networks.

        One thread uses both.
        """
        other = copy.copy(self)
        other.mix, other._look = mix, replace(self._look, mix=mix)
        other._temporal_filter, other._room_stylist = TemporalFilter(), None
        other._compositor = StillCompositor(self._engine, other._look)
        other._faces = StillFaces(self._engine, steady=self._look.steadiness > 0)
        if mix.model.key != self.mix.model.key:
            other.__dict__.pop("_norms", None)
        return other

    def reset(self) -> None:
        """Forget the frames before: the next image begins another sequence."""
        self._temporal_filter.reset()
        self._compositor.forget()
        self._faces.forget()
        if self._room_stylist is not None:
            self._room_stylist.reset()

    def release(self) -> None:
        """Unload the networks, also of stylists that share them; the next image loads its network again."""
        self._sessions.clear()

    @cached_property
    def _norms(self) -> InstanceNorms:
        return InstanceNorms(self.mix.model)

    @property
    def cannot_tile(self) -> bool:
        """Whether large images are styled from a copy of `MAX_UNTILED_PIXELS`, because this network allows no tiles."""
        return not self._norms.can_freeze

    def reduction_note(self, size: Size) -> str | None:
        """Return what an image of `size` loses by such a copy, to be read after its name; None if nothing is lost."""
        share = tiles.share_taken_whole(tiles.scaled(size, self._reduction(size)))
        if share == 1 or not self.cannot_tile:
            return None
        return (
            f"was painted from a copy {share:.0%} as wide and enlarged, for {self.mix.label} looks at whole pictures "
            f"in a way that allows no tiles"
        )

    def __call__(self, image: Image, progress: Progress | None = None) -> Image:
        """Stylize one image, and return a new C-contiguous array of the same shape; see `stylize`."""
        return self.stylize(image, progress).image

    def network_pictures(self, image: Image) -> tuple[Image, ...]:
        """Return what the networks make of `image` alone, of the size at which they paint, before all other steps.

        These are the picture in the main style and, where the room has a style of its own, the one in that. They depend
        on nothing but the image, so another process can make them and `stylize` can do the rest.
        """
        stylists = [self] if self._look.room_mix is None else [self, self._in_the_room]
        return tuple(each._stylize(each._camera(image), lambda _: None) for each in stylists)

    def stylize(
        self, image: Image, progress: Progress | None = None, network_pictures: Sequence[Image] | None = None
    ) -> StyledImage:
        """Stylize one image.

        Args:
            image: H×W×3 uint8 BGR; it is not changed.
            progress: called with the share done, 0..1, as the work goes on.
            network_pictures: what `network_pictures` returned for this image, if it was called before.

        Returns:
            The image, and where nothing is shown in it if the room was left out.

        Raises:
            UsageError: the array has another form.
            EngineRunError: a network cannot be loaded or failed.
        """
        if not isinstance(image, np.ndarray):
            raise UsageError(f"the picture is {type(image).__name__}, not an array; did cv2.imread find the file?")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"the picture has shape {'×'.join(map(str, image.shape))} and type {image.dtype}; "
                "give height × width × 3, uint8, in BGR order"
            )
        report = progress or (lambda _: None)
        main, room = [*(network_pictures or ()), None, None][:2]
        painted = self._painted(image, report, main)
        if self._look.face > 0 and self._look.paint is not Paint.ROOM:
            painted = self._faces.clear(image, painted, self._look.face)
        styled = StyledImage(painted)
        if self._look.needs_mask:
            styled = self._compositor.compose(image, painted, lambda: self._paint_room(image, room))
        report(1.0)
        return styled

    def unpainted(self, image: Image) -> Image:
        """Return `image` (H×W×3 uint8 BGR) as it is, but with its room hidden if that is asked for."""
        return self._compositor.compose(image, image, lambda: image).image if self._look.hides_room else image

    def _painted(self, image: Image, report: Progress, styled: Image | None) -> Image:
        """Paint person and room alike; `styled` is what the network makes of `image`, if that is known."""
        camera = self._camera(image)
        styled = self._stylize(camera, report) if styled is None else styled
        if self._look.steadiness > 0:  # the filter goes on using what it returns
            styled = self._temporal_filter.apply(styled, camera, self._look.steadiness).copy()
        styled = _enlarged(styled, camera, image)
        self._finish(image, styled)
        return styled

    def _paint_room(self, image: Image, styled: Image | None) -> Image:
        """Paint person and room alike, in the style of the room."""
        return self._in_the_room._painted(image, lambda _: None, styled)

    @property
    def _in_the_room(self) -> Stylist:
        """The stylist of the room, for a look that has a style for it."""
        assert self._look.room_mix is not None
        if self._room_stylist is None:
            self._room_stylist = self.with_style(self._look.room_mix)
        return self._room_stylist

    def _camera(self, image: Image) -> Image:
        """Return `image` at the size at which it is painted."""
        return tiles.reduced(image, self._reduction(Size(image.shape[1], image.shape[0])))

    def _reduction(self, size: Size) -> float:
        """Return the share to which the sides of an image of `size` shrink, at most 1, before it is styled."""
        return min(self._scale, self.mix.model.largest_side(min(size), self._look.brush) / min(size))

    def _rows(self, short_side: int) -> StyleInput:
        """Return the values of the network's input `style` for an image with that short side."""
        return self.mix.model.rows(self.mix.weights, short_side, self._look.brush)

    def _stylize(self, image: Image, report: Progress) -> Image:
        """Stylize `image` at its size: whole, in tiles, or from a reduced copy; as it is where nothing is painted."""
        if not self._look.paints:
            return np.array(image)
        model, size = self.mix.model, Size(image.shape[1], image.shape[0])
        share = tiles.share_taken_whole(size)
        if share == 1:
            return self._whole(model, image)
        if self.cannot_tile:
            return resize(self._whole(model, tiles.reduced(image, share)), size)
        if self._norms.count:
            model = self._norms.frozen_model(self._sampled(image))
        return self._in_tiles(model, image, report)

    def _sampled(self, image: Image) -> NormStatistics:
        """Estimate the statistics of an image larger than a network takes at once."""
        rows = self._rows(min(image.shape[:2]))
        means, variances = np.split(
            np.array([self._measure(sample, rows) for sample in tiles.samples(image)]), 2, axis=1
        )
        return np.concatenate([means.mean(0), variances.mean(0) + means.var(0)])

    def _measure(self, image: Image, rows: StyleInput) -> NormStatistics:
        size = self._padded_size(image)
        session = self._session(self._norms.measuring_model(), size)
        figures = session.run(to_tensor(tiles.window(image, *tiles.everything(size))), rows)
        return np.array(figures, np.float32).reshape(-1)

    def _whole(self, model: Model, image: Image) -> Image:
        size = Size(image.shape[1], image.shape[0])
        row, column = tiles.whole(size, model.alignment)
        session = self._session(model, Size(column.end - column.start, row.end - row.start))
        painted = session.stylize(tiles.window(image, row, column), self._rows(min(size)), (row.start, column.start))
        y, x = row.first - row.start, column.first - column.start
        return np.ascontiguousarray(painted[y : y + size.height, x : x + size.width])

    def _in_tiles(self, model: Model, image: Image, report: Progress) -> Image:
        """Stylize `image` by a network of fixed statistics; tiles agree where they meet, so a plain cut is enough."""
        size, (height, width) = self._padded_size(image), image.shape[:2]
        rows, columns = (
            tiles.spans(size.height, tiles.TILE_SIDE, tiles.TILE_MARGIN),
            tiles.spans(size.width, tiles.TILE_SIDE, tiles.TILE_MARGIN),
        )
        session = self._engine.session(model, columns[0].end, rows[0].end)
        painted = np.empty_like(image, order="C")
        weights = self._rows(min(height, width))
        done = 0
        for row in rows:
            top, bottom = max(row.first - tiles.PADDING, 0), min(row.last - tiles.PADDING, height)
            for column in columns:
                left, right = max(column.first - tiles.PADDING, 0), min(column.last - tiles.PADDING, width)
                tile = session.stylize(tiles.window(image, row, column), weights, (row.start, column.start))
                y, x = row.start - tiles.PADDING, column.start - tiles.PADDING
                painted[top:bottom, left:right] = tile[top - y : bottom - y, left - x : right - x]
                done += 1
                report(done / (len(rows) * len(columns)))
        return painted

    def _padded_size(self, image: Image) -> Size:
        """Return the size of `image` with its padding, both sides multiples of the network's alignment."""
        cell = self.mix.model.alignment
        return Size(*(-(-(side + 2 * tiles.PADDING) // cell) * cell for side in (image.shape[1], image.shape[0])))

    def _session(self, model: Model, size: Size) -> InferenceSession:
        return self._sessions.get(model, size.width, size.height)

    def _finish(self, original: Image, painted: Image) -> None:
        """Apply colours and strength to `painted`, in place."""
        for top in range(0, painted.shape[0], ROWS_AT_ONCE):
            below, above = original[top : top + ROWS_AT_ONCE], painted[top : top + ROWS_AT_ONCE]
            if self._look.preserve_color:
                above[:] = with_colors_of(below, above)
            if self._look.strength < 1:
                above[:] = blend(below, above, self._look.strength)


def still_engine(name: str, device: str, model: Model, threads: int | None = None) -> Engine:
    """Make the engine `name`, or for `auto` choose the fastest one of full precision; see `make_engine`."""
    if name == AUTO:
        return Autotuner(cache_path(), SystemClock()).choose(model, device, threads, exact=True).engine
    return make_engine(name, device, threads)


def _enlarged(styled: Image, camera: Image, image: Image) -> Image:
    """Return `styled`, made of the copy `camera`, at the size of `image`; with the edges of a picture of usual size."""
    size = Size(image.shape[1], image.shape[0])
    if styled.shape == image.shape or size.width * size.height > MAX_GUIDED_PIXELS:
        return resize(styled, size)
    return GuidedUpsampler(size).enlarge(styled, camera, image)

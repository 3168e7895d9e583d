"""Learn a style of the user's own from a picture at once: the rows for every shipped body are predicted."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import ModelFormatError, StylecamError
from stylecam.media.frame import Image
from stylecam.models.card import title_of
from stylecam.models.catalog import shipped_models
from stylecam.models.onnx.proto import FloatArray
from stylecam.models.own_style import SUFFIX, LearnedRows, OwnStyle, changing, short_name
from stylecam.models.user_styles import UserStyles
from stylecam.stylize.face_detector import BlazeFace, Square
from stylecam.stylize.style_picture import StylePicture
from stylecam.stylize.style_predictor import StylePredictor, predicted_bodies
from stylecam.utils import paths
from stylecam.utils.message import Message
from stylecam.utils.text import printable

_log = logging.getLogger(__name__)
NOT_STATED = "not stated"
"""The licence of a picture of which nobody has said it."""
_MOST_STUDIES = 4
_FACE_SCORE = 0.8
"""Photographs of people reach it, painted faces hardly ever."""


@dataclass(frozen=True, slots=True)
class _Study:
    """All that is found out about a picture before its style has a name.

    Attributes:
        jpeg: see `StylePicture`.
        notes: what there is to know about it, as phrases that follow its title.
        rows: those that are predicted, by the digest of their body.
    """

    jpeg: bytes
    notes: tuple[str, ...]
    rows: Mapping[str, FloatArray]


class StyleLearner:
    """Learns styles from pictures, one after the other; it keeps the predictor loaded. One thread at a time may use it.

    Raises:
        ModelFormatError: a file of the predictor is missing or damaged.
    """

    def __init__(self) -> None:
        self._predictor = StylePredictor.load()
        self._studies: dict[tuple[object, ...], _Study] = {}

    def prepare(self, picture: bytes, crop: Sequence[float] | None = None) -> None:
        """Study a picture that may soon be learned, so that `learn` then takes no time.

        The last `_MOST_STUDIES` are kept.

        Raises:
            UsageError: the crop lies outside of the picture.
            SourceUnreadableError: it cannot be learned.
        """
        key = _key(picture, crop)
        study = self._studies.pop(key, None) or self._study(picture, crop, "the file")
        self._studies[key] = study
        for oldest in list(self._studies)[:-_MOST_STUDIES]:
            del self._studies[oldest]

    def learn(
        self,
        picture: Path | bytes,
        *,
        name: str | None = None,
        title: str | None = None,
        artist: str | None = None,
        licence: str | None = None,
        crop: Sequence[float] | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> OwnStyle:
        """Learn one style, as `learn` does."""
        study = self._studies.pop(_key(picture, crop), None) if isinstance(picture, bytes) else None
        study = study or self._study(picture, crop, name or "the file")
        for text in study.notes:
            note(text)
        short = style_name(picture, name)
        style = OwnStyle(
            short,
            _stated(title) or title_of(_words(picture, name), short),
            _stated(artist) or "unknown",
            _stated(licence) or NOT_STATED,
            study.jpeg,
        )
        return _with_missing_rows(style, study.rows)

    def redraft(self, style: OwnStyle) -> OwnStyle:
        """Predict the rows that are missing, as `redraft` does. A picture that is damaged or hostile is refused."""
        if not style.picture:
            return style
        read = StylePicture.read(style.picture, name=f"the picture of {style.name}")
        return _with_missing_rows(style, self._predictor.rows(read.image))

    def _study(self, picture: Path | bytes, crop: Sequence[float] | None, name: str) -> _Study:
        read = StylePicture.read(picture, crop, name)
        face = Message("shows a face; the style takes only its colors and strokes, but its file holds the picture")
        notes = (*read.notes, face) if _shows_face(read.image) else read.notes
        return _Study(read.jpeg, notes, self._predictor.rows(read.image))


def learn(
    picture: str | Path | bytes,
    *,
    name: str | None = None,
    title: str | None = None,
    artist: str | None = None,
    licence: str | None = None,
    crop: Sequence[float] | None = None,
    install: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> OwnStyle:
    """Learn the style of any picture, in about a second and without PyTorch.

    A small network predicts what the shipped networks need to paint like the picture, both sizes of strokes.
    `stylecam styles improve` trains it further.

    Args:
        picture: the path of a picture file, or its bytes, in any format that `stylecam image` reads; at least 64 pixels
            on the short side.
        name: of the style, as `--style` takes it; by default from the file's name.
        title: of the picture; by default from its file's name.
        artist: who made the picture; by default `unknown`.
        licence: of the picture, which goes with the style wherever it goes; by default `not stated`.
        crop: left, top, width and height of the part to learn from, as shares 0..1 of the upright picture.
        install: whether to add the style to the user's own, so that `Stylist`, `Live` and the command line know it.
        note: called with what there is to know about the picture, each time a phrase that follows the file's name.

    Returns:
        The style; `write(path)` makes the one small file that others can use. It holds the picture.

    Raises:
        SourceUnreadableError: the picture is missing, damaged, too large or too small, or of one color.
        UsageError: the crop lies outside of the picture; or, with `install`, a style has this name already or the
            folder cannot be written.
        ModelFormatError: a file of the predictor is missing or damaged.
    """
    source = Path(picture) if isinstance(picture, str) else picture
    styles = UserStyles(paths.user_styles(), shipped_models())
    if install:
        styles.check_free(style_name(source, name))
    style = StyleLearner().learn(source, name=name, title=title, artist=artist, licence=licence, crop=crop, note=note)
    if install:
        styles.keep(style)
    return style


def redraft_folder(folder: Path) -> tuple[str, ...]:
    """Predict the rows that own styles in `folder` lack for the shipped bodies, as after an update of stylecam.

    What cannot be read or written stays as it is, and a warning says so.

    Returns:
        The names of the styles that have new rows now.

    Raises:
        ModelFormatError: a file of the predictor is missing or damaged.
    """
    files = sorted(folder.glob(f"*{SUFFIX}"))
    redrafted: list[str] = []
    learner = None
    bodies = predicted_bodies() if files else frozenset()
    for path in files:
        try:
            if not _lacks_rows(OwnStyle.read(path), bodies):
                continue
            learner = learner or StyleLearner()
            with changing(path):
                style = OwnStyle.read(path)  # again, as it may have been changed meanwhile
                learner.redraft(style).write(path)
            redrafted.append(style.name)
        except ModelFormatError:
            continue  # the catalog says so
        except (StylecamError, OSError) as error:
            _log.warning(
                Message(
                    "{path} cannot be learned anew for the networks of this version: {error}", path=path, error=error
                )
            )
    return tuple(redrafted)


def _key(picture: bytes, crop: Sequence[float] | None) -> tuple[object, ...]:
    """Return what tells whether two pictures are the same, cut in the same way."""
    return (hashlib.sha256(picture).digest(), *(crop or ()))


def _with_missing_rows(style: OwnStyle, rows: Mapping[str, FloatArray]) -> OwnStyle:
    """Return `style` with those of `rows` that are for a body that it has none for."""
    for body, values in rows.items():
        if body not in style.rows:
            style = style.with_rows(body, LearnedRows(values))
    return style


def _lacks_rows(style: OwnStyle, bodies: frozenset[str]) -> bool:
    """Return whether rows for some of `bodies` can be predicted that `style` does not have."""
    return bool(style.picture) and not bodies <= set(style.rows)


def style_name(picture: Path | bytes, name: str | None = None) -> str:
    """Return how a style is called that is learned from `picture`: `name` in plain letters, or the file's name."""
    return short_name(_words(picture, name))


def redraft(style: OwnStyle) -> OwnStyle:
    """Return `style` with predicted rows for the shipped bodies that it has none for, for example after an update.

    What was learned for others stays. A style without a picture is returned as it is.

    Raises:
        SourceUnreadableError: its picture cannot be read; it is looked at even where no rows are missing.
        ModelFormatError: a file of the predictor is missing or damaged.
    """
    return StyleLearner().redraft(style)


def _shows_face(image: Image) -> bool:
    height, width = image.shape[:2]
    square = Square(width / 2, height / 2, max(height, width))
    return bool(BlazeFace(OpenCVEngine("cpu")).find(image, square, _FACE_SCORE))


def _words(picture: Path | bytes, name: str | None) -> str:
    return name or (picture.stem if isinstance(picture, Path) else "picture")


def _stated(text: str | None) -> str:
    return printable((text or "").strip())

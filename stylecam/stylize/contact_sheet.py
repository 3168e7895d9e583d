"""Draw a contact sheet: one image in many styles side by side, each with its name."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import EngineError, StyleError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.transforms import resize
from stylecam.media.video_file import VideoResult, transform_video
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.image import Stylist

CELL_SIDE = 480
"""The default of the longer side of one cell, in pixels."""
ASPECT_RATIO = 1.6
"""The width of a sheet divided by its height, about, as screens have it."""
MAX_SIDE = 32_000
"""The longest side of a sheet in pixels; JPEG and WebP allow little more."""
ORIGINAL_LABEL = "picture"
_FONT, _PAPER, _INK, _GAP = cv2.FONT_HERSHEY_DUPLEX, 248, (50, 50, 50), 8

Progress = Callable[[int], None]
CountProgress = Callable[[int, int | None], None]
Alpha = npt.NDArray[np.uint8]


class ContactSheet:
    """Paints pictures in the same styles, one after the other, and lays each out on a sheet of one size.

    Attributes:
        labels: what stands below the cells, row by row; the first is the picture without a style.
        cell: the size of one picture.
        columns: how many stand side by side.
        size: of the whole sheet, both sides even, as video wants them.
        failed: labels of styles that cannot be painted, and why; their cells say so.
    """

    def __init__(
        self,
        painter: Stylist,
        mixes: Sequence[StyleMix],
        picture: Size,
        columns: int | None = None,
        longer: int = CELL_SIDE,
        *,
        keep: bool = False,
    ) -> None:
        """Lay out a sheet for pictures of size `picture`; none is enlarged.

        With `keep`, all networks stay loaded from one picture to the next; otherwise there is one at a time.

        Raises:
            UsageError: no style, or a sheet that would be larger than `MAX_SIDE`.
        """
        if not mixes:
            raise UsageError("there is no style to show; name one with --style")
        share = min(1.0, longer / max(picture))
        self.cell = Size(max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        self.labels = (ORIGINAL_LABEL, *(mix.label for mix in mixes))
        count = len(self.labels)
        wide, high = self.cell.width + _GAP, self.cell.height + _GAP + self._label_height
        self.columns = min(count, columns or max(1, round(math.sqrt(count * ASPECT_RATIO * high / wide))))
        rows = -(-count // self.columns)
        self.size = Size(*(side + side % 2 for side in (self.columns * wide + _GAP, rows * high + _GAP)))
        if max(self.size) > MAX_SIDE:
            raise UsageError(f"the sheet would have {self.size} pixels; choose other --columns or a smaller --cell")
        self._painters = [painter.with_style(mix) for mix in mixes]
        self._keep = keep
        self.failed: dict[str, str] = {}

    def draw(self, image: Image, progress: Progress | None = None, alpha: Alpha | None = None) -> Image:
        """Return the sheet for `image` (H×W×3 uint8 BGR, in the shape of `picture`), H×W×3 uint8 BGR of `size`.

        `progress(count)` is called after each cell. Where there is `alpha` (H×W uint8), the paper shows through.
        """
        small = resize(image, self.cell)
        veil = None if alpha is None else resize(alpha, self.cell)[:, :, None].astype(np.float32) / 255
        sheet: Image = np.full((self.size.height, self.size.width, 3), _PAPER, np.uint8)
        for number, label in enumerate(self.labels):
            painted = self._painters[0].unpainted(small) if number == 0 else self._painted(number, small)
            row, column = divmod(number, self.columns)
            top = _GAP + row * (self.cell.height + _GAP + self._label_height)
            left = _GAP + column * (self.cell.width + _GAP)
            cell = sheet[top : top + self.cell.height, left : left + self.cell.width]
            if painted is None:
                _explain(self.failed[label], cell)
            else:
                cell[:] = painted if veil is None else np.round(cell + veil * (painted - cell.astype(np.float32)))
            strip = sheet[top + self.cell.height :, left : left + self.cell.width][: self._label_height]
            _write(label, strip)
            if progress is not None:
                progress(number)
        return sheet

    def _painted(self, number: int, small: Image) -> Image | None:
        """Return `small` in the style of that number, or None if the style failed."""
        label, painter = self.labels[number], self._painters[number - 1]
        if label in self.failed:
            return None
        if not self._keep and number > 1 and painter.mix.model.key != self._painters[number - 2].mix.model.key:
            painter.release()
        try:
            return painter(small)
        except (EngineError, StyleError) as error:
            self.failed[label] = str(error)
            return None

    @property
    def _label_height(self) -> int:
        return max(12, min(28, max(self.cell) // 14))


def write_sheet(
    source: Path,
    target: Path,
    stylist: Stylist,
    mixes: Sequence[StyleMix],
    columns: int | None,
    cell: int,
    progress: CountProgress,
) -> ContactSheet:
    """Read the picture `source`, and write its sheet to `target`, with the picture's colour profile.

    `progress(done, total)` is called after each style. `cell` is the longer side of one picture, in pixels.

    Raises:
        SourceUnreadableError, UsageError: the picture cannot be read, or the sheet not laid out or written.
    """
    picture = ImageFile.read(source)
    sheet = ContactSheet(stylist, mixes, Size(picture.image.shape[1], picture.image.shape[0]), columns, cell)
    drawn = sheet.draw(picture.image, lambda number: progress(number, len(mixes)), picture.alpha)
    ImageFile(drawn, profile=picture.profile).save(target)
    return sheet


def write_video_sheet(
    source: Path,
    target: Path,
    stylist: Stylist,
    mixes: Sequence[StyleMix],
    columns: int | None,
    cell: int,
    progress: CountProgress,
) -> tuple[ContactSheet, VideoResult]:
    """Read the clip `source`, and write a clip of its sheets to `target`.

    `progress(done, total)` is called after each frame; `total` is None while unknown.

    Raises:
        SourceUnreadableError, UsageError: the clip cannot be read, or the sheet not laid out or written.
    """
    sheet: ContactSheet | None = None

    def draw(image: Image) -> Image:
        nonlocal sheet
        if sheet is None:  # all sheets are laid out for the first frame
            sheet = ContactSheet(stylist, mixes, Size(image.shape[1], image.shape[0]), columns, cell, keep=True)
        return sheet.draw(image)

    result = transform_video(source, target, draw, progress)
    assert sheet is not None
    return sheet, result


def _write(text: str, strip: Image) -> None:
    """Write `text` in the middle of `strip`, as large as fits."""
    height, room = strip.shape[:2]
    scale = height / 38
    (width, tall), _ = cv2.getTextSize(text, _FONT, scale, 1)
    if width > room:
        scale *= room / width
        (width, tall), _ = cv2.getTextSize(text, _FONT, scale, 1)
    cv2.putText(
        strip, text, ((room - width) // 2, (height + tall) // 2 - height // 14), _FONT, scale, _INK, 1, cv2.LINE_AA
    )


def _explain(reason: str, cell: Image) -> None:
    """Write `reason` into `cell`, as much of it as fits."""
    scale, line = 0.4, 16
    room = max(1, cell.shape[1] // 8)
    for number, text in enumerate(textwrap.wrap(f"cannot be painted: {reason}", room)[: cell.shape[0] // line], 1):
        cv2.putText(cell, text, (4, number * line - 4), _FONT, scale, _INK, 1, cv2.LINE_AA)

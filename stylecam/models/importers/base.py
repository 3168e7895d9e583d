"""The contract of importers: their options, their result and their two functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stylecam.errors import UsageError

if TYPE_CHECKING:
    from stylecam.models.importers.graph_builder import GraphBuilder


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user states about a network; None where the file, or its name, decides.

    Attributes:
        name: the style's name.
        title: the painting's title.
        artist: the painter.
        licence: the licence of the network.
        layout: `nchw` or `nhwc` (ONNX only).
        color_range: one of `stylecam.models.importers.color_range.COLOR_RANGES`, or two as `IN:OUT` (ONNX only).
        order: `rgb` or `bgr` (ONNX only).
    """

    name: str | None = None
    title: str | None = None
    artist: str | None = None
    licence: str | None = None
    layout: str | None = None
    color_range: str | None = None
    order: str | None = None

    def refuse_conventions(self) -> None:
        """Raise UsageError if layout, range or order is given, for file formats that determine them."""
        if self.layout or self.color_range or self.order:
            raise UsageError("the layout, range and order of such files are fixed; leave out these options")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read a network: its graph from `image` to `styled`, and what is known about it.

    Attributes:
        notes: what was read or guessed about the original, one line each; the first names its kind.
        style_count: the number of styles of a bank; None for a network without style weights.
    """

    graph: GraphBuilder
    notes: tuple[str, ...]
    style_count: int | None = None


class Importer(Protocol):
    """A module that converts one file format. It may import onnx, which `detect` has checked before."""

    def accepts(self, data: bytes) -> bool:
        """Return whether `data` begins like a file of this format."""

    def convert(self, data: bytes, options: ImportOptions) -> Iterable[Candidate]:
        """Return each way to read the network in `data`, the likeliest first.

        Raises:
            ModelFormatError: damaged, hostile, or not a style network; the message names the layer or byte.
            ImporterUnavailableError: a package that reads this format is not installed.
            UsageError: an option is invalid.
        """

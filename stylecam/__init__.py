"""stylecam: a virtual webcam that paints you live.

`Stylist` stylizes images, `Live` runs the camera, `styles` lists the styles, `learn` makes one of a picture at once and
`train` trains new ones; `docs/api.md` describes them with examples. Importing this package is cheap: cv2, the web
server and the hotkey library are loaded only by the parts that use them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from stylecam.errors import StylecamError
from stylecam.utils.version import __version__

if TYPE_CHECKING:
    from stylecam.live.api import Live
    from stylecam.media.frame import Frame
    from stylecam.media.sinks.base import Sink
    from stylecam.media.sources.base import Source
    from stylecam.models.catalog import styles
    from stylecam.stylize.image import Stylist
    from stylecam.stylize.style_learning import learn
    from stylecam.training.train import train

__all__ = ["Frame", "Live", "Sink", "Source", "StylecamError", "Stylist", "__version__", "learn", "styles", "train"]

_MODULES = {
    "Frame": "stylecam.media.frame",
    "Live": "stylecam.live.api",
    "Sink": "stylecam.media.sinks.base",
    "Source": "stylecam.media.sources.base",
    "Stylist": "stylecam.stylize.image",
    "learn": "stylecam.stylize.style_learning",
    "styles": "stylecam.models.catalog",
    "train": "stylecam.training.train",
}
"""The public names that are loaded when they are first used, and where they are defined."""


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

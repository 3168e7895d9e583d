"""stylecam: a virtual webcam that paints you live.

`stylecam.Stylist("starry_night")(picture)` paints one picture. Importing this package is cheap: cv2, the web server and
the hotkey library are only loaded by the parts that use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylecam.utils.version import __version__

if TYPE_CHECKING:
    from stylecam.stylize.image import Stylist

__all__ = ["Stylist", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Stylist":
        from stylecam.stylize.image import Stylist

        return Stylist
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

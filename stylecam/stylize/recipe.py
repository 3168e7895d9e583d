"""Take a stylist to another process: what it paints, without the engine, which is chosen where it arrives."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO, REMOTE, check_names
from stylecam.errors import ClusterError, EngineUnavailableError
from stylecam.stylize.image import Stylist, still_engine
from stylecam.stylize.look import Look
from stylecam.stylize.still_look import check_scale
from stylecam.utils.resources import limit_threads
from stylecam.utils.version import __version__

_stylists: dict[str, Stylist] = {}
"""The stylist that this process has made last, by the key of its recipe."""


@dataclass(frozen=True)
class Recipe:
    """All that a stylist needs, networks included, to be pickled.

    Attributes:
        look: as `still_look` makes it.
        scale: 0.1 to 1, the share of the size at which pictures are painted.
        engine: the name of the engine, or `auto`: each process chooses the fastest one that is installed there.
        device: the engine's device, or `auto`.
        version: of the stylecam that made this recipe.
    """

    look: Look
    scale: float = 1.0
    engine: str = AUTO
    device: str = AUTO
    version: str = __version__

    def check(self) -> None:
        """Check what can be checked without an engine.

        Raises:
            UsageError: the scale is out of range, or there is no such engine or device.
        """
        check_scale(self.scale)
        check_names(self.engine, self.device)
        if self.engine == REMOTE:
            make_engine(REMOTE)  # says that it is for live runs

    @cached_property
    def key(self) -> str:
        """A digest of everything that the painting depends on."""
        digest = hashlib.sha256(repr((self.look, self.scale, self.engine, self.device, self.version)).encode())
        for mix in filter(None, (self.look.mix, self.look.room_mix)):
            digest.update(f"{mix.model.key} {mix.weights}".encode() + mix.values.tobytes())
        return digest.hexdigest()[:16]

    def stylist(self) -> Stylist:
        """Make a new stylist, whose engine has one thread: a cluster hands out cores one by one.

        Raises:
            ClusterError: stylecam has another version here, or the engine is not installed here.
        """
        if self.version != __version__:
            raise ClusterError(
                f"{socket.gethostname()} has stylecam {__version__}, and this computer {self.version}; install the same"
            )
        assert self.look.mix is not None
        limit_threads(1)
        try:
            engine = still_engine(self.engine, self.device, self.look.mix.model, threads=1)
        except EngineUnavailableError as error:
            raise ClusterError(f"{socket.gethostname()}, a computer of the cluster: {error}") from error
        return Stylist.of_look(self.look, self.scale, engine)

    def kept_stylist(self) -> Stylist:
        """Return a stylist that this process keeps for the next call, with its networks loaded. Raises as `stylist`."""
        if self.key not in _stylists:
            _stylists.clear()
            _stylists[self.key] = self.stylist()
        return _stylists[self.key]


def check_visible(*paths: Path) -> None:
    """Check that this computer has files and folders that the one which began the work has.

    Raises:
        ClusterError: it has not.
    """
    for path in paths:
        if not path.exists():
            raise ClusterError(
                f"{socket.gethostname()}, a computer of the cluster, cannot see {path}; keep sources and results in a "
                "folder that all its computers have under one path"
            )

"""What of a run's settings can be changed while it runs, and what has to wait for the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from stylecam.control.actions import Command
from stylecam.control.commands import CommandQueue
from stylecam.control.keyboard.bindings import Bindings, bind
from stylecam.live.settings import Settings
from stylecam.media.frame import Image
from stylecam.media.overlays import panic_cover, panic_cover_from_file
from stylecam.models.catalog import Catalog

AS_ORDERS = {
    "style": ("select", "style"),
    "strength": ("strength", "value"),
    "steadiness": ("steadiness", "value"),
    "mirror": ("mirror", "on"),
    "scale": ("scale", "value"),
}
"""Settings that an order changes, with its argument."""
AT_ONCE = frozenset({"presets", "scenes", "bindings", "panic_picture", *AS_ORDERS})
_NAMES = {"bindings": "hotkeys", "outputs": "output"}


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between what was read at the start, or at the last reload, and what is read now.

    Attributes:
        settings: those in force from now on: the new ones, as far as they can be changed.
        orders: what to have carried out.
        at_once: the names of what changes now, for people.
        later: the names of what changes at the next start.
    """

    settings: Settings
    orders: tuple[Command, ...]
    at_once: tuple[str, ...]
    later: tuple[str, ...]

    def __str__(self) -> str:
        """In one line, for the user."""
        parts = [f"new from now on: {', '.join(self.at_once)}"] if self.at_once else []
        parts += [f"new at the next start: {', '.join(self.later)}"] if self.later else []
        return f"the configuration is read again; {'; '.join(parts) or 'nothing in it has changed'}"


def changes(before: Settings, after: Settings) -> Changes:
    """What is another in `after`. What the user has changed by hand meanwhile counts for nothing: the file has not."""
    changed = [field.name for field in fields(Settings) if getattr(before, field.name) != getattr(after, field.name)]
    now = [name for name in changed if name in AT_ONCE]
    return Changes(
        replace(before, **{name: getattr(after, name) for name in now}),
        tuple(_orders(now, after)),
        tuple(_NAMES.get(name, name) for name in now),
        tuple(_NAMES.get(name, name) for name in changed if name not in AT_ONCE),
    )


def _orders(changed: list[str], after: Settings) -> Iterator[Command]:
    for name in changed:
        value: Any = getattr(after, name)
        if name not in AS_ORDERS or (name == "style" and value is None):  # without a style in the file: as it is
            continue
        action, argument = AS_ORDERS[name]
        yield Command.from_json(action, {argument: "auto" if name == "scale" and value is None else value})


class Reloader:
    """Reads the configuration of one run again. Where anything in it is wrong, nothing is changed."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        catalog: Catalog,
        control: CommandQueue,
        *,
        rebind: Callable[[Bindings], None],
        cover_with: Callable[[Image], None],
        follow: Callable[[Mapping[str, str]], None],
        press: Callable[[Command], None],
        say: Callable[[str], None],
    ) -> None:
        """`settings` are those of the start, `read` gives those of now.

        `rebind` takes hotkeys, `cover_with` the picture of a panic, `follow` the scenes of OBS; `press` takes the
        orders that the file stands for, and `say` what has become of it.
        """
        self._settings, self._read = settings, read
        self._catalog, self._control = catalog, control
        self._rebind, self._cover_with, self._follow = rebind, cover_with, follow
        self._press, self._say = press, say

    def reload(self) -> None:
        """Take what can be changed.

        Raises:
            StylecamError: something in the file, or in what it names, is wrong.
        """
        new = self._read()
        new.check()
        bindings = bind(new.bindings)
        panic = (
            panic_cover(new.size) if new.panic_picture is None else panic_cover_from_file(new.panic_picture, new.size)
        )
        if new.style is not None:
            self._catalog.parse(new.style)
        found = changes(self._settings, new)
        self._settings = found.settings
        self._control.presets = new.presets
        self._rebind(bindings)
        if "panic_picture" in found.at_once:
            self._cover_with(panic)
        for order in found.orders:
            self._press(order)
        if {"scenes", "presets"} & set(found.at_once):
            self._follow(new.scenes)
        self._say(str(found))

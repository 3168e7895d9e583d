"""Reload the configuration of a run: apply what can change at once and name what waits for the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stylecam.control.action_context import ActionContext
from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.keyboard.bindings import Bindings, bind
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError
from stylecam.live.outputs import Outputs
from stylecam.live.settings import Settings
from stylecam.media.frame import Image, Size
from stylecam.media.overlays import panic_cover, panic_cover_from_file
from stylecam.models.catalog import Catalog
from stylecam.utils.message import Message, joined
from stylecam.utils.options import Option, options_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between the configuration at the last reading and now.

    Attributes:
        settings: the settings in force from now on: the new ones, as far as they can be changed.
        commands: the commands that make the change.
        at_once: the names of the options that change now.
        later: the names of the options that change at the next start.
    """

    settings: Settings
    commands: tuple[Command, ...]
    at_once: tuple[str, ...]
    later: tuple[str, ...]

    def __str__(self) -> str:
        """Return the line that the user reads."""
        parts = [Message("new from now on: {names}", names=", ".join(self.at_once))] if self.at_once else []
        parts += [Message("new at the next start: {names}", names=", ".join(self.later))] if self.later else []
        news = joined(parts, "; ") if parts else Message("nothing in it has changed")
        return Message("the configuration is read again; {news}", news=news)


def changes(before: Settings, after: Settings) -> Changes:
    """Compare two readings of the configuration. What the user has changed meanwhile by commands is not touched."""
    changed = [
        option
        for option in options_of(Settings)
        if getattr(before, option.attribute) != getattr(after, option.attribute)
    ]
    now = [option for option in changed if option.live or option.command is not None]
    return Changes(
        replace(before, **{option.attribute: getattr(after, option.attribute) for option in now}),
        tuple(_commands(now, after)),
        tuple(option.name for option in now),
        tuple(option.name for option in changed if option not in now),
    )


def _commands(changed: list[Option], after: Settings) -> Iterator[Command]:
    for option in changed:
        value = getattr(after, option.attribute)
        if value is None:
            value = option.word
        if option.command is None or value is None:  # a style that the file no longer names stays
            continue
        argument = ACTIONS[option.command].parameters[0].name
        yield Command.from_json(option.command, {argument: option.written(value)})


def panic_image(settings: Settings, size: Size) -> Image:
    """Return the picture to show during a panic: the user's own or a card, of `size`.

    Raises:
        UsageError: the user's own cannot be read.
    """
    if settings.panic_picture is None:
        return panic_cover(size, language=settings.chosen_language)
    return panic_cover_from_file(settings.panic_picture, size)


def no_configuration() -> Settings:
    """Refuse to reload a run that was started from settings without a configuration file."""
    raise CommandRefusedError("there is no configuration to read again")


class Reloader:
    """Reads the configuration of one run again, all or nothing."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        catalog: Catalog,
        control: CommandQueue,
        *,
        set_hotkeys: Callable[[Bindings], None],
        set_panic_picture: Callable[[Image], None],
        allow_camera: Callable[[str | None], None],
        outputs: Outputs,
        size: Callable[[], Size],
        scenes_changed: Callable[[], None],
        press: Callable[[Command], None],
    ) -> None:
        """Compare what `read` returns with `settings`, those of the start.

        `press` submits a command; `allow_camera` lets what the file names be chosen; `outputs` follow the file; `size`
        returns the present one of the picture; `scenes_changed` is called when scenes or presets have changed.
        """
        self._settings, self._read = settings, read
        self._catalog, self._control = catalog, control
        self._set_hotkeys, self._set_panic_picture = set_hotkeys, set_panic_picture
        self._allow_camera, self._scenes_changed = allow_camera, scenes_changed
        self._press = press
        self._outputs, self._size = outputs, size

    def panic_image(self, size: Size) -> Image:
        """Return the picture of a panic as the settings in force say; raises as `panic_image` does."""
        return panic_image(self._settings, size)

    def keep(self, changes: Mapping[str, Any]) -> None:
        """Take over settings that the run has written into the file itself, so that a reload finds nothing new."""
        self._settings = replace(self._settings, **changes)

    def reload(self) -> None:
        """Read and check everything, then apply what can change, then report it.

        Raises:
            StylecamError: something in the file, or in what it names, is wrong; nothing was changed.
        """
        new = self._read()
        new.check()
        bindings = bind(new.bindings)
        panic = panic_image(new, self._size())
        found = changes(self._settings, new)
        own = LiveState(self._control.own_look)
        for command in found.commands:  # what it refuses is refused here, before anything has changed
            own = ACTIONS[command.action].apply(own, command.arguments, ActionContext(self._catalog, new.presets))
        self._outputs.allow(new.outputs)
        before, self._settings = self._settings, found.settings
        self._control.presets, self._control.scenes, self._control.own_look = new.presets, new.scenes, own.look
        self._control.favorites = new.favorites
        self._set_hotkeys(bindings)
        if "panic_picture" in found.at_once:
            self._set_panic_picture(panic)
        if "camera" in found.at_once:
            self._allow_camera(new.camera)
        for command in found.commands:
            self._press(command)
        self._outputs.follow_settings(before.outputs, new.outputs)
        if {"scenes", "presets"} & set(found.at_once):
            self._scenes_changed()
        logger.info("%s", found)

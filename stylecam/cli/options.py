"""The options of `stylecam run`, as its configuration file sees them, and their values from whichever place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stylecam.errors import StylecamError, UsageError
from stylecam.live.config.file import Config
from stylecam.live.config.option import Kind, Option, Value
from stylecam.media.frame import Size
from stylecam.utils import paths

if TYPE_CHECKING:
    from stylecam.live.settings import Settings

NOT_IN_THE_FILE = ("config", "help")


def options_of(command: click.Command) -> list[Option]:
    """What of `command` the file may set."""
    return [
        Option(long_name(parameter), _kind(parameter), parameter.help or "", _default(parameter))
        for parameter in _parameters(command)
    ]


def long_name(parameter: click.Parameter) -> str:
    """The parameter's long flag with _ for -: its name in the file."""
    return next(name for name in parameter.opts if name.startswith("--"))[2:].replace("-", "_")


def parameters_by_name(command: click.Command) -> dict[str, click.Option]:
    """The parameters that the file may set, by their name in it."""
    return {long_name(parameter): parameter for parameter in _parameters(command)}


def as_given(value: Value, several: bool) -> str | bool | list[str]:
    """A value of the file as if it had been typed: click converts texts, and wants lists for repeated options."""
    if isinstance(value, bool | list):
        return value
    return [str(value)] if several else str(value)


def check_each(config: Config, context: click.Context) -> None:
    """See that each value of the file could be meant, by itself, so that the one at fault is named with its line.

    Raises:
        ConfigError: the first that could not.
    """
    from stylecam.control.actions import Command
    from stylecam.control.keyboard.bindings import KeyCombination, bind

    parameters = parameters_by_name(context.command)
    for name, value in config.run.items():
        parameter = parameters[name]
        try:
            given = parameter.type_cast_value(context, as_given(value, parameter.multiple))
            settings_from({str(parameter.name): given}).check()
        except click.UsageError as error:
            raise config.error(config.places[name], error.format_message()) from error
        except UsageError as error:
            raise config.error(config.places[name], str(error)) from error
    for order, keys in config.hotkeys.items():
        try:
            Command.parse(order)
            if keys.strip():
                KeyCombination.parse(keys)
        except StylecamError as error:
            raise config.error(("hotkeys", order), str(error)) from error
    try:
        bind(config.hotkeys)
    except StylecamError as error:
        raise config.error(("hotkeys",), str(error)) from error


def check_variables(context: click.Context) -> None:
    """See that each value that a variable has set could be meant, so that the variable at fault is named.

    Raises:
        UsageError: the first that could not.
    """
    for parameter in _parameters(context.command):
        name = str(parameter.name)
        if source_of(context, parameter) == "environment":
            try:
                settings_from({name: context.params[name]}).check()
            except UsageError as error:
                raise UsageError(f"{error} (set by the variable STYLECAM_{name.upper()})") from error


def settings_from(given: Mapping[str, Any], config: Config | None = None) -> Settings:
    """Settings with the values `given`, by the names of click's parameters; what is not given is as by default.

    Raises:
        UsageError: a value that cannot be meant.
    """
    from stylecam.live.settings import Settings

    plain = {name: given[name] for name in _PLAIN if name in given}
    if "size" in given:
        plain["size"] = Size.parse(given["size"])
    if "scale" in given:
        plain["scale"] = _scale(given["scale"])
    if "output" in given:
        plain["outputs"] = tuple(given["output"])
    hotkeys = dict(config.hotkeys) if config is not None else {}
    bindings = hotkeys | dict(_assignment(text) for text in given.get("hotkey", ()))
    presets = dict(config.presets) if config is not None else {}
    scenes = dict(config.scenes) if config is not None else {}
    return Settings(
        **plain,
        bindings=bindings,
        presets=presets,
        scenes=scenes,
        pictures=paths.user_pictures(),
        videos=paths.user_videos(),
    )


def source_of(context: click.Context, parameter: click.Parameter) -> str:
    """Where a parameter's value comes from: flag, environment, file or default."""
    source = context.get_parameter_source(str(parameter.name))
    names = {
        ParameterSource.COMMANDLINE: "flag",
        ParameterSource.ENVIRONMENT: "environment",
        ParameterSource.DEFAULT_MAP: "file",
    }
    return "default" if source is None else names.get(source, "default")


_PLAIN = (
    "camera", "style", "fps", "engine", "device", "threads", "cpu", "strength", "steadiness", "mirror", "always_on",
    "idle_after", "retune", "hotkeys", "seconds", "stats", "server", "listen", "token", "panic_picture", "obs",
)  # fmt: skip
"""Parameters that are settings as they are."""


def _parameters(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in NOT_IN_THE_FILE:
            yield parameter


def _kind(parameter: click.Option) -> Kind:
    if parameter.is_flag:
        return "flag"
    if parameter.multiple:
        return "texts"
    numbers: dict[type, Kind] = {click.types.IntParamType: "whole number", click.types.FloatParamType: "number"}
    return numbers.get(type(parameter.type), "text")


def _default(parameter: click.Option) -> Value | None:
    """The default as the file would say it; click 8.3 has a value of its own for none."""
    if isinstance(parameter.default, bool | int | float | str):
        return parameter.default
    return False if parameter.is_flag else None


def _scale(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--scale {text!r} is neither auto nor a number from 0.25 to 1") from None


def _assignment(text: str) -> tuple[str, str]:
    order, equals, keys = text.partition("=")
    if not equals:
        raise UsageError(f"--hotkey {text!r} is not ORDER=KEYS; write for instance next=ctrl+alt+right")
    return order.strip(), keys

"""The settings of `stylecam run`, made from flags, environment variables and the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from stylecam.cli.declared import declared_flags
from stylecam.errors import StylecamError, UsageError
from stylecam.live.config.file import Config
from stylecam.live.settings import Settings
from stylecam.utils import paths
from stylecam.utils.options import Value, options_of


def as_typed(value: Value, several: bool) -> str | bool | list[str]:
    """A value of the file as if it had been typed: click converts texts, and wants lists for repeated options."""
    if isinstance(value, bool | list):
        return value
    return [str(value)] if several else str(value)


def file_defaults(config: Config, command: click.Command) -> dict[str, Any]:
    """The values of the file as click's default map, which variables and flags win over."""
    flags = declared_flags(command)
    return {flags[name].declared.parameter: as_typed(value, flags[name].multiple) for name, value in config.run.items()}


def check_each(config: Config, context: click.Context) -> None:
    """Check each value of the file by itself, so that the wrong one is named with its line.

    Raises:
        ConfigError: for the first wrong value.
    """
    from stylecam.control.actions import Command
    from stylecam.control.keyboard.bindings import KeyCombination, bind

    flags = declared_flags(context.command)
    for name, value in config.run.items():
        parameter = flags[name]
        try:
            typed = parameter.type_cast_value(context, as_typed(value, parameter.multiple))
            settings_from({parameter.declared.parameter: typed}).check()
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
    """Check each value that an environment variable has set by itself, so that the wrong one is named.

    Raises:
        UsageError: for the first wrong value.
    """
    for parameter in declared_flags(context.command).values():
        declared = parameter.declared
        if source_of(context, parameter) == "environment":
            try:
                settings_from({declared.parameter: context.params[declared.parameter]}).check()
            except UsageError as error:
                raise UsageError(f"{error} (set by the variable {declared.variable})") from error


def settings_from(parameters: Mapping[str, Any], config: Config | None = None) -> Settings:
    """Settings with the values of click's `parameters` and the tables of `config`; all else is as by default.

    Raises:
        UsageError: a value cannot be read.
    """
    values: dict[str, Any] = {"pictures": paths.user_pictures(), "videos": paths.user_videos()}
    for each in options_of(Settings):
        if each.parameter in parameters:
            values[each.attribute] = each.read(parameters[each.parameter])
    if config is not None:
        values |= {"presets": dict(config.presets), "scenes": dict(config.scenes)}
        values["bindings"] = {**config.hotkeys, **values.get("bindings", {})}
    return Settings(**values)


def source_of(context: click.Context, parameter: click.Parameter) -> str:
    """Where a parameter's value comes from: flag, environment, file or default."""
    source = context.get_parameter_source(str(parameter.name))
    names = {
        ParameterSource.COMMANDLINE: "flag",
        ParameterSource.ENVIRONMENT: "environment",
        ParameterSource.DEFAULT_MAP: "file",
    }
    return "default" if source is None else names.get(source, "default")

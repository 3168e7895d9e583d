"""The settings of `stylecam run`, made from flags, environment variables and the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stylecam.cli.declared import GroupedCommand, declared_flags, declared_options
from stylecam.errors import StylecamError, UsageError
from stylecam.live.config.file import Config, load, parse
from stylecam.live.settings import Settings
from stylecam.utils import paths
from stylecam.utils.files import user_path
from stylecam.utils.options import Value, options_of

if TYPE_CHECKING:
    from stylecam.live.config.keeper import ConfigFile

_WORDS, _PATH, _CONFIG = "stylecam.words", "stylecam.path", "stylecam.config"
"""What a context remembers: the words of the command line, the path of the configuration file, and its content."""
_SOURCES: dict[ParameterSource | None, str] = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
}


class ConfiguredCommand(GroupedCommand):
    """A command with a configuration file; it keeps its words, so that they win when the file is read again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words and parse them."""
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def config_option() -> click.Option:
    """Return the option `--config`, which makes the file's values the defaults of all other options."""
    return click.Option(
        ["--config"],
        is_eager=True,
        expose_value=False,
        callback=_load_config,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Configuration file. Without: {paths.config_file()}",
    )


def _load_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    path = paths.config_file() if value is None else user_path(str(value))
    if value is not None and not path.is_file():
        raise UsageError(f"--config {path}: there is no such file")
    loaded = load(path, declared_options(context.command))
    context.meta[_PATH], context.meta[_CONFIG] = path, loaded
    flags = declared_flags(context.command)
    context.default_map = {
        flags[name].declared.parameter: _as_typed(value, flags[name].multiple) for name, value in loaded.run.items()
    }
    check_each(loaded, context)


def config_of(context: click.Context) -> Config:
    """Return the configuration that `context` was parsed with."""
    config: Config = context.meta[_CONFIG]
    return config


def config_path_of(context: click.Context) -> Path:
    """Return where the configuration file of `context` was looked for."""
    path: Path = context.meta[_PATH]
    return path


def parsed_again(context: click.Context) -> click.Context:
    """Parse the words of `context` again, with the configuration file and variables as they are now."""
    return context.command.make_context(context.info_name, list(context.meta[_WORDS]))


def settings_of(context: click.Context) -> Settings:
    """Return the settings made of flags, variables and file.

    Raises:
        UsageError: a value cannot be read.
    """
    return settings_from(context.params, config_of(context))


def _as_typed(value: Value, several: bool) -> str | bool | list[str]:
    """Return a value of the file as if it had been typed: as text, in a list for an option that may be repeated."""
    if isinstance(value, bool | list):
        return value
    return [str(value)] if several else str(value)


def check_each(config: Config, context: click.Context) -> None:
    """Check each value of the file by itself, so that the wrong one is named with its line.

    Raises:
        ConfigError: for the first wrong value.
    """
    from stylecam.control.command import Command
    from stylecam.control.keyboard.bindings import KeyCombination, bind

    for name, value in config.run.items():
        try:
            check_value(name, value, context)
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


def check_value(name: str, value: Value, context: click.Context) -> None:
    """Check the value of the option `name` by itself, as a file holds it.

    Raises:
        UsageError, click.UsageError: it makes no sense.
    """
    parameter = declared_flags(context.command)[name]
    typed = parameter.type_cast_value(context, _as_typed(value, parameter.multiple))
    settings_from({parameter.declared.parameter: typed}).check()


def config_file_of(context: click.Context) -> ConfigFile:
    """Return the configuration file of `context`, for what a run keeps in it."""
    from stylecam.live.config.keeper import ConfigFile

    command, path = context.command, config_path_of(context)
    return ConfigFile(path, lambda: new_config(command), lambda text: check_config(text, path, command))


def new_config(command: click.Command) -> str:
    """Return the text of a new configuration file for `command`."""
    from stylecam.control.keyboard.bindings import default_hotkeys
    from stylecam.live.config.template import template

    return template(declared_options(command), default_hotkeys().items())


def check_config(text: str, path: Path, command: click.Command) -> None:
    """Check the `text` of the configuration file `path` of `command`.

    Raises:
        ConfigError: for its first mistake.
    """
    loaded = parse(text, path, declared_options(command))
    check_each(loaded, click.Context(command))
    check_styles(loaded)


def check_styles(loaded: Config) -> None:
    """Check that the named styles exist; without any, the catalog is not loaded, because that takes a moment.

    Raises:
        ConfigError: for the first style that does not.
    """
    if loaded.presets or loaded.scenes or {"style", "room"} & loaded.run.keys():
        from stylecam.models.catalog import Catalog

        loaded.check_styles(Catalog.installed().parse)


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
    return _SOURCES.get(context.get_parameter_source(str(parameter.name)), "default")

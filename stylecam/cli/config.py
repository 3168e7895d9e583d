"""`stylecam config`: show, create and edit the configuration file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.config_keys import Setting, complete_key, complete_value
from stylecam.cli.declared import declared_flags, declared_options
from stylecam.cli.options import (
    check_config,
    check_styles,
    check_value,
    config_of,
    config_path_of,
    new_config,
    source_of,
)
from stylecam.cli.run import command as run_command
from stylecam.cli.suggestions import SuggestingGroup
from stylecam.errors import ConfigError, UsageError
from stylecam.live.config import file as configuration
from stylecam.live.config.file import Config
from stylecam.live.config.template import toml
from stylecam.live.config.toml_lines import toml_key
from stylecam.utils import paths
from stylecam.utils.options import Option
from stylecam.utils.redact import redact

_FILE = click.option("--config", "named", **shared.FILE, metavar="FILE", help="Another file than the usual one.")


@click.group(
    "config",
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  stylecam config init              write a file that explains every setting
  stylecam config edit              change it; a mistake is shown with its line
  stylecam config show              show each setting and where it comes from
  stylecam config show --fps 25     the same with this flag
  stylecam config set fps 25        change one setting; the rest of the file stays as it is
  stylecam config set output virtual window
  stylecam config set hotkeys.next ctrl+alt+right
  stylecam config set presets.calm.strength 70%
  stylecam config get fps           print one setting
  stylecam config path              show where the file is""",
)
def command() -> None:
    """Show or change the configuration file.

    A flag wins over a variable such as STYLECAM_STYLE, a variable over the file, and the file over the default.
    """


@command.command("show", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@shared.as_json
@click.pass_context
def show(context: click.Context, as_json: bool) -> None:
    """Print each setting and where its value comes from.

    Sources are flag, environment, file and default. Flags of `stylecam run` may be added. Secrets are not printed.
    """
    parsed = run_command.make_context("run", list(context.args))
    loaded = config_of(parsed)
    check_styles(loaded)
    entries = list(_entries(parsed, loaded))
    if as_json:
        run = {option.name: {"value": value, **origin} for option, value, origin in entries}
        tables = {"run": run, "hotkeys": loaded.hotkeys, "presets": loaded.presets, "scenes": loaded.scenes}
        shared.print_json({"file": str(config_path_of(parsed)), "exists": loaded.path is not None, **tables})
        return
    click.echo(f"# {config_path_of(parsed)}{'' if loaded.path else ', which is not there'}")
    _show_options(entries)
    for table, texts in (("hotkeys", loaded.hotkeys), ("scenes", loaded.scenes)):
        if texts:
            click.echo(f"\n[{table}]")
        for name, text in texts.items():
            click.echo(_line(f"{toml_key(name)} = {toml(text)}", f"file, line {loaded.line((table, name))}"))
    for preset_name, preset in loaded.presets.items():
        click.echo(f"\n[presets.{toml_key(preset_name)}]")
        for name, value in preset.items():
            click.echo(_line(f"{name} = {toml(value)}", f"file, line {loaded.line(('presets', preset_name, name))}"))


command.add_command(show, "list")


@command.command(
    "set",
    context_settings={"ignore_unknown_options": True},  # a negative number must reach its setting, which refuses it
    epilog="""\b
Examples:
  stylecam config set style great_wave
  stylecam config set size 1080p
  stylecam config set output virtual file:talk.mp4
  stylecam config set server.listen 0.0.0.0
  stylecam config set scenes."Just chatting" calm""",
)
@_FILE
@click.argument("key", shell_complete=complete_key)
@click.argument("values", nargs=-1, required=True, metavar="VALUE...", shell_complete=complete_value)
def set_setting(named: Path | None, key: str, values: tuple[str, ...]) -> None:
    """Set one setting in the file; comments and everything else stay as they are.

    KEY is a long option of `stylecam run`, or hotkeys.ACTION, scenes.SCENE or presets.NAME.SETTING. A mistake changes
    nothing.
    """
    from stylecam.live.config.setter import set_value

    target, setting = named or paths.config_file(), Setting.parse(key)
    value, option = setting.read(values), setting.option
    context = click.Context(run_command)
    if option is not None and setting.keys[0] != "presets":
        check_value(option.name, value, context)
    keys = setting.place(configuration.load(target, declared_options(run_command)))
    secret = option is not None and option.secret
    set_value(target, _template(), keys, value, toml(value), lambda text: _check(text, target), secret=secret)
    name = ".".join(keys)
    shown = f"{name} is set" if secret else f"{name} = {redact(toml(value))}"
    click.echo(f"{shown} in {target}; `stylecam ctl reload` makes a running stylecam read it")
    if option is not None and setting.keys[0] != "presets" and option.variable in os.environ:
        click.echo(f"the variable {option.variable} is set and wins over the file", err=True)


@command.command("get")
@_FILE
@click.argument("key", shell_complete=complete_key)
def get_setting(named: Path | None, key: str) -> int:
    """Print the value of one setting, a list with one value on each line.

    It comes from a variable, the file or the default, as for `stylecam run`. Exit status: 0; 1 if it is not set.
    """
    setting = Setting.parse(key)
    parsed = run_command.make_context("run", [] if named is None else ["--config", str(named)])
    loaded = config_of(parsed)
    value: Any
    if setting.option is not None and setting.keys[0] != "presets":
        entry = {option.name: (value, origin) for option, value, origin in _entries(parsed, loaded)}
        value, origin = entry[setting.option.name]
        if origin.get("hidden"):
            raise UsageError(f"{setting.option.name} is set and not shown")
    else:
        value = {"hotkeys": loaded.hotkeys, "scenes": loaded.scenes, "presets": loaded.presets}[setting.keys[0]]
        for name in setting.keys[1:]:
            value = value.get(name) if isinstance(value, dict) else None
    if value is None or value == []:
        click.echo(f"{key} is not set", err=True)
        return 1
    for one in value if isinstance(value, list) else [value]:
        click.echo(one if isinstance(one, str) else toml(one))
    return 0


@command.command("path")
def path() -> None:
    """Print the path of the file, whether it exists or not."""
    click.echo(str(paths.config_file()))


@command.command("init")
@_FILE
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(named: Path | None, force: bool) -> None:
    """Write a file that explains every setting and sets none."""
    from stylecam.utils.files import write_bytes

    target = named or paths.config_file()
    if target.exists() and not force:
        raise UsageError(f"{target} is there already; `stylecam config edit` changes it, --force replaces it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, _template().encode())
        target.chmod(0o600)  # it may come to hold a token or OBS's password
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error
    click.echo(f"{target} is written; `stylecam config edit` opens it")


@command.command("edit")
@_FILE
def edit(named: Path | None) -> None:
    """Open the file in your editor ($VISUAL, $EDITOR) and check it.

    The editor gets a draft, which replaces the file once it has no mistakes.
    """
    from stylecam.live.config import editor as editing

    target = named or paths.config_file()

    def ask_retry(error: ConfigError) -> bool:
        click.echo(f"stylecam: {error}", err=True)
        return sys.stdin.isatty() and click.confirm("Edit it again?", default=True, err=True)

    if editing.edit(target, _template(), _open_editor, lambda text: _check(text, target), ask_retry):
        click.echo(f"{target} is changed; `stylecam ctl reload` makes a running stylecam read it")
    else:
        click.echo(
            "Nothing was changed. (If your editor returns at once, tell it to wait, for example EDITOR='code --wait'.)"
        )


def _open_editor(draft: Path) -> None:
    try:
        click.edit(filename=str(draft))
    except (click.ClickException, ValueError) as error:  # ValueError: a quote in the variable is never closed
        reason = error.format_message() if isinstance(error, click.ClickException) else f"{error} in its command"
        raise UsageError(
            f"the editor failed ({reason}), and the file is as it was; set $VISUAL or $EDITOR to one that works"
        ) from error


def _template() -> str:
    return new_config(run_command)


def _check(text: str, path: Path) -> None:
    check_config(text, path, run_command)


def _entries(parsed: click.Context, loaded: Config) -> Any:
    """Yield each option with its value (None if it has none or must not be shown) and its origin."""
    for parameter in declared_flags(run_command).values():
        option = parameter.declared
        value = parsed.params[option.parameter]
        value = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
        origin: dict[str, Any] = {"from": source_of(parsed, parameter)}
        if origin["from"] == "environment":
            origin["variable"] = option.variable
        if origin["from"] == "file":
            origin["line"] = loaded.line(loaded.places[option.name])
        if option.secret and value:
            origin["hidden"], value = True, None
        elif isinstance(value, str):
            value = redact(value)
        elif isinstance(value, list):
            value = [redact(text) for text in value]
        yield option, value, origin


def _show_options(entries: list[tuple[Option, Any, dict[str, Any]]]) -> None:
    table = ""
    for option, value, origin in sorted(entries, key=lambda entry: entry[0].place[0] != "run"):
        if option.place[0] != table:
            table = option.place[0]
            click.echo(f"\n[{table}]")
        source = origin["from"]
        source += f", line {origin['line']}" if "line" in origin else ""
        source += f" {origin['variable']}" if "variable" in origin else ""
        name = toml_key(option.place[1])
        if origin.get("hidden"):
            click.echo(_line(f"# {name} is set and not shown", source))
        elif value is None or value == []:
            click.echo(_line(f"# {name} is not set", source))
        else:
            click.echo(_line(f"{name} = {toml(value)}", source))


def _line(setting: str, source: str) -> str:
    return f"{setting:<40}  # {source}"

"""The option `--language` of the commands that do not read the configuration of `run` themselves."""

from __future__ import annotations

import click

from stylecam.cli.declared import declared_options
from stylecam.cli.language import speak
from stylecam.cli.run import command as run
from stylecam.errors import StylecamError
from stylecam.live.config.file import load
from stylecam.utils import paths
from stylecam.utils.languages import LANGUAGES, check_language


def _chosen(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value is not None:
        check_language(value)
    speak(value or _configured())


def _configured() -> str | None:
    """Return the language that the configuration file sets; None where it sets none or has a mistake."""
    try:
        named = load(paths.config_file(), declared_options(run)).run.get("language")
    except StylecamError:  # `doctor` reports it
        return None
    return None if named is None else str(named)


language = click.option(
    "--language", envvar="STYLECAM_LANGUAGE", metavar="CODE", expose_value=False, is_eager=True, callback=_chosen,
    help=f"Language of the messages: {', '.join(LANGUAGES)}.  [default: that of the terminal]",
)  # fmt: skip

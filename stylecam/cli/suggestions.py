"""Says what was probably meant where a command or an option is mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import click

from stylecam.errors import UsageError

_LIKENESS = 0.6
"""How alike two words must be, 0 to 1 (`difflib`), for one to be suggested for the other."""
_CLOSE = 0.1
"""A second word is suggested too if it is so much less like it at most."""
_SYNONYMS = {
    "start": "stylecam run",
    "webcam": "stylecam run",
    "stop": "stylecam ctl quit",
    "help": "stylecam --help",
    "version": "stylecam --version",
    "list": "stylecam styles",
    "paint": "stylecam image",
    "photo": "stylecam image",
    "picture": "stylecam image",
    "clip": "stylecam video",
    "settings": "stylecam config",
    "install": "stylecam setup",
}
"""Words that people type in place of a command of `stylecam`."""


class SuggestingGroup(click.Group):
    """A group of commands that suggests the nearest one for a name that none has."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with.

        Raises:
            UsageError: there is none; the message says what was probably meant.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            commands = self.list_commands(ctx)
            meant = self.guess(ctx, name) or [f"{ctx.command_path} {near}" for near in nearest(name, commands)]
            hint = f"did you mean {_either(meant)}?" if meant else f"there are {', '.join(commands)}"
            raise UsageError(f"{ctx.command_path} has no command {name[:60]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def guess(self, ctx: click.Context, name: str) -> list[str]:
        """Return what `name`, which is no command, may stand for, other than a mistyped command."""
        return []


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """Return those of `words` that are most like `word`, the nearest first; dashes before them do not count."""
    typed = word.lower()[:60].lstrip("-")
    scores = {each: difflib.SequenceMatcher(None, each.lstrip("-"), typed).ratio() for each in words}
    enough = max(_LIKENESS, max(scores.values(), default=0.0) - _CLOSE)
    return sorted((each for each in scores if scores[each] >= enough), key=lambda each: -scores[each])[:2]


def guess_command(name: str, actions: Iterable[str]) -> list[str]:
    """Return what may be meant by `stylecam NAME` if no command has this name: an action, a file, another word.

    Args:
        name: the word that was typed.
        actions: the names of the actions of `stylecam ctl`.
    """
    if name.lower() in _SYNONYMS:
        return [_SYNONYMS[name.lower()]]
    if name in actions:
        return [f"stylecam ctl {name}"]
    suffix = Path(name).suffix.lower()
    if suffix == ".onnx":
        return [f"stylecam --style {name}"]
    if suffix:
        from stylecam.media.image_file import READABLE_SUFFIXES
        from stylecam.media.video_file import SUFFIXES

        kind = "image" if suffix in READABLE_SUFFIXES else "video" if suffix in SUFFIXES else None
        return [] if kind is None else [f"stylecam {kind} {name}"]
    return []


def no_such_option(error: click.NoSuchOption) -> str:
    """Return the message for an option that does not exist, with the most similar ones."""
    typed = error.option_name
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx is not None else []
    options = [option for one in parameters for option in (*one.opts, *one.secondary_opts) if option.startswith("--")]
    near = nearest(typed, options) if typed.startswith("--") else []
    return f"there is no option {typed[:60]}" + (f"; did you mean {_either(near)}?" if near else ".")


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)

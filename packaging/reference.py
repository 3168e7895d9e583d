"""Make the page *Every option* and the man page from the commands themselves, so that neither can go stale.

    python packaging/reference.py [FILE]        # the man page; packaging/stylecam.1, from where a build takes it

MkDocs loads this module as a hook (`hooks` in mkdocs.yml): it fills the page of options, and adds pages that lie
elsewhere in the repository, so that their links also work where the repository is browsed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from stylecam.cli.declared import GroupedCommand, _group
from stylecam.cli.group import group as stylecam_command
from stylecam.utils.options import GROUPS
from stylecam.utils.version import __version__

ROOT = Path(__file__).resolve().parents[1]
MAN_PAGE = ROOT / "packaging" / "stylecam.1"
ICON = "packaging/app.stylecam.Stylecam.svg"
ELSEWHERE = {"models.md": "models/README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site that are files outside of docs/."""
_PLACE = re.compile(r"^<!-- commands: .*? -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)
"""What the list of commands takes the place of."""


@dataclass(frozen=True, slots=True)
class Section:
    """Options or subcommands under one heading: their name and what they do."""

    title: str
    records: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """What `COMMAND --help` says, in parts. Paragraphs of `examples` keep their line breaks."""

    name: str
    usage: str
    paragraphs: tuple[str, ...]
    sections: tuple[Section, ...]
    examples: str


def references(command: click.Command = stylecam_command, parent: click.Context | None = None) -> Iterator[Reference]:
    """Yield `command` and all below it."""
    name = "stylecam" if parent is None else command.name
    context = click.Context(
        command, info_name=name, parent=parent, **{**command.context_settings, "show_default": True}
    )
    usage = " ".join(command.collect_usage_pieces(context))
    paragraphs = re.split(r"\n\s*\n", _plain(command.help or ""))
    children = _children(command, context)
    sections = [*_sections(command, context)]
    if children:
        summaries = ((str(child.name), _plain(child.get_short_help_str(200))) for child in children)
        sections.append(Section("Commands", tuple(summaries)))
    yield Reference(
        context.command_path,
        f"{context.command_path} {usage}",
        tuple(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()),
        tuple(sections),
        _plain(command.epilog or "").strip("\n"),
    )
    for child in children:
        yield from references(child, context)


def _children(command: click.Command, context: click.Context) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return []
    found = [command.get_command(context, name) for name in command.list_commands(context)]
    return [child for child in found if child is not None and not child.hidden]


def _sections(command: click.Command, context: click.Context) -> Iterator[Section]:
    parameters = [(one, one.get_help_record(context)) for one in command.get_params(context)]
    titles = GROUPS if isinstance(command, GroupedCommand) else ("Options",)
    for title in titles:
        records = [
            (_plain(record[0]), _plain(record[1]))
            for one, record in parameters
            if record is not None and (title == "Options" or _group(one) == title)
        ]
        if records:
            yield Section(title, tuple(records))


def _plain(text: str) -> str:
    """Without click's marks, and with ~ for the home folder of who runs this."""
    return text.replace("\b\n", "").replace("\b", "").replace(str(Path.home()), "~")


def options_page() -> str:
    """Return the commands as Markdown."""
    return "\n".join(line for one in references() for line in _markdown(one))


def _markdown(one: Reference) -> Iterator[str]:
    yield from (f"## {one.name}", "", f"`{one.usage}`", "")
    for paragraph in one.paragraphs:
        yield from (_escaped(paragraph), "")
    for section in one.sections:
        yield from (f"| {section.title.lower()} | |", "| --- | --- |")
        yield from (f"| `{_cell(name)}` | {_cell(_escaped(text))} |" for name, text in section.records)
        yield ""
    if one.examples:
        yield from ("```text", one.examples, "```", "")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_<\[\]])", r"\\\1", text)


def man_page() -> str:
    """Return the commands as a man page, in roff."""
    first, *others = references()
    lines = [
        f'.TH STYLECAM 1 "" "stylecam {__version__}" "User Commands"',
        ".SH NAME",
        r"stylecam \- a virtual webcam that paints you live",
        ".SH SYNOPSIS",
        *(rf".B {_roff(words)}" + "\n.br" for words in ("stylecam [OPTIONS OF RUN]", first.usage)),
        ".SH DESCRIPTION",
        *_body(first),
    ]
    for one in others:
        depth = one.name.count(" ")
        lines += [f".{'SH' if depth == 1 else 'SS'} {_roff(one.name.upper() if depth == 1 else one.name)}"]
        lines += [f".B {_roff(one.usage)}", ".PP", *_body(one)]
    lines += [
        ".SH FILES",
        ".TP", ".I ~/.config/stylecam/config.toml", "The configuration file; stylecam config init writes one.",
        ".TP", ".I ~/.local/share/stylecam/styles", "Your own styles.",
        ".SH EXIT STATUS",
        "0; 2 for a mistake in what was asked for; 1 for a failure, or as a command says; 130 after Ctrl\\-C.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _body(one: Reference) -> Iterator[str]:
    for paragraph in one.paragraphs:
        yield from (_roff(paragraph), ".PP")
    for section in one.sections:
        if section.title not in ("Options", "Commands"):
            yield f".SS {_roff(section.title)}"
        for name, text in section.records:
            yield from (".TP", f".B {_roff(name)}", _roff(text))
        yield ".PP"
    if one.examples:
        yield from (".nf", *(_roff(line) for line in one.examples.splitlines()), ".fi")


def _roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def on_files(files: Any, config: Any) -> Any:
    """Add the pages and the icon that lie outside of docs/ to the site."""
    from mkdocs.structure.files import File

    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    files.append(File.generated(config, "icon.svg", content=(ROOT / ICON).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the page of options, and turn links into the repository into links within the site."""
    if page.file.src_uri == "options.md":
        markdown = _PLACE.sub(lambda _: options_page(), markdown)
    for name, source in ELSEWHERE.items():
        markdown = re.sub(rf"\]\((?:\.\./)*{re.escape(source)}", f"]({name}", markdown)
    return re.sub(r"\]\((?:\.\./)?docs/", "](", markdown)


def main() -> None:
    """Write the man page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else MAN_PAGE
    path.write_text(man_page(), "utf-8")


if __name__ == "__main__":
    main()

"""Each text of the page and each message can be said in every language: none is missing, none is left over."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import stylecam
from stylecam.control.http.translated_page import texts_of
from stylecam.utils.languages import ENGLISH, LANGUAGES, load

ROOT = Path(stylecam.__file__).parent
PAGE = ROOT / "assets" / "page"
OTHERS = [code for code in LANGUAGES if code != ENGLISH.code]
TABLES = ("page", "messages")

FIRST, ALL = slice(1), slice(None)
MARKED = {"Message": FIRST, "say": FIRST, "Action": slice(1, 2)}
"""Calls with texts for people, and where these stand among the arguments."""
MARKED_IN_SYSTEM = {
    **dict.fromkeys(("Topic", "SetupStep", "write_file_step", "package_steps", "pip_step", "_install_step"), FIRST),
    **dict.fromkeys(("ProbeError", "SetupError"), FIRST),
    **dict.fromkeys(("ok", "warning", "fault", "unchecked", "guarded"), ALL),
    **MARKED,
}
"""The same in `stylecam.system`, where plain texts become findings and steps."""
_JS_CALL = re.compile(r"(?<![\w#.])say\(")
_JS_TEXT = re.compile(r'(?<![\w#.])say\(("(?:[^"\\]|\\.)*")')


def page_texts() -> set[str]:
    """Every text of the pages and their scripts."""
    texts = {text for page in PAGE.glob("*.html") for text in texts_of(page.read_text("utf-8"))}
    return texts | {text for script in scripts() for text in script_texts(script)}


def scripts() -> list[Path]:
    return [path for path in PAGE.glob("*.js") if path.name != "words.js"]


def script_texts(script: Path) -> list[str]:
    return [json.loads(text) for text in _JS_TEXT.findall(script.read_text("utf-8"))]


def message_texts() -> set[str]:
    """The template of every message in the package."""
    texts: set[str] = set()
    for path in ROOT.rglob("*.py"):
        marked = MARKED_IN_SYSTEM if path.is_relative_to(ROOT / "system") else MARKED
        texts.update(python_texts(ast.parse(path.read_text("utf-8")), marked))
    return texts


def python_texts(tree: ast.AST, marked: Mapping[str, slice]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            for argument in node.args[marked.get(name, slice(0))]:
                yield from literals(argument)
            if name == "option":
                yield from (word.value.value for word in node.keywords if word.arg == "brief")  # type: ignore[attr-defined]


def called(node: ast.Call) -> str:
    """The name of what is called: `warning` for `TOPIC.warning(…)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an argument may be; an f-string would be one that cannot be found in a table."""
    if isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value)):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        words = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        assert not any(map(str.isalpha, words)), f"{ast.unparse(node)}: write Message(…) with values"


def fields(template: str) -> set[tuple[str, str, str]]:
    """Name, format and conversion of each value in a template."""
    found = string.Formatter().parse(template)
    return {(name, spec or "", conversion or "") for _, name, spec, conversion in found if name is not None}


@pytest.mark.parametrize("code", OTHERS)
def test_no_text_of_the_page_is_missing_or_left_over(code: str) -> None:
    table = set(load(code).page)
    assert (sorted(page_texts() - table), sorted(table - page_texts())) == ([], [])


@pytest.mark.parametrize("code", OTHERS)
def test_no_message_is_missing_or_left_over(code: str) -> None:
    table = set(load(code).messages)
    assert (sorted(message_texts() - table), sorted(table - message_texts())) == ([], [])


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("table", TABLES)
def test_each_translation_has_the_values_of_the_english_text(code: str, table: str) -> None:
    texts = getattr(load(code), table)
    assert [english for english, text in texts.items() if fields(english) != fields(text)] == []


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("table", TABLES)
def test_no_translation_is_empty_or_begins_or_ends_otherwise(code: str, table: str) -> None:
    texts = getattr(load(code), table)
    assert [english for english, text in texts.items() if not text or text != text.strip() or "\n" in text] == []


@pytest.mark.parametrize("code", OTHERS)
def test_what_page_and_terminal_both_say_is_said_alike(code: str) -> None:
    language = load(code)
    both = language.page.keys() & language.messages.keys()
    assert [english for english in both if language.page[english] != language.messages[english]] == []


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.name)
def test_a_script_says_literal_texts_only(script: Path) -> None:
    text = script.read_text("utf-8")
    assert len(_JS_CALL.findall(text)) == len(script_texts(script))


def is_plain(text: ast.expr) -> bool:
    """Whether a text is logged that is no message, and not what something else says ("%s")."""
    return isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Constant) and text.value != "%s")


@pytest.mark.parametrize("room", ["cli/run.py", "cli/signals.py", "control", "live", "media", "stylize"])
def test_what_is_logged_can_be_translated(room: str) -> None:
    """The page and the terminal show what is logged from INFO on."""
    paths = [ROOT / room] if room.endswith(".py") else list((ROOT / room).rglob("*.py"))
    logged = [
        ast.unparse(node)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and called(node) in ("info", "warning", "error")
        and "log" in ast.unparse(node.func).lower() and is_plain(node.args[0])
    ]  # fmt: skip
    assert logged == []


def test_the_extraction_finds_texts() -> None:
    """It is not the extraction that finds nothing."""
    assert {"Panic", "Recorded: {file}"} <= page_texts()
    assert {"{name} is back", "next style", "? for keys", "how calm the picture is"} <= message_texts()
    with pytest.raises(AssertionError, match="write Message"):
        list(python_texts(ast.parse('say(f"port {port}")'), MARKED))

"""Keys of a TOML text and their lines."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.live.config.toml_lines import key_lines, toml_key, with_value

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("[run]\nfps = 25", ("run", "fps"), 2),
        ("\n\n[run]", ("run",), 3),
        ("[run]\r\nfps = 25\r\nsize = '64x64'", ("run", "size"), 3),
        ('[run]\noutput = [\n "a", # ]\n "b",\n]\nfps = 5', ("run", "fps"), 6),
        ('[run]\nstyle = """\n[run]\nfps = 1\n"""\nfps = 2', ("run", "fps"), 6),
        ('[hotkeys]\n"select:1" = "ctrl+1"', ("hotkeys", "select:1"), 2),
        ("[scenes]\n'a \"scene\"' = \"b\"", ("scenes", 'a "scene"'), 2),
        ('[scenes]\n"caf\\u00e9" = "b"', ("scenes", "café"), 2),
        ("[presets.calm]\nstyle = 'a'", ("presets", "calm", "style"), 2),
        ('[ presets . "very calm" ] # [x]\nstyle = "#a"\nstrength = 1', ("presets", "very calm", "strength"), 3),
        ("run.fps = 5", ("run", "fps"), 1),
        ("run = {fps = 5}\n[scenes]", ("run",), 1),
    ],
)  # fmt: skip
def test_a_key_is_found_on_its_line(text: str, keys: tuple[str, ...], line: int) -> None:
    tomllib.loads(text.replace("\r\n", "\n"))
    assert key_lines(text)[keys] == line


@given(st.lists(st.sampled_from(["a", '"b c"', "'d.e'", "f-g"]), min_size=1, max_size=4, unique=True), st.data())
def test_every_key_that_toml_reads_has_a_line_and_no_other_has(keys: list[str], data: st.DataObject) -> None:
    values = st.sampled_from(["1", '"x = [1]"', "'#'", "[1,\n 2]", '"""\na = 1\n"""', "true # b = 1", "{ c = 1 }"])
    body = "\n".join(f"{key} = {data.draw(values)}" for key in keys)
    read = tomllib.loads(f"[table]\n{body}")
    assert {found for found in key_lines(f"[table]\n{body}") if len(found) == 2} == {
        ("table", key) for key in read["table"]
    }


@pytest.mark.parametrize(
    ("text", "table", "key", "expected"),
    [
        ("[run]\nfps = 25  # slow\n", ("run",), "fps", "[run]\nfps = 5  # slow\n"),
        ("[run]\n  fps=25", ("run",), "fps", "[run]\n  fps=5"),
        ("[run]\nfps = [\n 1, # ]\n]\nsize = 1", ("run",), "fps", "[run]\nfps = 5\nsize = 1"),
        ("run.fps = 25\n", ("run",), "fps", "run.fps = 5\n"),
        ("[run]\n# fps = 30.0\n# size = 1\n", ("run",), "fps", "[run]\nfps = 5\n# size = 1\n"),
        ("[run]\n## fps\nsize = 1\n\n[x]\n", ("run",), "fps", "[run]\n## fps\nsize = 1\nfps = 5\n\n[x]\n"),
        ("[run] # here\n\n[x]\n# fps = 1", ("run",), "fps", "[run] # here\nfps = 5\n\n[x]\n# fps = 1"),
        ("[run]", ("run",), "fps", "[run]\nfps = 5\n"),
        ("", ("run",), "fps", "[run]\nfps = 5\n"),
        ("a = 1\n\n", ("run",), "fps", "a = 1\n\n[run]\nfps = 5\n"),
        ("[x]\n", ("presets", "very calm"), "fps", '[x]\n\n[presets."very calm"]\nfps = 5\n'),
        ("[scenes]\n'My game' = 1", ("scenes",), "My game", "[scenes]\n'My game' = 5"),
        ("[scenes]\n", ("scenes",), "My game", '[scenes]\n"My game" = 5\n'),
    ],
)  # fmt: skip
def test_a_value_is_set_and_all_else_stays(text: str, table: tuple[str, ...], key: str, expected: str) -> None:
    assert with_value(text, table, key, "5") == expected


NAMES = ["a", "b c", "d.e", "f-g"]


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=6, unique=True),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.data(),
)
def test_of_any_file_only_that_value_changes(
    places: list[tuple[str, str]], table: str, key: str, data: st.DataObject
) -> None:
    values = st.sampled_from(["1", '"x = [1]"', "'#'", "[1,\n 2, # ]\n]", '"""\na\n"""', "true # b = 1", "{ c = 1 }"])
    lines = []
    for name in dict.fromkeys(one for one, _ in places):
        lines.append(f"# about {name}\n[{toml_key(name)}] # a table")
        lines += [f"{toml_key(inner)} = {data.draw(values)}" for outer, inner in places if outer == name]
    text = "\n".join(lines) + data.draw(st.sampled_from(["", "\n", "\n# the end"]))
    changed = with_value(text, (table,), key, '"new"')
    expected = tomllib.loads(text)
    expected.setdefault(table, {})[key] = "new"
    assert tomllib.loads(changed) == expected
    assert [line for line in text.split("\n") if line.startswith("#")] == [
        line for line in changed.split("\n") if line.startswith("#")
    ]

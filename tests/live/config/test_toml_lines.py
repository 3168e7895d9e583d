"""Keys of a TOML text and their lines."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.live.config.toml_lines import key_lines

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

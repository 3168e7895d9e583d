"""Tests of the page in another language."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from typing import Any

import pytest

from stylecam.control.http.translated_page import texts_of, translate_page
from stylecam.utils.languages import ENGLISH, LANGUAGES, Language, load

SOURCE = """<!doctype html>
<html lang="en"><head><title translate="no">stylecam</title>
<script id="words" type="application/json">{}</script>
<script type="module" src="/static/page.js"></script></head>
<body><h1 translate="no">Panic</h1><svg><use href="#i"/></svg>
<button aria-label="Off &amp; on" title="Panic"> Panic </button><p>Run <code>Panic</code>&nbsp;</p>
</body></html>
"""
GERMAN = Language("de", {"Panic": "Panik <jetzt>", "Off & on": 'Aus & "an"', "Run": "Tun"}, {})


def page(name: str) -> str:
    return (resources.files("stylecam") / "assets" / "page" / name).read_text("utf-8")


def test_texts_and_labels_are_replaced_and_nothing_else() -> None:
    made = translate_page(SOURCE, GERMAN)
    assert '<html lang="de">' in made
    assert (
        '<button aria-label="Aus &amp; &quot;an&quot;" title="Panik &lt;jetzt&gt;"> Panik &lt;jetzt&gt; </button>'
        in made
    )
    assert '<h1 translate="no">Panic</h1>' in made
    assert "<p>Tun <code>Panic</code>\u00a0</p>" in made
    assert '<svg><use href="#i"/></svg>' in made


def test_the_scripts_get_the_table_and_it_cannot_end_its_element() -> None:
    table = re.search('<script id="words" type="application/json">(.*?)</script>', translate_page(SOURCE, GERMAN))
    assert table is not None
    assert "<" not in table[1]
    assert json.loads(table[1]) == GERMAN.page


def test_what_must_be_translated_is_listed() -> None:
    assert texts_of(SOURCE) == ["Off & on", "Panic", "Panic", "Run"]


@pytest.mark.parametrize("name", ["index.html", "picture.html"])
def test_the_english_page_stays_as_it_is(name: str) -> None:
    made = translate_page(page(name), ENGLISH)
    assert html.unescape(made) == html.unescape(page(name))


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_elements_are_the_same_in_every_language(code: str) -> None:
    def elements(text: str) -> Any:
        return re.findall(r"<[a-z]+|\bid=\"[^\"]*\"", text.replace("\\u003c", ""))

    made = translate_page(page("index.html"), load(code))
    assert elements(made) == elements(page("index.html"))
    assert f'<html lang="{load(code).tag}">' in made

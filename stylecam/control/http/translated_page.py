"""Say the page in another language: its texts and labels, its `lang`, and the words for its scripts."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

from stylecam.utils.languages import Language

WORDS = "words"
"""The id of the script element that gets the language's table as JSON."""
_UNTRANSLATED = ("code", "kbd")
"""Elements whose text is no language, like those with `translate="no"`."""
_LABEL = re.compile(r'\b(aria-label|title|placeholder|alt)="([^"]*)"')
_TEXT = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)


def translate_page(source: str, language: Language) -> str:
    """Return the HTML text `source`, which is English, in `language`."""
    page = _Page(language)
    page.feed(source)
    page.close()
    return "".join(page.written)


def texts_of(source: str) -> list[str]:
    """List the texts and labels of the HTML text `source` that have to be translated."""
    page = _Page(Language())
    page.feed(source)
    page.close()
    return page.texts


class _Page(HTMLParser):
    """Writes the page as it is read, with its texts replaced."""

    def __init__(self, language: Language) -> None:
        super().__init__(convert_charrefs=True)
        self._language = language
        self._skipping = ""  # the tag of the element whose text stays
        self.written: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text, attributes = self.get_starttag_text() or "", dict(attrs)
        if tag == "html":
            text = text.replace('lang="en"', f'lang="{self._language.tag}"')
        self.written.append(_LABEL.sub(self._label, text))
        if tag == "script":
            self._skipping = WORDS if attributes.get("id") == WORDS else tag
        elif not self._skipping and (tag in _UNTRANSLATED or attributes.get("translate") == "no"):
            self._skipping = tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.written.append(_LABEL.sub(self._label, self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in (self._skipping, "script"):
            self._skipping = ""
        self.written.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._skipping == WORDS:
            # < could end the element
            data = json.dumps(dict(self._language.page), ensure_ascii=False).replace("<", "\\u003c")
        elif self._skipping != "script":
            data = html.escape(self._said(data), quote=False)
        self.written.append(data)

    def handle_decl(self, decl: str) -> None:
        self.written.append(f"<!{decl}>")

    def _label(self, match: re.Match[str]) -> str:
        return f'{match[1]}="{html.escape(self._said(html.unescape(match[2])))}"'

    def _said(self, text: str) -> str:
        before, words, after = _TEXT.fullmatch(text).groups()  # type: ignore[union-attr]
        if self._skipping or not any(letter.isalpha() for letter in words):
            return text
        words = " ".join(words.split())
        self.texts.append(words)
        return before + self._language.page.get(words, words) + after

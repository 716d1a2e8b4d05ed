"""A made-up language: each translated text stands between marks, so that English left over shows.

A page shows texts of the software and data: words of the agreement, of its vocabulary, of the
mapping, and what people typed. Data is never translated.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from tests.support.code_scan import ROOT

POT: Final = ROOT / "adapters/web/locale/messages.pot"
BEGIN, END = "⟦", "⟧"
_MARKED: Final = re.compile(f"{BEGIN}[^{BEGIN}{END}]*{END}")
_BETWEEN: Final = "\x01"
"""Stands for a tag."""
_READ_ALOUD: Final = frozenset({"aria-label", "title", "alt", "placeholder", "data-label"})
_SKIPPED: Final = frozenset({"script", "style", "svg", "code"})
_VOID: Final = frozenset({"br", "input", "meta", "link", "wbr", "path", "rect", "circle", "line"})
_NAME: Final = re.compile(r"[\w-]+(?:\.[\w*-]+)+|\[[\w.: ]+\]")
"""Name with dots, or the place of a setting."""
_SAME_EVERYWHERE: Final = frozenset({"concordant", "gmt", "bst"})


def marked(text: str) -> str:
    """A text of the software in the made-up language."""
    return f"{BEGIN}{text}{END}"


def made_up_texts(language: str) -> bytes:
    """The file of texts of the made-up language, with as many plural forms as the real one has."""
    texts = Catalog(locale=language)
    for message in read_po(BytesIO(POT.read_bytes())):
        if isinstance(message.id, str):
            if message.id:
                texts.add(message.id, marked(message.id))
        else:
            forms = [marked(message.id[min(form, 1)]) for form in range(texts.num_plurals)]
            texts.add(message.id, forms)
    written = BytesIO()
    write_po(written, texts)
    return written.getvalue()


class _Texts(HTMLParser):
    """Texts of a page in order, with a mark for each tag, and those that only some people hear."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.heard: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shown.append(_BETWEEN)
        if tag not in _VOID and (self._skipped or tag in _SKIPPED or ("lang", "en") in attrs):
            self._skipped.append(tag)
        self.heard += [value for name, value in attrs if name in _READ_ALOUD and value]

    def handle_endtag(self, tag: str) -> None:
        self.shown.append(_BETWEEN)
        if self._skipped and tag not in _VOID:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.shown.append(data)


class Data:
    """Words that are data.

    Args:
        texts: everything that the software did not write.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._words = f" {' '.join(map(_words, texts))} "

    def has(self, text: str) -> bool:
        """Return whether a text, or each of its parts, is data, a name, a place or a command."""
        if _NAME.fullmatch(text) or text.startswith("concordant "):
            return True
        if " – " in text:
            return all(map(self.has, text.split(" – ")))
        return self._is(text) or all(map(self._is, re.split(r"[,;:.–()=/]", text)))

    def _is(self, text: str) -> bool:
        if f" {_words(text)} " in self._words:
            return True
        between_codes = re.split(r"(?:^| )\w*\d[\w ]*?(?= |$)", _words(text))
        return all(
            f" {words} " in self._words or words in _SAME_EVERYWHERE or len(words) < 2
            for words in map(str.strip, between_codes)
        )


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def english_left(page: str, data: Data) -> list[str]:
    """Texts of a page that are neither translated nor data."""
    parser = _Texts()
    parser.feed(page)
    pieces = [*_unmarked("".join(parser.shown)).split(_BETWEEN)]
    pieces += [_unmarked(html.unescape(one)) for one in parser.heard]
    return [one for piece in pieces if (one := " ".join(piece.split())) and not data.has(one)]


def _unmarked(text: str) -> str:
    while (shorter := _MARKED.sub(" ", text)) != text:
        text = shorter
    return text


def shipped_words() -> Iterator[str]:
    """Vocabularies, mappings and names of areas of the software, which are data."""
    yield (ROOT / "broker/directory/data/areas.json").read_text()
    for folder in ("contracts/vocabularies", "adapters"):
        for path in sorted(Path(ROOT / folder).rglob("*.yaml")):
            yield path.read_text()

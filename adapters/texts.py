"""Texts of pages and notices in the language that an agency has chosen (GNU gettext).

The English text is the key. ``adapters/web/locale/messages.pot`` has every text. A translation is
one file of the agency: `web/LANGUAGE.po`.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from broker.errors import ConfigError
from concordant.packages import library_missing
from contracts.bounded_file import read_bounded
from contracts.phrases import Texts

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

ENGLISH: Final = "en-GB"
FOLDER: Final = "web"
LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Largest file of texts."""
_PLACE: Final = re.compile(r"%\((\w+)\)")
_BRACES: Final = re.compile(r"\{(\w+)\}")
_WRITTEN: Final = re.compile(r"%\([^)]*\)[^a-zA-Z%]*[a-zA-Z]|\{[^{}]*\}")
"""A place as it is written: another kind of value or a width would break the page."""


def texts_of(root: Path, language: str | None) -> Texts:
    """Return the texts of a language; English where a text is not translated.

    Args:
        root: the agency's folder.
        language: its tag (BCP 47), from `[web] language`; None is English.

    Raises:
        ConfigError: `config_web_texts`: the file is missing or damaged, or a text has other places
            for values than the English one. `library_missing`: the extra `web` is not installed.
    """
    if language is None:
        return gettext.NullTranslations()
    path = root / FOLDER / f"{language}.po"
    raw = read_bounded(path, LIMIT_BYTES, ConfigError, code="config_web_texts")
    return compile_texts(raw, language, str(path))


def compile_texts(raw: bytes, language: str, where: str) -> gettext.GNUTranslations:
    """Return the texts of a file.

    Args:
        raw: the file, in the form PO.
        language: its tag.
        where: its place, for an error.

    Raises:
        ConfigError: as `texts_of`.
    """
    try:
        from babel.core import UnknownLocaleError
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import PoFileError, read_po
    except ModuleNotFoundError as error:
        raise library_missing(error, "web") from None
    try:
        catalog = read_po(BytesIO(raw), locale=language.replace("-", "_"), abort_invalid=True)
    except (PoFileError, UnknownLocaleError, ValueError, LookupError) as error:
        raise _unusable("The file of texts cannot be read", where, str(error)) from None
    _require_places(catalog, where)
    written = BytesIO()
    write_mo(written, catalog)
    written.seek(0)
    try:
        return gettext.GNUTranslations(written)
    except ValueError as error:  # Plural-Forms
        raise _unusable("The file of texts cannot be read", where, str(error)) from None


def _require_places(catalog: Catalog, where: str) -> None:
    """Check that each translated text can be filled in with the values of the English one."""
    for message in catalog:
        if message.id and message.string and not message.fuzzy:
            known = {place for text in _forms(message.id) for place in _places(text)}
            written = {one for text in _forms(message.id) for one in _WRITTEN.findall(text)}
            for text in _forms(message.string):
                same = known >= set(_places(text)) and written >= set(_WRITTEN.findall(text))
                if text and not (same and _fills(text, known, message)):
                    raise _unusable(
                        "A text does not have the places for values of the English text",
                        f"{where}, line {message.lineno}",
                        text[:80],
                    )


def _forms(texts: str | Iterable[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _places(text: str) -> Iterable[str]:
    return (*_PLACE.findall(text), *_BRACES.findall(text))


def _fills(text: str, known: Iterable[str], message: Message) -> bool:
    """Return whether a text can be filled in as the English one is."""
    values = dict.fromkeys(known, 0)
    try:
        if any(_PLACE.search(one) for one in _forms(message.id)):
            _ = text % values
        elif any(_BRACES.search(one) for one in _forms(message.id)):
            text.format_map(values)
    except (KeyError, ValueError, TypeError, IndexError):
        return False
    return True


def _unusable(detail: str, where: str, text: str) -> ConfigError:
    return ConfigError(
        f"{detail}: {text}.",
        code="config_web_texts",
        where=where,
        fix="Correct the file, or remove language from [web] of agency.toml.",
    )

"""Texts of the pages in the reader's language (GNU gettext).

The English text is the key. ``adapters/web/locale/messages.pot`` has every text in one place; a
translation is `locale/LANGUAGE/LC_MESSAGES/messages.mo`, made from it with any gettext program.
"""

from __future__ import annotations

import gettext
from pathlib import Path
from typing import Final

LOCALE: Final = Path(__file__).with_name("locale")
ENGLISH: Final = "en"


def texts_of(language: str) -> gettext.NullTranslations:
    """Return the texts of a language; English where a text is not translated."""
    return gettext.translation("messages", LOCALE, [language], fallback=True)


def N_(text: str) -> str:  # noqa: N802 - the name that extractors of gettext know
    """Mark a text for translation; the template translates it."""
    return text

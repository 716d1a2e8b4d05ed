"""Area of the officer: its pages and its entries of the navigation."""

from __future__ import annotations

from typing import Final

from adapters.web.officer import (
    agreements,
    bundles,
    changes,
    dates,
    log,
    partners,
    ready,
    received,
    records,
    sign_off,
    stop,
    who_may_read,
)
from adapters.web.officer.chosen import INSPECTORS, READERS
from adapters.web.pages import NavigationEntry, PageArea
from contracts.phrases import N_

AREA: Final = PageArea(
    title=N_("Agreements"),
    pages=(
        *agreements.PAGES,
        *changes.PAGES,
        *sign_off.PAGES,
        *ready.PAGES,
        *bundles.PAGES,
        *who_may_read.PAGES,
        *dates.PAGES,
        *records.PAGES,
        *stop.PAGES,
        *partners.PAGES,
        *received.PAGES,
        *log.PAGES,
    ),
    entries=(
        NavigationEntry("/agreements", N_("Agreements"), READERS),
        NavigationEntry("/who-received", N_("Who received what"), INSPECTORS),
        NavigationEntry("/figures", N_("Figures"), READERS),
        NavigationEntry("/coverage", N_("Gaps in services"), READERS),
        NavigationEntry("/log", N_("Our log"), INSPECTORS),
        NavigationEntry("/partners", N_("Partners"), READERS),
        NavigationEntry("/bundles", N_("Files of the partnership"), READERS),
    ),
)

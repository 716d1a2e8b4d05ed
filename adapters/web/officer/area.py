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
from adapters.web.pages import Area, Entry
from contracts.phrases import N_

AREA: Final = Area(
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
        Entry("/agreements", N_("Agreements"), READERS),
        Entry("/who-received", N_("Who received what"), INSPECTORS),
        Entry("/figures", N_("Figures"), READERS),
        Entry("/coverage", N_("Gaps in services"), READERS),
        Entry("/log", N_("Our log"), INSPECTORS),
        Entry("/partners", N_("Partners"), READERS),
        Entry("/bundles", N_("Files of the partnership"), READERS),
    ),
)

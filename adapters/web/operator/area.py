"""Addresses of the operator's pages."""

from __future__ import annotations

from typing import Final

from adapters.web.operator.board_page import board
from adapters.web.operator.mapping_page import add, mapping
from adapters.web.operator.put_aside_pages import discard, put_aside_item, put_aside_list, retry
from adapters.web.operator.runbook_pages import runbook, runbook_entry
from adapters.web.operator.upkeep_pages import checks, keys, rights
from adapters.web.pages import Area, Entry, PageRoute
from adapters.web.people import Role
from contracts.phrases import N_

_OPERATOR: Final = frozenset({Role.OPERATOR})

AREA: Final = Area(
    title=N_("Operation"),
    pages=(
        PageRoute("GET", "/board", _OPERATOR, board),
        PageRoute("GET", "/put-aside", _OPERATOR, put_aside_list),
        PageRoute("GET", "/put-aside/item", _OPERATOR, put_aside_item),
        PageRoute("POST", "/put-aside/retry", _OPERATOR, retry),
        PageRoute("POST", "/put-aside/discard", _OPERATOR, discard),
        PageRoute("GET", "/keys", _OPERATOR, keys),
        PageRoute("GET", "/kafka-rights", _OPERATOR, rights),
        PageRoute("GET", "/mapping", _OPERATOR, mapping),
        PageRoute("POST", "/mapping", _OPERATOR, add),
        PageRoute("GET", "/checks", _OPERATOR, checks),
        PageRoute("GET", "/runbook", _OPERATOR, runbook),
        PageRoute("GET", "/runbook/{name}", _OPERATOR, runbook_entry),
    ),
    entries=(
        Entry("/board", N_("Board"), _OPERATOR),
        Entry("/put-aside", N_("Put aside"), _OPERATOR),
        Entry("/keys", N_("Keys"), _OPERATOR),
        Entry("/kafka-rights", N_("Kafka rights"), _OPERATOR),
        Entry("/mapping", N_("Mapping"), _OPERATOR),
        Entry("/checks", N_("Checks"), _OPERATOR),
        Entry("/our-services", N_("Our services"), _OPERATOR),
        Entry("/figures", N_("Figures"), _OPERATOR),
        Entry("/runbook", N_("Runbook"), _OPERATOR),
    ),
)

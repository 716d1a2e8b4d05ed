"""Addresses of the operator's pages."""

from __future__ import annotations

from typing import Final

from adapters.web.operator.board_page import board
from adapters.web.operator.mapping_page import add, mapping
from adapters.web.operator.put_aside_pages import discard, put_aside_item, put_aside_list, retry
from adapters.web.operator.runbook_pages import runbook, runbook_entry
from adapters.web.operator.upkeep_pages import checks, keys, rights
from adapters.web.pages import NavigationEntry, PageArea, PageRoute
from adapters.web.people import Role
from contracts.phrases import N_

_OPERATOR: Final = frozenset({Role.OPERATOR})

AREA: Final = PageArea(
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
        NavigationEntry("/board", N_("Board"), _OPERATOR),
        NavigationEntry("/put-aside", N_("Put aside"), _OPERATOR),
        NavigationEntry("/keys", N_("Keys"), _OPERATOR),
        NavigationEntry("/kafka-rights", N_("Kafka rights"), _OPERATOR),
        NavigationEntry("/mapping", N_("Mapping"), _OPERATOR),
        NavigationEntry("/checks", N_("Checks"), _OPERATOR),
        NavigationEntry("/our-services", N_("Our services"), _OPERATOR),
        NavigationEntry("/figures", N_("Figures"), _OPERATOR),
        NavigationEntry("/runbook", N_("Runbook"), _OPERATOR),
    ),
)

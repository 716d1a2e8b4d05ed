"""The parsers of agencies' own formats, each as its adapter uses it: bytes to rows to events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from adapters import council, cps, csu, support
from adapters.base import AgencyAdapter, Context, MappingError, Row
from adapters.demo.samples import council as council_samples
from adapters.demo.samples import cps as cps_samples
from adapters.demo.samples import csu as csu_samples
from adapters.demo.samples import support as support_samples
from adapters.demo.samples.facts import case_list
from adapters.mapping import MemoryLinks, load_mapping
from adapters.mapping.document import MappingFileError, parse_mapping
from tests.fuzz.parser_catalogue import Parser

CASES = case_list(2007, 4)


def reading(adapter: AgencyAdapter, partners: Mapping[str, str]) -> Callable[[bytes], int]:
    """The whole way in: rows that are refused one by one do not refuse the file."""

    def act(content: bytes) -> int:
        context = Context("csu-camden", partners, MemoryLinks())
        taken = 0
        for row in adapter.read(content):
            if isinstance(row, Row):
                try:
                    adapter.to_event(row, context)
                except MappingError:
                    continue
                taken += 1
        return taken

    return act


def exports() -> tuple[Parser, ...]:
    """One a format; the council's two forms are one parser."""
    rows = csu_samples.sample_rows(random.Random(3), CASES)
    sheet = support_samples.sample_rows(random.Random(3), CASES, reporting_centre=True)
    lists = council_samples.sample_rows(random.Random(3), CASES)
    ids = {number: f"5d0d8f8a-54a7-4f7a-9a51-{number:012x}" for number in range(99)}
    cases = cps_samples.sample_rows(random.Random(3), CASES, shared_ids=ids)
    found = (
        ("csu", csu.ADAPTER, csu_samples.PARTNERS,
         (csu_samples.sample_file(rows), csu_samples.sample_file(rows, encoding="cp1252"))),
        ("cps", cps.ADAPTER, cps_samples.PARTNERS, (cps_samples.sample_file(cases),)),
        ("council", council.ADAPTER, council_samples.PARTNERS,
         (council_samples.sample_file(lists), council_samples.sample_file(lists, "csv"))),
        ("support", support.ADAPTER, support_samples.PARTNERS,
         (support_samples.sample_file(sheet),)),
    )  # fmt: skip
    mapping = load_mapping("adapters.csu").model_dump_json().encode()
    return (
        *(
            Parser(name, reading(adapter, partners), (MappingError,), seeds, slow=True)
            for name, adapter, partners, seeds in found
        ),
        Parser(
            "mapping",
            lambda data: parse_mapping(data, "mapping.json"),
            (MappingFileError,),
            (mapping,),
        ),
    )

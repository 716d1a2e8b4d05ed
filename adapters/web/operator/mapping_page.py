"""Page of the mapping: columns and codes, how the last exports use them, and a form for a code."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.responses import Response

from adapters.authoring.begin import document_of, own_mapping_file
from adapters.authoring.columns_table import column_rows
from adapters.authoring.export_coverage import export_coverage
from adapters.authoring.new_code import add_code
from adapters.mapping.document import MappingDocument
from adapters.web.operator.texts_with_commands import told
from adapters.web.visit import Visit
from broker.agency.kinds import own_documents
from broker.errors import ConfigError, WrongInputError
from contracts.errors import ConcordantError
from contracts.phrases import N_

ROWS: Final = 25
USES: Final = {
    "both": N_("read and written"),
    "export": N_("read"),
    "import": N_("written"),
    "derived": N_("computed"),
}


def mapping(visit: Visit) -> Response:
    """Show the mapping; with ``count=yes`` also how the last exports use it."""
    document = _document(visit)
    coverage, problem = None, None
    counted = visit.query.text("count") == "yes"
    if counted and document is not None:
        try:
            coverage = export_coverage(visit.agency.participant(), visit.agency.clock())
        except ConcordantError as error:
            problem = error
    return _page(visit, document, coverage=coverage, counted=counted, problem=problem)


def add(visit: Visit) -> Response:
    """Add a code to a table of the agency's own mapping file."""
    document = _document(visit)
    form = visit.form
    typed = {name: form.text(name) for name in ("table", "own", "shared")}
    faults: list[tuple[str, str]] = [
        (name, sentence)
        for name, sentence in (
            ("own", N_("Enter the code of your system")),
            ("shared", N_("Enter the code of the vocabulary")),
        )
        if not typed[name]
    ]
    if not faults:
        try:
            file = own_mapping_file(visit.agency.root)
            documents = own_documents(visit.agency.root)
            add_code(file, documents, typed["table"], typed["own"], typed["shared"])
        except WrongInputError as error:
            field = {"table_unknown": "table", "code_known": "own"}.get(error.code, "shared")
            faults = [(field, visit.renderer.explained(error))]
    if faults:
        return _page(visit, document, typed=typed, faults=faults, status=422)
    said = N_("The code was added. The running adapter uses it at once. Now retry what waited.")
    return visit.redirect("/put-aside", said)


def _document(visit: Visit) -> MappingDocument | None:
    try:
        return document_of(visit.agency.root, None)
    except WrongInputError as error:
        if error.code == "mapping_none":
            return None
        raise


def _own(visit: Visit) -> bool:
    """Return whether the mapping is a file of the agency, to which a code can be added."""
    try:
        return own_mapping_file(visit.agency.root).is_file()
    except ConfigError:
        return False


def _page(
    visit: Visit, document: MappingDocument | None, *, status: int = 200, **values: object
) -> Response:
    common: dict[str, object] = {
        "coverage": None,
        "counted": False,
        "problem": None,
        "typed": {"table": "", "own": "", "shared": ""},
        "faults": [],
    }
    columns = [] if document is None else list(column_rows(document))
    last = max(-(-len(columns) // ROWS), 1)
    at = min(visit.query.number("page", 1), last)
    return visit.page(
        "operator/mapping.html",
        status=status,
        document=document,
        columns=columns[(at - 1) * ROWS : at * ROWS],
        all_columns=len(columns),
        at=at,
        last=last,
        rows=ROWS,
        own_file=_own(visit),
        tables=[] if document is None else [(name, name) for name in sorted(document.tables)],
        uses=USES,
        told=partial(told, say=visit.renderer.text, folder=visit.agency.root),
        **{**common, **values},
    )

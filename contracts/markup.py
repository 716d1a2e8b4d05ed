"""Documents of an agreement for people: headings, paragraphs, lists, tables, in three formats.

The content is put together once and written as plain text, Markdown or one HTML page. The page
needs no other file, holds no script, and prints on A4. Texts of parties are shown with hidden
characters made visible, and escaped, so that no text of an agreement can look like another part of
the document.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from contracts.hidden_characters import one_line, visible

__all__ = [
    "Block",
    "Bullets",
    "Document",
    "DocumentFormat",
    "Heading",
    "MarkupTable",
    "Paragraph",
    "Preformatted",
    "written",
]

_WIDTH = 96


class DocumentFormat(StrEnum):
    """Formats of a document."""

    text = "text"
    md = "md"
    html = "html"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below the title; level 2 or 3."""

    text: str
    level: Literal[2, 3] = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; each item may have lines of detail below it."""

    items: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, *texts: str) -> Bullets:
        """Return a list of items without details."""
        return cls(tuple((text, ()) for text in texts))


@dataclass(frozen=True, slots=True)
class MarkupTable:
    """A table; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Text with its own line ends and indents."""

    text: str


Block: TypeAlias = "Heading | Paragraph | Bullets | MarkupTable | Preformatted"


@dataclass(frozen=True, slots=True)
class Document:
    """A title and what stands below it, in order."""

    title: str
    blocks: tuple[Block, ...]


def written(document: Document, form: DocumentFormat) -> str:
    """Return the document in one format, with a line feed at its end."""
    return _WRITERS[form](document)


# --- plain text -----------------------------------------------------------------------------------


def _text(document: Document) -> str:
    title = one_line(document.title)
    lines = [title, "=" * len(title)]
    for block in document.blocks:
        lines += ["", *_text_lines(block)]
    return "\n".join(lines) + "\n"


def _text_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield one_line(text).upper() if level == 2 else one_line(text)
        case Paragraph(text):
            yield from _wrap(text, "", "")
        case Bullets(items):
            for text, details in items:
                yield from _wrap(text, "- ", "  ")
                for detail in details:
                    yield from _wrap(detail, "  ", "    ")
        case Preformatted(text):
            yield from visible(text).splitlines()
        case MarkupTable(columns, rows):
            cells = [[one_line(cell) for cell in row] for row in (columns, *rows)]
            widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
            for row in cells:
                padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                yield "  ".join(padded).rstrip()


def _wrap(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


# --- Markdown -------------------------------------------------------------------------------------

_MARKS = re.compile(r"([\\`*_{}\[\]<>|#&~])")
_LIST_MARK = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$)")


def _markdown(document: Document) -> str:
    parts = [f"# {_md(document.title)}"]
    for block in document.blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * level} {_md(text)}")
            case Paragraph(text):
                parts.append(_md(text))
            case Bullets(items):
                lines = []
                for text, details in items:
                    lines.append(f"- {_md(text)}")
                    lines += [f"  - {_md(detail)}" for detail in details]
                parts.append("\n".join(lines))
            case Preformatted(text):
                parts.append("\n".join(f"    {line}" for line in visible(text).splitlines()))
            case MarkupTable(columns, rows):
                ruler = "|".join(["", *(" --- " for _ in columns), ""])
                parts.append("\n".join([_md_row(columns), ruler, *map(_md_row, rows)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _md_row(cells: Sequence[str]) -> str:
    return "|".join(["", *(f" {_md(cell)} " for cell in cells), ""])


def _md(text: str) -> str:
    escaped = _MARKS.sub(r"\\\1", one_line(text))
    return _LIST_MARK.sub(lambda found: f"{found[1]}\\{found[2]}", escaped)


# --- HTML -----------------------------------------------------------------------------------------

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 Arial, "Liberation Sans", "DejaVu Sans Condensed", sans-serif;
       color: #0b0c0c; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       overflow-wrap: anywhere; }}
h1 {{ font-size: 2rem; }}
h2 {{ font-size: 1.5rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #b1b4b6; padding: .4rem .6rem .4rem 0; text-align: left;
         vertical-align: top; overflow-wrap: anywhere; }}
pre {{ white-space: pre-wrap; }}
.details {{ color: #505a5f; }}
@media screen and (max-width: 40rem) {{
  body {{ margin: 1rem auto; }}
  h1 {{ font-size: 1.5rem; }}
  h2 {{ font-size: 1.25rem; }}
  ul {{ padding-left: 1.25rem; }}
  thead {{ position: absolute; clip-path: inset(50%); }}
  tr {{ display: block; padding: .6rem 0; border-bottom: 1px solid #b1b4b6; }}
  td {{ display: block; border: 0; padding: .1rem 0; }}
  td:first-child {{ font-weight: bold; }}
  td:not(:first-child)::before {{ content: attr(data-column) ": "; color: #505a5f; }}
}}
@media print {{
  @page {{ size: A4; margin: 11mm; }}
  body {{ font-size: 8.5pt; font-size-adjust: .519; line-height: 1.2; margin: 0;
         max-width: none; padding: 0; }}
  h1 {{ font-size: 14pt; margin: 0 0 2mm; }}
  h2 {{ font-size: 10.5pt; margin: 3mm 0 1mm; }}
  p, ul, table {{ margin: 1mm 0; }}
  ul {{ padding-left: 5mm; }}
  th, td {{ padding: .5mm 2mm .5mm 0; }}
  h2, h3 {{ break-after: avoid; }}
  li, tr {{ break-inside: avoid; }}
  thead {{ display: table-header-group; }}
}}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _page(document: Document) -> str:
    body = [f"<h1>{_esc(document.title)}</h1>"]
    for block in document.blocks:
        body += _html(block)
    return _PAGE.format(title=_esc(document.title), body="\n".join(body))


def _html(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"<h{level}>{_esc(text)}</h{level}>"
        case Paragraph(text):
            yield f"<p>{_esc(text)}</p>"
        case Bullets(items):
            yield "<ul>"
            for text, details in items:
                below = "".join(f"<br>{_esc(detail)}" for detail in details)
                yield f"<li>{_esc(text)}<span class=details>{below}</span></li>"
            yield "</ul>"
        case Preformatted(text):
            yield f"<pre>{html.escape(visible(text))}</pre>"
        case MarkupTable(columns, rows):
            heads = "".join(f"<th scope=col>{_esc(name)}</th>" for name in columns)
            yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
            for row in rows:
                cells = zip(columns, row, strict=True)
                texts = (
                    f'<td data-column="{_esc(name)}">{_esc(cell)}</td>' for name, cell in cells
                )
                yield f"<tr>{''.join(texts)}</tr>"
            yield "</tbody></table>"


def _esc(text: str) -> str:
    return html.escape(one_line(text))


_WRITERS: Mapping[DocumentFormat, Callable[[Document], str]] = MappingProxyType(
    {DocumentFormat.text: _text, DocumentFormat.md: _markdown, DocumentFormat.html: _page}
)

"""The plot of docs/benchmarks.md: one event to four agencies, in microseconds, as plain SVG.

Light and dark backgrounds both work: text takes the reader's colour scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

GIVES: Final[Mapping[str, tuple[bool, bool, bool, bool]]] = {
    "concordant": (True, True, True, True),
    "reference": (True, False, False, False),
    "HPKE + Ed25519": (True, False, False, False),
    "joserfc JWE + JWS": (True, False, False, False),
    "Confluent CSFLE JSON": (False, False, False, False),
    "kafkacrypto": (False, False, False, False),
}
"""Signed by its sender; each reader its own fields; loss and replay seen; post-quantum."""
PROPERTIES: Final = ("signed", "own fields", "loss seen", "post-quantum")

_LEFT, _BARS, _ROW, _TOP, _WIDTH = 190, 400, 40, 96, 990
_STYLE: Final = """
text{font:14px system-ui,sans-serif;fill:#1b1f24}
.title{font-size:19px;font-weight:600}.quiet{fill:#57606a;font-size:12.5px}.ours{font-weight:700}
.p{fill:#9aa4af}.c{fill:#c9d1d9}.op{fill:#0969da}.oc{fill:#80b8f5}.yes{fill:#1a7f37;font-size:17px}
.no{fill:#afb8c1}.line{stroke:#d0d7de}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.p{fill:#7d8590}
.c{fill:#484f58}.op{fill:#4493f8}.oc{fill:#1f4f8c}.yes{fill:#3fb950}.no{fill:#484f58}
.line{stroke:#3d444d}}
"""


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """The SVG for rows of one count of recipients and one batch.

    Args:
        rows: as in out/envelope.jsonl; cases that ``GIVES`` does not name are left out.
    """
    shown = sorted(
        (row for row in rows if row["case"] in GIVES),
        key=lambda row: row["produce_us"] + row["consume_us"],
    )
    longest = max(row["produce_us"] + row["consume_us"] for row in shown)
    scale = _BARS / longest
    height = _TOP + _ROW * len(shown) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-labelledby="t d"><title id="t">CPU time of one event to four agencies</title>'
        '<desc id="d">Bars of microseconds to produce and to consume, and what each case gives.'
        f"</desc><style>{_STYLE}</style>",
        '<text class="title" x="16" y="32">One event to four agencies: microseconds of CPU, '
        "shorter is better</text>",
        '<rect class="op" x="16" y="48" width="12" height="12"/><rect class="p" x="30" y="48" '
        'width="12" height="12"/><text class="quiet" x="48" y="59">to produce</text>'
        '<rect class="oc" x="126" y="48" width="12" height="12"/><rect class="c" x="140" y="48" '
        'width="12" height="12"/><text class="quiet" x="158" y="59">to consume</text>',
    ]
    for at, name in enumerate(PROPERTIES):
        x = _column(at)
        parts.append(f'<text class="quiet" x="{x}" y="84" text-anchor="middle">{name}</text>')
    for at, row in enumerate(shown):
        parts += _row(row, _TOP + _ROW * at, scale)
    foot = "12 fields, 6 sensitive, 1.2 kB; batches of 256; medians of one interleaved run"
    parts.append(f'<text class="quiet" x="16" y="{height - 14}">{foot}</text></svg>')
    return "\n".join(parts) + "\n"


def _column(at: int) -> int:
    return _LEFT + _BARS + 92 + at * 82


def _row(row: Mapping[str, Any], y: int, scale: float) -> list[str]:
    name = row["case"]
    ours = name == "concordant"
    produce, consume = row["produce_us"] * scale, row["consume_us"] * scale
    total = row["produce_us"] + row["consume_us"]
    first, second, bold = ("op", "oc", ' class="ours"') if ours else ("p", "c", "")
    parts = [
        f'<line class="line" x1="16" x2="{_WIDTH - 16}" y1="{y}" y2="{y}"/>'
        f'<text{bold} x="16" y="{y + 25}">{name}</text>'
        f'<rect class="{first}" x="{_LEFT}" y="{y + 9}" width="{produce:.1f}" height="22"/>'
        f'<rect class="{second}" x="{_LEFT + produce:.1f}" y="{y + 9}" width="{consume:.1f}" '
        f'height="22"/><text{bold} x="{_LEFT + produce + consume + 7:.1f}" y="{y + 25}">'
        f"{total:.0f}</text>"
    ]
    for at, given in enumerate(GIVES[name]):
        mark, style = ("✓", "yes") if given else ("·", "no")
        parts.append(
            f'<text class="{style}" x="{_column(at)}" y="{y + 26}" '
            f'text-anchor="middle">{mark}</text>'
        )
    return parts

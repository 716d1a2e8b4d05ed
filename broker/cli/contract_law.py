"""``contract law``: legal bases, conditions and gateways that an agreement can name."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import AsJson, Output, note, plain_table, print_json, print_text

if TYPE_CHECKING:
    from contracts.legal_codes import LegalCode, LegalKind


class CodeKind(StrEnum):
    """Kinds of codes, as the members of an agreement that hold them."""

    bases = "bases"
    article_9 = "article_9"
    article_10 = "article_10"
    schedule_1 = "schedule_1"
    schedule_8 = "schedule_8"
    gateways = "gateways"


class Body(StrEnum):
    """Kinds of bodies, which may rely on different codes."""

    competent_authority = "competent-authority"
    public_authority = "public-authority"
    other = "other"


def law(
    kind: Annotated[
        CodeKind | None, typer.Option("--kind", help="Only this kind of codes.")
    ] = None,
    body: Annotated[
        Body | None,
        typer.Option(
            "--body",
            help="Only what this kind of body may rely on: a police force is a competent "
            "authority, a council a public authority, a charity another body.",
        ),
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List the legal bases, conditions and gateways that an agreement can name.

    The list has a date. Each code has its meaning, the kinds of bodies that may rely on it, and
    what the law asks for besides.
    """
    from contracts.legal_codes import KIND_WORDS, KINDS, codes_dated, legal_codes

    listed = {
        each: [
            code for code in legal_codes(each).values() if body is None or body.value in code.who
        ]
        for each in KINDS
        if kind is None or each == kind.value
    }
    if json:
        codes = [_json(each, code) for each, found in listed.items() for code in found]
        print_json({"dated": codes_dated(), "codes": codes}, output)
        return
    parts = [
        f"{KIND_WORDS[each].upper()}\n\n"
        + plain_table(("CODE", "WHAT IT IS", "FOR", "ALSO NEEDS"), list(map(_row, found)))
        for each, found in listed.items()
        if found
    ]
    print_text("\n".join(parts), output)
    note(f"List of {codes_dated()}. Each agency's lawyer confirms the codes on which it relies.")


def _row(code: LegalCode) -> tuple[str, str, str, str]:
    return code.code, code.label, ", ".join(one for one in Body if one in code.who), _needs(code)


def _needs(code: LegalCode) -> str:
    needs = ["a condition of Schedule 1"] if code.needs_schedule_1 else []
    needs += ["an appropriate policy document"] if code.policy_document else []
    return ", ".join(needs)


def _json(kind: LegalKind, code: LegalCode) -> dict[str, object]:
    return {
        "kind": kind,
        "code": code.code,
        "label": code.label,
        "regime": code.regime,
        "who": sorted(code.who),
        "needs_schedule_1": code.needs_schedule_1,
        "policy_document": code.policy_document,
    }

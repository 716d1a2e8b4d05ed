"""Attacks with content: hostile texts of a partner, looks without entry, one draft sent twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.web.areas import AREAS, OWN
from adapters.web.people import Person, Role
from broker.operations.desk.answers import Texts
from broker.operations.desk.entry_fields import EntryField, entry_fields
from broker.operations.desk.further_events import FurtherRequest, further_events, send_further
from broker.operations.desk.held_referral import HeldReferral, find_referral, referral_agreement
from broker.operations.desk.referral_list import ReferralQuery, referral_list
from contracts.errors import EventError
from tests.support.desk_partnership import ROSA, DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.adapters.web.desk.test_story import deliver, only, submit, write_referral
from tests.unit.broker.operations.desk.written_referral import TYPED, sent, written

MARKS = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "{{7*7}}{% raw %}",
    "javascript:alert(1)",
)
RAW = ("<script>alert", "<img src=x", "<svg onload", "</textarea><svg")


def shown_to(visitor: Visitor, paths: Iterable[str]) -> list[str]:
    return [visitor.get(path).text for path in paths]


def without_parameters(*roles: Role) -> list[str]:
    """Return the address of each page that a role opens and that needs no id."""
    return [
        page.path
        for area in (*AREAS, OWN)
        for page in area.pages
        if page.method == "GET" and "{" not in page.path and page.roles & set(roles)
    ]


def hostile(fields: Iterable[EntryField], mark: str) -> dict[str, Any]:
    """Return answers to every field: the mark wherever a person may write a text."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.control in ("text", "long_text"):
            found[field.path] = mark[: field.longest or len(mark)]
        elif field.control == "texts":
            found[field.path] = [mark[: field.longest or len(mark)]]
        elif field.control == "items":
            found[field.path] = [hostile(field.fields, mark)]
        elif field.required and field.control == "one":
            found[field.path] = next(iter(field.options))
        elif field.required and field.control == "instant":
            found[field.path] = "2026-03-02T11:30:00.000Z"
        elif field.required and field.control == "day":
            found[field.path] = "2026-03-02"
        elif field.required and field.control == "yes_no":
            found[field.path] = True
    return found


def taken(desks: DeskPartnership, held: HeldReferral, request: FurtherRequest) -> bool:
    """Send an event; a field whose form the vocabulary refuses is taken out of the answers."""
    assert isinstance(request.answers, dict)
    try:
        send_further(desks.desk(SUPPORT), ROSA, held, request)
    except EventError as error:
        del request.answers[str(error.where)]
        return False
    return True


@pytest.mark.parametrize("mark", MARKS)
def test_hostile_texts_of_a_partner_in_every_field(
    desks: DeskPartnership, opened: Opened, mark: str
) -> None:
    """A referral and each further event that a partner can send, on every page of every role."""
    texts: Texts = {
        **TYPED,
        "victim.name": [mark],
        "incident.narrative": [mark],
        "alleged_perpetrators": [{"name": mark}],
    }
    referral = sent(desks.desk(SUPPORT), texts=texts)
    charity = desks.desk(SUPPORT)
    held = find_referral(charity, referral.referral_id, COUNCIL)
    contract = referral_agreement(charity, held)[0].contract
    first = desks[SUPPORT].outbox()[0]
    tried = 0
    for event in further_events(contract, SUPPORT, COUNCIL):
        given: Mapping[str, Any] = dict.fromkeys(contract.vocabulary.answers, True)
        named = event.reference
        filled = {contract.vocabulary.case, event.withdraws}
        filled |= set() if named is None else {named.source, named.id}
        fields = [
            one
            for one in entry_fields(contract, SUPPORT, (COUNCIL,), event.type, given)
            if one.path not in filled
        ]
        about = (SUPPORT, first) if event.reference is not None else None
        answers = hostile(fields, mark)
        request = FurtherRequest(event.type, answers, about, event.type)
        while not taken(desks, held, request):
            assert answers
        tried += any(mark[:4] in str(one) for one in answers.values())
    assert tried
    deliver(desks)

    council = opened(COUNCIL)
    at = only(desks, COUNCIL, "fulfiller")
    inbox = council.get("/inbox").text
    critical = re.findall(r'href="(/critical/[^"]+)"', inbox)
    forms = re.findall(rf'href="({at}/(?:step|send)/[^"]+)"', council.get(at).text)
    pages = shown_to(council, [at, *critical, *forms])
    assert any("alert(1)" in page or "7*7" in page for page in pages)
    everyone = opened(COUNCIL, *Role)
    pages += shown_to(everyone, without_parameters(*Role))
    for page in pages:
        assert not [raw for raw in RAW if raw in page]
        assert 'href="javascript:' not in page


def test_roles_that_see_no_personal_data(desks: DeskPartnership, opened: Opened) -> None:
    """Operator and auditor, on every page that they can open, after a referral has come."""
    sent(desks.desk(SUPPORT))
    deliver(desks)
    at = only(desks, COUNCIL, "fulfiller")
    secrets = ("Exampleton", "1991", "07700 900911", "written on my door", "Placeholder Neighbour")
    assert all(one in opened(COUNCIL).get(at).text for one in secrets[:1])
    for role in (Role.OPERATOR, Role.AUDITOR, Role.OFFICER, Role.SIGNATORY):
        person = opened(COUNCIL, role)
        assert person.get(at).status_code == 403
        pages = shown_to(person, without_parameters(role))
        case = find_referral(desks.desk(COUNCIL), at.split("/")[2], SUPPORT).row.case_id
        form = {"case": case, "reason": "audit"}
        pages.append(person.post("/who-received", form).text)
        pages.append(person.post("/who-received", {**form, "format": "csv"}).text)
        for page in pages:
            assert not [one for one in secrets if one in page], role


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"range": "bytes=0-99"}),
        ("GET", {"if-none-match": "*"}),
        ("GET", {"if-modified-since": "Mon, 30 Nov 2099 00:00:00 GMT"}),
        ("GET", {"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}),
        ("GET", {"purpose": "prefetch", "sec-purpose": "prefetch"}),
    ],
)
def test_no_look_without_its_entry(
    desks: DeskPartnership, opened: Opened, method: str, headers: dict[str, str]
) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    before = len(desks[COUNCIL].entries("consultation"))
    answer = council.request(method, at, headers=headers)

    assert answer.status_code == 200
    (entry,) = desks[COUNCIL].entries("consultation")[before:]
    assert entry.acting_for == "rosa"


@pytest.mark.parametrize(
    "path", ["//referrals/{}", "/referrals/{}/", "/./referrals/{}", "/REFERRALS/{}"]
)
def test_other_spellings_of_an_address_show_nothing(
    desks: DeskPartnership, opened: Opened, path: str
) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    before = len(desks[COUNCIL].entries("consultation"))
    answer = council.get(path.format(at.removeprefix("/referrals/")))

    shown = "Exampleton" in answer.text
    assert shown == (len(desks[COUNCIL].entries("consultation")) > before)


def test_a_draft_sent_by_two_clicks_at_once_is_one_event(
    desks: DeskPartnership, opened: Opened
) -> None:
    charity = opened(SUPPORT)
    check = write_referral(charity, COUNCIL)
    version = re.search(r'name="version" value="(\d+)"', charity.get(check).text)
    assert version is not None
    with ThreadPoolExecutor(4) as pool:
        form = {"version": version[1]}
        answers = list(pool.map(lambda _: charity.post(check, form).status_code, range(4)))

    assert set(answers) == {303}
    assert len(desks[SUPPORT].outbox()) == 1
    assert len(referral_list(desks.desk(SUPPORT), ReferralQuery("referrer")).lines) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("page", ["recipients", "consent", "part/1", "check", "discard"])
def test_a_draft_of_another_person(
    desks: DeskPartnership, opened: Opened, method: str, page: str
) -> None:
    draft = written(desks.desk(SUPPORT))
    charity = opened(SUPPORT)
    charity.get("/drafts")
    answer = charity.request(
        method, f"/drafts/{draft.id}/{page}", data={"csrf": charity.csrf, "version": "1"}
    )

    assert answer.status_code == 404
    assert "Exampleton" not in answer.text
    assert desks[SUPPORT].outbox() == []


def test_the_same_id_of_another_issuer_owns_no_draft(
    desks: DeskPartnership, opened: Opened
) -> None:
    charity = opened(SUPPORT)
    at = submit(charity, "/drafts").headers["location"]
    server = charity._server
    other = Visitor(server)
    person = Person("rosa proxy", "Rosa", frozenset({Role.CASEWORKER}), "provider")
    other.cookies = dict(charity.cookies)
    link = server.new_link(person)
    other.cookies = {}
    other.get(link[link.index("/link/") :])

    assert charity.get(at).status_code == 200
    assert POLICE not in other.get(at).text
    assert other.get(at).status_code in {401, 404}

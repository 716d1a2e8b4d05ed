"""Listings in words, for ``concordant directory``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from broker.cli.output import number_of
from broker.directory.areas import area_in_words, area_name
from broker.directory.capacity_text import capacity_in_words
from broker.directory.coverage import CoverageCell
from broker.directory.listing import Service, known_capacity
from broker.directory.search import Reason
from broker.figures.expected_answers import ExpectedAnswer
from broker.figures.response_times import NOT_YET, limit_ms
from broker.operations.directory.held_listings import HeldListing
from broker.operations.directory.publishing import PublishedListing
from broker.operations.directory.searching import SearchResult
from broker.utc_text import moment


def told_published(done: PublishedListing) -> str:
    """Return when the partners get it."""
    if done.adapter_runs:
        return "The adapter sends it to the partners within a minute."
    return "The adapter does not run. It sends the listing to the partners when it starts."


def listing_text(held: HeldListing, now: int) -> str:
    """Return a listing for people."""
    return "\n".join(_lines(held, now)) + "\n"


def _lines(held: HeldListing, now: int) -> Iterator[str]:
    listing = held.listing
    yield f"{held.legal_name} ({held.agency})"
    yield f"  published: {moment(held.made_ms)}"
    if listing.organisation is None:
        yield "  It has published no services."
    else:
        yield f"  {listing.organisation.description}"
    for name, service in sorted(listing.services.items()):
        yield ""
        yield from _service_lines(name, service, now)
    if listing.reads is not None:
        yield ""
        yield f"Software: {listing.reads.software}. Vocabularies that it reads: " + ", ".join(
            f"{one.name} ({one.hash[:8]})" for one in listing.reads.vocabularies
        )


def _service_lines(name: str, service: Service, now: int) -> Iterator[str]:
    yield f"{service.name} ({name})"
    rows = (
        ("status", service.status),
        ("needs", ", ".join(service.needs)),
        ("strands", ", ".join(service.strands) or "all"),
        ("areas", ", ".join(map(area_in_words, service.areas))),
        ("ages", _ages(service)),
        ("eligibility", service.eligibility),
        ("languages", ", ".join(service.languages)),
        ("interpreters", "yes" if service.interpreters else "no"),
        ("access", "; ".join(service.access)),
        ("open", "; ".join(f"{' '.join(o.days)} {o.opens}-{o.closes}" for o in service.opening)),
        ("telephone", service.telephone),
        ("email", service.email),
        ("website", service.website),
        ("address", "secret, because it is a refuge" if service.refuge else _address(service)),
        ("intake (partners only)", service.partners.intake),
        ("safe contact (partners only)", service.partners.safe_contact),
        ("capacity (partners only)", capacity_in_words(known_capacity(service, now))),
    )
    for label, text in rows:
        if text:
            yield f"  {label}: " + text.replace("\n", "\n    ")


def _ages(service: Service) -> str:
    lowest, highest = service.minimum_age, service.maximum_age
    if lowest is None and highest is None:
        return ""
    return f"{lowest or 0} and over" if highest is None else f"{lowest or 0} to {highest}"


def _address(service: Service) -> str | None:
    place = service.shown_location
    return None if place is None else f"{place.name}, {place.address}, {place.postcode}"


def found_in_words(found: SearchResult, now: int) -> str:
    """Return the result of a search for people."""
    lines: list[str] = [*_head(found), ""]
    for offer in found.offers:
        lines += [
            f"{offer.service.name}: {offer.legal_name} ({offer.agency})",
            *_why(offer.reasons),
            f"  capacity: {capacity_in_words(known_capacity(offer.service, now))}",
            *_answer_in_words(found.answers.get(offer.agency)),
            "",
        ]
    for fit in found.known:
        one = fit.agency
        contact = ", ".join(filter(None, (one.telephone, one.email, one.website)))
        lines += [
            f"Known, not connected: {one.name} ({fit.id})",
            *_why(fit.reasons),
            f"  public contact: {contact or 'not known'}",
            f"  how to invite it: {fit.invitation}",
            "",
        ]
    if found.silent:
        lines.append(f"Partners that have published no services: {', '.join(found.silent)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(found: SearchResult) -> Iterator[str]:
    """Yield what was searched for, and how many services fit."""
    query = found.query
    asked = {
        "need": query.need,
        "area": None if query.area is None else area_in_words(query.area),
        "strand": query.strand,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    if given:
        yield f"Search: {', '.join(f'{name} {value}' for name, value in given.items())}"
    if query.area is not None and area_name(query.area) == query.area:
        yield "No name of this area is known. Only services that list exactly this code are found."
    number = len(found.offers) + len(found.known)
    if number:
        order = " Those with capacity come first." if number > 1 else ""
        yield f"{number_of(number, 'service')} found.{order}"
    elif given:
        options = " or ".join(f"--{name}" for name in given)
        yield f"No service found. Search again without {options}."
    else:
        yield "No service found. No partner has published one."


def _answer_in_words(answer: ExpectedAnswer | None) -> Iterator[str]:
    if answer is None:
        return
    of = f"of our last {answer.referrals:,} referrals to this agency"
    if answer.bucket == NOT_YET:
        yield f"  answers: fewer than half {of} have an answer"
    else:
        yield f"  answers: half {of} had an answer {_within(answer.bucket)}"


def _within(bucket: str) -> str:
    """Return the limit of a range of times, such as ``within 4 hours``."""
    return bucket.replace("-", " ") if limit_ms(bucket) is not None else "after more than 40 days"


def _why(reasons: tuple[Reason, ...]) -> Iterator[str]:
    """Yield the line of the reasons; none if nothing was asked for."""
    if reasons:
        yield f"  why: {'; '.join(one.text for one in reasons)}"


def coverage_rows(cells: Sequence[CoverageCell]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return columns and rows of a table: one row for each need and motivation."""
    groups: dict[tuple[str, str], list[CoverageCell]] = {}
    for cell in cells:
        groups.setdefault((cell.kind, cell.code), []).append(cell)
    rows = []
    for (kind, code), found in groups.items():
        counts = Counter(min(2, len(cell.agencies)) for cell in found)
        waits = [one.longest_wait_days for one in found if one.longest_wait_days is not None]
        longest = str(max(waits)) if waits else ""
        rows.append((kind, code, *(str(counts[number]) for number in range(3)), longest))
    columns = (
        "kind", "code", "boroughs with no agency", "with one", "with more", "longest wait (days)",
    )  # fmt: skip
    return columns, rows

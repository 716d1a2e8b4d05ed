"""Commands `directory`: publish, state a capacity, show."""

from __future__ import annotations

import pytest

from broker.directory.listing import format_listing, parse_listing_content
from broker.statements.listings import LISTING
from broker.statements.partner_statements import (
    StatementPlace,
    parse_statement,
    seal_statement,
)
from broker.store.rows import ListingRow
from broker.tlog.note import format_note
from tests.support.listings import FILE, listing

OWN, PARTNER = "haven-support", "csu-camden"


@pytest.fixture
def folder(world, cli):
    """The charity's folder with a state and a file."""
    world.without_state(OWN)
    world.store(OWN).close()
    directory = world.directory(OWN)
    (directory / "directory.yaml").write_text(FILE)
    return directory


def test_services_are_published_and_shown(cli, folder) -> None:
    done = cli("directory", "publish", "--agency", folder, "--json")
    assert done.code == 0, done.err
    assert done.json == {"services": ["emotional-support", "safe-home"], "adapter_runs": False}
    shown = cli("directory", "show", "--agency", folder, "--json").json
    assert (shown["agency"], shown["own"]) == (OWN, True)
    assert sorted(shown["services"]) == ["emotional-support", "safe-home"]
    assert "known" not in shown
    words = cli("directory", "show", "--agency", folder)
    assert words.code == 0
    assert "emotional_support" in words.text


def test_a_capacity_is_stated_and_stays_when_the_file_is_published_again(cli, folder) -> None:
    cli("directory", "publish", "--agency", folder)
    done = cli(
        "directory", "capacity", "emotional-support", "no-capacity", "--agency", folder,
        "--days", "3", "--places", "0", "--again-on", "2030-01-02",
    )  # fmt: skip
    assert done.code == 0, done.err
    for _ in range(2):
        service = cli("directory", "show", "--agency", folder, "--json").json["services"]
        stated = service["emotional-support"]["partners"]["capacity"]
        assert (stated["state"], stated["places"]) == ("no-capacity", 0)
        assert stated["again_on"] == "2030-01-02"
        assert service["safe-home"]["partners"]["capacity"] == {"state": "unknown"}
        cli("directory", "publish", "--agency", folder)


def test_an_expired_capacity_is_unknown(cli, folder, world) -> None:
    from broker.directory.listing import Capacity

    old = listing(capacity=Capacity(state="capacity", places=4, as_of=1_000, expires=2_000))
    store = world.store(OWN)
    with store.transaction() as tx:
        tx.listings.save(ListingRow(OWN, 1_000, None, format_listing(old)))
    store.close()
    shown = cli("directory", "show", "--agency", folder, "--json").json["services"]["s0"]
    assert shown["partners"]["capacity"] == {
        "state": "unknown",
        "as_of": "1970-01-01T00:00:01.000Z",
        "expires": "1970-01-01T00:00:02.000Z",
    }


def test_a_missing_listing_is_named(cli, folder) -> None:
    cli("directory", "show", "--agency", folder).require_failure("listing_missing", 1)
    cli("directory", "show", PARTNER, "--agency", folder).require_failure("listing_missing", 1)
    cli("directory", "show", "nowhere", "--agency", folder).require_failure("agency_unknown", 2)
    unknown = cli("directory", "capacity", "emotional", "waitlist", "--agency", folder)
    unknown.require_failure("service_unknown", 2)


def test_a_wrong_file_changes_nothing(cli, folder) -> None:
    cli("directory", "publish", "--agency", folder)
    path = folder / "directory.yaml"
    path.write_text(FILE.replace("needs: [housing]", "needs: [houses]"))
    done = cli("directory", "publish", "--agency", folder)
    done.require_failure("listing_invalid")
    assert "directory.yaml:" in done.err
    shown = cli("directory", "show", "--agency", folder, "--json").json
    assert shown["services"]["safe-home"]["needs"] == ["housing"]
    path.write_text(FILE.replace("One to one", "é" * 1_900 + "\n" + "One to one"))
    path.unlink()
    cli("directory", "publish", "--agency", folder).require_failure("listing_unreadable")


def test_more_than_a_record_holds_is_refused(cli, folder) -> None:
    text = 'description: "' + "x" * 1_990 + '"'
    more = "".join(
        f"  s{n}:\n    name: A\n    {text}\n    eligibility: {'y' * 1_990}\n"
        "    needs: [housing]\n    areas: [E12000007]\n"
        for n in range(40)
    )
    (folder / "directory.yaml").write_text(FILE.replace("known:", f"{more}known:"))
    done = cli("directory", "publish", "--agency", folder)
    done.require_failure("listing_too_large", 2)


def test_nothing_is_published_before_the_adapter_has_run(cli, folder, world) -> None:
    world.without_state(OWN)
    cli("directory", "publish", "--agency", folder).require_failure("state_missing")


def test_the_listing_of_a_partner_is_shown_until_its_key_is_revoked(cli, folder, world) -> None:
    from broker.clock import now_ms
    from broker.statements.authorship import author

    now = now_ms()
    partner, own = world.participant(PARTNER), world.participant(OWN)
    key = own.manifests.exchange_key(OWN, now)
    from broker.envelope.sealing import WrapRecipient

    content = format_listing(listing())
    value = seal_statement(
        LISTING,
        StatementPlace(partner.deployment, PARTNER, now),
        content,
        [WrapRecipient(OWN, key.kid, key.sealer())],
        author(partner.key_name, partner.receipt_signer(now)),
    )
    note = format_note(parse_statement(LISTING, value).note)
    store = world.store(OWN)
    with store.transaction() as tx:
        tx.listings.save(ListingRow(PARTNER, now, note, content))
    shown = cli("directory", "show", PARTNER, "--agency", folder, "--json").json
    assert (shown["agency"], shown["own"]) == (PARTNER, False)
    assert parse_listing_content(content).services.keys() == shown["services"].keys()
    with store.transaction() as tx:  # a note of another time verifies with no key
        tx.listings.save(ListingRow(PARTNER, now - 10**10, note, content))
    store.close()
    cli("directory", "show", PARTNER, "--agency", folder).require_failure("listing_missing", 1)

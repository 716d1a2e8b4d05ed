"""Commands ``concordant keys``: this agency's keys, their renewal and their revocation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import (
    ENVIRONMENT,
    NO,
    Agency,
    AsJson,
    Output,
    note,
    print_json,
    print_table,
    print_text,
)
from broker.utc_text import moment

if TYPE_CHECKING:
    from broker.operations.key_inventory import RenewedManifest

app = typer.Typer(
    no_args_is_help=True,
    help="This agency's keys: list, validity, successors, and what to do when one is lost. "
    "Other agencies learn of them from the agency's manifest. The manifest keys sign it, and the "
    "governance keys name the manifest keys once a year.",
)


@app.command("list")
def list_(agency: Agency, json: AsJson = False, output: Output = None) -> None:
    """List this agency's keys, with their ids, validity and whether the private half is here.

    Keep governance keys offline once the contract is signed; it is correct that they are not here.
    Exit code 3 if a key that is needed now is not here.
    """
    from broker.cli.keys_text import held_json, held_keys_table, key_needs
    from broker.clock import now_ms
    from broker.operations.key_inventory import held_keys

    held = held_keys(agency, now_ms())
    if json:
        print_json(held_json(held), output)
    else:
        print_table(*held_keys_table(held), output)
    expires = moment(held.manifest_expires)
    note(f"Manifest version {held.manifest_version}, valid until {expires}.")
    for line in key_needs(held):
        note(line)
    raise typer.Exit(ENVIRONMENT if held.lacking else 0)


@app.command("renew")
def renew(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Replace every key, due or not.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Make the successors that are due and a new manifest that lists them, valid for 30 days.

    A key is due when it ends within 7 days; an exchange key's successor is published 7 days ahead.
    Needs the manifest keys, not the governance keys. The running adapter publishes the manifest;
    otherwise it does when it starts.
    """
    from broker.cli.keys_text import renewed_json
    from broker.clock import now_ms
    from broker.operations.key_inventory import renewed_keys

    renewed = renewed_keys(agency, now_ms(), everything=everything)
    if json:
        print_json(renewed_json(renewed), output)
    else:
        _print_added(renewed, output)
    _note_manifest(renewed)
    if not renewed.added:
        note("No key is due; the manifest alone was renewed.")
    note("The running adapter publishes it, or the next one to start.")


@app.command("revoke")
def revoke(
    agency: Agency,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Earliest time at which the key may have been compromised: 2026-11-23T02:10:00Z.",
        ),
    ],
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="For other parties; never about people."),
    ],
    kids: Annotated[
        list[str] | None, typer.Argument(metavar="[KID]...", help="Key ids, or how they begin.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Revoke every key that is listed, ended ones too.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Revoke keys that may be compromised, and make their successors at once.

    Records that a revoked key signed are no longer trusted, at any time. The exception: another
    agency gave a receipt for the record before TIME. TIME is at most 7 days ago; for an earlier
    time use `concordant keys delegate --revoke`. Needs the manifest keys, not the governance keys.
    A revocation cannot be undone. The running adapter applies it within seconds.
    """
    from broker.cli.keys_text import revoked_json, revoked_notes
    from broker.clock import now_ms
    from broker.operations.key_revocation import parse_since, require_reason, revoked_keys

    if bool(kids) == everything:
        raise typer.BadParameter("give key ids, or --all")
    try:
        earliest = parse_since(since)
    except ValueError:
        raise typer.BadParameter(
            "--since takes a time with its zone, like 2026-11-23T02:10:00Z"
        ) from None
    try:
        require_reason(reason)
    except ValueError:
        raise typer.BadParameter(
            "--reason takes one line of 1 to 256 characters, without control characters"
        ) from None
    revoked = revoked_keys(agency, kids or (), everything, earliest, reason, now_ms())
    if json:
        print_json(revoked_json(revoked), output)
    else:
        _print_added(revoked.renewed, output)
    _note_manifest(revoked.renewed)
    for line in revoked_notes(revoked):
        note(line)


@app.command("delegate")
def delegate(
    agency: Agency,
    withdraw: Annotated[
        bool,
        typer.Option(
            "--withdraw",
            help="Withdraw the former manifest keys: an attacker may have them. Manifests that "
            "this folder did not make become void.",
        ),
    ] = False,
    revoke: Annotated[
        list[str] | None,
        typer.Option("--revoke", metavar="KID", help="Revoke this key too, since any time ago."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="With --revoke: earliest time of the compromise."
        ),
    ] = None,
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="With --revoke: for other parties."),
    ] = "",
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Make a delegation for a year: the governance keys name new manifest keys, for 400 days.

    Needs the governance keys: bring them, give the command, and take them away again. The manifest
    keys then renew, rotate and revoke the operational keys without them. The running adapter
    publishes the delegation with a new manifest; otherwise it does when it starts.
    """
    from broker.cli.keys_text import delegated_json, delegated_notes, delegated_text
    from broker.clock import now_ms
    from broker.operations.key_delegation import delegated_keys
    from broker.operations.key_revocation import parse_since, require_reason

    if bool(revoke) != (since is not None):
        raise typer.BadParameter("give --revoke and --since together")
    earliest = None
    if since is not None:
        try:
            earliest = parse_since(since)
            require_reason(reason)
        except ValueError:
            raise typer.BadParameter(
                "--since takes a time with its zone, like 2026-11-23T02:10:00Z, and --reason one "
                "line of 1 to 256 characters"
            ) from None
    made = delegated_keys(
        agency, now_ms(), withdraw=withdraw, revoke=revoke or (), since=earliest, reason=reason
    )
    if json:
        print_json(delegated_json(made), output)
    else:
        print_text(delegated_text(made), output)
    _note_manifest(made.renewed)
    for line in delegated_notes(made):
        note(line)


@app.command("adopt")
def adopt(
    version: Annotated[
        int, typer.Argument(metavar="VERSION", help="Version of the manifest, from status.")
    ],
    agency: Agency,
    json: AsJson = False,
) -> None:
    """State that this agency made a manifest that this folder does not know as its own.

    The adapter renews nothing while there is such a manifest. After a restore, or if another copy
    of this folder made it, adopt it. If this agency did not make it, the manifest keys are in other
    hands: use `concordant keys delegate --withdraw` instead.
    """
    from broker.clock import now_ms
    from broker.operations.manifest_adoption import adopt_manifest

    left = adopt_manifest(agency, version, now_ms())
    if json:
        print_json({"adopted": version, "left": list(left)})
    else:
        print_text(f"Version {version} counts as made by this agency.\n")
    for one in left:
        note(f"Another one awaits a decision: version {one}.")
    if not left:
        note("The running adapter renews again within a minute.")


@app.command("doubted")
def doubted(
    sender: Annotated[str, typer.Argument(metavar="SENDER", help="The agency that lost a key.")],
    agency: Agency,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List events of another agency that were accepted under a stream key after it was lost.

    Events that another agency's receipt covers in time, and events that SENDER has published again
    since, are not listed. Exit code 1 if there is any.
    """
    from broker.cli.keys_text import affected_json
    from broker.clock import now_ms
    from broker.operations.affected_events import affected_events

    found = affected_events(agency, sender, now_ms())
    if json:
        print_json([affected_json(one) for one in found], output)
    elif found:
        rows = [
            (one.event_id, one.type, moment(one.received_ms), moment(one.delivered_ms))
            for one in found
        ]
        print_table(("event", "type", "received", "delivered"), rows, output)
    if found:
        note(
            f"{len(found)} events that {sender} does not confirm. Ask it by telephone about "
            "each, and tell everyone who has acted on one."
        )
    else:
        note(f"No event of {sender} is in doubt.")
    raise typer.Exit(NO if found else 0)


@app.command("passphrase")
def passphrase(
    agency: Agency,
    new_file: Annotated[
        Path | None,
        typer.Option("--new-file", metavar="FILE", help="The file that holds the new passphrase."),
    ] = None,
    new_environment: Annotated[
        str | None,
        typer.Option(
            "--new-environment",
            metavar="NAME",
            help="The environment variable that holds the new passphrase.",
        ),
    ] = None,
    governance: Annotated[
        bool, typer.Option("--governance", help="Change only the governance keys.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Change the passphrase of this agency's private keys.

    The present passphrase is read from the place that agency.toml names, and stays there: put the
    new one in its place afterwards. Governance keys that are here with the same passphrase are
    changed too. The adapter must not be running. If the command is interrupted, give it again: it
    completes the rest.
    """
    from broker.cli.keys_text import passphrase_json, passphrase_notes, passphrase_text
    from broker.clock import now_ms
    from broker.keys.passphrase import PassphraseSource
    from broker.operations.passphrase_change import change_passphrase

    if (new_file is None) == (new_environment is None):
        raise typer.BadParameter("give either --new-file FILE or --new-environment NAME")
    new = PassphraseSource(file=new_file, environment=new_environment)
    changed = change_passphrase(agency, new, now_ms(), governance_only=governance)
    if json:
        print_json(passphrase_json(changed), output)
    else:
        print_text(passphrase_text(changed), output)
    for line in passphrase_notes(changed):
        note(line)


@app.command("new-governance")
def new_governance(agency: Agency, json: AsJson = False, output: Output = None) -> None:
    """Make new governance keys, and print the entries for agency.toml and the contract.

    They are not used before that. Every party must sign the version of the contract that pins them.
    Until it is in force, and for its records afterwards, keep the version of the former keys.
    """
    from broker.cli.keys_text import governance_json, governance_text
    from broker.clock import now_ms
    from broker.operations.key_inventory import new_governance

    made = new_governance(agency, now_ms())
    if json:
        print_json(governance_json(made), output)
    else:
        print_text(governance_text(made), output)
    note("Tell every party the fingerprints by telephone: concordant contract explain")


def _print_added(renewed: RenewedManifest, output: Path | None) -> None:
    from broker.cli.keys_text import added_table

    if renewed.added:
        print_table(*added_table(renewed), output)


def _note_manifest(renewed: RenewedManifest) -> None:
    until = moment(renewed.expires)
    note(f"Manifest version {renewed.version}, valid until {until}: {renewed.path}")

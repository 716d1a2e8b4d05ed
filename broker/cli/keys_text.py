"""Texts and JSON of ``concordant keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker.cli.times import instant
from broker.envelope.primitives import b64
from broker.keys.kid import EXCHANGE, RECEIPT, STREAM
from broker.utc_text import moment

if TYPE_CHECKING:
    from broker.cli.output import Row
    from broker.keys.keyring import PassphraseChange
    from broker.keys.manifest import ManifestKey
    from broker.operations.affected_events import AffectedEvent
    from broker.operations.key_delegation import Delegated
    from broker.operations.key_inventory import HeldKeys, NewGovernance, RenewedManifest
    from broker.operations.key_revocation import Revoked
    from broker.operations.passphrase_change import ChangedPassphrase

_NEXT: Final = {
    STREAM: "Stream key: the adapter begins new streams, signs them with the new key and "
    "publishes again what others have not confirmed. Signatures of the old key are "
    "trusted only where another agency's receipt is older than the given time.",
    EXCHANGE: "Exchange key: others seal for the new key once they have this manifest. A "
    "holder of the old key can read what was sealed for it until then; revoking does "
    "not undo that. Keep its file: records in transit must still be opened.",
    RECEIPT: "Receipt key: receipts that it signed from the given time on do not count. While "
    "it is listed, no receipt of this agency confirms events of another agency's "
    "revoked key.",
}
"""Meaning of a revocation of each role's key, for the operator."""

_TELL: Final = (
    "Telephone every party now: until Kafka has brought them this manifest, they trust the old "
    "key. They have received it when they have the file manifests/{name}."
)
_CERTIFICATE: Final = (
    "If the machine was broken into, its certificate for Kafka is compromised too: ask Kafka's "
    "host for a new one (docs/guides/when-a-key-is-lost.md)."
)


# --- list and renew -------------------------------------------------------------------------------


def held_json(held: HeldKeys) -> dict[str, object]:
    """The keys of an agency, for scripts."""
    return {
        "agency": held.agency,
        "manifest": {
            "version": held.manifest_version,
            "expires": instant(held.manifest_expires),
        },
        "keys": [
            {
                "role": key.role,
                "algorithm": key.algorithm,
                "kid": key.kid.hex(),
                "not_before": instant(key.not_before),
                "not_after": instant(key.not_after),
                "state": key.state,
                "held": key.held,
            }
            for key in held.keys
        ],
        "needs": key_needs(held),
    }


def held_keys_table(held: HeldKeys) -> tuple[Row, list[Row]]:
    """Columns and rows of ``keys list``."""
    return ("role", "algorithm", "id", "from", "until", "state", "here"), [
        (
            key.role,
            key.algorithm,
            key.kid.hex()[:16],
            moment(key.not_before),
            moment(key.not_after),
            key.state,
            "yes" if key.held else "no",
        )
        for key in held.keys
    ]


def key_needs(held: HeldKeys) -> list[str]:
    """Return what the operator should do, in words."""
    lines = [
        f"The {key.role} key {key.kid.hex()[:16]} is {key.state} but not here: restore its file, "
        "or make another with: concordant keys renew --all"
        for key in held.lacking
    ]
    if held.expired:
        lines.append("The manifest has expired: concordant keys renew")
    elif held.renew_before is not None:
        lines.append(f"Renew before {moment(held.renew_before)}: concordant keys renew")
    return lines


def renewed_json(renewed: RenewedManifest) -> dict[str, object]:
    """A renewal, for scripts."""
    return {
        "manifest": {
            "version": renewed.version,
            "expires": instant(renewed.expires),
            "file": str(renewed.path),
        },
        "added": [
            {
                "role": key.role,
                "algorithm": key.algorithm,
                "kid": key.kid.hex(),
                "not_before": instant(key.not_before),
                "not_after": instant(key.not_after),
            }
            for key in renewed.added
        ],
    }


def added_table(renewed: RenewedManifest) -> tuple[Row, list[Row]]:
    """Columns and rows of the new keys."""
    return ("role", "algorithm", "id", "from"), [
        (key.role, key.algorithm, key.kid.hex()[:16], moment(key.not_before))
        for key in renewed.added
    ]


# --- delegate ------------------------------------------------------------------------------------


def delegated_json(made: Delegated) -> dict[str, object]:
    """A new delegation, for scripts."""
    return {
        "agency": made.agency,
        "delegation": {"version": made.version, "expires": instant(made.expires)},
        "withdrawn": [kid.hex() for kid in made.withdrawn],
        "stand": made.stand,
        "void": list(made.void),
        **renewed_json(made.renewed),
    }


def delegated_text(made: Delegated) -> str:
    """A new delegation, in words."""
    lines = [f"The manifest keys of {made.agency} may sign until {moment(made.expires)}."]
    if made.withdrawn:
        names = " and ".join(kid.hex()[:16] for kid in made.withdrawn)
        lines.append(
            f"The manifest keys {names} are withdrawn. {made.stand} of their manifests stand."
        )
    if made.void:
        versions = ", ".join(map(str, made.void))
        lines.append(f"Void manifests in this folder: {versions}. Nothing in them counts.")
    return "\n".join(lines) + "\n"


def delegated_notes(made: Delegated) -> tuple[str, ...]:
    """Return the next steps, in words."""
    lines = [
        "Take the governance keys away again.",
        f"Next time: before {moment(made.expires)}. The status warns from 90 days before.",
    ]
    if made.withdrawn:
        lines.append(_TELL.format(name=made.renewed.path.name))
    return tuple(lines)


# --- revoke and doubted ---------------------------------------------------------------------------


def revoked_json(revoked: Revoked) -> dict[str, object]:
    """A revocation, for scripts."""
    keys = [
        {
            "role": key.role,
            "algorithm": key.algorithm,
            "kid": key.kid.hex(),
            "since": instant(revoked.since),
        }
        for key in revoked.keys
    ]
    return {"revoked": keys, **renewed_json(revoked.renewed)}


def revoked_notes(revoked: Revoked) -> tuple[str, ...]:
    """Return the next steps, and who has to be told, in words."""
    roles = dict.fromkeys(key.role for key in revoked.keys)
    return (
        f"Revoked since {moment(revoked.since)}: " + ", ".join(map(_named, revoked.keys)),
        *(_NEXT[role] for role in roles),
        _TELL.format(name=revoked.renewed.path.name),
        _CERTIFICATE,
    )


def _named(key: ManifestKey) -> str:
    return f"{key.role} {key.kid.hex()[:16]}"


def affected_json(event: AffectedEvent) -> dict[str, object]:
    """An event in doubt, for scripts."""
    return {
        "id": event.event_id,
        "type": event.type,
        "received": instant(event.received_ms),
        "delivered": instant(event.delivered_ms),
        "topic": event.topic,
        "partition": event.partition,
        "generation": event.generation,
        "index": event.index,
    }


# --- passphrase -----------------------------------------------------------------------------------


def passphrase_json(changed: ChangedPassphrase) -> dict[str, object]:
    """A change of the passphrase, for scripts."""
    return {
        "agency": changed.agency,
        "operational": _counts(changed.operational),
        "governance": _counts(changed.governance),
        "governance_left_behind": changed.left_behind,
    }


def passphrase_text(changed: ChangedPassphrase) -> str:
    """A change of the passphrase, for people."""
    parts = (("operational", changed.operational), ("governance", changed.governance))
    return "".join(
        f"{name}: {change.changed} keys changed"
        + (f", {change.before} had it already" if change.before else "")
        + "\n"
        for name, change in parts
        if change is not None
    )


def passphrase_notes(changed: ChangedPassphrase) -> tuple[str, ...]:
    """Return what has to be done now, in words."""
    notes = [f"Put the new passphrase where it belongs: {changed.belongs}. Then start the adapter."]
    if changed.operational is None:
        notes = [f"Say where the new passphrase is kept: {changed.belongs}."]
    if changed.left_behind:
        notes.append(
            "The governance keys are not here and open with the former passphrase: bring them, "
            "name a file that holds it in agency.toml, [governance_passphrase], and give this "
            "command again with --governance."
        )
    notes.append("Copies of key files that were made before open with the former passphrase.")
    if changed.readable:
        notes.append("Others can read the file of the new passphrase: set its mode to 600.")
    return tuple(notes)


def _counts(change: PassphraseChange | None) -> dict[str, int] | None:
    return None if change is None else {"changed": change.changed, "before": change.before}


# --- new-governance -------------------------------------------------------------------------------


def governance_json(made: NewGovernance) -> dict[str, object]:
    """New governance keys, for scripts."""
    return {
        "governance": {
            "ed25519": b64(made.ed25519.kid),
            "ml_dsa_65": b64(made.ml_dsa_65.kid),
            "former": [pair.model_dump(exclude_defaults=True) for pair in made.former],
        },
        "governance_keys": {
            made.agency: {
                "ed25519": b64(made.ed25519.public),
                "ml_dsa_65": b64(made.ml_dsa_65.public),
            }
        },
    }


def governance_text(made: NewGovernance) -> str:
    """Return the text to enter into each file."""
    lines = [
        "# agency.toml, instead of the section of this name:",
        *_section("[governance]", b64(made.ed25519.kid), b64(made.ml_dsa_65.kid)),
    ]
    for pair in made.former:
        if pair.ed25519 is not None and pair.ml_dsa_65 is not None:
            lines += _section("[[governance.former]]", pair.ed25519, pair.ml_dsa_65)
            continue
        lines += ["[[governance.former]]", "officers = ["]
        lines += [
            f'  {{ name = "{one.name}", ed25519 = "{one.ed25519}", '
            f'ml_dsa_65 = "{one.ml_dsa_65}" }},'
            for one in pair.officers
        ]
        lines += ["]", ""]
    lines += [
        "# the next version of the contract, under governance_keys:",
        f"  {made.agency}:",
        f"    ed25519: {b64(made.ed25519.public)}",
        f"    ml_dsa_65: {b64(made.ml_dsa_65.public)}",
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, ed25519: str, ml_dsa_65: str) -> list[str]:
    return [title, f'ed25519 = "{ed25519}"', f'ml_dsa_65 = "{ml_dsa_65}"', ""]

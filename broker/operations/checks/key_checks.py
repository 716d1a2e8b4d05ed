"""Checks of keys and manifests: every key that signs or opens now can be unlocked."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from broker.agency.config_secrets import passphrase_source
from broker.agency.issuing_guard import foreign_manifests
from broker.agency.participant import Participant
from broker.keys.issuing import successors
from broker.keys.kid import EXCHANGE, ML_DSA_44, XWING
from broker.keys.passphrase import load_passphrase
from broker.keys.signer import SoftwareSigner
from broker.keys.token import TokenKey
from broker.operations.agency_progress import DELEGATION_WARNING_MS, delegation_ends
from broker.operations.checks.check import Check, failed, passed, warned
from broker.transport.certificates import read_certificate
from broker.transport.connection import ScramLogin
from contracts.durations import DAY_MS, duration_text
from contracts.errors import ConcordantError
from contracts.phrases import N_, joined, phrase, phrases

EXPIRES_SOON_MS: Final = 7 * DAY_MS


def _renew(participant: Participant) -> str:
    """Return what renews keys and manifest: the running adapter does, or a command."""
    return (
        "the running adapter renews it by itself, so start it or look at its log; or: concordant "
        f"keys renew --agency {participant.root}"
    )


def delegation(participant: Participant, now: int) -> Iterator[Check]:
    """Check that the manifest keys may sign for more than 90 days, and that only we use them."""
    for one in foreign_manifests(participant.root, participant.agency, participant.manifests):
        version = one.manifest.version
        yield Check(
            "delegation",
            "fail",
            phrase(
                "this folder did not make the manifest of this agency, version %(version)s",
                version=version,
            ),
            phrase(
                "if this agency made it: concordant keys adopt %(version)s --agency "
                "%(root)s; otherwise bring the governance keys, then: concordant keys "
                "delegate --withdraw --agency %(root)s",
                version=version,
                root=participant.root,
            ),
            "manifest_not_ours",
        )
    ends = delegation_ends(participant)
    if ends is None:
        return
    fix = phrase(
        "the holder of the governance keys brings them, then: concordant keys "
        "delegate --agency %(root)s",
        root=participant.root,
    )
    if ends <= now:
        detail = N_("the delegation of our manifest keys has expired")
        yield Check("delegation", "fail", detail, fix, "delegation_expired")
    elif ends - now < DELEGATION_WARNING_MS:
        left = duration_text(ends - now)
        yield warned(
            "delegation", phrase("our manifest keys may sign for %(left)s only", left=left), fix
        )
    else:
        yield passed(
            "delegation",
            phrase("our manifest keys may sign for %(time)s", time=duration_text(ends - now)),
        )


def manifests(participant: Participant, now: int) -> Iterator[Check]:
    """Check that every party's manifest is here and has not expired."""
    parties = {
        party.id for signed in participant.contracts.trusted() for party in signed.contract.parties
    }
    sound = 0
    for agency in sorted(parties):
        try:
            manifest = participant.manifests.current(agency, now)
        except ConcordantError as error:
            ours = agency == participant.agency
            check = failed("manifests", error)
            fix = _renew(participant) if ours and error.code == "manifest_expired" else check.fix
            yield Check(check.name, "fail", check.detail, fix, check.code)
            continue
        sound += 1
        left = manifest.expires - now
        if left < EXPIRES_SOON_MS:
            ours = agency == participant.agency
            fix = (
                _renew(participant) if ours else phrase("ask %(agency)s to renew it", agency=agency)
            )
            yield warned(
                "manifests",
                phrase(
                    "that of %(agency)s expires in %(time)s",
                    agency=agency,
                    time=duration_text(left),
                ),
                fix,
            )
    if sound == len(parties):
        yield passed(
            "manifests", phrase("those of all %(sound)s parties are here and valid", sound=sound)
        )
    yield from _principal(participant, now)


def _principal(participant: Participant, now: int) -> Iterator[Check]:
    """Check that we log in as the Kafka principal that each contract in force names.

    An access token is not asked for here; the checks of Kafka do that.
    """
    connection = participant.kafka_connection()
    if isinstance(connection.login, ScramLogin):
        ours, names = "username", [connection.login.username]
    elif connection.tls.certificate is not None and connection.tls.certificate.is_file():
        facts = read_certificate(connection.tls.certificate.read_bytes())
        ours, names = "certificate", [facts.common_name, facts.subject]
    else:
        return
    for signed in participant.contracts.live(now):
        party = signed.contract.party(participant.agency)
        if party is None or party.principal in names:
            continue
        yield Check(
            "principal",
            "fail",
            phrase(
                "%(name)s %(version)s gives our rights to the Kafka principal "
                "%(principal)s, our %(ours)s is for %(names)s",
                name=signed.contract.name,
                version=signed.contract.version,
                principal=party.principal,
                ours=ours,
                names=names[0],
            ),
            phrase(
                "use the %(ours)s of that principal, or have the contract name this one", ours=ours
            ),
            "principal_differs",
        )


def passphrase(participant: Participant) -> Iterator[Check]:
    """Check that the passphrase is here, and no other account can read it.

    Raises:
        KeyAccessError: it is missing.
    """
    source = passphrase_source(participant.config.passphrase, participant.root)
    load_passphrase(source)
    vault = source.vault
    secrets = [] if vault is None else [("token", vault.token), ("secret id", vault.secret_id)]
    for what, place in (("passphrase", source), *secrets):
        if place is not None and place.file is not None:
            mode = stat.S_IMODE(place.file.stat().st_mode)
            if mode & 0o077:
                yield Check(
                    "passphrase",
                    "fail",
                    phrase(
                        "others can read the %(what)s (mode %(mode)s)", what=what, mode=f"{mode:o}"
                    ),
                    phrase("chmod 600 %(file)s", file=place.file),
                    "passphrase_readable",
                )
                return
    if vault is not None:
        yield passed(
            "passphrase", phrase("%(address)s gives it to this account", address=vault.address)
        )
    else:
        yield passed("passphrase", N_("it is here, and only this account can read it"))


def _used(key: object) -> None:
    """Sign a text of no meaning with a key on a token: only that shows that it can sign."""
    if isinstance(key, SoftwareSigner) and isinstance(key.key, TokenKey):
        key.sign(b"concordant/1/doctor")


def keys(participant: Participant, now: int) -> Iterator[Check]:
    """Check that present keys can be unlocked, and that keys that end soon have a successor."""
    manifest = participant.manifests.newest(participant.agency)
    if manifest is None:
        yield Check("keys", "fail", N_("our own manifest is missing"), code="manifest_missing")
        return
    asked: list[tuple[str, Callable[[], object]]] = [
        ("stream", partial(participant.stream_signer, now)),
        ("heartbeat", partial(participant.stream_signer, now, ML_DSA_44)),
        ("receipt", partial(participant.receipt_signer, now)),
        ("secret", participant.keyring.secret),
    ]
    for key in manifest.keys_of(EXCHANGE, XWING):
        if now < key.not_after:
            asked.append(("exchange", partial(participant.keyring.opener, key.kid)))
    sound = 0
    for name, unlock in asked:
        try:
            _used(unlock())
        except ConcordantError as error:
            check = failed("keys", error)
            yield Check(
                "keys",
                "fail",
                joined(": ", (name, check.detail)),
                check.fix,
                check.code,
            )
        else:
            sound += 1
    if sound == len(asked):
        yield passed(
            "keys", phrases("%(n)s key can be unlocked", "%(n)s keys can be unlocked", sound)
        )
    renew = _renew(participant)
    for due in successors(manifest, now):
        left = duration_text(due.not_before - now)
        yield warned(
            "keys",
            phrase(
                "the %(role)s key ends in %(left)s, without a successor", role=due.role, left=left
            ),
            renew,
        )
    source = participant.governance_source()
    if any(entry.role == "governance" for entry in source.entries()):
        yield warned(
            "keys",
            N_("the governance keys are here"),
            N_(
                "take the folder offline; it is needed to sign, to delegate, to resume and to leave"
            ),
        )

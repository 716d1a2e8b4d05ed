"""Complete trial partnership, made in one step: keys, contract, manifests, TLS.

In production every agency makes its own keys and signs separately. Here one program acts for all
of them, by the functions of `concordant agency init`, and holds all keys: nothing made here may be
used with real data. Each agency's folder passes the normal verification.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.trial_agencies import (
    CONTRACT,
    DEPLOYMENT,
    AgencyPlan,
    london_agencies,
    names_section,
)
from broker.agency.config import CONFIG_NAME
from broker.agency.kinds import require_kind
from broker.envelope.primitives import b64, random_token
from broker.errors import ConfigError
from broker.keys.durable import SECRET_MODE, make_private_folder, write_durably
from broker.keys.governance import GovernanceSigner
from broker.keys.instant import whole_second
from broker.keys.keyring import DeriveKey
from broker.operations.agency_entry import ENTRIES_FOLDER, TLS_FOLDER
from broker.operations.agency_founding import FoundingPlan, found_agency
from broker.operations.contract_signing import signatory_text
from broker.partnership.entry import VerifiedEntry
from broker.partnership.profile import Profile
from broker.registry.contract_book import ContractBook
from broker.registry.contract_notes import Signatory, shown_hash
from broker.registry.contracts import SignedContract, countersign, verify_contract
from broker.registry.manifests import ManifestBook
from broker.registry.repository import Repository
from broker.transport.certificates import (
    OPERATOR_NAME,
    Authority,
    certify_request,
    issue_ca,
    issue_certificate,
    save_identity,
)
from broker.transport.local_settings import KAFKA_FOLDER, free_port
from contracts.documents import shipped_pins
from contracts.drafting import YamlValue, draft
from contracts.explain import explain
from contracts.loading import DOCUMENTS_FOLDER, parse_contract, shipped_terms
from contracts.parties import GovernanceKeys
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.known import Documents

CLAIM_NAME: Final = ".being-made"
"""File in a new partnership's folder while it is being made."""
PASSPHRASE_NAME: Final = "passphrase"  # noqa: S105 - the name of a file
_NOT_OF_A_PROFILE: Final = frozenset({"id", "ico_registration", "kafka_principal"})


@dataclass(frozen=True, slots=True)
class TrialPartnership:
    """The new partnership.

    Attributes:
        root: holds one folder for each agency, and `kafka` for the Kafka operator.
        agencies: ids in the contract's order.
        authority: issues TLS certificates; its files are in `kafka/authority`.
    """

    root: Path
    agencies: tuple[str, ...]
    authority: Authority

    def directory(self, agency: str) -> Path:
        """Return an agency's folder."""
        return self.root / agency


@dataclass(frozen=True, slots=True)
class _Founded:
    """An agency with its keys, before the contract exists."""

    plan: AgencyPlan
    governance: GovernanceSigner
    entry: VerifiedEntry

    @property
    def profile(self) -> Profile:
        """Return its profile."""
        return self.entry.entry.profile


@dataclass(frozen=True, slots=True)
class _Terms:
    """Terms of the agreement, and its vocabulary if the terms do not name one of the software."""

    text: str
    vocabulary: Vocabulary | None
    documents: Documents | None

    def own_vocabulary(self) -> tuple[str, bytes] | None:
        """Return hash and bytes of a vocabulary that does not come with the software."""
        if self.vocabulary is None or self.documents is None:
            return None
        raw = self.documents.by_hash(self.vocabulary.hash)
        return None if raw is None else (self.vocabulary.hash, raw)


def create_partnership(
    root: Path,
    now: int,
    *,
    agencies: Sequence[AgencyPlan] | None = None,
    deployment: str = DEPLOYMENT,
    bootstrap: str | None = None,
    hosts: Sequence[str] = ("localhost", "127.0.0.1"),
    terms: str | None = None,
    vocabulary: Vocabulary | None = None,
    documents: Documents | None = None,
    derive: DeriveKey | None = None,
    hosted: Callable[[], None] | None = None,
) -> TrialPartnership:
    """Make a partnership that is in force today.

    Args:
        root: absent or empty; removed again if making it fails.
        now: milliseconds since the epoch.
        agencies: the parties; the seven of the shipped partnership if not given.
        deployment: the partnership's id.
        bootstrap: Kafka's address for `agency.toml`; a free port of this machine if not given.
        hosts: names and addresses of Kafka for its certificate.
        terms: the agreement's text, without parties, dates and keys; the shipped one if not given.
        vocabulary: the vocabulary to pin; the one that the terms name if not given.
        documents: places of the vocabulary, if it does not come with the software.
        derive: see ``Keyring``.
        hosted: called as soon as Kafka can start with its identity in `kafka`. The agencies follow.

    Raises:
        ConfigError: code `directory_not_empty` or `directory_unusable`.
    """
    plans = agencies or london_agencies()
    text = _Terms(shipped_terms(CONTRACT) if terms is None else terms, vocabulary, documents)
    bootstrap = bootstrap or f"localhost:{free_port()}"
    existed = root.exists()
    claim = _claim_empty(root)
    try:
        authority = issue_ca(deployment, now)
        _save_kafka_identity(root / KAFKA_FOLDER, authority, hosts, now)
        if hosted is not None:
            hosted()
        partnership = _create(root, now, plans, deployment, bootstrap, authority, text, derive)
        claim.unlink()
    except BaseException as error:
        for made in root.iterdir():
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
        with suppress(OSError):
            claim.unlink(missing_ok=True)
            if not existed:
                root.rmdir()
        if isinstance(error, OSError):
            raise ConfigError(
                f"The partnership cannot be written ({error.strerror}).",
                code="directory_unusable",
                where=str(root),
                fix="Check the free space, the owner and the permissions of the folder.",
            ) from None
        raise
    return partnership


def _create(
    root: Path,
    now: int,
    agencies: Sequence[AgencyPlan],
    deployment: str,
    bootstrap: str,
    authority: Authority,
    terms: _Terms,
    derive: DeriveKey | None,
) -> TrialPartnership:
    for kind in sorted({plan.adapter for plan in agencies}):
        # before the threads, because two threads that import one package can get half of it
        require_kind(kind)
    # scrypt and signing leave Python's lock; each scrypt takes 128 MiB
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        founded = list(
            pool.map(
                lambda plan: _found(root / plan.id, plan, deployment, bootstrap, now, derive),
                agencies,
            )
        )
        own = terms.own_vocabulary()
        if own is not None:
            for one in founded:
                folder = root / one.plan.id / DOCUMENTS_FOLDER
                make_private_folder(folder)
                write_durably(folder / f"{own[0]}.txt", own[1])
        signed = _sign(founded, deployment, now, terms)
        list(pool.map(lambda one: _complete(root, one, founded, signed, authority, now), founded))
    return TrialPartnership(root, tuple(plan.id for plan in agencies), authority)


def _found(
    directory: Path,
    plan: AgencyPlan,
    deployment: str,
    bootstrap: str,
    now: int,
    derive: DeriveKey | None,
) -> _Founded:
    """Make an agency as `concordant agency init` does, with a passphrase beside it."""
    make_private_folder(directory, exist_ok=False)
    write_durably(directory / PASSPHRASE_NAME, random_token().encode() + b"\n", mode=SECRET_MODE)
    request = FoundingPlan(
        agency=plan.id,
        deployment=deployment,
        profile=_profile(plan.party),
        adapter=plan.adapter,
        kafka=bootstrap,
        passphrase_file=PASSPHRASE_NAME,
    )
    founded = found_agency(directory, request, now, partners=plan.codes, derive=derive)
    with (directory / CONFIG_NAME).open("a") as config:
        config.write(names_section())
    assert founded.governance is not None  # it was made just now
    return _Founded(plan, founded.governance, founded.entry)


def _profile(party: Mapping[str, YamlValue]) -> Profile:
    """Return the profile for the entry, from the agreement's party."""
    said = {name: value for name, value in party.items() if name not in _NOT_OF_A_PROFILE}
    return Profile.model_validate({**said, "registration": party.get("ico_registration")})


def _sign(founded: Sequence[_Founded], deployment: str, now: int, terms: _Terms) -> SignedContract:
    """Draft the agreement and sign it for every party."""
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    text = draft(
        terms.text,
        deployment=deployment,
        parties=[one.plan.party for one in founded],
        governance_keys={
            one.plan.id: GovernanceKeys(
                ed25519=b64(one.governance.public.ed25519),
                ml_dsa_65=b64(one.governance.public.ml_dsa_65),
            )
            for one in founded
        },
        starts=today,
        ends=today + timedelta(days=364),
        review_on=today + timedelta(days=180),
        pins=None if terms.vocabulary is None else shipped_pins(terms.vocabulary),
    )
    parsed = parse_contract(text.encode(), f"{CONTRACT}.yaml", terms.documents)
    body = explain(parsed)
    signed = verify_contract(parsed)
    for one in founded:
        signatory = Signatory(
            name=one.profile.contacts.operations.name, capacity="Operations contact"
        )
        signed = countersign(
            signed,
            one.governance,
            signatory,
            time=whole_second(now),
            shown=shown_hash(signatory_text(parsed, None, one.plan.id, body)),
        )
    return signed


def _complete(
    root: Path,
    one: _Founded,
    founded: Sequence[_Founded],
    signed: SignedContract,
    authority: Authority,
    now: int,
) -> None:
    """Store the contract, every manifest and a TLS identity in an agency's folder."""
    agency = one.plan.id
    deployment = one.governance.deployment
    fingerprints = one.governance.public.fingerprints
    repository = Repository(
        root / agency, deployment=deployment, agency=agency, fingerprints=fingerprints
    )
    stored = repository.write_contract(signed)
    repository.write_shown(
        stored, agency, signatory_text(signed.text, None, agency, explain(signed.text))
    )
    contracts = ContractBook(
        deployment=deployment, agency=agency, fingerprints=fingerprints, contracts=[signed]
    )
    book = ManifestBook(deployment)
    entries = root / agency / ENTRIES_FOLDER
    for other in founded:
        book = repository.store_manifest(other.entry.manifest.raw, contracts, book, now)
        write_durably(entries / f"{other.plan.id}.entry", other.entry.raw)
    certificate = certify_request(
        authority, one.entry.entry.certificate_request.encode(), agency, now=now
    )
    key = (root / agency / TLS_FOLDER / "key.pem").read_bytes()
    save_identity(root / agency / "tls", ca=authority.certificate, certificate=certificate, key=key)


def _save_kafka_identity(
    folder: Path, authority: Authority, hosts: Sequence[str], now: int
) -> None:
    """Write the Kafka operator's files: the authority, and Kafka's own identity."""
    make_private_folder(folder, exist_ok=False)
    save_identity(
        folder / "authority",
        ca=authority.certificate,
        certificate=authority.certificate,
        key=authority.key,
    )
    certificate, key = issue_certificate(authority, OPERATOR_NAME, hosts, now)
    save_identity(folder / "tls", ca=authority.certificate, certificate=certificate, key=key)


def _claim_empty(root: Path) -> Path:
    """Make the folder if it is absent, and create a claim file that only one process can create.

    Without the claim, two commands at once would both find the folder empty, and the one that
    failed would remove the other's files.

    Raises:
        ConfigError: `directory_not_empty` or `directory_unusable`.
    """
    claim = root / CLAIM_NAME
    try:
        if root.exists():
            if not root.is_dir() or any(root.iterdir()):
                raise _not_empty(root)
        else:
            make_private_folder(root)
        claim.touch(mode=SECRET_MODE, exist_ok=False)
        if any(
            path.name != CLAIM_NAME for path in root.iterdir()
        ):  # race: another process created it first
            claim.unlink()
            raise _not_empty(root)
    except (FileExistsError, NotADirectoryError):
        raise _not_empty(root) from None
    except OSError as error:
        raise ConfigError(
            f"The folder cannot be read or written ({error.strerror}).",
            code="directory_unusable",
            where=str(root),
            fix="Check the owner and the permissions of the folder.",
        ) from None
    return claim


def _not_empty(root: Path) -> ConfigError:
    return ConfigError(
        "The folder is not empty." if root.is_dir() else "This is a file, not a folder.",
        code="directory_not_empty",
        where=str(root),
        fix="Give a folder that is absent or empty.",
    )

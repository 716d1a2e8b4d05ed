"""Exceptions of the service, grouped by the person who must act on them.

Every error carries a stable `code` that scripts and people can look up. It says what is wrong,
where, and what to do; `str()` is one sentence. Exceptions of libraries never leave the service. The
codes of refused records are those of the numbered steps in `docs/spec/opening.md` (protocol
`concordant/1`, "Opening").
"""

from __future__ import annotations

from contracts.errors import ConcordantError

__all__ = [
    "BackupError",
    "ConfigError",
    "DisclosureLogError",
    "EntryError",
    "EvidenceError",
    "KeyAccessError",
    "ManifestError",
    "NoteError",
    "PackageError",
    "ProofError",
    "RefusedError",
    "RegistryError",
    "SigningRefusedError",
    "StoreError",
    "TransportError",
    "WrongInputError",
]


class KeyAccessError(ConcordantError):
    """A private key or its passphrase is not available; the operator must act.

    Codes: `key_missing`, `key_unreadable`, `passphrase_wrong`, `passphrase_missing`,
    `passphrase_store_unreachable`, `passphrase_store_refused`, `token_*` (a PKCS#11 token).
    """

    code = "key_unreadable"
    exit_code = 3


class ManifestError(ConcordantError):
    """An agency manifest is not acceptable; the agency that issued it must act."""

    code = "manifest_invalid"
    exit_code = 3


class EntryError(ConcordantError):
    """An entry or a bundle of another agency is refused; the agency that made it must act.

    Codes: `entry_*`, `bundle_*` and those of their parts: manifests, delegations, agreements.
    """

    code = "entry_malformed"
    exit_code = 4


class BackupError(ConcordantError):
    """A backup cannot be used; the operator must take another one.

    Codes: `backup_altered` (other bytes, or an early end), `backup_malformed` (not a backup, or one
    with a path that leaves the folder or a length beyond its limit).
    """

    code = "backup_altered"
    exit_code = 4


class RegistryError(ConcordantError):
    """The contracts or manifests of an agency directory are inconsistent."""

    code = "registry_invalid"
    exit_code = 3


class SigningRefusedError(ConcordantError):
    """A contract that this agency must not sign, or whose warnings are not accepted.

    Its author must act.

    Codes: `signing_refused` (an error), `signing_unaccepted` (a warning that was not accepted).
    """

    code = "signing_refused"
    exit_code = 1


class ConfigError(ConcordantError):
    """A configuration file is missing or wrong; the operator must act. Codes: `config_*`."""

    code = "config_invalid"
    exit_code = 3


class PackageError(ConcordantError):
    """A library is installed in a version that this software does not know."""

    code = "package_unsuitable"
    exit_code = 3


class TransportError(ConcordantError):
    """Kafka cannot be reached or refuses a request; the operator or Kafka's host must act.

    Codes: `kafka_unreachable`, `kafka_refused` and others of that prefix. `offsets` holds, for each
    record that was to be sent, its offset, or None where it is unknown whether Kafka has it.
    """

    code = "kafka_unreachable"
    exit_code = 3

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        where: str | None = None,
        fix: str | None = None,
        offsets: tuple[int | None, ...] = (),
    ) -> None:
        super().__init__(detail, code=code, where=where, fix=fix)
        self.offsets = offsets


class StoreError(ConcordantError):
    """The state database cannot be used; the operator must act. Codes: `store_*`."""

    code = "store_unusable"
    exit_code = 3


class RefusedError(ConcordantError):
    """A record is refused at one numbered step of "Opening"; its sender must act.

    Attributes:
        step: the number of the step in "Opening", 0 to 11.
    """

    code = "refused"
    exit_code = 4

    def __init__(self, step: int | float, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
        self.step = step


class OfficersAwaitedError(ConcordantError):
    """One officer of the agency has signed, and another one must sign too; nothing changed yet."""

    code = "officers_awaited"
    exit_code = 1


class NotPublishedError(ConcordantError):
    """Figures that this agency does not publish, or not yet; the answer is no.

    Codes: `figures_incomplete` (a table that is too early), `figures_published_elsewhere` (the
    agreement names another party that publishes).
    """

    code = "figures_incomplete"
    exit_code = 1


class WrongInputError(ConcordantError):
    """A request names something that does not exist or is not valid; exit code 2.

    The command line's own errors say how a command is written. This error says which given value is
    wrong, where, and what to give instead.

    Codes: `agency_unknown`, `agency_own`, `case_unknown`, `command_invalid`,
    `consultation_reason_required`, `contract_unknown`, `demo_missing`, `dimensions_wrong`,
    `moment_invalid`, `operator_invalid`, `period_ahead`, `period_malformed`, `reason_invalid`,
    `record_unknown`, `statistics_missing`.
    """

    code = "input_wrong"
    exit_code = 2


class NoteError(ConcordantError):
    """A signed note is not in its canonical form, or no required signature verifies.

    Codes, each raised in one place: `note_malformed`, `note_too_large`, `note_unsigned` (no known
    key signed it), `note_signature_invalid`, `note_keys_ambiguous` (two of our keys share name and
    key id), `checkpoint_malformed`, `cosignature_malformed`, `cosignature_unknown` (a line of
    another key), `cosignature_invalid`.
    """

    exit_code = 4


class ProofError(ConcordantError):
    """A proof is not in its canonical form, or does not prove its claim.

    Codes, each raised in one place: `proof_malformed`, `proof_too_large`, `inclusion_invalid`,
    `link_malformed` (index 0 does not name its predecessor correctly),
    `frontier_malformed` (stored bytes that are not a frontier).
    """

    exit_code = 4


class DisclosureLogError(ConcordantError):
    """The log differs from what was written and signed; the agency's auditor must act.

    Codes: `log_entry_altered`, `log_entry_missing`, `log_range_altered` (an entry was altered
    together with its hash), `log_checkpoint_invalid`, `log_head_altered`, `log_entry_invalid` (an
    entry that would hold something other than names and codes), `log_reason_altered` (a reason that
    is stored beside the log).

    Attributes:
        index: the first bad entry, counted from 0, if it is known.
    """

    code = "log_entry_altered"
    exit_code = 1

    def __init__(
        self, detail: str, *, code: str, index: int | None = None, fix: str | None = None
    ) -> None:
        super().__init__(
            detail,
            code=code,
            where=None if index is None else f"disclosure log, entry {index}",
            fix=fix or "keep the state folder as evidence and compare with a backup",
        )
        self.index = index


class EvidenceError(ConcordantError):
    """Post-quantum evidence of an event does not exist, or not yet; the answer is no.

    Codes: `event_unknown`, `event_ambiguous`, `event_not_sent`, `heartbeat_awaited` (the event is
    newer than the last kept heartbeat), `leaves_missing`, `evidence_malformed`, and those of the
    links (`broker.audit.evidence_verify`).
    """

    code = "event_unknown"
    exit_code = 1

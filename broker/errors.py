"""Exceptions of the service, grouped by the person who must act on them.

Every error carries a stable `code` that scripts and people can look up. It says what is wrong,
where, and what to do; `str()` is one sentence. Exceptions of libraries never leave the service. The
codes of refused records are those of the numbered steps in `docs/spec/opening.md` (protocol
`concordant/1`, "Opening").
"""

from __future__ import annotations

from contracts.errors import ConcordantError

__all__ = [
    "ConfigError",
    "EntryError",
    "KeyAccessError",
    "ManifestError",
    "PackageError",
    "RefusedError",
    "RegistryError",
    "SigningRefusedError",
    "StoreError",
    "TransportError",
    "WrongInputError",
]


class KeyAccessError(ConcordantError):
    """A private key or its passphrase is not available; the operator must act.

    Codes: `key_missing`, `key_unreadable`, `passphrase_wrong`, `passphrase_missing`.
    """

    code = "key_unreadable"
    exit_code = 3


class ManifestError(ConcordantError):
    """An agency manifest is not acceptable; the agency that issued it must act."""

    code = "manifest_invalid"
    exit_code = 3


class EntryError(ConcordantError):
    """An entry or a bundle of another agency is refused; the agency that made it must act.

    Codes: `entry_*`, `bundle_*` and those of what is inside: manifests, delegations, agreements.
    """

    code = "entry_malformed"
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
    """An imported package is not part of this software: another distribution uses its name."""

    code = "package_foreign"
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

    def __init__(
        self, step: int | float, code: str, detail: str, *, where: str | None = None
    ) -> None:
        super().__init__(detail, code=code, where=where)
        self.step = step


class WrongInputError(ConcordantError):
    """A request names something that does not exist or is not valid; exit code 2.

    The command line's own errors say how a command is written. This error says which given value is
    wrong, where, and what to give instead.

    Codes: `agency_unknown`, `agency_own`, `case_unknown`, `command_invalid`, `contract_unknown`,
    `demo_missing`, `moment_invalid`, `operator_invalid`, `reason_invalid`, `record_unknown`.
    """

    code = "input_wrong"
    exit_code = 2

"""Refusals of the service, grouped by who must act on them.

Every error carries a stable `code` that scripts and people can look up, and says what is wrong,
where, and what to do about it; `str()` is one sentence. A library's own exception never leaks
through these. The codes of records that are refused are those of the numbered steps in
`docs/spec/opening.md` (protocol `concordant/1`, "Opening").
"""

from __future__ import annotations

from contracts.errors import ConcordantError

__all__ = [
    "ConfigError",
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
    """A private key or its passphrase cannot be had; the operator must act.

    Codes: `key_missing`, `key_unreadable`, `passphrase_wrong`, `passphrase_missing`.
    """

    code = "key_unreadable"
    exit_code = 3


class ManifestError(ConcordantError):
    """An agency manifest is not acceptable; the agency that issued it must act."""

    code = "manifest_invalid"
    exit_code = 3


class RegistryError(ConcordantError):
    """The contracts or manifests of an agency directory do not hold together."""

    code = "registry_invalid"
    exit_code = 3


class SigningRefusedError(ConcordantError):
    """A contract that this agency must not sign, or has not accepted; its author must act.

    Codes: `signing_refused` (an error), `signing_unaccepted` (a warning that was not accepted).
    """

    code = "signing_refused"
    exit_code = 1


class ConfigError(ConcordantError):
    """A configuration file is missing or wrong; the operator must act. Codes: `config_*`."""

    code = "config_invalid"
    exit_code = 3


class PackageError(ConcordantError):
    """An imported package is not ours: another distribution uses the same top-level name."""

    code = "package_foreign"
    exit_code = 3


class TransportError(ConcordantError):
    """Kafka cannot be reached or refuses; the operator or Kafka's host must act.

    Codes: `kafka_unreachable`, `kafka_refused` and others of that prefix. `offsets` holds, for
    each record that was to be sent, its offset, or None where it is unknown whether Kafka has it.
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
    """What was asked for names something that is not there or makes no sense; exit code 2.

    The command line's own errors say how a command is written. This one says what was wrong with
    what was written, where, and what to give instead.

    Codes: `agency_unknown`, `agency_own`, `case_unknown`, `command_invalid`, `contract_unknown`,
    `demo_missing`, `moment_invalid`, `operator_invalid`, `reason_invalid`, `record_unknown`.
    """

    code = "input_wrong"
    exit_code = 2

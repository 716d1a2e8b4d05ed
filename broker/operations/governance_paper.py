"""Governance keys on paper, and back into key files.

The page holds the private keys in clear: they need no passphrase. Words that are read back
count only if they are the keys that `agency.toml` names, so a page of another agency, or of keys
that were replaced, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.config import AgencyConfig, governance_kids, load_config
from broker.agency.participant import governance_ring
from broker.errors import KeyAccessError, WrongInputError
from broker.keys.governance import GovernancePublic
from broker.keys.keyfile import kid_of, public_of
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65
from broker.partnership.fingerprint import fingerprint_words
from broker.partnership.paper_key import format_words, named_agency, parse_words


@dataclass(frozen=True, slots=True)
class PaperKeys:
    """A page.

    Attributes:
        agency, deployment: whose keys they are.
        words: the words of the private keys.
        fingerprint: the twelve public words, to tell pages apart.
    """

    agency: str
    deployment: str
    words: tuple[str, ...]
    fingerprint: tuple[str, ...]

    def __repr__(self) -> str:
        """Return a text without the words."""
        return f"PaperKeys({self.agency!r})"


@dataclass(frozen=True, slots=True)
class ReadKeys:
    """Keys that were read from words.

    Attributes:
        agency: whose keys they are.
        fingerprint: the twelve public words.
        folder: folder of the key files.
        made: number of key files that were written; 0 if all were there.
    """

    agency: str
    fingerprint: tuple[str, ...]
    folder: Path
    made: int


def paper_keys(agency: Path) -> PaperKeys:
    """Return the page of the governance keys, which must be here.

    Raises:
        KeyAccessError: `key_missing`, or a key cannot be opened.
        ConfigError: `config_*`.
    """
    config = load_config(agency)
    ring, kids = governance_ring(agency, config), governance_kids(config)
    if not all(ring.holds(kid) for kid in kids):
        raise KeyAccessError(
            "The governance keys are not here.",
            code="key_missing",
            where=str(ring.folder),
            fix="Bring them from their offline store, give the command again, and take them away "
            "again.",
        )
    first, second = (ring.governance_seed(kid) for kid in kids)
    return PaperKeys(
        config.agency,
        config.deployment,
        format_words(first, second),
        _fingerprint(config, first, second),
    )


def read_paper_keys(agency: Path, text: str, now: int) -> ReadKeys:
    """Write the key files of the keys that words hold; files that are there stay.

    Args:
        agency: the agency's folder, with its `agency.toml`.
        text: the words as they were typed or scanned.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError: `words_invalid`, or `words_other_keys`.
        KeyAccessError: the passphrase is another one, or the folder cannot be written.
        ConfigError: `config_*`.
    """
    config = load_config(agency)
    named = named_agency(text)
    if named is not None and named != config.agency:
        raise _other(f"These words are keys of {named}, and this is {config.agency}.", agency)
    seeds = dict(zip((ED25519, ML_DSA_65), parse_words(text), strict=True))
    kids = {
        algorithm: kid_of(GOVERNANCE, algorithm, seed, public_of(algorithm, seed))
        for algorithm, seed in seeds.items()
    }
    if tuple(kids.values()) != governance_kids(config):
        raise _other("These words are other keys than those that agency.toml names.", agency)
    ring, made = governance_ring(agency, config), 0
    for algorithm, seed in seeds.items():
        if not ring.holds(kids[algorithm]):
            ring.create(GOVERNANCE, algorithm, not_before=now, not_after=None, seed=seed)
            made += 1
    return ReadKeys(config.agency, _fingerprint(config, *seeds.values()), ring.folder, made)


def _fingerprint(config: AgencyConfig, first: bytes, second: bytes) -> tuple[str, ...]:
    public = GovernancePublic(public_of(ED25519, first), public_of(ML_DSA_65, second))
    return fingerprint_words(config.agency, public)


def _other(detail: str, agency: Path) -> WrongInputError:
    return WrongInputError(
        detail,
        code="words_other_keys",
        where=str(agency / "agency.toml"),
        fix="Take the page of this agency's present keys, or give the folder of the agency that "
        "the page names.",
    )

"""Settings that belong together or exclude each other: the error names the one that is missing."""

from __future__ import annotations

import pytest

from broker.agency.config_pairs import require_one, require_pair, require_place
from broker.agency.config_sections import PassphraseSection, SecretSection, Section
from broker.errors import ConfigError

WHERE = "agency.toml: api"


class Pair(Section):
    """Two settings."""

    certificate: str | None = None
    key: str | None = None


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"certificate": "c.pem"}, "key"), ({"key": "k.pem"}, "certificate")],
)
def test_half_a_pair_is_config_invalid_at_the_other_half(
    given: dict[str, str], missing: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        require_pair(Pair(**given), "certificate", "key", WHERE)
    assert (caught.value.code, caught.value.where) == ("config_invalid", f"{WHERE}.{missing}")


@pytest.mark.parametrize("given", [{}, {"certificate": "c.pem", "key": "k.pem"}])
def test_a_pair_and_none_are_taken(given: dict[str, str]) -> None:
    require_pair(Pair(**given), "certificate", "key", WHERE)


@pytest.mark.parametrize("given", [{}, {"certificate": "c.pem", "key": "k.pem"}])
def test_one_setting_of_two_is_neither_none_nor_both(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        require_one(Pair(**given), ("certificate", "key"), WHERE, "Set one.")
    assert (caught.value.code, caught.value.where) == ("config_invalid", WHERE)
    require_one(Pair(key="k.pem"), ("certificate", "key"), WHERE, "Set one.")


@pytest.mark.parametrize(
    "section",
    [
        SecretSection(),
        SecretSection(file="a", environment="B"),
        PassphraseSection(),
        PassphraseSection(credential="a", environment="B"),
    ],
)
def test_a_secret_has_one_place(section: SecretSection) -> None:
    with pytest.raises(ConfigError) as caught:
        require_place(section, WHERE, "passphrase")
    assert caught.value.code == "config_invalid"
    require_place(SecretSection(file="a"), WHERE, "passphrase")
    require_place(PassphraseSection(credential="a"), WHERE, "passphrase")

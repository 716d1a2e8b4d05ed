"""Checks of settings of one section that belong together, or that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence

from broker.agency.config_sections import SecretSection, Section
from broker.errors import ConfigError


def require_pair(section: Section, first: str, second: str, where: str) -> None:
    """Check that a section has both settings or neither.

    Args:
        section: the section.
        first: name of a setting, whose value is None if it is missing.
        second: name of the other one.
        where: the file and the name of the section.

    Raises:
        ConfigError: `config_invalid`; names the setting that is missing.
    """
    absent = [name for name in (first, second) if getattr(section, name) is None]
    if len(absent) == 1:
        present = second if absent == [first] else first
        raise invalid(
            f"The settings {first} and {second} belong together.",
            f"{where}.{absent[0]}",
            f"Add the setting {absent[0]}, or remove {present}.",
        )


def require_one(section: Section, names: Sequence[str], where: str, fix: str) -> None:
    """Check that a section has exactly one of some settings.

    Args:
        section: the section.
        names: names of the settings; None is their value if they are missing.
        where: the file and the name of the section.
        fix: what to do otherwise.

    Raises:
        ConfigError: `config_invalid`.
    """
    if sum(getattr(section, name) is not None for name in names) != 1:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        raise invalid(f"Exactly one of {listed} must be set.", where, fix)


def require_place(section: SecretSection, where: str, name: str) -> None:
    """Check that a secret has exactly one place.

    Args:
        section: the places.
        where: the file and the name of the setting.
        name: file name for the example.

    Raises:
        ConfigError: `config_invalid`.
    """
    places = list(type(section).model_fields)
    require_one(section, places, where, f'For example: file = "{name}"')


def invalid(detail: str, where: str, fix: str) -> ConfigError:
    """Return the error `config_invalid`."""
    return ConfigError(detail, code="config_invalid", where=where, fix=fix)

"""Rule sets of organisations: from files that a command names, and from `agency.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from broker.agency.config import AgencyConfig
from broker.errors import ConfigError
from contracts.bounded_file import read_bounded
from contracts.errors import ContractError
from contracts.rule_sets import RULE_SET_BYTES, RuleSetFile, parse_rule_set


def read_rule_set(path: Path) -> RuleSetFile:
    """Return the rule set of a file.

    Raises:
        ConfigError: `file_unusable`.
        ContractError: `lint_rules_invalid`, with file and line.
    """
    raw = read_bounded(
        path, RULE_SET_BYTES, ConfigError, code="file_unusable", what="file of lint rules"
    )
    return parse_rule_set(raw, str(path))


def rule_sets_of(
    agency: Path | None, config: AgencyConfig | None, named: Sequence[Path] = ()
) -> tuple[RuleSetFile, ...]:
    """Return the rule set that an agency's settings name, then those of a command.

    Raises:
        ConfigError: `file_unusable`.
        ContractError: `lint_rules_invalid`; also if two rule sets have one name.
    """
    paths = list(named)
    if agency is not None and config is not None and config.lint.rules is not None:
        paths.insert(0, agency / config.lint.rules)
    found: dict[str, RuleSetFile] = {}
    for path in paths:
        one = read_rule_set(path)
        same = found.setdefault(one.content.rule_set, one)
        if same is not one and same.sha256 != one.sha256:
            raise ContractError(
                f"{same.file} has a rule set of the name {one.content.rule_set} too, and other "
                "rules.",
                code="lint_rules_invalid",
                where=str(path),
                fix="Give each rule set a name of its own, or name one of the two files.",
            )
    return tuple(found.values())

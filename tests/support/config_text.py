"""Text of an `agency.toml`, as a new agency has it."""

from __future__ import annotations

from typing import Any

from broker.agency.config_sections import GovernanceSection
from broker.agency.config_template import format_config


def config_text(**changed: Any) -> str:
    """The file of csu-camden, with other arguments of `format_config` in place of some."""
    values: dict[str, Any] = {
        "agency": "csu-camden",
        "deployment": "pan-london",
        "governance": GovernanceSection(ed25519="a", ml_dsa_65="b"),
        "adapter": "csu",
        "partners": {},
        "bootstrap": "localhost:9092",
        "http_port": 0,
        "passphrase_file": "passphrase",
    }
    return format_config(**values | changed)

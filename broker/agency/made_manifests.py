"""List of the manifests that this agency made itself, by hash.

Manifests of this agency also arrive over Kafka and from other folders. If a manifest is not in this
list, a thief of the manifest keys made it, or this agency made it in a copy of this folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson

from broker.errors import RegistryError
from broker.keys.durable import SECRET_MODE, make_private_folder, write_durably
from broker.keys.manifest import VerifiedManifest
from broker.strict_json import parse_strict_json

MADE_FILE: Final = "state/manifests-made.json"
MADE_LIMIT: Final = 1_000
_LIMIT_BYTES: Final = 256 * 1024


def made_hashes(root: Path) -> frozenset[bytes] | None:
    """Return the hashes of the manifests that this folder made; None if there is no list.

    Raises:
        RegistryError: the list is damaged.
    """
    found = _read(root)
    return None if found is None else frozenset(bytes.fromhex(one) for one in found)


def note_made(root: Path, issued: VerifiedManifest, known: tuple[VerifiedManifest, ...]) -> None:
    """Add a manifest to the list. Call this before the manifest is published.

    Args:
        root: the agency's folder.
        issued: the new manifest.
        known: the agency's manifests so far; the first list begins with them.

    Raises:
        RegistryError: ``registry_unwritable``, or the list is damaged.
    """
    found = _read(root)
    hashes = [one.hash.hex() for one in known] if found is None else list(found)
    hashes.append(issued.hash.hex())
    path = root / MADE_FILE
    content = orjson.dumps(list(dict.fromkeys(hashes))[-MADE_LIMIT:], option=orjson.OPT_INDENT_2)
    try:
        make_private_folder(path.parent)
        write_durably(path, content + b"\n", mode=SECRET_MODE)
    except OSError as error:
        raise RegistryError(
            f"A file cannot be written ({error.strerror}).",
            code="registry_unwritable",
            where=str(path),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None


def _read(root: Path) -> tuple[str, ...] | None:
    path = root / MADE_FILE
    try:
        with path.open("rb") as file:
            content = parse_strict_json(file.read(_LIMIT_BYTES + 1))
        if not isinstance(content, list):
            raise TypeError
        return tuple(bytes.fromhex(one).hex() for one in content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise RegistryError(
            "The list of this agency's own manifests is damaged.",
            code="registry_invalid",
            where=str(path),
            fix="Restore it from a backup.",
        ) from None

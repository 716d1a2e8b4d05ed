"""Cache of judged statements: the same bytes are not read and verified again.

Any party can post a manifest or a contract again and again. A statement that was refused, or
brought nothing new, keeps its outcome as long as the same manifests and contracts are known.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook

HELD_STATEMENTS: Final = 4096

LASTING: Final[frozenset[str]] = frozenset(
    {"", "contract_altered", "contract_foreign", "contract_invalid", "contract_keys_invalid"}
    | {"contract_note_malformed", "contract_signature_invalid", "contract_unreadable"}
    | {"contract_unsigned", "key_malformed", "key_small_order", "manifest_conflict"}
    | {"manifest_key_invalid", "manifest_key_shared", "manifest_keys_overlap"}
    | {"manifest_malformed", "manifest_signature_invalid", "manifest_foreign", "manifest_unpinned"}
    | {"possession_invalid", "bundle_malformed", "bundle_too_large", "contract_signer_unknown"}
    | {"entry_malformed", "entry_signature_invalid", "entry_unpinned", "note_malformed"}
)
"""Codes that neither time nor a file in the folder changes; empty means nothing new."""


class JudgedStatements:
    """Outcomes by the digest of the posted bytes, under the present books."""

    def __init__(self) -> None:
        self._codes: OrderedDict[bytes, str] = OrderedDict()
        self._contracts: ContractBook | None = None
        self._manifests: ManifestBook | None = None

    def code(self, digest: bytes, contracts: ContractBook, manifests: ManifestBook) -> str | None:
        """Return the earlier outcome under these books, None if the statement must be judged."""
        if self._contracts is not contracts or self._manifests is not manifests:
            self._codes.clear()
            self._contracts, self._manifests = contracts, manifests
        found = self._codes.get(digest)
        if found is not None:
            self._codes.move_to_end(digest)
        return found

    def add(
        self, digest: bytes, code: str, contracts: ContractBook, manifests: ManifestBook
    ) -> None:
        """Remember an outcome, if it is permanent.

        Args:
            digest: SHA-256 of the posted bytes.
            code: reason of the refusal; empty if it brought nothing new.
            contracts: contracts after it.
            manifests: manifests after it.
        """
        if code not in LASTING:
            return
        self.code(digest, contracts, manifests)
        self._codes[digest] = code
        if len(self._codes) > HELD_STATEMENTS:
            self._codes.popitem(last=False)

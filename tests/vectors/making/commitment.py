"""Cases of step 8: one AES-256-GCM ciphertext that opens under two keys, and the commitment."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from broker.envelope import framing
from broker.envelope.padding import pad
from broker.envelope.primitives import HASH_BYTES, AeadKey, one_step_kdf
from tests.support.colliding_ciphertext import collide
from tests.vectors.making.agencies import COUNCIL, SUPPORT
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting


def two_faced(setting: Setting) -> Iterator[Case]:
    """The same record for each of its two readers."""
    for name, agency, about in (
        (
            "8-commitment_wrong-two_faced",
            SUPPORT,
            "A ciphertext that opens under two keys: the second key is not the committed one.",
        ),
        (
            "9-json_not_canonical-two_faced",
            COUNCIL,
            "The same record for the reader of the first key, which is the committed one: one "
            "block of what it opens is noise.",
        ),
    ):
        s = Scene(setting, name)
        draft = s.event()
        draft.label, draft.id = "two-faced", UUID(int=0xFACE)
        text = b'{"data":{"case_id":"' + b"x" * 230 + b'"}'
        assert len(pad(text)) == len(text) + 4 == 256
        second = draft.ground.draw(HASH_BYTES, "second key", draft.label)
        aad = framing.group_aad(draft.context, 0)
        keys = (
            draft.group_key(0)[1],
            one_step_kdf(second, framing.group_info(draft.context, 0))[:HASH_BYTES],
        )
        ciphertext = collide(*keys, aad, pad(text))
        for key in keys:
            assert len(AeadKey(key).open(bytes(12), ciphertext, aad)) == 256
        draft.ciphertexts[0] = lambda _c, made=ciphertext: made  # type: ignore[misc]  # as a constant
        draft.secrets_of[SUPPORT] = {0: second}
        yield s.refused(
            about, s.log().one(draft.value()), agency=agency, spec="envelope.md, Derivations"
        )

"""joserfc: General JWE (ECDH-ES+A256KW with X25519, A256GCM) for all recipients, inside a JWS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from joserfc import jwe, jws
from joserfc.jwk import OKPKey

from bench import measuring
from bench.sample_event import Referral

_ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]


class Case(measuring.Case):
    """A message is the JWS in its compact form."""

    name = "joserfc JWE + JWS"

    def __init__(self, recipients: int) -> None:
        self._keys = [
            OKPKey.generate_key("X25519", {"kid": f"agency-{at:02d}"}) for at in range(recipients)
        ]
        self._signer = OKPKey.generate_key("Ed25519")

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[bytes]:
        messages = []
        for data in datas:
            plain = orjson.dumps(Referral.model_validate(data).model_dump())
            sealed = jwe.GeneralJSONEncryption({"enc": "A256GCM"}, plain)
            for key in self._keys:
                sealed.add_recipient({"alg": "ECDH-ES+A256KW"}, key)
            body = orjson.dumps(jwe.encrypt_json(sealed, None, algorithms=_ALGORITHMS))
            text = jws.serialize_compact(
                {"alg": "Ed25519"}, body, self._signer, algorithms=["Ed25519"]
            )
            messages.append(text.encode())
        return messages

    def consume(self, messages: Sequence[bytes]) -> list[Referral]:
        opened = []
        for message in messages:
            signed = jws.deserialize_compact(message, self._signer, algorithms=["Ed25519"])
            sealed = orjson.loads(signed.payload)
            sealed["recipients"] = sealed["recipients"][:1]  # a reader needs its own entry only
            plain = jwe.decrypt_json(sealed, self._keys[0], algorithms=_ALGORITHMS).plaintext
            opened.append(Referral.model_validate(orjson.loads(plain or b"")))
        return opened

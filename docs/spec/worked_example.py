"""The worked example of envelope.md, made from fixed inputs. All secrets here are TEST VALUES.

Run it with the project installed; tests/unit/docs/test_spec.py compares its output with the text.
HPKE is randomised inside the library, so the wrap is 1168 fixed bytes that stand for one.
"""

from __future__ import annotations

from hashlib import shake_256

from broker.envelope import framing
from broker.envelope.canonical import format_json
from broker.envelope.layout import format_value
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, one_step_kdf, sha256
from broker.tlog.merkle import leaf_hash


def fixed(name: str, count: int) -> bytes:
    """``count`` bytes that follow from a name: test randomness."""
    return shake_256(f"concordant worked example: {name}".encode()).digest(count)


def main() -> None:
    """Print the example."""
    deployment, source = "pan-london", "csu-camden"
    contract = sha256(b"the contract file's bytes")
    event_id = "2bcd261d-54b7-8a19-8019-996f90793065"
    time = 1_795_392_000_000
    texts = [
        format_json(
            {
                "data": {"case_id": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"},
                "to": ["council-camden", "haven-support"],
                "type": "referral.made",
            }
        ),
        format_json({"victim.address": "Flat 9, 404 Imaginary Row"}),
    ]
    masks = {"council-camden": (True, True), "haven-support": (True, False)}

    prefix = framing.context_prefix(deployment, contract, source)
    context = framing.event_context(prefix, event_id)
    print(f"deployment     {deployment}, source {source}")
    print(f"id             {event_id}, time {time}")
    print(f"contract hash  {contract.hex()}")
    print(f"ctx            {context.hex()}")
    keys, commitments, groups = [], [], []
    for index, text in enumerate(texts):
        secret = fixed(f"K_{index}", 32)
        derived = one_step_kdf(secret, framing.group_info(context, index))
        ciphertext = AeadKey(derived[:32]).seal(
            bytes(12), pad(text), framing.group_aad(context, index)
        )
        keys.append(secret)
        commitments.append(derived[32:])
        groups.append((derived[32:], ciphertext))
        print(f"group {index} JSON   {text.decode()}")
        print(f"K_{index}            {secret.hex()}")
        print(f"key_{index}          {derived[:32].hex()}")
        print(f"commit_{index}       {derived[32:].hex()}")
        print(f"H(ct_{index})        {sha256(ciphertext).hex()} ({len(ciphertext)} bytes)")
    groups_hash = framing.groups_hash(context, commitments)
    print(f"G              {groups_hash.hex()}")
    entries = []
    for agency, may_read in masks.items():
        kid, wrap = fixed(f"kid {agency}", 32), fixed(f"wrap {agency}", 1168)
        nonce = fixed(f"nonce {agency}", 12)
        plain = b"".join(k if may else bytes(32) for k, may in zip(keys, may_read, strict=True))
        aad = framing.key_list_aad(context, groups_hash, framing.session_tail(agency, kid, wrap))
        session = AeadKey(fixed(f"S {agency}", 32))
        entries.append((wrap, nonce + session.seal(nonce, plain, aad)))
        print(f"kid, {agency}")
        print(f"               {kid.hex()}")
        print(f"keys, {agency}")
        print(f"               {entries[-1][1].hex()}")
    value = format_value(
        bytes.fromhex(event_id.replace("-", "")), time, contract, groups, sorted(entries)
    )
    print(f"value          {len(value)} bytes, begins {value[:59].hex()}")
    print(f"leaf           {leaf_hash(value).hex()}")


if __name__ == "__main__":
    main()

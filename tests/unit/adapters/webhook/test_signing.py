"""Signatures of Standard Webhooks, checked by the library of its authors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.webhook.signing import (
    LEAST_BYTES,
    MOST_BYTES,
    message_id,
    new_secret,
    secret_bytes,
    signature_headers,
)
from broker.clock import now_ms


@given(
    key=st.binary(min_size=LEAST_BYTES, max_size=MOST_BYTES),
    value=st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=4),
)
def test_another_library_accepts_the_signature_and_refuses_any_change(
    key: bytes, value: dict[str, str]
) -> None:
    body = json.dumps(value).encode()
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signature_headers([secret_bytes(secret)], "msg_1", now_ms(), body)
    assert Webhook(secret).verify(body, headers) == value
    for changed in (
        (body + b" ", headers),
        (body, {**headers, "webhook-id": "msg_2"}),
        (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(*changed)


def test_the_example_of_the_specification() -> None:
    """Value as the library of the authors signs it."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime(2021, 2, 25, 0, 0, tzinfo=UTC)
    body = b'{"test": 2432232314}'
    expected = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body.decode())
    made = signature_headers(
        [secret_bytes(secret)],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        int(at.timestamp() * 1000),
        body,
    )
    assert made["webhook-signature"] == expected


def test_two_secrets_make_two_signatures_and_each_receiver_accepts() -> None:
    old, new = new_secret(), new_secret()
    headers = signature_headers([secret_bytes(new), secret_bytes(old)], "msg_1", now_ms(), b"{}")
    assert len(headers["webhook-signature"].split(" ")) == 2
    for one in (old, new):
        assert Webhook(one).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_!!!!",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whpk_" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_a_secret_has_the_prefix_and_24_to_64_bytes(text: str) -> None:
    with pytest.raises(ValueError):
        secret_bytes(text)


def test_a_secret_without_padding_is_read() -> None:
    whole = base64.b64encode(bytes(range(32))).decode()
    assert secret_bytes("whsec_" + whole.rstrip("=")) == bytes(range(32))


def test_the_message_id_is_stable_differs_by_sender_and_has_no_full_stop() -> None:
    first = message_id("csu.camden", "7d0f6a52")
    assert first == message_id("csu.camden", "7d0f6a52")
    assert first != message_id("csu.camde", "n7d0f6a52")
    assert first != message_id("cps", "7d0f6a52")
    assert "." not in first

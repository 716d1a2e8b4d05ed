"""The client refuses each text of a rejection that the adapter would refuse later."""

from __future__ import annotations

import json

import pytest

from adapters.exchange.errors import ExchangeError
from adapters.exchange.results import parse_import_result
from concordant.client.errors import ClientError
from concordant.client.subscription import rejection


@pytest.mark.parametrize("text", ["x\u202ey", "\x00", "a\rb", "\ue000", "half \ud800"])
def test_a_text_that_the_adapter_refuses_is_result_malformed_in_the_client(text: str) -> None:
    with pytest.raises(ExchangeError):
        parse_import_result(
            json.dumps({"outcome": "rejected", "reason": "a_b", "text": text}).encode()
        )
    with pytest.raises(ClientError) as caught:
        rejection("a_b", text)
    assert (caught.value.code, caught.value.where) == ("result_malformed", "text")


@pytest.mark.parametrize("text", ["", "two\nlines\tand a tab", "Zoë", "\U0001f600"])
def test_a_text_that_the_adapter_takes_is_taken_by_the_client(text: str) -> None:
    body = json.dumps({"outcome": "rejected", "reason": "a_b", "text": text}).encode()
    assert parse_import_result(body) is not None
    assert rejection("a_b", text).outcome == "rejected"

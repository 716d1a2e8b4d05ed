"""Keys that are slow to make, made once, and an event that Camden may open in part."""

from __future__ import annotations

import pytest

from broker.envelope.layout import SealedEvent
from tests.support.envelope_world import GROUPS, Recipient, seal


@pytest.fixture(scope="session")
def camden() -> Recipient:
    return Recipient("council-camden", bytes([1]) * 32)


@pytest.fixture(scope="session")
def haven() -> Recipient:
    return Recipient("haven-support", bytes([2]) * 32)


@pytest.fixture(scope="session")
def cps() -> Recipient:
    return Recipient("cps-london", bytes([3]) * 32)


@pytest.fixture
def sealed(camden: Recipient) -> SealedEvent:
    return seal(GROUPS, [(camden, [True, True, False])])

"""Fixtures of signing in: a provider, and the pages of an agency that trusts it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.web.serving import WebServer
from tests.support.oidc_provider import HostileProvider, provider
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

__all__ = ["provider"]

CLIENT = "concordant-haven"
ROLES = 'roles = { desk = ["caseworker"], lead = ["officer", "signatory"] }'


@pytest.fixture
def settings(folder: Path) -> Callable[[str], None]:
    """Adds settings to the agency's file."""

    def add(text: str) -> None:
        file = folder / "agency.toml"
        file.write_text(f"{file.read_text()}\n{text}\n")

    return add


@pytest.fixture
def more_settings() -> str:
    """Return further settings of `[web.oidc]`; a test can give others."""
    return ""


@pytest.fixture
def oidc_server(
    folder: Path,
    time: Clock,
    provider: HostileProvider,
    settings: Callable[[str], None],
    more_settings: str,
) -> Iterator[WebServer]:
    secret = folder / "web-client-secret"
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, b"a-secret-of-the-test\n")
    os.close(descriptor)
    settings(
        f'[web.oidc]\nissuer = "{provider.origin}"\nclient_id = "{CLIENT}"\n'
        f'client_secret = {{ file = "web-client-secret" }}\n{more_settings}\n{ROLES}'
    )
    server = WebServer(folder, time, "127.0.0.1", 0)
    yield server
    server.close()


@pytest.fixture
def browser(oidc_server: WebServer) -> Visitor:
    return Visitor(oidc_server)

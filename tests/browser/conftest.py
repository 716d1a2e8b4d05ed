"""One browser, and agencies at work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.working_town import PartnershipAtWork, working_town
from tests.support.browser import running_browser, tab


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnershipAtWork]:
    """Four agencies at work, for tests that leave them as they found them."""
    made = working_town(tmp_path_factory.mktemp("town") / "partnership")
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with tab(browser) as opened:
        yield opened

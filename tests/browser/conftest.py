"""One browser, agencies at work, and the pages of agencies with something to show.

Playwright keeps an event loop running in its thread. Its fixtures end with this package, because no
asynchronous test of another one can run in the same process before.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import Stage, desk_staged, staged
from tests.browser.working_town import PartnershipAtWork, working_town
from tests.support.browser import ServedPages, running_browser, served_pages, tab


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        expect.set_options(timeout=20_000)
        yield running


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnershipAtWork]:
    """Four agencies at work, for tests that leave them as they found them."""
    made = working_town(tmp_path_factory.mktemp("town") / "partnership")
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with tab(browser) as opened:
        yield opened


@pytest.fixture(scope="package", params=[staged, desk_staged], ids=["offices", "desk"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Playwright has an event loop in this thread, so the stage is made in another one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(request.param, tmp_path_factory.mktemp("stage")).result()


@pytest.fixture(scope="package")
def pages(stage: Stage) -> Iterator[ServedPages]:
    with served_pages(stage.folder, stage.clock) as running:
        yield running


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    """Pages of an agency that has neither sent nor received anything."""
    stage = staged(tmp_path_factory.mktemp("empty"), used=False)
    with served_pages(stage.folder, stage.clock) as running:
        yield running

"""The Tab key, as a person without a mouse uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MOST_STEPS = 80


def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus; fail if it never has."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {wanted}")

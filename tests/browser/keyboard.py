"""Steps of a person without a mouse: each element is reached with Tab and used with a key."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

MOST_STEPS = 150
"""Most stops of the focus on a page."""


def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus; fail if it never has."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STEPS):
        if _has_focus(wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")


def press(page: Page, name: str) -> None:
    """Press a button."""
    enter(page, page.get_by_role("button", name=name, exact=True))


def follow(page: Page, name: str) -> None:
    """Follow a link."""
    enter(page, page.get_by_role("link", name=name, exact=True))


def enter(page: Page, wanted: Locator) -> None:
    """Reach a link or a button, press Enter, and wait for the page that follows."""
    reach(page, wanted)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def download(page: Page, name: str) -> Path:
    """Follow a link to a file; return where the file is."""
    reach(page, page.get_by_role("link", name=name, exact=True))
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    return Path(taken.value.path())


def tick(page: Page, box: Locator) -> None:
    """Tick a checkbox that is empty."""
    reach(page, box)
    page.keyboard.press("Space")
    expect(box).to_be_checked()


def pick(page: Page, group: Locator, name: str) -> None:
    """Choose one of several radio buttons.

    Args:
        page: the page.
        group: the element that holds all of them.
        name: label of the one that is wanted.
    """
    every = group.get_by_role("radio")
    wanted = group.get_by_role("radio", name=name)
    chosen = group.locator("input[type=radio]:checked")
    reach(page, chosen if chosen.count() else every.first)
    page.keyboard.press("Space")
    for _ in range(every.count()):
        if wanted.is_checked():
            return
        page.keyboard.press("ArrowDown")
    expect(wanted).to_be_checked()


def select(page: Page, field: Locator, label: str) -> None:
    """Choose an option of a list that is closed."""
    reach(page, field)
    for _ in range(field.locator("option").count()):
        if field.evaluate("one => one.selectedOptions[0].label") == label:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the list has no option {label}")


def enter_text(page: Page, field: Locator, text: str) -> None:
    """Type a text into an empty field."""
    reach(page, field)
    page.keyboard.type(text)
    expect(field).to_have_value(text)


def choose_file(page: Page, field: Locator, file: Path) -> None:
    """Open the browser's own window for files from a field, and choose one there."""
    page.on("filechooser", lambda _: None)  # asks for the event before the key can cause it
    reach(page, field)
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Enter")
    opened.value.set_files(file)


def _has_focus(element: Locator) -> bool:
    found: bool = element.evaluate("one => one === document.activeElement")
    return found

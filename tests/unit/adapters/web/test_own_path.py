"""Pages to which a browser may be sent back."""

from __future__ import annotations

import pytest

from adapters.web.own_path import HOME, own_path


@pytest.mark.parametrize("path", ["/", "/referrals", "/referrals/7?page=2&status=new", "/a%20b"])
def test_own_pages(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "help",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nset-cookie: b",
        "/" + "a" * 2_000,
        "/sign-in?next=/",
        "/sign-out",
        "/link/x",
        "/é",
    ],
)
def test_other_addresses(path: str | None) -> None:
    assert own_path(path) == HOME

"""A package of the same name from another distribution is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

import broker
from broker.agency import installation
from broker.errors import PackageError


def test_our_own_packages_are_ours() -> None:
    assert broker.DISTRIBUTION == "concordant"
    installation.verify_installation()


def test_a_package_from_elsewhere_is_foreign(tmp_path: Path) -> None:
    with pytest.raises(PackageError) as caught:
        installation.verify_installation(tmp_path)
    assert caught.value.code == "package_foreign"
    assert caught.value.fix


def test_a_package_without_our_files_is_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_MARKS", {"contracts": "absent.py"})
    with pytest.raises(PackageError) as caught:
        installation.verify_installation()
    assert caught.value.code == "package_foreign"


def test_a_package_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_MARKS", {"no_such_package_here": "x.py"})
    with pytest.raises(PackageError) as caught:
        installation.verify_installation()
    assert caught.value.code == "package_missing"

"""Check that Python imports our packages and not those of another distribution.

Other distributions use the top-level names `broker`, `contracts` and `adapters`. If one of them
comes first on the path, half of a program would run against foreign code. Each of our packages asks
here before it imports anything else. The answer imports nothing: what a foreign package does when
it is imported does not matter. This module needs the standard library only.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("contracts", "broker", "adapters")


class InstallationError(ImportError):
    """A package is missing, or belongs to another distribution.

    It is no error of `contracts.errors`, because that package may be the foreign one.

    Attributes:
        code: `package_foreign` or `package_missing`.
        exit_code: of a command that ends with it.
        where: file or folder that was found instead of ours.
        fix: what to do.
    """

    exit_code = 3

    def __init__(self, detail: str, *, code: str, where: str, fix: str) -> None:
        super().__init__(f"{detail} ({where}) {fix} [{code}]")
        self.detail = detail
        self.code = code
        self.where = where
        self.fix = fix

    def diagnostics(self) -> str:
        """Return the text for the operator: what is wrong, where, what to do, and the code."""
        where = self.where.encode("unicode_escape").decode("ascii")
        lines = (self.detail, f"  where: {where}", f"  to do: {self.fix}", f"  code:  {self.code}")
        return "\n".join(lines)


def require_own_packages(*, complete: bool = False) -> None:
    """Refuse to go on with a package of another distribution.

    Args:
        complete: whether a package that is absent is an error too.

    Raises:
        InstallationError: code `package_foreign` or `package_missing`.
    """
    home = _home()
    for name in PACKAGES:
        ours = home / name / "__init__.py"
        found = _found(name)
        if found is None:
            if not complete:
                continue
            raise InstallationError(
                f"The package {name} is not installed.",
                code="package_missing",
                where=str(home),
                fix="Install concordant again, into an environment of its own.",
            )
        if _resolved(found) != ours or not _asks_here(ours):
            raise InstallationError(
                f"The package {name} that Python finds belongs to another distribution.",
                code="package_foreign",
                where=found,
                fix="Install concordant into an environment of its own, and start it in a folder"
                " without files of these names.",
            )


def library_missing(error: ModuleNotFoundError, extra: str) -> InstallationError:
    """Return what to say of a library that the smaller installation does not have.

    Args:
        error: of the import.
        extra: the extra of this distribution that asks for the library.
    """
    return InstallationError(
        f"The library {error.name} is not installed.",
        code="package_missing",
        where=sys.prefix,
        fix=f"pip install 'concordant[{extra}]'",
    )


def _home() -> Path:
    """Folder of our packages: the one that holds `concordant`, or the root of a source tree."""
    folder = Path(__file__).resolve().parent.parent
    return folder.parents[1] if folder.parts[-2:] == ("deploy", "entrance") else folder


def _found(name: str) -> str | None:
    """File of the package that an import gives; None if there is none."""
    if name in sys.modules:
        try:
            return str(sys.modules[name].__file__)
        # any object can stand there, and its attributes can do anything
        except Exception:  # noqa: BLE001
            return f"sys.modules[{name!r}]"
    try:
        spec = find_spec(name)
    # the finders of other distributions can raise anything
    except Exception:  # noqa: BLE001
        return f"the import of {name}"
    if spec is None:
        return None
    if spec.origin is None or not spec.has_location:  # a folder without __init__.py
        return next(iter(spec.submodule_search_locations or ()), f"the import of {name}")
    return spec.origin


def _asks_here(file: Path) -> bool:
    """True if a package asks this module, as each of ours does.

    Two distributions in one environment share a folder, and the later one replaces files.
    """
    try:
        return b"\nrequire_own_packages()\n" in file.read_bytes()
    except OSError:
        return False


def _resolved(file: str) -> Path:
    try:
        return Path(file).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(file)

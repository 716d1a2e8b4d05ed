"""Check that the imported packages belong to this software.

Other distributions use the top-level names `broker`, `contracts` and `adapters`. If one of them
comes first on the path, part of this program would run foreign code. The check runs once at
start-up, before anything else is imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import broker
from broker.errors import PackageError

_MARKS: Final = {"contracts": "decision.py", "adapters": "base.py"}
"""A file that only our package of that name has beside its `__init__`."""


def verify_installation(home: Path | None = None) -> None:
    """Check that `contracts` and `adapters` lie beside this `broker`.

    Args:
        home: the folder of our packages; by default the one that holds this `broker`.

    Raises:
        PackageError: code `package_foreign` or `package_missing`.
    """
    ours = Path(broker.__file__).resolve().parent.parent if home is None else home
    for name, mark in _MARKS.items():
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise PackageError(
                f"The package {name} is not installed.",
                code="package_missing",
                where=str(ours),
                fix="Install concordant again, into an environment of its own.",
            )
        found = Path(next(iter(spec.submodule_search_locations))).resolve()
        if found != ours / name or not (found / mark).is_file():
            raise PackageError(
                f"The imported package {name} belongs to another distribution.",
                code="package_foreign",
                where=str(found),
                fix="Install concordant into an environment of its own, without other packages.",
            )

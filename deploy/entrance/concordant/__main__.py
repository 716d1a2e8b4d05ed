"""The command `concordant`, also as `python -m concordant`."""

from __future__ import annotations

import sys

from concordant import __version__
from concordant.packages import InstallationError, library_missing, require_own_packages


def main() -> None:
    """Check whose packages Python finds, then run the command."""
    try:
        require_own_packages(complete=True)
        if sys.argv[1:] == ["--version"]:  # fast: nothing else is imported
            sys.stdout.write(f"concordant {__version__}\n")
            return
        _run()
    except InstallationError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        sys.exit(error.exit_code)


def _run() -> None:
    try:
        from adapters.main import main as run

        run()
    except ModuleNotFoundError as error:
        raise library_missing(error, "adapter") from None


if __name__ == "__main__":
    main()

"""Make settings/, cases/ and large.json again from fixed.json, byte for byte (README.md).

python -m tests.vectors.generate             write them here
python -m tests.vectors.generate --into DIR  write them elsewhere, to compare
python -m tests.vectors.generate --record    draw what fixed.json lacks, drop what is not used
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Write all of them; the exit code."""
    from tests.vectors.large import store
    from tests.vectors.making.catalogue import all_cases, all_settings
    from tests.vectors.making.ground import Ground, MissingError
    from tests.vectors.making.vocabulary_cases import documents

    parser = argparse.ArgumentParser(description="Make the test vectors again from fixed.json.")
    parser.add_argument("--into", type=Path, default=HERE, help="where settings/ and cases/ go")
    parser.add_argument("--record", action="store_true", help="draw what fixed.json lacks")
    options = parser.parse_args()
    ground = Ground(HERE / "fixed.json", record=options.record)
    try:
        settings = all_settings(ground)
        cases = all_cases(settings)
    except MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.record:
        ground.save()
    with tempfile.TemporaryDirectory(dir=options.into) as folder:
        made = Path(folder)
        (made / "cases").mkdir()
        for setting in settings.values():
            setting.write(made / "settings" / setting.name)
        for case in cases:
            case.write(made / "cases")
        (made / "documents").mkdir()
        for digest, raw in documents().items():
            (made / "documents" / f"{digest}.txt").write_bytes(raw)
        for name in (
            "documents",
            "settings",
            "cases",
        ):  # only now, so that nobody reads half of them
            shutil.rmtree(options.into / name, ignore_errors=True)
            (made / name).rename(options.into / name)
    store(options.into)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Manifest files in an agency's folder: their names hold the time of issue."""

from __future__ import annotations

import shutil
from pathlib import Path


def manifest_files(folder: Path, agency: str) -> list[Path]:
    """Files of an agency's manifests in the folder of any agency, oldest first."""
    found = (folder / "manifests").glob(f"{agency}.*.note")
    return sorted(found, key=lambda path: int(path.name.split(".")[1]))


def newest_manifest_file(folder: Path, agency: str) -> Path:
    """File of the newest manifest of an agency."""
    return manifest_files(folder, agency)[-1]


def pass_on_manifest(root: Path, agency: str, *readers: str) -> None:
    """Copy an agency's newest manifest from its folder to those of others."""
    path = newest_manifest_file(root / agency, agency)
    for reader in readers:
        shutil.copy(path, root / reader / "manifests" / path.name)

"""Every kind of input that is shown to both readers."""

from __future__ import annotations

from tests.differential import (
    agreements,
    altered_vectors,
    continuities,
    inclusions,
    manifests,
    sealed_again,
    texts,
)

FAMILIES = (
    *texts.FAMILIES,
    *agreements.FAMILIES,
    *manifests.FAMILIES,
    *inclusions.FAMILIES,
    *continuities.FAMILIES,
    *altered_vectors.FAMILIES,
    *sealed_again.FAMILIES,
)

"""Every kind of input that is shown to both readers."""

from __future__ import annotations

from tests.differential import (
    agreements,
    altered_manifests,
    altered_vectors,
    continuities,
    inclusions,
    sealed_again,
    texts,
    vocabularies,
)

FAMILIES = (
    *texts.FAMILIES,
    *agreements.FAMILIES,
    *vocabularies.FAMILIES,
    *altered_manifests.FAMILIES,
    *inclusions.FAMILIES,
    *continuities.FAMILIES,
    *altered_vectors.FAMILIES,
    *sealed_again.FAMILIES,
)

"""Every kind of input that is shown to both readers."""

from __future__ import annotations

import agreements
import altered_vectors
import continuities
import inclusions
import manifests
import sealed_again
import texts

FAMILIES = (
    *texts.FAMILIES,
    *agreements.FAMILIES,
    *manifests.FAMILIES,
    *inclusions.FAMILIES,
    *continuities.FAMILIES,
    *altered_vectors.FAMILIES,
    *sealed_again.FAMILIES,
)

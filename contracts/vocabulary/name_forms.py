"""Forms of the names in a vocabulary file: paths, types, codes and built-in kinds."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import StringConstraints

__all__ = [
    "BUILT_IN", "BuiltIn", "CodeText", "LeafPath", "Name", "ObjectName", "SenderKind", "TypeName",
]  # fmt: skip

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
ObjectName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,39}$")]
TypeName: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}(\.[a-z][a-z0-9-]{0,39}){1,3}$")
]
LeafPath: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}(\.[a-z][a-z_]{0,39})?$")
]
CodeText: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")
]
BuiltIn: TypeAlias = Literal[
    "uuid", "day", "time_of_day", "instant", "agency", "email", "language", "leaf_path", "boolean"
]
SenderKind: TypeAlias = Literal["competent-authority", "public-authority", "other"]
"""Kind of a sender under the law (`contracts.legal_codes.party_kind`)."""
BUILT_IN: Final = frozenset(BuiltIn.__args__)  # type: ignore[attr-defined]  # of a Literal
"""Kinds that every vocabulary has (docs/spec/vocabularies.md, "Kinds of values")."""

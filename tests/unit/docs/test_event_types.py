"""The page of event types has each shipped vocabulary, with its types, lists and conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()


@pytest.mark.parametrize("name", shipped_vocabulary_files())
def test_the_page_has_a_section_for_each_vocabulary(name: str) -> None:
    section = PAGE.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    words = named_vocabulary(name)
    for event_type, of_type in words.event_types.items():
        part = section.partition(f"\n### `{event_type}`\n")[2].partition("\n### ")[0]
        for path, leaf in of_type.leaves.items():
            listed = "[]" if leaf.form.longest is not None else ""
            assert f"| `{path}{listed}` |" in part
        assert all(one.text in part for one in of_type.conditions)
    used = {leaf.form.value.code for t in words.event_types.values() for leaf in t.leaves.values()}
    for code_list in used - {None}:
        assert f"\n### `{code_list}` ({name})\n" in section

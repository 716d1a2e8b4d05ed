"""Lists inside one text column: items between separators, with a backslash as escape."""

from __future__ import annotations


def escape(text: str, separator: str) -> str:
    r"""Escape a text for use between separators: put ``\`` before ``\`` and the separator."""
    return text.replace("\\", "\\\\").replace(separator, "\\" + separator)


def split_escaped(text: str, separator: str) -> list[str]:
    """Split what ``escape`` and a join made; a backslash before another character stays."""
    items, current, index = [], [], 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            following = text[index + 1]
            current.append(following if following in ("\\", separator) else char + following)
            index += 2
            continue
        if char == separator:
            items.append("".join(current))
            current = []
        else:
            current.append(char)
        index += 1
    items.append("".join(current))
    return items

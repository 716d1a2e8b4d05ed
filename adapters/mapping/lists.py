"""Lists inside one text column: items between separators, with a backslash where one is meant."""

from __future__ import annotations


def escape(text: str, separator: str) -> str:
    r"""Make a text safe between separators: ``\`` and the separator get a ``\`` before them."""
    return text.replace("\\", "\\\\").replace(separator, "\\" + separator)


def split_escaped(text: str, separator: str) -> list[str]:
    """The inverse of joining with ``escape``; a backslash before anything else is a backslash."""
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

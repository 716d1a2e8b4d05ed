"""Write docs/public-api.md from the modules that are public: python docs/public_api.py."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

PAGE = Path(__file__).with_name("public-api.md")

MODULES = {
    "concordant": "The entrance. It imports other packages on first use, and checks that"
    " `broker`, `contracts` and `adapters` are those of this project.",
    "concordant.testing": "A partnership in memory, for tests of a program that publishes and"
    " subscribes: [A client in Python](guides/python-client.md).",
    "broker.subscriber": "Verified and decrypted events, for systems inside an agency:"
    " [Subscribing](guides/subscribing.md).",
    "broker.event": "An event as a subscription returns it.",
    "broker.errors": "Errors of the service, by the person who must act.",
    "contracts.errors": "The root of all errors, and those of agreements and events.",
    "contracts.events": "Event types as typed dictionaries: [Event types](events.md).",
    "contracts.loading": "Agreements, read from files.",
    "contracts.lint": "Findings about an agreement, as `contract lint` shows them.",
    "contracts.decision": "Decisions about an event under an agreement, field by field.",
    "contracts.status": "Status of an agreement: in force, not begun, ended.",
    "adapters.base": "The interface of an adapter:"
    " [Writing an adapter](guides/writing-an-adapter.md).",
    "adapters.mapping": "Mapping files, and adapters that are made from them.",
    "adapters.testing": "The behaviour that every adapter must have, as a test class.",
}

HEAD = """\
# Public API

The Python names that stay. Made from the program by `docs/public_api.py`.

Each module below lists its public names in `__all__`. [Compatibility](compatibility.md) says how long they
stay. A name that is not on this page, or that begins with an underscore, is internal: it may change in any
version. A test holds this list, so that a name is added or removed on purpose only.

Commands are a public interface too: [Commands](commands.md) lists them.

## Packages of other distributions

Other distributions use the names `broker`, `contracts` and `adapters`. Each of our packages looks at where
Python finds the other two, before it imports anything. If one of them is foreign, the import raises
`InstallationError` (an `ImportError` with the code `package_foreign`). What the foreign package would do
when it is imported does not matter, because it is not imported.

If a foreign `broker` comes first, `import broker` gives that package, and no line of ours runs. Begin with the
name that only Concordant has:

```python
from concordant import subscribe
```
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(name, about) for name, about in MODULES.items())


def _section(name: str, about: str) -> str:
    module = import_module(name)
    rows = (f"| `{each}` | {_kind(module, each)} |\n" for each in module.__all__)
    return f"\n## `{name}`\n\n{about}\n\n| name | what it is |\n| --- | --- |\n{''.join(rows)}"


def _kind(module: object, name: str) -> str:
    value = getattr(module, name)
    if inspect.isclass(value) or callable(value):
        first = (inspect.getdoc(value) or "").split("\n\n")[0]
        return " ".join(first.split()).replace("``", "`").replace("|", "\\|")
    return "constant or type alias"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

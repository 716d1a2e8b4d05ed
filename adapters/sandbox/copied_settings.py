"""Settings of the rehearsed agency: its own `agency.toml` with keys, Kafka and state replaced.

Everything that belongs to the agency's system stays as it is: the adapter's kind, the mapping, the
source, the sink and sections that this module does not know. Nothing in the copy leads to the
agency's keys, its Kafka, its state or its folders.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.mapped import KIND, MAPPING_FILE
from broker.agency.config import CONFIG_NAME, load_config, parse_config, parse_toml
from broker.errors import ConfigError, WrongInputError
from broker.keys.durable import write_durably
from broker.transport.local_settings import port_in_use

REPLACED: Final = (
    "deployment",
    "governance",
    "keys",
    "passphrase",
    "governance_passphrase",
    "signing_pin",
    "kafka",
    "lint",
    "state",
)
"""Members of `agency.toml` that lead to keys, to Kafka or to the state."""
OF_THE_COPY: Final = frozenset({"agency", "adapter", "partners", "folders", "api"})
"""Members that name no file of the agency's folder which is only read."""
INSIDE: Final = frozenset({"folder", "http"})
"""Sources and sinks that reach nothing outside of the rehearsal's folder and this machine."""
SHORT: Final = {"poll": 0.2, "relay": 0.1, "heartbeat": 3.0, "receipt": 1.0}
"""Intervals of a rehearsal, in seconds."""
_API_OUTSIDE: Final = ("certificate", "key", "client_ca")
_FOLDERS: Final = ("import", "processed", "quarantine", "inbox")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class CopiedSettings:
    """The settings of the rehearsal, and what differs from the agency's own.

    Attributes:
        notes: differences that a person should know, one sentence each.
    """

    notes: tuple[str, ...]


def require_inside(directory: Path, *, outside: bool) -> None:
    """Check that source and sink reach nothing outside, unless a person allows it.

    Args:
        directory: the agency's folder.
        outside: whether a person allowed it.

    Raises:
        ConfigError: the settings cannot be read.
        WrongInputError: `sandbox_outside`.
    """
    adapter = load_config(directory).adapter
    others = sorted({adapter.source, adapter.sink} - INSIDE)
    if others and not outside:
        raise WrongInputError(
            f"The source or sink {', '.join(others)} reaches a system outside of the rehearsal: "
            "what it takes there would go to simulated partners only.",
            code="sandbox_outside",
            where=f"{directory / CONFIG_NAME}: adapter",
            fix="Name a test system in the settings, then give --outside.",
        )


def copy_settings(directory: Path, sandbox: Path) -> CopiedSettings:
    """Write the settings of the rehearsal into the sandbox's folder of the agency.

    Args:
        directory: the agency's folder; it is only read.
        sandbox: the folder that was founded with throw-away keys.

    Raises:
        ConfigError: the settings cannot be read, or a file that they name.
    """
    path = directory / CONFIG_NAME
    own = parse_toml(path.read_bytes(), str(path))
    founded = parse_toml((sandbox / CONFIG_NAME).read_bytes(), str(sandbox / CONFIG_NAME))
    notes: list[str] = []
    settings: dict[str, Any] = {name: own[name] for name in own if name not in REPLACED}
    for name in settings.keys() - OF_THE_COPY:
        settings[name] = _with_files(settings[name], directory.absolute())
    settings |= {name: founded[name] for name in REPLACED if name in founded}
    settings["http"] = {"host": "127.0.0.1", "port": 0}
    settings["intervals"] = {**SHORT, **settings.get("intervals", {})}
    settings["folders"] = _folders(settings.get("folders", {}), notes)
    settings["adapter"] = _adapter(directory, sandbox, dict(settings.get("adapter", {})))
    if "http" in {settings["adapter"].get("source"), settings["adapter"].get("sink")}:
        settings["api"] = _api(dict(settings.get("api", {})), notes)
    else:
        settings.pop("api", None)
    text = format_toml(settings).encode()
    parse_config(text, str(sandbox / CONFIG_NAME))
    write_durably(sandbox / CONFIG_NAME, text)
    return CopiedSettings(tuple(notes))


def _with_files(value: Any, directory: Path) -> Any:
    """Return a value in which the names of the agency's files are absolute paths.

    A source or sink outside may need a file of the agency's folder, such as a certificate. It is
    only read.
    """
    if isinstance(value, Mapping):
        return {name: _with_files(one, directory) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_files(one, directory) for one in value]
    if isinstance(value, str) and value and (directory / value).is_file():
        return str(directory / value)
    return value


def _folders(own: Mapping[str, Any], notes: list[str]) -> dict[str, str]:
    """Return the folders; one outside of the agency's folder is replaced by one inside."""
    found: dict[str, str] = {}
    for name in _FOLDERS:
        text = str(own.get(name, name))
        if Path(text).is_absolute() or ".." in Path(text).parts:
            notes.append(f"The folder {name} is {name}/ in the sandbox, and not {text}.")
            text = name
        found[name] = text
    if "done_marker" in own:
        found["done_marker"] = own["done_marker"]
    return found


def _adapter(directory: Path, sandbox: Path, adapter: dict[str, Any]) -> dict[str, Any]:
    """Return the section, with the mapping file copied if there is one."""
    if adapter.get("kind") != KIND:
        return adapter
    named = str(adapter.get("mapping", MAPPING_FILE))
    inside = not Path(named).is_absolute() and ".." not in Path(named).parts
    target = named if inside else MAPPING_FILE
    try:
        (sandbox / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(directory / named, sandbox / target)
    except OSError as error:
        raise ConfigError(
            f"The mapping file cannot be read ({error.strerror}).",
            code="file_unusable",
            where=str(directory / named),
            fix="Check that it exists, its owner, its permissions and the free disk space.",
        ) from None
    return adapter if target == named else {**adapter, "mapping": target}


def _api(own: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the section of the HTTP interface: on this machine only, without TLS."""
    changed = [name for name in _API_OUTSIDE if own.pop(name, None) is not None]
    if changed or own.get("host", "127.0.0.1") != "127.0.0.1":
        notes.append("The HTTP interface answers on this machine only, at 127.0.0.1 without TLS.")
    port = own.get("port", 0)
    if port and port_in_use(port):
        notes.append(f"Another program uses port {port}: the HTTP interface takes a free port.")
        port = 0
    return {**own, "host": "127.0.0.1", "port": port}


def format_toml(table: Mapping[str, Any]) -> str:
    """Return a table as TOML 1.0.

    Args:
        table: texts, numbers, truth values, lists and tables.
    """
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    plain = [name for name, value in table.items() if not isinstance(value, Mapping)]
    lines = [f"{_key(name)} = {_value(table[name])}" for name in plain]
    for name, value in table.items():
        if isinstance(value, Mapping):
            path = (*above, name)
            lines += ["", f"[{'.'.join(map(_key, path))}]", *_lines(value, path)]
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)} = {_value(of)}' for name, of in value.items())}}}"
    if isinstance(value, int | float):
        return repr(value)
    return str(value.isoformat())  # a date or a time


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

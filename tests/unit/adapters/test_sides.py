"""Sources and sinks by entry point, and adapters whose sides are HTTP, with their real process."""

from __future__ import annotations

import inspect
import re
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from adapters import sides
from adapters.http_api.sides import http_sink, http_source
from adapters.sides import sink_named, source_named
from adapters.sinks.folder_delivery import folder_sink
from adapters.sources.folder_source import folder_source
from broker.agency.config import AgencyConfig
from broker.agency.kinds import SHIPPED, SINKS, SOURCES, require_side
from broker.errors import ConfigError
from tests.support.code_scan import ROOT
from tests.support.founded_partnership import POLICE, founded


def config(source: str = "folder", sink: str = "folder") -> AgencyConfig:
    found = founded().participants[POLICE].config
    chosen = found.adapter.model_copy(update={"source": source, "sink": sink})
    return found.model_copy(update={"adapter": chosen})


def test_folders_are_the_default_and_http_is_chosen_by_name() -> None:
    assert (source_named(config()), sink_named(config())) == (folder_source, folder_sink)
    both = config("http", "http")
    assert (source_named(both), sink_named(both)) == (http_source, http_sink)


def test_the_shipped_ones_are_entry_points() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    for (group, name), (module, function) in sides._OURS.items():
        assert declared[group][name] == f"{module}:{function}"
    assert {group: set(declared[group]) for group in (SOURCES, SINKS)} == SHIPPED


def test_a_misspelt_source_is_config_side_unknown() -> None:
    for named, group in ((source_named, SOURCES), (sink_named, SINKS)):
        with pytest.raises(ConfigError) as caught:
            named(config("htp", "htp"))
        assert caught.value.code == "config_side_unknown"
        assert "http" in (caught.value.fix or "")
        with pytest.raises(ConfigError) as caught:
            require_side(group, "htp")
        assert caught.value.code == "config_side_unknown"
        named(config("http", "http"))


def test_another_package_adds_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = object()

    class Point:
        name = "carrier-pigeon"

        def load(self) -> object:
            return made

    monkeypatch.setattr(sides, "entry_points", lambda group: [Point()])
    assert source_named(config("carrier-pigeon")) is made
    assert sink_named(config(sink="carrier-pigeon")) is made


def test_a_source_tree_that_is_not_installed_has_the_shipped_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sides, "entry_points", lambda group: [])
    assert source_named(config("http")) is http_source
    assert Path(sides.__file__).name == "sides.py"


def _made_by(module: str, function: str) -> type:
    """The class of what a function of an entry point makes, from its annotation."""
    made = getattr(import_module(module), function).__annotations__["return"]
    package = import_module(module.rpartition(".")[0])
    beside = (
        import_module(f"{package.__name__}.{one.name}") for one in iter_modules(package.__path__)
    )
    nearby = [*beside, import_module("adapters.delivery"), import_module("adapters.intake")]
    return next(vars(one)[made] for one in nearby if isinstance(vars(one).get(made), type))


@pytest.mark.parametrize(("group", "name"), sorted(sides._OURS))
def test_each_shipped_side_has_what_the_runner_uses(group: str, name: str) -> None:
    """An entry point is found at run time, so mypy does not compare it with the protocol."""
    made = _made_by(*sides._OURS[group, name])
    members = ["endpoints", "trouble", "run", *(["retry_now"] if group == SOURCES else [])]
    source = inspect.getsource(made)
    for member in members:
        assert hasattr(made, member) or re.search(rf"self\.{member}(:| =)", source), (made, member)

"""The source and the sink that `agency.toml` calls ``bus``."""

from __future__ import annotations

from functools import partial

from adapters.bus.answers import Answers
from adapters.bus.clients import bus_settings, client_maker
from adapters.bus.held_messages import HeldMessages
from adapters.bus.link import BusLink, Part
from adapters.bus.reader import MessageReader
from adapters.bus.results import BusResults
from adapters.bus.sink import BusSink
from adapters.bus.source import BusSource
from adapters.exchange.from_parts import acceptance_of, reading_of
from adapters.exchange.offering import Offering
from adapters.sides import SideParts
from broker.agency.config_bus import BusSection


def bus_source(parts: SideParts) -> BusSource:
    """Return the source that `agency.toml` calls ``bus``.

    Raises:
        ConfigError: `bus_library_missing` or `config_bus_tls`.
    """
    section = _section(parts)
    acceptance = acceptance_of(parts)
    link = _link(parts, "send", section.names.send)
    reader = MessageReader(link, _held(parts), section.names, "event")
    answers = Answers(parts.participant.agency)
    return BusSource(reader, acceptance, answers, parts.published, section.message_bytes)


def bus_sink(parts: SideParts) -> BusSink:
    """Return the sink that `agency.toml` calls ``bus``.

    Raises:
        ConfigError: `bus_library_missing` or `config_bus_tls`.
    """
    section, participant = _section(parts), parts.participant
    reading = reading_of(parts)
    offering = Offering(parts.store, reading, parts.clock)
    results = None
    if section.results == "reply":
        link = _link(parts, "results", section.names.results)
        reader = MessageReader(link, _held(parts), section.names, "result")
        results = BusResults(reader, offering, Answers(participant.agency), parts.metrics)
    link = _link(parts, "received", None)
    return BusSink(offering, link, results, parts.store, section.names.received)


def _section(parts: SideParts) -> BusSection:
    section = parts.participant.config.bus
    assert section is not None  # `require_bus`
    return section


def _link(parts: SideParts, part: Part, reads: str | None) -> BusLink:
    section = _section(parts)
    settings = bus_settings(section, parts.participant.root)
    make = client_maker(section.kind)
    return BusLink(partial(make, settings, reads), part, parts.metrics)


def _held(parts: SideParts) -> HeldMessages:
    participant = parts.participant
    folders = participant.config.folders
    return HeldMessages(
        participant.path(folders.import_),
        participant.path(folders.quarantine),
        participant.path(folders.processed),
    )

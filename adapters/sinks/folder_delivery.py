"""The sink `folder`: received events as files in the agency's inbox folder."""

from __future__ import annotations

from adapters.delivery import InboxDelivery
from adapters.sides import SideParts
from adapters.sinks.folder_sink import FolderSink


def folder_sink(parts: SideParts) -> InboxDelivery:
    """Return the sink that `agency.toml` calls ``folder``."""
    inbox = parts.participant.path(parts.participant.config.folders.inbox)
    return InboxDelivery(parts.system, parts.store, FolderSink(inbox), parts.clock)

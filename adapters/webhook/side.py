"""Construction of the sink `webhook` from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.sides import SideParts
from broker.agency.config import AgencyConfig
from broker.agency.delivery_sections import WebhookSection
from broker.errors import ConfigError
from concordant.packages import library_missing

if TYPE_CHECKING:
    from adapters.webhook.sink import WebhookSink


def webhook_sink(parts: SideParts) -> WebhookSink:
    """Return the sink that `agency.toml` calls ``webhook``.

    Raises:
        InstallationError: `package_missing`: the extra `webhook` is not installed.
        ConfigError: `webhook_secret_unusable` or `webhook_certificate_unusable`.
    """
    require_http_client()
    from adapters.exchange.from_parts import reading_of
    from adapters.webhook.endpoint import WebhookEndpoint, endpoint_settings
    from adapters.webhook.sink import DeliveryRecords, RetrySchedule, WebhookSink

    participant, clock = parts.participant, parts.clock
    section = webhook_section(participant.config)
    endpoint = WebhookEndpoint(endpoint_settings(section, participant.root), clock)
    endpoint.require_usable()
    schedule = RetrySchedule(section.retry_first, section.retry_most, section.give_up_after)
    records = DeliveryRecords(parts.store, reading_of(parts), schedule, clock)
    return WebhookSink(records, endpoint, section.requests, parts.metrics, clock)


def webhook_section(config: AgencyConfig) -> WebhookSection:
    """Return the section of the webhook.

    Raises:
        ConfigError: `config_invalid`: there is none.
    """
    if config.webhook is None:
        raise ConfigError(
            "The section [webhook] is missing.",
            code="config_invalid",
            where="agency.toml: webhook",
            fix='Add the section with url = "https://...".',
        )
    return config.webhook


def require_http_client() -> None:
    """Check that the HTTP client is installed, which only this sink needs.

    Raises:
        InstallationError: `package_missing`.
    """
    try:
        import httpx  # noqa: F401
    except ModuleNotFoundError as error:
        raise library_missing(error, "webhook") from None

"""Sections of `agency.toml` for the sink `webhook` and for the source and the sink `sftp`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from broker.agency.config_sections import SYSTEM_AUTHORITIES, DoneMarker, Section, Text

Url = Annotated[str, Field(min_length=1, max_length=2048)]


class WebhookSection(Section):
    """Webhook of the agency's system, if `[adapter] sink` is ``webhook``.

    Attributes:
        url: address to which each received event is sent.
        secret: file with the signing secret, and during a rotation with two.
        ca: authority of the endpoint's certificate.
        certificate: client certificate.
        key: its private key.
        proxy: HTTP proxy; the environment never names one.
        minimum_tls: lowest version of TLS.
        timeout: seconds for a whole request.
        requests: number of requests at once.
        imported_by: ``status``: an answer 2xx says that the event is imported, unless its body is a
            rejection. ``body``: only a body that says so.
        retry_first: seconds before the second attempt; each later pause is twice as long.
        retry_most: longest pause between two attempts, in seconds.
        give_up_after: seconds after the first attempt after which the event is held.
    """

    url: Url
    secret: Text = "webhook-secret"  # noqa: S105 - the name of a file
    ca: Text = SYSTEM_AUTHORITIES
    certificate: Text | None = None
    key: Text | None = None
    proxy: Url | None = None
    minimum_tls: Literal["1.2", "1.3"] = "1.2"
    timeout: Annotated[float, Field(ge=1, le=60)] = 20.0
    requests: Annotated[int, Field(ge=1, le=64)] = 4
    imported_by: Literal["status", "body"] = "status"
    retry_first: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    retry_most: Annotated[float, Field(gt=0, le=86_400)] = 3_600.0
    give_up_after: Annotated[float, Field(gt=0, le=2_592_000)] = 259_200.0


RemoteFolder = Annotated[str, Field(min_length=1, max_length=1024)]


class SftpSection(Section):
    """Server of the source and the sink ``sftp``.

    Attributes:
        host: name or address.
        port: port of SSH.
        user: name of this agency's account there.
        key: file with the private key, without a passphrase.
        password: file with the password, if the account has no key.
        known_hosts: file with the pinned host key, in the form of OpenSSH.
        exports: folder from which exports are fetched.
        archive: folder to which a fetched export is moved.
        rejects: folder to which an export is moved that is refused unread.
        imports: folder to which received events are written.
        done_marker: ending of the empty file that says that an export is complete.
        poll: seconds between two looks at the exports.
        timeout: seconds for one operation, and without a byte of a file.
    """

    host: Text
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    user: Text
    key: Text | None = None
    password: Text | None = None
    known_hosts: Text = "sftp-known-hosts"
    exports: RemoteFolder = "exports"
    archive: RemoteFolder = "archive"
    rejects: RemoteFolder = "rejects"
    imports: RemoteFolder = "imports"
    done_marker: DoneMarker | None = None
    poll: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    timeout: Annotated[float, Field(ge=1, le=600)] = 30.0

"""Commands ``concordant kafka authority``: certificates for the connections to Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, note, print_json, print_text

app = typer.Typer(
    no_args_is_help=True, help="Make the authority that Kafka trusts, and issue certificates."
)


@app.command("init")
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The authority's folder; absent or empty.")
    ],
) -> None:
    """Make a certificate authority for the connections to Kafka. The host of Kafka does this once.

    No event is believed because of a certificate. An authority that is there stays as it is.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_authority import make_authority

    made = make_authority(directory, now_ms())
    print_text(str(directory))
    note(
        "Keep key.pem private: its holder can connect to Kafka as any agency."
        if made
        else "It was there; nothing was changed."
    )


@app.command("issue")
def issue(
    authority: Annotated[
        Path, typer.Option("--authority", metavar="DIR", help="The authority's folder.")
    ],
    entries: Annotated[
        list[Path],
        typer.Argument(
            metavar="ENTRY...", help="Entries of agencies, or bundles with their entries."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="The bundle to write.")],
    json: AsJson = False,
) -> None:
    """Issue each agency's certificate from its entry, and write a bundle for all of them.

    The private key stays with the agency. Each agency adds the bundle: concordant bundle add.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_authority import issue_certificates

    issued = issue_certificates(authority, entries, out, now_ms())
    if json:
        print_json({"file": str(issued.file), "agencies": list(issued.agencies)})
    else:
        print_text(str(issued.file))
    note(f"Certificates for {', '.join(issued.agencies)}.")


@app.command("identity")
def identity(
    authority: Annotated[
        Path, typer.Option("--authority", metavar="DIR", help="The authority's folder.")
    ],
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="The principal, such as kafka-operator."),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write; absent or empty.")
    ],
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help="A DNS name or address of a broker; repeatable. None for the operator.",
        ),
    ] = None,
) -> None:
    """Issue a certificate of the host's own, with its key: for the operator, or for a broker.

    Writes ca.pem, cert.pem and key.pem. Give the operator's folder to `kafka plan` and `apply` with
    --tls.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_authority import issue_identity

    issue_identity(authority, name, tuple(host or ()), out, now_ms())
    print_text(str(out))
    note("Keep key.pem private.")


@app.command("bring")
def bring(
    agency: Agency,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The certificate, then that of each issuer, the root last; PEM."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Use a certificate of this agency's own authority instead of one of Kafka's host.

    It must be for the key of tls/request.pem, and for the agency's id as its common name. Bundles
    carry it to the host. Until the host trusts the authority, Kafka refuses it.
    """
    from dataclasses import asdict

    from broker.clock import now_ms
    from broker.operations.kafka_authority import bring_certificate

    brought = bring_certificate(agency, file, now_ms())
    if json:
        print_json(asdict(brought))
    else:
        print_text(brought.digest)
    note("Read these digits to Kafka's host by telephone, and send it: concordant bundle make")


@app.command("trust")
def trust(
    authority: Annotated[
        Path, typer.Option("--authority", metavar="DIR", help="The host's authority.")
    ],
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="FILE", help="A bundle with the certificates.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write, PEM.")],
    json: AsJson = False,
) -> None:
    """Write the authorities that Kafka trusts: the host's own, and those that agencies bring.

    The file is Kafka's ssl.truststore.location of the type PEM. An authority can issue certificates
    for every agency: compare its digits by telephone, and trust only one whose operators you trust.
    """
    from dataclasses import asdict

    from broker.clock import now_ms
    from broker.operations.kafka_authority import write_trust

    brought = write_trust(authority, bundle, out, now_ms())
    if json:
        print_json({"file": str(out), "authorities": [asdict(one) for one in brought]})
    else:
        print_text(
            "".join(f"{one.agency}: {one.subject}\n  {one.digest}\n" for one in brought)
            or "No agency brings a certificate of its own authority.\n"
        )
    note(f"Written to {out}. Let Kafka load it again.")

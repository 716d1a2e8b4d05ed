"""Commands ``concordant kafka``: a local Kafka for trials, and topics and rights."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.cli.output import REFUSED, Agency, AsJson, Output, note, print_json, print_text

if TYPE_CHECKING:
    from broker.operations.kafka_host import HostPlan, KafkaHost

_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")

app = typer.Typer(
    no_args_is_help=True,
    help="Start a local Kafka for a trial partnership, and give Kafka the topics and rights of "
    "the contract. The host of Kafka runs plan and apply, which give the host no right.",
)

Root = Annotated[
    Path,
    typer.Option(
        "--root", "--agency-root", metavar="DIR", help="The folder that `quickstart DIR` made."
    ),
]
AnyRoot = Annotated[
    Path | None,
    typer.Option(
        "--root",
        "--agency-root",
        metavar="DIR",
        help="The folder that `quickstart DIR` made: its contract, and its kafka/tls as operator.",
    ),
]
AnyAgency = Annotated[
    Path | None,
    typer.Option(
        "--agency",
        metavar="DIR",
        help="An agency's folder instead, for its contract and manifests.",
    ),
]
Bundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        help="A bundle that a party made: its contracts and manifests. Kafka's host needs nothing "
        "else from the partnership.",
    ),
]
Tls = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The operator's TLS identity: ca.pem, cert.pem and key.pem."),
]
Operator = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The operator's connection instead: a TOML file with a [kafka] section, as in "
        "agency.toml. For SCRAM and OAUTHBEARER.",
    ),
]
Bootstrap = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Kafka's address. The default is the one in agency.toml."
    ),
]


OwnPrincipal = Annotated[
    list[str] | None,
    typer.Option(
        "--own-principal",
        metavar="NAME",
        help="A Kafka principal of the host, which no party may have: a broker, an "
        "administrator, another application. Repeatable. The name in the operator's "
        "certificate is included.",
    ),
]
Follow = Annotated[
    list[str] | None,
    typer.Option(
        "--follow",
        metavar="HASH",
        help="Apply this version of a contract, which `plan` shows as waiting. Repeatable.",
    ),
]


@app.command("up")
def up(
    agency_root: Root,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Listen on this port, and write it to every agency.toml of the partnership. "
            "The default is the port that `quickstart` found free; if another program uses it now, "
            "a free one.",
        ),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(
            "--authority",
            metavar="DIR",
            help="The authority of `kafka authority init`, if it issued the agencies' "
            "certificates. Kafka's own files are in the folder of --root then, which may be empty.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Start the local Kafka of a trial partnership, and leave it running.

    A real Apache Kafka, with TLS client certificates; everything is denied without a right. Neither
    Docker nor Java is needed; the first start downloads about 43 MB of jars. Prints its address.
    Then: concordant kafka apply --root DIR
    """
    from broker.cli.kafka_text import running_json
    from broker.operations.local_kafka import start_local

    running = start_local(agency_root, note, port, authority)
    if json:
        print_json(running_json(running))
    else:
        print_text(f"{running.bootstrap}\n")
    if running.before:
        note("It was running already.")
    root = shlex.quote(str(agency_root))
    note(f"Log: {running.folder / 'kafka.log'}")
    if authority is None:
        note(f"Give it its topics and rights with: concordant kafka apply --root {root}")
    else:
        operator = shlex.quote(str(running.folder / "tls"))
        note(
            "Give it its topics and rights with: concordant kafka apply --bundle FILE "
            f"--tls {operator} --bootstrap {running.bootstrap}"
        )
    note(f"Stop it with: concordant kafka down --root {root}")


@app.command("down")
def down(agency_root: Root) -> None:
    """Stop the local Kafka of a trial partnership. Its records stay for the next start."""
    from broker.operations.local_kafka import stop_local

    note("Stopped." if stop_local(agency_root) else "It was not running.")


@app.command("renew")
def renew(agency: Agency, json: AsJson = False) -> None:
    """Run the command that renews this agency's TLS certificate: [kafka.renewal] in agency.toml.

    A running adapter runs it by itself before the certificate ends, and takes up the new files
    without a restart. The end of the command's output is in state/certificate-renewal.log.
    """
    import asyncio

    from broker.cli.kafka_text import renewed_certificate_json
    from broker.clock import now_ms
    from broker.operations.certificate_renewal import renew_agency
    from broker.utc_text import moment

    renewed = asyncio.run(renew_agency(agency, now_ms()))
    if json:
        print_json(renewed_certificate_json(renewed))
    else:
        print_text(f"{renewed.certificate}\n")
    note(f"The certificate is valid until {moment(renewed.ends_ms)}.")


@app.command("plan")
def plan(
    agency_root: AnyRoot = None,
    agency: AnyAgency = None,
    bundle: Bundle = None,
    tls: Tls = None,
    operator: Operator = None,
    bootstrap: Bootstrap = None,
    own_principal: OwnPrincipal = None,
    follow: Follow = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Print the changes that Kafka needs, and change nothing.

    Missing or different topics, rights to grant and to revoke. Topics are never deleted. Only
    topics and groups whose names begin with the deployment's name and a dot are managed. Exit code
    4: a version of a contract waits for --follow, or a party gets no rights.
    """
    from broker.cli.kafka_text import pending

    host = _host(agency_root, agency, bundle, tls, operator, bootstrap, own_principal or [])
    planned = host.plan(_hashes(follow or []))
    _print(planned, json=json, output=output)
    changes = pending(planned)
    given = _given(agency_root, agency, bundle, tls, operator, bootstrap, own_principal)
    if changes:
        followed = "".join(f" --follow {one}" for one in follow or [])
        note(f"{changes} change(s). Make them with: concordant kafka apply{given}{followed}")
    _finish(planned, changes, given)


@app.command("apply")
def apply(
    agency_root: AnyRoot = None,
    agency: AnyAgency = None,
    bundle: Bundle = None,
    tls: Tls = None,
    operator: Operator = None,
    bootstrap: Bootstrap = None,
    own_principal: OwnPrincipal = None,
    follow: Follow = None,
    replication: Annotated[
        int, typer.Option(min=1, help="Copies of each new topic; 3 on a cluster of three or more.")
    ] = 1,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Make the changes that `kafka plan` prints, and print them. A second run changes nothing."""
    from broker.cli.kafka_text import pending

    host = _host(agency_root, agency, bundle, tls, operator, bootstrap, own_principal or [])
    planned = host.plan(_hashes(follow or []))
    host.apply(planned, replication=replication)
    _print(planned, json=json, output=output)
    made = pending(planned)
    if made:
        note(f"{made} change(s) made.")
    _finish(
        planned, made, _given(agency_root, agency, bundle, tls, operator, bootstrap, own_principal)
    )


@app.command("strimzi")
def strimzi(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the resources and the record of the applied versions. Keep it under "
            "version control.",
        ),
    ],
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Name under which agencies reach Kafka, such as kafka.example.org. Broker N is "
            "bN of it.",
        ),
    ],
    agency: AnyAgency = None,
    bundle: Bundle = None,
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the Kafka resource.")
    ] = "concordant",
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Namespace of all resources.")
    ] = "kafka",
    brokers: Annotated[int, typer.Option(min=1, max=99, help="Number of nodes of Kafka.")] = 3,
    operator_principal: Annotated[
        str, typer.Option(metavar="NAME", help="Principal of Kafka's operator: a super user.")
    ] = "kafka-operator",
    own_principal: OwnPrincipal = None,
    follow: Follow = None,
    json: AsJson = False,
) -> None:
    """Write topics, users and rights as resources of Strimzi, for a Kafka in Kubernetes.

    They follow from the contracts by the rules of `kafka plan`, and each principal has its limits.
    A folder of an earlier run is brought up to date; its kafka.yaml stays as it is. Exit code 4: a
    version of a contract waits for --follow, or a party gets no rights.
    """
    from broker.cli.kafka_text import strimzi_json, text
    from broker.clock import now_ms
    from broker.operations.strimzi_resources import host_contracts, write_resources
    from broker.transport.strimzi import Cluster, is_object_name

    if (agency is None) == (bundle is None):
        raise typer.BadParameter("give one of --bundle FILE and --agency DIR")
    for name, value in (("--host", host), ("--cluster", cluster), ("--namespace", namespace)):
        if not is_object_name(value):
            raise typer.BadParameter(f"{name} takes a name of small letters, digits, '-' and '.'")
    now = now_ms()
    described = Cluster(cluster, namespace, host, brokers, operator_principal)
    written = write_resources(
        host_contracts(agency, bundle, now),
        out,
        described,
        own_principal or [],
        now,
        _hashes(follow or []),
    )
    if json:
        print_json(strimzi_json(written))
    else:
        print_text(text(written.plan))
    for file in written.files:
        note(f"Written: {file}")
    for principal in written.stopped:
        note(f"{principal} has no right any more; its user stays, without rights.")
    given = _given(None, agency, bundle, None, None, None, own_principal)
    given += f" --out {shlex.quote(str(out))} --host {host}"
    _show_decisions(written.plan, f"strimzi{given}")
    if written.plan.waiting or written.plan.refused:
        raise typer.Exit(REFUSED)


def _host(
    root: Path | None,
    agency: Path | None,
    bundle: Path | None,
    tls: Path | None,
    operator: Path | None,
    bootstrap: str | None,
    own: list[str],
) -> KafkaHost:
    """Return Kafka as its operator sees it.

    Raises:
        typer.BadParameter: the options exclude each other.
        ConcordantError: the folder cannot be loaded.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_operator import (
        OperatorAccess,
        agency_host,
        bundle_host,
        partnership_host,
    )
    from broker.transport.connection import wrong_address

    if sum(one is not None for one in (root, agency, bundle)) != 1:
        raise typer.BadParameter("give one of --bundle FILE, --agency DIR and --root DIR")
    if tls is not None and operator is not None:
        raise typer.BadParameter("give either --tls DIR or --operator FILE")
    if root is None and tls is None and operator is None:
        raise typer.BadParameter("the operator's identity is needed: --tls DIR, or --operator FILE")
    if bundle is not None and operator is None and bootstrap is None:
        raise typer.BadParameter("--bundle and --tls go with --bootstrap HOST:PORT")
    if bootstrap is not None and wrong_address(bootstrap) is not None:
        raise typer.BadParameter("--bootstrap takes HOST:PORT, or several with commas between")
    access = OperatorAccess(tls, operator, bootstrap, own)
    if root is not None:
        return partnership_host(root, access, now_ms())
    if bundle is not None:
        return bundle_host(bundle, access, now_ms())
    assert agency is not None
    return agency_host(agency, access, now_ms())


def _hashes(texts: list[str]) -> frozenset[bytes]:
    """Return the versions that the operator decided to apply.

    Raises:
        typer.BadParameter: a value is not a SHA-256.
    """
    for text in texts:
        if not _HASH.fullmatch(text):
            raise typer.BadParameter("--follow takes a contract's SHA-256: 64 hexadecimal digits")
    return frozenset(map(bytes.fromhex, texts))


def _print(planned: HostPlan, *, json: bool, output: Path | None) -> None:
    from broker.cli.kafka_text import rows, text

    if json:
        print_json(rows(planned), output)
    else:
        print_text(text(planned), output)


def _given(
    root: Path | None,
    agency: Path | None,
    bundle: Path | None,
    tls: Path | None,
    operator: Path | None,
    bootstrap: str | None,
    own: list[str] | None,
) -> str:
    """Return the given options, for a proposed command."""
    named = (
        ("--root", root),
        ("--agency", agency),
        ("--bundle", bundle),
        ("--tls", tls),
        ("--operator", operator),
        ("--bootstrap", bootstrap),
    )
    options = [(name, str(value)) for name, value in named if value is not None]
    options += [("--own-principal", name) for name in own or []]
    return "".join(f" {name} {shlex.quote(value)}" for name, value in options)


def _finish(planned: HostPlan, changes: int, given: str) -> None:
    """Show what the operator still has to decide; exit code 4 if there is anything."""
    _show_decisions(planned, f"apply{given}")
    if planned.waiting or planned.refused:
        raise typer.Exit(REFUSED)
    if not changes:
        note("Nothing to do.")


def _show_decisions(planned: HostPlan, command: str) -> None:
    """Show the command for each version that waits, and whether parties have no rights."""
    for waiting in planned.waiting:
        for version in waiting.found:
            if version != waiting.applied:
                note(
                    f"To apply {waiting.name} {version.version}, after comparing it with the "
                    f"parties: concordant kafka {command} --follow {version.hash}"
                )
    if planned.refused:
        note("The parties above get no rights. The others get theirs.")

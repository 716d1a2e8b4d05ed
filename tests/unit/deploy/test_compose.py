"""The compose file: what the published schema, our command and our configuration say of it."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from cryptography import x509

from adapters.catalogue import adapter_named
from adapters.trial_agencies import london_agencies
from adapters.web.serving import WebServer
from broker.agency.config import load_config
from broker.operations.kafka_operator import OperatorAccess, partnership_host
from contracts.loading import load_contract

NOW = 1_790_000_000_000
AGENCIES = [plan.id for plan in london_agencies()]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    # safe_load resolves one merge or a list of them, as Compose does
    return compose["services"]


@pytest.fixture(scope="module")
def script(root: Path) -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(
        "partnership_in_compose", root / "deploy/compose/make_partnership.py"
    )
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def partnership(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "partnership"
    assert script.make(folder, NOW)
    return folder


def test_it_is_a_compose_file_by_the_published_schema(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose)


def test_a_misspelt_setting_would_be_noticed(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    wrong = {**compose, "services": {"kafka": {"image": "x", "enviroment": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(wrong)


def test_every_agency_of_the_partnership_has_an_adapter(services: dict[str, Any]) -> None:
    adapters = {n for n, s in services.items() if s.get("command", [""])[0] == "adapter"}
    assert adapters == set(AGENCIES)


def test_every_command_is_one_that_concordant_takes(services: dict[str, Any], parsed: Any) -> None:
    ours = {n: s for n, s in services.items() if s["image"] == "concordant:local"}
    names = {n: parsed(s["command"])[0] for n, s in ours.items() if "entrypoint" not in s}
    assert names == {"provisioning": "kafka apply", **dict.fromkeys(AGENCIES, "adapter run")}


def test_an_adapter_sees_its_own_folder_and_no_other(services: dict[str, Any], parsed: Any) -> None:
    for agency in AGENCIES:
        (mount,) = services[agency]["volumes"]
        assert mount["volume"] == {"subpath": agency}
        _, parameters = parsed(services[agency]["command"])
        assert str(parameters["agency"]) == mount["target"]


def test_the_folders_that_are_mounted_are_made(services: dict[str, Any], partnership: Path) -> None:
    mounts = [m for s in services.values() for m in s.get("volumes", ()) if isinstance(m, dict)]
    assert len(mounts) == len(AGENCIES) + 2
    assert all((partnership / m["volume"]["subpath"]).is_dir() for m in mounts)


def test_each_agency_finds_kafka_and_answers_at_the_published_port(
    services: dict[str, Any], partnership: Path, script: Any
) -> None:
    published = set()
    for agency in AGENCIES:
        config = load_config(partnership / agency)
        adapter_named(config.adapter.kind)
        assert config.kafka.bootstrap == f"kafka:{script.PORT}"
        assert config.http.host == "0.0.0.0"
        port, *_pages = services[agency]["ports"]
        address, outside, inside = port.split(":")
        assert (address, int(inside)) == ("127.0.0.1", config.http.port)
        published.add(outside)
    assert len(published) == len(AGENCIES)


async def test_the_pages_answer_at_the_published_port(
    services: dict[str, Any], partnership: Path, script: Any, parsed: Any
) -> None:
    service = services[script.PAGES_OF]
    name, parameters = parsed(service["command"])
    address, outside, inside = service["ports"][1].split(":")
    assert (name, parameters["web"], parameters["web_host"]) == ("adapter run", True, "0.0.0.0")
    assert (address, int(outside), int(inside)) == (
        "127.0.0.1", script.PAGES_PORT, parameters["web_port"],
    )  # fmt: skip
    folder = partnership / script.PAGES_OF
    server = WebServer(folder, lambda: NOW, parameters["web_host"], 0)
    await server.start()
    try:
        link = server.new_link()
        assert link.startswith(f"https://localhost:{script.PAGES_PORT}/link/")
        trusted = ssl.create_default_context(cafile=folder / "web/ca.pem")
        async with httpx.AsyncClient(verify=trusted) as browser:
            answer = await browser.get(link.replace(str(script.PAGES_PORT), str(server.port)))
    finally:
        await server.stop()

    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-")


def test_the_agencies_come_with_a_contract_in_force(partnership: Path) -> None:
    for agency in AGENCIES:
        contract = load_contract(partnership / agency / "contracts" / "london-hate-crime.yaml")
        assert {party.id for party in contract.contract.parties} == set(AGENCIES)


def test_kafka_is_told_what_the_tests_tell_it(
    services: dict[str, Any], partnership: Path, script: Any
) -> None:
    text = (partnership / "kafka" / "config" / "server.properties").read_text()
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert settings["ssl.client.auth"] == "required"
    assert settings["ssl.enabled.protocols"] == "TLSv1.3"
    assert settings["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["advertised.listeners"] == f"CLIENTS://{services['kafka']['hostname']}:9092"
    # Nothing of it can be overridden from the compose file: the image takes KAFKA_* for settings.
    assert set(services["kafka"]["environment"]) == {"KAFKA_HEAP_OPTS"}


def test_kafkas_files_are_where_its_settings_say(
    services: dict[str, Any], partnership: Path
) -> None:
    text = (partnership / "kafka" / "config" / "server.properties").read_text()
    settings = dict(line.split("=", 1) for line in text.splitlines())
    (tls,) = (
        mount
        for mount in services["kafka"]["volumes"]
        if isinstance(mount, dict) and mount["volume"]["subpath"] == "kafka/tls"
    )
    for name in ("ssl.keystore.location", "ssl.truststore.location"):
        inside = Path(settings[name]).relative_to(tls["target"])
        assert (partnership / tls["volume"]["subpath"] / inside).is_file()
    assert f"kafka-data:{settings['log.dirs']}" in services["kafka"]["volumes"]


def test_kafkas_certificate_is_for_its_name_in_the_network(partnership: Path) -> None:
    pem = (partnership / "kafka" / "tls" / "cert.pem").read_bytes()
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["kafka"]


def test_the_provisioner_only_reads_the_partnership(
    services: dict[str, Any], partnership: Path, parsed: Any
) -> None:
    _, parameters = parsed(services["provisioning"]["command"])
    folder = parameters["agency_root"]
    assert services["provisioning"]["volumes"] == [f"partnership:{folder}:ro"]
    before = contents(partnership)
    assert parameters["agency"] is None
    partnership_host(partnership, OperatorAccess(parameters["tls"]), NOW + 1)
    assert contents(partnership) == before


def test_making_it_again_changes_nothing(partnership: Path, script: Any) -> None:
    before = contents(partnership)
    assert not script.make(partnership, NOW + 1)
    assert contents(partnership) == before


def test_no_secret_is_written_down_and_nothing_runs_with_rights(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    assert "secrets" not in compose
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "user"} & set(service), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        words = " ".join(service.get("environment", {})).lower()
        assert not any(word in words for word in ("password", "passphrase", "secret", "token"))


PINNED = re.compile(r"[a-z0-9./-]+:[a-z0-9.-]*[0-9][a-z0-9.-]*@sha256:[0-9a-f]{64}")
ASKED_FOR = re.compile(r"apache/kafka:[0-9.]+@\$\{KAFKA_DIGEST:\?[^}]+\}")
"""Without the variable Compose refuses to start: there is no image by tag alone."""


def test_every_image_is_named_by_its_digest(services: dict[str, Any]) -> None:
    foreign = {s["image"] for s in services.values() if s["image"] != "concordant:local"}
    assert len(foreign) == 3
    for image in foreign:
        assert PINNED.fullmatch(image) or ASKED_FOR.fullmatch(image), image


@pytest.mark.parametrize("given", ["sha256:" + "ab" * 32, "", "latest"])
def test_the_digest_of_kafkas_image_is_asked_for_and_kept(
    root: Path, tmp_path: Path, given: str
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\necho "{given}"\n')
    docker.chmod(0o755)
    kept = tmp_path / "env"
    kept.write_text("OTHER=1\nKAFKA_DIGEST=old\n")
    script = root / "deploy" / "container" / "pin.sh"
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", script, kept], env=path, capture_output=True, check=False)
    assert "apache/kafka:" in (tmp_path / "asked").read_text()
    if given.startswith("sha256:"):
        assert done.returncode == 0
        assert kept.read_text() == f"OTHER=1\nKAFKA_DIGEST={given}\n"
    else:
        assert done.returncode == 3
        assert kept.read_text() == "OTHER=1\nKAFKA_DIGEST=old\n"


def test_kafka_is_the_version_that_the_tests_run(services: dict[str, Any]) -> None:
    from broker.transport.distribution import load_lock

    (version,) = {jar.version for jar in load_lock() if jar.artifact == "kafka_2.13"}
    assert services["kafka"]["image"].startswith(f"apache/kafka:{version}@")

"""Manifests of an adapter in Kubernetes: valid, closed, and true to what the adapter does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from broker.agency.config_sections import HttpSection, PassphraseSection
from broker.keys.secret_source import CREDENTIALS_DIRECTORY, SecretSource, load_secret
from broker.observing.health import Readiness, health_app
from broker.transport.strimzi import CLIENT_PORT

FILES = ("adapter.yaml", "folder.yaml")
GUIDE = "docs/guides/kubernetes.md"


def resources(root: Path, name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((root / "deploy/kubernetes" / name).read_text()))


@pytest.fixture(scope="module")
def adapter(root: Path) -> dict[str, dict[str, Any]]:
    """Resources of the adapter by their kinds."""
    return {one["kind"]: one for one in resources(root, "adapter.yaml")}


@pytest.fixture(scope="module")
def pod(adapter: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = adapter["StatefulSet"]["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def settings(root: Path) -> dict[str, Any]:
    """The settings that the guide asks for, as agency.toml would have them."""
    (block,) = re.findall(r"```toml\n(.*?)```", (root / GUIDE).read_text(), re.DOTALL)
    return tomllib.loads(block)


def pods(root: Path) -> Iterator[dict[str, Any]]:
    for name in FILES:
        for one in resources(root, name):
            if one["kind"] == "Pod":
                yield one["spec"]
            elif one["kind"] == "StatefulSet":
                yield one["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", FILES)
def test_each_resource_is_one_of_its_kind(root: Path, name: str) -> None:
    found = json.loads((root / "tests/unit/deploy/kubernetes/schemas.json").read_text())
    for one in resources(root, name):
        reference = f"#/$defs/{found['kinds'][one['kind']]}"
        validator = Draft202012Validator({"$defs": found["$defs"], "$ref": reference})
        validator.validate(one)
        assert not validator.is_valid({**one, "spek": {}})


def test_no_pod_is_root_or_may_write_to_its_image(root: Path) -> None:
    for spec in pods(root):
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_users_and_image_are_those_of_the_container_file(root: Path) -> None:
    text = (root / "deploy/container/Containerfile").read_text()
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", text, re.M)[0]
    for spec in pods(root):
        context = spec["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(user), int(group))
        assert context["fsGroup"] == int(group)
        assert {one["image"] for one in spec["containers"]} == {"concordant:local"}


def test_mounts_and_volumes_belong_together(root: Path) -> None:
    for spec in pods(root):
        (container,) = spec["containers"]
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert mounted == {"agency": "/agency", "credentials": "/credentials", "scratch": "/tmp"}
        assert {one["name"] for one in spec["volumes"]} == mounted.keys()
        variables = {one["name"]: one["value"] for one in container["env"]}
        assert variables == {CREDENTIALS_DIRECTORY: mounted["credentials"]}


def test_it_runs_the_command_of_the_image_on_the_volume(pod: dict[str, Any], parsed: Any) -> None:
    (container,) = pod["containers"]
    name, parameters = parsed(container["args"])
    assert name == "adapter run"
    assert parameters["agency"] == Path("/agency")


def test_probes_ask_what_the_adapter_answers(
    adapter: dict[str, dict[str, Any]], pod: dict[str, Any], settings: dict[str, Any]
) -> None:
    (container,) = pod["containers"]
    (port,) = container["ports"]
    http = HttpSection(**settings["http"])
    assert (http.host, http.port) == ("0.0.0.0", port["containerPort"])
    paths = {route.path for route in health_app(Readiness(), bytes).routes}  # type: ignore[attr-defined]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] == port["name"]
        assert asked["path"] in paths
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    (service,) = adapter["Service"]["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (http.port, port["name"])


def test_the_policy_lets_kafka_and_metrics_through_alone(
    adapter: dict[str, dict[str, Any]], settings: dict[str, Any]
) -> None:
    policy = adapter["NetworkPolicy"]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    inwards = {one["port"] for rule in policy["ingress"] for one in rule["ports"]}
    outwards = {one["port"] for rule in policy["egress"] for one in rule["ports"]}
    assert inwards == {settings["http"]["port"]}
    assert outwards == {53, CLIENT_PORT}
    assert all("from" in rule for rule in policy["ingress"])


def test_every_selector_finds_the_pod(adapter: dict[str, dict[str, Any]]) -> None:
    labels = adapter["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert adapter["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert adapter["Service"]["spec"]["selector"] == labels
    assert adapter["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert adapter["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def patched(root: Path) -> list[dict[str, Any]]:
    """Resources of two adapters, as `kubectl apply --kustomize` makes them."""
    folder = root / "deploy/kubernetes/several"
    changes = yaml.safe_load((folder / "kustomization.yaml").read_text())
    base = folder / changes["resources"][0]
    (file,) = yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]
    found = list(yaml.safe_load_all((base / file).read_text()))
    for change in changes["patches"]:
        asked = change["target"]
        (one,) = [
            one
            for one in found
            if (one["kind"], one["metadata"]["name"]) == (asked["kind"], asked["name"])
        ]
        for step in yaml.safe_load(change["patch"]):
            *path, last = step["path"].removeprefix("/").split("/")
            place = one
            for name in path:
                place = place[name]
            assert step["op"] == "add" or last in place
            if last == "-":
                place.append(step["value"])  # type: ignore[attr-defined]  # a list
            else:
                place[last] = step["value"]
    return found


def test_two_adapters_are_resources_of_their_kinds(root: Path) -> None:
    schemas = json.loads((root / "tests/unit/deploy/kubernetes/schemas.json").read_text())
    for one in patched(root):
        reference = f"#/$defs/{schemas['kinds'][one['kind']]}"
        Draft202012Validator({"$defs": schemas["$defs"], "$ref": reference}).validate(one)


def test_two_adapters_share_the_volume_and_reach_the_server(root: Path) -> None:
    found = {one["kind"]: one.get("spec", {}) for one in patched(root)}
    assert found["StatefulSet"]["replicas"] == 2
    assert found["PersistentVolumeClaim"]["accessModes"] == ["ReadWriteMany"]
    ports = [one["port"] for rule in found["NetworkPolicy"]["egress"] for one in rule["ports"]]
    assert 5432 in ports
    assert found["PodDisruptionBudget"]["maxUnavailable"] == 1
    (spread,) = found["StatefulSet"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == found["StatefulSet"]["selector"]


def test_one_pod_alone_has_the_folder(adapter: dict[str, dict[str, Any]]) -> None:
    assert adapter["StatefulSet"]["spec"]["replicas"] == 1
    assert adapter["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_a_pod_has_the_time_to_end_that_a_service_has(pod: dict[str, Any], root: Path) -> None:
    unit = (root / "deploy/systemd/concordant-adapter@.service").read_text()
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.M)
    assert pod["terminationGracePeriodSeconds"] == int(seconds)


def test_the_passphrase_comes_from_a_secret_as_kubernetes_mounts_it(
    pod: dict[str, Any], settings: dict[str, Any], root: Path, tmp_path: Path
) -> None:
    """A secret is a folder with links to links: `passphrase -> ..data/passphrase`."""
    credential = PassphraseSection(**settings["passphrase"]).credential
    guide = (root / GUIDE).read_text()
    secret = next(one["secret"] for one in pod["volumes"] if "secret" in one)
    assert f"secret generic {secret['secretName']} --from-file={credential}=" in guide
    versioned = tmp_path / "..2026_11_30"
    versioned.mkdir()
    (versioned / str(credential)).write_bytes(b"correct horse battery staple")
    (tmp_path / "..data").symlink_to(versioned.name)
    (tmp_path / str(credential)).symlink_to(f"..data/{credential}")
    source = SecretSource(credential=credential)
    found = load_secret(source, {CREDENTIALS_DIRECTORY: str(tmp_path)})
    assert found == b"correct horse battery staple"


def test_the_guide_names_what_there_is(root: Path, adapter: dict[str, dict[str, Any]]) -> None:
    guide = (root / GUIDE).read_text()
    for file in re.findall(r"--filename (\S+)", guide):
        assert (root / file).is_file(), file
    names = {one["metadata"]["name"] for name in FILES for one in resources(root, name)}
    for kind, name in re.findall(r"\b(statefulset)[/ ]([a-z-]+)", guide):
        assert adapter[{"statefulset": "StatefulSet"}[kind]]["metadata"]["name"] == name
    (folder,) = set(re.findall(r"exec --stdin (\S+)", guide))
    assert folder in names


def test_concordant_commands_of_the_guide_parse(root: Path, parsed: Any) -> None:
    commands = re.findall(r" -- concordant ([^`\n|]*)", (root / GUIDE).read_text())
    assert len(commands) >= 4
    for line in commands:
        _, parameters = parsed(line.split())
        assert parameters["agency"] == Path("/agency")

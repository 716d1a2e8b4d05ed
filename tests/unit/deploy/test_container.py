"""The container file, as far as it can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from broker.observing.health import Readiness, health_app

HEALTHCHECK = "deploy/container/healthcheck.py"


@pytest.fixture(scope="module")
def lines(root: Path) -> list[str]:
    text = (root / "deploy/container/Containerfile").read_text()
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def final(lines: list[str]) -> list[str]:
    """The instructions of the image that is kept."""
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM "))
    return lines[last:]


def instruction(lines: list[str], name: str) -> str:
    (found,) = (line for line in lines if line.startswith(f"{name} "))
    return found.removeprefix(f"{name} ")


def test_its_bases_are_named_by_one_digest(lines: list[str]) -> None:
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2
    (base,) = set(bases)
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", base)


def test_it_does_not_run_as_root(final: list[str]) -> None:
    assert instruction(final, "USER") == "1000:1000"


def test_it_runs_a_command_that_concordant_takes(final: list[str], parsed: Any) -> None:
    assert instruction(final, "ENTRYPOINT") == '["concordant"]'
    words = re.findall(r'"([^"]*)"', instruction(final, "CMD"))
    assert parsed(words) == ("adapter run", {**parsed(words)[1], "agency": Path("/agency")})


def test_the_line_of_the_guide_runs_the_pages(root: Path, parsed: Any) -> None:
    guide = (root / "docs/guides/web.md").read_text()
    (line,) = re.findall(r"^docker run (.*)$", guide, re.M)
    options, _, words = line.partition(" concordant:local ")
    given = dict(re.findall(r"--(volume|publish) (\S+)", options))
    name, parameters = parsed(words.split())

    assert re.sub(r"--(volume|publish) \S+", "", options).split() == []
    assert name == "adapter run"
    assert parameters["web"]
    assert given["volume"].partition(":")[2] == str(parameters["agency"])
    assert given["publish"].partition(":")[2] == str(parameters["web_port"])
    assert parameters["web_host"] == "0.0.0.0"


def test_everything_is_installed_by_its_sum(lines: list[str]) -> None:
    installs = re.findall(r"pip install ([^&]*)", " ".join(lines))
    assert len(installs) == 3
    assert all("--require-hashes" in i or "--no-index --no-deps" in i for i in installs)


def test_the_guide_installs_by_the_same_commands(lines: list[str], root: Path) -> None:
    guide = (root / "docs/guides/connecting-an-agency.md").read_text()
    block = guide.partition("### Installing\n")[2].partition("```sh\n")[2].partition("```")[0]
    made = " ".join(" ".join(lines).replace("python -m venv", "python3 -m venv").split())
    assert len(block.splitlines()) == 6
    for command in block.splitlines():
        assert command in made, command


def test_copied_files_exist_and_are_not_ignored(lines: list[str], root: Path) -> None:
    allowed = {
        line[1:]
        for line in (root / "deploy/container/Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (root / source).exists(), source
                assert source in allowed or f"{source}/*.lock" in allowed, source


def packages(root: Path) -> list[str]:
    text = (root / "pyproject.toml").read_text()
    found: list[str] = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return found


def test_it_builds_from_each_package_of_the_wheel(lines: list[str], root: Path) -> None:
    assert {f"COPY {name} {name}" for name in packages(root)} <= set(lines)


def test_the_trial_with_compose_mounts_each_package_of_the_wheel(root: Path) -> None:
    """One that is missing there would be taken from the image, and the others be foreign to it."""
    text = (root / "docker-compose.yml").read_text()
    mounted = set(re.findall(r"- \./([\w/]+):/source/(\w+):ro", text))
    assert mounted == {(name, Path(name).name) for name in packages(root)}


def test_no_secret_gets_in(lines: list[str]) -> None:
    text = " ".join(lines).lower()
    assert not re.search(r"^(arg|env) .*(password|passphrase|token)", text)
    assert "https://" not in text


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def checked(root: Path, agency: Path) -> int:
    return subprocess.run([sys.executable, root / HEALTHCHECK, agency], check=False).returncode


def test_the_health_check_asks_the_adapters_own_port(
    root: Path, tmp_path: Path, server: HTTPServer
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/http-port").write_text(f"{server.server_port}\n")
    assert checked(root, tmp_path) == 0


def test_without_an_adapter_the_health_check_fails(root: Path, tmp_path: Path) -> None:
    assert checked(root, tmp_path) == 1
    (tmp_path / "state").mkdir()
    (tmp_path / "state/http-port").write_text("1\n")
    assert checked(root, tmp_path) == 1


def test_the_adapter_has_what_the_health_check_asks_for(root: Path) -> None:
    from adapters.runner import PORT_FILE

    text = (root / HEALTHCHECK).read_text()
    assert all(f'"{part}"' in text for part in Path(PORT_FILE).parts)
    paths = [route.path for route in health_app(Readiness(), bytes).routes]
    assert "/livez" in paths

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

from broker.errors import TransportError
from broker.transport import distribution
from broker.transport.distribution import LockedJar, load_lock, parse_lock, prepare_jars

FOLDER = Path(distribution.__file__).parents[2] / "deploy" / "kafka"


def test_the_committed_lock_is_one_kafka_with_a_sum_for_every_jar() -> None:
    jars = load_lock()
    kafka = {jar.version for jar in jars if jar.group == "org.apache.kafka"}
    assert kafka == {"4.4.0"}, "jgo mixes versions unless each coordinate ends in `!`"
    assert len({jar.name for jar in jars}) == len(jars) == 45


def test_the_lock_is_of_the_committed_spec() -> None:
    spec = (FOLDER / "jgo.toml").read_bytes()
    lock = tomllib.loads((FOLDER / "jgo.lock.toml").read_text())
    assert lock["metadata"]["spec_hash"] == hashlib.sha256(spec).hexdigest()[:16]


def test_the_lock_names_no_registry_and_no_machine() -> None:
    text = (FOLDER / "jgo.lock.toml").read_text()
    assert "/" not in text
    assert "http" not in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"dependencies = 1",
        b"dependencies = []",
        b'[[dependencies]]\ngroupId = "g"\nartifactId = "a"\nversion = "1"',
        b'[[dependencies]]\ngroupId="g"\nartifactId="a"\nversion="1"\nsha256="zz"',
        b'[[dependencies]]\ngroupId="g"\nartifactId="a"\nversion="1"\nsha256="00"',
    ],
)
def test_text_that_is_not_a_lock_is_refused(content: bytes) -> None:
    with pytest.raises(TransportError) as refused:
        parse_lock(content)
    assert refused.value.code == "kafka_distribution"


def test_a_missing_lock_says_so(tmp_path: Path) -> None:
    with pytest.raises(TransportError) as missing:
        load_lock(tmp_path)
    assert missing.value.where == "jgo.lock.toml"


class Repository:
    """A Maven repository of one jar, in jgo's local form, and a cache for what is taken from it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.content = b"a jar"
        self.jar = LockedJar("org.example", "thing", "1.0", hashlib.sha256(b"a jar").hexdigest())
        self.path = folder / "m2" / "org" / "example" / "thing" / "1.0" / self.jar.name
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(self.content)
        self.cache = folder / "cache"
        settings = folder / "jgo.conf"
        settings.write_text("[repositories]\ncentral = http://127.0.0.1:9/nothing-here\n")
        monkeypatch.setenv("M2_REPO", str(folder / "m2"))
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        monkeypatch.setattr(distribution, "load_lock", lambda: (self.jar,))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(tmp_path, monkeypatch)


def test_jars_are_taken_from_the_machine_s_own_repository(repository: Repository) -> None:
    told: list[str] = []
    folder = prepare_jars(told.append, cache=repository.cache)
    assert [path.name for path in folder.iterdir()] == [repository.jar.name]
    assert told == ["1 of 1 jars: thing-1.0.jar"]
    assert repository.path.read_bytes() == repository.content


def test_a_second_time_nothing_is_fetched(repository: Repository) -> None:
    folder = prepare_jars(cache=repository.cache)
    repository.path.unlink()
    told: list[str] = []
    assert prepare_jars(told.append, cache=repository.cache) == folder
    assert told == []


def test_a_jar_with_another_sum_is_refused_and_not_kept(repository: Repository) -> None:
    repository.path.write_bytes(b"another jar")
    with pytest.raises(TransportError) as refused:
        prepare_jars(cache=repository.cache)
    assert refused.value.code == "kafka_distribution"
    assert refused.value.where == repository.jar.name
    assert not list(repository.cache.rglob("*.jar"))


def test_a_jar_that_was_altered_in_the_cache_is_fetched_again(repository: Repository) -> None:
    folder = prepare_jars(cache=repository.cache)
    (folder / repository.jar.name).write_bytes(b"altered")
    (folder / "stray.jar").write_bytes(b"on the class path too")
    prepare_jars(cache=repository.cache)
    assert (folder / repository.jar.name).read_bytes() == repository.content
    assert not (folder / "stray.jar").exists()


def test_a_mirror_that_does_not_answer_is_an_error_with_a_fix(repository: Repository) -> None:
    repository.path.unlink()
    with pytest.raises(TransportError) as unreachable:
        prepare_jars(cache=repository.cache)
    assert "ConnectionError" in unreachable.value.detail
    assert "jgo.conf" in (unreachable.value.fix or "")

"""`agency.toml`: what is wrong is named by file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.config import (
    CONFIG_FORMAT,
    AgencyConfig,
    governance_kids,
    load_config,
    parse_config,
)
from broker.agency.config_secrets import passphrase_source, signing_token
from broker.errors import ConfigError
from tests.support.config_text import config_text

GOOD = config_text(partners={'A "quoted" code': "haven-support", "back\\slash": "cps-london"})


def refused(text: str | bytes) -> ConfigError:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse_config(content, "agency.toml")
    assert caught.value.exit_code == 3
    assert "agency.toml" in (caught.value.where or "")
    return caught.value


def test_a_written_configuration_reads_the_same() -> None:
    config = parse_config(GOOD.encode(), "agency.toml")
    assert config.agency == "csu-camden"
    assert config.partners == {'A "quoted" code': "haven-support", "back\\slash": "cps-london"}
    assert config.folders.import_ == "import"


def test_a_missing_setting_has_the_documented_default() -> None:
    minimal = (
        'agency = "a"\ndeployment = "d"\n[governance]\ned25519 = "x"\nml_dsa_65 = "y"\n'
        '[adapter]\nkind = "csu"\n'
    )
    config = parse_config(minimal.encode(), "agency.toml")
    assert config.passphrase.file == "passphrase"
    assert config.intervals.heartbeat is None


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("port = 0", 'port = "0"', "http.port"),
        ("port = 0", "port = 70000", "http.port"),
        ("port = 0", "prot = 0", "http.prot"),
        ('agency = "csu-camden"', 'agency = "csu/camden"', "agency"),
        ('agency = "csu-camden"', "", "agency"),
        ('kind = "csu"', "", "adapter.kind"),
        ('inbox = "inbox"', "inbox = 1", "folders.inbox"),
        ('file = "passphrase"', "", "passphrase"),
        ('file = "passphrase"', 'file = "a"\nenvironment = "B"', "passphrase"),
    ],
)
def test_the_field_is_named(old: str, new: str, field: str) -> None:
    error = refused(GOOD.replace(old, new, 1))
    assert error.code == "config_invalid"
    assert (error.where or "").endswith(f": {field}")


def test_a_file_of_a_newer_form_is_refused_before_its_settings_are_judged() -> None:
    newer = GOOD.replace(f"format = {CONFIG_FORMAT} ", f"format = {CONFIG_FORMAT + 1} ", 1)
    assert refused(f"unknown = 1\n{newer}").code == "config_newer"


@pytest.mark.parametrize("number", ["0", "-1", "true", '"1"', "1.0"])
def test_the_form_is_a_number_from_one(number: str) -> None:
    assert refused(GOOD.replace("format = 1 ", f"format = {number} ", 1)).code == "config_invalid"


def test_a_file_without_a_form_has_the_first() -> None:
    assert parse_config(GOOD.replace("format = 1", "", 1).encode(), "agency.toml").format == 1


@pytest.mark.parametrize("content", [b"\xff\xfe", b"agency = ", b"x" * 300_000, b"\x00"])
def test_a_file_that_is_not_toml_is_unreadable(content: bytes) -> None:
    assert refused(content).code == "config_unreadable"


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.code == "config_missing"
    assert "quickstart" in (caught.value.fix or "")
    (tmp_path / "agency.toml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.code == "config_unreadable"


def test_ids_of_governance_keys_are_base64() -> None:
    config = parse_config(GOOD.encode(), "agency.toml")
    with pytest.raises(ConfigError) as caught:
        governance_kids(config)
    assert caught.value.code == "config_invalid"


def test_a_passphrase_file_is_found_from_the_agencys_folder(tmp_path: Path) -> None:
    config: AgencyConfig = parse_config(GOOD.encode(), "agency.toml")
    assert passphrase_source(config.passphrase, tmp_path).file == tmp_path / "passphrase"


VAULT = 'vault = { address = "https://vault.example:8200", path = "concordant/a"'


def with_vault(more: str) -> str:
    return GOOD.replace('file = "passphrase"', VAULT + more + " }")


def test_a_passphrase_in_a_vault_has_files_relative_to_the_folder(tmp_path: Path) -> None:
    text = with_vault(', ca = "tls/v.pem", token = { file = "token" }')
    config = parse_config(text.encode(), "agency.toml")
    source = passphrase_source(config.passphrase, tmp_path).vault
    assert source is not None
    assert source.ca == tmp_path / "tls/v.pem"
    assert source.token is not None
    assert source.token.file == tmp_path / "token"
    assert (source.mount, source.field, source.kv_version) == ("secret", "passphrase", 2)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("", "passphrase.vault"),
        (', role_id = "r"', "passphrase.vault"),
        (', secret_id = { file = "s" }', "passphrase.vault"),
        (', token = { file = "t" }, role_id = "r", secret_id = { file = "s" }', "passphrase.vault"),
        (', token = { file = "t", environment = "T" }', "passphrase.vault.token"),
        (", token = { }", "passphrase.vault.token"),
        (', token = { file = "t" }, mount = "../sys"', "passphrase.vault.mount"),
        (', token = { file = "t" }, mount = "/secret"', "passphrase.vault.mount"),
        (', token = { file = "t" }, kv_version = 3', "passphrase.vault.kv_version"),
        (', token = { vault = "t" }', "passphrase.vault.token.vault"),
    ],
)
def test_a_vault_that_is_not_fully_named(more: str, field: str) -> None:
    error = refused(with_vault(more))
    assert (error.code, error.where) == ("config_invalid", f"agency.toml: {field}")


@pytest.mark.parametrize("address", ["http://vault.example:8200", "https://u:p@vault.example",
                                     "https://vault.example/v1/x", "vault.example"])  # fmt: skip
def test_a_vault_is_reached_by_tls_only(address: str) -> None:
    text = with_vault(', token = { file = "t" }').replace("https://vault.example:8200", address)
    assert refused(text).where == "agency.toml: passphrase.vault.address"


def test_a_vault_and_a_file_are_one_too_many() -> None:
    text = GOOD.replace('file = "passphrase"', f'file = "p"\n{VAULT}, token = {{ file = "t" }} }}')
    assert refused(text).where == "agency.toml: passphrase"


URI = "pkcs11:token=concordant?module-path=/lib/p.so"


@pytest.mark.parametrize(
    ("uri", "pin", "code"),
    [
        (URI, '[signing_pin]\nfile = "pin"', None),
        (f"{URI}&pin-source=file:pin", "", None),
        (URI, "", "config_signer"),
        (f"{URI}&pin-source=file:pin", '[signing_pin]\nfile = "pin"', "config_signer"),
        (f"{URI}&pin-value=1234", "", "config_signer"),
        ("pkcs11:token=concordant", '[signing_pin]\nfile = "pin"', "config_signer"),
    ],
)
def test_a_token_of_signing_keys_has_one_place_for_its_pin(
    tmp_path: Path, uri: str, pin: str, code: str | None
) -> None:
    keys = 'governance = "file:governance"\n'
    text = GOOD.replace(keys, f'{keys}signing = "{uri}"\n') + pin
    config = parse_config(text.encode(), "agency.toml")
    (tmp_path / "pin").write_text("4711\n")
    if code is None:
        token = signing_token(config, tmp_path)
        assert token is not None
        assert token._pin() == b"4711"
    else:
        with pytest.raises(ConfigError) as caught:
            signing_token(config, tmp_path)
        assert caught.value.code == code
    assert signing_token(parse_config(GOOD.encode(), "agency.toml"), tmp_path) is None


@pytest.mark.parametrize(
    "api",
    [
        'host = "0.0.0.0"',
        'host = "localhost"',
        'host = "::"',
        'host = "192.0.2.7"',
        'client_ca = "ca.pem"',
    ],
)
def test_an_interface_without_encryption_off_loopback_is_config_api_plaintext(api: str) -> None:
    error = refused(f"{GOOD}\n[api]\n{api}\n")
    assert error.code == "config_api_plaintext"
    tls = 'certificate = "cert.pem"\nkey = "key.pem"\n'
    assert parse_config(f"{GOOD}\n[api]\n{api}\n{tls}".encode(), "agency.toml").api.key


MAP = 'roles = {a = ["officer"]}'
OIDC = f'client_id = "c", client_secret = {{file = "s"}}, {MAP}'
ISSUED = f'issuer = "https://login.example.org/v2.0", {OIDC}'
CERTIFICATE = f'certificate = "{"a" * 64}"'


@pytest.mark.parametrize(
    "web", [f"oidc = {{{ISSUED}}}", f'proxy = {{addresses = ["10.0.0.0/8"], {MAP}}}']
)
def test_links_are_off_where_people_sign_in_by_name(web: str) -> None:
    for links, allowed in (("", False), ("links = true", True)):
        config = parse_config(f"{GOOD}\n[web]\n{links}\n{web}\n".encode(), "agency.toml")
        assert config.web.links_allowed is allowed


@pytest.mark.parametrize(
    ("web", "setting"),
    [
        ('certificate = "cert.pem"', "web.key"),
        ('key = "key.pem"', "web.certificate"),
        ('address = "desk.example.org"', "web.address"),
        ('address = "https://desk.example.org/path"', "web.address"),
        ('address = "http://desk.example.org"', "web.address"),
        (f'oidc = {{{OIDC}, issuer = "http://login.example.org"}}', "web.oidc.issuer"),
        (f'oidc = {{{OIDC}, issuer = "https://a.example?x"}}', "web.oidc.issuer"),
        (
            'oidc = {issuer = "https://a.example", client_id = "c", client_secret = {}, '
            'roles = {a = ["officer"]}}',
            "web.oidc.client_secret",
        ),
        (f'oidc = {{{ISSUED}}}\nproxy = {{addresses = ["127.0.0.1"], {MAP}}}', "web.proxy"),
        (f'proxy = {{addresses = ["proxy.example"], {MAP}}}', "web.proxy.addresses.0"),
        (f"proxy = {{addresses = [], {MAP}}}", "web.proxy.addresses"),
        (f'proxy = {{addresses = ["::1"], {CERTIFICATE}, {MAP}}}', "web.proxy.client_ca"),
        (
            f'proxy = {{addresses = ["::1"], {CERTIFICATE}, client_ca = "x", {MAP}}}',
            "web.certificate",
        ),
        ('proxy = {addresses = ["::1"], roles = {a = ["king"]}}', "web.proxy.roles.a.0"),
    ],
)
def test_a_setting_of_the_web_application_that_cannot_work(web: str, setting: str) -> None:
    error = refused(f"{GOOD}\n[web]\n{web}\n")

    assert error.code == "config_invalid"
    assert error.where == f"agency.toml: {setting}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_interface_may_be_plain_on_a_loopback_address(host: str) -> None:
    assert parse_config(f'{GOOD}\n[api]\nhost = "{host}"\n'.encode(), "x").api.host == host


@pytest.mark.parametrize("one", ["certificate", "key"])
def test_a_certificate_needs_its_key(one: str) -> None:
    error = refused(f'{GOOD}\n[api]\n{one} = "x.pem"\n')
    assert error.code == "config_invalid"
    assert "api." in (error.where or "")


def with_webhook(section: str) -> str:
    return f"{GOOD}\n[webhook]\n{section}\n"


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "http://localhost/x", "http://192.0.2.7/x", "http://[::2]/x"]
)
def test_a_webhook_without_encryption_off_loopback_is_config_webhook_plaintext(url: str) -> None:
    error = refused(with_webhook(f'url = "{url}"'))
    assert error.code == "config_webhook_plaintext"
    parse_config(with_webhook('url = "https://example.org/x"').encode(), "agency.toml")


@pytest.mark.parametrize("host", ["127.0.0.1:80", "127.0.0.2", "[::1]:8080"])
def test_a_webhook_may_be_plain_on_a_loopback_address(host: str) -> None:
    text = with_webhook(f'url = "http://{host}/x"')
    found = parse_config(text.encode(), "x").webhook
    assert found is not None
    assert host in found.url


@pytest.mark.parametrize(
    "url",
    [
        "https://who:secret@example.org/x",
        "https://who@example.org/x",
        "https://example.org/x#part",
        "https://example.org:0/x",
        "https://example.org:99999/x",
        "https:///x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "example.org/x",
        "https://example.org/x y",
        "https://ex\u00e4mple.org/",
        "https://[::1/x",
    ],
)
def test_an_address_with_a_login_or_without_a_host_is_refused(url: str) -> None:
    for section in (f'url = "{url}"', f'url = "https://example.org/"\nproxy = "{url}"'):
        error = refused(with_webhook(section))
        assert error.code == "config_invalid"
        assert "secret" not in str(error)


def test_a_webhook_needs_its_section_and_both_files_of_a_certificate() -> None:
    sink = GOOD.replace("[adapter]\n", '[adapter]\nsink = "webhook"\n', 1)
    assert refused(sink).code == "config_invalid"
    for one in ("certificate", "key"):
        error = refused(with_webhook(f'url = "https://example.org/"\n{one} = "x.pem"'))
        assert (error.code, "webhook." in (error.where or "")) == ("config_invalid", True)


SFTP = '[sftp]\nhost = "files.example.org"\nuser = "x"\n'


def test_sftp_needs_its_section_one_way_of_logging_in_and_four_folders() -> None:
    for side in ("source", "sink"):
        text = GOOD.replace("[adapter]\n", f'[adapter]\n{side} = "sftp"\n', 1)
        assert refused(text).code == "config_invalid"
        key = f'{SFTP}key = "sftp-key"\n'
        assert parse_config(f"{text}\n{key}".encode(), "agency.toml").sftp is not None
    for wrong in (
        SFTP,
        f'{SFTP}key = "k"\npassword = "p"\n',
        f'{SFTP}key = "k"\narchive = "exports/"\n',
        f'{SFTP}key = "k"\ndone_marker = "done"\n',
        f'{SFTP}key = "k"\nport = 0\n',
    ):
        assert refused(f"{GOOD}\n{wrong}").code == "config_invalid"


@pytest.mark.parametrize("marker", [".tmp", ".PART", ".filepart", ".lock", ".json", ".csv"])
def test_an_ending_of_unfinished_files_or_of_reports_is_no_done_marker(marker: str) -> None:
    for section, text in (
        ("folders", GOOD.replace("[folders]\n", f'[folders]\ndone_marker = "{marker}"\n', 1)),
        ("sftp", f'{GOOD}\n{SFTP}key = "k"\ndone_marker = "{marker}"\n'),
    ):
        error = refused(text)
        assert (error.code, error.where) == (
            "config_invalid",
            f"agency.toml: {section}.done_marker",
        )
        assert parse_config(text.replace(marker, ".done").encode(), "agency.toml")

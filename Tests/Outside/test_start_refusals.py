"""The start-up matrix: what is missing, weak, wrong or readable by others stops the service with a sentence."""

import base64
import hashlib
import json
import os
import secrets

import pytest
import yaml

import database
import expect
from client import fake_key
from refusal import assert_silent_about, refused_start

PUBLISHED_ROOT = "lkroot1:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8:b6140b5a"
PASSPHRASE = "correct horse battery staple and more"


def root_text(kid: int, key: bytes) -> str:
    """A root in its text form with a right checksum, whatever the key is worth."""
    check = hashlib.sha256(b"latchkey root v1" + (kid % 2**32).to_bytes(4, "big") + key).hexdigest()[:8]
    return f"lkroot1:{kid}:{base64.urlsafe_b64encode(key).rstrip(b'=').decode()}:{check}"


def random_root(kid: int = 1) -> str:
    return root_text(kid, secrets.token_bytes(32))


def with_wrong_checksum(root: str) -> str:
    return root[:-1] + ("0" if root[-1] != "0" else "1")


@pytest.fixture
def unstarted(make_service):
    return make_service(start=False)


def test_the_matrix_starts_from_a_good_configuration(unstarted):
    """Else every refusal below would prove nothing."""
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=random_root())
    unstarted.start().stop()
    assert database.is_made(unstarted.database)


WEAK_ROOTS = {
    "missing": None,
    "empty": "",
    "passphrase": PASSPHRASE,
    "hex": secrets.token_hex(32),
    "base64": base64.b64encode(secrets.token_bytes(32)).decode(),
    "published": PUBLISHED_ROOT,
    "checksum": with_wrong_checksum(random_root()),
    "key id 0": random_root(0),
    "key id too large": random_root(2**32),
    "short": root_text(1, secrets.token_bytes(31)),
    "long": root_text(1, secrets.token_bytes(33)),
    "all zero": root_text(1, bytes(32)),
    "all the same": root_text(1, b"\xaa" * 32),
    "counting": root_text(1, bytes(range(100, 132))),
    "few bytes": root_text(1, b"\x01\x80\xfe\x33" * 8),
    "other version": random_root().replace("lkroot1", "lkroot2"),
    "space inside": random_root().replace(":", ": ", 1),
    "placeholder": "your-secure-secret-key-here",
}


@pytest.mark.parametrize("case", WEAK_ROOTS)
def test_a_root_that_is_none(unstarted, case):
    root = WEAK_ROOTS[case]
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=root)
    said = refused_start(unstarted)
    assert "root" in said.lower() or "API_KEY_ENCRYPTION_SECRET" in said
    assert_silent_about(said, *([root] if root else []))
    assert not database.is_made(unstarted.database)


def test_two_roots_with_one_key_id(unstarted):
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=f"{random_root(1)},{random_root(1)}")
    refused_start(unstarted)


def test_the_same_root_under_two_key_ids(unstarted):
    key = secrets.token_bytes(32)
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=f"{root_text(2, key)},{root_text(1, key)}")
    refused_start(unstarted)


def root_file(service, mode: int, content: str | None = None):
    path = service.folder / "root.txt"
    path.write_text((content or service.root) + "\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666, 0o660, 0o602])
def test_a_root_file_others_can_reach(unstarted, mode):
    root = unstarted.root
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=f"file:{root_file(unstarted, mode)}")
    said = refused_start(unstarted)
    assert "0600" in said or "chmod" in said
    assert_silent_about(said, root)


def test_a_root_file_of_mode_0600_is_taken(unstarted):
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=f"file:{root_file(unstarted, 0o600)}")
    unstarted.start().stop()


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "passphrase", "pipe"])
def test_a_root_file_that_is_none(unstarted, kind):
    path = unstarted.folder / "root.txt"
    makers = {
        "missing": lambda: None,
        "folder": path.mkdir,
        "empty": lambda: path.write_text(""),
        "passphrase": lambda: path.write_text(PASSPHRASE),
        "pipe": lambda: os.mkfifo(path),
    }
    makers[kind]()
    if path.exists():
        path.chmod(0o700 if kind == "folder" else 0o600)
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=f"file:{path}")
    assert_silent_about(refused_start(unstarted), PASSPHRASE)


JWT_SECRETS = {
    "missing": None,
    "empty": "",
    "short": secrets.token_urlsafe(48)[:31],
    "one letter": "a" * 64,
    "reference's example": "your-jwt-secret",
    "two letters": "ab" * 32,
    "blank": " " * 40,
}


@pytest.mark.parametrize("case", JWT_SECRETS)
def test_a_jwt_secret_that_is_none(unstarted, case):
    unstarted.configure(JWT_SECRET_KEY=JWT_SECRETS[case])
    said = refused_start(unstarted)
    assert "JWT_SECRET_KEY" in said or "jwt" in said.lower()
    assert_silent_about(said, *([JWT_SECRETS[case]] if case in ("short", "reference's example") else []))
    assert not database.is_made(unstarted.database)


def test_a_jwt_secret_that_is_the_root(unstarted):
    root = unstarted.root
    unstarted.configure(JWT_SECRET_KEY=root)
    assert_silent_about(refused_start(unstarted), root)


def test_a_jwt_secret_file_others_can_read(unstarted):
    path = root_file(unstarted, 0o644, secrets.token_urlsafe(64))
    unstarted.configure(JWT_SECRET_KEY=f"file:{path}")
    refused_start(unstarted)


@pytest.mark.parametrize(
    "name, value",
    [
        ("JWT_ALGORITHM", "none"),
        ("JWT_ALGORITHM", "HS1"),
        ("JWT_ALGORITHM", "hs256 "),
        ("JWT_EXPIRATION_MINUTES", "soon"),
        ("JWT_EXPIRATION_MINUTES", "0"),
        ("JWT_EXPIRATION_MINUTES", "-5"),
        ("JWT_EXPIRATION_MINUTES", "99999999999999999999"),
        ("LATCHKEY_SERVICE_TOKEN", "short"),
        ("LATCHKEY_SERVICE_TOKEN", "k7Qw9-31-bytes-are-not-32-bytes"),
        ("LATCHKEY_LOG_LEVEL", "loud"),
        ("LATCHKEY_GLOBAL_FALLBACK", "perhaps"),
        ("DATABASE_URL", "mysql://localhost/latchkey"),
        ("DATABASE_URL", "sqlite:"),
        ("DATABASE_URL", "latchkey.db"),
        ("DATABASE_URL", "sqlite:/no-such-folder-anywhere/latchkey.db"),
        ("LATCHKEY_PROVIDERS_FILE", "no-such-file.yaml"),
    ],
)
def test_a_setting_that_makes_no_sense(unstarted, name, value):
    unstarted.configure(**{name: value})
    refused_start(unstarted)
    assert not database.is_made(unstarted.database)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"providers": {"openai": {}}}',
        b'{"providers": [{"base_url": "https://x.example"}]}',
        b'{"providers": [{"id": "Not Valid!", "base_url": "https://x.example"}]}',
        b'{"providers": [{"id": "openai", "base_url": "http://api.example/v1"}]}',
        b'{"providers": [{"id": "openai", "base_url": "ftp://127.0.0.1/v1"}]}',
        b'{"providers": [{"id": "openai", "base_url": "http://127.0.0.1.evil.example/v1"}]}',
        b'{"providers": [{"id": "openai", "base_url": "http://user:pass@127.0.0.1/v1"}]}',
    ],
    ids=lambda content: content.decode()[:60],
)
def test_a_providers_file_that_cannot_be(unstarted, content):
    path = unstarted.folder / "operator.json"
    path.write_bytes(content)
    unstarted.configure(LATCHKEY_PROVIDERS_FILE=str(path))
    refused_start(unstarted)


@pytest.mark.parametrize("switch", [None, "0", ""])
def test_loopback_providers_without_leave(unstarted, switch):
    unstarted.configure(LATCHKEY_ALLOW_LOOPBACK_PROVIDERS=switch)
    said = refused_start(unstarted)
    assert "LATCHKEY_ALLOW_LOOPBACK_PROVIDERS" in said or "https" in said


class TestADatabaseThatDoesNotFit:
    """Each of these leaves the database as it was, byte for byte."""

    @pytest.fixture
    def stopped(self, make_service):
        """A stopped service with a key in its database."""
        service = make_service()
        self.key = fake_key()
        service.client().store("alice", "openai", self.key)
        service.stop()
        return service

    def assert_still_good(self, service, root):
        """With the right root the key is still there."""
        service.configure(API_KEY_ENCRYPTION_SECRET=root)
        assert expect.success(service.start().client().resolve("alice", "openai"))["api_key"] == self.key

    @pytest.mark.parametrize("other", [1, 2], ids=["same key id", "other key id"])
    def test_another_root(self, stopped, other):
        right, wrong = stopped.root, random_root(other)
        stopped.configure(API_KEY_ENCRYPTION_SECRET=wrong)
        said = refused_start(stopped)
        assert "root" in said.lower()
        assert other != 1 or "check" in said.lower()
        assert_silent_about(said, wrong, right)
        self.assert_still_good(stopped, right)

    def change(self, service, statement: str, *values):
        connection = database.connect(service.database)
        assert connection.execute(statement, values).rowcount == 1
        connection.close()

    def test_a_newer_schema(self, stopped):
        self.change(
            stopped,
            "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'future', 'ab', ?)",
            "2999-01-01T00:00:00Z",
        )
        said = refused_start(stopped)
        assert "9999" in said or "newer" in said.lower()
        assert stopped.command("migrate").returncode == 2

    def test_a_migration_that_was_changed_afterwards(self, stopped):
        self.change(
            stopped,
            "UPDATE schema_migrations SET checksum = ? WHERE version = (SELECT min(version) FROM schema_migrations)",
            "0" * 64,
        )
        refused_start(stopped)

    def test_a_forged_keyset(self, stopped):
        connection = database.connect(stopped.database)
        [(mac,)] = connection.execute("SELECT mac FROM keyset").fetchall()
        connection.execute("UPDATE keyset SET mac = ?", (mac[::-1],))
        connection.close()
        refused_start(stopped)

    @pytest.mark.parametrize(
        "content", [b"this is no database\n" * 300, b"SQLite format 3\x00" + b"\xff" * 8_000], ids=["text", "broken"]
    )
    def test_a_file_that_is_no_database(self, unstarted, content):
        unstarted.database.write_bytes(content)
        refused_start(unstarted)
        assert database.contents(unstarted.database) == {unstarted.database.name: content}

    def test_a_folder(self, unstarted):
        unstarted.database.mkdir()
        refused_start(unstarted)


def test_a_refusal_names_every_way_out(unstarted):
    """The hint for a missing root is the command that makes one."""
    unstarted.configure(API_KEY_ENCRYPTION_SECRET=None)
    assert "latchkey secret generate" in refused_start(unstarted)


def test_the_providers_file_may_be_yaml_and_add_one(make_service, provider):
    service = make_service(start=False)
    entry = {
        "id": "house-model",
        "name": "House",
        "base_url": provider.base_url("openai"),
        "auth": {"header": "Authorization", "scheme": "Bearer"},
        "docs_url": "https://docs.example",
        "keys_url": "https://keys.example",
        "probe": {"method": "GET", "path": "/models"},
    }
    path = service.folder / "operator.yaml"
    path.write_text(yaml.safe_dump({"providers": [entry]}))
    service.configure(LATCHKEY_PROVIDERS_FILE=str(path))
    client, key = service.start().client(), fake_key()
    expect.key_object(expect.success(client.set("alice", "house-model", key)), key, "house-model", "valid")
    assert json.loads(client.resolve("alice", "house-model").text)["base_url"] == provider.base_url("openai")

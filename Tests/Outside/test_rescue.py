"""A stranger with the root, the database and the record format gets every key back, without the service."""

import subprocess
import sys
from pathlib import Path

import pytest

import database
import expect
from client import fake_key
from harness import generate_root

SCRIPT = Path(__file__).with_name("rescue.py")
MAXIMUM_LINES = 40
OWNERS = [("alice", "openai", "default"), ("alice", "anthropic", "default"), ("alice", "openai", "work"), ("bob", "openai", "default"),
          ("caf\u00e9", "openai", "default"), ("cafe\u0301", "openai", "default"), ("'; DROP TABLE user_api_keys;--", "gemini", "default"),
          ("alice ", "openai", "default"), ("\U0001f98a" * 64, "openrouter", "default")]


@pytest.fixture(scope="module")
def filled(module_service):
    """A service that holds keys of every kind of owner, written over now and then; and those keys."""
    service = module_service()
    client, keys = service.client(), {}
    for user, provider, name in OWNERS:
        for key in (fake_key("valid", "old"), fake_key("valid", "new")):
            client.store(user, provider, key, name=name)
        keys[user, provider, name] = key
    long = ("dave", "openai", "long")
    keys[long] = fake_key().ljust(4096, "k")
    client.store("dave", "openai", keys[long], name="long")
    shared = fake_key("valid", "global")
    expect.success(client.set_initial("openai", shared))
    return service, keys, shared


def rescue(root: str, kept) -> subprocess.CompletedProcess:
    arguments = [root, database.rescue_address(kept)]
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60)


def lines_by_owner(output: str) -> dict:
    """`user_id provider name secret` per line; only the user id may hold spaces."""
    parts = [line.rsplit(" ", 3) for line in output.splitlines()]
    return {(user, provider, name): secret for user, provider, name, secret in (part for part in parts if len(part) == 4)}


def assert_everything_is_back(output: str, keys: dict, shared: str):
    found = lines_by_owner(output)
    assert {owner: found.get(owner) for owner in keys} == keys
    assert shared in found.values(), "the global key is missing"
    assert len(output.splitlines()) == len(keys) + 1


def test_the_script_is_short():
    assert SCRIPT.is_file(), "rescue.py is missing"
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= MAXIMUM_LINES
    assert max(map(len, text.splitlines())) <= 140, "forty lines, not four hundred in forty"


def test_every_key_comes_back_while_the_service_runs(filled):
    service, keys, shared = filled
    done = rescue(service.root, service.database)
    assert done.returncode == 0, done.stderr
    assert_everything_is_back(done.stdout, keys, shared)


def test_every_key_comes_back_from_a_dead_service(filled, tmp_path):
    service, keys, shared = filled
    service.kill()
    copied = database.copy(service.database, tmp_path)
    service.start()
    done = rescue(service.root, copied)
    assert done.returncode == 0, done.stderr
    assert_everything_is_back(done.stdout, keys, shared)


def test_another_root_gets_nothing(filled, tmp_path):
    service, keys, shared = filled
    done = rescue(generate_root(tmp_path), service.database)
    for secret in (*keys.values(), shared):
        assert secret not in done.stdout + done.stderr

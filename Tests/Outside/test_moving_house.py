"""From SQLite to PostgreSQL and back: every key is the same afterwards, and the memory it takes does not grow."""

import os
import random
import re
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import sqlite_database
from client import fake_key
from harness import Latchkey, binary_path, started
from sealed_keys import insert, sealed

KEYS = int(os.environ.get("LATCHKEY_TEST_BACKUP_KEYS") or 100_000)
BASE_URL = "https://api.openai.com"
RESOLVED = 1_000
LONGEST_SECONDS = 300
# The program itself, one page of rows and zlib.
MEMORY_KILOBYTES = 64 * 1024
HIGHEST = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def measured(service: Latchkey, *arguments: str, **settings: str) -> tuple[str, int]:
    """Runs a command to its end: what it printed, and the most memory it had, in KiB."""
    output, most = service.folder / "measured.log", 0
    with open(output, "wb") as log:
        process = subprocess.Popen(
            [str(binary_path()), *arguments], env={**service.env, **settings}, cwd=service.folder, stdout=log, stderr=log
        )
    started.append(process)
    # Asked while it runs: what `wait4` tells has the memory of the process that made it in it.
    deadline = time.monotonic() + LONGEST_SECONDS
    while process.poll() is None:
        assert time.monotonic() < deadline, f"{arguments} took longer than {LONGEST_SECONDS} s"
        found = HIGHEST.search(Path(f"/proc/{process.pid}/status").read_text())
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.002)
    said = output.read_text()
    assert process.returncode == 0, said
    return said, most


@pytest.fixture(scope="module")
def source(module_service, tmp_path_factory):
    """A stopped service on an SQLite file with many keys; and the keys by user."""
    path = sqlite_database.new(tmp_path_factory.mktemp("source"))
    service = module_service(start=False, DATABASE_URL=sqlite_database.url(path))
    service.start().stop()
    keys = {f"user-{number}": fake_key() for number in range(KEYS)}
    connection = sqlite_database.connect(path)
    insert(connection, (sealed(service.root, user, "openai", "default", key, BASE_URL) for user, key in keys.items()))
    connection.close()
    return service, path, keys


@pytest.fixture(scope="module")
def moved(source, module_service):
    """The same keys in a PostgreSQL database: a stopped service on it; and what each command took."""
    service, _, _ = source
    target = module_service(start=False, API_KEY_ENCRYPTION_SECRET=service.root)
    path, took = str(service.folder / "moving.gz"), {}
    took["backup"] = measured(service, "backup", path)
    took["verify"] = measured(service, "backup", "verify", path)
    took["restore"] = measured(target, "restore", path)
    return target, path, took


def test_every_key_is_readable(source, moved):
    _, _, took = moved
    assert took["verify"][0].startswith(f"{KEYS} of {KEYS} keys readable\n")
    for name, (said, memory) in took.items():
        print(f"{name}: {memory // 1024} MiB at most\n{said}")
        assert re.search(r"\d+ rows in \d+\.\d s, \d+ rows/s", said)


@pytest.mark.parametrize("command", ["backup", "verify", "restore"])
def test_the_memory_does_not_grow_with_the_rows(moved, command):
    assert moved[2][command][1] < MEMORY_KILOBYTES


def test_a_random_thousand_is_handed_out_as_it_was(source, moved):
    _, _, keys = source
    target, _, _ = moved
    client = target.start().client()
    users = random.sample(sorted(keys), min(RESOLVED, len(keys)))
    wrong = [user for user in users if client.resolve(user, "openai").json().get("api_key") != keys[user]]
    target.stop()
    assert wrong == []


def test_and_back_again(source, moved, tmp_path):
    service, origin, keys = source
    target, _, _ = moved
    home = tmp_path / "home.db"
    back = str(tmp_path / "back.gz")
    _, backup_memory = measured(target, "backup", back)
    _, restore_memory = measured(service, "restore", back, DATABASE_URL=f"sqlite:{home}")
    assert max(backup_memory, restore_memory) < MEMORY_KILOBYTES
    columns = "id, user_id, encrypted_key, key_hash, salt, is_valid, created_at, row_version, label, expires_at"
    query = f"SELECT {columns} FROM user_api_keys ORDER BY id"
    rows = [sqlite3.connect(file).execute(query).fetchall() for file in (origin, home)]
    assert len(rows[0]) == len(keys) and rows[0] == rows[1]

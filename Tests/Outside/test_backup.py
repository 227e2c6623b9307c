"""Backups through the command line: what is in them, what is refused, and what is left when one is killed."""

import gzip
import hashlib
import hmac
import json
import os
import pty
import re
import struct
import subprocess

import pytest

import database
import expect
from client import fake_key
from harness import STOP_SECONDS, binary_path, generate_root, started, wait_until
from needles import find
from sealed_keys import context, derive, read_root
from test_cli import failed, succeeded

USERS = ["alice", "bob", "caf\u00e9", "cafe\u0301", "'; DROP TABLE user_api_keys;--", "\U0001f98a" * 64]
PACE = re.compile(r"^\S+: (\d+) rows in \d+\.\d s, \d+ rows/s$", re.MULTILINE)
MANY = 150_000


def filled_service(make):
    service, keys = make(), {}
    client = service.client()
    for user in USERS:
        for provider in ("openai", "anthropic"):
            keys[user, provider] = fake_key()
            client.store(user, provider, keys[user, provider])
    expect.success(client.set_initial("openai", fake_key("valid", "global"), finish=True))
    client.set_fallback("bob", False)
    service.stop()
    return service, keys


@pytest.fixture(scope="module")
def filled(module_service):
    """A service that holds keys and does not run; and the keys. Nobody changes its database."""
    return filled_service(module_service)


@pytest.fixture(scope="module")
def backup(filled):
    """A backup of it."""
    service, _ = filled
    succeeded(service.command("backup", "backup.gz"))
    return service.folder / "backup.gz"


@pytest.fixture
def target(make_service, filled):
    """A service with the same root and a database that is not made yet."""
    return make_service(start=False, API_KEY_ENCRYPTION_SECRET=filled[0].root)


def refusal(done) -> str:
    """Exit 2: nothing was done."""
    said = failed(done)
    assert done.returncode == 2, said
    assert "latchkey: hint: " in said
    return said


def lines_of(path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


class TestABackup:
    def test_it_holds_every_row_and_says_so(self, filled, backup):
        service, keys = filled
        header, *rows, manifest = lines_of(backup)
        assert header["latchkey_backup"] == 1 and header["dialect_of_origin"] == database.KIND
        counts = manifest["manifest"]["counts"]
        found = {name: sum(name in row for row in rows) for name in counts}
        assert found == counts and sum(counts.values()) == len(rows)
        assert counts["user_api_keys"] == len(keys) and counts["global_api_keys"] == 1
        with database.connect(service.database) as connection:
            for name, count in counts.items():
                assert connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == count

    def test_its_last_line_is_what_the_record_format_says(self, filled, backup):
        service, _ = filled
        kid, root = read_root(service.root)
        content, number = gzip.decompress(backup.read_bytes()), struct.pack(">I", kid)
        before, last = content.rstrip(b"\n").rsplit(b"\n", 1)
        manifest = json.loads(last)["manifest"]
        assert manifest["sha256"] == hashlib.sha256(before + b"\n").hexdigest()
        assert manifest["kid"] == kid and manifest["keyset"] == [kid]
        assert manifest["check"] == derive(root, b"key-check", number)[:8].hex()
        counts = [part for name, rows in manifest["counts"].items() for part in (name.encode(), struct.pack(">Q", rows))]
        fields = [number, bytes.fromhex(manifest["check"]), bytes.fromhex(manifest["sha256"]), number, *counts]
        mac = hmac.digest(derive(root, b"backup-mac", number), context(b"backup", *fields), "sha256")
        assert manifest["mac"] == mac.hex()

    def test_no_key_is_in_it_in_the_clear(self, filled, backup):
        service, keys = filled
        for name, content in {"file": backup.read_bytes(), "lines": gzip.decompress(backup.read_bytes())}.items():
            for key in keys.values():
                assert not find(content, key), name
            assert not find(content, service.root.split(":")[2])

    def test_it_is_its_owners_alone_and_leaves_nothing_beside_it(self, backup):
        assert backup.stat().st_mode & 0o777 == 0o600
        assert not list(backup.parent.glob("*.partial*"))

    def test_the_pace_is_printed(self, filled):
        service, _ = filled
        out = succeeded(service.command("backup", "paced.gz", "--force"))
        assert int(PACE.search(out)[1]) == len(lines_of(service.folder / "paced.gz")) - 2
        assert re.search(r"^user_api_keys +12$", out, re.MULTILINE)

    def test_a_file_that_is_there_is_replaced_only_with_force(self, filled, tmp_path):
        service, _ = filled
        path = tmp_path / "mine.gz"
        path.write_text("precious")
        assert "--force" in refusal(service.command("backup", str(path)))
        assert path.read_text() == "precious"
        succeeded(service.command("backup", str(path), "--force"))
        assert len(lines_of(path)) > 10

    def test_places_where_no_file_can_be(self, filled, tmp_path):
        service, _ = filled
        assert "folder" in refusal(service.command("backup", str(tmp_path)))
        assert "folder" in refusal(service.command("backup", str(tmp_path / "missing" / "backup.gz")))

    def test_no_database_no_backup(self, make_service):
        fresh = make_service(start=False)
        refusal(fresh.command("backup", "backup.gz"))
        assert not (fresh.folder / "backup.gz").exists()
        assert not database.is_made(fresh.database)

    def test_another_root_is_refused(self, filled, tmp_path):
        service, _ = filled
        other = generate_root(tmp_path)
        said = refusal(service.command("backup", str(tmp_path / "x.gz"), API_KEY_ENCRYPTION_SECRET=other))
        assert "root 1" in said and other not in said
        assert not list(tmp_path.glob("x.gz*"))

    def test_the_service_may_run(self, service):
        client, key = service.client(), fake_key()
        client.store("alice", "openai", key)
        succeeded(service.command("backup", "live.gz"))
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == key
        assert "1 of 1 keys readable" in succeeded(service.command("backup", "verify", "live.gz"))


class TestVerify:
    def test_every_key_opens(self, filled, backup):
        service, keys = filled
        out = succeeded(service.command("backup", "verify", str(backup), DATABASE_URL="sqlite:/nowhere/at/all.db"))
        assert out.splitlines()[0] == f"{len(keys) + 1} of {len(keys) + 1} keys readable"
        assert PACE.search(out)

    def test_rows_that_do_not_open_are_counted_and_not_shown(self, make_service):
        service, keys = filled_service(make_service)
        with database.connect(service.database) as connection:
            connection.execute("UPDATE user_api_keys SET user_id = 'mallory-7' WHERE user_id = 'alice' AND provider = 'openai'")
            connection.execute("UPDATE user_api_keys SET root_kid = 9 WHERE user_id = 'bob'")
        succeeded(service.command("backup", "spoilt.gz"))
        done = service.command("backup", "verify", "spoilt.gz")
        assert done.returncode == 1
        first, *rest = done.stdout.splitlines()
        assert first == f"{len(keys) - 2} of {len(keys) + 1} keys readable"
        assert "user_api_keys  openai  1 not readable" in rest
        assert "user_api_keys  openai  under root 9, which is not configured,  1 not readable" in rest
        for hidden in ("mallory-7", "alice", *keys.values()):
            assert hidden not in done.stdout + done.stderr


class TestARestore:
    def test_every_key_is_handed_out_again(self, filled, backup, target):
        _, keys = filled
        out = succeeded(target.command("restore", str(backup)))
        assert "undamaged" in out and PACE.search(out)
        client = target.start().client()
        for (user, provider), key in keys.items():
            assert expect.success(client.resolve(user, provider))["api_key"] == key
        expect.problem(client.set_initial("openai", fake_key()), 403, "setup_closed")
        assert client.status("bob")["global_fallback"] is False
        client.store("newcomer", "openai", fake_key())
        target.stop()
        assert database.integrity_check(target.database) == "ok"

    def test_it_is_the_same_backup_again(self, backup, target):
        succeeded(target.command("restore", str(backup)))
        succeeded(target.command("backup", "again.gz"))
        assert lines_of(target.folder / "again.gz")[1:-1] == lines_of(backup)[1:-1]

    def test_a_database_in_use_is_left_alone(self, filled, backup):
        service, _ = filled
        before = database.contents(service.database)
        assert "already" in refusal(service.command("restore", str(backup)))
        assert database.contents(service.database) == before

    def test_a_service_that_was_started_once_may_be_restored_into(self, backup, target):
        target.start().stop()
        succeeded(target.command("restore", str(backup)))
        assert expect.success(target.start().client().resolve("bob", "openai"))

    @pytest.mark.parametrize("damage", ["cut", "flipped", "twice", "empty", "text", "missing"])
    def test_a_damaged_file_writes_nothing(self, backup, target, damage):
        content = backup.read_bytes()
        middle = len(content) // 2
        damaged = {
            "cut": content[:middle], "flipped": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
            "twice": content + content, "empty": b"", "text": b"this is no backup\n",
        }.get(damage)  # fmt: skip
        path = target.folder / "damaged.gz"
        if damaged is not None:
            path.write_bytes(damaged)
        said = refusal(target.command("restore", str(path)))
        assert len(said.splitlines()) == 2
        assert refusal(target.command("backup", "verify", str(path)))
        assert not database.is_made(target.database)

    def test_another_root_writes_nothing(self, backup, target, tmp_path):
        other = generate_root(tmp_path)
        said = refusal(target.command("restore", str(backup), API_KEY_ENCRYPTION_SECRET=other))
        assert "was made under root 1 (check " in said
        assert not database.is_made(target.database)


# Killed in the middle.


def add_events(connection, count: int):
    """Audit events by the thousand: rows that need no sealing."""
    moment = "TIMESTAMP '2026-01-01 00:00:00'" if database.KIND == "postgresql" else "'2026-01-01 00:00:00.000000'"
    connection.execute(
        f"""INSERT INTO audit_events (at, actor_kind, action, outcome, detail, request_id)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
        SELECT {moment}, 'service', 'key.use', 'ok', 'user', 'request-' || i FROM n"""
    )


@pytest.fixture(scope="module")
def large(module_service):
    """A service with many rows, and a backup of it."""
    service = module_service()
    service.client().store("alice", "openai", fake_key())
    service.stop()
    with database.connect(service.database) as connection:
        add_events(connection, MANY)
    succeeded(service.command("backup", "large.gz"))
    return service, service.folder / "large.gz"


def test_a_bar_on_a_terminal_and_plain_lines_elsewhere(large):
    service, _ = large
    done = service.command("backup", "plain.gz")
    assert succeeded(done) and done.stderr == "" and "\r" not in done.stdout
    primary, secondary = pty.openpty()
    command = [str(binary_path()), "backup", "bar.gz"]
    subprocess.run(command, env=service.env, cwd=service.folder, stderr=secondary, stdout=subprocess.DEVNULL, check=True)
    os.close(secondary)
    assert "\rbackup  █" in os.read(primary, 1 << 16).decode(errors="replace")
    os.close(primary)


def running(service, *arguments: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [str(binary_path()), *arguments], env=service.env, cwd=service.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    started.append(process)
    return process


def killed(process: subprocess.Popen):
    assert process.poll() is None, "it ended before it could be killed"
    process.kill()
    process.wait(STOP_SECONDS)


def test_a_killed_backup_is_no_backup(large):
    service, _ = large
    path = service.folder / "killed.gz"
    partial = path.with_name("killed.gz.partial")
    process = running(service, "backup", path.name)
    wait_until(lambda: partial.exists() and partial.stat().st_size > 0, 20, "the first bytes of a backup")
    assert partial.stat().st_mode & 0o777 == 0o600
    killed(process)
    assert not path.exists() and partial.exists()
    refusal(service.command("backup", "verify", partial.name))
    # The next one takes away what was left.
    succeeded(service.command("backup", path.name))
    assert path.exists() and not partial.exists()
    assert "1 of 1 keys readable" in succeeded(service.command("backup", "verify", path.name))


def is_being_written(service) -> bool:
    if database.KIND == "sqlite":
        log = service.database.with_name(service.database.name + "-wal")
        return log.exists() and log.stat().st_size > 1 << 20
    with database.connect(service.database) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'INSERT INTO audit%'"
        return connection.execute(query).fetchone()[0] > 0


def test_a_killed_restore_leaves_an_empty_database(large, make_service):
    source, path = large
    target = make_service(start=False, API_KEY_ENCRYPTION_SECRET=source.root)
    process = running(target, "restore", str(path))
    wait_until(lambda: is_being_written(target), 30, "the first rows of a restore")
    killed(process)

    def counts():
        with database.connect(target.database) as connection:
            queries = [f"SELECT count(*) FROM {name}" for name in ("user_api_keys", "audit_events")]
            return [connection.execute(query).fetchone()[0] for query in queries]

    assert counts() == [0, 0]
    succeeded(target.command("restore", str(path)))
    assert counts() == [1, MANY + 1]

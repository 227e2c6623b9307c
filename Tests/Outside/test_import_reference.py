"""`latchkey import reference`: a table that Python wrote, whole, once, and with what is wrong with it said."""

import concurrent.futures
import contextlib
import csv
import hashlib
import io
import os
import pty
import re
import stat
import subprocess
import uuid
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

import database
import old_tables
from client import fake_key
from harness import binary_path, started, wait_until
from needles import assert_absent
from old_tables import FLIPPED, IN_THE_CLEAR, TRUNCATED, Row

ROWS = 10_000
PROVIDERS = ("openai", "anthropic", "gemini", "groq")
SUMMARY = re.compile(
    r"^(\d+) stored, (\d+) already there, (\d+) kept, (\d+) would not open, (\d+) not imported for other reasons$", re.M
)
RATE = re.compile(r"^(\d+) rows in \d+\.\d s, (\d+) rows per second$", re.M)
LIMIT_SECONDS = 300


def rows_for(count: int) -> list[Row]:
    """Several rows for a user, as there are."""
    return [
        Row(f"user-{number // 2:05}", PROVIDERS[number % 2 + 2 * (number // 2 % 2)], fake_key("valid", f"old{number:05}"))
        for number in range(count)
    ]


KINDS = ["sqlite", "postgresql"] if database.KIND == "postgresql" else ["sqlite"]
needs_server = pytest.mark.skipif("postgresql" not in KINDS, reason="the old database is on PostgreSQL")


@pytest.fixture(params=KINDS)
def old(request, tmp_path):
    """The old system's database, of either kind."""
    if request.param == "sqlite":
        made = old_tables.sqlite(tmp_path)
    else:
        made = old_tables.postgresql(request.getfixturevalue("cluster"))
    yield made
    made.close()


@pytest.fixture
def stopped(make_service):
    """A Latchkey that is configured but does not run."""
    return make_service(start=False)


def environment(service, old, **more) -> dict:
    return {**service.env, "OLD_DATABASE": old.url, old_tables.VARIABLE: old_tables.SECRET, **more}


ARGUMENTS = ("import", "reference", "--from-env", "OLD_DATABASE", "--secret-env", old_tables.VARIABLE)


def run_import(service, old, *arguments: str, derivation: str | None = "sha256-user", **settings):
    """One import to its end, with its peak memory in KiB."""
    chosen = ("--derivation", derivation) if derivation else ()
    process = subprocess.Popen(
        [str(binary_path()), *ARGUMENTS, *chosen, *arguments], env=environment(service, old, **settings), cwd=service.folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    started.append(process)
    done = subprocess.CompletedProcess(process.args, None)
    done.peak = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        output, errors = pool.submit(process.stdout.read), pool.submit(process.stderr.read)
        while process.poll() is None:
            # What getrusage says of a child begins with what its parent had.
            done.peak = max(done.peak, peak_memory(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        done.returncode = process.returncode
        done.stdout, done.stderr = output.result().decode(), errors.result().decode()
    return done


def peak_memory(process_id: int) -> int:
    """In KiB; 0 once it has ended."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process_id}/status").read_text(), re.M)
        return int(found.group(1)) if found else 0
    return 0


def counts(done) -> tuple[int, ...]:
    found = SUMMARY.search(done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(map(int, found.groups()))


def resolved(client, row: Row) -> str | None:
    answer = client.resolve(row.user, row.provider)
    return answer.json()["api_key"] if answer.status_code == 200 else None


def assert_resolve(service, rows: list[Row]):
    """Every key is handed out to its user."""
    client = service.client()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: resolved(client, row), rows))
    wrong = [(row, key) for row, key in zip(rows, found, strict=True) if key != (None if row.poison else row.key)]
    assert wrong == [], f"{len(wrong)} of {len(rows)} rows, such as {wrong[0]}"


def stored_keys(service) -> int:
    with database.connect(service.database) as connection:
        return connection.execute("SELECT COUNT(*) FROM user_api_keys").fetchone()[0]


def every_cell(service) -> dict[str, list[bytes]]:
    """All that Latchkey's database holds: keys, their times and versions, audit events."""
    with database.connect(service.database) as connection:
        return {table: list(database.cells(connection, table)) for table in database.tables(connection)}


# The whole table.


def test_ten_thousand_rows(stopped, old):
    rows = rows_for(ROWS)
    poisoned = {77: TRUNCATED, 5_000: FLIPPED, 9_999: IN_THE_CLEAR}
    for number, poison in poisoned.items():
        rows[number].poison = poison
    old.write(rows)
    before = old.contents()

    first = run_import(stopped, old, "--report", "report.csv")
    assert first.returncode == 1, first.stdout + first.stderr
    assert counts(first) == (ROWS - 3, 0, 0, 3, 0)
    told, rate = map(int, RATE.search(first.stdout).groups())
    assert told == ROWS and rate > 100
    for number in poisoned:
        place = f"row {number + 1}  {rows[number].user}  {rows[number].provider}  would not open: "
        assert place in first.stdout
    print(f"\n{ROWS} rows, {rate} rows per second, peak {first.peak // 1024} MiB")
    # Plain lines where there is no terminal.
    assert len(re.findall(rf"^latchkey: \d+ of {ROWS} rows$", first.stderr, re.M)) == 10

    report = stopped.folder / "report.csv"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    lines = list(csv.DictReader(io.StringIO(report.read_text())))
    assert [(line["place"], line["user_id"], line["outcome"]) for line in lines] == [
        (f"row {number + 1}", rows[number].user, "would_not_open") for number in poisoned
    ]

    # A second run changes nothing, here or there.
    stored = every_cell(stopped)
    second = run_import(stopped, old)
    assert second.returncode == 1 and counts(second) == (0, ROWS - 3, 0, 3, 0)
    assert every_cell(stopped) == stored
    assert old.contents() == before

    secrets = {f"row {number}": rows[number].key.encode() for number in (0, *poisoned)}
    printed = {"output": (first.stdout + first.stderr + second.stdout).encode(), "report": report.read_bytes()}
    assert_absent({**secrets, "the old secret": old_tables.SECRET.encode()}, printed)

    assert_resolve(stopped.start(), rows)


@needs_server
def test_from_postgresql_to_sqlite(stopped, cluster):
    """The two need not be of one kind."""
    rows = rows_for(1_200)
    old = old_tables.postgresql(cluster).write(rows)
    stopped.configure(DATABASE_URL=f"sqlite:{stopped.folder}/new.db")
    done = run_import(stopped, old)
    assert done.returncode == 0 and counts(done) == (1_200, 0, 0, 0, 0)
    assert_resolve(stopped.start(), rows)
    old.close()


def test_memory_does_not_grow_with_the_table(stopped, old):
    """Pages of 500: what ten pages take, a hundred take."""
    rows = rows_for(12_000)
    old.write(rows)
    few = run_import(stopped, old, "--table", "first_rows") if shown_as_view(old, "first_rows", 3_000) else None
    all_of_them = run_import(stopped, old)
    assert few.returncode == all_of_them.returncode == 0, few.stderr + all_of_them.stderr
    assert counts(few) == (3_000, 0, 0, 0, 0) and counts(all_of_them) == (9_000, 3_000, 0, 0, 0)
    print(f"\npeak {few.peak // 1024} MiB for 3,000 rows, {all_of_them.peak // 1024} MiB for 12,000")
    # The derived owner keys that are remembered for a minute are some hundred bytes for each user.
    assert all_of_them.peak - few.peak < 24 * 1024


def shown_as_view(old, name: str, rows: int) -> bool:
    """A view serves as a table."""
    with old.engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE VIEW {name} AS SELECT * FROM user_api_keys WHERE id <= {rows}"))
    return True


def test_kill_9_in_the_middle_and_again(stopped, old):
    rows = rows_for(4_000)
    old.write(rows)
    assert stopped.command("migrate").returncode == 0
    killed = 0
    for target in (300, 1_500):
        process = subprocess.Popen(
            [str(binary_path()), *ARGUMENTS, "--derivation", "sha256-user"], env=environment(stopped, old),
            cwd=stopped.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        wait_until(lambda: stored_keys(stopped) >= target or process.poll() is not None, 120, f"{target} stored keys")  # noqa: B023
        process.kill()
        process.wait()
        killed = stored_keys(stopped)
        assert target <= killed < len(rows), "the kill came too late to prove anything"
    done = run_import(stopped, old)
    stored, there, *rest = counts(done)
    assert done.returncode == 0 and there == killed and stored == len(rows) - killed and rest == [0, 0, 0]
    with database.connect(stopped.database) as connection:
        versions = connection.execute("SELECT MIN(row_version), MAX(row_version), COUNT(*) FROM user_api_keys").fetchone()
    assert tuple(versions) == (1, 1, len(rows))
    assert_resolve(stopped.start(), rows)


# What is there already.


def test_a_key_that_the_user_has_changed_since_is_kept(service, old):
    rows = rows_for(6)
    old.write(rows)
    newer = fake_key("valid", "newer")
    service.client().store(rows[0].user, rows[0].provider, newer)
    done = run_import(service, old)
    assert done.returncode == 0 and counts(done) == (5, 0, 1, 0, 0)
    assert re.search(rf"^row 1  {rows[0].user}  {rows[0].provider}  kept: ", done.stdout, re.M)
    assert resolved(service.client(), rows[0]) == newer
    done = run_import(service, old, "--replace")
    assert done.returncode == 0 and counts(done) == (1, 5, 0, 0, 0)
    assert_resolve(service, rows)


def test_another_secret_opens_nothing_and_stores_nothing(stopped, old):
    old.write(rows_for(5))
    done = run_import(stopped, old, OLD_SECRET="a wrong secret")
    assert done.returncode == 1 and counts(done) == (0, 0, 0, 5, 0)
    assert stored_keys(stopped) == 0


def test_more_than_a_screen_of_rows_that_would_not_open(stopped, old):
    rows = rows_for(50)
    for row in rows:
        row.poison = FLIPPED
    old.write(rows)
    done = run_import(stopped, old)
    assert done.stdout.count("would not open: ") == 20
    assert "… and 30 more; --report FILE writes them all" in done.stdout


# Columns as they are elsewhere.


def test_user_ids_that_are_numbers(stopped, old):
    rows = [Row(str(number), "openai", fake_key("valid", "number")) for number in (3, 20, 100)]
    old.write(rows, table=old_tables.reference_table(sqlalchemy.Integer), user=int)
    assert counts(run_import(stopped, old)) == (3, 0, 0, 0, 0)
    assert_resolve(stopped.start(), rows)


def test_user_ids_that_are_uuids(stopped, old):
    """On SQLite SQLAlchemy writes them without hyphens; the app and its tokens have them with."""
    rows = [Row(str(uuid.uuid4()), "openai", fake_key("valid", "uuid")) for _ in range(3)]
    old.write(rows, table=old_tables.reference_table(sqlalchemy.Uuid), user=uuid.UUID)
    assert counts(run_import(stopped, old, "--uuid")) == (3, 0, 0, 0, 0)
    assert_resolve(stopped.start(), rows)


def test_tokens_that_are_bytes(stopped, old):
    rows = rows_for(3)
    table = old_tables.reference_table(key_type=sqlalchemy.LargeBinary)
    old.write(rows, table=table, sealed=lambda text: text.encode())
    assert counts(run_import(stopped, old)) == (3, 0, 0, 0, 0)
    assert_resolve(stopped.start(), rows)


def test_providers_by_other_names(stopped, old):
    rows = [
        Row("alice", "OpenAI", fake_key()), Row("alice", "google", fake_key()), Row("alice", "our-llm", fake_key()),
        Row("alice", "nobody knows", fake_key()),
    ]  # fmt: skip
    old.write(rows)
    done = run_import(stopped, old, "--provider-map", "our-llm=groq")
    assert done.returncode == 1 and counts(done) == (3, 0, 0, 0, 1)
    assert re.search(r"^row 4  alice  nobody knows  not imported: .*--provider-map", done.stdout, re.M)
    client = stopped.start().client()
    for provider, row in zip(("openai", "gemini", "groq"), rows, strict=False):
        assert client.resolve("alice", provider).json()["api_key"] == row.key


def test_keys_in_the_wrong_column_are_not_shown(stopped, old):
    """Whoever swapped two columns finds out, and not by reading keys."""
    key = "sk-proj-0123456789abcdefghijklmnop"
    old.write([Row(key, key, "openai")])
    done = run_import(stopped, old, "--report", "report.csv")
    assert done.returncode == 1
    shown = (done.stdout + done.stderr).encode()
    assert_absent({"the key": key.encode()}, {"output": shown, "report": (stopped.folder / "report.csv").read_bytes()})


# The derivations.


def hkdf(user: str) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return old_tables.fernet_key(HKDF(hashes.SHA256(), 32, None, user.encode()).derive(old_tables.SECRET.encode()))


DERIVATIONS = {
    "sha256": lambda user: old_tables.fernet_key(hashlib.sha256(old_tables.SECRET.encode()).digest()),
    "sha256-user-first-colon": lambda user: old_tables.fernet_key(
        hashlib.sha256(f"{user}:{old_tables.SECRET}".encode()).digest()
    ),
    "pbkdf2-hashed-user --iterations 1000": lambda user: old_tables.fernet_key(
        hashlib.pbkdf2_hmac("sha256", old_tables.SECRET.encode(), hashlib.sha256(user.encode()).digest()[:16], 1000)
    ),
    "hkdf": hkdf,
    "pad32": lambda user: old_tables.fernet_key(old_tables.SECRET.encode().ljust(32, b"0")[:32]),
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_dry_run_finds_the_derivation_and_the_import_takes_it(stopped, old, name):
    rows = rows_for(12)
    old.write(rows, derive=DERIVATIONS[name])
    dry = run_import(stopped, old, "--dry-run", "--iterations", "1000", derivation=None)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines()[-1] == f"use: --derivation {name}"
    assert re.search(rf"^{name}  +12 of 12$", dry.stdout, re.M)
    opened = re.findall(r" (\d+) of \d+$", dry.stdout, re.M)
    assert len(opened) >= 16 and sum(map(int, opened)) == 12
    assert not database.is_made(stopped.database)
    derivation, *options = name.split()
    done = run_import(stopped, old, *options, derivation=derivation)
    assert done.returncode == 0 and counts(done) == (12, 0, 0, 0, 0)


def test_a_dry_run_with_the_usual_numbers(stopped, tmp_path):
    """As documented, without --iterations: what pbkdf2 costs is borne once here."""
    old = old_tables.sqlite(tmp_path)
    old.write(
        rows_for(3),
        derive=lambda user: old_tables.fernet_key(
            hashlib.pbkdf2_hmac("sha256", old_tables.SECRET.encode(), b"salt", 390_000)
        ),
    )
    dry = run_import(stopped, old, "--dry-run", derivation=None)
    assert dry.stdout.splitlines()[-1] == "use: --derivation pbkdf2-salt --iterations 390000", dry.stdout + dry.stderr
    done = run_import(stopped, old, "--iterations", "390000", derivation="pbkdf2-salt")
    assert counts(done) == (3, 0, 0, 0, 0)


def test_a_dry_run_that_finds_none(stopped, old):
    old.write(rows_for(4))
    dry = run_import(stopped, old, "--dry-run", "--iterations", "10", derivation=None, OLD_SECRET="wrong")
    assert dry.returncode == 2 and "latchkey: error: no derivation opens any of the 4 rows" in dry.stderr
    assert not database.is_made(stopped.database)


def test_a_program_derives_the_keys(stopped, old, tmp_path):
    """What the papers show, with a derivation that is none of ours."""
    program = tmp_path / "derive.py"
    program.write_text(
        "#!/usr/bin/env python3\n"
        "import base64, hashlib, json, os, sys\n"
        "seen = open('environment', 'w'); print(*sorted(os.environ), file=seen, flush=True)\n"
        "for line in sys.stdin:\n"
        "    user = json.loads(line)['user_id']\n"
        "    raw = hashlib.blake2s(os.environ['OLD_SECRET'].encode() + user.encode()).digest()\n"
        "    print(base64.urlsafe_b64encode(raw).decode(), flush=True)\n"
    )
    program.chmod(0o755)
    rows = rows_for(700)
    old.write(
        rows,
        derive=lambda user: old_tables.fernet_key(
            hashlib.blake2s(old_tables.SECRET.encode() + user.encode()).digest()
        ),
    )
    dry = run_import(stopped, old, "--dry-run", derivation=str(program))
    assert dry.stdout.splitlines()[-1] == f"use: --derivation {program}", dry.stdout + dry.stderr
    done = run_import(stopped, old, derivation=f"command:{program}")
    assert done.returncode == 0 and counts(done) == (700, 0, 0, 0, 0)
    # Latchkey's own root is none of its business.
    names = (stopped.folder / "environment").read_text().split()
    assert "OLD_SECRET" in names and not {"API_KEY_ENCRYPTION_SECRET", "JWT_SECRET_KEY", "OLD_DATABASE"} & set(names)


# What stops it before it begins.


@pytest.mark.parametrize(
    "arguments, settings, words",
    [
        (("--derivation", "sha256", "--table", "absent"), {}, "no table absent"),
        (("--derivation", "sha256", "--table", 'a"; DROP TABLE user_api_keys; --'), {}, "--table"),
        (("--derivation", "nonsense"), {}, "--derivation"),
        (("--derivation", "raw"), {}, "raw"),
        (("--derivation", "./absent"), {}, "absent"),
        ((), {}, "--dry-run"),
        (("--derivation", "sha256"), {"OLD_SECRET": ""}, "OLD_SECRET"),
        (("--derivation", "sha256"), {"OLD_SECRET": "file:absent"}, "absent"),
        (("--derivation", "sha256"), {"OLD_DATABASE": "mysql://u:hunter2@h/d"}, "--from"),
        (("--derivation", "sha256"), {"OLD_DATABASE": "sqlite:absent.db"}, "old database"),
        (("--derivation", "sha256"), {"OLD_DATABASE": "postgresql://u:hunter2@127.0.0.1:1/d"}, "old database"),
        (("--derivation", "sha256", "--from", "sqlite:x"), {}, "--from"),
        (("--derivation", "sha256", "--provider-map", "a"), {}, "--provider-map"),
        (("--derivation", "sha256", "--provider-map", "a=nope"), {}, "--provider-map"),
        (("--derivation", "sha256", "--report", "absent/report.csv"), {}, "absent/report.csv"),
    ],
)
def test_what_stops_it(stopped, tmp_path, arguments, settings, words):
    old = old_tables.sqlite(tmp_path).write(rows_for(1))
    done = run_import(stopped, old, *arguments, derivation=None, **settings)
    assert done.returncode in (1, 2) and done.stderr.startswith("latchkey: error: "), done.stderr
    assert words in done.stderr and "latchkey: hint: " in done.stderr
    assert "hunter2" not in done.stdout + done.stderr and old_tables.SECRET not in done.stdout + done.stderr
    assert not database.is_made(stopped.database)
    assert len(old.contents()) == 1


def test_latchkeys_own_database_is_no_source(stopped, tmp_path):
    assert stopped.command("migrate").returncode == 0
    old = old_tables.sqlite(tmp_path)
    done = run_import(stopped, old, OLD_DATABASE=stopped.env["DATABASE_URL"])
    assert done.returncode == 2 and "Latchkey's own" in done.stderr


@needs_server
def test_a_password_on_the_command_line_is_warned_of(stopped, cluster):
    old = old_tables.postgresql(cluster).write(rows_for(2))
    command = ["import", "reference", "--from", old.url, "--derivation", "sha256-user", "--secret-env", "OLD_SECRET"]
    done = stopped.command(*command, OLD_SECRET=old_tables.SECRET)
    assert done.returncode == 0, done.stderr
    assert "latchkey: warning: every user of this machine can see the password in --from" in done.stderr
    password = re.search(r":([0-9a-f]{32})@", old.url).group(1)
    assert password not in done.stdout + done.stderr
    again = stopped.command(*command[:3], old.url.replace(f":{password}", ""), *command[4:], OLD_SECRET=old_tables.SECRET, PGPASSWORD=password)
    assert again.returncode == 0 and "warning" not in again.stderr
    old.close()


@needs_server
def test_a_role_that_may_only_read_is_enough(stopped, cluster):
    old = old_tables.postgresql(cluster).write(rows_for(3))
    name, password = cluster.new_role()
    refused = run_import(stopped, old, OLD_DATABASE=re.sub(r"//[^@]*@", f"//{name}:{password}@", old.url))
    assert refused.returncode == 2 and "GRANT SELECT ON user_api_keys" in refused.stderr
    with psycopg.connect(old.url, autocommit=True) as connection:
        connection.execute(f'GRANT SELECT ON user_api_keys TO "{name}"')
    done = run_import(stopped, old, OLD_DATABASE=re.sub(r"//[^@]*@", f"//{name}:{password}@", old.url))
    assert done.returncode == 0 and counts(done) == (3, 0, 0, 0, 0)
    old.close()


# On a terminal.


def test_a_bar_on_a_terminal(stopped, tmp_path):
    old = old_tables.sqlite(tmp_path).write(rows_for(2_500))
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(binary_path()), *ARGUMENTS, "--derivation", "sha256-user"], env=environment(stopped, old), cwd=stopped.folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave,
    )  # fmt: skip
    started.append(process)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(LIMIT_SECONDS) == 0
    bars = re.findall(r"\rimporting  [█░]{25}  (\d+) %", shown.decode())
    assert [int(bar) for bar in bars] == [20, 40, 60, 80, 100]
    assert b"latchkey: " not in shown
    old.close()

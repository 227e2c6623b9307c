"""`latchkey import reference`: a table that Python wrote, whole, once, and with what is wrong with it said."""

import csv
import io
import os
import pty
import re
import stat
import subprocess
import uuid

import sqlalchemy

import database
import old_tables
from client import fake_key
from harness import binary_path, started, wait_until
from import_runs import (  # noqa: F401
    ARGUMENTS, RATE, assert_resolve, counts, environment, needs_server, old, resolved, rows_for, run_import, stopped,
    stored_keys,
)  # fmt: skip
from needles import assert_absent
from old_tables import FLIPPED, IN_THE_CLEAR, TRUNCATED, Row

ROWS = 10_000
END_SECONDS = 300


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
    """Rows are read 500 at a time. Measured on a view first, which serves as a table."""
    rows = rows_for(12_000)
    old.write(rows)
    with old.engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE VIEW first_rows AS SELECT * FROM user_api_keys WHERE id <= 3000"))
    few = run_import(stopped, old, "--table", "first_rows")
    all_of_them = run_import(stopped, old)
    assert few.returncode == all_of_them.returncode == 0, few.stderr + all_of_them.stderr
    assert counts(few) == (3_000, 0, 0, 0, 0) and counts(all_of_them) == (9_000, 3_000, 0, 0, 0)
    print(f"\npeak {few.peak // 1024} MiB for 3,000 rows, {all_of_them.peak // 1024} MiB for 12,000")
    # Owner keys are remembered for a minute, some hundred bytes for each user.
    assert 0 < all_of_them.peak < few.peak + 16 * 1024


def test_rows_that_were_counted_and_not_seen_are_not_passed_over(stopped, old):
    """A view whose ids are not unique loses rows between two pages: that must not look like success."""
    old.write(rows_for(600))
    with old.engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("CREATE VIEW no_ids AS SELECT 1 AS id, user_id, provider, encrypted_key FROM user_api_keys")
        )
    done = run_import(stopped, old, "--table", "no_ids")
    assert done.returncode == 1 and counts(done) == (500, 0, 0, 0, 0)
    assert "latchkey: warning: 100 rows were counted at the start and not seen" in done.stderr


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
        versions = connection.execute(
            "SELECT MIN(row_version), MAX(row_version), COUNT(*) FROM user_api_keys"
        ).fetchone()
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


# On a terminal.


def test_a_bar_on_a_terminal(stopped, tmp_path):
    old = old_tables.sqlite(tmp_path).write(rows_for(2_500))
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(binary_path()), *ARGUMENTS, "--derivation", "sha256-user"], env=environment(stopped, old),
        cwd=stopped.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave,
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
    assert process.wait(END_SECONDS) == 0
    bars = re.findall(r"\rimporting  [█░]{25}  (\d+) %", shown.decode())
    assert [int(bar) for bar in bars] == [20, 40, 60, 80, 100]
    assert b"latchkey: " not in shown
    old.close()

"""Runs of `latchkey import reference` against an old table, and what is to be said of them."""

import concurrent.futures
import contextlib
import re
import subprocess
from pathlib import Path

import pytest

import database
import old_tables
from client import fake_key
from harness import binary_path, started
from old_tables import Row

KINDS = ["sqlite", "postgresql"] if database.KIND == "postgresql" else ["sqlite"]
needs_server = pytest.mark.skipif("postgresql" not in KINDS, reason="the old database is on PostgreSQL")


# The fixtures that both modules of tests use.


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


# Runs.

PROVIDERS = ("openai", "anthropic", "gemini", "groq")
SUMMARY = re.compile(
    r"^(\d+) stored, (\d+) already there, (\d+) kept, (\d+) would not open, (\d+) not imported for other reasons$", re.M
)
RATE = re.compile(r"^(\d+) rows in \d+\.\d s, (\d+) rows per second$", re.M)


def rows_for(count: int) -> list[Row]:
    """Several rows for a user, as there are."""
    return [
        Row(
            f"user-{number // 2:05}",
            PROVIDERS[number % 2 + 2 * (number // 2 % 2)],
            fake_key("valid", f"old{number:05}"),
        )
        for number in range(count)
    ]


def environment(service, old, **more) -> dict:
    return {**service.env, "OLD_DATABASE": old.url, old_tables.VARIABLE: old_tables.SECRET, **more}


ARGUMENTS = ("import", "reference", "--from-env", "OLD_DATABASE", "--secret-env", old_tables.VARIABLE)


def run_import(service, old, *arguments: str, derivation: str | None = "sha256-user", **settings):
    """One import to its end, with its peak memory in KiB."""
    chosen = ("--derivation", derivation) if derivation else ()
    process = subprocess.Popen(
        [str(binary_path()), *ARGUMENTS, *chosen, *arguments], env=environment(service, old, **settings),
        cwd=service.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
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

"""`latchkey import reference`: how the old secret becomes a key, and what stops an import before it begins."""

import hashlib
import re

import psycopg
import pytest
import sqlalchemy
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import database
import old_tables
from import_runs import assert_resolve, counts, needs_server, old, rows_for, run_import, stopped  # noqa: F401

# The derivations.


def hkdf(user: str) -> bytes:
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
        derive=lambda user: old_tables.fernet_key(hashlib.blake2s(old_tables.SECRET.encode() + user.encode()).digest()),
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


def test_the_old_table_may_be_renamed_and_lie_beside_latchkeys_own(stopped, old):
    rows = rows_for(6)
    old.write(rows)
    with old.engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE user_api_keys RENAME TO old_keys"))
    stopped.configure(DATABASE_URL=old.url.replace("sqlite:///", "sqlite:"))
    done = run_import(stopped, old, "--table", "old_keys")
    assert done.returncode == 0 and counts(done) == (6, 0, 0, 0, 0), done.stderr
    assert_resolve(stopped.start(), rows)


@needs_server
def test_a_password_on_the_command_line_is_warned_of(stopped, cluster):
    old = old_tables.postgresql(cluster).write(rows_for(2))
    command = ["import", "reference", "--from", old.url, "--derivation", "sha256-user", "--secret-env", "OLD_SECRET"]
    done = stopped.command(*command, OLD_SECRET=old_tables.SECRET)
    assert done.returncode == 0, done.stderr
    assert "latchkey: warning: every user of this machine can see the password in --from" in done.stderr
    password = re.search(r":([0-9a-f]{32})@", old.url).group(1)
    assert password not in done.stdout + done.stderr
    again = stopped.command(
        *command[:3],
        old.url.replace(f":{password}", ""),
        *command[4:],
        OLD_SECRET=old_tables.SECRET,
        PGPASSWORD=password,
    )
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

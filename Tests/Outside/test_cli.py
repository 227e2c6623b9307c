"""The operator's commands, each as a process of its own."""

import base64
import hashlib
import json
import re
import time

import jwt
import pytest

import database
import expect
from client import fake_key
from harness import clean_environment, generate_root, run_command
from needles import find

ROOT = re.compile(r"lkroot1:(\d+):([A-Za-z0-9_-]{43}):([0-9a-f]{8})")
JUDGEMENT = re.compile(r"^\W*(ok|warn|fail)\b", re.IGNORECASE)
ERROR_LINE = re.compile(r"^latchkey: error: \S", re.MULTILINE)


@pytest.fixture
def stopped(make_service):
    """A service that is configured but does not run."""
    return make_service(start=False)


def succeeded(done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def failed(done) -> str:
    """A plain error on stderr, and an exit code that says so."""
    assert done.returncode not in (0, -6, -11, 132, 134, 139), (done.returncode, done.stdout, done.stderr)
    assert ERROR_LINE.search(done.stderr), done.stderr
    return done.stderr


class TestSecretGenerate:
    def test_one_root_and_nothing_else(self, binary, tmp_path):
        done = run_command(["secret", "generate"], clean_environment(tmp_path), tmp_path)
        assert ROOT.fullmatch(succeeded(done).removesuffix("\n")) and done.stderr == ""
        assert list(tmp_path.iterdir()) == []

    def test_its_checksum_is_right_and_it_is_fresh_each_time(self, binary, tmp_path):
        made = {generate_root(tmp_path) for _ in range(5)}
        assert len(made) == 5
        for root in made:
            kid, text, check = ROOT.fullmatch(root).groups()
            key = base64.urlsafe_b64decode(text + "=")
            assert kid == "1" and len(key) == 32
            assert hashlib.sha256(b"latchkey root v1" + int(kid).to_bytes(4, "big") + key).hexdigest()[:8] == check

    def test_it_is_taken_by_serve(self, stopped):
        stopped.configure(API_KEY_ENCRYPTION_SECRET=generate_root(stopped.folder))
        stopped.start().stop()


class TestToken:
    def decoded(self, service, *arguments) -> dict:
        done = service.command("token", *arguments)
        assert len(succeeded(done).splitlines()) == 1 and done.stderr == ""
        return jwt.decode(done.stdout.strip(), service.jwt_secret, algorithms=["HS256"])

    def test_a_token_that_works(self, service):
        claims = self.decoded(service, "--user", "caf\u00e9")
        assert claims["sub"] == "caf\u00e9" and claims["exp"] > time.time()
        token = service.command("token", "--user", "alice").stdout.strip()
        assert expect.success(service.client().call("GET", "/api/api-keys/status", token=token))["user_id"] == "alice"

    def test_minutes(self, stopped):
        claims = self.decoded(stopped, "--user", "alice", "--minutes", "5")
        assert abs(claims["exp"] - time.time() - 300) < 30

    def test_role(self, service):
        token = service.command("token", "--user", "operator", "--role", "admin").stdout.strip()
        expect.success(service.client().status_initial(token))
        plain = service.command("token", "--user", "operator").stdout.strip()
        expect.problem(service.client().status_initial(plain), 403, "forbidden")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--user", ""),
            ("--user", "u" * 65),
            ("--user", "a\nb"),
            ("--user", "alice", "--minutes", "0"),
            ("--user", "alice", "--minutes", "-1"),
            ("--user", "alice", "--minutes", "99999999999999999999"),
        ],
    )
    def test_what_makes_no_token(self, stopped, arguments):
        done = stopped.command("token", *arguments)
        assert done.returncode not in (0, -4, -5, -6, -11) and done.stdout == "" and done.stderr.strip()

    def test_without_a_secret(self, stopped):
        stopped.configure(JWT_SECRET_KEY=None)
        assert "JWT_SECRET_KEY" in failed(stopped.command("token", "--user", "alice"))


class TestMigrate:
    def test_it_makes_the_table_and_may_run_again(self, stopped):
        succeeded(stopped.command("migrate"))
        first = self.schema(stopped)
        assert {"user_api_keys", "global_api_keys", "schema_migrations"} <= {name for name, *_ in first}
        succeeded(stopped.command("migrate"))
        assert self.schema(stopped) == first
        client, key = stopped.start().client(), fake_key()
        client.store("alice", "openai", key)
        assert self.schema(stopped) == first

    def test_the_reference_columns_are_there(self, stopped):
        succeeded(stopped.command("migrate"))
        connection = database.connect(stopped.database)
        names = database.columns(connection, "user_api_keys").keys()
        connection.close()
        assert {
            "id",
            "user_id",
            "provider",
            "encrypted_key",
            "key_hash",
            "is_valid",
            "last_validated",
            "created_at",
            "updated_at",
        } <= names

    def schema(self, service) -> list:
        connection = database.connect(service.database)
        found = database.schema(connection)
        connection.close()
        return found


class TestKeys:
    def run(self, service, verb, *arguments, user="alice", stdin=""):
        return service.command("keys", verb, "--user", user, *arguments, stdin=stdin)

    def test_set_list_validate_delete(self, stopped, provider):
        key = fake_key("valid", "cli")
        done = self.run(stopped, "set", "--provider", "openai", stdin=key + "\n")
        succeeded(done)
        listed = succeeded(self.run(stopped, "list"))
        assert "openai" in listed and key[-4:] in listed
        before = len(provider.requests(key))
        assert "valid" in succeeded(self.run(stopped, "validate", "--provider", "openai"))
        assert len(provider.requests(key)) == before + 1
        assert expect.success(stopped.start().client().resolve("alice", "openai"))["api_key"] == key
        stopped.stop()
        succeeded(self.run(stopped, "delete", "--provider", "openai"))
        assert key[-4:] not in self.run(stopped, "list").stdout
        assert key not in done.stdout + done.stderr + listed

    def test_beside_a_running_service(self, service):
        client, key = service.client(), fake_key("valid", "cli")
        client.store("alice", "openai", fake_key())
        succeeded(self.run(service, "set", "--provider", "openai", stdin=key + "\n"))
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == key
        succeeded(self.run(service, "delete", "--provider", "openai"))
        expect.problem(client.resolve("alice", "openai"), 404, "key_not_found")

    def test_a_key_without_line_end_and_one_from_windows(self, service):
        client = service.client()
        for ending in ("", "\n", "\r\n"):
            key = fake_key("valid", "ending")
            succeeded(self.run(service, "set", "--provider", "openai", stdin=key + ending))
            assert expect.success(client.resolve("alice", "openai"))["api_key"] == key

    @pytest.mark.parametrize(
        "stdin",
        ["", "\n", "********\n", "two\nlines\n", "nul\x00byte\n", "k" * 5_000 + "\n", "sk-\u20261234\n"],
        ids=["nothing", "empty line", "masked", "two lines", "nul", "too long", "masked, dots"],
    )
    def test_what_is_no_key(self, stopped, stdin):
        failed(self.run(stopped, "set", "--provider", "openai", stdin=stdin))
        assert "openai" not in self.run(stopped, "list").stdout

    @pytest.mark.parametrize(
        "arguments", [("KEY",), ("--key", "KEY"), ("--api-key", "KEY"), ("--api-key=KEY",), ("--secret", "KEY")]
    )
    def test_a_key_as_an_argument_is_refused(self, stopped, arguments):
        """Arguments are in every process list and shell history."""
        key = fake_key("valid", "argument")
        done = self.run(
            stopped, "set", "--provider", "openai", *(part.replace("KEY", key) for part in arguments), stdin=""
        )
        assert done.returncode != 0 and done.stderr.strip()
        assert "openai" not in self.run(stopped, "list").stdout

    def test_what_is_not_there(self, stopped):
        failed(self.run(stopped, "delete", "--provider", "openai"))
        failed(self.run(stopped, "validate", "--provider", "openai"))
        failed(self.run(stopped, "set", "--provider", "nope", stdin=fake_key()))
        failed(self.run(stopped, "set", "--provider", "openai", user="u" * 65, stdin=fake_key()))

    def test_another_root_writes_nothing(self, service):
        service.client().store("alice", "openai", fake_key())
        done = service.command(
            "keys",
            "set",
            "--user",
            "alice",
            "--provider",
            "openai",
            stdin=fake_key(),
            API_KEY_ENCRYPTION_SECRET=generate_root(service.folder),
        )
        assert done.returncode == 2
        failed(done)


class TestImport:
    def import_file(self, service, content):
        path = service.folder / "global_api_keys.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return service.command("import", "global", str(path))

    def test_a_file_of_the_reference_system(self, stopped):
        first, second = fake_key("valid", "import"), fake_key("valid", "import")
        done = self.import_file(stopped, {"openai": first, "anthropic": {"api_key": second}})
        output = succeeded(done) + done.stderr
        assert first not in output and second not in output
        client = stopped.start().client()
        for provider, key in (("openai", first), ("anthropic", second)):
            body = expect.success(client.resolve("anybody", provider))
            assert (body["source"], body["api_key"]) == ("global", key)

    def test_twice_is_once(self, stopped):
        key = fake_key("valid", "import")
        for _ in range(2):
            succeeded(self.import_file(stopped, {"openai": key}))
        client = stopped.start().client()
        assert len(expect.success(client.status_initial())["keys"]) == 1
        assert expect.success(client.resolve("anybody", "openai"))["api_key"] == key

    @pytest.mark.parametrize(
        "content",
        [
            "{",
            "[]",
            "",
            '{"openai": 5}',
            '{"openai": "********"}',
            '{"openai": "two\\nlines"}',
            '{"openai": "a-b-c", "openai": "d-e-f"}',
            '{"openai": {"key": []}}',
        ],
    )
    def test_a_file_that_is_none(self, stopped, content):
        failed(self.import_file(stopped, content))
        expect.problem(stopped.start().client().resolve("anybody", "openai"), 404, "key_not_found")

    def test_a_missing_file(self, stopped):
        failed(stopped.command("import", "global", "no-such-file.json"))


class TestDoctor:
    def judgements(self, done) -> list[tuple[str, str]]:
        """(ok|warn|fail, line). Indented lines belong to the one before."""
        lines = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
        judged = [(JUDGEMENT.match(line).group(1).lower(), line) for line in lines if JUDGEMENT.match(line)]
        assert len(judged) >= 6, done.stdout + done.stderr
        return judged

    def failures(self, done) -> list[str]:
        return [line for judgement, line in self.judgements(done) if judgement == "fail"]

    def test_a_healthy_service(self, service):
        service.client().store("alice", "openai", fake_key())
        done = service.command("doctor")
        assert (done.returncode == 0) is (self.failures(done) == [])
        at_home = [line for line in self.failures(done) if not re.search("network|reach|provider", line, re.IGNORECASE)]
        assert at_home == []

    def test_a_row_that_does_not_open_is_counted_and_not_shown(self, service):
        key = fake_key()
        service.client().store("alice", "openai", key)
        connection = database.connect(service.database)
        row = database.read_row(connection, "user_api_keys", user_id="alice")
        database.write_columns(
            connection, "user_api_keys", row["rowid of it"], {"encrypted_key": row["encrypted_key"][:-9] + "AAAAAAAA="}
        )
        connection.close()
        done = service.command("doctor")
        assert done.returncode != 0 and any("1" in line for line in self.failures(done))
        assert row["encrypted_key"][:20] not in done.stdout and find(key.encode(), done.stdout.encode()) is None

    def test_another_root(self, service):
        service.client().store("alice", "openai", fake_key())
        done = service.command("doctor", API_KEY_ENCRYPTION_SECRET=generate_root(service.folder))
        assert done.returncode != 0 and any("root" in line.lower() or "SECRET" in line for line in self.failures(done))

    def test_a_root_file_others_can_read(self, service):
        path = service.folder / "root.txt"
        path.write_text(service.root)
        path.chmod(0o644)
        done = service.command("doctor", API_KEY_ENCRYPTION_SECRET=f"file:{path}")
        assert done.returncode != 0 and self.failures(done)

    def test_no_root_and_no_jwt_secret(self, stopped):
        stopped.configure(API_KEY_ENCRYPTION_SECRET=None, JWT_SECRET_KEY=None)
        done = stopped.command("doctor")
        assert done.returncode != 0 and len(self.failures(done)) >= 2


class TestPrintConfig:
    def test_values_are_there_and_secrets_are_not(self, stopped):
        done = stopped.command("serve", "--print-config", OPENAI_API_KEY=fake_key("valid", "ambient"))
        printed = succeeded(done)
        assert database.shown(stopped.database) in printed and "trace" in printed
        for name in ("API_KEY_ENCRYPTION_SECRET", "JWT_SECRET_KEY", "LATCHKEY_SERVICE_TOKEN", "LATCHKEY_SETUP_TOKEN"):
            assert name in printed
            assert (
                find(
                    stopped.env[name].split(":")[-2 if ":" in stopped.env[name] else 0].encode(),
                    (printed + done.stderr).encode(),
                )
                is None
            )
        assert "ambient" not in printed + done.stderr
        assert not database.is_made(stopped.database)

    def test_a_password_in_the_database_url_is_one_too(self, stopped):
        done = stopped.command(
            "serve", "--print-config", DATABASE_URL="postgresql://app:hunter2-pa55word@localhost/latchkey"
        )
        assert "hunter2-pa55word" not in done.stdout + done.stderr


class TestHelp:
    @pytest.mark.parametrize(
        "arguments, words",
        [
            ((), ["serve", "migrate", "secret", "token", "doctor", "keys", "import"]),
            (("serve",), ["--hostname", "--port", "--print-config"]),
            (("keys",), ["list", "set", "validate", "delete"]),
            (("keys", "set"), ["--user", "--provider", "standard input"]),
            (("secret", "generate"), ["root"]),
            (("token",), ["--user", "--role", "--minutes"]),
            (("import", "global"), ["JSON"]),
            (("doctor",), ["ok", "warn", "fail"]),
            (("migrate",), ["DATABASE_URL"]),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_help_teaches(self, binary, tmp_path, arguments, words):
        done = run_command([*arguments, "--help"], clean_environment(tmp_path), tmp_path)
        printed = " ".join(succeeded(done).split())
        for word in words:
            assert word.lower() in printed.lower()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nonsense",),
            ("serve", "--nonsense"),
            ("serve", "--port", "70000"),
            ("serve", "--port", "x"),
            ("keys", "set"),
            ("import", "global"),
            ("secret",),
        ],
    )
    def test_what_is_no_command(self, stopped, arguments):
        done = stopped.command(*arguments)
        shows_help = arguments == ("secret",) and "generate" in done.stdout
        assert done.returncode not in (0, -4, -5, -6, -11) or shows_help
        assert done.stdout.strip() or done.stderr.strip()

"""A recognisable secret goes through every route and fault; then all the service wrote is searched for it."""

import base64
import contextlib
import resource
import secrets
import signal
import string

import pytest

import database
import expect
import needles
from harness import STOP_SECONDS
from scripted_answers import BEHAVIOURS

LETTERS = string.ascii_letters + string.digits
VENDORS = ("openai", "anthropic", "gemini", "openrouter")
QUICK_BEHAVIOURS = [behaviour for behaviour in BEHAVIOURS if behaviour != "slow"]
SET, RESOLVE = "/api/api-keys/set", "/api/service/resolve"
USER = "canary-owner"


def canary() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(48))


def key_of(body: str, behaviour: str = "valid") -> str:
    return f"sk-fake-{behaviour}-{body}"


class Flight:
    """One service, its canaries, and every answer it gave."""

    def __init__(self, make_service):
        self.canaries = {
            "user's key": canary(),
            "global key": canary(),
            "environment's key": canary(),
            "misplaced key": canary(),
        }
        self.service = make_service(ANTHROPIC_API_KEY=key_of(self.canaries["environment's key"]))
        self.answers: list[bytes] = []
        self.client = self.service.client(self.remember)

    def remember(self, answer):
        """Keeps headers and body; of a resolve only the headers, for its body is meant to hold the key."""
        path = answer.request.path_url.split("?")[0].rstrip("/")
        body = b"" if path == RESOLVE and answer.status_code == 200 else answer.content
        self.answers.append(str(dict(answer.headers)).encode() + b"\n" + body)

    def secrets(self) -> dict[str, bytes]:
        env = self.service.env
        found = {name: value.encode() for name, value in self.canaries.items()}
        found |= {
            name: env[name].encode() for name in ("JWT_SECRET_KEY", "LATCHKEY_SERVICE_TOKEN", "LATCHKEY_SETUP_TOKEN")
        }
        return found | {"root": env["API_KEY_ENCRYPTION_SECRET"].split(":")[2].encode()}

    # Where it flies.

    def own_routes(self):
        client, key = self.client, key_of(self.canaries["user's key"])
        for vendor in VENDORS:
            for behaviour in QUICK_BEHAVIOURS:
                answer = client.set(USER, vendor, key_of(self.canaries["user's key"], behaviour))
                assert answer.status_code == 200, f"{vendor} {behaviour}: {answer.text[:200]}"
                client.validate(USER, vendor)
                client.resolve(USER, vendor)
                client.set(USER, vendor, key_of(self.canaries["user's key"], behaviour), require_valid=True)
            expect.success(client.set(USER, vendor, key, label="Ordinary", name="second"))
        client.status(USER)
        client.set_fallback(USER, False)
        client.set_fallback(USER, True)
        client.as_user(USER, "GET", "/api/api-keys/settings")
        client.delete(USER, "openai", "second")
        expect.success(client.set(USER, "openai", key))
        assert expect.success(client.resolve(USER, "openai"))["api_key"] == key

    def shared_routes(self):
        client = self.client
        expect.success(client.set_initial("openai", key_of(self.canaries["global key"])))
        expect.success(client.set_initial("gemini", key_of(self.canaries["global key"], "echo")))
        client.status_initial()
        assert expect.success(client.resolve("other", "openai"))["source"] == "global"
        assert expect.success(client.resolve("other", "anthropic"))["source"] == "environment"
        for path in ("/healthz", "/readyz", "/openapi.yaml", "/api/api-keys/providers"):
            client.call("GET", path)

    def wrong_places(self):
        """Where people put keys by mistake."""
        client, key = self.client, key_of(self.canaries["misplaced key"])
        bodies = [
            {"provider": key, "api_key": "x"},
            {"provider": "openai", "api_key": key + "\r\n"},
            {"provider": "openai", "api_key": [key]},
            {"provider": "openai", "api_key": key, "name": key + " "},
            {"provider": "openai", "api_key": key, "base_url": f"https://{key}"},
            {"provider": "openai", "api_key": key, "fields": {"nope": key}},
            {"provider": "openai", "api_key": key * 90},
            {"provider": "openai", "api_key": key, "expires_at": key},
            {"provider": "openai", "api_key": key, "user_id": key},
        ]
        for body in bodies:
            assert client.as_user(USER, "POST", SET, json=body).status_code in (400, 404)
        json_type = {"Content-Type": "application/json"}
        for data in (
            f'{{"api_key":"{key}"',
            f'{{"api_key":"{key}","api_key":"{key}"}}',
            key,
            f'"{key}"',
            "x" * 70_000 + key,
        ):
            assert client.as_user(USER, "POST", SET, data=data, headers=json_type).status_code in (400, 413)
        client.as_user(USER, "POST", SET, data=key, headers={"Content-Type": "text/plain"})
        for method, path in (
            ("GET", "/api/api-keys/status?api_key=" + key),
            ("POST", "/api/api-keys/validate/" + key),
            ("POST", f"/api/api-keys/validate/openai?name={key}!"),
            ("DELETE", "/api/api-keys/" + key),
            ("GET", "/" + key),
        ):
            client.as_user(USER, method, path)
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"},
            {"X-Setup-Token": key},
            {"X-Api-Key": key},
            {"Cookie": f"key={key}"},
            {"X-Request-Id": key + "/"},
            {"Origin": f"https://{key}"},
            {"User-Agent": key},
            {"Referer": f"https://x.example/?key={key}"},
        ):
            client.call("GET", "/api/api-keys/status-initial", headers=headers)
        client.call("POST", RESOLVE, token=key, json={"user_id": USER, "provider": "openai"})
        client.call("POST", RESOLVE, token=client.service_token, json={"user_id": USER, "provider": key})

    def storage_faults(self):
        """A row that does not open, and a database that somebody else has locked."""
        connection = database.connect(self.service.database)
        row = database.read_row(connection, "user_api_keys", user_id=USER, provider="gemini", name="default")
        database.write_columns(
            connection, "user_api_keys", row["rowid of it"], {"encrypted_key": row["encrypted_key"][::-1]}
        )
        expect.problem(self.client.resolve(USER, "gemini"), 500, "integrity")
        self.client.validate(USER, "gemini")
        key = key_of(self.canaries["user's key"])
        with database.locked(connection):
            answer = self.client.set(USER, "openrouter", key, validate=False, timeout=60)
        connection.close()
        expect.problem(answer, 503, "store_unavailable")
        expect.success(self.client.set(USER, "openrouter", key, validate=False))

    def commands(self) -> dict[str, bytes]:
        run, key = self.service.command, key_of(self.canaries["user's key"])
        done = {
            "keys set": run("keys", "set", "--user", USER, "--provider", "openai", stdin=key + "\n"),
            "keys list": run("keys", "list", "--user", USER),
            "keys validate": run("keys", "validate", "--user", USER, "--provider", "openai"),
            "doctor": run("doctor"),
            "print-config": run("serve", "--print-config"),
            "migrate": run("migrate"),
        }
        assert done["keys list"].returncode == 0 and "openai" in done["keys list"].stdout
        return {f"output of {name}": (result.stdout + result.stderr).encode() for name, result in done.items()}


@pytest.fixture(scope="module")
def flight(module_service):
    flight = Flight(module_service)
    flight.own_routes()
    flight.shared_routes()
    flight.wrong_places()
    return flight


@pytest.fixture(scope="module")
def whole_flight(flight):
    """The same, with the faults that take time."""
    flight.storage_faults()
    return flight


@pytest.mark.parametrize("form", needles.needles_for(b"0123456789abcdef"))
def test_the_search_finds_what_it_should(form):
    """Otherwise every search below is worth nothing."""
    secret = canary().encode()
    for piece in (needles.needles_for(secret)[form][0], needles.needles_for(secret)[form][-1]):
        heap = b"before" * 50 + piece + b"after" * 50
        assert needles.find(secret, heap) is not None
    assert needles.find(secret, canary().encode() * 20) is None
    assert needles.find(secret, secret[-4:] + b" " + secret[:4]) is None


@pytest.mark.parametrize("offset", range(3))
def test_the_search_sees_through_base64_at_any_place(offset):
    secret = canary().encode()
    assert needles.find(secret, base64.b64encode(b"x" * offset + secret[5:25] + b"y" * 7)) is not None


def test_no_answer_holds_it(whole_flight):
    assert len(whole_flight.answers) > 200
    needles.assert_absent(whole_flight.secrets(), {"answers": b"\n".join(whole_flight.answers)})


def test_no_log_line_holds_it_even_at_trace_level(whole_flight):
    logged = whole_flight.service.all_output()
    assert whole_flight.service.env["LATCHKEY_LOG_LEVEL"] == "trace" and logged.count(b"\n") > 200
    needles.assert_absent(whole_flight.secrets(), {"logs": logged})


def test_no_row_of_any_table_holds_it(whole_flight):
    connection = database.connect(whole_flight.service.database)
    names = database.tables(connection)
    heaps = {f"table {name}": b"\n".join(database.cells(connection, name)) for name in names}
    audit = [name for name in names if "audit" in name]
    assert audit and sum(heaps[f"table {name}"].count(b"\n") for name in audit) > 100, f"no audit events in {names}"
    connection.close()
    needles.assert_absent(whole_flight.secrets(), heaps)


def file_bytes(service, when: str) -> dict[str, bytes]:
    found = {f"{name}, {when}": data for name, data in database.stored_bytes(service.database).items()}
    assert sum(map(len, found.values())) > 20_000
    sealed = stored_token(service)
    files = [data for name, data in found.items() if name.startswith("file")]
    assert any(sealed in data for data in files), "what is stored is not in what is searched"
    return found


def stored_token(service) -> bytes:
    """A piece of a sealed key, which must be found where a key in the clear must not be."""
    connection = database.connect(service.database)
    row = database.read_row(connection, "user_api_keys", user_id=USER, provider="openai", name="default")
    connection.close()
    return row["encrypted_key"][:60].encode()


def test_no_byte_of_the_database_files_holds_it(whole_flight):
    """Running, killed (the write-ahead log stays behind) and stopped; free pages and all."""
    service = whole_flight.service
    heaps = file_bytes(service, "running")
    if database.KIND == "sqlite":
        service.kill()
        heaps |= file_bytes(service, "killed")
        service.start().stop()
        heaps |= file_bytes(service, "stopped")
        service.start()
        whole_flight.client = service.client(whole_flight.remember)
    needles.assert_absent(whole_flight.secrets(), heaps)


def test_no_command_prints_it(whole_flight):
    heaps = whole_flight.commands()
    assert heaps["output of print-config"].strip()
    needles.assert_absent(whole_flight.secrets(), heaps)


def test_it_went_where_it_should(flight, provider):
    """The provider did see it, so the flight was real."""
    seen = provider.requests(key_of(flight.canaries["user's key"]))
    assert seen and all(flight.canaries["user's key"] not in request.target for request in seen)


@contextlib.contextmanager
def cores_allowed():
    """What is started inside may write a core file, unless it sees to it itself that it does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize(
    "cause",
    [signal.SIGABRT, signal.SIGSEGV, signal.SIGILL, signal.SIGTRAP, signal.SIGBUS],
    ids=lambda cause: cause.name,
)
def test_a_crash_leaves_nothing_behind(make_service, cause):
    """The runtime's crash report prints registers and memory, and a core holds all of it: neither may come."""
    body = canary()
    with cores_allowed():
        service = make_service(LATCHKEY_LOG_LEVEL="info")
    client = service.client()
    client.store(USER, "openai", key_of(body))
    expect.success(client.resolve(USER, "openai"))
    service.process.send_signal(cause)
    code = service.process.wait(STOP_SECONDS)
    assert code != 0
    said = service.all_output()
    for report in (b"Program crashed", b"Backtrace", b"Registers", b"Images ("):
        assert report not in said
    assert [path.name for path in service.folder.iterdir() if path.name.startswith("core")] == []
    heaps = {path.name: path.read_bytes() for path in service.folder.rglob("*") if path.is_file()}
    needles.assert_absent({"key": body.encode()}, heaps)
    assert expect.success(service.start().client().resolve(USER, "openai"))["api_key"] == key_of(body)

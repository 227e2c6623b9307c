"""Access tokens on the running service: what each opens, what it does not, and what ends it."""

import base64
import time
from datetime import datetime, timedelta, timezone

import pytest

import database
import expect
import needles
import tokens
from client import fake_key
from harness import wait_until
from test_tampering import mutations

USER, OTHER = "token-owner", "token-other"
OWN, ADMIN = "/api/access-tokens", "/api/admin/access-tokens"
STATUS, SETTINGS, RESOLVE = "/api/api-keys/status", "/api/api-keys/settings", "/api/service/resolve"
SCOPES = ("gateway", "resolve", "status", "manage")
REMEMBERED = 2  # seconds: a row is believed for one after it was read
SAME_MEANING = {("replaced_by", "empty"), ("last_used_at", ...)}


class Holder:
    """Somebody who makes tokens: a user, or an administrator for a service."""

    def __init__(self, service, user: str | None = USER):
        self.service, self.client, self.user, self.path = service, service.client(), user, OWN if user else ADMIN
        claims = {} if user else {"roles": ["admin"]}
        self.jwt = tokens.mint(service.jwt_secret, user or "root", **claims)

    def ask(self, method: str, path: str = "", **rest):
        return self.client.call(method, self.path + path, token=self.jwt, **rest)

    def make(self, *scopes: str, **members) -> dict:
        """Over HTTP; one that keys are handed out to by the operator, for it is not made otherwise."""
        if "resolve" in scopes:
            return self.have_made(*scopes, **members)
        return expect.success(self.ask("POST", json={"scopes": list(scopes), **members}), 201)

    def have_made(self, *scopes: str, label: str | None = None, providers=()) -> dict:
        arguments = ["access-token", "create", *(("--user", self.user) if self.user else ("--service",))]
        arguments += ["--label", label] if label else []
        arguments += [word for scope in scopes for word in ("--scope", scope)]
        arguments += [word for provider in providers for word in ("--provider", provider)]
        text = self.service.command(*arguments).stdout.strip()
        return {**self.listed()[text.split("_")[1]], "token": text}

    def listed(self) -> dict[str, dict]:
        return {token["id"]: token for token in expect.success(self.ask("GET"))["access_tokens"]}

    def revoke(self, token: dict):
        return expect.success(self.ask("DELETE", f"/{token['id']}"))

    def roll(self, token: dict, **members) -> dict:
        return expect.success(self.ask("POST", f"/{token['id']}/roll", json=members), 201)


def use(client, token: dict | str, path: str = SETTINGS, method: str = "GET", headers=None, **rest):
    text = token if isinstance(token, str) else token["token"]
    return client.call(method, path, token=text, headers=headers, **rest)


def is_refused(client, token: dict) -> bool:
    return use(client, token).status_code == 401


def soon(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def resolve(client, token: dict, provider: str = "openai", **members):
    return use(client, token, RESOLVE, "POST", json={"provider": provider, **members})


@pytest.fixture(scope="module")
def shared(module_service):
    service = module_service()
    client = service.client()
    keys = {user: fake_key("valid", user) for user in (USER, OTHER)}
    for user, key in keys.items():
        client.store(user, "openai", key)
    return service, client, keys


@pytest.mark.parametrize("scope", SCOPES)
def test_a_users_token_opens_what_its_scope_says(shared, scope):
    service, client, keys = shared
    token = Holder(service).make(scope)
    set_key = {"provider": "gemini", "api_key": fake_key(), "validate": False}
    answers = {
        "status": [use(client, token, STATUS), use(client, token, SETTINGS)],
        "manage": [
            use(client, token, "/api/api-keys/set", "POST", json=set_key),
            use(client, token, "/api/api-keys/validate/gemini", "POST"),
            use(client, token, SETTINGS, "PUT", json={"global_fallback": True}),
            use(client, token, "/api/api-keys/gemini", "DELETE"),
        ],
        "resolve": [resolve(client, token), resolve(client, token, user_id=USER)],
    }
    for opened, group in answers.items():
        for answer in group:
            if opened == scope:
                expect.success(answer)
            else:
                expect.problem(answer, 403, "forbidden")
    passed = use(client, token, "/gateway/mistral/v1/models")
    expect.problem(passed, *((404, "key_not_found") if scope == "gateway" else (403, "forbidden")))
    if scope == "resolve":
        assert answers["resolve"][0].json()["api_key"] == keys[USER]
        expect.problem(resolve(client, token, user_id=OTHER), 400, "user_id_not_allowed")
    for path in (OWN, ADMIN):
        expect.problem(use(client, token, path), 401, "unauthorized")
        expect.problem(use(client, token, path, "POST", json={"scopes": ["status"]}), 401, "unauthorized")
        expect.problem(use(client, token, f"{path}/{token['id']}/roll", "POST"), 401, "unauthorized")
        expect.problem(use(client, token, f"{path}/{token['id']}", "DELETE"), 401, "unauthorized")
    expect.problem(client.status_initial(token["token"]), 401, "unauthorized")


def test_a_services_token_acts_for_whom_it_names(shared):
    service, client, keys = shared
    token = Holder(service, None).make(*SCOPES)
    for user in (USER, OTHER):
        assert expect.success(resolve(client, token, user_id=user))["api_key"] == keys[user]
        assert expect.success(use(client, token, STATUS, headers={"Latchkey-User": user}))["user_id"] == user
        expect.problem(
            use(client, token, "/gateway/mistral/v1/models", headers={"Latchkey-User": user}), 404, "key_not_found"
        )
    expect.problem(resolve(client, token), 400, "missing_member")
    expect.problem(use(client, token, STATUS), 400, "missing_user")
    expect.problem(use(client, token, "/gateway/mistral/v1/models"), 400, "missing_user")
    expect.problem(
        client.as_user(USER, "GET", STATUS, headers={"Latchkey-User": OTHER}), 400, "user_id_not_allowed"
    )


def test_no_user_gets_a_global_key_by_a_token(shared):
    service, client, _ = shared
    expect.success(client.set_initial("anthropic", fake_key("valid", "global"), validate=False))
    assert expect.success(client.resolve(USER, "anthropic"))["source"] == "global"
    expect.problem(resolve(client, Holder(service).make("resolve"), "anthropic"), 404, "key_not_found")


def test_beyond_its_provider(shared):
    service, client, _ = shared
    token = Holder(service).make(*SCOPES, providers=["openai"])
    expect.success(resolve(client, token))
    for answer in (
        resolve(client, token, "gemini"),
        use(client, token, "/gateway/gemini/v1/models"),
        use(client, token, "/api/api-keys/validate/gemini", "POST"),
        use(client, token, "/api/api-keys", "DELETE"),
    ):
        expect.problem(answer, 403, "forbidden")
    assert set(expect.success(use(client, token, STATUS))["providers"]) == {"openai"}


def test_beyond_its_network(shared):
    service, client, _ = shared
    holder = Holder(service)
    expect.success(use(client, holder.make("status", networks=["127.0.0.0/8", "2001:db8::/32"])))
    elsewhere = holder.make("status", networks=["192.0.2.0/24"])
    for headers in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}, {"X-Real-Ip": "192.0.2.1"}):
        expect.problem(use(client, elsewhere, headers=headers), 401, "unauthorized")


def test_behind_a_trusted_proxy(make_service):
    service = make_service(LATCHKEY_TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")
    client, token = service.client(), Holder(service).make("status", networks=["192.0.2.0/24"])
    for forwarded in ("192.0.2.1", "6.6.6.6, 192.0.2.1", "192.0.2.1, 10.1.1.1"):
        expect.success(use(client, token, headers={"X-Forwarded-For": forwarded}))
    for forwarded in (None, "", "6.6.6.6", "192.0.2.1, 6.6.6.6", "192.0.2.1, nonsense", "192.0.2.1:80", "10.1.1.1"):
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        expect.problem(use(client, token, headers=headers), 401, "unauthorized")


def test_a_proxy_that_is_no_network_is_refused_at_start(make_service):
    service = make_service(start=False, LATCHKEY_TRUSTED_PROXIES="10.0.0.1/8")
    done = service.command("serve", "--port", "0")
    assert done.returncode == 2 and "LATCHKEY_TRUSTED_PROXIES" in done.stderr
    assert not database.is_made(service.database)


def test_beyond_its_time(shared):
    service, client, _ = shared
    holder = Holder(service)
    token = holder.make("status", expires_at=soon(3))
    expect.success(use(client, token))
    wait_until(lambda: is_refused(client, token), 5, "the refusal of an expired token")
    assert holder.listed()[token["id"]]["state"] == "expired"
    answer = holder.ask("POST", json={"scopes": ["status"], "expires_at": soon(-1)})
    expect.problem(answer, 400, "invalid_expiry")


def test_revoked(shared):
    service, client, _ = shared
    holder = Holder(service)
    for _ in range(10):
        token = holder.make("status")
        expect.success(use(client, token))
        holder.revoke(token)
        assert is_refused(client, token)
    holder.revoke(token)
    expect.problem(Holder(service, OTHER).ask("DELETE", f"/{token['id']}"), 404, "token_not_found")
    expect.problem(Holder(service, None).ask("DELETE", f"/{token['id']}"), 404, "token_not_found")


def test_rolled_with_an_overlap(shared):
    service, client, _ = shared
    holder = Holder(service)
    old = holder.make("status", label="rolled", providers=["openai"])
    new = holder.roll(old, overlap_seconds=2)
    assert {old["id"], new["id"]} <= holder.listed().keys() and old["token"] != new["token"]
    assert (new["label"], new["scopes"], new["providers"]) == ("rolled", ["status"], ["openai"])
    expect.success(use(client, old))
    expect.success(use(client, new))
    wait_until(lambda: is_refused(client, old), 4, "the end of the overlap")
    expect.success(use(client, new))
    assert holder.listed()[old["id"]]["replaced_by"] == new["id"]
    expect.problem(holder.ask("POST", f"/{old['id']}/roll"), 400, "invalid_token")
    at_once = holder.roll(new, overlap_seconds=0)
    assert is_refused(client, new)
    expect.success(use(client, at_once))
    expect.problem(holder.ask("POST", f"/{at_once['id']}/roll", json={"overlap_seconds": 604801}), 400, "invalid_token")


def test_every_change_is_on_record(service):
    holder = Holder(service)
    token = holder.make("status")
    new = holder.roll(token)
    holder.revoke(new)
    with_detail = "SELECT action, user_id, detail FROM audit_events WHERE action LIKE 'token.%' ORDER BY id"
    connection = database.connect(service.database)
    assert [tuple(row) for row in connection.execute(with_detail).fetchall()] == [
        ("token.create", USER, token["id"]),
        ("token.roll", USER, f"{token['id']} {new['id']}"),
        ("token.revoke", USER, new["id"]),
    ]
    connection.close()


def test_the_secret_is_shown_once_and_kept_nowhere(service):
    answers = []
    holder, client = Holder(service), service.client(answers.append)
    made = [holder.make(*SCOPES, label="canary"), Holder(service, None).make(*SCOPES)]
    first = holder.make("status", label="rolled")
    made += [first, holder.roll(first)]
    for token in made:
        use(client, token)
        use(client, token, STATUS, headers={"Latchkey-User": USER})
        resolve(client, token, user_id=USER)
        use(client, token, "/gateway/openai/v1/models")
        use(client, token["token"] + "x")
    for path in (OWN, ADMIN):
        client.call("GET", path, token=holder.jwt)
        client.call("GET", path, token=Holder(service, None).jwt)
    listed = service.command("access-token", "list", "--user", USER)
    assert listed.returncode == 0 and made[0]["id"] in listed.stdout
    service.restart()
    heaps = {f"answer {number}": str(answer.headers).encode() + answer.content for number, answer in enumerate(answers)}
    heaps |= {"logs": service.all_output(), "list": (listed.stdout + listed.stderr).encode()}
    heaps |= database.stored_bytes(service.database)
    secrets = {}
    for number, token in enumerate(made):
        text = token["token"][20:]
        secrets[f"text {number}"] = text.encode()
        secrets[f"bytes {number}"] = base64.urlsafe_b64decode(text + "=")
    needles.assert_absent(secrets, heaps)


def test_every_column_is_under_the_mac(shared):
    """Each change of each column, by somebody who can write the database: refused, on record, and never mended."""
    service, client, _ = shared
    connection = database.connect(service.database)
    holders = [Holder(service, None)] + [Holder(service, f"tampered-{number}") for number in range(4)]
    others = [holder.make(*SCOPES, label="another") for holder in holders[:2]]
    others = {
        name: database.read_row(connection, "access_tokens", id=token["id"])
        for name, token in zip(("a service's token", "a user's token"), others, strict=True)
    }
    restricted = {
        "label": "victim", "providers": ["openai"], "models": ["gpt-*"], "networks": ["127.0.0.0/8"],
        "limits": [{"metric": "money", "per": "day", "amount": 5}], "expires_at": soon(3600),
    }  # fmt: skip
    outcomes: dict = {"refused": 0, "works": 0, "schema": 0}
    number = 0
    for column in database.columns(connection, "access_tokens"):
        probe = holders[1].make("status", **restricted)
        row = database.read_row(connection, "access_tokens", id=probe["id"])
        holders[1].revoke(probe)
        for what in mutations(column, row[column], others):
            number += 1
            holder = holders[number % len(holders)]
            headers = {} if holder.user else {"Latchkey-User": "anybody"}
            token = holder.make("status", **restricted)
            row = database.read_row(connection, "access_tokens", id=token["id"])
            value = mutations(column, row[column], others).get(what, row[column])
            try:
                database.write_columns(connection, "access_tokens", row["rowid of it"], {column: value})
            except database.SCHEMA_REFUSES:
                outcomes["schema"] += 1
                holder.revoke(token)
                continue
            answer = use(client, token, headers=headers)
            if value == row[column] or {(column, what), (column, ...)} & SAME_MEANING:
                assert answer.status_code == 200, f"{column} {what}: {answer.text}"
                outcomes["works"] += 1
            else:
                assert answer.status_code == 401, f"{column} {what}: {answer.status_code} {answer.text[:300]}"
                outcomes["refused"] += 1
            place = row["rowid of it"]
            if column == "id":
                # On PostgreSQL the id says where the row is, and that was changed.
                place = database.read_row(connection, "access_tokens", secret_hash=row["secret_hash"])["rowid of it"]
            database.put_back(connection, "access_tokens", place, row)
            expect.success(use(client, token, headers=headers))
            holder.revoke(token)
    spoilt = "SELECT count(*) FROM audit_events WHERE action = 'token.use' AND outcome = 'integrity'"
    assert connection.execute(spoilt).fetchone()[0] >= 20
    assert outcomes["refused"] >= 60, outcomes
    connection.close()


def test_a_spoilt_token_is_listed_as_such_and_can_be_removed(shared):
    service, client, _ = shared
    holder = Holder(service, "spoilt")
    token = holder.make("status", label="mine")
    connection = database.connect(service.database)
    row = database.read_row(connection, "access_tokens", id=token["id"])
    database.write_columns(connection, "access_tokens", row["rowid of it"], {"scopes": "gateway manage resolve status"})
    shown = holder.listed()[token["id"]]
    assert (shown["state"], shown["scopes"], shown["label"]) == ("spoilt", [], None)
    expect.problem(holder.ask("POST", f"/{token['id']}/roll"), 500, "integrity")
    holder.revoke(token)
    assert token["id"] not in holder.listed()
    connection.close()


def test_on_the_command_line(shared):
    service, client, keys = shared
    made = service.command(
        "access-token", "create", "--user", USER, "--scope", "resolve", "--scope", "status", "--provider", "openai",
        "--model", "gpt-*", "--network", "127.0.0.0/8", "--expires", "30d", "--limit", "money/day=5.00",
        "--limit", "requests/minute=60", "--label", "cli",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    token = made.stdout.removesuffix("\n")
    assert len(token) == 63 and token not in made.stderr
    assert expect.success(resolve(client, token))["api_key"] == keys[USER]
    identifier = token[3:19]
    listed = Holder(service).listed()[identifier]
    assert listed["limits"] == [
        {"metric": "money", "per": "day", "amount": 5_000_000},
        {"metric": "requests", "per": "minute", "amount": 60},
    ]
    lines = service.command("access-token", "list", "--user", USER).stdout.splitlines()
    assert any(line.startswith(f"{identifier}  live  resolve,status") and "money/day=5.000000" in line for line in lines)
    rolled = service.command("access-token", "roll", identifier, "--user", USER, "--overlap", "0s")
    assert rolled.returncode == 0, rolled.stderr
    wait_until(lambda: is_refused(client, token), REMEMBERED, "the end of the old token")
    new = rolled.stdout.strip()
    expect.success(use(client, new))
    revoked = service.command("access-token", "revoke", new[3:19], "--user", USER)
    assert revoked.returncode == 0, revoked.stderr
    wait_until(lambda: is_refused(client, new), REMEMBERED, "the end of the new token")
    backend = service.command("access-token", "create", "--service", "--scope", "resolve").stdout.strip()
    assert expect.success(resolve(client, backend, user_id=OTHER))["api_key"] == keys[OTHER]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--user", USER],
        ["create", "--user", USER, "--scope", "admin"],
        ["create", "--user", USER, "--scope", "status", "--limit", "money/day=5.0000001"],
        ["create", "--user", USER, "--scope", "status", "--limit", "money/week=5"],
        ["create", "--user", USER, "--scope", "status", "--network", "10.0.0.1/8"],
        ["create", "--user", USER, "--scope", "status", "--provider", "nobody"],
        ["create", "--user", USER, "--scope", "status", "--expires", "soon"],
        ["create", "--scope", "status"],
        ["create", "--user", USER, "--service", "--scope", "status"],
        ["revoke", "aaaaaaaaaaaaaaaa", "--user", USER],
        ["roll", "aaaaaaaaaaaaaaaa", "--service"],
    ],
    ids=" ".join,
)
def test_what_the_command_line_refuses(shared, arguments):
    done = shared[0].command("access-token", *arguments)
    assert done.returncode != 0 and done.stdout == "" and done.stderr.strip()


def test_revoked_on_one_node_is_refused_on_the_other(make_service):
    first = make_service()
    second = make_service(like=first)
    holder, waits = Holder(first), []
    for _ in range(10):
        token = holder.make("status")
        for node in (first, second):
            expect.success(use(node.client(), token))
        expect.success(use(second.client(), token))
        holder.revoke(token)
        revoked = time.monotonic()
        assert is_refused(first.client(), token)
        client = second.client()
        wait_until(lambda: is_refused(client, token), REMEMBERED, "the refusal on the other node")
        waits.append(time.monotonic() - revoked)
    print(f"refused on the other node after at most {max(waits):.3f} s")


def test_a_limit_of_tokens_is_one_on_two_nodes(make_service):
    first = make_service()
    second = make_service(like=first)
    holders = [Holder(first), Holder(second)]
    for number in range(100):
        holders[number % 2].make("status")
    for holder in holders:
        expect.problem(holder.ask("POST", json={"scopes": ["status"]}), 400, "invalid_token")


def test_a_token_that_keys_are_handed_out_to_is_the_operators_to_make(shared):
    """A JWT, or the secret that signs them, uses keys and reads none."""
    service, client, _ = shared
    for holder in (Holder(service), Holder(service, None)):
        for scopes in (["resolve"], list(SCOPES)):
            expect.problem(holder.ask("POST", json={"scopes": scopes}), 403, "forbidden")
        token = holder.make("resolve")
        expect.problem(holder.ask("POST", f"/{token['id']}/roll", json={}), 403, "forbidden")
        holder.revoke(token)

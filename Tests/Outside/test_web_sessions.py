"""Browsers signed in to Latchkey's own pages: how they get in and out, for how long, and what a row is believed."""

import base64
import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import database
import expect
import needles
import tokens
from client import fake_key
from harness import wait_until
from test_tampering import mutations
from web_browser import CODES, SESSION, WebBrowser, make_code, set_cookie

USER, OTHER = "browser-owner", "browser-other"
STATUS, KEYS, ADMIN_BUDGETS = "/api/api-keys/status", "/api/api-keys", "/api/admin/budgets"
PUBLIC = "https://keys.example.com"
REMEMBERED = 2  # seconds: a row is believed for one after it was read
CALLERS = 50


@pytest.fixture(scope="module")
def shared(module_service):
    service = module_service()
    for user in (USER, OTHER):
        service.client().store(user, "openai", fake_key("valid", user))
    return service


@pytest.fixture
def browser(shared):
    return WebBrowser(shared).sign_in(shared, USER)


# In and out.


def test_in_by_a_code_and_out_again(shared):
    made = make_code(shared, USER)
    browser = WebBrowser(shared)
    assert made["url"] == f"{browser.origin}/ui/sign-in#code={made['code']}"
    assert browser.state() == {"signed_in": False, "setup_finished": False, "oidc": None}
    answer = browser.redeem(made["code"])
    cookie = set_cookie(answer)
    assert cookie["name"] == "latchkey"
    assert cookie["attributes"] == {"Path=/", "Max-Age=28800", "HttpOnly", "SameSite=Strict"}
    browser.take(answer)
    state = browser.state()
    assert (state["signed_in"], state["user_id"], state["is_admin"]) == (True, USER, False)
    assert expect.INSTANT.fullmatch(state["expires_at"]) and state["csrf_token"] == browser.csrf
    assert expect.success(browser.call("GET", STATUS))["user_id"] == USER
    set_key = {"provider": "gemini", "api_key": fake_key(), "validate": False}
    expect.success(browser.call("POST", "/api/api-keys/set", json=set_key))
    assert {key["provider"] for key in shared.client().status(USER)["keys"]} == {"openai", "gemini"}
    out = browser.call("DELETE", SESSION)
    assert out.status_code == 204 and out.content == b""
    assert set_cookie(out)["value"] == "" and "Max-Age=0" in set_cookie(out)["attributes"]
    assert not browser.is_signed_in()
    expect.problem(browser.call("GET", STATUS), 401, "unauthorized")


def test_the_cookie_of_a_site_with_tls(make_service):
    service = make_service(LATCHKEY_PUBLIC_URL=PUBLIC)
    made = make_code(service, USER)
    assert made["url"].startswith(f"{PUBLIC}/ui/sign-in#code=lkc_")
    browser = WebBrowser(service, PUBLIC, "__Host-latchkey")
    expect.problem(WebBrowser(service).redeem(made["code"]), 403, "csrf_refused")
    answer = browser.redeem(made["code"])
    cookie = set_cookie(answer)
    assert cookie["name"] == "__Host-latchkey"
    assert cookie["attributes"] == {"Path=/", "Max-Age=28800", "HttpOnly", "SameSite=Strict", "Secure"}
    browser.take(answer)
    expect.success(browser.call("DELETE", KEYS))
    for origin in (browser.url, "http://keys.example.com", PUBLIC + ":8443", PUBLIC + "."):
        expect.problem(browser.call("DELETE", KEYS, {"Origin": origin}), 403, "csrf_refused")
    # The name of this machine's cookie does not do there.
    expect.problem(browser.call("GET", STATUS, {"Cookie": f"latchkey={browser.cookie}"}), 401, "unauthorized")


@pytest.mark.parametrize("url", ["http://keys.example.com", PUBLIC + "/", PUBLIC + "/keys", "keys.example.com", "*"])
def test_what_is_no_public_url(make_service, url):
    service = make_service(start=False, LATCHKEY_PUBLIC_URL=url)
    done = service.command("serve", "--port", "0")
    assert done.returncode == 2 and "LATCHKEY_PUBLIC_URL" in done.stderr
    assert not database.is_made(service.database)


@pytest.mark.parametrize("minutes", ["0", "-1", "10081", "soon", "1.5"])
def test_what_is_no_length_of_a_session(make_service, minutes):
    service = make_service(start=False, LATCHKEY_SESSION_MINUTES=minutes)
    done = service.command("serve", "--port", "0")
    assert done.returncode == 2 and "LATCHKEY_SESSION_MINUTES" in done.stderr
    assert not database.is_made(service.database)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.2",
     "0.0.0.0:{port}", "[::]:{port}", "LOCALHOST:{port}", "localhost.:{port}"],
)  # fmt: skip
def test_a_name_that_somebody_made_point_here(shared, host):
    """DNS rebinding: pages of that name are somebody else's, and get no session."""
    host = host.format(port=shared.port)
    code, token = make_code(shared, USER)["code"], tokens.mint(shared.jwt_secret, USER)
    browser = WebBrowser(shared).sign_in(shared, USER)
    change = {"Host": host, "Origin": f"http://{host}"}
    refused = browser.send("POST", SESSION, change, json={"code": code})
    assert "LATCHKEY_PUBLIC_URL" in expect.problem(refused, 403, "forbidden")["detail"]
    expect.problem(browser.send("POST", CODES, {**change, "Authorization": f"Bearer {token}"}), 403, "forbidden")
    for method, path in (("GET", STATUS), ("DELETE", KEYS)):
        expect.problem(browser.call(method, path, change), 401, "unauthorized")
    assert expect.success(browser.call("GET", SESSION, change)) == {
        "signed_in": False, "setup_finished": False, "oidc": None,
    }  # fmt: skip
    browser.take(browser.redeem(code))


def test_every_name_of_this_machine(shared):
    for host in (f"127.0.0.1:{shared.port}", f"localhost:{shared.port}", f"[::1]:{shared.port}", "localhost"):
        change = {"Host": host, "Origin": f"http://{host}"}
        browser = WebBrowser(shared)
        browser.take(browser.send("POST", SESSION, change, json={"code": make_code(shared, USER)["code"]}))
        expect.success(browser.call("GET", STATUS, change))
        expect.success(browser.call("PUT", "/api/api-keys/settings", change, json={"global_fallback": True}))


# Codes.


def test_a_code_is_good_once(shared):
    code = make_code(shared, USER)["code"]
    browser = WebBrowser(shared)
    expect.success(browser.redeem(code))
    for _ in range(3):
        answer = browser.redeem(code)
        expect.problem(answer, 401, "invalid_code")
        assert "Set-Cookie" not in answer.headers


def redeem_at_once(services, code: str) -> list[int]:
    """Shows one code from many browsers at the same moment, through these services in turn."""
    gate, browsers = threading.Barrier(CALLERS), [WebBrowser(service) for service in services]

    def redeem(number: int) -> int:
        browser = browsers[number % len(browsers)]
        gate.wait()
        return browser.redeem(code).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        return sorted(pool.map(redeem, range(CALLERS)))


def test_fifty_show_one_code(shared):
    for _ in range(5):
        assert redeem_at_once([shared], make_code(shared, USER)["code"]) == [200] + [401] * (CALLERS - 1)


def test_what_is_no_code(shared):
    browser = WebBrowser(shared).sign_in(shared, USER)
    code = make_code(shared, USER)["code"]
    flipped = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
    for wrong in ("", "lkc_", flipped, code + "x", code[:-1], code.replace("lkc_", "lks_"), browser.cookie,
                  "lkc_" + browser.cookie[4:], "lk_" + code[4:]):  # fmt: skip
        expect.problem(browser.redeem(wrong), 401, "invalid_code")
    as_cookie = {"Cookie": f"latchkey=lks_{code[4:]}"}
    expect.problem(browser.call("GET", STATUS, as_cookie), 401, "unauthorized")
    browser.take(browser.redeem(code))


def test_a_code_is_for_whom_it_was_made(shared):
    user = WebBrowser(shared).sign_in(shared, OTHER)
    assert (user.state()["user_id"], user.state()["is_admin"]) == (OTHER, False)
    expect.problem(user.call("GET", f"{ADMIN_BUDGETS}?user={USER}"), 403, "forbidden")
    admin = WebBrowser(shared).sign_in(shared, "root", roles=["admin"])
    assert (admin.state()["user_id"], admin.state()["is_admin"]) == ("root", True)
    expect.success(admin.call("GET", f"{ADMIN_BUDGETS}?user={USER}"))
    expect.success(admin.call("GET", "/api/api-keys/status-initial"))


def test_only_a_jwt_makes_a_code(shared, browser):
    client = shared.client()
    expect.problem(browser.call("POST", CODES), 401, "unauthorized")
    token = expect.success(
        browser.call("POST", "/api/access-tokens", json={"scopes": ["manage", "status", "gateway"]}), 201
    )["token"]
    for bearer in (token, client.service_token, client.setup_token, "x", ""):
        expect.problem(client.call("POST", CODES, token=bearer), 401, "unauthorized")
    expect.problem(client.call("POST", CODES), 401, "unauthorized")


def test_the_secret_is_kept_nowhere(make_service):
    service = make_service()
    code = make_code(service, USER)["code"]
    browser = WebBrowser(service)
    answer = browser.redeem(code)
    browser.take(answer)
    expect.success(browser.call("GET", STATUS))
    expect.problem(browser.call("DELETE", KEYS, {"X-CSRF-Token": "x"}), 403, "csrf_refused")
    expect.problem(browser.redeem(code), 401, "invalid_code")
    unused = make_code(service, USER)["code"]
    service.restart()
    assert browser.cookie not in answer.text
    secrets = {}
    for what, text in (("cookie", browser.cookie), ("code", code), ("unused code", unused)):
        secrets[f"{what} as text"] = text[21:].encode()
        secrets[f"{what} as bytes"] = base64.urlsafe_b64decode(text[21:] + "=")
    secrets["token"] = browser.csrf.encode()
    secrets["token's bytes"] = base64.urlsafe_b64decode(browser.csrf + "=")
    secrets["token in hexadecimal"] = base64.urlsafe_b64decode(browser.csrf + "=").hex().encode()
    needles.assert_absent(secrets, {"logs": service.all_output(), **database.stored_bytes(service.database)})
    # A browser that signs out after a backup is not to be signed in again by its restoring.
    backup = service.command("backup", "create", "kept.gz")
    assert backup.returncode == 0, backup.stderr
    assert b"web_sessions" not in gzip.decompress((service.folder / "kept.gz").read_bytes())


# Time, and the database.


def test_what_is_in_a_row_for_how_long(make_service):
    service = make_service(LATCHKEY_SESSION_MINUTES="1")
    browser = WebBrowser(service)
    answer = browser.redeem(make_code(service, USER)["code"])
    assert "Max-Age=60" in set_cookie(answer)["attributes"]
    browser.take(answer)
    begun = time.monotonic()
    restarted = service.restart()
    browser.url = browser.origin = f"http://127.0.0.1:{restarted.port}"
    assert browser.is_signed_in(), "a session outlives the process"
    wait_until(lambda: not browser.is_signed_in(), 75, "the end of a session of a minute")
    assert time.monotonic() - begun > 50
    expect.problem(browser.call("GET", STATUS), 401, "unauthorized")


def test_signing_in_removes_what_has_expired_and_the_oldest_of_too_many(make_service):
    service = make_service()
    browsers = [WebBrowser(service).sign_in(service, USER) for _ in range(21)]
    assert [browser.is_signed_in() for browser in browsers] == [False] + [True] * 20
    connection = database.connect(service.database)
    expired = f"UPDATE web_sessions SET expires_at = {'timestamp ' if database.KIND == 'postgresql' else ''}'2001-01-01'"
    connection.execute(expired)
    WebBrowser(service).sign_in(service, OTHER)
    assert connection.execute("SELECT count(*) FROM web_sessions").fetchone()[0] == 1
    connection.close()


@pytest.mark.parametrize("kind", ["session", "code"])
def test_every_column_is_under_the_mac(shared, kind):
    """Each change of each column, by somebody who can write the database: refused."""
    connection = database.connect(shared.database)
    outcomes = {"refused": 0, "works": 0, "schema": 0}

    def make(user: str, **claims) -> tuple[WebBrowser, str]:
        browser = WebBrowser(shared)
        code = make_code(shared, user, **claims)["code"]
        if kind == "session":
            browser.take(browser.redeem(code))
        return browser, browser.cookie if kind == "session" else code

    def row_of(text: str) -> dict:
        return database.read_row(connection, "web_sessions", id=text[4:20])

    admin = row_of(make("tamper-admin", roles=["admin"])[1])
    another = row_of(make("tamper-another")[1])
    others, number = {"an administrator's": admin, "another user's": another}, 0
    for column in database.columns(connection, "web_sessions"):
        probe = row_of(make("tamper-probe")[1])
        for what in mutations(column, probe[column], others):
            number += 1
            browser, text = make(f"tampered-{number}")
            row = row_of(text)
            values = mutations(column, row[column], others)
            if what not in values:
                continue
            try:
                database.write_columns(connection, "web_sessions", row["rowid of it"], {column: values[what]})
            except database.SCHEMA_REFUSES:
                outcomes["schema"] += 1
                continue
            if kind == "session":
                works = browser.call("GET", STATUS).status_code == 200
            else:
                works = browser.redeem(text).status_code == 200
            assert not works, f"{column} {what}"
            outcomes["refused"] += 1
    # As another kind: a code's row for a cookie, a session's row for a code.
    browser, text = make("tampered-kind")
    row = row_of(text)
    database.write_columns(
        connection, "web_sessions", row["rowid of it"], {"kind": "code" if kind == "session" else "session"}
    )
    expect.problem(browser.redeem("lkc_" + text[4:]), 401, "invalid_code")
    expect.problem(browser.call("GET", STATUS, {"Cookie": f"latchkey=lks_{text[4:]}"}), 401, "unauthorized")
    spoilt = "SELECT count(*) FROM audit_events WHERE action = 'session.use' AND outcome = 'integrity'"
    assert connection.execute(spoilt).fetchone()[0] >= 10
    assert outcomes["refused"] >= 30, outcomes
    connection.close()


def test_what_is_on_record(make_service):
    service = make_service()
    browser = WebBrowser(service).sign_in(service, USER)
    assert browser.call("DELETE", SESSION).status_code == 204
    identifier = browser.cookie[4:20]
    connection = database.connect(service.database)
    query = (
        "SELECT action, actor_kind, actor_id, user_id, outcome, detail FROM audit_events "
        "WHERE action LIKE 'sign_%' ORDER BY id"
    )
    events = [tuple(row) for row in connection.execute(query).fetchall()]
    assert [event[0] for event in events] == ["sign_in.code", "sign_in", "sign_out"]
    assert {event[1:5] for event in events} == {("user", USER, USER, "ok")}
    assert [event[5] for event in events[1:]] == [f"code {identifier}", identifier]
    assert connection.execute("SELECT count(*) FROM web_sessions").fetchone()[0] == 0
    connection.close()


# Two nodes.


def test_one_code_at_two_nodes(make_service):
    first = make_service()
    second = make_service(like=first)
    for _ in range(5):
        assert redeem_at_once([first, second], make_code(first, USER)["code"]) == [200] + [401] * (CALLERS - 1)


def test_signed_out_on_one_node_is_out_on_the_other(make_service):
    first = make_service()
    second = make_service(like=first)
    waits = []
    for _ in range(10):
        browser = WebBrowser(first).sign_in(first, USER)
        there = WebBrowser(second)
        there.cookie, there.csrf = browser.cookie, browser.csrf
        assert there.state() == browser.state(), "one token at both nodes"
        expect.success(there.call("PUT", "/api/api-keys/settings", json={"global_fallback": True}))
        assert browser.call("DELETE", SESSION).status_code == 204
        ended = time.monotonic()
        assert not browser.is_signed_in()
        wait_until(lambda: not there.is_signed_in(), REMEMBERED, "the end on the other node")  # noqa: B023
        waits.append(time.monotonic() - ended)
    print(f"out on the other node after at most {max(waits):.3f} s")

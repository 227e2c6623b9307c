"""What pages of others can make a signed-in browser send, and what counts when a request shows two credentials."""

import pytest

import expect
import tokens
from client import fake_key
from rawhttp import exchange
from web_browser import SESSION, WebBrowser, make_code

USER, OTHER = "browser-owner", "browser-other"
STATUS, KEYS = "/api/api-keys/status", "/api/api-keys"
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def shared(module_service):
    service = module_service()
    for user in (USER, OTHER):
        service.client().store(user, "openai", fake_key("valid", user))
    return service


@pytest.fixture
def browser(shared):
    return WebBrowser(shared).sign_in(shared, USER)


# What no page of ours sends.


CHANGES = {
    "PUT /api/api-keys/settings": {"global_fallback": True},
    "POST /api/api-keys/set": {"provider": "mistral", "api_key": "sk-fake-valid-csrf-0123456789", "validate": False},
    "DELETE /api/api-keys": None,
    "PUT /api/budgets": {"metric": "tokens", "per": "day", "amount": 5},
    "POST /api/access-tokens": {"scopes": ["status"]},
    "DELETE /api/session": None,
}


@pytest.mark.parametrize(
    "change",
    [
        {"X-CSRF-Token": None}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "A" * 43}, {"X-CSRF-Token": "another's"},
        {"X-CSRF-Token": "the cookie"}, {"Origin": None}, {"Origin": "null"}, {"Origin": ""}, {"Origin": EVIL},
        {"Origin": "http://127.0.0.1"}, {"Origin": "http://localhost:{port}"}, {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:{port}/"}, {"Origin": "http://127.0.0.1:{port}.evil.example"},
        {"Origin": None, "Referer": "http://127.0.0.1:{port}/ui/"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_no_page_of_ours_sends(shared, change):
    browser = WebBrowser(shared).sign_in(shared, "csrf")
    another = WebBrowser(shared).sign_in(shared, "csrf")
    replaced = {"another's": another.csrf, "the cookie": browser.cookie}
    change = {
        name: replaced.get(value, value.format(port=shared.port) if value else value) for name, value in change.items()
    }
    before = shared.client().status("csrf")["keys"]
    for route, body in CHANGES.items():
        method, path = route.split(" ")
        expect.problem(browser.call(method, path, change, json=body), 403, "csrf_refused")
    assert shared.client().status("csrf")["keys"] == before and browser.is_signed_in()
    # The same as a page of ours sends it: it was refused for this alone.
    for route, body in CHANGES.items():
        method, path = route.split(" ")
        assert browser.call(method, path, json=body).status_code in (200, 201, 204)
    assert not browser.is_signed_in()


@pytest.mark.parametrize("type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_what_a_form_sends(shared, browser, type):
    """Without a preflight another site can send these three: no route takes them, whatever else is right."""
    code = make_code(shared, OTHER)["code"]
    body = f'{{"code":"{code}"}}'.encode()
    fields = {"Origin": browser.origin, "Content-Type": type}
    expect.problem(browser.send("POST", SESSION, fields, data=body), 415, "unsupported_media_type")
    for route, json in CHANGES.items():
        method, path = route.split(" ")
        answer = browser.call(method, path, {"Content-Type": type}, data=b'{"a":1}' if json is None else str(json))
        assert answer.status_code == 415 or path == SESSION, (route, answer.text)
    assert WebBrowser(shared).redeem(code).status_code == 200


def test_nobody_is_signed_in_by_another_site(shared):
    """Signed in as somebody else without knowing, a user would type keys into the attacker's account."""
    for origin in (EVIL, "null", None):
        browser = WebBrowser(shared)
        fields = {} if origin is None else {"Origin": origin}
        answer = browser.send("POST", SESSION, fields, json={"code": make_code(shared, USER)["code"]})
        expect.problem(answer, 403, "csrf_refused")
        assert "Set-Cookie" not in answer.headers


def test_another_origin_that_may_call_gets_no_session(make_service):
    app = "https://app.example.com"
    service = make_service(LATCHKEY_CORS_ORIGINS=app)
    browser = WebBrowser(service).sign_in(service, USER)
    asked = {"Origin": app, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "x-csrf-token"}
    for answer in (browser.call("GET", SESSION, {"Origin": app}), browser.send("OPTIONS", KEYS, asked)):
        assert answer.headers["Access-Control-Allow-Origin"] == app
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "csrf" not in answer.headers.get("Access-Control-Allow-Headers", "").lower()
    expect.problem(browser.call("DELETE", KEYS, {"Origin": app}), 403, "csrf_refused")


# One credential, one caller.


@pytest.mark.parametrize("authorization", ["Bearer x", "Bearer", "Basic eDp5", "", "bearer  "])
def test_beside_an_authorization_the_cookie_is_nothing(shared, browser, authorization):
    for method, path in (("GET", STATUS), ("DELETE", KEYS), ("DELETE", SESSION)):
        answer = browser.call(method, path, {"Authorization": authorization})
        expect.problem(answer, 401, "unauthorized")
    assert not expect.success(browser.call("GET", SESSION, {"Authorization": authorization}))["signed_in"]
    assert browser.is_signed_in()


def test_a_jwt_beside_the_cookie_is_who_asks(shared, browser):
    token = tokens.mint(shared.jwt_secret, OTHER)
    answer = browser.call("GET", STATUS, {"Authorization": f"Bearer {token}"})
    assert expect.success(answer)["user_id"] == OTHER


def test_two_cookies_of_our_name(shared, browser):
    own = f"latchkey={browser.cookie}"
    for value in (f"{own}; {own}", f"latchkey=x; {own}", f"{own};latchkey=", f"{own}; latchkey"):
        answer = browser.call("GET", STATUS, {"Cookie": value})
        assert answer.status_code == (200 if value.endswith("; latchkey") else 401), value
    for value in (f"a=b; {own}; c=d", f"__Host-latchkey=x; {own}", f"latchkey2=x;{own}", f"Latchkey=x; {own}"):
        expect.success(browser.call("GET", STATUS, {"Cookie": value}))
    head = f"GET {STATUS} HTTP/1.1\r\nHost: 127.0.0.1:{shared.port}\r\nCookie: {own}\r\n"
    assert exchange(shared.port, f"{head}\r\n".encode()).status == 200
    assert exchange(shared.port, f"{head}Cookie: {own}\r\n\r\n".encode()).status == 401
    assert exchange(shared.port, f"{head}Host: evil.example\r\n\r\n".encode()).status in (400, 401)


def test_the_cookie_opens_neither_gateway_nor_service(shared, browser):
    for method, path in (
        ("POST", "/api/service/resolve"), ("POST", "/api/service/usage"), ("POST", "/gateway/openai/v1/chat/completions"),
        ("GET", "/gateway/openai/v1/models"), ("DELETE", "/gateway/openai/v1/files/x"),
    ):  # fmt: skip
        body = {"user_id": USER, "provider": "openai"} if method == "POST" else None
        for change in ({}, {"Latchkey-User": USER}):
            expect.problem(browser.call(method, path, change, json=body), 401, "unauthorized")

"""The reference system's front end at this service: its calls replayed, unchanged but for host, tokens and keys.

`reference_calls.json` is the list. On the wire each goes out as it stands there: no client library adds, renames or
leaves out anything.
"""

import http.client
import json
import time
from pathlib import Path

import pytest

import expect
import tokens
from client import fake_key
from web_pages import WebPages

LIST = json.loads(Path(__file__).with_name("reference_calls.json").read_text())
ORIGIN = "https://app.example.com"
TYPES = {"string": str, "integer": int, "boolean": bool}
ROUTES = {
    "POST /api/api-keys/set", "POST /api/api-keys/validate/{provider}", "GET /api/api-keys/status",
    "DELETE /api/api-keys/{provider}", "DELETE /api/api-keys/", "POST /api/api-keys/set-initial",
    "GET /api/api-keys/status-initial",
}  # fmt: skip


def values_for(service, origin: str = ORIGIN) -> dict:
    behaviours = {"GOOD_KEY": "valid", "NEW_KEY": "valid", "BAD_KEY": "invalid", "SHARED_KEY": "valid"}
    return {
        "TOKEN": tokens.mint(service.jwt_secret, "reference-user"),
        "OTHER_TOKEN": tokens.mint(service.jwt_secret, "reference-other"),
        "SETUP_TOKEN": service.env["LATCHKEY_SETUP_TOKEN"],
        "ORIGIN": origin,
        **{name: fake_key(behaviour, name.lower().replace("_", "")) for name, behaviour in behaviours.items()},
    }


def filled(text: str, values: dict) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def send(service, call: dict, values: dict) -> tuple[int, dict, str]:
    """Status, header fields (lower case) and body."""
    body = filled(json.dumps(call["body"]), values).encode() if "body" in call else None
    fields = {name: filled(value, values) for name, value in {**LIST["headers"], **call.get("headers", {})}.items()}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request(call["method"], call["path"], body, fields)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def at(value, path: str):
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def assert_as_recorded(call: dict, status: int, body: str, values: dict):
    wanted = call["expect"]
    assert status == wanted["status"], f"{call['name']}: {status} {body[:400]}"
    found = json.loads(body)
    for path, value in wanted.get("has", {}).items():
        assert at(found, path) == value, (call["name"], path, found)
    for path, type in wanted.get("types", {}).items():
        assert isinstance(at(found, path), TYPES[type]) and at(found, path), (call["name"], path, found)
    # No answer, good or bad, has a key in it or a token.
    for name, value in values.items():
        assert name == "ORIGIN" or value not in body, (call["name"], name)


def test_each_call_in_its_order(make_service):
    service = make_service(LATCHKEY_CORS_ORIGINS=ORIGIN)
    values = values_for(service)
    for call in LIST["calls"]:
        status, fields, body = send(service, call, values)
        assert_as_recorded(call, status, body, values)
        assert fields["access-control-allow-origin"] == ORIGIN, call["name"]
        kind = "application/json" if status < 400 else "application/problem+json"
        assert fields["content-type"].split(";")[0] == kind, call["name"]
    # What the calls did is there after a restart, and what the user's calls did not undo.
    client = service.restart().client()
    assert expect.success(client.resolve("reference-user", "openai"))["api_key"] == values["SHARED_KEY"]


def test_the_list_has_every_route():
    """Both ends of each: where it works, and where it is refused."""
    found = {}
    for call in LIST["calls"]:
        parts = call["path"].split("/")
        if parts[-1] in ("openai", "anthropic", "gemini"):
            parts[-1] = "{provider}"
        found.setdefault(f"{call['method']} {'/'.join(parts)}", set()).add(call["expect"]["status"] < 400)
    assert found.keys() == ROUTES
    assert {route for route, ends in found.items() if False in ends} >= ROUTES - {
        "DELETE /api/api-keys/", "POST /api/api-keys/set-initial",
    }  # fmt: skip
    assert all(True in ends for ends in found.values())


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_the_preflight_of_each_call(make_service, method):
    service = make_service(LATCHKEY_CORS_ORIGINS=ORIGIN)
    for path in {call["path"] for call in LIST["calls"] if call["method"] == method}:
        needed = "authorization,content-type"
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": needed}
        status, fields, _ = send(service, {"method": "OPTIONS", "path": path, "headers": asked}, {"ORIGIN": ORIGIN})
        assert status in (200, 204), path
        assert fields["access-control-allow-origin"] == ORIGIN
        assert method in fields["access-control-allow-methods"].replace(" ", "").split(",")
        allowed = fields["access-control-allow-headers"].lower().replace(" ", "").split(",")
        assert {"authorization", "content-type"} <= set(allowed)


# The front end's own habits, in a real browser: one function that reads `detail` of whatever failed.
SCRIPT = """
window.call = async (base, { method, path, headers, body }) => {
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const data = await answer.json();
  return { status: answer.status, ok: answer.ok, data, shown: answer.ok ? null : data.detail };
};
window.ready = true;
"""
PAGE = '<!doctype html><html lang="en"><title>An app</title><script src="/app.js"></script></html>'


def test_each_call_from_a_page_of_another_origin(chromium, make_service):
    with WebPages() as app:
        app.pages = {"/index.html": PAGE, "/app.js": SCRIPT}
        service = make_service(LATCHKEY_CORS_ORIGINS=app.origin)
        values = values_for(service, app.origin)
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{app.origin}/index.html")
        base = f"http://127.0.0.1:{service.port}"
        begun = time.monotonic()
        for call in LIST["calls"]:
            asked = {name: call[name] for name in ("method", "path", "headers", "body") if name in call}
            asked = json.loads(filled(json.dumps(asked), values))
            told = page.evaluate("([base, call]) => window.call(base, call)", [base, asked])
            assert_as_recorded(call, told["status"], json.dumps(told["data"]), values)
            assert told["ok"] or (isinstance(told["shown"], str) and len(told["shown"]) > 10), call["name"]
        assert time.monotonic() - begun < 30
        context.close()

"""Bodies that must be refused with a stable code, change nothing and leave no trace of their value."""

import json

import pytest

import expect
from client import fake_key
from expect import short

MARK = "xq7Marker5Zv"  # part of every bad value: it must never turn up in a log
SET = "/api/api-keys/set"


@pytest.fixture(scope="module")
def service(module_service):
    """With keys already there, so that `nothing changed` means something."""
    service = module_service()
    for user in ("alice", "bob"):
        for provider in ("openai", "anthropic"):
            service.client().store(user, provider, fake_key("valid", user))
    return service


@pytest.fixture
def refused(service):
    """Posts a body as alice and asserts a clean refusal: status, code, same keys, nothing in the logs."""
    client = service.client()

    def check(body, status: int, *codes: str, content_type: str | None = "application/json", path: str = SET):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        before = client.status("alice"), client.status("bob")
        headers = {} if content_type is None else {"Content-Type": content_type}
        answer = client.as_user("alice", "POST", path, data=data, headers=headers)
        expect.problem(answer, status, *codes)
        assert MARK not in answer.text
        assert (client.status("alice"), client.status("bob")) == before
        assert MARK.encode() not in service.all_output()

    return check


def body(key: str = f"sk-fake-valid-{MARK}", provider: str = "openai", **members) -> dict:
    return {"provider": provider, "api_key": key, "validate": False, **members}


@pytest.mark.parametrize(
    "unknown",
    [
        "nope",
        "",
        "OpenAI",
        " openai",
        "openai ",
        "openai\n",
        "openai\x00",
        "../openai",
        "o" * 51,
        "o" * 5000,
        "opénai",
        "'; DROP TABLE user_api_keys;--",
    ],
    ids=short,
)
def test_an_unknown_provider(refused, unknown):
    refused(body(provider=unknown), 400, "unknown_provider")


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "\n",
        f"{MARK}\n",
        f"\n{MARK}",
        f"{MARK}\r\n",
        f"\r\n{MARK}",
        f"sk-fake\r\nX-Evil: {MARK}",
        f"sk\r{MARK}",
        f"sk\n{MARK}",
        f"sk\t{MARK}",
        f"sk\x00{MARK}",
        f"sk\x1b[31m{MARK}",
        f"sk\x7f{MARK}",
        f"sk\x85{MARK}",
        f" sk-fake-{MARK}",
        f"sk-fake-{MARK} ",
        f"sk\r\n\u0301{MARK}",
        MARK + "k" * 4096,
        MARK + "é" * 2048,
        MARK + "k" * 40_000,
    ],
    ids=short,
)
def test_a_key_of_the_wrong_form(refused, key):
    refused(body(key), 400, "invalid_key_format")


def test_a_key_of_exactly_4096_bytes_is_taken(service):
    client, key = service.client(), fake_key().ljust(4096, "k")
    client.store("long", "openai", key)
    assert expect.success(client.resolve("long", "openai"))["api_key"] == key


@pytest.mark.parametrize(
    "key",
    [
        "sk-…1234",
        "sk-...1234",
        "********",
        "••••",
        "sk-****1234",
        "sk-••••••••1234",
        "*" * 51,
        "sk-fake-…cdef",
        "…1234",
        "...1234",
    ],
    ids=short,
)
def test_a_masked_key_sent_back(refused, key):
    refused(body(key), 400, "masked_key")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b'{"provider":"openai"',
        b'{"provider":}',
        b"{'provider':'openai'}",
        b'{"provider":"openai",}',
        b"[1,2",
        b"nul",
        b"NaN",
        b'{"provider":NaN}',
        b'{"a":01}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"line\nbreak"}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff\xfe"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1} {"b":2}',
        b"{}x",
        b'/* note */ {"provider":"openai"}',
        b"provider=openai&api_key=" + MARK.encode(),
        '{"a":1}'.encode("utf-16"),
    ],
    ids=short,
)
def test_what_is_not_json(refused, data):
    refused(data, 400, "bad_json")


@pytest.mark.parametrize(
    "data",
    [
        f'{{"provider":"openai","api_key":"{MARK}","api_key":"{MARK}2"}}',
        f'{{"provider":"openai","provider":"gemini","api_key":"{MARK}"}}',
        f'{{"provider":"openai","api_key":"{MARK}","api\\u005fkey":"{MARK}2"}}',
        f'{{"provider":"openai","api_key":"{MARK}","fields":{{"a":"1","a":"2"}}}}',
    ],
    ids=short,
)
def test_duplicate_members(refused, data):
    refused(data.encode(), 400, "duplicate_member")


@pytest.mark.parametrize(
    "deep",
    [b"[" * 2_000 + b"]" * 2_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000, b"[" * 60_000],
    ids=["arrays", "objects", "unclosed"],
)
def test_nesting_that_never_ends(refused, deep):
    refused(b'{"provider":"openai","api_key":"' + MARK.encode() + b'","fields":' + deep + b"}", 400, "json_too_deep")


@pytest.mark.parametrize("data", [b"[]", b"null", b"1", b'"text"', b"true", b'[{"provider":"openai"}]'])
def test_json_that_is_no_object(refused, data):
    refused(data, 400, "wrong_type")


@pytest.mark.parametrize(
    "members",
    [
        {"provider": 1},
        {"provider": ["openai"]},
        {"api_key": 12345678901234567890},
        {"api_key": [MARK]},
        {"api_key": {"value": MARK}},
        {"api_key": True},
        {"name": 5},
        {"name": []},
        {"label": 5},
        {"base_url": 5},
        {"fields": []},
        {"fields": "a=b"},
        {"fields": {"a": 1}},
        {"fields": {"a": None}},
        {"validate": "yes"},
        {"validate": 1},
        {"require_valid": "true"},
        {"require_valid": 0},
        {"expires_at": True},
        {"expires_at": []},
    ],
    ids=short,
)
def test_wrong_types(refused, members):
    refused(body() | members, 400, "wrong_type")


@pytest.mark.parametrize("members", [{"provider": None}, {"api_key": None}], ids=short)
def test_null_for_what_is_required(refused, members):
    refused(body() | members, 400, "wrong_type", "missing_member")


@pytest.mark.parametrize("data", [{}, {"provider": "openai"}, {"api_key": MARK}], ids=short)
def test_missing_members(refused, data):
    refused(data, 400, "missing_member")


@pytest.mark.parametrize(
    "members",
    [
        {"user_id": "bob"},
        {"user_id": "alice"},
        {"userId": "bob"},
        {"sub": "bob"},
        {"finish": True},
        {"": 1},
        {"API_KEY": MARK},
        {"__proto__": {}},
    ],
    ids=short,
)
def test_unknown_members(refused, members):
    refused(body() | members, 400, "unknown_member")


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a/b", "../default", "x" * 65, "défaut", "default\n", "default\x00", "a:b", "%"], ids=short
)
def test_a_name_of_the_wrong_form(refused, name):
    refused(body(name=name), 400, "invalid_name")


@pytest.mark.parametrize("label", ["x" * 121, "two\nlines", "two\r\nlines", "nul\x00", "esc\x1b[2J"], ids=short)
def test_a_label_of_the_wrong_form(refused, label):
    refused(body(label=label), 400, "invalid_label")


@pytest.mark.parametrize(
    "expiry", ["soon", "", "2001-01-01T00:00:00Z", 1, 0, -5, "2999-13-01T00:00:00Z", "2999-02-30T00:00:00Z"], ids=short
)
def test_an_expiry_that_is_none(refused, expiry):
    refused(body(expires_at=expiry), 400, "invalid_expiry")


@pytest.mark.parametrize("expiry", [2**63, 2**64, -(2**63) - 1])
def test_an_expiry_beyond_all_clocks(refused, expiry):
    refused(body(expires_at=expiry), 400, "invalid_expiry", "wrong_type")


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/v1",
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "https://api.openai.com@evil.example/",
        "https://api.openai.com.evil.example/v1",
        "https://[::1]/",
        "//evil.example",
        "",
        "x",
    ],
    ids=short,
)
def test_a_base_url_nobody_allowed(refused, url):
    refused(body(base_url=url), 400, "base_url_not_allowed")


@pytest.mark.parametrize("fields", [{"unheard_of": MARK}, {"": MARK}, {"resource": MARK}], ids=short)
def test_a_field_the_provider_does_not_have(refused, fields):
    refused(body(fields=fields), 400, "invalid_field")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "text/json",
        "application/problem+json",
        "json",
    ],
)
def test_a_content_type_that_is_not_json(refused, content_type):
    refused(body(), 415, "unsupported_media_type", content_type=content_type)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
)
def test_json_by_its_other_names(service, content_type):
    data = json.dumps(body(fake_key())).encode()
    expect.success(service.client().as_user("typist", "POST", SET, data=data, headers={"Content-Type": content_type}))


@pytest.mark.parametrize(
    "data",
    [{"global_fallback": "false"}, {"global_fallback": 0}, {"global_fallback": None}, {}, {"fallback": False}, []],
    ids=short,
)
def test_settings_of_the_wrong_form(service, data):
    client = service.client()
    expect.problem(
        client.as_user("alice", "PUT", "/api/api-keys/settings", json=data),
        400,
        "wrong_type",
        "missing_member",
        "unknown_member",
    )
    assert expect.success(client.as_user("alice", "GET", "/api/api-keys/settings"))["global_fallback"] is True


@pytest.mark.parametrize(
    "unknown", ["nope", "OpenAI", "%00", "%0d%0aX-Evil:1", "o" * 300, "..%2f..%2fetc", "%ff"], ids=short
)
def test_an_unknown_provider_in_the_path(service, unknown):
    client = service.client()
    before = client.status("alice")
    validate = client.as_user("alice", "POST", f"/api/api-keys/validate/{unknown}")
    expect.problem(validate, 404, "unknown_provider", "not_found")
    delete = client.as_user("alice", "DELETE", f"/api/api-keys/{unknown}")
    expect.problem(delete, 404, "unknown_provider", "key_not_found", "not_found")
    assert "X-Evil" not in {**validate.headers, **delete.headers}
    assert client.status("alice") == before


def test_resolve_is_strict_about_its_body(service):
    client = service.client()
    good = {"user_id": "alice", "provider": "openai"}
    cases = [
        ({"provider": "openai"}, "missing_member"),
        ({"user_id": "alice"}, "missing_member"),
        (good | {"user_id": 7}, "wrong_type"),
        (good | {"provider": []}, "wrong_type"),
        (good | {"extra": 1}, "unknown_member"),
        (good | {"provider": "nope"}, "unknown_provider"),
        (good | {"name": "a b"}, "invalid_name"),
        ([], "wrong_type"),
    ]
    for data, code in cases:
        answer = client.call("POST", "/api/service/resolve", token=client.service_token, json=data)
        expect.problem(answer, 400, code)
        assert "sk-fake" not in answer.text

"""What holds on every route: methods, slashes, ids, error shape, cross-origin rules."""

import pytest

import expect
from client import fake_key

ROUTES = [
    ("POST", "/api/api-keys/set"),
    ("POST", "/api/api-keys/validate/openai"),
    ("GET", "/api/api-keys/status"),
    ("DELETE", "/api/api-keys/openai"),
    ("DELETE", "/api/api-keys/"),
    ("GET", "/api/api-keys/settings"),
    ("PUT", "/api/api-keys/settings"),
    ("GET", "/api/api-keys/providers"),
    ("POST", "/api/api-keys/set-initial"),
    ("GET", "/api/api-keys/status-initial"),
    ("POST", "/api/service/resolve"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.yaml"),
]
ALLOWED = {path: {method for method, other in ROUTES if other == path} for _, path in ROUTES}
OPEN_PATHS = {"/api/api-keys/providers", "/healthz", "/readyz", "/openapi.yaml"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
ORIGIN = "https://app.example"


def is_provider_path(path: str) -> bool:
    """Whether DELETE /api/api-keys/{provider} matches it."""
    return path.startswith("/api/api-keys/") and path.count("/") == 3


NOT_SERVED = [
    (method, path)
    for path in ALLOWED
    for method in METHODS
    if method not in ALLOWED[path] and not (method == "DELETE" and is_provider_path(path))
]


@pytest.fixture(scope="module")
def service(module_service):
    return module_service(LATCHKEY_CORS_ORIGINS=f"{ORIGIN},https://second.example:8443")


@pytest.fixture(scope="module")
def client(service):
    return service.client()


@pytest.mark.parametrize("method, path", NOT_SERVED)
def test_a_method_that_is_not_served(client, method, path):
    answer = client.as_user("alice", method, path, json={})
    expect.problem(answer, 405, "method_not_allowed")
    offered = {name.strip() for name in answer.headers["Allow"].split(",")}
    assert ALLOWED[path] <= offered and method not in offered


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/nope"),
        ("POST", "/api"),
        ("GET", "/api/service"),
        ("POST", "/api/service/nope"),
        ("GET", "/api/api-keys/validate/openai/deeper"),
        ("GET", "/API/API-KEYS/STATUS"),
        ("GET", "/api/api-keys/../../etc/passwd"),
        ("GET", "/.env"),
        ("GET", "/healthz/x"),
    ],
)
def test_a_path_that_is_not_served(client, method, path):
    expect.problem(client.as_user("alice", method, path), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/openapi.yaml",
        "/api/api-keys/providers",
        "/api/api-keys/status",
        "/api/api-keys/settings",
    ],
)
def test_a_trailing_slash_makes_no_difference_to_reading(client, path):
    plain, slashed = (client.as_user("alice", "GET", path + end) for end in ("", "/"))
    assert plain.status_code == slashed.status_code == 200
    assert plain.content == slashed.content


def test_a_trailing_slash_makes_no_difference_to_writing(client):
    key = fake_key()
    body = {"provider": "openai", "api_key": key}
    expect.success(client.as_user("slash", "POST", "/api/api-keys/set/", json=body))
    expect.success(client.as_user("slash", "POST", "/api/api-keys/validate/openai/"))
    expect.success(client.as_user("slash", "PUT", "/api/api-keys/settings/", json={"global_fallback": True}))
    resolve = {"user_id": "slash", "provider": "openai"}
    answer = client.call("POST", "/api/service/resolve/", token=client.service_token, json=resolve)
    assert expect.success(answer)["api_key"] == key
    assert expect.success(client.as_user("slash", "DELETE", "/api/api-keys/openai/"))["deleted"] == 1
    client.store("slash", "openai", key)
    assert expect.success(client.as_user("slash", "DELETE", "/api/api-keys")) == {"deleted": 1}
    expect.success(client.call("GET", "/api/api-keys/status-initial/", token=client.setup_token))
    expect.success(client.call("POST", "/api/api-keys/set-initial/", token=client.setup_token, json=body))


@pytest.mark.parametrize("method, path", ROUTES)
def test_every_route_has_an_id_and_is_not_kept_by_caches(client, method, path):
    answer = client.call(method, path)
    expect.common_headers(answer)
    if path not in OPEN_PATHS:
        expect.problem(answer, 401, "unauthorized")


@pytest.mark.parametrize("given", ["a", "x" * 64, "Trace.7_of-9"])
def test_a_callers_request_id_comes_back(client, service, given):
    answer = client.call("GET", "/api/api-keys/status", headers={"X-Request-Id": given})
    assert expect.problem(answer, 401, "unauthorized")["request_id"] == given


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "two words", "semi;colon", '"quoted"', "sl/ash", "\u00e9".encode(), "${jndi:x}"]
)
def test_a_request_id_that_is_none_is_replaced(client, given):
    answer = client.call("GET", "/healthz", headers={"X-Request-Id": given})
    expect.common_headers(answer)
    assert answer.headers["X-Request-Id"].encode() != (given if isinstance(given, bytes) else given.encode())


def test_no_two_requests_share_an_id_and_the_log_knows_it(client, service):
    ids = [client.call("GET", "/api/api-keys/providers").headers["X-Request-Id"] for _ in range(20)]
    assert len(set(ids)) == 20
    expect.success(
        client.as_user("alice", "GET", "/api/api-keys/status", headers={"X-Request-Id": "seek-me-in-the-log"})
    )
    assert "seek-me-in-the-log" in service.run_errors()


def test_head_and_empty_bodies_do_no_harm(client):
    assert client.call("HEAD", "/healthz").status_code in (200, 405)
    expect.problem(client.as_user("alice", "POST", "/api/api-keys/validate/openai"), 404, "key_not_found")
    answer = client.as_user("alice", "POST", "/api/api-keys/set", headers={"Content-Type": "application/json"})
    expect.problem(answer, 400, "bad_json")


class TestCrossOrigin:
    """Only the configured origins are let in, by exact comparison."""

    def preflight(self, client, origin, method="POST", path="/api/api-keys/set"):
        return client.call(
            "OPTIONS",
            path,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization, content-type",
            },
        )

    @pytest.mark.parametrize("origin", [ORIGIN, "https://second.example:8443"])
    @pytest.mark.parametrize(
        "method, path",
        [
            ("POST", "/api/api-keys/set"),
            ("DELETE", "/api/api-keys/openai"),
            ("GET", "/api/api-keys/status"),
            ("PUT", "/api/api-keys/settings"),
        ],
    )
    def test_a_configured_origin_may_ask(self, client, origin, method, path):
        answer = self.preflight(client, origin, method, path)
        assert answer.status_code in (200, 204)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert method in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed and "content-type" in allowed
        assert "origin" in answer.headers["Vary"].lower()

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "https://app.example.evil",
            "http://app.example",
            "null",
            "*",
            "https://app.example:444",
            "https://xapp.example",
            "https://APP.example/",
            "https://second.example",
        ],
    )
    def test_any_other_origin_may_not(self, client, origin):
        for answer in (
            self.preflight(client, origin),
            client.as_user("alice", "GET", "/api/api-keys/status", headers={"Origin": origin}),
        ):
            assert "Access-Control-Allow-Origin" not in answer.headers

    def test_answers_and_refusals_carry_the_origin(self, client):
        good = client.as_user("alice", "GET", "/api/api-keys/status", headers={"Origin": ORIGIN})
        refused = client.call("GET", "/api/api-keys/status", headers={"Origin": ORIGIN})
        assert (good.status_code, refused.status_code) == (200, 401)
        for answer in (good, refused):
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert "origin" in answer.headers["Vary"].lower()
            assert answer.headers.get("Access-Control-Allow-Credentials") != "true"

    def test_without_configuration_nobody_is_let_in(self, service, make_service):
        client = make_service().client()
        for answer in (self.preflight(client, ORIGIN), client.call("GET", "/healthz", headers={"Origin": ORIGIN})):
            assert "Access-Control-Allow-Origin" not in answer.headers

"""What administrators see of everybody's keys, and what they do with the global ones."""

import itertools

import pytest

import database
import expect
import tokens
from client import fake_key
from harness import Latchkey

NUMBERS = itertools.count(1)
ROUTES = [
    ("GET", "/api/admin/overview"),
    ("GET", "/api/admin/keys"),
    ("GET", "/api/admin/users"),
    ("DELETE", "/api/admin/global-keys/openai"),
    ("POST", "/api/admin/global-keys/openai/validate"),
]


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


def call(service: Latchkey, method: str, path: str, **rest):
    client = service.client()
    return client.call(method, path, token=tokens.mint(client.jwt_secret, "root", roles=["admin"]), **rest)


def read(service: Latchkey, path: str, **query) -> dict:
    return expect.success(call(service, "GET", path, params=query))


@pytest.fixture(scope="module")
def filled(module_service) -> tuple[Latchkey, dict[str, str]]:
    """Users with keys of several verdicts, and every key by its user."""
    service = module_service()
    client = service.client()
    keys = {}
    for user, behaviour in [("ann", "valid"), ("anna", "invalid"), ("bob", "invalid"), ("caf\u00e9", "invalid")]:
        keys[user] = fake_key(behaviour, user if user.isascii() else "cafe")
        client.set(user, "openai", keys[user], label=f"of {user}")
    keys["quiet"] = fake_key(tag="quiet")
    client.store("quiet", "gemini", keys["quiet"])
    keys["global"] = fake_key("invalid", "global")
    client.set_initial("openai", keys["global"])
    return service, keys


@pytest.mark.parametrize("method, path", ROUTES)
def test_nobody_else_is_let_in(service, method, path):
    client = service.client()
    scopes = {"scopes": ["status", "manage", "gateway"]}
    made = client.as_user("ann", "POST", "/api/access-tokens", json=scopes)
    for token in (None, "x", client.service_token, client.setup_token, expect.success(made, 201)["token"]):
        expect.problem(client.call(method, path, token=token), 401, "unauthorized")
    for roles in ([], ["user"], ["Admin"], ["administrator"], "administrators"):
        token = tokens.mint(client.jwt_secret, "ann", roles=roles)
        expect.problem(client.call(method, path, token=token), 403, "forbidden")


@pytest.mark.parametrize("method, path", ROUTES)
def test_other_methods(service, method, path):
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {method}:
        answer = call(service, other, path)
        expect.problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == method
    if method == "GET":
        head = call(service, "HEAD", path)
        assert head.status_code == 200 and head.content == b""
        expect.common_headers(head)


def test_the_overview(filled):
    service, _ = filled
    overview = read(service, "/api/admin/overview")
    assert overview["database"] == database.KIND and overview["setup_finished"] is False
    assert overview["nodes"] == (1 if database.KIND == "sqlite" else None)
    assert expect.INSTANT.fullmatch(overview["started_at"])
    keys = overview["keys"]
    assert (keys["total"], keys["users"], keys["failing"]) == (5, 5, 3)
    assert keys["by_verdict"].keys() == expect.VERDICTS
    assert sum(keys["by_verdict"].values()) == 5
    assert keys["by_provider"] == [
        {"provider": "gemini", "total": 1, "failing": 0},
        {"provider": "openai", "total": 4, "failing": 3},
    ]
    assert overview["global_keys"] == 1
    alerts = {(alert["severity"], alert["code"], alert["provider"]): alert["count"] for alert in overview["alerts"]}
    assert alerts == {
        ("error", "global_key_failing", "openai"): 1,
        ("warning", "setup_open", None): 1,
        ("warning", "keys_failing", "openai"): 3,
    }


def test_checks_are_counted_by_how_they_went(make_service):
    service = make_service()
    client = service.client()
    for user, behaviour in (("a", "valid"), ("b", "invalid")):
        client.store(user, "openai", fake_key(behaviour))
        expect.success(client.validate(user, "openai"))
    checks = read(service, "/api/admin/overview")["checks"]
    assert (checks["succeeded"], checks["failed"], checks["postponed"]) == (1, 1, 0)
    assert checks["by_provider"] == [{"provider": "openai", "succeeded": 1, "failed": 1, "postponed": 0}]


def test_failing_keys_come_in_pages(filled):
    service, _ = filled
    for limit in (1, 2, 50):
        seen, query = [], {"limit": limit}
        while True:
            page = read(service, "/api/admin/keys", state="failing", **query)
            seen += page["keys"]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert [key["user_id"] for key in seen] == ["anna", "bob", "caf\u00e9"]
        assert [key["verdict"] for key in seen] == ["invalid"] * 3
        assert all(not key["is_valid"] and key["checked_at"] and key["check_status"] for key in seen)


def test_a_key_past_its_own_expiry_fails(make_service):
    service = make_service()
    client = service.client()
    client.store("ann", "openai", fake_key(), expires_at="2099-01-01T00:00:00Z")
    assert read(service, "/api/admin/keys")["keys"] == []
    with database.connect(service.database) as connection:
        connection.execute("UPDATE user_api_keys SET expires_at = '2001-01-01 00:00:00'")
    assert [key["verdict"] for key in read(service, "/api/admin/keys")["keys"]] == ["expired"]
    assert read(service, "/api/admin/overview")["keys"]["by_verdict"]["expired"] == 1


def test_users_are_found_by_the_beginning_of_their_id(filled):
    service, _ = filled
    everybody = ["ann", "anna", "bob", "caf\u00e9", "quiet"]
    for search, found in [
        ("", everybody),
        ("an", ["ann", "anna"]),
        ("anna", ["anna"]),
        ("AN", []),
        ("caf\u00e9", ["caf\u00e9"]),
        ("cafe", []),
        ("%", []),
        ("_", []),
        ("' OR '1'='1", []),
        ("\U0010ffff", []),
        ("x" * 64, []),
    ]:
        users = read(service, "/api/admin/users", search=search)["users"]
        assert [user["user_id"] for user in users] == found, search
    first = read(service, "/api/admin/users", limit=3)
    rest = read(service, "/api/admin/users", limit=3, after=first["next"])
    assert [user["user_id"] for user in first["users"] + rest["users"]] == everybody and rest["next"] is None
    assert {user["user_id"]: user["failing"] for user in first["users"]} == {"ann": 0, "anna": 1, "bob": 1}


def test_no_key_is_in_what_administrators_see(filled):
    service, keys = filled
    for path in ("/api/admin/overview", "/api/admin/keys", "/api/admin/users", "/api/api-keys/status-initial"):
        text = call(service, "GET", path).text
        assert not any(key in text for key in keys.values()), path
    # What is the users' own: labels are shown where a key fails, for that is how its owner knows it.
    assert "of ann" not in call(service, "GET", "/api/admin/users").text


@pytest.mark.parametrize(
    "path, query",
    [
        ("keys", {"state": "all"}),
        ("keys", {"limit": "0"}),
        ("keys", {"limit": "9" * 5000}),
        ("keys", {"after": "x" * 10_000}),
        ("keys", {"after": "YQ"}),
        ("keys", {"after": "\x00"}),
        ("keys", {"user": "ann"}),
        ("users", {"search": "x" * 65}),
        ("users", {"search": "a\x00"}),
        ("users", {"search": "a\n"}),
        ("users", {"after": "///"}),
        ("users", {"limit": "1e9"}),
        ("users", {"limit": ["1", "2"]}),
        ("overview", {"limit": "1"}),
    ],
)
def test_an_odd_query(service, path, query):
    expect.problem(
        call(service, "GET", f"/api/admin/{path}", params=query), 400, "invalid_request", "invalid_user_id"
    )


def test_a_global_key_is_checked_and_removed(service):
    client = service.client()
    user = f"served-{next(NUMBERS)}"
    client.set_initial("openai", fake_key(), validate=False)
    client.set_initial("openai", fake_key("invalid"), name="spare", validate=False)
    client.store("root", "openai", own := fake_key())
    expect.success(client.resolve(user, "openai"))
    checked = expect.success(call(service, "POST", "/api/admin/global-keys/openai/validate", params={"name": "spare"}))
    assert (checked["source"], checked["name"], checked["verdict"]) == ("global", "spare", "invalid")
    deleted = expect.success(call(service, "DELETE", "/api/admin/global-keys/openai"))
    assert deleted == {"deleted": 1, "provider": "openai", "name": "default"}
    expect.problem(client.resolve(user, "openai"), 404, "key_not_found")
    # The administrator's own key of the same name is another one.
    assert expect.success(client.resolve("root", "openai"))["api_key"] == own
    names = [key["name"] for key in expect.success(call(service, "GET", "/api/api-keys/status-initial"))["keys"]]
    assert names == ["spare"]
    for method, path in (("DELETE", "openai"), ("POST", "openai/validate")):
        expect.problem(call(service, method, f"/api/admin/global-keys/{path}"), 404, "key_not_found")
        wrong = path.replace("openai", "nowhere")
        expect.problem(call(service, method, f"/api/admin/global-keys/{wrong}"), 404, "unknown_provider")
    mine = expect.success(client.call("GET", "/api/activity", token=tokens.mint(client.jwt_secret, "root")))
    assert "key.delete" in [event["action"] for event in mine["events"] if event["actor"] == "admin"]

"""The token says who the user is, and nothing else does."""

import pytest

import expect
import tokens
from client import fake_key
from expect import short

SET = "/api/api-keys/set"


@pytest.fixture(scope="module")
def service(module_service):
    """With two users' keys already there, so that `nothing changed` means something."""
    service = module_service()
    for user in ("alice", "bob"):
        for provider in ("openai", "anthropic"):
            service.client().store(user, provider, fake_key("valid", user))
    return service


def body(key: str) -> dict:
    return {"provider": "openai", "api_key": key, "validate": False}


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", SET),
        ("POST", "/api/api-keys/validate/openai"),
        ("GET", "/api/api-keys/status"),
        ("DELETE", "/api/api-keys/openai"),
        ("DELETE", "/api/api-keys/"),
    ],
)
@pytest.mark.parametrize("named", ["bob", "alice", ""])
def test_a_user_id_header_is_refused(service, method, path, named):
    """Whoever sends one believes it counts: better told than served as somebody else."""
    client = service.client()
    before = client.status("alice"), client.status("bob")
    answer = client.as_user(
        "alice", method, path, headers={"X-User-Id": named}, json=body(fake_key()) if path == SET else None
    )
    expect.problem(answer, 400, "user_id_not_allowed", "unknown_member")
    assert (client.status("alice"), client.status("bob")) == before


@pytest.mark.parametrize(
    "name, value",
    [("X-User", "bob"), ("X-Forwarded-User", "bob"), ("Remote-User", "bob"), ("Cookie", "user_id=bob")],
)
def test_no_other_header_names_the_user(service, name, value):
    """Ignored or refused, never obeyed."""
    client, key = service.client(), fake_key("valid", "header")
    bob_before, carol = client.status("bob"), f"carol of {name}"
    answer = client.as_user(carol, "POST", SET, json=body(key), headers={name: value})
    assert answer.status_code in (200, 400)
    assert client.status("bob") == bob_before
    assert len(client.status(carol)["keys"]) == (answer.status_code == 200)


def test_a_user_id_in_the_query_is_refused(service):
    client = service.client()
    bob_before = client.status("bob")
    for method, path in (("GET", "/api/api-keys/status?user_id=bob"), ("DELETE", "/api/api-keys/?user_id=bob")):
        answer = client.as_user("dave", method, path)
        expect.problem(answer, 400, "user_id_not_allowed")
        assert "bob" not in answer.text
    assert client.status("bob") == bob_before


def test_no_user_reaches_another_users_key(service):
    client = service.client()
    bob_before = client.status("bob")
    expect.problem(client.validate("mallory", "openai"), 404, "key_not_found")
    expect.problem(client.delete("mallory", "openai"), 404, "key_not_found")
    assert expect.success(client.delete_all("mallory")) == {"deleted": 0}
    assert client.status("mallory")["keys"] == [] and client.status("bob") == bob_before


@pytest.mark.parametrize("user", ["u" * 65, "u" * 5000, "", "a\x00b", "a\nb", "a\r\nb", "\x7f"], ids=short)
def test_a_user_id_no_user_can_have(service, user):
    client = service.client()
    token = tokens.forge(service.jwt_secret, tokens.good_claims(user))
    expect.problem(client.call("POST", SET, token=token, json=body(fake_key())), 401, "unauthorized")
    expect.problem(client.resolve(user, "openai"), 400, "invalid_user_id")

"""The reference system's whole job over HTTP, with restarts in between."""

import expect
from client import fake_key

CATALOGUE_MINIMUM = 25


def resolved(client, user, provider, key, source, base_url=None):
    """Asserts that this key serves the call, and says from where."""
    body = expect.success(client.resolve(user, provider))
    assert (body["api_key"], body["source"], body["provider"]) == (key, source, provider), body
    assert body["name"] == "default" and body["kind"] == "api_key" and body["fields"] == {}
    assert base_url is None or body["base_url"] == base_url
    return body


def source_of(client, user, provider):
    return client.status(user)["providers"][provider]["source"]


def test_the_whole_flow_with_restarts(make_service, provider):
    service = make_service()
    client = service.client()
    shared, alice_key, alice_other, bob_key = (fake_key("valid", tag) for tag in ("global", "alice", "other", "bob"))

    stored = expect.success(client.set_initial("openai", shared))
    assert stored["source"] == "global"
    expect.key_object(stored, shared, "openai", "valid")
    initial = expect.success(client.status_initial())
    assert initial["setup_finished"] is False and shared not in str(initial)
    assert [key["provider"] for key in initial["keys"]] == ["openai"]
    assert initial["environment"] == []

    for user, name, key in (
        ("alice", "openai", alice_key),
        ("alice", "anthropic", alice_other),
        ("bob", "openai", bob_key),
    ):
        expect.key_object(expect.success(client.set(user, name, key)), key, name, "valid")
    client = service.restart().client()

    status = client.status("alice")
    assert status["user_id"] == "alice" and status["global_fallback"] is True
    assert sorted(key["provider"] for key in status["keys"]) == ["anthropic", "openai"]
    assert not any(key in str(status) for key in (alice_key, alice_other, bob_key, shared))
    before = len(provider.requests(alice_key))
    checked = expect.success(client.validate("alice", "openai"))
    expect.key_object(checked, alice_key, "openai", "valid")
    assert len(provider.requests(alice_key)) == before + 1

    resolved(client, "alice", "openai", alice_key, "user", provider.base_url("openai"))
    resolved(client, "alice", "anthropic", alice_other, "user", provider.base_url("anthropic"))
    resolved(client, "bob", "openai", bob_key, "user")
    resolved(client, "carol", "openai", shared, "global", provider.base_url("openai"))
    expect.problem(client.resolve("carol", "anthropic"), 404, "key_not_found")
    client = service.restart().client()

    assert expect.success(client.delete("alice", "openai")) == {"deleted": 1, "provider": "openai", "name": "default"}
    expect.problem(client.delete("alice", "openai"), 404, "key_not_found")
    resolved(client, "alice", "openai", shared, "global")
    resolved(client, "bob", "openai", bob_key, "user")
    client = service.restart().client()

    expect.success(client.set("alice", "gemini", fake_key("valid", "gemini")))
    assert expect.success(client.delete_all("alice")) == {"deleted": 2}
    assert expect.success(client.delete_all("alice")) == {"deleted": 0}
    assert client.status("alice")["keys"] == []
    client = service.restart().client()
    assert client.status("alice")["keys"] == []
    resolved(client, "bob", "openai", bob_key, "user")
    service.stop()


def test_setting_again_replaces(service):
    client = service.client()
    first, second = fake_key(), fake_key()
    one, two = client.store("alice", "openai", first), client.store("alice", "openai", second)
    assert two["row_version"] > one["row_version"]
    assert two["created_at"] == one["created_at"]
    assert len(client.status("alice")["keys"]) == 1
    resolved(client, "alice", "openai", second, "user")


def test_named_keys_stand_beside_the_default_one(service):
    client = service.client()
    default, work = fake_key(), fake_key("valid", "work")
    client.store("alice", "openai", default)
    client.store("alice", "openai", work, name="work", label="Work, billed to the team")
    assert expect.success(client.resolve("alice", "openai", "work"))["api_key"] == work
    resolved(client, "alice", "openai", default, "user")
    labels = {key["name"]: key["label"] for key in client.status("alice")["keys"]}
    assert labels == {"default": None, "work": "Work, billed to the team"}
    assert expect.success(client.delete("alice", "openai", "work"))["name"] == "work"
    expect.problem(client.resolve("alice", "openai", "work"), 404, "key_not_found")
    resolved(client, "alice", "openai", default, "user")


def test_a_missing_named_key_never_falls_back(service):
    client = service.client()
    expect.success(client.set_initial("openai", fake_key("valid", "global")))
    expect.problem(client.resolve("alice", "openai", "work"), 404, "key_not_found")


def test_the_users_own_invalid_key_is_an_error_and_no_fallback(service):
    client = service.client()
    shared, bad = fake_key("valid", "global"), fake_key("invalid", "alice")
    expect.success(client.set_initial("openai", shared))
    expect.key_object(expect.success(client.set("alice", "openai", bad)), bad, "openai", "invalid")
    expect.problem(client.resolve("alice", "openai"), 409, "key_invalid")
    serving = client.status("alice")["providers"]["openai"]
    assert serving["is_valid"] is False and serving["source"] != "global"
    expect.success(client.delete("alice", "openai"))
    resolved(client, "alice", "openai", shared, "global")


def test_a_user_can_switch_the_fallback_off(service):
    client = service.client()
    shared, own = fake_key("valid", "global"), fake_key("valid", "alice")
    expect.success(client.set_initial("openai", shared))
    assert source_of(client, "alice", "openai") == "global"
    assert expect.success(client.set_fallback("alice", False))["global_fallback"] is False
    client = service.restart().client()
    assert expect.success(client.as_user("alice", "GET", "/api/api-keys/settings"))["global_fallback"] is False
    assert client.status("alice")["global_fallback"] is False
    assert source_of(client, "alice", "openai") == "none"
    expect.problem(client.resolve("alice", "openai"), 404, "key_not_found")
    resolved(client, "bob", "openai", shared, "global")
    client.store("alice", "openai", own)
    resolved(client, "alice", "openai", own, "user")
    expect.success(client.delete_all("alice"))
    expect.success(client.set_fallback("alice", True))
    resolved(client, "alice", "openai", shared, "global")


def test_the_operator_can_switch_the_fallback_off(make_service):
    client = make_service(LATCHKEY_GLOBAL_FALLBACK="false").client()
    expect.success(client.set_initial("openai", fake_key("valid", "global")))
    expect.problem(client.resolve("alice", "openai"), 404, "key_not_found")
    assert source_of(client, "alice", "openai") == "none"


def test_the_environment_is_the_last_source(make_service, provider):
    ambient, shared, own = (fake_key("valid", tag) for tag in ("ambient", "global", "alice"))
    client = make_service(OPENAI_API_KEY=ambient).client()
    assert expect.success(client.status_initial())["environment"] == ["openai"]
    for source, key, step in (
        ("environment", ambient, lambda: None),
        ("global", shared, lambda: client.set_initial("openai", shared)),
        ("user", own, lambda: client.store("alice", "openai", own)),
        ("global", shared, lambda: client.delete("alice", "openai")),
    ):
        step()
        resolved(client, "alice", "openai", key, source, provider.base_url("openai"))
        assert source_of(client, "alice", "openai") == source
    assert ambient not in str(client.status("alice"))


def test_the_catalogue_needs_no_token_and_names_every_provider(service, provider):
    client = service.client()
    catalogue = expect.success(client.providers())
    assert len(catalogue["providers"]) >= CATALOGUE_MINIMUM
    by_id = {entry["id"]: entry for entry in catalogue["providers"]}
    assert len(by_id) == len(catalogue["providers"])
    assert by_id["openai"]["base_url"] == provider.base_url("openai")
    for entry in by_id.values():
        assert entry["name"] and entry["docs_url"].startswith("https://") and entry["keys_url"].startswith("https://")
        assert (
            isinstance(entry["patterns"], list) and isinstance(entry["fields"], list) and isinstance(entry["env"], list)
        )
    assert client.status("alice")["providers"].keys() == by_id.keys()


def test_health_and_description_need_no_token(service):
    client = service.client()
    assert expect.success(client.call("GET", "/healthz")) == {"status": "ok"}
    assert expect.success(client.call("GET", "/readyz")) == {"status": "ready"}
    description = client.call("GET", "/openapi.yaml")
    assert description.status_code == 200 and description.headers["Content-Type"].startswith("application/yaml")
    assert "/api/api-keys/set-initial" in description.text

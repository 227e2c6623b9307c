"""First set-up: who may store global keys, until when, and what others learn (nothing)."""

import pytest

import expect
import tokens
from client import fake_key


@pytest.fixture(scope="module")
def service(module_service):
    return module_service()


def admin_token(service, roles) -> str:
    return tokens.mint(service.jwt_secret, "operator", roles=roles)


def test_the_token_may_come_in_its_own_header(service):
    headers = {"X-Setup-Token": service.env["LATCHKEY_SETUP_TOKEN"]}
    client = service.client()
    expect.success(client.call("GET", "/api/api-keys/status-initial", headers=headers))
    body = {"provider": "gemini", "api_key": fake_key()}
    assert (
        expect.success(client.call("POST", "/api/api-keys/set-initial", headers=headers, json=body))["source"]
        == "global"
    )


@pytest.mark.parametrize("roles", ["admin", ["admin"], ["reader", "admin"]])
def test_an_admin_may_do_it_too(service, roles):
    client, token = service.client(), admin_token(service, roles)
    key = fake_key()
    expect.success(client.set_initial("openai", key, token=token))
    hints = {stored["provider"]: stored["key_hint"] for stored in expect.success(client.status_initial(token))["keys"]}
    assert hints["openai"] == key[-4:]


@pytest.mark.parametrize("roles", ["user", ["user"], [], "administrator", ["Admin"], "not admin", "", ["admin "]])
def test_who_is_no_admin_is_turned_away(service, roles):
    client, token = service.client(), admin_token(service, roles)
    expect.problem(client.set_initial("openai", fake_key(), token=token), 403, "forbidden")
    answer = client.status_initial(token)
    expect.problem(answer, 403, "forbidden")
    assert "openai" not in answer.text


@pytest.mark.parametrize("roles", [None, {"admin": True}, [["admin"]], 1, True])
def test_roles_of_a_wrong_type_make_no_admin(service, roles):
    client, token = service.client(), admin_token(service, roles)
    before = expect.success(client.status_initial())
    for answer in (client.set_initial("openai", fake_key(), token=token), client.status_initial(token)):
        assert answer.status_code in (401, 403)
        expect.problem(answer, answer.status_code, "forbidden", "unauthorized")
    assert expect.success(client.status_initial()) == before


def wrong_tokens(service):
    right = service.env["LATCHKEY_SETUP_TOKEN"]
    return ["x", right[:-1], right + "x", right.swapcase(), service.env["LATCHKEY_SERVICE_TOKEN"], service.jwt_secret]


def test_any_other_token_is_refused_and_told_nothing(service):
    client = service.client()
    answers = [client.call("GET", "/api/api-keys/status-initial")]
    for token in wrong_tokens(service):
        answers += [
            client.status_initial(token),
            client.set_initial("openai", fake_key(), token=token),
            client.call("GET", "/api/api-keys/status-initial", headers={"X-Setup-Token": token}),
        ]
    for answer in answers:
        expect.problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "openai" not in answer.text and "setup" not in answer.json()["detail"].lower()


def test_the_setup_token_opens_no_other_door(service):
    client, token = service.client(), service.env["LATCHKEY_SETUP_TOKEN"]
    expect.problem(client.call("GET", "/api/api-keys/status", token=token), 401, "unauthorized")
    resolve = client.call("POST", "/api/service/resolve", token=token, json={"user_id": "alice", "provider": "openai"})
    expect.problem(resolve, 401, "unauthorized")


def test_a_refused_global_key_changes_nothing(service):
    client = service.client()
    before = expect.success(client.status_initial())
    expect.problem(client.set_initial("openai", "********"), 400, "masked_key")
    expect.problem(client.set_initial("openai", fake_key(), user_id="alice"), 400, "unknown_member")
    expect.problem(client.set_initial("openai", fake_key("invalid"), require_valid=True), 422, "key_refused")
    assert expect.success(client.status_initial()) == before


def test_finishing_closes_the_door_for_good(make_service):
    service = make_service()
    client, key = service.client(), fake_key("valid", "global")
    expect.success(client.set_initial("openai", key, finish=True))
    assert_closed(client, key)
    assert_closed(service.restart().client(), key)


def assert_closed(client, key: str):
    expect.problem(client.set_initial("openai", fake_key()), 403, "setup_closed")
    expect.problem(client.status_initial(), 403, "setup_closed")
    expect.problem(client.status_initial("wrong-token"), 401, "unauthorized")
    assert expect.success(client.resolve("alice", "openai"))["api_key"] == key


def test_a_generated_token_is_printed_until_setup_is_finished(make_service):
    service = make_service(LATCHKEY_SETUP_TOKEN=None)
    printed = service.printed_setup_token()
    assert printed and len(printed) >= 22
    expect.success(service.client().status_initial(printed))
    service.restart()
    again = service.printed_setup_token()
    expect.success(service.client().set_initial("openai", fake_key(), token=again, finish=True))
    service.restart()
    assert service.printed_setup_token() is None
    assert b"set-up token" not in service.output_path("stderr", 1).read_bytes()
    assert printed.encode() not in service.output_path("stderr", 1).read_bytes()


def test_a_configured_token_is_not_printed(service):
    assert service.printed_setup_token() is None
    assert service.env["LATCHKEY_SETUP_TOKEN"].encode() not in service.all_output()

"""User ids are bytes: nothing is folded, trimmed, normalised or cut."""

import pytest

import database
import expect
import tokens
from client import fake_key

TAKEN = {
    "plain": "alice",
    "trailing space": "alice ",
    "leading space": " alice",
    "capital": "Alice",
    "capitals": "ALICE",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "sql": "'; DROP TABLE user_api_keys;--",
    "sql wildcard": "%",
    "sql one": "_",
    "sql quote": '"user_id" OR 1=1',
    "64 letters": "u" * 64,
    "63 letters": "u" * 63,
    "64 beyond the BMP": "\U0001f98a" * 64,
    "9 families, 63 scalars": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 9,
    "path": "../../etc/passwd",
    "slash": "a/b",
    "backslash": "a\\b",
    "null word": "null",
    "zero": "0",
    "number": "42",
    "leading zero": "042",
    "markup": "<script>alert(1)</script>",
    "right to left": "\u202eecila",
    "zero width": "al\u200bice",
    "byte order mark": "\ufeffalice",
    "no-break space": "alice\u00a0",
    "cyrillic": "\u0430lice",
    "full width": "\uff41lice",
    "sharp s": "stra\u00dfe",
    "double s": "strasse",
    "dotless": "\u0131",
    "dotted": "\u0130",
    "kelvin": "\u212a",
    "k": "K",
    "hangul": "\uac00",
    "hangul parts": "\u1100\u1161",
    "global": "global",
    "empty-looking": "\u2800",
    "private use": "\ue000",
    "noncharacter": "\uffff",
    "replacement": "\ufffd",
    "format": "{0}%s%n${x}",
}
REFUSED = {
    "empty": "",
    "65 letters": "u" * 65,
    "65 beyond the BMP": "\U0001f98a" * 65,
    "64 letters and a mark": "u" * 64 + "\u0301",
    "10 families, 70 scalars": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 10,
    "nul": "alice\x00",
    "nul and more": "alice\x00bob",
    "newline": "alice\n",
    "carriage return": "alice\r\n",
    "tab": "a\tb",
    "escape": "\x1b[31malice",
    "delete": "alice\x7f",
    "c1": "alice\x85",
}


@pytest.fixture(scope="module")
def service(module_service):
    return module_service()


@pytest.fixture(scope="module")
def keys(service):
    """One key stored for each user id that must be taken."""
    client, stored = service.client(), {}
    for case, user in TAKEN.items():
        stored[user] = fake_key("valid", "id")
        body = client.store(user, "openai", stored[user])
        assert body["has_key"], case
    return stored


def test_no_two_of_them_are_written_alike():
    assert len(set(TAKEN.values())) == len(TAKEN)


@pytest.mark.parametrize("case", TAKEN)
def test_each_is_a_user_of_its_own(service, keys, case):
    client, user = service.client(), TAKEN[case]
    assert expect.success(client.resolve(user, "openai"))["api_key"] == keys[user]
    status = client.status(user)
    assert status["user_id"] == user and len(status["keys"]) == 1
    assert status["keys"][0]["key_hint"] == keys[user][-4:]


def test_the_database_holds_exactly_these_users(service, keys):
    connection = database.connect(service.database)
    found = [user for (user,) in connection.execute("SELECT user_id FROM user_api_keys")]
    connection.close()
    assert sorted(found) == sorted(keys)


def test_they_are_still_apart_after_a_restart(service, keys):
    client = service.restart().client()
    for user, key in keys.items():
        assert expect.success(client.resolve(user, "openai"))["api_key"] == key


def test_deleting_one_leaves_its_likenesses(service, keys):
    client = service.client()
    for gone in ("alice", "caf\u00e9", "'; DROP TABLE user_api_keys;--", "%"):
        assert expect.success(client.delete_all(gone)) == {"deleted": 1}
        expect.problem(client.resolve(gone, "openai"), 404, "key_not_found")
        for user, key in keys.items():
            if user != gone:
                assert expect.success(client.resolve(user, "openai"))["api_key"] == key, (
                    f"deleting {gone!a} took {user!a} along"
                )
        client.store(gone, "openai", keys[gone])


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_user_id_is_refused_everywhere(service, case):
    client, user = service.client(), REFUSED[case]
    token = tokens.forge(service.jwt_secret, tokens.good_claims(user))
    body = {"provider": "openai", "api_key": fake_key(), "validate": False}
    expect.problem(client.call("POST", "/api/api-keys/set", token=token, json=body), 401, "unauthorized")
    expect.problem(client.call("GET", "/api/api-keys/status", token=token), 401, "unauthorized")
    expect.problem(client.resolve(user, "openai"), 400, "invalid_user_id")


def test_a_cut_user_id_would_have_been_found(service, keys):
    """65 letters are refused, and the 64 they begin with keep their own key."""
    client = service.client()
    expect.problem(client.resolve("u" * 65, "openai"), 400, "invalid_user_id")
    assert expect.success(client.resolve("u" * 64, "openai"))["api_key"] == keys["u" * 64]


def test_a_lone_surrogate_is_no_user(service):
    client = service.client()
    token = tokens.forge(service.jwt_secret, b'{"sub":"\\ud83e","exp":99999999999}')
    expect.problem(client.call("GET", "/api/api-keys/status", token=token), 401, "unauthorized")
    data = b'{"user_id":"\\ud83e","provider":"openai"}'
    answer = client.call(
        "POST",
        "/api/service/resolve",
        token=client.service_token,
        data=data,
        headers={"Content-Type": "application/json"},
    )
    expect.problem(answer, 400, "bad_json", "invalid_user_id")

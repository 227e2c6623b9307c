"""`POST /api/api-keys/{provider}/default`: two keys exchange names, and neither is lost, doubled or mixed up."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

import database
import expect
from client import Client, fake_key
from harness import Latchkey

NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


@pytest.fixture
def user() -> str:
    return f"chooser-{next(NAMES)}"


def make_default(client: Client, user: str, name, provider: str = "openai"):
    return client.as_user(user, "POST", f"/api/api-keys/{provider}/default", json={"name": name})


def resolved(client: Client, user: str, name: str | None = None) -> str:
    return expect.success(client.resolve(user, "openai", name))["api_key"]


def events(client: Client, user: str) -> list[dict]:
    return expect.success(client.as_user(user, "GET", "/api/activity"))["events"]


def test_the_named_key_serves_from_now_on(service, user):
    client = service.client()
    private, company = fake_key(tag="private"), fake_key(tag="company")
    client.store(user, "openai", private, label="Private")
    client.store(user, "openai", company, name="work", label="Company", expires_at="2099-01-01T00:00:00Z")
    # Handed out once, so that it is remembered in memory as it was.
    assert (resolved(client, user), resolved(client, user, "work")) == (private, company)
    answer = make_default(client, user, "work")
    first, second = expect.success(answer)["keys"]
    assert private not in answer.text and company not in answer.text
    assert (first["name"], first["label"], first["expires_at"]) == ("default", "Company", "2099-01-01T00:00:00Z")
    assert (second["name"], second["label"], second["expires_at"]) == ("work", "Private", None)
    assert (first["key_hint"], second["key_hint"]) == (company[-4:], private[-4:])
    assert (resolved(client, user), resolved(client, user, "work")) == (company, private)
    seen = [event for event in events(client, user) if event["action"] == "key.default"]
    assert [(event["name"], event["detail"]) for event in seen] == [("default", "from_default"), ("work", "to_default")]
    assert len({event["request_id"] for event in seen}) == 1
    # And back.
    expect.success(make_default(client, user, "work"))
    assert (resolved(client, user), resolved(client, user, "work")) == (private, company)


def test_a_verdict_goes_with_its_key(service, user):
    client = service.client()
    expect.success(client.set(user, "openai", fake_key("valid")))
    expect.success(client.set(user, "openai", fake_key("invalid"), name="bad"))
    first, second = expect.success(make_default(client, user, "bad"))["keys"]
    assert (first["verdict"], second["verdict"]) == ("invalid", "valid")
    assert first["evidence"]["http_status"] == 401 and first["last_validated"] is not None
    expect.problem(client.resolve(user, "openai"), 409, "key_invalid")
    assert expect.success(client.validate(user, "openai", "bad"))["verdict"] == "valid"


def test_where_there_is_no_default(service, user):
    client = service.client()
    key = fake_key()
    client.store(user, "openai", key, name="work")
    assert [key["name"] for key in expect.success(make_default(client, user, "work"))["keys"]] == ["default"]
    assert resolved(client, user) == key
    expect.problem(client.resolve(user, "openai", "work"), 404, "key_not_found")
    assert [key["name"] for key in expect.success(make_default(client, user, "default"))["keys"]] == ["default"]


@pytest.mark.parametrize("name", ["absent", "Work", "theirs"])
def test_what_is_not_there(service, user, name):
    client = service.client()
    client.store(user, "openai", fake_key(), name="work")
    client.store(f"{user}-other", "openai", fake_key(), name="theirs")
    before = client.status(user)["keys"]
    expect.problem(make_default(client, user, name), 404, "key_not_found")
    assert client.status(user)["keys"] == before


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "../work", "w\u00f6rk", None, 1, ["work"], {"a": 1}, "work\x00"])
def test_what_is_no_name(service, user, name):
    answer = make_default(service.client(), user, name)
    expect.problem(answer, 400, "invalid_name", "wrong_type")


def test_who_asks(service, user):
    client = service.client()
    client.store(user, "openai", fake_key(), name="work")
    path, body = "/api/api-keys/openai/default", {"name": "work"}
    for token in (None, client.service_token, client.setup_token):
        expect.problem(client.call("POST", path, token=token, json=body), 401, "unauthorized")
    named = client.as_user(user, "POST", path, json={**body, "user_id": "x"})
    expect.problem(named, 400, "user_id_not_allowed", "unknown_member")
    expect.problem(client.as_user(user, "GET", path), 405, "method_not_allowed")
    expect.problem(make_default(client, user, "work", "nowhere"), 404, "unknown_provider")
    assert [key["name"] for key in client.status(user)["keys"]] == ["work"]


def test_an_old_row_put_back_opens_under_neither_name(service, user):
    """Each is sealed for its new name and a version neither name ever had."""
    client = service.client()
    client.store(user, "openai", fake_key())
    client.store(user, "openai", fake_key(), name="work")
    sealed = ("encrypted_key", "key_hash", "key_hint", "salt", "row_version")
    where = "user_id = ? AND name = ?"
    with database.connect(service.database) as connection:
        old = connection.execute(
            f"SELECT {', '.join(sealed)} FROM user_api_keys WHERE {where}", (user, "work")
        ).fetchone()
    expect.success(make_default(client, user, "work"))
    for name in ("default", "work"):
        with database.connect(service.database) as connection:
            changes = ", ".join(f"{column} = ?" for column in sealed)
            connection.execute(f"UPDATE user_api_keys SET {changes} WHERE {where}", (*old, user, name))
        answer = client.resolve(user, "openai", name)
        if name == "default":
            expect.problem(answer, 500, "integrity")
    # Under its own old name and version it is the old row: to put it back is what a writer of the database can do.
    assert answer.status_code == 200


def test_everything_at_once(service, user):
    """Exchanges, hand-outs and checks at once: each hand-out is one of the two keys, and both are there at the end."""
    client = service.client()
    keys = {"default": fake_key(tag="one"), "work": fake_key(tag="two")}
    client.store(user, "openai", keys["default"])
    client.store(user, "openai", keys["work"], name="work")

    def act(number: int):
        match number % 4:
            case 0:
                return make_default(client, user, "work")
            case 1:
                return client.resolve(user, "openai")
            case 2:
                return client.resolve(user, "openai", "work")
            case _:
                return client.validate(user, "openai", "work")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(act, range(160)))
    assert {answer.status_code for answer in answers} == {200}
    handed = {answer.json()["api_key"] for answer in answers if "api_key" in answer.json()}
    assert handed == set(keys.values())
    assert {resolved(client, user), resolved(client, user, "work")} == set(keys.values())
    exchanges = sum(number % 4 == 0 for number in range(160))
    with database.connect(service.database) as connection:
        written = connection.execute(
            "SELECT COUNT(*) FROM audit_events WHERE action = 'key.default' AND user_id = ?", (user,)
        ).fetchone()[0]
        versions = connection.execute("SELECT row_version FROM user_api_keys WHERE user_id = ?", (user,)).fetchall()
    assert written == 2 * exchanges
    assert [version for (version,) in versions] == [exchanges + 1] * 2


def test_two_nodes(make_service, user):
    """What one node exchanged the other hands out at once, by its new name."""
    here = make_service()
    there = make_service(like=here)
    one, two = fake_key(tag="one"), fake_key(tag="two")
    here.client().store(user, "openai", one)
    here.client().store(user, "openai", two, name="work")
    for _ in range(10):
        assert (resolved(there.client(), user), resolved(there.client(), user, "work")) == (one, two)
        expect.success(make_default(here.client(), user, "work"))
        one, two = two, one
        assert (resolved(there.client(), user), resolved(there.client(), user, "work")) == (one, two)

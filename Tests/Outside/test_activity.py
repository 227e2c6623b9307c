"""`GET /api/activity`: one's own audit events, all of them, and nobody else's."""

import itertools

import pytest

import database
import expect
import tokens
from client import Client, fake_key
from harness import Latchkey

NAMES = itertools.count(1)
MEMBERS = {"at", "actor", "actor_id", "action", "provider", "name", "outcome", "detail", "request_id"}
FILLER = """
    INSERT INTO audit_events (at, actor_kind, action, owner_kind, user_id, outcome)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
    SELECT CURRENT_TIMESTAMP, 'service', 'key.use', 'user', 'somebody-busy', 'ok' FROM numbers
"""


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


@pytest.fixture
def user() -> str:
    return f"reader-{next(NAMES)}"


def activity(client: Client, user: str, **query) -> dict:
    page = expect.success(client.as_user(user, "GET", "/api/activity", params=query))
    for event in page["events"]:
        assert event.keys() == MEMBERS and expect.INSTANT.fullmatch(event["at"])
    return page


def test_what_was_done_is_there(service, user):
    client = service.client()
    key = fake_key()
    client.store(user, "openai", key)
    expect.success(client.resolve(user, "openai"))
    expect.success(client.validate(user, "openai"))
    expect.success(client.set_fallback(user, False))
    expect.success(client.delete(user, "openai"))
    page = activity(client, user)
    actions = [event["action"] for event in page["events"]]
    assert actions == ["key.delete", "settings.change", "key.check", "key.use", "key.use", "key.set"]
    handed_out = page["events"][-2]
    assert (handed_out["actor"], handed_out["outcome"], handed_out["detail"]) == ("service", "ok", "user")
    assert page["next"] is None and page["uses_since"] is None
    assert key not in str(page)


def test_a_global_key_that_served_is_there_for_whom_it_served(service, user):
    client = service.client()
    expect.success(client.set_initial("gemini", fake_key(), validate=False))
    expect.success(client.resolve(user, "gemini"))
    assert [event["detail"] for event in activity(client, user)["events"]] == ["global"]
    assert activity(client, f"{user}-other")["events"] == []


def test_a_refused_hand_out_is_there(service, user):
    client = service.client()
    expect.success(client.set(user, "openai", fake_key("invalid")))
    expect.problem(client.resolve(user, "openai"), 409, "key_invalid")
    first = activity(client, user)["events"][0]
    assert (first["action"], first["outcome"]) == ("key.use", "key_invalid")


def test_nobody_reads_anothers_events(service, user):
    """Ids that somebody could take for one: spellings, blanks, wild cards, the names of other columns' values."""
    client = service.client()
    ids = [user, user.upper(), f"{user} ", f"{user}%", "caf\u00e9" + user, "cafe\u0301" + user, "%", "_", "'", "global"]
    for number, name in enumerate(ids):
        client.store(name, "openai", fake_key(), name=f"mark-{number}")
    for number, name in enumerate(ids):
        names = {event["name"] for event in activity(client, name)["events"]}
        assert names == {f"mark-{number}"}, name
    for named in ({"params": {"user_id": "global"}}, {"headers": {"X-User-Id": "global"}}):
        expect.problem(client.as_user(user, "GET", "/api/activity", **named), 400, "user_id_not_allowed")


def test_what_an_administrator_did_with_a_user_is_the_users(service, user):
    client = service.client()
    admin = tokens.mint(client.jwt_secret, f"admin-of-{user}", roles=["admin"])
    budget = {"metric": "requests", "per": "day", "amount": 5}
    answer = client.call("PUT", "/api/admin/budgets", token=admin, params={"user": user}, json=budget)
    expect.success(answer)
    assert [event["action"] for event in activity(client, user)["events"]] == ["budget.set"]
    assert activity(client, f"admin-of-{user}")["events"] == []


def test_who_is_let_in(service, user):
    client = service.client()
    scopes = {"scopes": ["status", "manage", "gateway"]}
    made = client.as_user(user, "POST", "/api/access-tokens", json=scopes)
    token = expect.success(made, 201)["token"]
    for bearer in (None, token, client.service_token, client.setup_token, "x"):
        expect.problem(client.call("GET", "/api/activity", token=bearer), 401, "unauthorized")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        expect.problem(client.as_user(user, method, "/api/activity"), 405, "method_not_allowed")
    head = client.as_user(user, "HEAD", "/api/activity")
    assert head.status_code == 200 and head.content == b""
    expect.common_headers(head)


def test_pages_meet_every_event_once(service, user):
    client = service.client()
    for number in range(12):
        client.store(user, "openai", fake_key(), name=f"n{number}")
        expect.success(client.resolve(user, "openai", f"n{number}"))
    everything = activity(client, user, limit=200)["events"]
    assert len(everything) == 24
    for limit in (1, 7, 24, 25):
        seen, query = [], {"limit": limit}
        while True:
            page = activity(client, user, **query)
            seen += page["events"]
            if page["next"] is None:
                break
            query["before"] = page["next"]
        assert seen == everything, limit


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "9" * 5000},
        {"limit": "-1"},
        {"limit": "1.0"},
        {"limit": "\u0661"},
        {"before": "9" * 30},
        {"before": "-1"},
        {"before": "x" * 10_000},
        {"before": "1' OR '1'='1"},
        {"before": "1\x00"},
        {"after": "1"},
        {"limit": ["1", "2"]},
    ],
)
def test_an_odd_query(service, user, query):
    expect.problem(service.client().as_user(user, "GET", "/api/activity", params=query), 400, "invalid_request")


def test_beyond_the_newest_events(make_service):
    """Hand-outs of long ago are not looked for, and the answer says since when they are complete."""
    client = (service := make_service()).client()
    client.store("alice", "openai", fake_key())
    expect.success(client.resolve("alice", "openai"))
    assert [event["action"] for event in activity(client, "alice")["events"]] == ["key.use", "key.set"]
    with database.connect(service.database) as connection:
        connection.execute(FILLER)
    page = activity(client, "alice")
    assert [event["action"] for event in page["events"]] == ["key.set"]
    assert expect.INSTANT.fullmatch(page["uses_since"])
    expect.success(client.resolve("alice", "openai"))
    assert [event["action"] for event in activity(client, "alice")["events"]] == ["key.use", "key.set"]
    assert "somebody-busy" not in str(page)

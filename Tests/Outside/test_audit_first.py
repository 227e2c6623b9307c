"""No audit, no decrypt: while the audit log cannot be written, no key is handed out."""

from concurrent.futures import ThreadPoolExecutor

import database
import expect
from client import fake_key


def test_no_key_without_its_event(service):
    client, key, shared = service.client(), fake_key(), fake_key("valid", "global")
    client.store("alice", "openai", key)
    expect.success(client.set_initial("openai", shared, validate=False))
    connection = database.connect(service.database)
    with database.locked(connection), ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda user: client.resolve(user, "openai"), ("alice", "somebody")))
    connection.close()
    for answer in answers:
        expect.problem(answer, 503, "store_unavailable")
        assert key not in answer.text and shared not in answer.text
    assert expect.success(client.resolve("alice", "openai"))["api_key"] == key


def test_every_hand_out_and_every_refusal_has_its_event(service):
    client = service.client()
    client.store("alice", "openai", fake_key())
    connection = database.connect(service.database)

    def events():
        return connection.execute("SELECT action, user_id, outcome FROM audit_events ORDER BY id").fetchall()

    before = len(events())
    expect.success(client.resolve("alice", "openai"))
    connection.execute("UPDATE user_api_keys SET key_hash = 'changed'")
    expect.problem(client.resolve("alice", "openai"), 500, "integrity")
    assert [tuple(row) for row in events()[before:]] == [("key.use", "alice", "ok"), ("key.use", "alice", "integrity")]
    connection.close()

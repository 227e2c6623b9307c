"""What was acknowledged is there after kill -9; what was asked before SIGTERM is answered."""

import signal
import socket
import threading

import requests

import database
import expect
from client import fake_key
from harness import STOP_SECONDS, wait_until
from rawhttp import head_bytes, receive

THREADS, SETS = 32, 1_000
KILL_AFTER = 500
TWO_PER_USER = 2


class Writer(threading.Thread):
    """Sets keys for users of its own, two in a row for each, and remembers what was asked and what was acknowledged."""

    def __init__(self, client, number: int):
        super().__init__(daemon=True)
        self.client, self.number = client, number
        self.asked: list[tuple[str, str]] = []
        self.acknowledged: list[tuple[str, str]] = []
        self.refused: list[str] = []

    def run(self):
        for count in range(SETS // THREADS + 1):
            user, key = f"writer-{self.number}-{count // TWO_PER_USER}", fake_key("valid", "crash")
            self.asked.append((user, key))
            try:
                answer = self.client.set(user, "openai", key, validate=False)
            except requests.RequestException:
                return
            if answer.status_code == 200:
                self.acknowledged.append((user, key))
            else:
                self.refused.append(answer.text[:200])

    def allowed_keys(self) -> dict[str, set]:
        """For each user the last acknowledged key, and any asked for after it; None where nothing was acknowledged."""
        allowed: dict[str, set] = {}
        for user, key in self.asked:
            if (user, key) in self.acknowledged:
                allowed[user] = {key}
            else:
                allowed.setdefault(user, {None}).add(key)
        return allowed


def resolved_key(client, user: str) -> str | None:
    answer = client.resolve(user, "openai")
    if answer.status_code == 404:
        return None
    return expect.success(answer)["api_key"]


def write_and_kill(service, kill_after: int) -> list[Writer]:
    client = service.client()
    writers = [Writer(client, number) for number in range(THREADS)]
    for writer in writers:
        writer.start()
    wait_until(
        lambda: sum(len(writer.acknowledged) for writer in writers) >= kill_after, 60, f"{kill_after} acknowledged sets"
    )
    service.kill()
    for writer in writers:
        writer.join(60)
    return writers


def test_every_acknowledged_set_survives_kill_9(service):
    writers = write_and_kill(service, KILL_AFTER)
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    asked = sum(len(writer.asked) for writer in writers)
    assert KILL_AFTER <= acknowledged < asked, "the kill came too late to prove anything"
    assert [text for writer in writers for text in writer.refused] == []
    client = service.start().client()
    for writer in writers:
        for user, allowed in writer.allowed_keys().items():
            assert resolved_key(client, user) in allowed
    service.stop()
    assert database.integrity_check(service.database) == "ok"


def test_deletes_survive_kill_9_too(service):
    client = service.client()
    users = [f"leaver-{number}" for number in range(20)]
    for user in users:
        client.store(user, "openai", fake_key())
    for user in users:
        assert expect.success(client.delete_all(user)) == {"deleted": 1}
    service.kill()
    client = service.start().client()
    assert [resolved_key(client, user) for user in users] == [None] * len(users)


def test_kill_9_twice_at_once_after_start(service):
    """A start that is itself interrupted leaves a database that starts."""
    client, key = service.client(), fake_key()
    client.store("alice", "openai", key)
    for _ in range(3):
        service.kill()
        service.launch()
        service.kill()
        service.start()
    assert resolved_key(service.client(), "alice") == key
    assert database.integrity_check(service.database) == "ok"


def test_sigterm_answers_who_is_waiting(service, provider):
    """A set that waits for a slow provider gets its answer, then the service ends with 0."""
    client, key, answers = service.client(), fake_key("slow"), []
    waiting = threading.Thread(target=lambda: answers.append(client.set("alice", "openai", key)))
    waiting.start()
    wait_until(lambda: provider.requests(key), 10, "the question to the slow provider")
    service.stop()
    waiting.join(STOP_SECONDS)
    assert answers, "hung up on a client that was waiting"
    expect.key_object(expect.success(answers[0]), key, "openai", "valid")
    assert resolved_key(service.start().client(), "alice") == key


def test_an_idle_connection_does_not_hold_up_the_end(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as idle:
        idle.sendall(head_bytes("GET", "/healthz", []))
        assert receive(idle).status == 200
        service.stop()


def test_sigint_is_a_clean_end_too(service):
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(STOP_SECONDS) == 0


def test_sigterm_right_after_start_loses_nothing(service):
    client, key = service.client(), fake_key()
    client.store("alice", "openai", key)
    service.stop()
    for _ in range(3):
        service.start().stop()
    assert resolved_key(service.start().client(), "alice") == key

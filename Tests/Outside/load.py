"""A load of sets that goes on through an outage, remembers every answer, and afterwards judges what is left."""

import threading
import time
from dataclasses import dataclass

import requests

import database
import expect
from client import fake_key
from harness import wait_until

THREADS = 8
SETS_PER_USER = 4
ANSWER_SECONDS = 10
RECOVERY_SECONDS = 10


@dataclass
class Answer:
    user: str
    key: str
    status: int | None
    version: int | None
    seconds: float
    text: str


class Setter(threading.Thread):
    """Sets keys for users of its own, a few in a row for each, until it is told to end."""

    def __init__(self, load: "Load", number: int):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.answers: list[Answer] = []

    def run(self):
        count = 0
        while not self.load.ending.is_set():
            self.answers.append(self.set(f"load-{self.number}-{count // SETS_PER_USER}", fake_key("valid", "load")))
            count += 1

    def set(self, user: str, key: str) -> Answer:
        began = time.monotonic()
        try:
            answer = self.load.client.set(user, "openai", key, validate=False, timeout=60)
        except requests.RequestException as error:
            return Answer(user, key, None, None, time.monotonic() - began, str(error))
        version = answer.json()["row_version"] if answer.status_code == 200 else None
        return Answer(user, key, answer.status_code, version, time.monotonic() - began, answer.text[:300])


class Load:
    """Several threads that set keys of one running service."""

    def __init__(self, service, threads: int = THREADS):
        self.service, self.client = service, service.client()
        self.ending = threading.Event()
        self.setters = [Setter(self, number) for number in range(threads)]

    def __enter__(self) -> "Load":
        for setter in self.setters:
            setter.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for setter in self.setters:
            setter.join(60)

    @property
    def answers(self) -> list[Answer]:
        return [answer for setter in self.setters for answer in list(setter.answers)]

    def with_status(self, *statuses: int) -> list[Answer]:
        return [answer for answer in self.answers if answer.status in statuses]

    def wait_for(self, more: int, status: int = 200, seconds: float = 30):
        """Until so many more sets have been answered with this status."""
        enough = len(self.with_status(status)) + more
        wait_until(lambda: len(self.with_status(status)) >= enough, seconds, f"{more} more sets answered {status}")

    # What must hold afterwards.

    def assert_nothing_lost(self):
        """Everything acknowledged is there or was written over; every version and its event is there once."""
        self.assert_answers()
        client = self.service.client()
        for user, allowed in self.allowed_keys().items():
            answer = client.resolve(user, "openai")
            found = None if answer.status_code == 404 else expect.success(answer)["api_key"]
            assert found in allowed, f"{user}: {found} and not one of {allowed}"
        self.assert_history()

    def assert_answers(self):
        """Acknowledged or refused, nothing else, and nobody waited long."""
        odd = [answer for answer in self.answers if answer.status not in (200, 503)]
        assert odd == [], odd[:3]
        slow = [answer for answer in self.answers if answer.seconds > ANSWER_SECONDS]
        assert slow == [], f"{len(slow)} answers took longer than {ANSWER_SECONDS} s: {slow[:3]}"

    def allowed_keys(self) -> dict[str, set]:
        """For each user the last acknowledged key, and any asked for after it; None where nothing was acknowledged."""
        allowed: dict[str, set] = {}
        for answer in self.answers:
            if answer.status == 200:
                allowed[answer.user] = {answer.key}
            else:
                allowed.setdefault(answer.user, {None}).add(answer.key)
        return allowed

    def assert_history(self):
        """One row a user; of its versions 1 to the last each acknowledged once at most and audited exactly once."""
        with database.connect(self.service.database) as connection:
            rows = connection.execute("SELECT user_id, row_version FROM user_api_keys").fetchall()
            events = connection.execute(
                "SELECT user_id, row_version FROM audit_events WHERE action = 'key.set' AND outcome = 'ok'"
            ).fetchall()
        assert len({user for user, _ in rows}) == len(rows)
        wanted = [(user, version) for user, last in rows for version in range(1, last + 1)]
        assert sorted(events) == sorted(wanted), difference(events, wanted)
        acknowledged = [(answer.user, answer.version) for answer in self.with_status(200)]
        assert len(set(acknowledged)) == len(acknowledged), "one version was acknowledged twice"
        assert set(acknowledged) <= set(wanted), difference(acknowledged, wanted)


def difference(found: list, wanted: list) -> str:
    twice = sorted({entry for entry in found if found.count(entry) > 1})
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    return f"missing {missing[:5]}, too many {extra[:5]}, twice {twice[:5]}"


def assert_serves(service, sets: int = 50):
    """After recovery: not one server error in a row of sets and resolves."""
    client = service.client()
    for number in range(sets):
        key = fake_key("valid", "after")
        client.store(f"after-{number % 10}", "openai", key)
        assert expect.success(client.resolve(f"after-{number % 10}", "openai"))["api_key"] == key
    assert client.call("GET", "/readyz").status_code == 200

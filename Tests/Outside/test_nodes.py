"""Two nodes, one database: what one does the other knows at once, and nothing is done twice."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import database
import expect
from client import fake_key
from harness import START_SECONDS, wait_until
from test_start_refusals import random_root

SETS, THREADS = 100, 16
ROUND_SECONDS, LONGEST_ROUND = 60, 15


@pytest.fixture(scope="module")
def pair(module_service):
    """Two nodes that no test stops."""
    first = module_service()
    return first, module_service(like=first)


def clients(pair):
    return pair[0].client(), pair[1].client()


def test_a_set_on_one_is_used_on_the_other_at_once(pair):
    (first, second), users = clients(pair), itertools.count()
    for setter, user_of in ((first, second), (second, first)) * 10:
        user = f"at-once-{next(users)}"
        for key in (fake_key(), fake_key()):
            setter.store(user, "openai", key)
            assert expect.success(user_of.resolve(user, "openai"))["api_key"] == key
            assert user_of.status(user)["keys"][0]["key_hint"] == key[-4:]


def test_a_delete_on_one_is_refused_on_the_other_at_once(pair):
    first, second = clients(pair)
    for number in range(10):
        user = f"leaver-{number}"
        first.store(user, "openai", fake_key())
        expect.success(second.resolve(user, "openai"))
        expect.success((first if number % 2 else second).delete(user, "openai"))
        for client in (first, second):
            expect.problem(client.resolve(user, "openai"), 404, "key_not_found")


def test_a_verdict_of_one_is_the_others(pair):
    first, second = clients(pair)
    first.store("judged", "openai", fake_key("invalid"))
    expect.success(second.validate("judged", "openai"))
    expect.problem(first.resolve("judged", "openai"), 409, "key_invalid")
    expect.problem(second.resolve("judged", "openai"), 409, "key_invalid")


def test_the_fallback_and_its_switch(pair):
    first, second = clients(pair)
    shared = fake_key("valid", "global")
    expect.success(first.set_initial("gemini", shared, validate=False))
    assert expect.success(second.resolve("guest", "gemini"))["api_key"] == shared
    expect.success(second.set_fallback("guest", False))
    expect.problem(first.resolve("guest", "gemini"), 404, "key_not_found")


def test_a_setup_finished_on_one_is_closed_on_the_other(make_service):
    first = make_service()
    second = make_service(like=first)
    expect.success(second.client().status_initial())
    expect.success(first.client().set_initial("openai", fake_key(), validate=False, finish=True))
    expect.problem(second.client().set_initial("openai", fake_key(), validate=False), 403, "setup_closed")


def test_a_hundred_sets_of_one_key_through_both(pair):
    """One row, versions 1 to 100 without a gap, each audited once; and the last one is the one that is used."""
    both, keys = clients(pair), [fake_key("valid", "race") for _ in range(SETS)]

    def set_one(number: int) -> tuple[int, str]:
        return both[number % 2].store("contested", "openai", keys[number])["row_version"], keys[number]

    with ThreadPoolExecutor(THREADS) as pool:
        by_version = sorted(pool.map(set_one, range(SETS)))
    assert [version for version, _ in by_version] == list(range(1, SETS + 1))
    assert rows(pair, "SELECT row_version FROM user_api_keys WHERE user_id = 'contested'") == [(SETS,)]
    events = rows(pair, "SELECT row_version FROM audit_events WHERE user_id = 'contested' AND action = 'key.set'")
    assert sorted(events) == [(version,) for version in range(1, SETS + 1)]
    for client in both:
        assert expect.success(client.resolve("contested", "openai"))["api_key"] == by_version[-1][1]


def test_sets_and_deletes_of_one_key_through_both(pair):
    """Whatever the order, every answer is a 200 or a 404, and both nodes see the same end."""
    both = clients(pair)

    def change(number: int) -> int:
        client = both[number % 2]
        if number % 4 < 2:
            return client.set("seesaw", "openai", fake_key(), validate=False).status_code
        return client.delete("seesaw", "openai").status_code

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(change, range(SETS))) <= {200, 404}
    key = fake_key()
    both[0].store("seesaw", "openai", key)
    assert [expect.success(client.resolve("seesaw", "openai"))["api_key"] for client in both] == [key, key]


def rows(pair, query: str) -> list:
    with database.connect(pair[0].database) as connection:
        return connection.execute(query).fetchall()


# Starts.


def started_at_once(services) -> list[int | None]:
    """Launches all at the same moment: None for each that listens, the exit code of each that has ended."""
    gate = threading.Barrier(len(services))

    def launch(service):
        gate.wait()
        service.launch()

    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(launch, services))
    codes = []
    for service in services:
        match = wait_until(service.listening_or_ended, START_SECONDS, "a start")
        if match is not True:
            service.port = int(match.group(2))
        codes.append(None if match is not True else service.process.wait())
    return codes


@pytest.mark.parametrize("attempt", range(3))
def test_nodes_started_at_once_on_an_empty_database(make_service, attempt):
    first = make_service(start=False)
    nodes = [first, make_service(start=False, like=first), make_service(start=False, like=first)]
    assert started_at_once(nodes) == [None] * 3, [node.run_errors()[-500:] for node in nodes]
    versions = rows(nodes, "SELECT version FROM schema_migrations ORDER BY version")
    assert versions == [(number,) for number in range(1, len(versions) + 1)] and versions
    assert len(rows(nodes, "SELECT kid FROM keyset")) == 1
    key = fake_key()
    first.client().store("alice", "openai", key)
    for node in nodes:
        assert expect.success(node.client().resolve("alice", "openai"))["api_key"] == key


def test_nodes_with_different_roots_started_at_once(make_service):
    """One of them makes the keyset; the other has the wrong root then, and says so."""
    first = make_service(start=False)
    second = make_service(start=False, like=first, API_KEY_ENCRYPTION_SECRET=random_root())
    codes = started_at_once([first, second])
    assert sorted(codes, key=str) == [2, None], codes
    refused = (first, second)[codes.index(2)]
    assert "latchkey: error:" in refused.run_errors() and "root" in refused.run_errors()
    assert len(rows((first,), "SELECT kid FROM keyset")) == 1


class TestARollingUpgrade:
    """A node of a newer version has migrated the database while this one still runs, or starts again."""

    def migrate_ahead(self, service, compatible_with: int | None) -> int:
        """What a newer node would have noted; the schema version that this one knows."""
        with database.connect(service.database) as connection:
            [(newest,)] = connection.execute("SELECT max(version) FROM schema_migrations").fetchall()
            connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum, compatible_with) VALUES (?, 'next', ?, ?)",
                (newest + 1, "ab" * 32, newest + compatible_with if compatible_with is not None else None),
            )
        return newest

    @pytest.mark.parametrize("compatible_with", [0, -1], ids=["with this version", "with an older one too"])
    def test_a_newer_schema_that_this_program_can_work_with(self, make_service, compatible_with):
        service, key = make_service(), fake_key()
        self.migrate_ahead(service, compatible_with)
        service.client().store("alice", "openai", key)
        client = service.restart().client()
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == key
        client.store("alice", "openai", fake_key())

    @pytest.mark.parametrize("compatible_with", [None, 1], ids=["says nothing", "with newer ones only"])
    def test_a_newer_schema_that_it_cannot_work_with(self, make_service, compatible_with):
        service = make_service()
        newest = self.migrate_ahead(service, compatible_with)
        service.stop()
        service.launch()
        assert service.process.wait(START_SECONDS) == 2
        assert str(newest + 1) in service.run_errors() and "latchkey: hint:" in service.run_errors()


# Re-validation.


class TestRevalidation:
    """`early_pair` was started at the run's beginning, for the first round comes a minute after the start."""

    def test_each_due_key_is_looked_at_by_one_node(self, early_pair):
        nodes, provider, keys, started = early_pair
        both_rounds_are_over = started + ROUND_SECONDS + LONGEST_ROUND
        wait_until(lambda: time.monotonic() > both_rounds_are_over, ROUND_SECONDS + LONGEST_ROUND + 1, "both rounds")
        assert {key: len(provider.requests(key)) for key in keys} == dict.fromkeys(keys, 1)
        checks = "SELECT user_id, count(*) FROM audit_events WHERE action = 'key.check' GROUP BY 1 ORDER BY 1"
        assert rows(nodes, checks) == [(f"due-{number:02}", 1) for number in range(len(keys))]
        unlooked = "SELECT count(*) FROM user_api_keys WHERE verdict <> 'valid' OR next_check_at < now()"
        assert rows(nodes, unlooked) == [(0,)]

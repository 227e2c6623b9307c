"""Through PgBouncer in transaction mode: every transaction may be on another server connection, and nothing is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import database
import expect
from client import fake_key
from harness import wait_until
from load import RECOVERY_SECONDS, Load, assert_serves
from pgbouncer import POOL_SIZE, PgBouncer

SETS, THREADS = 100, 16
USERS = 40


@pytest.fixture(scope="module")
def place(cluster):
    """A database, and PgBouncer in front of it."""
    made = database.new(cluster=cluster)
    with PgBouncer(cluster, made.owner_url) as pooler:
        yield made, pooler


@pytest.fixture(scope="module")
def service(place, module_service):
    made, pooler = place
    return module_service(database=made, DATABASE_URL=pooler.url(made.owner_url))


def test_it_is_in_between(service, place):
    """Else nothing here would prove anything."""
    made, pooler = place
    client = service.client()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: client.store(f"many-{number}", "openai", fake_key()), range(SETS)))
    assert f"/{made.name}_owner" in pooler.read_log() or made.name in pooler.read_log()
    with database.connect(made) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert 1 <= connection.execute(query).fetchone()[0] <= POOL_SIZE


def test_the_whole_flow(service):
    client, key, second = service.client(), fake_key(), fake_key()
    expect.key_object(expect.success(client.set("alice", "openai", key)), key, "openai", "valid")
    assert expect.success(client.resolve("alice", "openai"))["api_key"] == key
    assert [stored["key_hint"] for stored in client.status("alice")["keys"]] == [key[-4:]]
    expect.success(client.validate("alice", "openai"))
    expect.key_object(expect.success(client.set("alice", "openai", second)), second, "openai", "valid")
    assert expect.success(client.resolve("alice", "openai"))["api_key"] == second
    expect.success(client.set_fallback("alice", False))
    shared = fake_key("valid", "global")
    expect.success(client.set_initial("gemini", shared, validate=False))
    assert expect.success(client.resolve("bob", "gemini"))["api_key"] == shared
    expect.problem(client.resolve("alice", "gemini"), 404, "key_not_found")
    assert expect.success(client.delete("alice", "openai"))["deleted"] == 1
    expect.problem(client.resolve("alice", "openai"), 404, "key_not_found")
    assert client.call("GET", "/readyz").status_code == 200


def test_parallel_sets_of_one_key(service):
    client, keys = service.client(), [fake_key("valid", "race") for _ in range(SETS)]

    def set_one(key: str) -> tuple[int, str]:
        return client.store("contested", "openai", key)["row_version"], key

    with ThreadPoolExecutor(THREADS) as pool:
        by_version = sorted(pool.map(set_one, keys))
    assert [version for version, _ in by_version] == list(range(1, SETS + 1))
    assert expect.success(client.resolve("contested", "openai"))["api_key"] == by_version[-1][1]
    with database.connect(service.database) as connection:
        query = "SELECT row_version FROM audit_events WHERE user_id = 'contested' AND action = 'key.set'"
        assert sorted(connection.execute(query).fetchall()) == [(version,) for version in range(1, SETS + 1)]


def test_whose_rows_a_transaction_sees_is_said_in_it(service):
    """What one request told the server connection never shows the next one another user's rows, or none."""
    client = service.client()
    keys = {f"own-{number}": fake_key("valid", "own") for number in range(USERS)}

    def use(user: str):
        client.store(user, "openai", keys[user])
        for _ in range(5):
            assert expect.success(client.resolve(user, "openai"))["api_key"] == keys[user]
            assert [stored["key_hint"] for stored in client.status(user)["keys"]] == [keys[user][-4:]]
            expect.problem(client.resolve(user, "anthropic"), 404, "key_not_found")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(use, keys))


def test_nothing_is_left_on_the_server_connections(service, place):
    """A role that comes through the same pool afterwards is nobody."""
    made, pooler = place
    client = service.client()
    for number in range(POOL_SIZE * 3):
        client.store(f"left-{number}", "openai", fake_key())
    with ThreadPoolExecutor(POOL_SIZE) as pool:
        found = list(pool.map(lambda _: left_over(pooler.url(made.owner_url)), range(POOL_SIZE * 5)))
    assert set(found) <= {(0, "", "")}, found


def left_over(url: str) -> tuple:
    """How many users' rows a fresh client sees without saying who it is, and what the settings say."""
    query = """SELECT (SELECT count(*) FROM user_api_keys), coalesce(current_setting('latchkey.user_id', true), ''),
                      coalesce(current_setting('latchkey.scope', true), '')"""
    with database.connect(url) as connection:
        return connection.execute(query).fetchone()


def test_two_nodes_behind_it(service, module_service):
    first, second = service.client(), module_service(like=service).client()
    for number in range(10):
        key = fake_key()
        first.store(f"shared-{number}", "openai", key)
        assert expect.success(second.resolve(f"shared-{number}", "openai"))["api_key"] == key
        expect.success(second.delete(f"shared-{number}", "openai"))
        expect.problem(first.resolve(f"shared-{number}", "openai"), 404, "key_not_found")


def test_commands(service):
    key = fake_key("valid", "cli")
    done = service.command("keys", "set", "--user", "clara", "--provider", "openai", stdin=key + "\n")
    assert done.returncode == 0, done.stderr
    assert expect.success(service.client().resolve("clara", "openai"))["api_key"] == key
    assert service.command("migrate").returncode == 0


class TestOutages:
    @pytest.fixture
    def own(self, cluster, make_service):
        """A pooler and a service that only this test uses."""
        made = database.new(cluster=cluster)
        with PgBouncer(cluster, made.owner_url) as pooler:
            yield make_service(database=made, DATABASE_URL=pooler.url(made.owner_url)), pooler

    def test_the_pooler_is_killed_and_restarted(self, own):
        service, pooler = own
        with Load(service) as load:
            load.wait_for(30)
            pooler.kill()
            load.wait_for(1, status=503)
            pooler.start()
            load.wait_for(30, seconds=RECOVERY_SECONDS)
        assert_serves(service)
        load.assert_nothing_lost()

    def test_the_server_connections_are_ended_again_and_again(self, own, cluster):
        service, _ = own
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{service.database.name}'"
        ended = 0
        with cluster.connect() as connection, Load(service) as load:
            for _ in range(10):
                load.wait_for(5)
                ended += len(connection.execute(end).fetchall())
            load.wait_for(30, seconds=RECOVERY_SECONDS)
        assert ended >= 10
        assert_serves(service)
        load.assert_nothing_lost()

    def test_it_starts_through_the_pooler(self, own):
        service, _ = own
        service.client().store("alice", "openai", fake_key())
        wait_until(lambda: service.restart().client().status("alice")["keys"], RECOVERY_SECONDS, "a second start")

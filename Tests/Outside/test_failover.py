"""The database goes away and comes back under load: nothing acknowledged is lost, nothing happens twice, nobody waits
long, and the service goes on by itself.
"""

import os
import signal
import time

import pytest

import database
import expect
from client import fake_key
from harness import wait_until
from load import RECOVERY_SECONDS, Load, assert_serves
from postgres_cluster import Cluster
from postgres_standby import Standby
from refusal import refused_start

FREEZE_SECONDS = 30 if os.environ.get("LATCHKEY_TEST_LONG") == "1" else 8
ENOUGH = 50
ROUNDS = 20


@pytest.fixture
def lonely_cluster():
    """A cluster that only this test's service uses."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def node(lonely_cluster, make_service):
    return make_service(database=database.new(cluster=lonely_cluster))


def test_the_server_is_killed_and_restarted(node, lonely_cluster):
    with Load(node) as load:
        load.wait_for(ENOUGH)
        lonely_cluster.kill9()
        load.wait_for(3, status=503)
        assert node.client().call("GET", "/readyz").status_code == 503
        lonely_cluster.start()
        load.wait_for(ENOUGH, seconds=RECOVERY_SECONDS)
    assert_serves(node)
    load.assert_nothing_lost()
    assert node.runs == 1 and node.is_running()


def test_it_is_killed_again_and_again(node, lonely_cluster):
    """So short an outage that nobody need notice it; a commit under way is the hard case."""
    with Load(node) as load:
        for _ in range(5):
            load.wait_for(ENOUGH)
            lonely_cluster.kill9()
            lonely_cluster.start()
        load.wait_for(ENOUGH, seconds=RECOVERY_SECONDS)
    assert_serves(node)
    load.assert_nothing_lost()


def test_every_connection_is_ended_again_and_again(node, lonely_cluster):
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    ended = 0
    with lonely_cluster.connect() as connection, Load(node) as load:
        for _ in range(ROUNDS):
            load.wait_for(5)
            ended += len(connection.execute(others, (node.database.name,)).fetchall())
        load.wait_for(ENOUGH, seconds=RECOVERY_SECONDS)
    assert ended > ROUNDS
    assert_serves(node)
    load.assert_nothing_lost()


def test_the_server_is_frozen(node, lonely_cluster):
    with Load(node) as load:
        load.wait_for(ENOUGH)
        lonely_cluster.signal_all(signal.SIGSTOP)
        time.sleep(FREEZE_SECONDS)  # the outage itself: nothing could be polled for
        lonely_cluster.signal_all(signal.SIGCONT)
        load.wait_for(ENOUGH, seconds=RECOVERY_SECONDS)
    assert load.with_status(503), "nobody was refused: it was not frozen"
    assert_serves(node)
    load.assert_nothing_lost()


class TestWithAStandby:
    """A primary that answers a commit once its standby has applied it."""

    @pytest.fixture
    def standby(self, lonely_cluster):
        with Standby(lonely_cluster) as standby:
            yield standby

    @pytest.fixture
    def node(self, lonely_cluster, standby, make_service):
        made = database.new(cluster=lonely_cluster)
        return make_service(database=made, DATABASE_URL=standby.url_of_both(made.owner_url))

    def fail_over(self, node, lonely_cluster, standby) -> float:
        """Kills the primary, promotes the standby; when that was done."""
        lonely_cluster.kill9()
        standby.promote()
        node.database.cluster = standby
        return time.monotonic()

    def test_the_primary_is_killed_and_the_standby_promoted(self, node, lonely_cluster, standby):
        with Load(node) as load:
            load.wait_for(ENOUGH)
            promoted = self.fail_over(node, lonely_cluster, standby)
            load.wait_for(1, seconds=RECOVERY_SECONDS)
            assert time.monotonic() - promoted < RECOVERY_SECONDS
            load.wait_for(ENOUGH)
        assert_serves(node)
        load.assert_nothing_lost()
        assert node.runs == 1 and node.is_running()

    def test_without_its_standby_nothing_is_acknowledged(self, node, lonely_cluster, standby):
        """What only the primary has is lost with it, so nobody may be told that it is stored."""
        client, before, after = node.client(), fake_key(), fake_key()
        client.store("alice", "openai", before)
        standby.stop()
        expect.problem(client.set("alice", "openai", after, validate=False), 503, "store_unavailable")
        expect.problem(client.resolve("alice", "openai"), 503, "store_unavailable")
        lonely_cluster.kill9()
        standby.start()
        standby.promote()
        node.database.cluster = standby
        found = wait_until(lambda: self.resolved(client), RECOVERY_SECONDS, "service after the promotion")
        assert found == before
        assert_serves(node)

    def resolved(self, client) -> str | None:
        answer = client.resolve("alice", "openai")
        return answer.json()["api_key"] if answer.status_code == 200 else None

    def test_it_goes_on_when_the_standby_is_back(self, node, standby):
        client, key = node.client(), fake_key()
        standby.stop()
        expect.problem(client.set("alice", "openai", fake_key(), validate=False), 503, "store_unavailable")
        standby.start()
        wait_until(
            lambda: client.set("alice", "openai", key, validate=False).status_code == 200,
            RECOVERY_SECONDS,
            "service after the standby's return",
        )
        assert_serves(node)

    def test_a_standby_alone_is_refused_at_start(self, node, standby):
        node.stop()
        node.configure(DATABASE_URL=standby.url_here(node.database.owner_url))
        said = refused_start(node, code=1)
        assert "read-only" in said or "standby" in said

"""The gateway's way to providers behind TLS: whom it believes, what it sends, and HTTP/2."""

import asyncio
import hashlib
import os
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import requests

import expect
from conversation import Conversation, request
from certificates import DAY, NOW, Certificate, outdated
from cryptography.x509.oid import ExtendedKeyUsageOID
from gateway import Caller, caller, new_tag
from harness import Latchkey, wait_until
from http2_upstream import STREAM_WINDOW
from stream_client import MULTIPART, NUMBERED, Stream, until
from tls_upstream import Bare, Listener, Upstream
from upstream_actions import Seen

LOOPS = os.cpu_count() or 1
BOTH = ("h2", "http/1.1")
HANDSHAKE_SECONDS = 10
SHARE = 8  # of the 16 connections to a provider that takes one call on each, for each loop
BAD_CERTIFICATES = (
    "wrong-name",
    "longer-name",
    "wildcard",
    "expired",
    "not-yet",
    "self-signed",
    "stranger",
    "client-only",
    "leaf-issuer",
    "wrong-number",
)
OLD = {"tls-1-0": ssl.TLSVersion.TLSv1, "tls-1-1": ssl.TLSVersion.TLSv1_1}
CONNECTION_FIELDS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host"}


@dataclass
class House:
    """The providers of this module, by their ids in the catalogue."""

    folder: object
    authority: Certificate = field(default_factory=lambda: Certificate.authority("Scripted authority"))
    providers: dict[str, Listener] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, provider: Listener, host: str = "localhost"):
        self.providers[name], self.hosts[name] = provider, host
        provider.__enter__()

    def __getitem__(self, name: str):
        return self.providers[name]

    @property
    def ca_file(self) -> str:
        path = self.folder / "authority.pem"
        path.write_bytes(self.authority.pem)
        return str(path)

    def operator_file(self) -> dict:
        """A closed port besides."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            ports = {name: provider.port for name, provider in self.providers.items()}
            ports["closed"] = closed.getsockname()[1]
        addresses = {name: f"https://{self.hosts.get(name, 'localhost')}:{port}/v1" for name, port in ports.items()}
        return {"providers": [{"id": name, "base_url": address} for name, address in addresses.items()]}


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("tls"))
    add_good(house)
    add_bad(house)
    yield house
    for each in house.providers.values():
        each.__exit__()


def add_good(house: House):
    good = house.authority.issue("localhost")
    middle = house.authority.issue(is_authority=True)
    contexts = {
        "http2": good.context(house.folder, alpn=BOTH),
        "busy": good.context(house.folder, alpn=BOTH),
        "silent": good.context(house.folder, alpn=BOTH),
        "leaving": good.context(house.folder, alpn=BOTH),
        "http1": good.context(house.folder, alpn=("http/1.1",)),
        "no-alpn": good.context(house.folder),
        "chain": middle.issue("localhost").context(house.folder, middle, alpn=BOTH),
    }
    for name, context in contexts.items():
        house.add(name, Upstream(context))
    for name in ("one", "one-each"):
        house.add(name, Upstream(good.context(house.folder, alpn=BOTH), most_streams=1))
    house.add("changing", Upstream(good.context(house.folder, alpn=BOTH)))
    house.add("number", Upstream(house.authority.issue("127.0.0.1").context(house.folder)), host="127.0.0.1")
    tls12 = good.context(house.folder, alpn=BOTH)
    tls12.maximum_version = ssl.TLSVersion.TLSv1_2
    house.add("tls-1-2", Upstream(tls12))


def add_bad(house: House):
    authority, leaf = house.authority, house.authority.issue("localhost")
    stranger = Certificate.authority("Scripted authority")
    self_signed = Certificate.make("localhost", None, ["localhost"])
    bad = {
        "wrong-name": authority.issue("other.example", called="localhost"),
        "longer-name": authority.issue("localhost.example"),
        "wildcard": authority.issue("*.localhost"),
        "expired": authority.issue("localhost", valid=(NOW - 2 * DAY, NOW - DAY / 24)),
        "not-yet": authority.issue("localhost", valid=(NOW + DAY / 24, NOW + DAY)),
        "self-signed": self_signed,
        "stranger": stranger.issue("localhost"),
        "client-only": authority.issue("localhost", usage=ExtendedKeyUsageOID.CLIENT_AUTH),
    }
    for name, certificate in bad.items():
        house.add(name, Upstream(certificate.context(house.folder, alpn=BOTH)))
    house.add("leaf-issuer", Upstream(leaf.issue("localhost").context(house.folder, leaf, alpn=BOTH)))
    house.add("wrong-number", Upstream(authority.issue("localhost").context(house.folder)), host="127.0.0.1")
    for name, version in OLD.items():
        house.add(name, Upstream(outdated(leaf.context(house.folder), version)))
    house.add("plain", Bare(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    house.add("mute", Bare())
    house.add("hushed", Bare())


@pytest.fixture(scope="module")
def service(module_service, provider) -> Latchkey:
    return module_service(LATCHKEY_PROVIDER_CA_FILE=provider.ca_file)


@pytest.fixture(autouse=True)
def by_the_rules(provider):
    """Nothing that is sent over HTTP/2 breaks its rules."""
    yield
    broken = {name: each.violations for name, each in provider.providers.items() if getattr(each, "violations", None)}
    assert broken == {}, broken


def ask(who: Caller, path: str, method: str = "GET", **rest) -> requests.Response:
    """A call on a connection of its own."""
    headers = {"Authorization": f"Bearer {who.token}", **rest.pop("headers", {})}
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, who.base + path, headers=headers, timeout=30, allow_redirects=False, **rest)


def only(provider: Upstream, word: str) -> Seen:
    [exchange] = provider.seen(word)
    return exchange


def warm(who: Caller, provider: Upstream) -> Upstream:
    """Until every event loop has a connection of its own; from then on there is no reason for another."""
    while len(provider.http2) < LOOPS:
        assert ask(who, "/echo").status_code == 200
    assert len(provider.http2) == LOOPS, "one connection for each loop is enough"
    return provider


class TestWhoIsBelieved:
    @pytest.mark.parametrize(
        "name, protocol",
        [
            ("http2", "h2"),
            ("http1", "HTTP/1.1"),
            ("no-alpn", "HTTP/1.1"),
            ("chain", "h2"),
            ("number", "HTTP/1.1"),
            ("tls-1-2", "h2"),
        ],
    )
    def test_a_provider_with_a_good_certificate(self, service, provider, name, protocol):
        who, tag = caller(service, name), new_tag()
        answer = ask(who, f"/echo/?tag={tag}", "POST", json={"said": tag})
        assert answer.status_code == 200, answer.text
        exchange = next(each for each in provider[name].seen("echo") if tag in each.target)
        assert (exchange.protocol, exchange.credentials) == (protocol, [("authorization", f"Bearer {who.key}")])
        assert exchange.json() == {"said": tag}

    @pytest.mark.parametrize("name", [*BAD_CERTIFICATES, *OLD])
    def test_any_other_is_sent_nothing(self, service, provider, name):
        who, bad = caller(service, name), provider[name]
        expect.problem(ask(who, "/echo", "POST", json={}), 502, "upstream_unreachable")
        assert bad.accepted > 0, "nobody came"
        assert (bad.first_bytes, bad.exchanges) == ([], [])

    @pytest.mark.parametrize("name", BAD_CERTIFICATES)
    def test_the_refusal_says_that_it_is_the_certificate(self, service, name):
        problem = expect.problem(ask(caller(service, name), "/echo"), 502, "upstream_unreachable")
        assert "certificate" in problem["detail"], problem["detail"]

    @pytest.mark.parametrize("name", OLD)
    def test_the_old_versions_are_really_spoken_there(self, provider, name):
        """Else the test above would say nothing."""
        context = outdated(ssl.create_default_context(cafile=provider.ca_file), OLD[name])
        with socket.create_connection(("127.0.0.1", provider[name].port), timeout=5) as connection:
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                assert secured.version() in ("TLSv1", "TLSv1.1")

    def test_a_port_without_tls(self, service, provider):
        who = caller(service, "plain")
        expect.problem(ask(who, "/echo", "POST", json={}), 502, "upstream_unreachable")
        received = bytes(provider["plain"].received)
        assert received.startswith(b"\x16\x03"), "a client hello and nothing else"
        assert who.key.encode() not in received and b"HTTP" not in received

    def test_a_port_that_says_nothing(self, service, provider):
        """Nothing is left of the call, nor of that of somebody who did not wait for it."""
        who, mute, begun = caller(service, "mute"), provider["mute"], time.monotonic()

        async def leave():
            stream = await Stream.open(who, "/echo", b"{}")
            await until(lambda: mute.open, 5, "the connection")
            stream.leave()

        asyncio.run(leave())
        expect.problem(ask(who, "/echo", "POST", json={}), 504, "upstream_timeout")
        assert HANDSHAKE_SECONDS - 1 <= time.monotonic() - begun < HANDSHAKE_SECONDS + 3
        assert mute.accepted == 2 and who.key.encode() not in bytes(mute.received)
        wait_until(lambda: mute.open == set(), 2, "no connection is left behind")

    def test_a_connection_that_nobody_waits_for_is_not_made(self, service, provider):
        who, hushed = caller(service, "hushed"), provider["hushed"]

        async def leave():
            stream = await Stream.open(who, "/echo", b"{}")
            await until(lambda: hushed.open, 5, "the connection")
            stream.leave()
            await until(lambda: not hushed.open, 1, "the end of it")

        asyncio.run(leave())
        assert hushed.accepted == 1

    def test_a_closed_port(self, service):
        who, begun = caller(service, "closed"), time.monotonic()
        expect.problem(ask(who, "/echo", "POST", json={}), 502, "upstream_unreachable")
        assert time.monotonic() - begun < 2

    def test_without_the_authority_nobody(self, make_service, provider):
        other = make_service()
        before = len(provider["http2"].first_bytes)
        expect.problem(ask(caller(other, "http2"), "/echo"), 502, "upstream_unreachable")
        assert len(provider["http2"].first_bytes) == before


class TestHTTP2:
    @pytest.fixture
    def who(self, service) -> Caller:
        return caller(service, "http2")

    @pytest.fixture
    def http2(self, provider, who) -> Upstream:
        return warm(who, provider["http2"])

    def test_the_head_is_that_of_http2(self, http2, who):
        tag = new_tag()
        fields = {"Connection": "keep-alive, X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=5", "TE": "trailers"}
        ask(who, f"/echo/{tag}?a=b", "POST", data=iter([b"{", b"}"]), headers=fields)
        exchange = next(each for each in http2.seen() if tag in each.target)
        pseudo = [(name, value) for name, value in exchange.headers if name.startswith(":")]
        assert sorted(pseudo) == [
            (":authority", f"localhost:{http2.port}"),
            (":method", "POST"),
            (":path", f"/v1/echo/{tag}?a=b"),
            (":scheme", "https"),
        ]
        names = [name for name, _ in exchange.headers]
        assert not CONNECTION_FIELDS & set(names) and "x-hop" not in names, names
        assert names == [name.lower() for name in names]

    def test_calls_at_once_share_a_connection(self, http2, who):
        before, tag, count = http2.accepted, new_tag(), 40
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda _: ask(who, f"/meet/{tag}/{count}"), range(count)))
        assert [answer.json() for answer in answers] == [{"held": tag}] * count
        assert http2.accepted == before
        assert max(http2.most_at_once.values()) >= count // LOOPS

    def test_calls_at_once_at_the_start_leave_no_connections_behind(self, service, provider):
        """Before there is a connection to share, each may open one; but these do not stay."""
        who, tag, count = caller(service, "busy"), new_tag(), 20
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda _: ask(who, f"/meet/{tag}/{count}"), range(count)))
        assert [answer.status_code for answer in answers] == [200] * count
        wait_until(lambda: len(provider["busy"].open) <= LOOPS, 5, f"one connection a loop, of {count}")

    def test_streams_come_in_order_and_unmixed(self, http2, who):
        count, streams = 100, 30

        def read(_: int) -> bool:
            tag = new_tag()
            found = NUMBERED.findall(ask(who, f"/stream/{tag}/{count}/1/200").text)
            return found == [(tag, str(place)) for place in range(count)]

        with ThreadPoolExecutor(streams) as pool:
            assert all(pool.map(read, range(streams)))

    def test_an_upload_arrives_whole(self, http2, who):
        body = os.urandom(8 * 1024 * 1024)
        for sent in (body, (body[start : start + 50_000] for start in range(0, len(body), 50_000))):
            answer = ask(who, "/echo", "POST", data=sent, headers={"Content-Type": MULTIPART})
            assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()

    def test_an_upload_waits_for_the_provider(self, http2, who):
        """No byte beyond the window, and everybody else goes on meanwhile."""
        body, tag = os.urandom(2 * 1024 * 1024), new_tag()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(ask, who, f"/deaf/{tag}", "POST", data=body, headers={"Content-Type": MULTIPART})
            exchange = wait_until(lambda: next(iter(http2.seen(tag)), None), 5, "the upload")
            wait_until(lambda: len(exchange.body) == STREAM_WINDOW, 5, "a window full of it")
            for _ in range(4 * LOOPS):
                assert ask(who, "/echo", "POST", data=body[:200_000]).status_code == 200
            assert len(exchange.body) == STREAM_WINDOW
            http2.release(tag)
            assert sending.result().json()["sha256"] == hashlib.sha256(body).hexdigest()

    def test_a_slow_reader_holds_up_the_provider_and_nobody_else(self, http2, who):
        tag = new_tag()

        async def stand_still():
            stream = await Stream.open(who, f"/endless/{tag}/16000", b"{}")
            assert await stream.begin() == 200
            exchange = only(http2, tag)
            await until(lambda: exchange.blocked_for() > 0.5, 20, "a stream that is held back")
            written = exchange.written
            answers = await asyncio.gather(
                *(asyncio.to_thread(ask, who, "/sized/300000") for _ in range(4 * LOOPS))
            )
            assert [len(answer.content) for answer in answers] == [300_000] * 4 * LOOPS
            stream.leave()
            await until(lambda: exchange.ending, 5, "the end of the stream")
            return written

        assert asyncio.run(stand_still()) < 16 * 1024 * 1024

    @pytest.mark.parametrize("path", ["hold", "endless"])
    def test_a_caller_who_leaves_ends_the_stream_and_not_the_connection(self, http2, who, path):
        before = (http2.accepted, len(http2.open))

        async def leave(number: int):
            tag = new_tag()
            stream = await Stream.open(who, f"/{path}/{tag}", b"{}")
            exchange = await until(lambda: next(iter(http2.seen(tag)), None), 10, "the call")
            if path == "endless":
                assert await stream.begin() == 200
                await stream.chunk()
            left_at = stream.leave(reset=number % 2 == 0)
            await until(lambda: exchange.ending, 10, "the end of the stream")
            assert exchange.ending == "cancelled" and exchange.ended_at - left_at < 1
            assert exchange.reset_code in (0, 8), "NO_ERROR or CANCEL"

        async def all_leave():
            await asyncio.gather(*(leave(number) for number in range(20)))

        asyncio.run(all_leave())
        assert ask(who, "/echo").status_code == 200
        assert (http2.accepted, len(http2.open)) == before

    @pytest.mark.parametrize("events", [1, 5])
    def test_a_stream_that_the_provider_resets_ends_as_an_error(self, http2, who, events):
        before = http2.accepted
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            ask(who, f"/broken/{new_tag()}/{events}")
        assert ask(who, "/echo").status_code == 200
        assert http2.accepted == before

    def test_one_that_it_resets_before_it_answers(self, http2, who):
        expect.problem(ask(who, f"/broken/{new_tag()}/0"), 502, "upstream_failed")

    @pytest.mark.parametrize("size", [0, 100_000, 3_000_000])
    def test_an_answer_before_the_upload_is_through(self, http2, who, size):
        answer = ask(who, "/early/413", "POST", data=b"x" * size, headers={"Content-Type": MULTIPART})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "413")

    def test_answers_of_every_form(self, http2, who):
        assert ask(who, "/trailers").json() == {"before": "trailers"}
        assert ask(who, "/sized/1000", "HEAD").headers["Content-Length"] == "1000"
        for status in (204, 304, 500):
            answer = ask(who, f"/status/{status}")
            assert (answer.status_code, answer.content, answer.headers["x-said"]) == (status, b"", str(status))


    @pytest.mark.parametrize("method, status", [("HEAD", "200"), ("GET", "204"), ("GET", "304")])
    def test_a_body_where_there_can_be_none_goes_no_further(self, http2, who, method, status):
        """With HTTP/2 it is framed, and the next answer is not begun with it."""
        with Conversation(who.service.port) as line:
            for _ in range(2):
                line.send(request(method, f"/gateway/http2/odd/{status}", ("Authorization", f"Bearer {who.token}")))
                answer = line.answer(method)
                assert answer.status == int(status) and answer.headers.get("connection") != "close"
            line.send(request("GET", "/healthz"))
            assert b"status" in line.answer().body and line.rest == b""

    def test_what_comes_before_the_answer_is_not_the_answer(self, http2, who):
        """103, twice."""
        answer = ask(who, "/interim")
        assert (answer.status_code, answer.text) == (200, '{"after":"interim"}')


class TestConnectionsThatEnd:
    @pytest.fixture
    def who(self, service) -> Caller:
        return caller(service, "leaving")

    @pytest.fixture
    def leaving(self, provider) -> Upstream:
        return provider["leaving"]

    def reading(self, who: Caller, pool, leaving: Upstream, count: int = 6) -> tuple[list, list]:
        """Streams under way, of which the rest comes when it is released."""
        tags = [new_tag() for _ in range(count)]
        futures = [pool.submit(ask, who, f"/hold/{tag}") for tag in tags]
        wait_until(lambda: all(leaving.seen(tag) for tag in tags), 10, "all of them at the provider")
        return tags, futures

    def test_a_provider_that_takes_its_leave_is_called_on_another_connection(self, who, leaving):
        for round in range(3):
            ask(who, "/echo")
            with ThreadPoolExecutor(8) as pool:
                tags, held = self.reading(who, pool, leaving)
                stream_tag = new_tag()
                streamed = pool.submit(ask, who, f"/stream/{stream_tag}/50/10")
                wait_until(lambda: leaving.seen(stream_tag), 5, "the stream")
                old = set(leaving.http2)
                leaving.go_away()
                seen = [self.connection_of(who) for _ in range(4 * LOOPS)]
                assert not old & set(seen), "a call went to a connection that takes no more"
                for tag in tags:
                    leaving.release(tag)
                assert [future.result().status_code for future in held] == [200] * len(held)
                assert len(NUMBERED.findall(streamed.result().text)) == 50
            wait_until(lambda: not old & leaving.open, 5, "the old connections are closed")

    def connection_of(self, who: Caller) -> int:
        """Right after the farewell a call may still cross with it; then it is an error."""
        for _ in range(3):
            answer = ask(who, "/echo")
            if answer.status_code == 200:
                return answer.json()["connection"]
            expect.problem(answer, 502, "upstream_failed")
        raise AssertionError("no call came through")

    def test_a_call_that_it_does_not_take_any_more_does_not_hang(self, who, leaving):
        with ThreadPoolExecutor(8) as pool:
            tags, held = self.reading(who, pool, leaving, count=1)
            leaving.go_away(skipped=1)
            answer = held[0].result()
            for tag in tags:
                leaving.release(tag)
        assert answer.status_code == 200 or expect.problem(answer, 502, "upstream_failed")
        assert ask(who, "/echo").status_code == 200

    def test_a_connection_that_is_cut(self, who, leaving):
        with ThreadPoolExecutor(8) as pool:
            _, held = self.reading(who, pool, leaving)
            leaving.cut()
            for future in held:
                expect.problem(future.result(), 502, "upstream_failed")
        assert ask(who, "/echo").status_code == 200

    def test_one_that_is_cut_while_it_is_idle(self, who, leaving):
        warm_count = 4 * LOOPS
        for _ in range(warm_count):
            assert ask(who, "/echo").status_code == 200
        old = set(leaving.open)
        leaving.cut()
        wait_until(lambda: not old & leaving.open, 5, "the old connections are gone")
        assert [ask(who, "/echo").status_code for _ in range(warm_count)] == [200] * warm_count

    def test_no_more_streams_at_once_than_the_provider_takes(self, service, provider):
        who = caller(service, "one")
        one, tags = warm(who, provider["one"]), [new_tag() for _ in range(12)]
        with ThreadPoolExecutor(len(tags)) as pool:
            answers = list(pool.map(lambda tag: ask(who, f"/stream/{tag}/5/10"), tags))
        for tag, answer in zip(tags, answers, strict=True):
            assert NUMBERED.findall(answer.text) == [(tag, str(place)) for place in range(5)]
        assert one.most_at_once and set(one.most_at_once.values()) == {1}

    def test_more_calls_than_one_connection_takes_use_further_ones(self, service, provider):
        """None of them is answered before all of them are there."""
        who, tag, count = caller(service, "one-each"), new_tag(), 12
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda _: ask(who, f"/meet/{tag}/{count}"), range(count)))
        assert [answer.status_code for answer in answers] == [200] * count
        assert set(provider["one-each"].most_at_once.values()) == {1}

    def test_one_user_does_not_get_them_all(self, service, provider):
        who, other, one = caller(service, "one-each"), caller(service, "one-each"), provider["one-each"]
        tag, count = new_tag(), 4 * SHARE * LOOPS
        with ThreadPoolExecutor(count) as pool:
            held = [pool.submit(ask, who, f"/hold/{tag}") for _ in range(count)]
            wait_until(lambda: len(one.seen(tag)) == SHARE * LOOPS, 5, "as many as one user may")
            begun = time.monotonic()
            assert [ask(other, "/echo").status_code for _ in range(2 * LOOPS)] == [200] * 2 * LOOPS
            assert time.monotonic() - begun < 2
            wait_until(lambda: sum(future.done() for future in held) == 3 * SHARE * LOOPS, 10, "the others give up")
            late = [future.result() for future in held if future.done()]
            one.release(tag)
            statuses = [future.result().status_code for future in held]
        assert (statuses.count(200), statuses.count(503)) == (SHARE * LOOPS, 3 * SHARE * LOOPS)
        for answer in late:
            expect.problem(answer, 503, "too_busy")
            assert int(answer.headers["Retry-After"]) >= 1

    def test_one_that_is_in_line_gets_what_comes_free(self, service, provider):
        who, one, tag, later = caller(service, "one-each"), provider["one-each"], new_tag(), new_tag()
        with ThreadPoolExecutor(2 * SHARE * LOOPS) as pool:
            held = [pool.submit(ask, who, f"/hold/{tag}") for _ in range(SHARE * LOOPS)]
            wait_until(lambda: len(one.seen(tag)) == SHARE * LOOPS, 5, "as many as one user may")
            waiting = [pool.submit(ask, who, f"/hold/{later}") for _ in range(LOOPS)]
            for _ in range(LOOPS):
                assert ask(caller(service, "one-each"), "/echo").status_code == 200
            assert one.seen(later) == []
            one.release(tag)
            one.release(later)
            assert [future.result().status_code for future in held + waiting] == [200] * (SHARE + 1) * LOOPS

    def test_the_provider_may_change_how_many_it_takes(self, service, provider):
        who, changing = caller(service, "changing"), provider["changing"]
        warm(who, changing)
        changing.limit(2)
        count = 8
        for _ in range(4 * LOOPS):
            assert ask(who, "/echo").status_code == 200
        changing.most_at_once.clear()
        self.meet(who, count)
        assert max(changing.most_at_once.values()) <= 2
        changing.limit(100)
        for _ in range(4 * LOOPS):
            assert ask(who, "/echo").status_code == 200
        before = changing.accepted
        self.meet(who, 4 * count)
        assert changing.accepted == before and max(changing.most_at_once.values()) > 2

    def meet(self, who: Caller, count: int):
        tag = new_tag()
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda _: ask(who, f"/meet/{tag}/{count}"), range(count)))
        assert [answer.status_code for answer in answers] == [200] * count

    def test_one_that_waits_for_its_turn_may_leave(self, service, provider):
        """Behind a stream that does not end, on a connection that takes one at a time."""
        who, one, tag = caller(service, "one"), provider["one"], new_tag()

        async def wait_and_leave():
            blockers = [await Stream.open(who, f"/endless/{tag}", b"{}") for _ in range(4 * LOOPS)]
            await until(lambda: one.seen(tag), 5, "one of them")
            for stream in blockers:
                stream.leave()

        asyncio.run(wait_and_leave())
        wait_until(lambda: all(each.ending for each in one.seen(tag)), 5, "the end of all of them")
        assert [ask(who, "/echo").status_code for _ in range(4 * LOOPS)] == [200] * 4 * LOOPS

    def test_one_that_has_fallen_silent_is_not_called_for_ever(self, module_service, provider):
        """As when a machine in between has forgotten it: no answer and no end ever comes. Others can still be made."""
        service = module_service(LATCHKEY_PROVIDER_CA_FILE=provider.ca_file, LATCHKEY_GATEWAY_FIRST_BYTE_SECONDS="1")
        who = caller(service, "silent")
        warm(who, provider["silent"]).freeze()
        statuses = [ask(who, "/echo").status_code for _ in range(3 * LOOPS)]
        assert statuses[-1] == 200, statuses

"""Streams through the gateway: nothing kept, nothing lost, nothing left behind."""

import asyncio
import hashlib
import json
import os
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
import requests

import database
import expect
import needles
from client import fake_key
from gateway import Caller, caller, events_of, new_tag, set_budget
from harness import STOP_SECONDS, Latchkey, wait_until
from inference_wire import Exchange
from rawhttp import head_bytes, receive
from scripted_inference import ScriptedInference
from stream_client import MULTIPART, NUMBERED, Stream, until

STREAMS, EVENTS, EVENT_BYTES = 200, 110, 12_000
IDLE_MEGABYTES, STREAM_BYTES = 50, 64 * 1024
DISCONNECTS, AT_ONCE = 500, 40
IN_FLIGHT_BYTES = 16 * 1024 * 1024  # what kernels may hold between the two ends of a stream
HELD_BACK_SECONDS = 1.0


@pytest.fixture(scope="module")
def provider():
    with ScriptedInference() as running:
        yield running


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


def peak_bytes(service: Latchkey) -> int:
    return status_bytes(service, "VmHWM")


def status_bytes(service: Latchkey, name: str) -> int:
    """What the kernel says of the process's memory."""
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(name + ":")]
    return int(value) * 1_024


def descriptors(service: Latchkey) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def callers(service: Latchkey, count: int) -> list[Caller]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: caller(service), range(count)))


def only(exchanges: list[Exchange]) -> Exchange:
    [exchange] = exchanges
    return exchange


class TestManySlowReaders:
    def test_memory_stays_flat_and_everything_arrives(self, make_service, provider):
        own = make_service()  # whose memory nobody else has filled
        everybody = callers(own, STREAMS)
        for who in everybody:
            provider.script(who.key, events=EVENTS, padding=EVENT_BYTES)
        for who in everybody[:20]:
            assert who.chat(stream=True).status_code == 200
        idle = status_bytes(own, "VmRSS")
        Path(f"/proc/{own.process.pid}/clear_refs").write_text("5")  # the peak is counted from here on
        asyncio.run(self.read_slowly(provider, everybody))
        allowed = IDLE_MEGABYTES * 1_000_000 + STREAMS * STREAM_BYTES
        grown = peak_bytes(own) - idle
        print(f"idle {idle >> 20} MiB, {STREAMS} streams {grown >> 10} KiB more, {allowed >> 10} allowed")
        assert grown <= allowed, f"{grown} bytes more than when idle ({idle}); {allowed} are allowed"

    async def read_slowly(self, provider, everybody: list[Caller]):
        go_on, tags = asyncio.Event(), [new_tag() for _ in everybody]
        readers = [
            asyncio.create_task(self.read(who, tag, go_on)) for who, tag in zip(everybody, tags, strict=True)
        ]
        exchanges = {}

        def all_held_back() -> bool:
            """Or gone into the kernel's buffers, now and then one."""
            exchanges.update({exchange.tag: exchange for exchange in provider.recent(STREAMS)})
            found = [exchanges.get(tag) for tag in tags]
            return all(each and (each.ending == "whole" or each.blocked_for() > 0.2) for each in found)

        await until(all_held_back, 60, "every stream held back by its reader")
        go_on.set()
        await asyncio.gather(*readers)
        for who, tag in zip(everybody, tags, strict=True):
            assert (exchanges[tag].key, exchanges[tag].ending) == (who.key, "whole")

    async def read(self, who: Caller, tag: str, go_on: asyncio.Event):
        """The first event; then nothing until all have come so far; then all the others, in their order."""
        stream = await Stream.chat(who, tag)
        assert await stream.begin() == 200
        number = 0
        async for event in stream.events():
            if event == b"[DONE]":
                continue
            content = json.loads(event)["choices"][0]["delta"].get("content")
            if content:
                assert NUMBERED.match(content).groups() == (tag, str(number))
                assert len(content) == len(f"[{tag}#{number}]") + EVENT_BYTES
                number += 1
            await go_on.wait()
        assert number == EVENTS
        stream.leave()


class TestDisconnects:
    """Callers who go away: before an answer, in the midst of it, in the midst of an upload."""

    KINDS = ("head", "stream", "upload")

    @pytest.fixture
    def who(self, service, provider) -> dict[str, Caller]:
        made = {kind: caller(service) for kind in self.KINDS}
        provider.script(made["head"].key, "silent")
        provider.script(made["stream"].key, "endless", every=0.005)
        for each in made.values():
            set_budget(each, "tokens", "day", 10**12)
            set_budget(each, "requests", "day", 10**6)
        return made

    def test_nothing_is_left_of_five_hundred(self, service, provider, who):
        caller(service).chat()
        before = descriptors(service) - len(provider.open)
        left = asyncio.run(self.all(provider, who))
        late = {tag: exchange.ended_at - at for tag, (exchange, at) in left.items() if exchange.ended_at - at > 1}
        assert late == {}, f"{len(late)} calls were cancelled late"
        assert len(left) == DISCONNECTS
        wait_until(lambda: provider.busy == set(), 5, "no connection in use")
        wait_until(lambda: descriptors(service) - len(provider.open) <= before, 5, "no descriptor more than before")
        wait_until(lambda: unsettled(service) == 0, 10, "no unsettled reservation")
        for each in who.values():
            assert_nothing_reserved(each)
            assert caller(service).chat().status_code == 200

    async def all(self, provider, who: dict[str, Caller]) -> dict[str, tuple[Exchange, float]]:
        turn = asyncio.Semaphore(AT_ONCE)
        kinds = [self.KINDS[number % len(self.KINDS)] for number in range(DISCONNECTS)]

        async def one(number: int, kind: str):
            async with turn:
                return await self.one(provider, who[kind], kind, reset=number % 2 == 0)

        return dict(await asyncio.gather(*(one(number, kind) for number, kind in enumerate(kinds))))

    async def one(self, provider, who: Caller, kind: str, reset: bool) -> tuple[str, tuple[Exchange, float]]:
        tag = new_tag()
        stream = await (Stream.upload(who, tag) if kind == "upload" else Stream.chat(who, tag))
        exchange = await until(lambda: next(iter(recent(provider, tag)), None), 20, f"{kind} at the provider")
        if kind == "stream":
            assert await stream.begin() == 200
            await stream.chunk()
        left_at = stream.leave(reset)
        await until(lambda: exchange.ending, 20, f"the end of {kind} at the provider")
        assert exchange.ending == "cancelled"
        return tag, (exchange, left_at)

    def test_a_caller_who_leaves_before_the_key_is_opened(self, service, provider):
        """Whatever happens to such a call, nothing stays open."""

        async def rush():
            for number in range(100):
                stream = await Stream.chat(who, new_tag())
                stream.leave(reset=number % 2 == 0)

        who = caller(service)
        set_budget(who, "requests", "day", 10**6)
        before = descriptors(service) - len(provider.open)
        asyncio.run(rush())
        wait_until(lambda: provider.busy == set(), 5, "no connection in use")
        wait_until(lambda: descriptors(service) - len(provider.open) <= before, 5, "no descriptor more than before")
        wait_until(lambda: unsettled(service) == 0, 10, "no unsettled reservation")
        assert_nothing_reserved(who)


def recent(provider, tag: str) -> list[Exchange]:
    return [exchange for exchange in provider.recent(4 * AT_ONCE) if exchange.tag == tag]


def unsettled(service: Latchkey) -> int:
    with database.connect(service.database) as connection:
        return connection.execute("SELECT count(*) FROM usage_reservations").fetchone()[0]


def assert_nothing_reserved(who: Caller):
    budgets = expect.success(who.service.client().as_user(who.user, "GET", "/api/budgets"))["budgets"]
    assert budgets and {budget["reserved"] for budget in budgets} == {0}, budgets


class TestAProviderThatBreaksOff:
    @pytest.mark.parametrize("mode", ["cut", "reset"])
    def test_the_stream_ends_as_an_error(self, service, provider, mode):
        who = caller(service)
        provider.script(who.key, mode, events=5)
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            who.chat(stream=True)

    @pytest.mark.parametrize("mode", ["cut", "reset"])
    def test_the_official_client_sees_it(self, service, provider, mode):
        who = caller(service)
        provider.script(who.key, mode, events=5)
        client = openai.OpenAI(api_key=who.token, base_url=who.base, max_retries=0)
        said = []
        with pytest.raises(Exception, match="(?i)incomplete|peer closed|disconnect|reset|connection"):
            for chunk in client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True
            ):
                said.append(chunk)
        assert len(said) >= 1

    def test_before_it_has_answered(self, service, provider):
        who = caller(service, key=fake_key("closed"))
        expect.problem(who.chat(), 502, "upstream_failed")
        garbled = caller(service, key=fake_key("brokenhttp"))
        expect.problem(garbled.chat(), 502, "upstream_failed")


class TestBackPressure:
    def test_a_slow_reader_holds_the_provider_back(self, service, provider):
        who, tag = caller(service), new_tag()
        provider.script(who.key, "endless", padding=16_000)

        async def read_late():
            stream = await Stream.chat(who, tag)
            assert await stream.begin() == 200
            exchange = await until(lambda: next(iter(provider.tagged(tag)), None), 10, "the call")
            await until(lambda: exchange.blocked_for() > HELD_BACK_SECONDS, 30, "a stream that is held back")
            written, expected = exchange.written, 0
            async for event in stream.events():
                content = json.loads(event)["choices"][0]["delta"].get("content")
                assert not content or NUMBERED.match(content).groups() == (tag, str(expected))
                expected += 1 if content else 0
                if expected * 16_000 > written + 1_000_000:
                    break
            stream.leave()
            return written

        assert asyncio.run(read_late()) < IN_FLIGHT_BYTES

    def test_a_slow_provider_holds_the_upload_back(self, service, provider):
        who, content = caller(service), random.Random(3).randbytes(64 * 1024 * 1024)
        provider.script(who.key, "deaf")
        form = b'--part\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = form + content + b"\r\n--part--\r\n"
        before = status_bytes(service, "VmRSS")
        with socket.create_connection(("127.0.0.1", service.port), timeout=HELD_BACK_SECONDS) as connection:
            fields = [("Authorization", f"Bearer {who.token}"), ("Content-Type", MULTIPART)]
            fields += [("Content-Length", str(len(body)))]
            connection.sendall(head_bytes("POST", "/gateway/openai/files", fields))
            sent = self.send_what_is_taken(connection, body)
            assert sent < IN_FLIGHT_BYTES
            assert status_bytes(service, "VmRSS") - before < IN_FLIGHT_BYTES
            provider.listen(who.key)
            connection.settimeout(30)
            connection.sendall(memoryview(body)[sent:])
            answer = receive(connection)
        assert answer.status == 200 and answer.json()["id"] == f"file-{hashlib.sha256(content).hexdigest()}"

    def send_what_is_taken(self, connection: socket.socket, body: bytes) -> int:
        """Sends until for a second nothing more is taken."""
        sent = 0
        try:
            while sent < len(body):
                sent += connection.send(memoryview(body)[sent : sent + 65_536])
        except TimeoutError:
            pass
        return sent


@pytest.fixture(scope="module")
def impatient(module_service) -> Latchkey:
    seconds = str(TestDeadlines.SECONDS)
    return module_service(LATCHKEY_GATEWAY_FIRST_BYTE_SECONDS=seconds, LATCHKEY_GATEWAY_IDLE_SECONDS=seconds)


class TestDeadlines:
    SECONDS = 1

    def test_no_first_byte(self, impatient, provider):
        who, begun = caller(impatient), time.monotonic()
        provider.script(who.key, "silent")
        expect.problem(who.chat(), 504, "upstream_timeout")
        assert self.SECONDS <= time.monotonic() - begun < self.SECONDS + 3
        wait_until(lambda: only(provider.generating(who.key)).ending == "cancelled", 2, "the call is given up")

    def test_a_stream_that_stands_still(self, impatient, provider):
        who, begun = caller(impatient), time.monotonic()
        provider.script(who.key, "stall")
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            who.chat(stream=True)
        assert self.SECONDS <= time.monotonic() - begun < self.SECONDS + 3
        wait_until(lambda: only(provider.generating(who.key)).ending == "cancelled", 2, "the call is given up")

    def test_an_upload_that_stands_still(self, impatient, provider):
        who = caller(impatient)

        async def stand_still() -> int | None:
            stream = await Stream.upload(who, new_tag())
            try:
                return await asyncio.wait_for(stream.begin(), 10)
            except asyncio.IncompleteReadError:
                return None

        assert asyncio.run(stand_still()) in (408, None)
        wait_until(lambda: only(provider.generating(who.key)).ending == "cancelled", 2, "the call is given up")

    def test_a_slow_stream_that_moves_goes_on(self, impatient, provider):
        who = caller(impatient)
        provider.script(who.key, events=6, every=0.3)
        assert events_of(who.chat(stream=True).content)[-1] == "[DONE]"


class TestTheKeyIsNeverRepeated:
    def test_by_an_answer_cut_in_two_at_every_place(self, service, provider):
        who = caller(service, key=fake_key("echo"))
        whole = who.chat("tag-1")
        assert whole.status_code == 401 and b"*" in whole.content
        for position in range(1, len(whole.content)):
            provider.script(who.key, split=position)
            answer = who.chat("tag-1")
            assert (answer.status_code, answer.content) == (401, whole.content), position
            shown = answer.content + repr(dict(answer.headers)).encode()
            assert who.key.encode() not in shown
        needles.assert_absent({"key": who.key.encode()}, {"answer": whole.content + repr(whole.headers).encode()})

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
    @pytest.mark.parametrize("piece", [None, 1, 7, 29])
    def test_by_an_answer_that_holds_it(self, service, provider, stream, piece):
        who, tag = caller(service), new_tag()
        provider.script(who.key, "confide", piece=piece)
        answer = who.chat(tag, stream=stream)
        assert len(NUMBERED.findall(answer.text)) == 4
        needles.assert_absent({"key": who.key.encode()}, {"answer": answer.content})


class TestOddAnswers:
    def test_compression_is_not_asked_for(self, service, provider):
        who = caller(service)
        assert who.chat(headers={"Accept-Encoding": "gzip, br"}).status_code == 200
        assert only(provider.generating(who.key)).header("accept-encoding") in ("", "identity")

    def test_what_is_compressed_all_the_same(self, service, provider):
        """It cannot be looked into for the key, nor for what was used."""
        who = caller(service, key=fake_key("gzip"))
        expect.problem(who.chat(), 502, "upstream_failed")
        expect.problem(who.chat(stream=True), 502, "upstream_failed")

    @pytest.mark.parametrize("mode", ["close", "fickle", "interim"])
    def test_connections_that_do_not_last(self, service, provider, mode):
        who = caller(service, key=fake_key(mode))
        answers = [who.chat(stream=number % 2 == 0) for number in range(20)]
        assert [answer.status_code for answer in answers] == [200] * 20, [answer.text for answer in answers]
        assert len(provider.generating(who.key)) == 20

    def test_connections_that_last_are_used_again(self, service, provider):
        who = caller(service)
        for _ in range(20):
            who.chat()
        assert len({exchange.connection for exchange in provider.generating(who.key)}) < 10

    def test_a_large_answer_and_one_that_is_not_json(self, service, provider):
        for mode, size in (("huge", 3 * 1024 * 1024), ("garbage", 10), ("notjson", 5)):
            answer = caller(service, key=fake_key(mode)).chat()
            assert answer.status_code == 200 and len(answer.content) >= size

    def test_a_redirect_is_not_followed(self, service, provider):
        answer = caller(service, key=fake_key("redirect")).chat()
        assert answer.status_code == 302 and "location" not in answer.headers
        assert provider.elsewhere() == []

    def test_a_caller_who_asks_to_go_on(self, service, provider):
        """`Expect: 100-continue`, as curl sends it with a large upload."""
        who = caller(service)
        form = b'--part\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--part--\r\n'
        fields = [("Authorization", f"Bearer {who.token}"), ("Content-Type", MULTIPART), ("Expect", "100-continue")]
        fields += [("Content-Length", str(len(form)))]
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(head_bytes("POST", "/gateway/openai/files", fields))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 100 Continue\r\n")
            connection.sendall(form)
            assert receive(connection).status == 200


def test_sigterm_lets_a_stream_come_to_its_end(make_service, provider):
    service = make_service()
    who, tag = caller(service), new_tag()
    provider.script(who.key, events=60, every=0.02)

    async def read_on() -> list[bytes]:
        stream = await Stream.chat(who, tag)
        assert await stream.begin() == 200
        events = []
        async for event in stream.events():
            if not events:
                service.process.terminate()
            events.append(event)
        return events

    events = asyncio.run(read_on())
    assert service.process.wait(STOP_SECONDS) == 0
    assert events[-1] == b"[DONE]" and len(NUMBERED.findall(b"".join(events).decode())) == 60
    assert only(provider.generating(who.key)).ending == "whole"
    again = service.start().client()
    counted = expect.success(again.as_user(who.user, "GET", "/api/usage/events"))["events"]
    assert [event["output_tokens"] for event in counted] == [only(provider.generating(who.key)).used.output]

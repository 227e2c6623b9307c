"""The gateway on the wire: many requests on one connection, bodies of every length, ends of every kind."""

import hashlib
import itertools
import json
import os
import random
import socket
from pathlib import Path

import httpx
import pytest
import requests


import tokens
from client import fake_key
from conversation import Conversation, chunked, request
from gateway import Caller, caller, new_tag
from harness import STOP_SECONDS, Latchkey, wait_until
from rawhttp import RawAnswer, head_bytes
from stream_client import MULTIPART, NUMBERED
from tls_upstream import Upstream

ORIGIN = "https://app.example"
MEGABYTE = 1024 * 1024
JSON_LIMIT = 32 * MEGABYTE
LOOPS = os.cpu_count() or 1
KINDS = ("health", "get", "post", "status")
FORM = ("Content-Type", MULTIPART)


class Plain(Upstream):
    """The same, without TLS, as the catalogue's entry `plain`."""

    def operator_file(self) -> dict:
        return {"providers": [{"id": "plain", "base_url": f"http://127.0.0.1:{self.port}/v1"}]}


@pytest.fixture(scope="module")
def provider():
    with Plain() as running:
        yield running


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service(LATCHKEY_CORS_ORIGINS=ORIGIN)


@pytest.fixture(scope="module")
def who(service) -> Caller:
    return caller(service, "plain")


@pytest.fixture
def line(service):
    with Conversation(service.port) as conversation:
        yield conversation


def call(who: Caller, method: str, path: str, *fields: tuple[str, str], **body) -> bytes:
    """A request to the gateway."""
    shown = [("Authorization", f"Bearer {who.token}"), *who.headers.items(), *fields]
    return request(method, f"/gateway/{who.vendor}{path}", *shown, **body)


def health(*fields: tuple[str, str]) -> bytes:
    return request("GET", "/healthz", *fields)


def problem(answer: RawAnswer, status: int, code: str):
    assert (answer.status, answer.headers.get("content-type")) == (status, "application/problem+json"), answer
    assert answer.json()["code"] == code


def goes_on(line: Conversation) -> bool:
    """Whether the connection takes another request, of another kind."""
    line.send(health())
    return line.answer().status == 200


def digest(answer: RawAnswer) -> str:
    assert answer.status == 200, answer
    return answer.json()["sha256"]


def resident(service: Latchkey, name: str = "VmRSS") -> int:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    [value] = [each.split()[1] for each in lines if each.startswith(name + ":")]
    return int(value) * 1024


def forget_the_peak(service: Latchkey):
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")


class TestOneAfterTheOther:
    """Whatever is asked on one connection, the answers come in the order of the requests, each of them whole."""

    def one(self, who: Caller, kind: str, number: int) -> tuple[bytes, str, bytes]:
        """A request, its id, and what its answer holds."""
        name = f"request-{number}"
        field = ("X-Request-Id", name)
        if kind == "health":
            return health(field), name, b"status"
        if kind == "get":
            return call(who, "GET", f"/sized/{number + 1}", field), name, b"x" * (number + 1)
        if kind == "status":
            return request("GET", "/api/api-keys/status", ("Authorization", f"Bearer {who.token}"), field), name, b"["
        body = json.dumps({"number": number, "filler": "y" * 50}).encode()
        chunk = 20 if number % 2 else 0
        asked = call(who, "POST", "/echo", field, ("Content-Type", "application/json"), body=body, chunk=chunk)
        return asked, name, hashlib.sha256(body).hexdigest().encode()

    def check(self, line: Conversation, who: Caller, kinds: list[str], piece: int | None):
        asked = [self.one(who, kind, number) for number, kind in enumerate(kinds)]
        line.send(b"".join(request for request, _, _ in asked), piece)
        for kind, (_, name, content) in zip(kinds, asked, strict=True):
            answer = line.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (200, name), (kind, answer)
            assert answer.body == content if kind == "get" else content in answer.body, (kind, answer)
        assert line.rest == b""

    @pytest.mark.parametrize("kinds", list(itertools.permutations(KINDS)), ids="-".join)
    def test_every_order_in_one_write(self, line, who, kinds):
        self.check(line, who, list(kinds) * 2, None)

    @pytest.mark.parametrize("kinds", list(itertools.permutations(KINDS)), ids="-".join)
    def test_every_order_byte_by_byte(self, line, who, kinds):
        self.check(line, who, list(kinds), 1)

    @pytest.mark.parametrize("seed", range(8))
    def test_a_long_sequence_in_pieces_of_any_size(self, line, who, seed):
        chance = random.Random(seed)
        kinds = [chance.choice(KINDS) for _ in range(40)]
        self.check(line, who, kinds, chance.choice([7, 100, 1_000, 10_000]))

    @pytest.mark.parametrize("behind", KINDS)
    @pytest.mark.parametrize("is_sent_later", [False, True], ids=["at once", "later"])
    def test_what_comes_behind_a_stream_waits_for_it(self, line, who, behind, is_sent_later):
        tag = new_tag()
        stream, (asked, name, content) = call(who, "POST", f"/stream/{tag}/20/10"), self.one(who, behind, 7)
        line.send(stream if is_sent_later else stream + asked)
        if is_sent_later:
            line.until(b"#3]")
            line.rest = b""
            line.send(asked)
            line.until(b"#19]")
            line.until(b"\r\n0\r\n\r\n")
        else:
            assert len(NUMBERED.findall(line.answer().body.decode())) == 20
        answer = line.answer()
        assert (answer.status, answer.headers["x-request-id"]) == (200, name) and content in answer.body

    def test_many_behind_a_stream(self, line, who):
        """More than is kept of them: the rest waits outside."""
        count = 600
        asked = [self.one(who, KINDS[number % 4], number) for number in range(count)]
        line.send(call(who, "POST", f"/stream/{new_tag()}/20/10"))
        line.send(b"".join(request for request, _, _ in asked))
        assert len(NUMBERED.findall(line.answer().body.decode())) == 20
        for _, name, content in asked:
            answer = line.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (200, name) and content in answer.body

    def test_an_upload_behind_a_stream(self, line, who):
        content = os.urandom(2 * MEGABYTE)
        line.send(call(who, "POST", f"/stream/{new_tag()}/20/10"))
        line.send(call(who, "POST", "/echo", FORM, body=content, chunk=30_000) + health())
        assert len(NUMBERED.findall(line.answer().body.decode())) == 20
        assert digest(line.answer()) == hashlib.sha256(content).hexdigest()
        assert line.answer().status == 200

    def test_a_refusal_in_the_midst_stays_in_its_place(self, line, who):
        """With its body read to the end, the connection goes on."""
        no_key = call(who, "POST", "/echo", ("Latchkey-Key", "there-is-none"), body=b'{"a":1}')
        no_token = request("POST", "/gateway/plain/echo", body=b'{"a":1}')
        line.send(health() + no_key + call(who, "GET", "/sized/3") + no_token + health())
        answers = [line.answer() for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 404, 200, 401, 200]


class TestTheConnection:
    def test_stays_for_the_next_call(self, line, who):
        for number in range(50):
            line.send(call(who, "GET", f"/sized/{number}"))
            answer = line.answer()
            assert (answer.status, len(answer.body)) == (200, number)
            assert answer.headers.get("connection", "keep-alive") != "close"

    @pytest.mark.parametrize("path", ["/sized/5", "/stream/tag-x/3", "/status/204", "/broken/tag-x/0"])
    def test_is_closed_where_the_caller_says_so(self, line, who, path):
        line.send(call(who, "GET", path, ("Connection", "close")))
        answer = line.answer()
        assert answer.headers["connection"] == "close" and answer.status in (200, 204, 502)
        assert line.is_closed()

    def test_the_providers_wish_to_close_is_its_own(self, line, who, provider):
        """`Connection: close` of the answer is of the other connection."""
        for _ in range(3):
            line.send(call(who, "POST", "/early/413", FORM, body=b"abc"))
            assert line.answer().status == 413
        line.send(health())
        assert line.answer().status == 200

    def test_a_caller_who_closes_its_side_is_gone(self, line, who, provider):
        """A half-closed connection cannot be told from one that is closed, and a call for nobody costs money."""
        tag = new_tag()
        line.send(call(who, "POST", f"/hold/{tag}", body=b"{}"))
        wait_until(lambda: provider.seen(tag), 5, "the call")
        line.socket.shutdown(socket.SHUT_WR)
        [exchange] = provider.seen(tag)
        wait_until(lambda: exchange.ending == "cancelled", 1, "the call is given up")
        assert line.is_closed()

    def test_one_who_says_no_more_in_the_midst_of_a_body_is_let_go(self, line, who, provider):
        tag = new_tag()
        head = call(who, "POST", f"/hold/{tag}", FORM)
        line.send(head.replace(b"Content-Length: 0", b"Content-Length: 1000") + b"abc")
        wait_until(lambda: provider.seen(tag), 5, "the call")
        line.socket.shutdown(socket.SHUT_WR)
        [exchange] = provider.seen(tag)
        wait_until(lambda: exchange.ending == "cancelled", 5, "the call is given up")

    @pytest.mark.parametrize("kind", ["stream", "hold"])
    def test_a_caller_who_goes_away_with_requests_waiting(self, service, who, provider, kind):
        """What was not begun is not begun."""
        tag, later = new_tag(), new_tag()
        with Conversation(service.port) as line:
            line.send(call(who, "POST", f"/{'endless' if kind == 'stream' else 'hold'}/{tag}"))
            line.send(call(who, "POST", f"/stream/{later}/3") * 5)
            wait_until(lambda: provider.seen(tag), 5, "the call")
        [exchange] = provider.seen(tag)
        wait_until(lambda: exchange.ending == "cancelled", 5, "the call is given up")
        assert exchange.ended_at and provider.seen(later) == []


class TestOneOfHTTP10:
    """It knows no chunks: what has no length ends with the connection."""

    def ask(self, line: Conversation, asked: bytes) -> tuple[str, dict, bytes]:
        """The first line, the fields, and everything up to the end of the connection."""
        line.send(asked.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        head, _, body = to_the_end(line).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        assert first.startswith("HTTP/1.0 "), first
        assert headers["connection"] == "close" and "transfer-encoding" not in headers
        return first, headers, body

    @pytest.mark.parametrize("fields", [(), (("Connection", "keep-alive"),)], ids=["bare", "keep-alive"])
    def test_an_answer_with_a_length(self, line, who, fields):
        first, headers, body = self.ask(line, call(who, "GET", "/sized/100", *fields))
        assert (first, headers["content-length"], body) == ("HTTP/1.0 200 OK", "100", b"x" * 100)

    def test_a_stream(self, line, who):
        tag = new_tag()
        _, headers, body = self.ask(line, call(who, "POST", f"/stream/{tag}/20/5", body=b"{}"))
        assert "content-length" not in headers
        assert body == b"".join(b"data: [%b#%d]\n\n" % (tag.encode(), place) for place in range(20))

    @pytest.mark.parametrize("path", ["/sized/100", "/stream/tag-x/3"])
    def test_head(self, line, who, path):
        assert self.ask(line, call(who, "HEAD", path))[2] == b""

    def test_a_refusal(self, line, who):
        first, headers, body = self.ask(line, call(who, "GET", "/sized/1", ("Latchkey-Key", "there-is-none")))
        assert first == "HTTP/1.0 404 Not Found" and int(headers["content-length"]) == len(body) > 0

    def test_what_is_not_the_gateways(self, line):
        assert b"status" in self.ask(line, health())[2]

    def test_gets_no_leave_to_send(self, line, who):
        """There was no 100 in that version."""
        body = b'"abc"'
        asked = call(who, "POST", "/echo", ("Expect", "100-continue"), ("Content-Type", "application/json"), body=body)
        first, _, answer = self.ask(line, asked)
        assert first == "HTTP/1.0 200 OK" and json.loads(answer)["sha256"] == hashlib.sha256(body).hexdigest()

    def test_what_stands_behind_it_is_not_begun(self, line, who, provider):
        later = new_tag()
        first, _, body = self.ask(line, call(who, "GET", "/sized/5") + call(who, "GET", f"/stream/{later}/1"))
        assert body == b"xxxxx" and provider.seen(later) == []

    def test_an_answer_before_the_upload_is_through(self, line, who):
        asked = call(who, "POST", "/early/413", FORM, body=bytes(200_000)).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        line.send_what_is_taken(asked)
        head, _, body = to_the_end(line).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 413 ") and json.loads(body)["error"]["code"] == "413"


def to_the_end(line: Conversation) -> bytes:
    """Everything until the other side closes."""
    while data := line.socket.recv(65_536):
        line.rest += data
    return line.rest


class TestBodies:
    @pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, MEGABYTE])
    @pytest.mark.parametrize("chunk", [0, 1_000, 100_000], ids=["length", "small chunks", "large chunks"])
    @pytest.mark.parametrize("type", ["application/json", MULTIPART], ids=["held", "passed on"])
    def test_arrive_as_they_are(self, line, who, size, chunk, type):
        body = os.urandom(size) if type == MULTIPART else b'"' + b"x" * max(size - 2, 0) + b'"'
        line.send(call(who, "POST", "/echo", ("Content-Type", type), body=body, chunk=chunk))
        assert digest(line.answer()) == hashlib.sha256(body).hexdigest()

    @pytest.mark.parametrize("chunk", [0, 50_000], ids=["length", "chunks"])
    def test_a_large_upload_passes_through_little_memory(self, service, who, line, chunk):
        content = os.urandom(50 * MEGABYTE)
        self.warm(who)
        idle = resident(service)
        forget_the_peak(service)
        line.send(call(who, "POST", "/echo", FORM, body=content, chunk=chunk))
        assert digest(line.answer()) == hashlib.sha256(content).hexdigest()
        grown = resident(service, "VmHWM") - idle
        assert grown < 8 * MEGABYTE, f"{grown} bytes for an upload of {len(content)}"

    def warm(self, who: Caller):
        for _ in range(2 * LOOPS):
            with Conversation(who.service.port) as other:
                other.send(call(who, "POST", "/echo", FORM, body=os.urandom(2 * MEGABYTE)))
                other.answer()

    def test_json_that_is_too_large(self, line, who, provider):
        before = len(provider.exchanges)
        line.send(call(who, "POST", "/echo").replace(b"Content-Length: 0", b"Content-Length: %d" % (JSON_LIMIT + 1)))
        line.send_what_is_taken(b" " * (JSON_LIMIT + 1))
        problem(line.answer(), 413, "body_too_large")
        assert len(provider.exchanges) == before

    def test_json_that_is_too_large_and_comes_in_chunks(self, line, who, provider):
        before = len(provider.exchanges)
        line.send(call(who, "POST", "/echo", ("Transfer-Encoding", "chunked")).replace(b"\r\nContent-Length: 0", b""))
        line.send_what_is_taken(chunked(b" " * MEGABYTE) * 40)
        problem(line.answer(), 413, "body_too_large")
        assert len(provider.exchanges) == before

    def test_json_that_is_as_large_as_may_be(self, line, who):
        body = b'"' + b"x" * (JSON_LIMIT - 2) + b'"'
        line.send(call(who, "POST", "/echo", ("Content-Type", "application/json"), body=body))
        assert digest(line.answer()) == hashlib.sha256(body).hexdigest()

    @pytest.mark.parametrize("type", ["application/json", MULTIPART], ids=["held", "passed on"])
    @pytest.mark.parametrize("is_patient", [True, False], ids=["patient", "sends all the same"])
    def test_that_of_a_stranger_is_not_read(self, service, line, provider, type, is_patient):
        before, idle = len(provider.exchanges), resident(service)
        forget_the_peak(service)
        stranger = Caller(service, "plain", "nobody", "", tokens.mint("x" * 64, "nobody"))
        head = call(stranger, "POST", "/echo", ("Content-Type", type))
        line.send(head.replace(b"Content-Length: 0", b"Content-Length: 200000000"))
        if is_patient:
            line.send(bytes(1_000))
        else:
            line.send_what_is_taken(memoryview(bytes(200_000_000)))
        problem(line.answer(), 401, "unauthorized")
        assert resident(service, "VmHWM") - idle < 8 * MEGABYTE
        assert len(provider.exchanges) == before and line.is_closed()

    def test_a_caller_who_waits_for_leave_to_send(self, line, who):
        """`Expect: 100-continue`"""
        for fields in ((FORM,), (("Content-Type", "application/json"),)):
            head = call(who, "POST", "/echo", ("Expect", "100-continue"), *fields)
            line.send(head.replace(b"Content-Length: 0", b"Content-Length: 5"))
            assert line.answer().status == 100
            line.send(b'"abc"')
            assert digest(line.answer()) == hashlib.sha256(b'"abc"').hexdigest()

    def test_a_stranger_gets_no_leave_to_send(self, line, service):
        stranger = Caller(service, "plain", "nobody", "", tokens.mint("x" * 64, "nobody"))
        head = call(stranger, "POST", "/echo", ("Expect", "100-continue"), FORM)
        line.send(head.replace(b"Content-Length: 0", b"Content-Length: 500000"))
        problem(line.answer(), 401, "unauthorized")

    @pytest.mark.parametrize("flaw", ["length twice", "length and chunks", "chunk size", "negative length"])
    def test_one_that_can_be_read_in_two_ways_is_refused(self, line, who, provider, flaw):
        before = len(provider.exchanges)
        whole = call(who, "POST", "/echo", FORM, body=b"abc")
        line.send(
            {
                "length twice": whole.replace(b"Content-Length: 3", b"Content-Length: 3\r\nContent-Length: 30"),
                "length and chunks": whole.replace(
                    b"Content-Length: 3", b"Content-Length: 3\r\nTransfer-Encoding: chunked"
                ),
                "chunk size": call(who, "POST", "/echo", FORM, body=b"abc", chunk=3).replace(b"3\r\nabc", b"zz\r\nabc"),
                "negative length": whole.replace(b"Content-Length: 3", b"Content-Length: -3"),
            }[flaw]
        )
        answer = line.answer()
        assert answer.status in (400, 413) and line.is_closed()
        ended = [exchange.ending for exchange in provider.exchanges[before:]]
        assert "whole" not in ended


class TestAnAnswerBeforeTheUploadIsThrough:
    """The caller has sent for a while, and has not read: the answer must still be there when they do."""

    @pytest.mark.parametrize("size", [200_000, 20 * MEGABYTE])
    @pytest.mark.parametrize("chunk", [0, 50_000], ids=["length", "chunks"])
    def test_reaches_one_who_sends_first_and_reads_then(self, line, who, size, chunk):
        line.send_what_is_taken(call(who, "POST", "/early/413", FORM, body=bytes(size), chunk=chunk))
        answer = line.answer()
        assert (answer.status, answer.json()["error"]["code"]) == (413, "413")

    def test_reaches_one_who_reads_before_the_rest_is_sent(self, line, who):
        line.send(call(who, "POST", "/early/413", FORM).replace(b"Content-Length: 0", b"Content-Length: 1000000"))
        line.send(bytes(1_000))
        answer = line.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert line.is_closed()

    def test_reaches_common_clients(self, who):
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": MULTIPART}
        body = bytes(20 * MEGABYTE)
        with httpx.Client(trust_env=False) as client:
            assert client.post(who.base + "/early/413", content=body, headers=headers).status_code == 413
        with requests.Session() as session:
            session.trust_env = False
            assert session.post(who.base + "/early/413", data=body, headers=headers, timeout=20).status_code == 413


class TestMethodsAndStatuses:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_methods_are_passed_on(self, line, who, method):
        line.send(call(who, method, "/echo", body=b'{"a":1}'))
        answer = line.answer()
        assert (answer.json()["method"], answer.json()["bytes"]) == (method, 7)

    @pytest.mark.parametrize("path", ["/sized/1000", "/stream/tag-x/5", "/nothing-here"])
    def test_head(self, line, who, path):
        """The head alone, with a length or without; what comes behind it is the next answer."""
        line.send(call(who, "HEAD", path))
        answer = line.answer("HEAD")
        assert answer.status == (404 if "nothing" in path else 200)
        assert "sized" not in path or answer.headers["content-length"] == "1000"
        assert answer.headers.get("connection") != "close" and goes_on(line)

    def test_several_heads_and_others_in_one_write(self, line, who):
        methods = ["HEAD", "GET", "HEAD", "HEAD", "GET"]
        line.send(b"".join(call(who, method, "/stream/tag-x/3") for method in methods))
        for method in methods:
            answer = line.answer(method)
            assert (answer.status, len(NUMBERED.findall(answer.body.decode()))) == (200, 3 * (method == "GET"))
        assert goes_on(line)

    def test_head_that_is_refused(self, line, who):
        line.send(call(who, "HEAD", "/sized/5", ("Latchkey-Key", "there-is-none")))
        assert line.answer("HEAD").status == 404 and goes_on(line)

    @pytest.mark.parametrize("status", [204, 304])
    def test_statuses_that_have_no_body(self, line, who, status):
        line.send(call(who, "GET", f"/status/{status}"))
        answer = line.answer()
        assert (answer.status, answer.headers["x-said"]) == (status, str(status))
        assert not {"transfer-encoding", "content-length"} & answer.headers.keys()
        assert goes_on(line)

    @pytest.mark.parametrize("status", [201, 302, 400, 401, 404, 418, 429, 500, 503, 529, 599])
    def test_statuses_are_passed_on(self, line, who, status):
        line.send(call(who, "GET", f"/status/{status}"))
        assert line.answer().status == status and goes_on(line)

    def test_what_comes_before_and_behind_an_answer(self, line, who):
        line.send(call(who, "GET", "/interim") + call(who, "GET", "/trailers"))
        assert [line.answer().body for _ in range(2)] == [b'{"after":"interim"}', b'{"before":"trailers"}']
        assert goes_on(line)

    @pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "MKCOL", "LOCK", "SEARCH"])
    def test_other_methods_are_not(self, line, who, provider, method):
        before = len(provider.exchanges)
        line.send(call(who, method, "/echo"))
        problem(line.answer(), 405, "method_not_allowed")
        assert len(provider.exchanges) == before and goes_on(line)

    @pytest.mark.parametrize("target", ["/gateway/plain/echo", "127.0.0.1:443", "plain:443"])
    def test_nor_is_connect(self, line, who, provider, target):
        before = len(provider.exchanges)
        line.send(head_bytes("CONNECT", target, [("Authorization", f"Bearer {who.token}")]))
        assert line.until(b"\r\n").split()[1] in (b"400", b"404", b"405")
        assert len(provider.exchanges) == before


class TestBrowsers:
    def preflight(self, service: Latchkey, origin: str) -> requests.Response:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization, content-type"
        return service.client().call("OPTIONS", "/gateway/plain/chat/completions", headers=asked)

    def test_a_listed_origin_may_ask(self, service):
        answer = self.preflight(service, ORIGIN)
        assert answer.status_code in (200, 204) and answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed and "content-type" in allowed

    def test_another_may_not(self, service, provider):
        before = len(provider.exchanges)
        assert "Access-Control-Allow-Origin" not in self.preflight(service, "https://evil.example").headers
        assert len(provider.exchanges) == before

    @pytest.mark.parametrize("path", ["/foreign", "/broken/tag-x/0"])
    def test_the_rules_are_the_services_and_not_the_providers(self, who, path):
        for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None), (None, None)):
            answer = who.post(path, {}, {"Origin": origin} if origin else {})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "origin" in answer.headers["Vary"].lower()


class TestTheProvidersConnections:
    def test_a_thousand_calls_use_one(self, line, who, provider):
        line.send(call(who, "GET", "/sized/1"))
        line.answer()
        before = provider.accepted
        for number in range(1_000):
            line.send(call(who, "POST", "/echo", body=b"{}") if number % 2 else call(who, "GET", "/sized/10"))
            assert line.answer().status == 200
        assert provider.accepted == before

    def test_one_that_is_closed_between_two_calls(self, line, who, provider):
        for _ in range(100):
            line.send(call(who, "GET", "/fickle"))
            assert line.answer().status == 200
        wait_until(lambda: all(each.ending for each in provider.seen("fickle")), 5, "the ends")
        line.send(call(who, "GET", "/sized/1"))
        assert line.answer().status == 200

    def test_one_that_is_closed_just_as_the_next_call_is_sent(self, line, who, provider):
        """Nobody can know; a GET may be sent again (RFC 9110, section 9.2.2)."""
        statuses = []
        for _ in range(20):
            line.send(call(who, "GET", "/once"))
            statuses.append(line.answer().status)
        assert statuses == [200] * 20, statuses

    def test_a_post_is_not_sent_twice(self, line, who, provider):
        """It may have been done."""
        before = len(provider.seen("once"))
        statuses = []
        for _ in range(10):
            line.send(call(who, "POST", "/once", body=b"{}"))
            statuses.append(line.answer().status)
        assert set(statuses) <= {200, 502} and len(provider.seen("once")) - before == 10

    def test_one_with_something_unasked_for_on_it_is_not_used_again(self, line, who, provider):
        """A second answer that nobody asked for would be taken for the next call's."""
        for _ in range(10):
            line.send(call(who, "GET", "/twice"))
            assert line.answer().body == b"first"
            line.send(call(who, "GET", "/sized/3"))
            answer = line.answer()
            assert answer.status in (200, 502) and answer.body != b"second", answer

    def test_those_that_were_opened_for_many_serve_again(self, who, provider):
        service, count = who.service, 30
        for _ in range(3):
            lines = [Conversation(service.port) for _ in range(count)]
            tag = new_tag()
            for each in lines:
                each.send(call(who, "GET", f"/meet/{tag}/{count}"))
            assert [each.answer().status for each in lines] == [200] * count
            for each in lines:
                each.socket.close()
        assert len(provider.open) <= 2 * count * LOOPS


def test_sigterm_in_the_midst_of_a_stream(make_service, provider):
    service = make_service()
    who, tag = caller(service, "plain", key=fake_key("valid", "term")), new_tag()
    with Conversation(service.port) as line, Conversation(service.port) as idle:
        idle.send(health())
        assert idle.answer().status == 200
        line.send(call(who, "POST", f"/stream/{tag}/60/20") + health())
        line.until(b"#3]")
        service.process.terminate()
        wait_until(lambda: refuses(service.port), 5, "new connections are refused")
        assert idle.is_closed(), "an idle connection does not keep the service"
        line.until(b"#59]")
        line.until(b"\r\n0\r\n\r\n")
        assert service.process.wait(STOP_SECONDS) == 0
    [exchange] = provider.seen(tag)
    assert exchange.ending == "whole"


def refuses(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return False
    except ConnectionRefusedError:
        return True

"""Too big, too many, too slow: refused or cut off, and the service stays up."""

import json
import select
import socket
import time

import pytest

import expect
import tokens
from client import fake_key
from rawhttp import exchange, head_bytes

BODY_LIMIT = 64 * 1024
SLOW_CLIENT_SECONDS = 40
SET = "/api/api-keys/set"


@pytest.fixture(scope="module")
def service(module_service):
    return module_service()


@pytest.fixture(autouse=True)
def still_alive(service):
    """After each of these the service must answer somebody else."""
    yield
    key = fake_key()
    service.client().store("survivor", "openai", key)
    assert expect.success(service.client().resolve("survivor", "openai"))["api_key"] == key


def headers_for(service, *more) -> list[tuple[str, str]]:
    token = tokens.mint(service.jwt_secret, "alice")
    return [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"), *more]


def assert_problem(answer, status: int, code: str):
    assert answer is not None, "hung up without an answer"
    assert (answer.status, answer.headers.get("content-type", "").split(";")[0]) == (status, "application/problem+json")
    assert answer.json()["code"] == code and answer.headers["x-request-id"] == answer.json()["request_id"]


def oversized_body(size: int) -> bytes:
    start = b'{"provider":"openai","validate":false,"api_key":"sk-fake-valid-big","label":"'
    return start + b"x" * (size - len(start) - 2) + b'"}'


class TestBodies:
    def test_a_body_over_the_limit(self, service):
        body = oversized_body(BODY_LIMIT + 1)
        head = head_bytes("POST", SET, headers_for(service, ("Content-Length", str(len(body)))))
        assert_problem(exchange(service.port, head + body), 413, "body_too_large")

    def test_a_body_at_the_limit_is_read(self, service):
        body = oversized_body(BODY_LIMIT)
        head = head_bytes("POST", SET, headers_for(service, ("Content-Length", str(len(body)))))
        assert_problem(exchange(service.port, head + body), 400, "invalid_label")

    def test_a_chunked_body_over_the_limit(self, service):
        chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
        head = head_bytes("POST", SET, headers_for(service, ("Transfer-Encoding", "chunked")))
        assert_problem(exchange(service.port, head + chunk * 20 + b"0\r\n\r\n"), 413, "body_too_large")

    def test_an_announced_giant_is_not_waited_for(self, service):
        head = head_bytes("POST", SET, headers_for(service, ("Content-Length", "99999999999")))
        begun = time.monotonic()
        assert_problem(exchange(service.port, head), 413, "body_too_large")
        assert time.monotonic() - begun < 5

    @pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999", "0x10", "5, 6"])
    def test_a_length_that_is_none(self, service, length):
        head = head_bytes("POST", SET, headers_for(service, ("Content-Length", length)))
        answer = exchange(service.port, head + b"{}")
        assert answer is None or answer.status in (400, 413)

    def test_two_ways_to_say_the_length(self, service):
        both = headers_for(service, ("Content-Length", "2"), ("Transfer-Encoding", "chunked"))
        for body in (b"0\r\n\r\n", b"{}"):
            answer = exchange(service.port, head_bytes("POST", SET, both) + body)
            assert answer is None or 400 <= answer.status < 500


class TestHeaders:
    def test_one_header_over_the_limit(self, service):
        head = head_bytes("GET", "/api/api-keys/status", headers_for(service, ("X-Padding", "x" * 70_000)))
        assert_problem(exchange(service.port, head), 431, "headers_too_large")

    def test_many_headers_over_the_limit_together(self, service):
        padding = [(f"X-Padding-{number}", "x" * 1_000) for number in range(72)]
        head = head_bytes("GET", "/api/api-keys/status", headers_for(service, *padding))
        assert_problem(exchange(service.port, head), 431, "headers_too_large")

    def test_too_many_fields(self, service):
        padding = [(f"X-{number}", "1") for number in range(250)]
        head = head_bytes("GET", "/api/api-keys/status", headers_for(service, *padding))
        assert_problem(exchange(service.port, head), 431, "headers_too_large")

    def test_a_large_but_allowed_head(self, service):
        padding = [(f"X-{number}", "x" * 200) for number in range(150)]
        head = head_bytes("GET", "/api/api-keys/status", headers_for(service, *padding))
        answer = exchange(service.port, head)
        assert answer is not None and answer.status == 200

    @pytest.mark.parametrize("size", [200_000, 5_000_000])
    def test_a_head_without_end(self, service, size):
        head = head_bytes("GET", "/healthz", [("X-Padding", "x" * size)])
        answer = exchange(service.port, head)
        assert answer is None or answer.status in (400, 431)

    def test_a_giant_request_line(self, service):
        answer = exchange(service.port, head_bytes("GET", "/" + "a" * 100_000, []))
        assert answer is None or answer.status in (400, 404, 414, 431)

    @pytest.mark.parametrize(
        "data",
        [
            b"\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10,
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x00" * 1_000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        ],
        ids=lambda data: ascii(data)[:30],
    )
    def test_what_is_not_http(self, service, data):
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: receive_some(connection), b""))
        assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 2"))


def receive_some(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""


def open_slowly(service, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    connection.sendall(data)
    return connection


def trickle(connection: socket.socket) -> bool:
    """One more byte; False when the other side has gone."""
    try:
        connection.sendall(b"x")
        return True
    except OSError:
        return False


def cut_off_times(connections: dict[str, socket.socket], trickling: set[str], seconds: float) -> dict[str, float]:
    """When the service closed each connection. Feeds the trickling ones a byte every half second."""
    begun, closed = time.monotonic(), {}
    while len(closed) < len(connections) and time.monotonic() - begun < seconds:
        waiting = {connection: name for name, connection in connections.items() if name not in closed}
        for connection in select.select(list(waiting), [], [], 0.5)[0]:
            if not receive_some(connection):
                closed[waiting[connection]] = time.monotonic() - begun
        for name in trickling - closed.keys():
            if not trickle(connections[name]):
                closed[name] = time.monotonic() - begun
    return closed


def test_slow_clients_are_cut_off(service):
    whole = head_bytes("POST", SET, headers_for(service, ("Content-Length", "500")))
    connections = {
        "head never ends": open_slowly(service, whole[:40]),
        "head trickles": open_slowly(service, whole[:40]),
        "body never comes": open_slowly(service, whole),
        "body trickles": open_slowly(service, whole + b'{"provider":"openai","label":"'),
        "half a body": open_slowly(service, whole + b'{"provider":'),
    }
    closed = cut_off_times(connections, {"head trickles", "body trickles"}, SLOW_CLIENT_SECONDS)
    for connection in connections.values():
        connection.close()
    assert closed.keys() == connections.keys(), (
        f"still open after {SLOW_CLIENT_SECONDS} s: {connections.keys() - closed.keys()}"
    )


def test_many_idle_connections_keep_nobody_out(service):
    idle = [open_slowly(service, b"GET /healthz HTTP/1.1\r\n") for _ in range(200)]
    key = fake_key()
    service.client().store("patient", "openai", key)
    assert expect.success(service.client().resolve("patient", "openai"))["api_key"] == key
    for connection in idle:
        connection.close()


def test_many_small_requests_on_one_connection(service):
    request = head_bytes("GET", "/healthz", [])
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(request * 50)
        data = b""
        while data.count(b"HTTP/1.1 200") < 50:
            piece = connection.recv(65_536)
            assert piece, "hung up on a pipelining client"
            data += piece
    assert json.loads(data[data.rindex(b"\r\n\r\n") + 4 :]) == {"status": "ok"}

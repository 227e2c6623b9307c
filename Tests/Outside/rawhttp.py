"""HTTP as bytes on a socket, for what a well-behaved client cannot send."""

import json
import socket
from dataclasses import dataclass


@dataclass
class RawAnswer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def head_bytes(method: str, path: str, headers: list[tuple[str, str]], host: str = "127.0.0.1") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"] + [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def parse_answer(data: bytes) -> RawAnswer | None:
    """The first whole answer in `data`, or None while it is not complete."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = chunked_body(rest) if "chunked" in headers.get("transfer-encoding", "") else sized_body(headers, rest)
    return None if body is None else RawAnswer(int(first.split(" ")[1]), headers, body)


def sized_body(headers: dict, rest: bytes) -> bytes | None:
    length = int(headers.get("content-length", "0"))
    return rest[:length] if len(rest) >= length else None


def chunked_body(rest: bytes) -> bytes | None:
    """The body out of its chunks; None while the last chunk has not come."""
    body = b""
    while b"\r\n" in rest:
        size_line, _, rest = rest.partition(b"\r\n")
        size = int(size_line.split(b";")[0], 16)
        if len(rest) < size + 2:
            return None
        if size == 0:
            return body
        body, rest = body + rest[:size], rest[size + 2 :]
    return None


def receive(connection: socket.socket) -> RawAnswer | None:
    """Reads one answer; None when the other side hangs up before it is whole."""
    data = b""
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionError:
            piece = b""
        data += piece
        answer = parse_answer(data)
        if answer is not None or not piece:
            return answer


def exchange(port: int, data: bytes, seconds: float = 20) -> RawAnswer | None:
    """Sends bytes and reads one answer, even when the other side stops listening half-way."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        return receive(connection)

"""One connection to the service, spoken to in bytes: several requests, and their answers one after the other."""

import socket

from rawhttp import RawAnswer, head_bytes

STEP = 65_536


def request(method: str, path: str, *fields: tuple[str, str], body: bytes = b"", chunk: int = 0) -> bytes:
    """A request whole; its body in chunks of `chunk` bytes, or with its length."""
    fields = list(fields)
    if chunk:
        fields.append(("Transfer-Encoding", "chunked"))
        body = b"".join(chunked(body[start : start + chunk]) for start in range(0, len(body), chunk)) + b"0\r\n\r\n"
    elif body or method in ("POST", "PUT", "PATCH"):
        fields.append(("Content-Length", str(len(body))))
    return head_bytes(method, path, fields) + body


def chunked(data: bytes) -> bytes:
    return b"%X\r\n%b\r\n" % (len(data), data)


class Conversation:
    def __init__(self, port: int, seconds: float = 10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes, piece: int | None = None):
        """All of it, in writes of `piece` bytes."""
        for start in range(0, len(data), piece or max(len(data), 1)):
            self.socket.sendall(data[start : start + (piece or len(data))])

    def send_what_is_taken(self, data: bytes) -> int:
        """As much as the other side takes before it closes, or takes nothing for as long as this waits."""
        sent = 0
        try:
            while sent < len(data):
                sent += self.socket.send(data[sent : sent + STEP])
        except OSError:
            pass
        return sent

    def answer(self, method: str = "GET") -> RawAnswer:
        """The next answer; what came behind it is kept. Raises ConnectionError where the connection ends before."""
        head = self.until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        bodiless = method == "HEAD" or status < 200 or status in (204, 304)
        return RawAnswer(status, headers, b"" if bodiless else self.body(headers))

    def body(self, headers: dict) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.exactly(int(headers.get("content-length", "0")))
        whole = b""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            whole += self.exactly(size + 2)[:size]
        while self.until(b"\r\n") != b"\r\n":
            pass
        return whole

    def until(self, end: bytes) -> bytes:
        while end not in self.rest:
            self.more()
        place = self.rest.index(end) + len(end)
        found, self.rest = self.rest[:place], self.rest[place:]
        return found

    def exactly(self, count: int) -> bytes:
        while len(self.rest) < count:
            self.more()
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def more(self):
        data = self.socket.recv(STEP)
        if not data:
            raise ConnectionError(f"closed by the service; unread is {self.rest[:200]!r}")
        self.rest += data

    def is_closed(self) -> bool:
        """Waits for the other side to close; False when it says something instead, or nothing for too long."""
        try:
            return self.rest == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

"""One AI provider on loopback that answers as the key itself asks: `sk-fake-invalid-1` is refused, and so on.

Speaks the probe routes of OpenAI, Anthropic, Gemini and OpenRouter under /openai, /anthropic, /gemini and /openrouter
(or without a prefix, told apart by their key header), and keeps every byte it was sent.
As a program: `python scripted_provider.py --port 9100`.
"""

import argparse
import json
import socket
import socketserver
import threading
from dataclasses import dataclass

from scripted_answers import BEHAVIOURS, Answer, answer_for, behaviour_of, json_answer

MAXIMUM_HEAD = 256 * 1024
MAXIMUM_BODY = 8 * 1024 * 1024
REQUESTS_PER_CONNECTION = 10_000
BASE_PATHS = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic/v1",
    "gemini": "/gemini",
    "openrouter": "/openrouter/api/v1",
}
KEY_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}


@dataclass(frozen=True)
class Recorded:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: tuple
    body: bytes
    raw: bytes
    vendor: str
    key: str

    def header(self, name: str) -> str | None:
        values = [value for found, value in self.headers if found.lower() == name.lower()]
        return values[0] if values else None


class RequestReader:
    """Reads requests off a connection and keeps the bytes it consumed."""

    def __init__(self, stream):
        self.stream = stream

    def read(self) -> tuple[str, str, tuple, bytes, bytes] | None:
        head = self.read_head()
        if head is None:
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        method, _, rest = first.partition(" ")
        body, body_bytes = self.read_body({name.lower(): value for name, value in headers})
        return method, rest.rpartition(" ")[0], headers, body, head + body_bytes

    def read_head(self) -> bytes | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.stream.readline(65_537)
            if not line or len(head) > MAXIMUM_HEAD:
                return None
            head += line
        return head

    def read_body(self, headers: dict) -> tuple[bytes, bytes]:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self.read_chunks()
        length = min(int(headers.get("content-length", "0") or "0"), MAXIMUM_BODY)
        body = self.stream.read(length) if length else b""
        return body, body

    def read_chunks(self) -> tuple[bytes, bytes]:
        body, raw = b"", b""
        while len(raw) < MAXIMUM_BODY:
            line = self.stream.readline(1_024)
            size = int(line.split(b";")[0] or b"0", 16)
            chunk = self.stream.read(size + 2)
            raw += line + chunk
            body += chunk[:size]
            if size == 0:
                break
        return body, raw


def vendor_of(target: str, headers: dict) -> str:
    """By path prefix, else by the header that carries the key."""
    prefix = target.lstrip("/").split("/")[0]
    if prefix in BASE_PATHS or prefix == "elsewhere":
        return prefix
    named = [vendor for vendor, header in KEY_HEADERS.items() if header in headers]
    return named[0] if named else ("openrouter" if target.split("?")[0].endswith("/key") else "openai")


def key_of(vendor: str, headers: dict) -> str:
    """The key, from the one header this vendor reads."""
    if vendor in KEY_HEADERS:
        return headers.get(KEY_HEADERS[vendor], "")
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def is_probe(vendor: str, method: str, target: str) -> bool:
    path = target.split("?")[0].rstrip("/")
    return method == "GET" and path.endswith("/key" if vendor == "openrouter" else "/models")


class ProviderConnection(socketserver.StreamRequestHandler):
    """Serves one connection until either side ends it."""

    timeout = 60

    def handle(self):
        reader = RequestReader(self.rfile)
        for _ in range(REQUESTS_PER_CONNECTION):
            try:
                request = reader.read()
                if request is None or not self.answer(*request):
                    return
            except (OSError, ValueError):
                return

    def answer(self, method, target, headers, body, raw) -> bool:
        """Sends the answer; False when the connection is over."""
        provider = self.server.provider
        by_name = {name.lower(): value for name, value in headers}
        vendor = vendor_of(target, by_name)
        key = key_of(vendor, by_name)
        provider.record(Recorded(method, target, headers, body, raw, vendor, key))
        answer = provider.choose(vendor, method, target, key)
        if answer.close_silently:
            return False
        self.wfile.write(answer.wire())
        return answer.raw is None


class ProviderServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class ScriptedProvider:
    """The provider, its memory of what it was asked, and the switches a test may turn."""

    def __init__(self, port: int = 0, slow_seconds: float = 1.0):
        self.slow_seconds = slow_seconds
        self.answers: dict[str, str] = {}  # key → behaviour, stronger than the key's own word
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.recorded: list[Recorded] = []
        self.server = ProviderServer(("127.0.0.1", port), ProviderConnection)
        self.server.provider = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def base_url(self, vendor: str) -> str:
        return self.origin + BASE_PATHS[vendor]

    def operator_file(self) -> dict:
        """The catalogue overrides that lead the four providers here."""
        return {"providers": [{"id": vendor, "base_url": self.base_url(vendor)} for vendor in BASE_PATHS]}

    def record(self, request: Recorded):
        with self.lock:
            self.recorded.append(request)

    def requests(self, key: str | None = None) -> list[Recorded]:
        with self.lock:
            return [request for request in self.recorded if key is None or request.key == key]

    def elsewhere(self) -> list[Recorded]:
        """Requests that followed the redirect; there must never be one."""
        return [request for request in self.requests() if request.vendor == "elsewhere"]

    def choose(self, vendor: str, method: str, target: str, key: str) -> Answer:
        if vendor == "elsewhere":
            return json_answer(200, {"data": []})
        if not is_probe(vendor, method, target):
            return json_answer(404, {"error": {"message": f"{method} is not served here", "code": "not_found"}})
        behaviour = self.answers.get(key) or behaviour_of(key)
        if behaviour == "slow":
            self.stopping.wait(self.slow_seconds)
        return answer_for(behaviour, vendor, key)


def main():
    options = argparse.ArgumentParser(description="A scripted AI provider on loopback.")
    options.add_argument("--port", type=int, default=0, help="0 picks a free port")
    options.add_argument("--slow-seconds", type=float, default=5.0, help="how long a -slow- key waits")
    chosen = options.parse_args()
    try:
        with ScriptedProvider(chosen.port, chosen.slow_seconds) as provider:
            print(f"scripted provider: listening on {provider.origin}", flush=True)
            print("Put this into the file LATCHKEY_PROVIDERS_FILE names, and set LATCHKEY_ALLOW_LOOPBACK_PROVIDERS=1:")
            print(json.dumps(provider.operator_file()))
            print("Keys: sk-fake-WORD-anything, WORD one of " + ", ".join(BEHAVIOURS), flush=True)
            provider.thread.join()
    except KeyboardInterrupt:
        pass
    except socket.error as problem:
        raise SystemExit(f"scripted provider: error: {problem}") from None


if __name__ == "__main__":
    main()

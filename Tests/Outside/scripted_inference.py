"""Inference providers on loopback: OpenAI, Groq, OpenRouter, Anthropic, Gemini and Cohere, each below its own path.

A key says in itself how it is answered (`sk-fake-ratelimited-…`), or a test says it with `script(key, …)`. Every byte
of every request is kept; so is what became of the answer: sent whole, cut off here, or cancelled by the other side.
"""

import asyncio
import gzip
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference_shapes import Reply, Used, as_json, shape_for
from inference_wire import Exchange, Gone, Wire
from scripted_answers import BEHAVIOURS, REASONS, answer_for, error_body

BASE_PATHS = {
    "openai": "/openai/v1",
    "groq": "/groq/openai/v1",
    "openrouter": "/openrouter/api/v1",
    "anthropic": "/anthropic/v1",
    "gemini": "/gemini",
    "cohere": "/cohere",
}
KEY_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
UNWELCOME = (
    ("Set-Cookie", "session=scripted; Path=/"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
WELCOME = (("openai-processing-ms", "12"), ("x-ratelimit-remaining-requests", "41"))
KERNEL_BUFFER = 64 * 1024


@dataclass(frozen=True)
class Script:
    """How the requests that come with one key are answered.

    - `plain`, or a behaviour of `scripted_answers`: `ratelimited`, `nocredit`, `echo`, `redirect`, `huge` …
    - `endless`: a stream that does not end; `silent`: no byte comes; `stall`: after its events a stream says no more;
      `cut`: after its events the connection is closed; `reset`: the same, with what was not read yet thrown away
    - `deaf`: the body is not read before `provider.listen`; `hasty`: the answer comes before the body is read
    - `gzip`: the body is compressed, asked for or not; `interim`: 103 comes before the answer
    - `confide`: the text of the answer holds the key
    - `close`: says `Connection: close`; `fickle`: closes after the answer without having said so
    """

    mode: str = "plain"
    events: int = 4
    every: float = 0  # seconds between two events
    padding: int = 0  # bytes more in each event
    piece: int | None = None  # the body goes out in pieces of so many bytes, whatever they cut in two
    split: int | None = None  # the body goes out in two pieces, cut here
    used: Used | None = None  # in place of counts made from the request
    headers: tuple = ()


MODES = ("endless", "silent", "stall", "cut", "reset", "deaf", "hasty", "gzip", "interim", "close", "fickle", "confide")


def mode_in(key: str) -> str:
    """The mode that a key names; `plain` for any other key that is a fake one."""
    named = [word for word in (*MODES, *BEHAVIOURS) if f"-{word}-" in key]
    plain = not named or named[0] in ("valid", "slow")
    return ("plain" if plain else named[0]) if key.startswith("sk-fake-") else "invalid"


class ScriptedInference:
    """The providers, their memory of what they were asked, and the switches a test may turn."""

    def __init__(self, direct: bool = False):
        """`direct`: official clients call without a gateway. Anthropic's sends its key as a Bearer, and all of them
        bring back the cookie that they were given."""
        self.direct = direct
        self.lock = threading.Lock()
        self.scripts: dict[str, Script] = {}
        self.exchanges: list[Exchange] = []
        self.listening: dict[str, asyncio.Event] = {}
        self.open: set[int] = set()
        self.busy: set[int] = set()
        self.numbers = itertools.count(1)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, KERNEL_BUFFER)  # its connections inherit it
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> "ScriptedInference":
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)

    def run(self):
        self.stopping = asyncio.Event()
        self.loop.run_until_complete(self.serve())

    async def serve(self):
        server = await asyncio.start_server(self.connection, sock=self.socket)
        await self.stopping.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # What a test says.

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def operator_file(self) -> dict:
        """The catalogue overrides that lead the providers here."""
        return {"providers": [{"id": vendor, "base_url": self.origin + path} for vendor, path in BASE_PATHS.items()]}

    def script(self, key: str, mode: str | None = None, **members) -> str:
        """Says how requests with this key are answered from now on. Gives the key."""
        self.scripts[key] = Script(mode or mode_in(key), **members)
        return key

    def listen(self, key: str):
        """Lets a `deaf` request's body be read."""
        self.loop.call_soon_threadsafe(lambda: self.ear(key).set())

    def ear(self, key: str) -> asyncio.Event:
        return self.listening.setdefault(key, asyncio.Event())

    # What a test asks.

    def requests(self, key: str | None = None) -> list[Exchange]:
        with self.lock:
            return [exchange for exchange in self.exchanges if key is None or exchange.key == key]

    def recent(self, count: int) -> list[Exchange]:
        with self.lock:
            return self.exchanges[-count:]

    def generating(self, key: str) -> list[Exchange]:
        """Without the service's own checks of the key."""
        return [exchange for exchange in self.requests(key) if not exchange.path.endswith("/models")]

    def tagged(self, tag: str) -> list[Exchange]:
        return [exchange for exchange in self.requests() if exchange.tag == tag]

    def elsewhere(self) -> list[Exchange]:
        """Requests that followed a redirect; there must never be one."""
        return [exchange for exchange in self.requests() if exchange.vendor == "elsewhere"]

    # Connections.

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        number, wire = next(self.numbers), Wire(reader, writer)
        self.open.add(number)
        try:
            while await self.exchange(wire, Exchange(number)):
                self.busy.discard(number)
        except (Gone, ValueError, asyncio.CancelledError):
            pass
        finally:
            wire.close()
            self.busy.discard(number)
            self.open.discard(number)

    async def exchange(self, wire: Wire, exchange: Exchange) -> bool:
        """Serves one request; False when the connection is over."""
        await wire.read_head(exchange)
        self.busy.add(exchange.connection)
        prefix = exchange.path.lstrip("/").partition("/")[0]
        exchange.vendor = prefix if prefix in BASE_PATHS else "elsewhere"
        with self.lock:
            self.exchanges.append(exchange)
        try:
            return await self.serve_one(wire, exchange)
        except Gone:
            exchange.end("cancelled")
            raise

    async def serve_one(self, wire: Wire, exchange: Exchange) -> bool:
        script = self.script_for(exchange)
        if exchange.header("expect").lower() == "100-continue":
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n", exchange)
        if script.mode == "deaf":
            await self.ear(exchange.key).wait()
        if script.mode != "hasty":
            await wire.read_body(exchange)
        answering = asyncio.ensure_future(self.answer(wire, exchange, script))
        watching = asyncio.ensure_future(wire.until_gone())
        try:
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and not wire.pushed_back:
                raise Gone
            return await answering
        finally:
            for task in (answering, watching):
                task.cancel()
            await asyncio.gather(answering, watching, return_exceptions=True)

    def script_for(self, exchange: Exchange) -> Script:
        """By the one right credential; anything else is a bad key."""
        found = [entry for entry in exchange.credentials if not (self.direct and entry[0] == "cookie")]
        headers = {name: header for name, header in KEY_HEADERS.items() if not (self.direct and name == "anthropic")}
        header = headers.get(exchange.vendor, "authorization")
        scheme = "" if exchange.vendor in headers else "Bearer "
        if found != [(header, scheme + exchange.key)]:
            return Script("invalid")
        return self.scripts.get(exchange.key) or Script(mode_in(exchange.key))

    # Answers.

    async def answer(self, wire: Wire, exchange: Exchange, script: Script) -> bool:
        if script.mode in ("closed", "brokenhttp"):
            await wire.send(answer_for(script.mode, exchange.vendor, exchange.key).raw or b"", exchange)
            exchange.end("cut")
            return False
        status, headers, reply = self.reply(exchange, script)
        exchange.status, exchange.used = status, reply.used
        if script.mode == "silent":
            await asyncio.Event().wait()
        if script.mode == "interim":
            await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", exchange)
        stays = script.mode not in ("close", "fickle", "hasty")
        headers = (*headers, *UNWELCOME, *WELCOME, *script.headers)
        headers += (("Connection", "close"),) if script.mode == "close" else ()
        if isinstance(reply.body, bytes) and script.piece is None and script.split is None:
            headers = (("Content-Length", str(len(reply.body))), *headers)
            await wire.send(head(status, reply.type, headers) + reply.body, exchange)
        else:
            await wire.send(head(status, reply.type, (("Transfer-Encoding", "chunked"), *headers)), exchange)
            await self.stream(wire, exchange, script, reply)
            if exchange.ending == "cut":
                return False
            await wire.send(b"0\r\n\r\n", exchange)
        exchange.end("whole")
        return stays

    def reply(self, exchange: Exchange, script: Script) -> tuple[int, tuple, Reply]:
        if exchange.vendor == "elsewhere":
            return 200, (), Reply(as_json({"data": []}))
        if script.mode in BEHAVIOURS:
            answer = answer_for(script.mode, exchange.vendor, exchange.key)
            return answer.status, answer.headers, Reply(answer.body, answer.content_type)
        shape = shape_for(exchange, BASE_PATHS[exchange.vendor])
        if shape is None:
            message = f"{exchange.method} {exchange.path} is not served here"
            return 404, (), Reply(as_json(error_body(exchange.vendor, 404, message, "not_found", None)))
        filler = exchange.key if script.mode == "confide" else "x" * script.padding
        reply = shape(exchange, pieces(exchange.tag, script, filler), script.used or Used.by(exchange))
        return (200, (("Content-Encoding", "gzip"),), compressed(reply)) if script.mode == "gzip" else (200, (), reply)

    async def stream(self, wire: Wire, exchange: Exchange, script: Script, reply: Reply):
        for part in parts_of(reply.body, script):
            await wire.send(b"%X\r\n%b\r\n" % (len(part), part), exchange)
            exchange.events += 1
            if script.mode in ("cut", "reset", "stall") and exchange.events > script.events:
                await self.break_off(wire, exchange, script.mode)
                return
            if script.every or script.split or exchange.events % 64 == 0:
                await asyncio.sleep(script.every or (0.002 if script.split else 0))

    async def break_off(self, wire: Wire, exchange: Exchange, mode: str):
        if mode == "stall":
            await asyncio.Event().wait()
        if mode == "reset":
            wire.reset()
        exchange.end("cut")


def head(status: int, kind: str, headers: tuple) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"Content-Type: {kind}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers)]).encode("latin-1") + b"\r\n\r\n"


def pieces(tag: str, script: Script, filler: str) -> Iterator[str]:
    """The text of the answer, numbered; without end for an endless stream."""
    endless = script.mode in ("endless", "cut", "reset", "stall")
    for number in itertools.count() if endless else range(script.events):
        yield f"[{tag}#{number}]{filler}"


def parts_of(body: bytes | Iterator[bytes], script: Script) -> Iterator[bytes]:
    """The pieces in which the body goes out."""
    if script.piece is None and script.split is None:
        return iter(body)
    whole = body if isinstance(body, bytes) else b"".join(body)
    size = script.piece or script.split or 1
    if script.split is not None:
        return iter([part for part in (whole[:size], whole[size:]) if part])
    return (whole[start : start + size] for start in range(0, len(whole), size))


def compressed(reply: Reply) -> Reply:
    whole = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    return replace(reply, body=gzip.compress(whole))

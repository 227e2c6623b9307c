"""What a provider does with a request: the first word behind /v1 says it, whichever version of HTTP it came in."""

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass

from inference_wire import Exchange

EVENT_STREAM = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)
PIECE = 16_384
ANOTHER_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


@dataclass
class Seen(Exchange):
    """A request, and what became of its answer."""

    protocol: str = "HTTP/1.1"
    begun_at: float = 0
    reset_code: int | None = None

    @property
    def words(self) -> list[str]:
        return self.path.removeprefix("/v1").strip("/").split("/")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Call:
    """One request as an action sees it."""

    def __init__(self, upstream, exchange: Seen):
        self.upstream, self.exchange = upstream, exchange
        exchange.begun_at = time.monotonic()

    async def read(self):
        """The whole body."""
        raise NotImplementedError

    async def interim(self, status: int):
        raise NotImplementedError

    async def begin(self, status: int, fields: tuple = ()):
        raise NotImplementedError

    async def write(self, data: bytes):
        """HEAD has the head alone, whatever is written."""
        if self.exchange.method != "HEAD":
            await self.send(data)

    async def send(self, data: bytes):
        raise NotImplementedError

    async def finish(self, trailers: tuple = ()):
        raise NotImplementedError

    async def abandon(self, answered: bool):
        """Ends the exchange on this side, whether or not the answer or the request has come to its end."""
        raise NotImplementedError

    async def whole(self, status: int, body: bytes, fields: tuple = JSON, length: int | None = None):
        """`length`: not the length of the body."""
        await self.begin(status, (*fields, ("content-length", str(len(body) if length is None else length))))
        await self.write(body)
        await self.finish()


def event(tag: str, number: int, padding: int = 0) -> bytes:
    return f"data: [{tag}#{number}]{'x' * padding}\n\n".encode()


def number(words: list[str], place: int, otherwise: int = 0) -> int:
    return int(words[place]) if len(words) > place else otherwise


class Actions:
    """Each takes a call and the words behind its name."""

    async def echo(self, call: Call, *_):
        """What came."""
        await call.read()
        seen = call.exchange
        value = {"sha256": seen.sha256, "bytes": len(seen.body), "method": seen.method, "connection": seen.connection}
        await call.whole(200, json.dumps(value).encode())

    async def sized(self, call: Call, size: str):
        await call.read()
        await call.whole(200, b"x" * int(size), (("content-type", "text/plain"),))

    async def status(self, call: Call, code: str):
        """An answer of this status, without a body."""
        await call.read()
        await call.begin(int(code), (("x-said", code),))
        await call.finish()

    async def odd(self, call: Call, status: str):
        """An answer of this status, as it is spelled, with a body that looks like another answer."""
        await call.read()
        await call.begin(status, JSON)
        await call.send(ANOTHER_ANSWER)
        await call.finish()

    async def stream(self, call: Call, tag: str, *counts: str):
        """So many events; milliseconds between two; bytes more in each."""
        await call.read()
        await self.events(call, tag, *(number(list(counts), place) for place in range(3)))
        await call.finish()

    async def events(self, call: Call, tag: str, count: int, every: int, padding: int):
        await call.begin(200, EVENT_STREAM)
        for place in range(count):
            await call.write(event(tag, place, padding))
            call.exchange.events += 1
            await asyncio.sleep(every / 1_000)

    async def endless(self, call: Call, tag: str, padding: str = "0"):
        await call.read()
        await self.events(call, tag, 1_000_000, 0 if int(padding) else 5, int(padding))

    async def broken(self, call: Call, tag: str, count: str):
        """So many events, then the stream is broken off; with none, before an answer."""
        await call.read()
        if int(count):
            await self.events(call, tag, int(count), 0, 0)
        await call.abandon(answered=False)

    async def hold(self, call: Call, tag: str):
        """No answer until the test says `release(tag)`."""
        await call.read()
        await call.upstream.gate(tag).wait()
        await call.whole(200, json.dumps({"held": tag}).encode())

    async def meet(self, call: Call, tag: str, count: str):
        """No answer before so many of these are under way at once."""
        await call.read()
        call.upstream.meeting[tag] = call.upstream.meeting.get(tag, 0) + 1
        if call.upstream.meeting[tag] >= int(count):
            call.upstream.gate(tag).set()
        await self.hold(call, tag)

    async def deaf(self, call: Call, tag: str):
        """The body is not taken before `release(tag)`."""
        await call.upstream.gate(tag).wait()
        await self.echo(call)

    async def early(self, call: Call, code: str):
        """An answer before the body is through; what still comes is not wanted."""
        body = json.dumps({"error": {"message": "no", "code": code}}).encode()
        await call.begin(int(code), (*JSON, ("content-length", str(len(body))), ("connection", "close")))
        await call.write(body)
        await call.finish()
        await call.abandon(answered=True)

    async def interim(self, call: Call):
        await call.read()
        for _ in range(2):
            await call.interim(103)
        await call.whole(200, b'{"after":"interim"}')

    async def trailers(self, call: Call):
        await call.read()
        await call.begin(200, JSON)
        await call.write(b'{"before":"trailers"}')
        await call.finish((("x-checksum", "abc"),))

    async def foreign(self, call: Call):
        """The provider's own rules for browsers."""
        await call.read()
        rules = (("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true"))
        await call.whole(200, b"{}", (*JSON, *rules))

    async def twice(self, call: Call):
        """Two answers to one request, in one write."""
        await call.read()
        await call.whole(200, b"first" + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond", (), length=5)

    async def fickle(self, call: Call):
        """The connection is closed behind the answer, which does not say so."""
        await self.echo(call)
        await call.abandon(answered=True)

    async def once(self, call: Call):
        """A second request on a connection that was kept is not answered: it crosses with the end of the connection."""
        await call.read()
        used = call.upstream.served.setdefault(call.exchange.connection, 0)
        if used:
            return await call.abandon(answered=False)
        await self.echo(call)


async def act(call: Call):
    """Does what the path says."""
    name, *words = call.exchange.words
    action = getattr(Actions(), name, None)
    if action is None:
        await call.read()
        return await call.whole(404, b'{"error":"no such action"}')
    await action(call, *words)

"""HTTP/1.1 as an inference provider sees it: what came over a connection, byte for byte, and what went back."""

import asyncio
import itertools
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

CREDENTIALS = {"authorization", "x-api-key", "x-goog-api-key", "api-key", "xi-api-key", "proxy-authorization", "cookie"}
TAG = re.compile(rb"tag-[A-Za-z0-9-]+(?=[^A-Za-z0-9-])")
READ = 65_536
HEAD_LIMIT = 256 * 1024
NUMBERS = itertools.count(1)


class Gone(Exception):
    """The other side has closed the connection."""


@dataclass
class Exchange:
    """One request, the answer to it, and how both ended."""

    connection: int
    vendor: str = ""
    method: str = ""
    target: str = ""
    headers: tuple = ()
    raw: bytearray = field(default_factory=bytearray)
    body: bytearray = field(default_factory=bytearray)
    number: int = field(default_factory=lambda: next(NUMBERS))
    status: int | None = None
    used: object = None
    events: int = 0
    written: int = 0
    blocked_since: float | None = None
    ending: str | None = None  # "whole", "cut" by this side, "cancelled" by the other
    ended_at: float | None = None
    known_tag: str | None = None

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name]

    def header(self, name: str) -> str:
        return (self.values(name.lower()) or [""])[0]

    @property
    def key(self) -> str:
        """The credential, without its scheme."""
        found = [value for _, value in self.credentials]
        return found[0].rpartition(" ")[2] if found else ""

    @property
    def credentials(self) -> list[tuple[str, str]]:
        """Everything that could prove who calls, wherever it stands."""
        in_headers = [(name.lower(), value) for name, value in self.headers if name.lower() in CREDENTIALS]
        query = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        return in_headers + [(f"?{name}", value) for name, value in query if "key" in name or "token" in name]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def json(self) -> dict:
        try:
            value = json.loads(bytes(self.body))
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def tag(self) -> str:
        """What the caller wrote into the request to know it again; the answer repeats it."""
        if self.known_tag is None and (found := TAG.search(self.raw)):
            self.known_tag = found.group().decode()
        return self.known_tag or "untagged"

    def end(self, ending: str):
        self.ending, self.ended_at, self.blocked_since = ending, time.monotonic(), None

    def blocked_for(self) -> float:
        """Seconds for which the other side has taken nothing."""
        since = self.blocked_since
        return 0.0 if since is None else time.monotonic() - since


class Wire:
    """One connection. Nothing is held in memory on the way out: `send` returns when the kernel has taken all of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer
        self.pushed_back = b""
        writer.transport.set_write_buffer_limits(high=0)

    async def read(self, most: int) -> bytes:
        if self.pushed_back:
            data, self.pushed_back = self.pushed_back[:most], self.pushed_back[most:]
            return data
        try:
            data = await self.reader.read(most)
        except ConnectionError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    async def read_until(self, end: bytes, exchange: Exchange) -> bytes:
        found = b""
        while end not in found:
            found += await self.read(READ)
            if len(found) > HEAD_LIMIT:
                raise Gone
        place = found.index(end) + len(end)
        self.pushed_back = found[place:] + self.pushed_back
        exchange.raw += found[:place]
        return found[:place]

    async def read_exactly(self, count: int, exchange: Exchange, keep: bool):
        while count:
            data = await self.read(min(count, READ))
            exchange.raw += data
            if keep:
                exchange.body += data
            count -= len(data)

    async def read_head(self, exchange: Exchange):
        head = await self.read_until(b"\r\n\r\n", exchange)
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        exchange.method, _, rest = first.partition(" ")
        exchange.target = rest.rpartition(" ")[0]
        exchange.headers = tuple(
            (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        )

    async def read_body(self, exchange: Exchange):
        if "chunked" not in exchange.header("transfer-encoding").lower():
            return await self.read_exactly(int(exchange.header("content-length") or "0"), exchange, keep=True)
        size = 1
        while size:
            size = int((await self.read_until(b"\r\n", exchange)).split(b";")[0], 16)
            await self.read_exactly(size, exchange, keep=True)
            await self.read_exactly(2, exchange, keep=False)

    async def send(self, data: bytes, exchange: Exchange):
        exchange.blocked_since = time.monotonic()
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise Gone from error
        exchange.blocked_since = None
        exchange.written += len(data)

    async def until_gone(self):
        """Ends when the other side closes; a byte it sends meanwhile is kept for the next request."""
        try:
            self.pushed_back += await self.reader.read(1)
        except ConnectionError:
            return

    def close(self):
        self.writer.close()

    def reset(self):
        """Closes at once, whatever has not been sent."""
        self.writer.transport.abort()

"""A client of streams that reads as slowly as a test wants, and leaves as rudely."""

import asyncio
import json
import re
import socket
import struct
import time

from gateway import PREFIX, Caller

RECEIVE_BUFFER = 4_096
READ_LIMIT = 4_096
SEGMENT = 1_448  # as on a network; over loopback a kernel takes some megabytes for a client that reads nothing
NUMBERED = re.compile(r"\[(tag-[A-Za-z0-9-]+)#(\d+)\]")
MULTIPART = "multipart/form-data; boundary=part"


class Stream:
    """One request on a connection of its own, with buffers as small as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer
        self.status, self.headers = 0, {}

    @classmethod
    async def open(cls, who: Caller, path: str, body: bytes, *headers: tuple[str, str], missing: int = 0) -> "Stream":
        """Sends a request; with `missing`, one whose body is so many bytes short."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", who.service.port))
        stream = cls(*await asyncio.open_connection(sock=connection, limit=READ_LIMIT))
        fields = [("Host", "127.0.0.1"), ("Authorization", f"Bearer {who.token}"), *who.headers.items(), *headers]
        fields += [("Content-Length", str(len(body) + missing))]
        lines = [f"POST {PREFIX}/{who.vendor}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        stream.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await stream.writer.drain()
        return stream

    @classmethod
    async def chat(cls, who: Caller, tag: str, **members) -> "Stream":
        body = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": tag}], **members}
        return await cls.open(who, "/chat/completions", json.dumps(body).encode(), ("Content-Type", "application/json"))

    @classmethod
    async def upload(cls, who: Caller, tag: str, missing: int = 1_000_000) -> "Stream":
        """A file of which the end does not come."""
        start = b'--part\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + tag.encode() + b"\n"
        return await cls.open(who, "/files", start + b"x" * 20_000, ("Content-Type", MULTIPART), missing=missing)

    async def begin(self) -> int:
        """Reads the head of the answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return self.status

    async def chunk(self) -> bytes:
        """The next chunk; empty at the clean end. Raises `IncompleteReadError` where the stream was cut off."""
        size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
        return (await self.reader.readexactly(size + 2))[:size]

    async def events(self):
        """The data of each event, until the clean end."""
        rest = b""
        while chunk := await self.chunk():
            *whole, rest = (rest + chunk).split(b"\n\n")
            for event in whole:
                yield event.removeprefix(b"data: ")
        assert rest == b"", rest[:200]

    def leave(self, reset: bool = False) -> float:
        """Closes at once: with FIN, or with RST. Gives the time of it."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
        return time.monotonic()


async def until(condition, seconds: float, what: str):
    """`wait_until` for coroutines."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.02)
    return value

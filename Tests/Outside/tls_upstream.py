"""A provider on loopback that does what the path of a request says: HTTP/1.1 plain or behind TLS, HTTP/2 where the
other side chooses it (http2_upstream.py). It counts connections from the first packet on, and keeps what it was sent.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
import time

from http2_upstream import Http2Connection
from inference_wire import Gone, Wire
from scripted_answers import REASONS
from upstream_actions import Call, Seen, act

LINGER_SECONDS = 5


class Listener:
    """Accepts connections in a thread of its own."""

    def __init__(self):
        self.accepted = 0
        self.open: set[int] = set()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self.socket.setblocking(False)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)
        self.socket.close()

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def run(self):
        self.stopping = asyncio.Event()
        self.loop.set_exception_handler(lambda *_: None)
        self.loop.run_until_complete(self.until_stopped())

    async def until_stopped(self):
        accepting = asyncio.ensure_future(self.accept())
        await self.stopping.wait()
        accepting.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def accept(self):
        tasks = set()
        while True:
            connection, _ = await self.loop.sock_accept(self.socket)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            task = asyncio.ensure_future(self.keep(connection, self.accepted))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def keep(self, connection: socket.socket, number: int):
        self.open.add(number)
        try:
            await self.serve(connection, number)
        finally:
            self.open.discard(number)

    async def serve(self, connection: socket.socket, number: int):
        raise NotImplementedError


class Bare(Listener):
    """Says `greeting` to whatever comes first, without TLS; None: says nothing, ever."""

    def __init__(self, greeting: bytes | None = None):
        super().__init__()
        self.greeting = greeting
        self.received = bytearray()

    async def serve(self, connection: socket.socket, number: int):
        with connection, contextlib.suppress(ConnectionError):
            while data := await self.loop.sock_recv(connection, 65_536):
                self.received += data
                if self.greeting:
                    await self.loop.sock_sendall(connection, self.greeting)
                    return


class Upstream(Listener):
    """Serves what upstream_actions.py knows."""

    def __init__(self, context: ssl.SSLContext | None = None, most_streams: int = 100):
        super().__init__()
        self.context, self.most_streams = context, most_streams
        self.lock = threading.Lock()
        self.exchanges: list[Seen] = []
        self.first_bytes: list[bytes] = []  # of each connection, decrypted
        self.refused: list[Exception] = []  # handshakes that did not come about
        self.violations: list[Exception] = []  # of the rules of HTTP/2
        self.most_at_once: dict[int, int] = {}  # by connection
        self.http2: dict[int, Http2Connection] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.meeting: dict[str, int] = {}
        self.served: dict[int, int] = {}

    # What a test says and asks.

    def release(self, tag: str):
        self.loop.call_soon_threadsafe(lambda: self.gate(tag).set())

    def gate(self, tag: str) -> asyncio.Event:
        return self.gates.setdefault(tag, asyncio.Event())

    def seen(self, word: str | None = None) -> list[Seen]:
        """Requests whose path holds this word."""
        with self.lock:
            return [exchange for exchange in self.exchanges if word is None or word in exchange.words]

    def note(self, exchange: Seen):
        with self.lock:
            self.exchanges.append(exchange)

    def go_away(self, skipped: int = 0):
        """Asks every HTTP/2 connection to take no further streams; the last `skipped` were not looked at."""
        for connection in list(self.http2.values()):
            self.loop.call_soon_threadsafe(connection.go_away, skipped)

    def limit(self, streams: int):
        """From now on every HTTP/2 connection takes so many streams at once, those that come as well."""
        self.most_streams = streams
        for connection in list(self.http2.values()):
            self.loop.call_soon_threadsafe(connection.limit, streams)

    def freeze(self):
        """From now on nothing that comes over the HTTP/2 connections there are is read or answered."""
        for connection in list(self.http2.values()):
            connection.is_frozen = True

    def cut(self):
        """Cuts every HTTP/2 connection."""
        for connection in list(self.http2.values()):
            self.loop.call_soon_threadsafe(connection.writer.transport.abort)

    # Connections.

    async def serve(self, connection: socket.socket, number: int):
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await self.loop.connect_accepted_socket(lambda: protocol, connection, ssl=self.context)
        except (OSError, ssl.SSLError) as error:
            self.refused.append(error)
            connection.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, self.loop)
        try:
            await self.speak(reader, writer, number)
        except (Gone, ConnectionError, ssl.SSLError, ValueError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), LINGER_SECONDS)

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int):
        wire = Wire(reader, writer)
        # asyncio's TLS takes a limit of 0 for one that is always reached.
        writer.transport.set_write_buffer_limits(high=1, low=0)
        secured = writer.get_extra_info("ssl_object")
        if secured and secured.selected_alpn_protocol() == "h2":
            await Http2Connection(self, wire, number).run()
            return
        first = await wire.read(65_536)
        self.first_bytes.append(first)
        wire.pushed_back = first
        while await self.exchange(wire, Seen(number)):
            self.served[number] = self.served.get(number, 0) + 1

    async def exchange(self, wire: Wire, exchange: Seen) -> bool:
        await wire.read_head(exchange)
        self.note(exchange)
        call = Http1Call(self, exchange, wire)
        call.task = asyncio.ensure_future(act(call))
        try:
            await call.task
        except (Gone, asyncio.CancelledError):
            if exchange.ending is None:
                exchange.end("cancelled")
            if not call.is_left:
                raise
        finally:
            await call.stop_watching()
        return not call.is_over


class Http1Call(Call):
    def __init__(self, upstream: Upstream, exchange: Seen, wire: Wire):
        super().__init__(upstream, exchange)
        self.wire = wire
        self.task: asyncio.Future | None = None
        self.watch: asyncio.Future | None = None
        self.is_over = self.is_left = self.is_chunked = False

    async def read(self):
        if self.watch:
            return
        await self.wire.read_body(self.exchange)
        self.watch = asyncio.ensure_future(self.wire.until_gone())
        self.watch.add_done_callback(self.left)

    def left(self, watch: asyncio.Future):
        if not watch.cancelled() and not self.wire.pushed_back and self.exchange.ending is None:
            self.is_left = self.is_over = True
            self.task.cancel()

    async def stop_watching(self):
        if self.watch:
            self.watch.cancel()
            await asyncio.gather(self.watch, return_exceptions=True)

    async def interim(self, status: int):
        await self.wire.send(f"HTTP/1.1 {status} Early Hints\r\nLink: </a>\r\n\r\n".encode(), self.exchange)

    async def begin(self, status: int, fields: tuple = ()):
        self.exchange.status = status
        names = [name for name, _ in fields]
        self.is_chunked = "content-length" not in names and status not in (204, 304)
        fields += (("transfer-encoding", "chunked"),) if self.is_chunked else ()
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *(f"{name}: {value}" for name, value in fields)]
        await self.wire.send("\r\n".join(lines).encode() + b"\r\n\r\n", self.exchange)

    async def send(self, data: bytes):
        await self.wire.send(b"%X\r\n%b\r\n" % (len(data), data) if self.is_chunked else data, self.exchange)

    async def finish(self, trailers: tuple = ()):
        if self.is_chunked and self.exchange.method != "HEAD":
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            await self.wire.send(b"0\r\n" + lines.encode() + b"\r\n", self.exchange)
        self.exchange.end("whole")

    async def abandon(self, answered: bool):
        self.is_over = True
        if answered:
            await self.linger()
        else:
            self.exchange.end("cut")
            self.wire.reset()

    async def linger(self):
        """Closes this side, and throws away what still comes: with bytes unread the answer would be lost."""
        if self.wire.writer.can_write_eof():
            self.wire.writer.write_eof()
        deadline = time.monotonic() + LINGER_SECONDS
        with contextlib.suppress(Gone, TimeoutError):
            while self.exchange.header("content-length") and time.monotonic() < deadline:
                await asyncio.wait_for(self.wire.read(65_536), LINGER_SECONDS)

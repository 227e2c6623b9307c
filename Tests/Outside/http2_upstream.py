"""The provider's side of one HTTP/2 connection. Whatever the other side does against RFC 9113 is noted."""

import asyncio
import time
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from inference_wire import Gone, Wire
from upstream_actions import Call, Seen, act

if TYPE_CHECKING:
    from tls_upstream import Upstream

STREAM_WINDOW = 65_535
MORE_CONNECTION_WINDOW = 16 * 1024 * 1024


class Http2Connection:
    def __init__(self, upstream: "Upstream", wire: Wire, number: int):
        self.upstream, self.wire, self.writer, self.number = upstream, wire, wire.writer, number
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.calls: dict[int, Http2Call] = {}
        self.moved = asyncio.Event()
        self.is_leaving = self.is_frozen = False

    async def run(self):
        self.upstream.http2[self.number] = self
        self.h2.initiate_connection()
        # A limit holds from when the other side has said that it knows it.
        self.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self.upstream.most_streams})
        self.h2.increment_flow_control_window(MORE_CONNECTION_WINDOW)
        self.flush()
        try:
            self.upstream.first_bytes.append(data := await self.wire.read(65_536))
            while not self.is_over():
                if self.is_frozen:
                    await asyncio.Event().wait()
                for event in self.h2.receive_data(data):
                    self.handle(event)
                self.flush()
                data = await self.wire.read(65_536)
        except ProtocolError as error:
            self.upstream.violations.append(error)
            self.flush()
        finally:
            self.upstream.http2.pop(self.number, None)
            for call in list(self.calls.values()):
                call.end("cancelled")

    def is_over(self) -> bool:
        return self.is_leaving and not self.calls

    def flush(self):
        if data := self.h2.data_to_send():
            self.writer.write(data)

    def handle(self, event):
        call = self.calls.get(getattr(event, "stream_id", None))
        match event:
            case RequestReceived():
                self.begin(event)
            case DataReceived() if call:
                call.take(event.data, event.flow_controlled_length)
            case DataReceived():
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded() if call:
                call.complete.set()
            case StreamReset() if call:
                call.exchange.reset_code = event.error_code
                call.end("cancelled")
            case WindowUpdated() | RemoteSettingsChanged():
                self.moved.set()
            case ConnectionTerminated():
                self.is_leaving = True

    def begin(self, event: RequestReceived):
        if self.is_leaving:
            return self.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
        exchange = Seen(self.number, protocol="h2", headers=tuple(event.headers))
        exchange.method, exchange.target = exchange.header(":method"), exchange.header(":path")
        exchange.raw += "".join(f"{name}: {value}\r\n" for name, value in event.headers).encode()
        self.upstream.note(exchange)
        call = self.calls[event.stream_id] = Http2Call(self, exchange, event.stream_id)
        at_once = self.upstream.most_at_once
        at_once[self.number] = max(at_once.get(self.number, 0), len(self.calls))
        call.task = asyncio.ensure_future(call.run())

    def forget(self, call: "Http2Call"):
        self.calls.pop(call.stream, None)
        if self.is_over():
            self.writer.close()

    def limit(self, streams: int):
        self.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self.flush()

    def go_away(self, skipped: int):
        """h2 would end the connection with it; in truth streams under way go on."""
        self.is_leaving = True
        last = self.h2.highest_inbound_stream_id - 2 * skipped
        self.writer.write(GoAwayFrame(0, last_stream_id=max(last, 0), error_code=0).serialize())
        for stream in [stream for stream in self.calls if stream > last]:
            self.calls[stream].end("skipped")


class Http2Call(Call):
    def __init__(self, connection: Http2Connection, exchange: Seen, stream: int):
        super().__init__(connection.upstream, exchange)
        self.connection, self.h2, self.stream = connection, connection.h2, stream
        self.complete = asyncio.Event()
        self.task: asyncio.Future | None = None
        self.is_listening, self.owed = False, 0

    async def run(self):
        try:
            await act(self)
        except (Gone, ConnectionError, ProtocolError):
            self.exchange.end("cancelled")
        finally:
            self.connection.forget(self)

    def end(self, ending: str):
        """The other side, or the connection, has ended it."""
        if self.exchange.ending is None:
            self.exchange.end(ending)
        if self.task:
            self.task.cancel()
        self.connection.forget(self)

    def take(self, data: bytes, length: int):
        self.exchange.body += data
        self.exchange.raw += data
        self.owed += length
        if self.is_listening:
            self.acknowledge()

    def acknowledge(self):
        if self.owed:
            self.h2.acknowledge_received_data(self.owed, self.stream)
            self.connection.flush()
        self.owed = 0

    async def read(self):
        self.is_listening = True
        self.acknowledge()
        await self.complete.wait()

    async def interim(self, status: int):
        self.h2.send_headers(self.stream, [(":status", str(status)), ("link", "</a>")])
        self.connection.flush()

    async def begin(self, status: int, fields: tuple = ()):
        self.exchange.status = status
        fields = [field for field in fields if field[0] != "connection"]
        self.h2.send_headers(self.stream, [(":status", str(status)), *fields])
        self.connection.flush()

    async def send(self, data: bytes):
        rest = memoryview(data)
        while rest:
            self.exchange.blocked_since = self.exchange.blocked_since or time.monotonic()
            window = min(self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size)
            if window <= 0:
                self.connection.moved.clear()
                await self.connection.moved.wait()
                continue
            self.h2.send_data(self.stream, bytes(rest[:window]))
            rest = rest[window:]
            self.connection.flush()
            await self.connection.writer.drain()
            self.exchange.blocked_since = None
        self.exchange.written += len(data)

    async def finish(self, trailers: tuple = ()):
        if trailers:
            self.h2.send_headers(self.stream, list(trailers), end_stream=True)
        else:
            self.h2.end_stream(self.stream)
        self.connection.flush()
        self.exchange.end("whole")

    async def abandon(self, answered: bool):
        """RFC 9113, section 8.1: with NO_ERROR behind a whole answer, the rest of the request is not wanted."""
        if answered and self.complete.is_set():
            return
        self.h2.reset_stream(self.stream, ErrorCodes.NO_ERROR if answered else ErrorCodes.INTERNAL_ERROR)
        self.connection.flush()
        if not answered:
            self.exchange.end("cut")

"""Who takes part in the gateway's benchmark: the upstreams, nginx as a reverse proxy in front of them, and the gateway."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmark import Server, free_port, new_root, populate

SOURCES = Path(__file__).resolve().parent / "streams"
USERS = 1_000
WORKERS = int(os.environ.get("BENCH_NGINX_WORKERS", str(os.cpu_count())))
MODEL = "gpt-4o-mini"
PROMPT_TOKENS, COMPLETION_TOKENS = 19, 211
STREAM_PROMPT_TOKENS = 11
SIZES = {"1k": 1024, "64k": 65_536}
STREAM_PROVIDER = "together"
"""OpenAI's wire format under another name: the two upstreams are two servers, and a provider has one address."""


def completion(size: int) -> str:
    """An answer of exactly so many bytes, `usage` last."""
    head = json.dumps({"id": "chatcmpl-bench", "object": "chat.completion", "created": 1_750_000_000, "model": MODEL,
                       "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "%"}}]})
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS,
             "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS, "prompt_tokens_details": {"cached_tokens": 0}}
    answer = f'{head[:-1]}, "usage": {json.dumps(usage)}}}'
    return answer.replace("%", ("a calm sea and a fair wind, " * size)[:size - len(answer) + 1])


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in descendants(int(child)))]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of all threads, in the scheduler's nanoseconds: `utime` and `stime` come in steps of 10 ms."""
    threads = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads) / 1e9


def resident_mb(pids: list[int]) -> float:
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE") / 2**20


def answer_to(port: int, path: str, bearer: str, body: bytes) -> tuple[str, bytes]:
    """The status line and all that follows it, of one call on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n"
                  f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        said = b""
        while part := s.recv(65_536):
            said += part
    status, _, rest = said.partition(b"\r\n")
    return status.decode(), rest


class Program:
    """A process of ours and its children; ended by its id."""

    def __init__(self, *command, port: int):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} did not start")
                time.sleep(0.005)
        self.pids = descendants(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


# No `tcp_nopush`: with it one answer of 64 KiB in a hundred waits 40 ms for an acknowledgement.
NGINX = """daemon off; worker_processes {workers}; pid {folder}/pid; error_log {folder}/error.log warn; {user}
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off; default_type application/json; sendfile on; tcp_nodelay on;
    keepalive_requests 1000000000; keepalive_timeout 3600s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers}
}}
"""
# A static file answers GET alone; a refused POST becomes a GET of the file.
NGINX_UPSTREAM = """    map $arg_size $answer {{ default /1k.json; 64k /64k.json; }}
    server {{
        listen 127.0.0.1:{port} reuseport; root {folder}; open_file_cache max=10; open_file_cache_valid 1h;
        location /v1/ {{ error_page 405 =200 $answer; return 405; }}
        location / {{ }}
    }}"""
NGINX_PROXY = """    upstream {name} {{
        server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 3600s;
    }}
    server {{
        listen 127.0.0.1:{port} reuseport;
        location / {{
            proxy_pass http://{name}; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer sk-bench-000000000000000000000000"; {more}
        }}
    }}"""
# A 64 KiB answer stays in memory; with the default, 8 buffers of 4 KiB, nginx would be at less than it can.
BUFFERED = "proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;"
STREAMED = "proxy_buffering off;"


class Nginx(Program):
    def __init__(self, folder: Path, workers: int, servers: str, port: int):
        folder.mkdir()
        config = folder / "nginx.conf"
        # Workers of a master that root started would be nobody's, and the folder is ours alone.
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(NGINX.format(workers=workers, folder=folder, user=user, servers=servers))
        super().__init__(shutil.which("nginx") or "/usr/sbin/nginx", "-e", folder / "error.log", "-c", config, port=port)
        deadline = time.monotonic() + 10
        while len(self.pids) < workers + 1 and time.monotonic() < deadline:
            self.pids = descendants(self.process.pid)


def compiled(folder: Path, name: str) -> Path:
    made = folder / name
    subprocess.run(["cc", "-O2", "-o", made, SOURCES / f"{name}.c"], check=True)
    return made


class Upstreams:
    """The provider: nginx with static answers, and a program that sends events on a clock. Each one thread."""

    def __init__(self, folder: Path):
        json_folder = folder / "upstream"
        self.json_port, self.stream_port = free_port(), free_port()
        self.json = Nginx(json_folder, 1, NGINX_UPSTREAM.format(port=self.json_port, folder=json_folder), self.json_port)
        for name, size in SIZES.items():
            (json_folder / f"{name}.json").write_text(completion(size))
        self.stream = Program(compiled(folder, "stream-upstream"), self.stream_port, port=self.stream_port)

    def stop(self):
        self.json.stop()
        self.stream.stop()


class Peer:
    """One way to the upstreams: where it listens for both kinds of call, and whose CPU counts."""

    name = ""
    json_prefix = stream_prefix = "/v1"
    json_port = stream_port = 0
    pids: list[int] = []

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids)

    def memory(self) -> float:
        return resident_mb(self.pids)

    def stop(self):
        pass


class Direct(Peer):
    """No one between: the CPU given is the upstreams' own."""

    name = "direct"

    def __init__(self, folder: Path, upstreams: Upstreams):
        self.json_port, self.stream_port = upstreams.json_port, upstreams.stream_port
        self.pids = upstreams.json.pids + upstreams.stream.pids


class NginxProxy(Peer):
    name = "nginx"

    def __init__(self, folder: Path, upstreams: Upstreams):
        self.json_port, self.stream_port = free_port(), free_port()
        servers = [NGINX_PROXY.format(name="json", port=self.json_port, upstream=upstreams.json_port, more=BUFFERED),
                   NGINX_PROXY.format(name="stream", port=self.stream_port, upstream=upstreams.stream_port, more=STREAMED)]
        self.program = Nginx(folder / "proxy", WORKERS, "\n".join(servers), self.json_port)
        self.pids = self.program.pids

    def stop(self):
        self.program.stop()


class Gateway(Peer):
    """Latchkey, everything on: a caller's JWT, the key opened, the audit event on disk first, the call metered."""

    name = "gateway"
    json_prefix, stream_prefix = "/gateway/openai", f"/gateway/{STREAM_PROVIDER}"

    def __init__(self, folder: Path, upstreams: Upstreams):
        self.folder = folder / "gateway"
        self.folder.mkdir()
        catalogue = self.folder / "providers.json"
        catalogue.write_text(json.dumps({"providers": [
            {"id": "openai", "base_url": f"http://127.0.0.1:{upstreams.json_port}/v1"},
            {"id": STREAM_PROVIDER, "base_url": f"http://127.0.0.1:{upstreams.stream_port}/v1"}]}))
        self.server = Server(self.folder, new_root(), settings={
            "LATCHKEY_PROVIDERS_FILE": str(catalogue), "LATCHKEY_ALLOW_LOOPBACK_PROVIDERS": "1"})
        self.json_port = self.stream_port = self.server.port
        self.pids = [self.server.process.pid]
        populate(self.server.port, range(USERS))
        populate(self.server.port, range(USERS), STREAM_PROVIDER)

    def metered(self, provider: str) -> tuple[int, int, int]:
        """Calls, input and output tokens as the database has them."""
        with closing(sqlite3.connect(f"file:{self.folder}/bench.db?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0) "
                                    "FROM usage_events WHERE provider = ?", (provider,)).fetchone()

    def stop(self):
        self.server.stop()


PEERS = {peer.name: peer for peer in (Direct, NginxProxy, Gateway)}

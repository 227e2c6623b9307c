"""What the benchmarks share: a running service, keys put into it, and wrk's figures."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / ".build" / "release" / "latchkey"
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 64
IN_LOAD = 20_000
JWT_SECRET = base64.urlsafe_b64encode(hashlib.sha256(os.urandom(32)).digest()).decode()
SERVICE_TOKEN = base64.urlsafe_b64encode(os.urandom(36)).decode()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(user: str, **more) -> str:
    head = b64(b'{"alg":"HS256","typ":"JWT"}')
    claims = b64(json.dumps({"sub": user, "exp": int(time.time()) + 86_400, **more}).encode())
    mac = hmac.new(JWT_SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{b64(mac)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, folder: Path, root: str, database: str | None = None, settings: dict | None = None):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        env = kept | {
            "DATABASE_URL": database or f"sqlite:{folder}/bench.db", "API_KEY_ENCRYPTION_SECRET": root,
            "JWT_SECRET_KEY": JWT_SECRET, "LATCHKEY_SERVICE_TOKEN": SERVICE_TOKEN, "LATCHKEY_LOG_LEVEL": "warning"}
        env |= settings or {}
        began = time.perf_counter()
        self.port = free_port()
        self.process = subprocess.Popen([BINARY, "serve", "--port", str(self.port)], env=env, cwd=folder,
                                        stdout=subprocess.DEVNULL)
        self.start_seconds = self.first_answer(began)

    def first_answer(self, began: float) -> float:
        while time.perf_counter() - began < 20:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as s:
                    s.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if b" 200 " in s.recv(200):
                        return time.perf_counter() - began
            except OSError:
                time.sleep(0.001)
        sys.exit("the service did not start")

    def memory(self) -> dict:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) / 1024 for name in ("Rss", "Pss")}

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def populate(port: int, users: range, provider: str = "openai"):
    """Stores a key for each user through the API: requests pipelined, a few hundred at a time."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        stream = s.makefile("rb")
        for start in range(0, len(users), 200):
            batch = users[start:start + 200]
            for user in batch:
                body = json.dumps({"provider": provider, "api_key": f"sk-bench-{user:024d}", "validate": False})
                s.sendall((f"POST /api/api-keys/set HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(f'user-{user}')}\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
            for _ in batch:
                status = stream.readline()
                if b" 200 " not in status:
                    sys.exit(f"a set was refused: {status!r}")
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                stream.read(length)
            done = start + len(batch)
            if sys.stderr.isatty():
                print(f"\r  {done:>7,} users stored", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 30 + "\r", end="", file=sys.stderr)


# Requests are made before the clock runs: wrk shares the cores with the service, and what it spends on making them
# would be taken from the service.
LUA = {
    "hello": 'make = function(n) return wrk.format("GET", "/healthz") end',
    "status": '''make = function(n) return wrk.format("GET", "/api/api-keys/status",
    {["Authorization"] = "Bearer " .. tokens[n]}) end''',
    "resolve": '''make = function(n) return wrk.format("POST", "/api/service/resolve",
    {["Authorization"] = "Bearer " .. SERVICE, ["Content-Type"] = "application/json"},
    '{"user_id":"' .. users[n] .. '","provider":"openai"}') end''',
    "set": '''make = function(n) return wrk.format("POST", "/api/api-keys/set",
    {["Authorization"] = "Bearer " .. tokens[n], ["Content-Type"] = "application/json"},
    '{"provider":"openai","api_key":"sk-bench-renewed-0000000000","validate":false}') end''',
}
LUA_FRAME = '''SERVICE = "%s"
tokens, users, made = {}, {}, {}
for line in io.lines("%s/tokens") do
    local user, token = line:match("^(%%S+) (%%S+)$")
    users[#users + 1], tokens[#tokens + 1] = user, token
end
%s
init = function() for n = 1, #users do made[n] = make(n) end end
request = function() return made[math.random(#made)] end
'''


def load(server: Server, folder: Path, scenario: str, connections: int = CONNECTIONS) -> dict:
    script = folder / f"{scenario}.lua"
    script.write_text(LUA_FRAME % (SERVICE_TOKEN, folder, LUA[scenario]))
    return wrk(scenario, server.port, script, connections, server.cpu_seconds)


def wrk(what: str, port: int, script: Path, connections: int, cpu_seconds: Callable[[], float]) -> dict:
    """One run of wrk with that script: rate, p50 and p99 in microseconds, CPU of the server in microseconds a request."""
    before = cpu_seconds()
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", script,
                           f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
    spent = cpu_seconds() - before
    if wrong := re.search("(Non-2xx|Socket errors).*", done):
        sys.exit(f"{what}: {wrong.group(0)}")
    requests = int(re.search(r"(\d+) requests in", done).group(1))
    scale = {"us": 1, "ms": 1_000, "s": 1_000_000}
    quantile = {q: float(v) * scale[u] for q, v, u in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", done)}
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1)), "p50": quantile["50"],
            "p99": quantile["99"], "cpu": spent / requests * 1e6, "requests": requests}


def spread(users: int) -> list[str]:
    """The users in the load: at most so many, from the whole population."""
    return [f"user-{u * max(1, users // IN_LOAD)}" for u in range(min(users, IN_LOAD))]


def rounds_of(server: Server, folder: Path, names: list[str], connections: int = CONNECTIONS) -> dict:
    """Every scenario in turn, several times over; the median of each figure."""
    (folder / "tokens").write_text("".join(f"{name} {token(name)}\n" for name in names))
    rounds = {name: [] for name in LUA}
    for _ in range(ROUNDS):
        for name in LUA:
            rounds[name].append(load(server, folder, name, connections))
    return {name: {key: statistics.median(r[key] for r in runs) for key in runs[0]} for name, runs in rounds.items()}


def new_root() -> str:
    return subprocess.run([BINARY, "secret", "generate"], capture_output=True, text=True, check=True).stdout.strip()


def print_table(results: dict[int, dict]):
    print(f"{'users':>9}  {'scenario':8} {'requests/s':>11} {'of hello':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs/request':>15}")
    for users, table in results.items():
        for scenario, r in table.items():
            share = r["rate"] / table["hello"]["rate"]
            print(f"{users:>9,}  {scenario:8} {r['rate']:>11,.0f} {share:>9.0%} {r['p50'] / 1000:>8.2f} "
                  f"{r['p99'] / 1000:>8.2f} {r['cpu']:>15.1f}")

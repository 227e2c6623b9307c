"""Two web servers on loopback, each an origin of its own: an app's pages, and a service that answers as it is told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness import REPOSITORY

ASSETS = REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets"
KINDS = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing: tests say what went wrong."""

    def answer(self, status: int, body: bytes, headers: dict):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class LoopbackServer:
    """Runs a handler class in a thread, with this object as `server.owner`."""

    handler = QuietHandler

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.server.daemon_threads = True
        self.server.owner = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class PageHandler(QuietHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        found = self.server.owner.find(path)
        if found is None:
            return self.answer(404, b"", {})
        kind, body = found
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store"}
        if kind == "text/html" and self.server.owner.policy:
            headers["Content-Security-Policy"] = self.server.owner.policy
        self.answer(200, body, headers)


class WebPages(LoopbackServer):
    """An app's own web server: pages by path; under /copy/ the element's files, as an app may keep them."""

    handler = PageHandler

    def __init__(self):
        self.pages: dict[str, str] = {}
        self.policy = ""

    def find(self, path: str) -> tuple[str, bytes] | None:
        kind = KINDS.get(Path(path).suffix, "text/plain")
        if path in self.pages:
            return kind, self.pages[path].encode()
        copy = ASSETS / Path(path).name
        return (kind, copy.read_bytes()) if path.startswith("/copy/") and copy.is_file() else None

    def strict_policy(self, service: str):
        """What a careful app would send: its own scripts, the service's, and nothing inline."""
        self.policy = (
            f"default-src 'none'; script-src 'self' {service}; connect-src 'self' {service}; style-src 'self'; "
            "img-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        )


class ScriptedHandler(QuietHandler):
    def handle_any(self):
        owner: ScriptedService = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        open_to_all = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "*, Authorization",
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Expose-Headers": "*",
        }
        if self.command == "OPTIONS":
            return self.answer(204, b"", open_to_all)
        if self.path.startswith("/plan/"):
            owner.plan(self.path.removeprefix("/plan/"), json.loads(body))
            return self.answer(204, b"", open_to_all)
        if self.path.startswith("/seen/"):
            seen = json.dumps(owner.seen.get(self.path.removeprefix("/seen/"), []))
            return self.answer(200, seen.encode(), {**open_to_all, "Content-Type": "application/json"})
        self.play(owner, body, open_to_all)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any

    def play(self, owner: "ScriptedService", body: str, headers: dict):
        name, _, path = self.path.removeprefix("/").partition("/")
        fields = {name.lower(): value for name, value in self.headers.items()}
        step = owner.next_step(name, {"method": self.command, "path": f"/{path}", "headers": fields, "body": body})
        if step.get("close"):
            self.close_connection = True
            self.connection.close()
            return
        if step.get("hang"):
            owner.ending.wait(20)
        text = step.get("text", json.dumps(step.get("body", {})))
        kind = {"Content-Type": step.get("type", "application/json")}
        self.answer(step.get("status", 200), text.encode(), {**headers, **kind, **step.get("headers", {})})


class ScriptedService(LoopbackServer):
    """Answers the requests below /NAME/ with the steps that were posted to /plan/NAME, the last one for ever."""

    handler = ScriptedHandler

    def __init__(self):
        self.lock = threading.Lock()
        self.steps: dict[str, list] = {}
        self.seen: dict[str, list] = {}
        self.ending = threading.Event()

    def __exit__(self, *rest):
        self.ending.set()
        super().__exit__(*rest)

    def plan(self, name: str, steps: list):
        with self.lock:
            self.steps[name], self.seen[name] = steps, []

    def next_step(self, name: str, request: dict) -> dict:
        with self.lock:
            self.seen.setdefault(name, []).append({**request, "at": time.monotonic()})
            steps = self.steps.get(name) or [{"status": 404}]
            return steps.pop(0) if len(steps) > 1 else steps[0]

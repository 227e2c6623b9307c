"""Starts and ends the release binary, each time in a folder and on a port of its own."""

import atexit
import json
import os
import re
import secrets
import signal
import subprocess
import time
from pathlib import Path

import database as databases
from client import Client
from scripted_provider import ScriptedProvider

REPOSITORY = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"^latchkey: listening on (http://127\.0\.0\.1:(\d+))/?$", re.MULTILINE)
PRINTED_SETUP_TOKEN = re.compile(r"^latchkey: set-up token: (\S+)$", re.MULTILINE)
START_SECONDS = 30
STOP_SECONDS = 20
COMMAND_SECONDS = 60
INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TSAN_OPTIONS", "ASAN_OPTIONS", "LLVM_PROFILE_FILE")
started: list[subprocess.Popen] = []


def end_leftovers():
    """Ends what this run started and no test has ended."""
    for process in started:
        if process.poll() is None:
            process.kill()


atexit.register(end_leftovers)


def binary_path() -> Path:
    return Path(os.environ.get("LATCHKEY_BINARY") or REPOSITORY / ".build" / "release" / "latchkey").resolve()


def wait_until(condition, seconds: float, what: str):
    """Polls until `condition` gives something true; the one place that waits."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def clean_environment(folder: Path) -> dict:
    """No proxy, no key and no setting of the person who runs the tests."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, "HOME": str(folder)}


def run_command(arguments: list[str], env: dict, folder: Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """Runs one command of the binary to its end. Output as text."""
    done = subprocess.run(
        [str(binary_path()), *arguments], input=stdin, env=env, cwd=folder, capture_output=True, timeout=COMMAND_SECONDS
    )
    done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return done


def generate_root(folder: Path) -> str:
    made = run_command(["secret", "generate"], clean_environment(folder), folder)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


class Latchkey:
    """One configured service: its folder, its secrets, and its process while it runs."""

    def __init__(self, folder: Path, provider: ScriptedProvider | None, database=None, **settings: str | None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = databases.new(folder) if database is None else database
        self.env = {**clean_environment(folder), **self.default_settings(provider)}
        self.configure(**settings)
        self.process: subprocess.Popen | None = None
        self.runs = 0
        self.port = 0

    def default_settings(self, provider: ScriptedProvider | None) -> dict:
        settings = {
            "DATABASE_URL": databases.url(self.database),
            "API_KEY_ENCRYPTION_SECRET": generate_root(self.folder),
            "JWT_SECRET_KEY": secrets.token_urlsafe(64),
            "LATCHKEY_SERVICE_TOKEN": secrets.token_urlsafe(48),
            "LATCHKEY_SETUP_TOKEN": secrets.token_urlsafe(32),
            "LATCHKEY_LOG_LEVEL": "trace",
        }
        if provider:
            operator_file = self.folder / "providers.json"
            operator_file.write_text(json.dumps(provider.operator_file()))
            settings |= {"LATCHKEY_PROVIDERS_FILE": str(operator_file), "LATCHKEY_ALLOW_LOOPBACK_PROVIDERS": "1"}
        return settings

    def configure(self, **settings: str | None):
        """Changes the environment of the next start; None removes a name."""
        self.env.update({name: value for name, value in settings.items() if value is not None})
        for name in (name for name, value in settings.items() if value is None):
            self.env.pop(name, None)

    def twin(self, folder: Path) -> "Latchkey":
        """Another node: the same settings, the same database."""
        other = Latchkey(folder, None, self.database)
        other.env = {**self.env, "HOME": str(folder)}
        return other

    # The process.

    def start(self, **popen) -> "Latchkey":
        self.launch(**popen)
        match = wait_until(self.listening_or_ended, START_SECONDS, "the line `latchkey: listening on`")
        assert match is not True, f"ended with {self.process.returncode} at start:\n{self.run_errors()}"
        self.port = int(match.group(2))
        return self

    def launch(self, arguments: tuple[str, ...] = ("--hostname", "127.0.0.1", "--port", "0"), **popen):
        """Starts `serve` and waits for nothing."""
        self.runs += 1
        with open(self.output_path("stdout"), "wb") as out, open(self.output_path("stderr"), "wb") as errors:
            self.process = subprocess.Popen(
                [str(binary_path()), "serve", *arguments],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                **popen,
            )
        started.append(self.process)

    def listening_or_ended(self):
        """The match of the listening line, or True when the process has ended without one."""
        ended = self.process.poll() is not None
        return LISTENING.search(self.run_output()) or ended

    def stop(self):
        """SIGTERM; the service must drain and say 0."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        assert code == 0, f"ended with {code} after SIGTERM:\n{self.run_errors()[-4000:]}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def restart(self, **settings: str | None) -> "Latchkey":
        self.stop()
        self.configure(**settings)
        return self.start()

    def end(self):
        """For fixtures: ends the process in whatever state a failed test left it."""
        if self.is_running():
            self.kill()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # What it wrote.

    def output_path(self, stream: str, run: int | None = None) -> Path:
        return self.folder / f"{stream}.{run or self.runs}.log"

    def run_output(self) -> str:
        return self.output_path("stdout").read_text(errors="replace")

    def run_errors(self) -> str:
        return self.output_path("stderr").read_text(errors="replace")

    def all_output(self) -> bytes:
        """Everything every run put on stdout and stderr."""
        return b"".join(
            self.output_path(stream, run).read_bytes()
            for run in range(1, self.runs + 1)
            for stream in ("stdout", "stderr")
        )

    def printed_setup_token(self) -> str | None:
        match = PRINTED_SETUP_TOKEN.search(self.run_output())
        return match.group(1) if match else None

    # Using it.

    @property
    def root(self) -> str:
        return self.env["API_KEY_ENCRYPTION_SECRET"]

    @property
    def jwt_secret(self) -> str:
        return self.env["JWT_SECRET_KEY"]

    def client(self, on_answer=None) -> Client:
        """A client for the server as it runs now; take a new one after a restart."""
        return Client(
            f"http://127.0.0.1:{self.port}",
            self.jwt_secret,
            self.env["LATCHKEY_SERVICE_TOKEN"],
            self.env.get("LATCHKEY_SETUP_TOKEN"),
            on_answer,
        )

    def command(self, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess:
        """A command of the binary with this service's settings."""
        return run_command(list(arguments), {**self.env, **settings}, self.folder, stdin.encode())

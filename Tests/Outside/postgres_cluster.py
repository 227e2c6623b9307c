"""Private PostgreSQL clusters, each in a temporary folder and on a port of its own, ended with this process.

Needs nothing but the standard library and PostgreSQL's own programs:

    python3 Tests/Outside/postgres_cluster.py run -- COMMAND…

starts one, puts its superuser's URL into LATCHKEY_TEST_POSTGRES, runs COMMAND, and ends with its exit code.
"""

import atexit
import contextlib
import itertools
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
OLDEST = 15
SUPERUSER = "postgres"
VARIABLE = "LATCHKEY_TEST_POSTGRES"
START_SECONDS, STOP_SECONDS, COMMAND_SECONDS = 60, 30, 120
PORTS = range(20_000, 32_000)  # below those the kernel gives to outgoing connections, so that a restart gets its port
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "16MB",
    "max_connections": "200",
    "wal_level": "replica",
    "max_wal_senders": "5",
    "wal_keep_size": "256MB",
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] %u@%d ",
}
running: list["Cluster"] = []


def end_leftovers():
    """Ends what this process started and nobody has ended."""
    for cluster in list(running):
        cluster.end()


atexit.register(end_leftovers)


def programs() -> Path:
    """The folder of the newest installed PostgreSQL's programs."""
    found = {int(path.name): path / "bin" for path in INSTALLED.glob("[1-9]*") if path.name.isdigit()}
    fitting = [version for version in found if version >= OLDEST and (found[version] / "initdb").is_file()]
    if not fitting:
        sys.exit(f"latchkey: no PostgreSQL {OLDEST} or newer in {INSTALLED}: run scripts/install-packages test")
    return found[max(fitting)]


def unprivileged() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as, for it refuses root; None for whoever runs this."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    sys.exit("latchkey: PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def private_folder(prefix: str = "latchkey-postgres-") -> Path:
    """A new folder that belongs to whom PostgreSQL runs as."""
    folder, user = Path(tempfile.mkdtemp(prefix=prefix)), unprivileged()
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def as_unprivileged(folder: Path) -> dict:
    """What `subprocess` needs to run a program as whom PostgreSQL runs as, in its folder and without our settings."""
    options, user = {"cwd": folder, "env": bare_environment()}, unprivileged()
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


def bare_environment() -> dict:
    """Nothing of the person who runs the tests: no PGHOST, no PGSERVICE, no translated messages."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}


def ended_with_us(arguments: list[str]) -> list[str]:
    """The command, which the kernel ends when the thread that starts it is killed without a chance to do so."""
    return ["setpriv", "--pdeathsig", "QUIT", "--", *arguments] if shutil.which("setpriv") else arguments


def free_port() -> int:
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no spare port")


def until(condition, seconds: float, what: str):
    """Polls until `condition` gives something true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return value


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Cluster:
    """One PostgreSQL server with its files, its log and its passwords."""

    def __init__(self, **settings: str):
        self.programs = programs()
        self.folder = private_folder()
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.port = free_port()
        self.superuser_password = secrets.token_hex(16)
        self.settings = {**SETTINGS, **settings}
        self.process: subprocess.Popen | None = None
        self.numbers = itertools.count(1)
        running.append(self)

    # Its files.

    def initialise(self):
        """Makes the files of an empty cluster."""
        password = self.give("superuser-password", self.superuser_password + "\n")
        self.run_program(
            "initdb", "--pgdata", str(self.data), "--username", SUPERUSER, "--auth", "scram-sha-256",
            "--pwfile", str(password), "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        password.unlink()

    def give(self, name: str, content: str) -> Path:
        """A file in the folder that only the server's user reads."""
        path, user = self.folder / name, unprivileged()
        path.write_text(content)
        path.chmod(0o600)
        if user:
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def run_program(self, name: str, *arguments: str, **environment: str) -> str:
        """Runs one of PostgreSQL's programs as the server's user; its output."""
        options = as_unprivileged(self.folder)
        options["env"] = {**options["env"], **environment}
        done = subprocess.run(
            [str(self.programs / name), *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, **options
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def configure(self, **settings: str):
        """Changes settings for the next `start` or `reload`."""
        self.settings.update(settings)
        self.write_settings()

    def write_settings(self):
        settings = {**self.settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        lines = ["{} = '{}'".format(name, value.replace("'", "''")) for name, value in settings.items()]
        self.give("data/postgresql.auto.conf", "\n".join(lines) + "\n")

    # Its process.

    @property
    def postmaster_pid(self) -> int:
        return self.process.pid

    def start(self, wait: bool = True) -> "Cluster":
        """Starts the server and waits until it takes connections."""
        if not self.data.exists():
            self.initialise()
        self.write_settings()
        command = ended_with_us([str(self.programs / "postgres"), "-D", str(self.data)])
        with open(self.log, "ab") as log:
            options = as_unprivileged(self.folder)
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0, **options
            )
        return self.wait_until_ready() if wait else self

    def wait_until_ready(self, seconds: float = START_SECONDS) -> "Cluster":
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}:\n{self.read_log()[-3000:]}")
            lines = self.pid_file_lines()
            return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() in ("ready", "standby")

        until(ready, seconds, "PostgreSQL's start")
        return self

    def pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return []

    def stop(self, mode: str = "fast"):
        """Ends the server: `smart`, `fast` or `immediate`."""
        if not self.is_running():
            return
        family = self.processes()
        self.signal_all(signal.SIGCONT)
        self.process.send_signal(SIGNALS[mode])
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.wait_until_gone(family)

    def kill9(self):
        """Ends the postmaster as a crash does, and waits until its children have noticed."""
        family = self.processes()
        self.process.kill()
        self.process.wait()
        self.wait_until_gone(family)

    def wait_until_gone(self, family: list[int]):
        """A server only starts once no process of the last one holds its shared memory."""
        until(lambda: not any(is_alive(pid) for pid in family), STOP_SECONDS, "the end of PostgreSQL's processes")

    def restart(self, mode: str = "fast") -> "Cluster":
        self.stop(mode)
        return self.start()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def processes(self) -> list[int]:
        """The postmaster and its children."""
        return [self.process.pid, *children_of(self.process.pid)]

    def signal_all(self, number: signal.Signals):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self):
        """Ends the server in whatever state it is, and deletes its files."""
        if self in running:
            running.remove(self)
            self.stop("immediate")
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Cluster":
        return self.start()

    def __exit__(self, *_):
        self.end()

    def read_log(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # Its databases.

    def url(self, database: str, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(database, SUPERUSER, self.superuser_password)

    def new_role(self, options: str = "") -> tuple[str, str]:
        """A role that may log in and owns nothing: its name and password."""
        name, password = f"role_{os.getpid()}_{next(self.numbers)}", secrets.token_hex(16)
        self.sql(f"CREATE ROLE {quoted(name)} LOGIN PASSWORD '{password}' {options}")
        return name, password

    def new_database(self, name: str | None = None) -> str:
        """A new database with an owner of its own who is no superuser: the owner's URL."""
        url, statements = self.creation(name)
        self.sql(*statements)
        return url

    def creation(self, name: str | None = None) -> tuple[str, list[str]]:
        """The owner's URL of a database that is to be, and the statements that make it."""
        name = name or f"test_{os.getpid()}_{next(self.numbers)}"
        owner, password = f"{name}_owner", secrets.token_hex(16)
        return self.url(name, owner, password), [
            f"CREATE ROLE {quoted(owner)} LOGIN PASSWORD '{password}'",
            f"CREATE DATABASE {quoted(name)} OWNER {quoted(owner)}",
        ]

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Runs statements as the superuser, each by itself; rows come as text, columns separated by `|`."""
        done = subprocess.run(
            [str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input="".join(statement + ";\n" for statement in statements),
            env={
                **bare_environment(), "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": SUPERUSER,
                "PGPASSWORD": self.superuser_password, "PGDATABASE": database,
            },
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def connect(self, url: str | None = None, **options):
        """A psycopg connection whose statements commit by themselves; the superuser's unless a URL says otherwise."""
        import psycopg

        return psycopg.connect(url or self.superuser_url(), **{"autocommit": True, "connect_timeout": 10, **options})


def children_of(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def run(command: list[str]) -> int:
    """Runs a command beside a cluster of its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Cluster() as cluster:
        child = subprocess.Popen(command, env={**os.environ, VARIABLE: cluster.superuser_url()})
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    if arguments[:2] != ["run", "--"] or len(arguments) < 3:
        print("usage: postgres_cluster.py run -- COMMAND…", file=sys.stderr)
        return 2
    try:
        return run(arguments[2:])
    except FileNotFoundError as error:
        print(f"latchkey: no command {error.filename}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""PgBouncer in front of a cluster: many clients, a few server connections, another one for each transaction."""

import atexit
import shutil
import subprocess
from urllib.parse import urlsplit

from postgres_cluster import (
    START_SECONDS,
    STOP_SECONDS,
    Cluster,
    as_unprivileged,
    ended_with_us,
    free_port,
    private_folder,
    until,
)

POOL_SIZE = 4  # fewer than a node has connections, so that they have to share
PROGRAM = "/usr/sbin/pgbouncer"


class PgBouncer:
    """One pooler in transaction mode, for the roles whose URLs it was given."""

    def __init__(self, cluster: Cluster, *urls: str):
        self.cluster = cluster
        self.folder = private_folder("latchkey-pgbouncer-")
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.starts = 0
        roles = [(urlsplit(url).username, urlsplit(url).password) for url in urls]
        self.write("users", "".join(f'"{name}" "{password}"\n' for name, password in roles))
        self.write("pgbouncer.ini", self.configuration())
        atexit.register(self.end)

    def configuration(self) -> str:
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self.folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": POOL_SIZE,
            "max_client_conn": 200,
            "server_login_retry": 1,
            "logfile": self.folder / "log",
            "pidfile": self.folder / "pid",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        databases = f"* = host=127.0.0.1 port={self.cluster.port}"
        return "\n".join(["[databases]", databases, "[pgbouncer]", *lines, ""])

    def write(self, name: str, content: str):
        path = self.folder / name
        path.write_text(content)
        shutil.chown(path, self.folder.owner(), self.folder.group())
        path.chmod(0o600)

    def start(self) -> "PgBouncer":
        command = ended_with_us([PROGRAM, "-q", str(self.folder / "pgbouncer.ini")])
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **as_unprivileged(self.folder),
        )  # fmt: skip
        self.starts += 1
        until(self.is_listening, START_SECONDS, "PgBouncer's start")
        return self

    def is_listening(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"PgBouncer ended with {self.process.returncode}:\n{self.read_log()}")
        return self.read_log().count("LOG process up") == self.starts

    def read_log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        (self.folder / "pid").unlink(missing_ok=True)

    def end(self):
        atexit.unregister(self.end)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "PgBouncer":
        return self.start()

    def __exit__(self, *_):
        self.end()

    def url(self, url: str) -> str:
        """The cluster's URL, by way of this."""
        return url.replace(f":{self.cluster.port}/", f":{self.port}/")

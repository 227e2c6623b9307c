"""A streaming standby of a cluster, which waits for it before it answers a commit."""

import re

from postgres_cluster import SUPERUSER, Cluster, until

ATTACH_SECONDS = 30
NAME = "latchkey_standby"


class Standby(Cluster):
    """A copy of `primary`, made by pg_basebackup, that follows it until it is promoted."""

    def __init__(self, primary: Cluster):
        super().__init__()
        self.primary = primary
        self.superuser_password = primary.superuser_password
        self.settings["primary_conninfo"] = (
            f"host=127.0.0.1 port={primary.port} user={SUPERUSER} password={primary.superuser_password} "
            f"application_name={NAME}"
        )

    def initialise(self):
        primary = self.primary
        self.run_program(
            "pg_basebackup", "--pgdata", str(self.data), "--host", "127.0.0.1", "--port", str(primary.port),
            "--username", SUPERUSER, "--no-password", "--checkpoint", "fast", "--no-sync", "--wal-method", "stream",
            PGPASSWORD=primary.superuser_password,
        )  # fmt: skip
        self.give("data/standby.signal", "")

    def __enter__(self) -> "Standby":
        self.start()
        self.wait_until_attached("async")
        self.primary.configure(synchronous_standby_names=NAME, synchronous_commit="remote_apply")
        self.primary.reload()
        self.wait_until_attached("sync")
        return self

    def wait_until_attached(self, state: str):
        query = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{NAME}' AND state = 'streaming'"
        until(lambda: self.primary.sql(query) == state, ATTACH_SECONDS, f"a standby that is {state}")

    def promote(self):
        """Makes it take writes; returns when it does."""
        assert self.sql("SELECT pg_promote()") == "t"
        until(lambda: self.sql("SELECT pg_is_in_recovery()") == "f", ATTACH_SECONDS, "the promotion")

    def url_here(self, url: str) -> str:
        """The primary's URL, of this server."""
        return url.replace(f":{self.primary.port}/", f":{self.port}/")

    def url_of_both(self, url: str) -> str:
        """The primary's URL with both servers in it."""
        here = f"127.0.0.1:{self.primary.port}"
        return re.sub(re.escape(here), f"{here},127.0.0.1:{self.port}", url)

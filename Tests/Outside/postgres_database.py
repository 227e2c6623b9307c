"""`database`, for PostgreSQL: one database for each service, all in one cluster that is started when needed."""

import contextlib
import dataclasses
import functools
import re
from pathlib import Path
from urllib.parse import quote

import psycopg

from postgres_cluster import Cluster, until

__all__ = [
    "SCHEMA_REFUSES", "cells", "columns", "connect", "contents", "copy", "integrity_check", "is_made", "locked", "new",
    "put_back", "read_row", "rescue_address", "schema", "shown", "stored_bytes", "tables", "url", "url_with",
    "write_columns",
]  # fmt: skip
SCHEMA_REFUSES = (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.DatatypeMismatch)
SEGMENT = re.compile(r"[0-9A-F]{24}")
OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'"


@functools.cache
def shared_cluster() -> Cluster:
    """The cluster of this run. What stops, starves or freezes PostgreSQL makes another."""
    return Cluster().start()


# Databases.


@dataclasses.dataclass
class Database:
    """One database, its owner's URL, and where the cluster's logs stood when it was made."""

    cluster: Cluster
    owner_url: str
    log_start: int
    wal_start: str

    @property
    def name(self) -> str:
        return name_in(self.owner_url)

    @property
    def admin_url(self) -> str:
        """The superuser's: no policy, no missing privilege hides anything from it."""
        return self.cluster.superuser_url(self.name)


def new(folder: Path | None = None, cluster: Cluster | None = None) -> Database:
    """An empty database. Statements on it are logged with their values: so a search of the log proves something."""
    cluster = cluster or shared_cluster()
    log_start, (owner_url, creation) = cluster.log.stat().st_size, cluster.creation()
    logging = f"ALTER DATABASE {name_in(owner_url)} SET log_statement = 'all'"
    wal_start = cluster.sql("SELECT pg_current_wal_lsn()", *creation, logging)
    return Database(cluster, owner_url, log_start, wal_start)


def name_in(url: str) -> str:
    return url.rpartition("/")[2]


def url(database: Database) -> str:
    """Its DATABASE_URL."""
    return database.owner_url


def shown(database: Database) -> str:
    """What the service may print to say which database it uses."""
    return database.name


def rescue_address(database: Database) -> str:
    """What `rescue.py` takes."""
    return database.owner_url


def is_made(database: Database) -> bool:
    """Whether anybody has written to it yet."""
    with connect(database) as connection:
        return bool(schema(connection))


def contents(database: Database) -> dict[str, bytes]:
    """What a refused start must leave alone: how everything is made, and every row."""
    with connect(database) as connection:
        rows = {f"table {name}": dump(connection, name) for name in tables(connection)}
        return {"schema": repr(schema(connection)).encode(), **rows}


def dump(connection, table: str) -> bytes:
    """Every row with its hidden version columns: a row written over with the same values is another one."""
    query = f'SELECT ctid, xmin, t.*::text FROM "{table}" t ORDER BY ctid'
    return "\n".join(map(repr, connection.execute(query).fetchall())).encode()


def stored_bytes(database: Database) -> dict[str, bytes]:
    """Every byte the cluster keeps of it: its files, and what the two logs got since it was made."""
    cluster = database.cluster
    number = cluster.sql("CHECKPOINT", f"SELECT oid FROM pg_database WHERE datname = '{database.name}'")
    files = sorted((cluster.data / "base" / number).iterdir())
    return {
        f"files of database {database.name}": b"\n".join(path.read_bytes() for path in files),
        "files of the cluster": b"\n".join(path.read_bytes() for path in sorted((cluster.data / "global").iterdir())),
        "write-ahead log": wal_since(cluster, database.wal_start),
        "server's log": cluster.log.read_bytes()[database.log_start :],
    }


def wal_since(cluster: Cluster, start: str) -> bytes:
    first, offset = cluster.sql(f"SELECT file_name, file_offset FROM pg_walfile_name_offset('{start}')").split("|")
    last = cluster.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
    names = sorted(path.name for path in (cluster.data / "pg_wal").iterdir() if SEGMENT.fullmatch(path.name))
    kept = [name for name in names if first <= name <= last]
    assert kept[0] == first, "the write-ahead log was recycled: raise wal_keep_size"
    return b"".join((cluster.data / "pg_wal" / name).read_bytes() for name in kept)[int(offset) :]


def copy(database: Database, folder: Path | None = None) -> Database:
    """A copy of a database that nobody uses, as it lies there."""
    cluster = database.cluster
    idle = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}'"
    until(lambda: cluster.sql(idle) == "0", 20, "the end of the last connection")
    name = database.name + "_copy"
    cluster.sql(f"CREATE DATABASE {name} OWNER {database.name}_owner TEMPLATE {database.name}")
    return dataclasses.replace(database, owner_url=database.owner_url.removesuffix(database.name) + name)


def integrity_check(database: Database) -> str:
    """Every table and index gone through, and each row looked for in each index."""
    with connect(database) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        for name in tables(connection):
            broken = connection.execute("SELECT * FROM verify_heapam(?)", (f'"{name}"',)).fetchall()
            if broken:
                return f"{name}: {broken}"
        connection.execute(
            "SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            f"JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam "
            f"WHERE a.amname = 'btree' AND {OURS}"
        )
    return "ok"


# Connections.


class Connection(psycopg.Connection):
    """One that takes `?` for values, as SQLite does."""

    def execute(self, query: str, values=None, **options):
        marked = query if values is None else query.replace("%", "%%").replace("?", "%s")
        return super().execute(marked, values, **options)


def connect(database: Database | str) -> Connection:
    """A superuser's connection beside the running service, or by URL a role's; every statement commits by itself."""
    address = database if isinstance(database, str) else database.admin_url
    return Connection.connect(address, autocommit=True, connect_timeout=10, prepare_threshold=None)


@contextlib.contextmanager
def locked(connection: Connection):
    """While this lasts, nobody else writes keys or audit events."""
    with connection.transaction(force_rollback=True):
        connection.execute("LOCK TABLE user_api_keys, global_api_keys, audit_events IN EXCLUSIVE MODE")
        yield


SCHEMA_QUERIES = (
    f"""SELECT c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text, c.relowner, c.relfilenode
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} ORDER BY 1""",
    f"""SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {OURS} AND a.attnum > 0 ORDER BY 1, 2""",
    f"""SELECT p.proname, pg_get_functiondef(p.oid), p.proacl::text
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} AND p.prokind = 'f' ORDER BY 1, 2""",
    "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2",
    """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        ORDER BY 1""",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    """SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname LIKE current_database() || '%'
        ORDER BY 1""",
)  # fmt: skip


def schema(connection: Connection) -> list[tuple]:
    """Every relation, column, function, policy, constraint and trigger; empty for a database nobody has touched."""
    *queries, roles = SCHEMA_QUERIES
    found = [row for query in queries for row in connection.execute(query).fetchall()]
    return found + connection.execute(roles).fetchall() if found else []


def columns(connection: Connection, table: str) -> dict[str, dict]:
    """Name → type, and whether null is allowed, as the database itself says."""
    query = """SELECT column_name, data_type, is_nullable FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name = ? ORDER BY ordinal_position"""
    rows = connection.execute(query, (table,)).fetchall()
    assert rows, f"there is no table {table}"
    return {name: {"type": kind.upper(), "nullable": nullable == "YES"} for name, kind, nullable in rows}


def tables(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def read_row(connection: Connection, table: str, **where) -> dict:
    """The one row that matches, with its id."""
    condition = " AND ".join(f'"{name}" = ?' for name in where)
    query = f'SELECT id AS "rowid of it", * FROM "{table}" WHERE {condition}'
    cursor = connection.execute(query, tuple(where.values()))
    names = [description.name for description in cursor.description]
    found = cursor.fetchall()
    assert len(found) == 1, f"{len(found)} rows in {table} for {where}"
    return dict(zip(names, found[0], strict=True))


def write_columns(connection: Connection, table: str, rowid: int, values: dict):
    """Overwrites columns of one row. Raises SCHEMA_REFUSES when the schema itself forbids it."""
    settings = ", ".join(f'"{name}" = ?' for name in values)
    changed = connection.execute(f'UPDATE "{table}" SET {settings} WHERE id = ?', (*values.values(), rowid)).rowcount
    assert changed == 1, f"row {rowid} of {table} is gone"


def put_back(connection: Connection, table: str, rowid_now: int, row: dict):
    """Makes the row what it was, its id included."""
    values = {name: value for name, value in row.items() if name != "rowid of it"}
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
    with connection.transaction():
        connection.execute(f'DELETE FROM "{table}" WHERE id = ?', (rowid_now,))
        connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(values.values()))


def cells(connection: Connection, table: str):
    """Every value of a table as bytes."""
    for row in connection.execute(f'SELECT * FROM "{table}"'):
        for value in row:
            yield value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def url_with(url: str, **parameters: str) -> str:
    """The URL with libpq's parameters added."""
    added = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return url + ("&" if "?" in url else "?") + added

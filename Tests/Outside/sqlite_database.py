"""`database`, for SQLite: a database is the path of its file."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

__all__ = [
    "SCHEMA_REFUSES", "cells", "columns", "connect", "contents", "copy", "integrity_check", "is_made", "locked", "new",
    "put_back", "read_row", "rescue_address", "schema", "shown", "stored_bytes", "tables", "url", "write_columns",
]  # fmt: skip
BUSY_SECONDS = 20
SCHEMA_REFUSES = sqlite3.IntegrityError


# Databases.


def new(folder: Path) -> Path:
    """A place for a database that is not made yet."""
    return folder / "latchkey.db"


def url(path: Path) -> str:
    """Its DATABASE_URL."""
    return f"sqlite:{path}"


def shown(path: Path) -> str:
    """What the service may print to say which database it uses."""
    return str(path)


def rescue_address(path: Path) -> str:
    """What `rescue.py` takes."""
    return str(path)


def is_made(path: Path) -> bool:
    """Whether anybody has written to it yet."""
    return path.exists()


def contents(path: Path) -> dict[str, bytes]:
    """What a refused start must leave alone: the file and its log. An empty log and the shared memory hold no data."""
    found = [path, path.with_name(path.name + "-wal")]
    return {path.name: path.read_bytes() for path in found if path.is_file() and path.stat().st_size}


def stored_bytes(path: Path) -> dict[str, bytes]:
    """Every byte the database keeps anywhere."""
    return {f"file {path.name}": path.read_bytes() for path in path.parent.glob(path.name + "*")}


def copy(path: Path, folder: Path) -> Path:
    """A copy of a database that nobody uses, as it lies there."""
    for file in path.parent.glob(path.name + "*"):
        shutil.copy(file, folder / file.name)
    return folder / path.name


def integrity_check(path: Path) -> str:
    connection = connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


# Connections.


def connect(path: Path) -> sqlite3.Connection:
    """A connection beside the running service; every statement commits by itself."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode").fetchone()
    return connection


@contextlib.contextmanager
def locked(connection: sqlite3.Connection):
    """While this lasts, nobody else writes keys or audit events."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def schema(connection: sqlite3.Connection) -> list[tuple]:
    """Every table, index and trigger: its name, and how it is made."""
    return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def columns(connection: sqlite3.Connection, table: str) -> dict[str, dict]:
    """Name → type, and whether null is allowed, as the database itself says."""
    rows = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    assert rows, f"there is no table {table}"
    return {
        name: {"type": kind.upper(), "nullable": not not_null and not primary}
        for _, name, kind, not_null, _, primary in rows
    }


def tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in connection.execute(query)]


def read_row(connection: sqlite3.Connection, table: str, **where) -> dict:
    """The one row that matches, with its rowid."""
    condition = " AND ".join(f'"{name}" = ?' for name in where)
    cursor = connection.execute(
        f'SELECT rowid AS "rowid of it", * FROM "{table}" WHERE {condition}', tuple(where.values())
    )
    names = [description[0] for description in cursor.description]
    found = cursor.fetchall()
    assert len(found) == 1, f"{len(found)} rows in {table} for {where}"
    return dict(zip(names, found[0], strict=True))


def write_columns(connection: sqlite3.Connection, table: str, rowid: int, values: dict):
    """Overwrites columns of one row. Raises SCHEMA_REFUSES when the schema itself forbids it."""
    settings = ", ".join(f'"{name}" = ?' for name in values)
    changed = connection.execute(f'UPDATE "{table}" SET {settings} WHERE rowid = ?', (*values.values(), rowid)).rowcount
    assert changed == 1, f"row {rowid} of {table} is gone"


def put_back(connection: sqlite3.Connection, table: str, rowid_now: int, row: dict):
    """Makes the row what it was, its rowid included."""
    values = {name: value for name, value in row.items() if name != "rowid of it"}
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid_now,))
    connection.execute(
        f'INSERT INTO "{table}" (rowid, {names}) VALUES (?, {marks})', (row["rowid of it"], *values.values())
    )
    connection.execute("COMMIT")


def cells(connection: sqlite3.Connection, table: str):
    """Every value of a table as bytes."""
    for row in connection.execute(f'SELECT * FROM "{table}"'):
        for value in row:
            yield value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")

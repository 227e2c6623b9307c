"""The SQLite file seen from outside, as somebody who can write to it would."""

import sqlite3
from pathlib import Path

BUSY_SECONDS = 20


def connect(path: Path) -> sqlite3.Connection:
    """A connection beside the running service; every statement commits by itself."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode").fetchone()
    return connection


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
    """Overwrites columns of one row. Raises sqlite3.IntegrityError when the schema itself forbids it."""
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


def integrity_check(path: Path) -> str:
    connection = connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
